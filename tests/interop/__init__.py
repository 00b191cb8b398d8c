"""Tests of `superposition.interop`."""
