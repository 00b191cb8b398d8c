"""Bounds on the values in a gated network, from the circuits' weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats

if TYPE_CHECKING:
    from superposition.circuits.mlp import MLPCircuits
    from superposition.circuits.residual import ResidualCircuits

ROUNDED = 1 + 1e-5  # lengths of float32 inputs are rounded
_FIRST = 1000  # circuits whose spectral norms are computed in any case
_ROUNDED = 1 + 1e-5  # norms are rounded


def state_bounds(circuits: MLPCircuits, input_bound: float | Floats) -> Floats:
    """Return bounds on the length of each circuit's state after 0 … L layers, (L+1, T): (eq-bound).

    The bounds hold for inputs of length `input_bound` at most, one for all or (T,). They are
    |w a + b| ≤ ‖w‖ |a| + |b|, with spectral norms. If a ReLU follows, only entries of b above zero
    count.
    """
    return _bounds(circuits, input_bound, lambda weight: np.linalg.norm(weight, 2, axis=(1, 2)))


def largest_states(circuits: MLPCircuits, input_bound: float | Floats) -> Floats:
    """Return the largest of `state_bounds` over all circuits, (L+1,), to the last bit.

    A spectral norm takes a decomposition, and of many circuits few are large. No spectral norm is
    above the Frobenius norm, so circuits whose bounds by the latter are below the largest found are
    left out.
    """
    input_bound = np.broadcast_to(input_bound, circuits.n_circuits)
    if circuits.n_circuits <= 2 * _FIRST:
        return state_bounds(circuits, input_bound).max(axis=1)
    above = _bounds(circuits, input_bound, _frobenius) * _ROUNDED**circuits.n_layers
    first = np.unique(np.argpartition(above[1:], -_FIRST, axis=1)[:, -_FIRST:])
    found = state_bounds(circuits.take(first), input_bound[first]).max(axis=1)
    rest = np.flatnonzero((above[1:] >= found[1:, None]).any(axis=0))
    others = state_bounds(circuits.take(rest), input_bound[rest])
    largest = np.maximum(found, others.max(axis=1, initial=0))
    return np.concatenate([[input_bound.max()], largest[1:]])


def _bounds(
    circuits: MLPCircuits, input_bound: float | Floats, norm: Callable[[Floats], Floats]
) -> Floats:
    bounds = [np.full(circuits.n_circuits, input_bound)]
    layers = zip(circuits.weights, circuits.biases, circuits.activations, strict=True)
    for weight, bias, name in layers:
        bias = np.maximum(bias, 0) if name == "relu" else bias
        bounds.append(norm(weight) * bounds[-1] + np.linalg.norm(bias, axis=1))
    return np.array(bounds, float)


def _frobenius(weight: Floats) -> Floats:
    return np.sqrt(np.einsum("tij,tij->t", weight, weight, dtype=float))


def value_bounds(circuits: MLPCircuits, input_bound: float | Floats) -> Floats:
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

    Each is the smaller of two: by norms, and entry by entry, which is closer where entries have
    very different sizes.
    """
    layers = zip(circuits.read_in, circuits.bias, circuits.write_out, strict=True)
    bounds = [np.full(circuits.n_circuits, input_bound, float)]
    entries = np.repeat(bounds[0][:, None], circuits.width, axis=1)
    pre_activations, written = [], []
    for read, bias, write in layers:
        lengths, positive = np.linalg.norm(read, axis=2), np.maximum(bias, 0)
        most = np.minimum(lengths * bounds[-1].max(), np.abs(read) @ entries.max(axis=0))
        pre_activations.append((most + np.abs(bias)).max())
        own = np.einsum("tmd,td->tm", np.abs(read), entries)
        each = np.minimum(lengths * bounds[-1][:, None], own) + positive  # of neurons, (T, m)
        norms = [np.linalg.norm(weight, 2, axis=(1, 2)) for weight in (write, read)]
        neurons = norms[1] * bounds[-1] + np.linalg.norm(positive, axis=1)
        entries = entries + np.einsum("tdm,tm->td", np.abs(write), each)
        by_norms = bounds[-1] + norms[0] * neurons
        bounds.append(np.minimum(by_norms, np.linalg.norm(entries, axis=1)))
        entries = np.minimum(entries, bounds[-1][:, None])
        rows = np.linalg.norm(write, axis=2).max() * neurons.max()
        written.append(min(rows, (np.abs(write) @ each.max(axis=0)).max()))
    return np.array(bounds), np.array(pre_activations, float), np.array(written, float)


def check_longest(circuits: MLPCircuits, input_bound: float) -> None:
    """Raise ValueError for circuits whose sampler says that its inputs are longer."""
    longest = getattr(circuits.sampler, "longest", None)
    if longest is not None and longest > input_bound:
        raise ValueError(
            f"input_bound: wanted at least {longest:.6g}, the longest of the circuits' own inputs, "
            f"got {input_bound / ROUNDED:.6g}"
        )
