"""The build: the expansion of the op table."""
