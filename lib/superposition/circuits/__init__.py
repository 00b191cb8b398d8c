"""Small networks: the circuits that are to share one large network."""

from superposition.circuits.convert import as_residual, switched
from superposition.circuits.mlp import MLPCircuits
from superposition.circuits.residual import ResidualCircuits, with_indicator
from superposition.circuits.rotations import on_indicator, rotation_circuits, rotation_vector

Circuits = ResidualCircuits | MLPCircuits

__all__ = [
    "Circuits",
    "MLPCircuits",
    "ResidualCircuits",
    "as_residual",
    "on_indicator",
    "rotation_circuits",
    "rotation_vector",
    "switched",
    "with_indicator",
]
