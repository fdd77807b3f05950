"""Training: examples in, a network out; realignment on the way."""
