"""Tests of `superposition.bench`."""
