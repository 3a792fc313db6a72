"""Parts of `autograd.training`."""
