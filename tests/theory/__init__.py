"""Tests of `superposition.theory`."""
