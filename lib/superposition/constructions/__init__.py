"""Constructions: how circuits are compiled into one large network."""

from superposition.constructions.compiled import Superposition
from superposition.constructions.residual import ResidualConstruction

__all__ = ["ResidualConstruction", "Superposition"]
