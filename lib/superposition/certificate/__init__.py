"""Bounds on a gated network's errors that hold for every active set and every input."""
