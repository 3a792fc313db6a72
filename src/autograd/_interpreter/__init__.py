"""What runs flat instructions: scheduling, slots, the interpreter."""
