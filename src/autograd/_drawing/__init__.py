"""Parts of `autograd.draw`."""
