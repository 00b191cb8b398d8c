"""Tests of `superposition.constructions`."""
