"""How networks of ReLUs hold MLP circuits: entries of about one size, and signed ones as pairs.

A ReLU network computes the same if a neuron is s times as large and read s times less. So circuits
of very different sizes are written with entries of about one size, in powers of two, which round
nothing. What a linear layer makes may be negative. A pair of neurons holds it without an offset,
which would cost the precision of whatever is much smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats, Integers
from superposition.circuits.bounds import largest_states

if TYPE_CHECKING:
    from superposition.circuits.mlp import MLPCircuits

# A family is written anew where circuits would read this many times as much noise as from entries
# of one size, on average or the worst of them, or where numbers are as far from one.
_MEAN_NOISE, _LARGEST_NOISE, _FAR = 8.0, 1000.0, 2.0**40
# An offset is this many times the largest bound, usually. It may be as many times a typical state
# where that costs no more than what a sum of a few terms does, or half of the digits.
_HEADROOM, _FEW = 16.0, 32.0


@dataclass(frozen=True, eq=False)
class Form:
    """How circuits are written before they are compressed.

    widths: d_0 … d_L, the widths of states.
    linear: (L,), whether a layer is linear.
    offsets: (L,), how many times as long as the shortest typical state an offset would be after a
        linear layer, for inputs of length 1; 0 after others.
    eps: the precision of the circuits' numbers.
    """

    widths: tuple[int, ...]
    linear: tuple[bool, ...]
    offsets: tuple[float, ...]
    eps: float

    def pairs(self, input_bound: float, *, room: bool = True) -> tuple[bool, ...]:
        """Return whether states after 0 … L layers are held in pairs of neurons.

        They are after linear layers where that makes no layer wider than the widest, or where an
        offset would cost half of the digits or, if there is room, any.
        """
        widest, farther = max(self.widths), max(input_bound, 1.0)
        most = _FEW if room else self.eps**-0.5
        layers = zip(self.linear, self.offsets, self.widths[1:], strict=True)
        after = (on and (2 * w <= widest or farther * offset > most) for on, offset, w in layers)
        return (False, *after)

    def neurons(self, input_bound: float, *, room: bool = True) -> tuple[int, ...]:
        """Return how many neurons hold a state after 0 … L layers."""
        pairs = self.pairs(input_bound, room=room)
        return tuple(w * (1 + pair) for w, pair in zip(self.widths, pairs, strict=True))


def form_of(circuits: MLPCircuits) -> Form:
    """Return the form in which circuits are held.

    It follows from weights and biases alone, so that a network is read in the same way whatever
    inputs its circuits are measured with.
    """
    linear = tuple(name == "linear" for name in circuits.activations)
    offsets, widest = [0.0] * circuits.n_layers, max(circuits.widths)
    wide = (2 * width > widest for width in circuits.widths[1:])
    if any(on and large for on, large in zip(linear, wide, strict=True)):
        found = zip(linear, _offsets(circuits), strict=True)
        offsets = [offset if on else 0.0 for on, offset in found]
    eps = float(np.finfo(circuits.dtype).eps)
    return Form(circuits.widths, linear, tuple(offsets), eps)


def exponents_of(circuits: MLPCircuits) -> tuple[Integers, ...] | None:
    """Return L+1 arrays (T, d_l), e where an entry is held 2^e times smaller; None for e = 0."""
    sizes = typical_sizes(circuits)
    return _exponents(sizes) if _uneven(circuits, sizes) else None


def scaled(circuits: MLPCircuits) -> MLPCircuits:
    """Return circuits with entries of about one size, without a sampler, or the circuits."""
    return circuits if circuits.exponents is None else _written(circuits)


def held(circuits: MLPCircuits, pairs: Sequence[bool]) -> MLPCircuits:
    """Return what a network of ReLUs holds of circuits: scaled, signed entries in pairs.

    pairs: (L+1,), whether states after 0 … L layers are in pairs.

    Entry i of a pair is in neuron i where it is above zero, and in neuron d + i where it is below.
    """
    circuits = scaled(circuits)
    if not any(pairs):
        return circuits
    weights, biases = list(circuits.weights), list(circuits.biases)
    for i, (before, after) in enumerate(pairwise(pairs)):
        if before:
            weights[i] = np.concatenate([weights[i], -weights[i]], axis=2)
        if after:
            weights[i] = np.concatenate([weights[i], -weights[i]], axis=1)
            biases[i] = np.concatenate([biases[i], -biases[i]], axis=1)
    layers = zip(pairs[1:], circuits.activations, strict=True)
    names = ["relu" if pair else name for pair, name in layers]
    return type(circuits)(weights, biases, names)


def entering(circuits: MLPCircuits) -> Floats | None:
    """Return by what inputs are multiplied before they are written, (T, d_0, d_0), or None."""
    exponents = circuits.exponents
    return None if exponents is None else _diagonal(-exponents[0], circuits.dtype)


def leaving(circuits: MLPCircuits, layer: int, pair: bool) -> Floats | None:
    """Return by what neurons are multiplied to be states, (T, d_l, neurons), or None.

    pair: whether states after the layer are in pairs.
    """
    every = circuits.exponents
    if every is None and not pair:
        return None
    none = np.zeros((circuits.n_circuits, circuits.widths[layer]), int)
    diagonal = _diagonal(none if every is None else every[layer], circuits.dtype)
    return np.concatenate([diagonal, -diagonal], axis=2) if pair else diagonal


def input_bounds(circuits: MLPCircuits, input_bound: float) -> Floats:
    """Return bounds on the lengths of circuits' inputs as they are held, (T,)."""
    bounds, exponents = np.full(circuits.n_circuits, input_bound), circuits.exponents
    return bounds if exponents is None else np.ldexp(bounds, -exponents[0].min(axis=1))


