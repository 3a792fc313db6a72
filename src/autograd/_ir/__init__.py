"""Flat instructions and the passes over them."""
