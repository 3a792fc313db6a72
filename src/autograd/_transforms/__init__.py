"""Function transformations behind `autograd.transforms`."""
