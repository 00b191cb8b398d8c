"""Tests of `superposition.predict`."""
