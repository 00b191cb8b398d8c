"""Constructions, which compile circuits into one large network."""

from __future__ import annotations

from superposition.constructions.chains import ChainConstruction, ChainSuperposition
from superposition.constructions.gated import GatedConstruction
from superposition.constructions.gated_residual import GatedResidualConstruction
from superposition.constructions.post import ResidualConstruction
from superposition.constructions.sequel import MLPConstruction
from superposition.superposition import (
    GatedResidualSuperposition,
    GatedSuperposition,
    MLPSuperposition,
    ResidualSuperposition,
    Superposition,
)

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
