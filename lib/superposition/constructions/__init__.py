"""Constructions: from circuits and sizes to one large network."""

from __future__ import annotations

from superposition.constructions.chains import ChainConstruction
from superposition.constructions.gated import GatedConstruction
from superposition.constructions.gated_residual import GatedResidualConstruction
from superposition.constructions.post import ResidualConstruction
from superposition.constructions.sequel import MLPConstruction
from superposition.constructions.told import ToldConstruction

__all__ = [
    "ChainConstruction",
    "GatedConstruction",
    "GatedResidualConstruction",
    "MLPConstruction",
    "ResidualConstruction",
    "ToldConstruction",
]
