"""Compress many small neural networks into one large one, and measure what it costs.

This is the executable companion to *Circuits in Superposition* (Bushnaq & Mendel, 2024).
"""

from superposition.circuits import (
    CircuitGraph,
    MLPCircuits,
    ResidualCircuits,
    on_indicator,
    rotation_circuits,
    rotation_vector,
    with_indicator,
)
from superposition.codes import GaussianCode, SparseCode, superpose
from superposition.constructions import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPConstruction,
    ResidualConstruction,
    Superposition,
)
from superposition.measure import measure_error
from superposition.moments import Moments
from superposition.network import MLPNetwork, ResidualNetwork
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
    "rotation_circuits",
    "rotation_vector",
    "superpose",
    "sweep",
    "with_indicator",
]
