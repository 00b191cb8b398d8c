"""Tests of `superposition.certificate`."""
