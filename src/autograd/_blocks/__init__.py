"""Nodes with many inputs, and what works on many parameters."""
