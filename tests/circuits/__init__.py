"""Tests of `superposition.circuits`."""
