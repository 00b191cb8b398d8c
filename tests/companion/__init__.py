"""Tests of the book's own code, a file for each chapter."""