def held_states(circuits: MLPCircuits, states: Floats, which: Integers, layer: int) -> Floats:
    """Return states (…, d_l) of circuits `which` as they are held, without pairs."""
    exponents = circuits.exponents
    return states if exponents is None else np.ldexp(states, -exponents[layer][which])


def typical_sizes(circuits: MLPCircuits) -> tuple[Floats, ...]:
    """Return about how large entries of states are after 0 … L layers, (T, d_l) each.

    Inputs have length 1. The root mean square of w a + b is that of independent entries of a. A
    ReLU halves the square.
    """
    shape = circuits.n_circuits, circuits.widths[0]
    sizes = [np.full(shape, 1 / np.sqrt(shape[1]))]
    for weight, bias, name in zip(
        circuits.weights, circuits.biases, circuits.activations, strict=True
    ):
        with np.errstate(over="ignore", under="ignore"):
            squares = np.einsum("tij,tij,tj->ti", weight, weight, sizes[-1] ** 2, dtype=float)
            squares += np.square(bias, dtype=float)
        sizes.append(np.sqrt(squares / 2 if name == "relu" else squares))
    return tuple(sizes)


def _uneven(circuits: MLPCircuits, sizes: tuple[Floats, ...]) -> bool:
    """Return whether circuits would read much noise, since their entries differ in size.

    A circuit reads w'_ij of an entry j. Others put noise there of the mean square of all entries.
    What counts is the noise that it reads over its own signal.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for size, read in zip(sizes[1:], [*circuits.weights[1:], None], strict=True):
            there = size[size > 0]
            if there.size and (there.max() > _FAR or there.min() < 1 / _FAR):
                return True
            squares = size**2
            if read is None:
                signal, noise = squares.sum(axis=1), np.full(len(size), float(size.shape[1]))
            else:
                norms = np.einsum("tij,tij->tj", read, read, dtype=float)
                signal, noise = (norms * squares).sum(axis=1), norms.sum(axis=1)
            some = signal > 0
            ratio = (noise * squares.mean())[some] / signal[some]
            if ratio.size and (ratio.mean() > _MEAN_NOISE or ratio.max() > _LARGEST_NOISE):
                return True
    return False


def _exponents(sizes: tuple[Floats, ...]) -> tuple[Integers, ...]:
    """Return e, where 2^e is nearest to an entry's size, and 0 where there is none."""
    return tuple(
        np.rint(np.log2(np.where((size > 0) & np.isfinite(size), size, 1))).astype(int)
        for size in sizes
    )


def _offsets(circuits: MLPCircuits) -> list[float]:
    """Return how many times as long as typical states offsets would be, both as they are held."""
    sizes = typical_sizes(circuits)
    every = circuits.exponents or [np.zeros(size.shape, int) for size in sizes]
    bounds = largest_states(scaled(circuits), input_bounds(circuits, 1.0))
    found = []
    for bound, size, exponents in zip(bounds[1:], sizes[1:], every[1:], strict=True):
        lengths = np.linalg.norm(np.ldexp(size, -exponents), axis=1)
        shortest = lengths[lengths > 0].min(initial=np.inf)
        found.append(float(_HEADROOM * bound / shortest))
    return found


def _written(circuits: MLPCircuits) -> MLPCircuits:
    exponents = circuits.exponents
    assert exponents is not None
    weights, biases = [], []
    layers = zip(circuits.weights, circuits.biases, exponents, exponents[1:], strict=False)
    for weight, bias, before, after in layers:
        weights.append(np.ldexp(weight, before[:, None] - after[:, :, None]))
        biases.append(np.ldexp(bias, -after))
    return type(circuits)(weights, biases, circuits.activations)


def _diagonal(exponents: Integers, dtype: np.dtype[np.floating]) -> Floats:
    """Return matrices (T, d, d) with powers of two on their diagonals."""
    return np.ldexp(np.eye(exponents.shape[1], dtype=dtype), exponents[:, None])
