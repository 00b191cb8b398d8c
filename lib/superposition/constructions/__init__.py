"""Constructions, which compile circuits into one large network."""

from superposition.constructions.chained import ChainSuperposition
from superposition.constructions.chains import ChainConstruction
from superposition.constructions.compiled import (
    GatedSuperposition,
    MLPSuperposition,
    ResidualSuperposition,
    Superposition,
)
from superposition.constructions.gated import GatedConstruction
from superposition.constructions.gated_residual import GatedResidualConstruction
from superposition.constructions.gated_stream import GatedResidualSuperposition
from superposition.constructions.mlp import MLPConstruction
from superposition.constructions.residual import ResidualConstruction

__all__ = [
    "ChainConstruction",
    "ChainSuperposition",
    "GatedConstruction",
    "GatedResidualConstruction",
    "GatedResidualSuperposition",
    "GatedSuperposition",
    "MLPConstruction",
    "MLPSuperposition",
    "ResidualConstruction",
    "ResidualSuperposition",
    "Superposition",
]
