"""Small networks, which are the circuits that share one large network."""

from __future__ import annotations

from superposition.circuits.convert import as_residual, switched
from superposition.circuits.graph import CircuitGraph, Edges, Stage
from superposition.circuits.inputs import numbers_active
from superposition.circuits.mlp import MLPCircuits
from superposition.circuits.residual import ResidualCircuits, with_indicator
from superposition.circuits.rotations import on_indicator, rotation_circuits, rotation_vector

__all__ = [
    "CircuitGraph",
    "Circuits",
    "Edges",
    "MLPCircuits",
    "ResidualCircuits",
    "Stage",
    "as_residual",
    "numbers_active",
    "on_indicator",
    "rotation_circuits",
    "rotation_vector",
    "switched",
    "with_indicator",
]

Circuits = ResidualCircuits | MLPCircuits | CircuitGraph
