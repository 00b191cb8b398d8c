"""Compress many small neural networks into one large one, and measure what it costs.

This is the executable companion to *Circuits in Superposition* (Bushnaq & Mendel, 2024).
"""

from __future__ import annotations

from superposition.circuits import (
    CircuitGraph,
    MLPCircuits,
    ResidualCircuits,
    on_indicator,
    rotation_circuits,
    rotation_vector,
    with_indicator,
)
from superposition.circuits.moments import Moments
from superposition.constructions import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPConstruction,
    ResidualConstruction,
)
from superposition.maps import GaussianCode, SparseCode
from superposition.measure import measure_error
from superposition.network import MLPNetwork, ResidualNetwork
from superposition.planning import plan
from superposition.sums import superpose
from superposition.superposition import Superposition
from superposition.sweep import sweep

__all__ = [
    "ChainConstruction",
    "CircuitGraph",
    "GatedConstruction",
    "GatedResidualConstruction",
    "GaussianCode",
    "MLPCircuits",
    "MLPConstruction",
    "MLPNetwork",
    "Moments",
    "ResidualCircuits",
    "ResidualConstruction",
    "ResidualNetwork",
    "SparseCode",
    "Superposition",
    "measure_error",
    "on_indicator",
    "plan",
    "rotation_circuits",
    "rotation_vector",
    "superpose",
    "sweep",
    "with_indicator",
]
