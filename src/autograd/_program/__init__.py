"""Tracing, lowering and programs."""
