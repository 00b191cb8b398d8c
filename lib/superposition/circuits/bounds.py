"""Bounds on the values in a gated network, from the circuits' weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from superposition._check import Floats
from superposition.circuits import MLPCircuits, ResidualCircuits

ROUNDED = 1 + 1e-5  # lengths of float32 inputs are rounded
_FIRST = 1000  # circuits whose spectral norms are computed in any case
_ROUNDED = 1 + 1e-5  # norms are rounded


def state_bounds(circuits: MLPCircuits, input_bound: float) -> Floats:
    """Return bounds on the length of each circuit's state after 0 … L layers, (L+1, T): (eq-bound).

    The bounds hold for inputs of length `input_bound` at most. They are |w a + b| ≤ ‖w‖ |a| + |b|,
    with spectral norms. If a ReLU follows, only entries of b above zero count.
    """
    return _bounds(circuits, input_bound, lambda weight: np.linalg.norm(weight, 2, axis=(1, 2)))


def largest_states(circuits: MLPCircuits, input_bound: float) -> Floats:
    """Return the largest of `state_bounds` over all circuits, (L+1,), to the last bit.

    A spectral norm takes a decomposition, and of many circuits few are large. No spectral norm is
    above the Frobenius norm, so circuits whose bounds by the latter are below the largest found are
    left out.
    Raises ValueError for circuits whose sampler has an attribute `longest` above `input_bound`.
    """
    _check_longest(circuits, input_bound)
    if circuits.n_circuits <= 2 * _FIRST:
        return state_bounds(circuits, input_bound).max(axis=1)
    above = _bounds(circuits, input_bound, _frobenius) * _ROUNDED**circuits.n_layers
    first = np.unique(np.argpartition(above[1:], -_FIRST, axis=1)[:, -_FIRST:])
    found = state_bounds(circuits.take(first), input_bound).max(axis=1)
    rest = np.flatnonzero((above[1:] >= found[1:, None]).any(axis=0))
    return np.maximum(found, state_bounds(circuits.take(rest), input_bound).max(axis=1))


def _bounds(circuits: MLPCircuits, input_bound: float, norm: Callable[[Floats], Floats]) -> Floats:
    bounds = [np.full(circuits.n_circuits, input_bound)]
    layers = zip(circuits.weights, circuits.biases, circuits.activations, strict=True)
    for weight, bias, name in layers:
        bias = np.maximum(bias, 0) if name == "relu" else bias
        bounds.append(norm(weight) * bounds[-1] + np.linalg.norm(bias, axis=1))
    return np.array(bounds, float)


def _frobenius(weight: Floats) -> Floats:
    return np.sqrt(np.einsum("tij,tij->t", weight, weight, dtype=float))


def value_bounds(circuits: MLPCircuits, input_bound: float) -> Floats:
    """Return closer bounds than `state_bounds`, (L+1, T): (eq-value-bound).

    Between two ReLU layers |ReLU(w a + b)| ≤ ‖w⁺‖ |a| + |b⁺|, where w⁺ and b⁺ are what is above
    zero.
    """
    bounds, positive = [np.full(circuits.n_circuits, input_bound)], False
    layers = zip(circuits.weights, circuits.biases, circuits.activations, strict=True)
    for weight, bias, name in layers:
        norms = np.linalg.norm(weight, 2, axis=(1, 2))
        if name == "relu":
            bias = np.maximum(bias, 0)
            above = np.linalg.norm(np.maximum(weight, 0), 2, axis=(1, 2))
            norms = np.minimum(norms, above) if positive else norms
        bounds.append(norms * bounds[-1] + np.linalg.norm(bias, axis=1))
        positive = name == "relu"
    return np.array(bounds, float)


def largest_pre_activations(circuits: MLPCircuits, state_bounds: Floats) -> Floats:
    """Return bounds on |w a + b| in any neuron of each layer, for the weights of any circuit, (L,).

    state_bounds: (L+1,), bounds on the lengths of all states.

    The state may be that of any other circuit.
    """
    layers = zip(circuits.weights, circuits.biases, state_bounds, strict=False)
    pre_activations = [np.linalg.norm(w, axis=2) * bound + np.abs(b) for w, b, bound in layers]
    return np.array([layer.max() for layer in pre_activations], float)


def residual_bounds(
    circuits: ResidualCircuits, input_bound: float | Floats
) -> tuple[Floats, Floats, Floats]:
    """Return bounds for residual circuits, (eq-residual-bound), as three arrays.

    input_bound: the largest length of an input, one for all circuits or (T,).

    The first array bounds the length of each circuit's state after 0 … L layers, (L+1, T). The
    second bounds |w a + b| in any neuron of each layer, for any circuit's weights and any circuit's
    state, (L,). The third bounds the entries that any circuit's w' makes of any circuit's neurons,
    (L,).
    """
    bounds, pre_activations, written = [np.full(circuits.n_circuits, input_bound)], [], []
    for read, bias, write in zip(circuits.read_in, circuits.bias, circuits.write_out, strict=True):
        lengths = np.linalg.norm(read, axis=2) * bounds[-1].max() + np.abs(bias)
        pre_activations.append(lengths.max())
        norms = [np.linalg.norm(weight, 2, axis=(1, 2)) for weight in (write, read)]
        neurons = norms[1] * bounds[-1] + np.linalg.norm(np.maximum(bias, 0), axis=1)
        bounds.append(bounds[-1] + norms[0] * neurons)
        written.append(np.linalg.norm(write, axis=2).max() * neurons.max())
    return np.array(bounds, float), np.array(pre_activations, float), np.array(written, float)


def _check_longest(circuits: MLPCircuits, input_bound: float) -> None:
    """Raise ValueError for circuits whose sampler says that its inputs are longer."""
    longest = getattr(circuits.sampler, "longest", None)
    if longest is not None and longest > input_bound:
        raise ValueError(
            f"input_bound: wanted at least {longest:.6g}, the longest of the circuits' own inputs, "
            f"got {input_bound / ROUNDED:.6g}"
        )
