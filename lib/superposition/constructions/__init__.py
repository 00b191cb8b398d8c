"""Constructions: how circuits are compiled into one large network."""

from superposition.constructions.compiled import (
    MLPSuperposition,
    ResidualSuperposition,
    Superposition,
)
from superposition.constructions.mlp import MLPConstruction
from superposition.constructions.residual import ResidualConstruction

__all__ = [
    "MLPConstruction",
    "MLPSuperposition",
    "ResidualConstruction",
    "ResidualSuperposition",
    "Superposition",
]
