"""Keys: which static objects and dictionary keys are interchangeable."""
