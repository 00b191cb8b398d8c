"""Tests of what builds the book."""
