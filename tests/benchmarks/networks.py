"""The published network, and what the dense implementation needs to build the same."""

from __future__ import annotations

import numpy as np

from superposition import MLPConstruction
from superposition._check import Floats, Integers
from superposition.circuits import rotation_circuits
from superposition.circuits.inputs import sample_active
from superposition.superposition import Superposition
from tests.benchmarks.sizes import N_LAYERS, REDUNDANCY


def published_network(
    n_circuits: int, width: int, dtype: type[np.floating], n_layers: int = N_LAYERS
) -> Superposition:
    """T conditional rotations of L layers in a network of D neurons, always the same ones."""
    rng = np.random.default_rng(n_circuits)
    circuits = rotation_circuits(n_circuits, n_layers, rng).astype(dtype)
    return MLPConstruction(width, REDUNDANCY).compress(circuits, rng)


def given(large: Superposition) -> tuple[Floats, Floats, Integers, int]:
    """Arguments with which `published.build` builds the same network: circuits of one width."""
    circuits = large.circuits
    bias = np.stack([layer[0] for layer in circuits.biases])
    sets = np.stack([code.sets for code in large.codes])
    return np.stack(circuits.weights), bias, sets, large.construction.width


def samples(large: Superposition, n_samples: int) -> tuple[Floats, Integers]:
    """Inputs (n_samples, 1, d) of one active circuit each, active (n_samples, 1)."""
    rng, circuits = np.random.default_rng(1), large.circuits
    active = sample_active(circuits.n_circuits, 1, n_samples, rng)
    return circuits.default_inputs(active, rng).astype(circuits.dtype), active
