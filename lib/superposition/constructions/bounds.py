"""How large the values in a gated network can get, from the circuits' weights."""

from __future__ import annotations

import numpy as np

from superposition._check import Floats
from superposition.circuits import MLPCircuits


def state_bounds(circuits: MLPCircuits, input_bound: float) -> Floats:
    """Bounds on the length of each circuit's state after 0 … L layers, (L+1, T): (eq-bound).

    For inputs of length `input_bound` at most. |w a + b| ≤ ‖w‖ |a| + |b|, with spectral norms; of
    b only what is above zero counts if a ReLU follows.
    """
    bounds = [np.full(circuits.n_circuits, input_bound)]
    layers = zip(circuits.weights, circuits.biases, circuits.activations, strict=True)
    for weight, bias, name in layers:
        bias = np.maximum(bias, 0) if name == "relu" else bias
        norms = np.linalg.norm(weight, 2, axis=(1, 2))
        bounds.append(norms * bounds[-1] + np.linalg.norm(bias, axis=1))
    return np.array(bounds, float)


def largest_heard(weights: Floats, biases: Floats, state_bound: float) -> float:
    """Bound on |w a + b| in any neuron, for states of length `state_bound` at most.

    weights (…, d', d), biases (…, d').
    """
    return float(np.max(np.linalg.norm(weights, axis=-1) * state_bound + np.abs(biases)))
