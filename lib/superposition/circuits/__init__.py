"""Small networks, which are the circuits that share one large network."""

from superposition.circuits.convert import as_residual, switched
from superposition.circuits.graph import CircuitGraph
from superposition.circuits.mlp import MLPCircuits
from superposition.circuits.residual import ResidualCircuits, with_indicator
from superposition.circuits.rotations import on_indicator, rotation_circuits, rotation_vector
from superposition.circuits.stages import Edges, Stage

Circuits = ResidualCircuits | MLPCircuits | CircuitGraph

__all__ = [
    "CircuitGraph",
    "Circuits",
    "Edges",
    "MLPCircuits",
    "ResidualCircuits",
    "Stage",
    "as_residual",
    "on_indicator",
    "rotation_circuits",
    "rotation_vector",
    "switched",
    "with_indicator",
]
