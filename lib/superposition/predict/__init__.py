"""Predicted errors, a module for each construction."""
