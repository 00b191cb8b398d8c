"""Constructions: how circuits are compiled into one large network."""

from superposition.constructions.compiled import (
    GatedSuperposition,
    MLPSuperposition,
    ResidualSuperposition,
    Superposition,
)
from superposition.constructions.gated import GatedConstruction
from superposition.constructions.mlp import MLPConstruction
from superposition.constructions.residual import ResidualConstruction

__all__ = [
    "GatedConstruction",
    "GatedSuperposition",
    "MLPConstruction",
    "MLPSuperposition",
    "ResidualConstruction",
    "ResidualSuperposition",
    "Superposition",
]
