"""Large networks kept in factors: decode, small weights, encode, in place of dense weights.

A dense layer costs as many products as it has weights. In factors it costs what its circuits do:
each reads its slots, multiplies by its own weights and writes. This is cheaper where circuits are
few for the width of the network. For sparse codes, T · d · (r + d' + r') must be far below D².
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from superposition._check import Floats, whole_array
from superposition.certificate.slots import two_codes
from superposition.constructions.gated import with_bias
from superposition.constructions.stages import as_graph, layer_sums, linked
from superposition.maps import Code
from superposition.network import Network, activate, run_layers
from superposition.readers import mean_apart
from superposition.superposition import (
    GatedSuperposition,
    MLPSuperposition,
    ResidualSuperposition,
    Superposition,
)

Term = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class FactoredMap:
    """A large weight matrix as a sum of terms, none of which is ever multiplied out.

    terms: maps of states, samples last, (D_in, batch) → (D_out, batch).
    n_products: the multiplications for one sample.
    """

    terms: tuple[Term, ...]
    n_products: int

    def __call__(self, state: Floats) -> Floats:
        """Return (batch, D_out) for states (batch, D_in)."""
        samples_last = np.ascontiguousarray(state.T)
        return np.asarray(sum(term(samples_last) for term in self.terms)).T

    def __add__(self, other: FactoredMap) -> FactoredMap:
        return FactoredMap(self.terms + other.terms, self.n_products + other.n_products)


@dataclass(frozen=True, eq=False)
class FactoredMLP:
    """An `MLPNetwork` in factors, in which layer l maps A to f(maps[l](A) + biases[l])."""

    maps: Sequence[FactoredMap]
    biases: Sequence[Floats]
    activations: Sequence[str]
    width: int

    @property
    def n_layers(self) -> int:
        """The number of layers of the large network."""
        return len(self.maps)

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers of neurons before the first layer and after each layer."""
        return (self.width, *(len(bias) for bias in self.biases))

    @property
    def n_parameters(self) -> int:
        """The number of products for one sample, and of biases, in place of weights."""
        return sum(part.n_products for part in self.maps) + sum(bias.size for bias in self.biases)

    def step(self, state: Floats, layer: int) -> tuple[Floats, Floats]:
        """Return what `MLPNetwork.step` returns."""
        whole_array("layer", layer, "", {}, self.n_layers)
        state = activate(self.maps[layer](state) + self.biases[layer], self.activations[layer])
        return state, state

    def run(self, state: Floats) -> tuple[Floats, ...]:
        """Return what `MLPNetwork.run` returns."""
        return run_layers(self, state, {"width": self.width})


@dataclass(frozen=True, eq=False)
class FactoredResidual:
    """A `ResidualNetwork` in factors: A + write_out[l](relu(read_in[l](A) + bias[l]))."""

    read_in: Sequence[FactoredMap]
    bias: Floats
    write_out: Sequence[FactoredMap]
    stream_width: int

    @property
    def n_layers(self) -> int:
        """The number of layers of the large network."""
        return len(self.read_in)

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of the state after 0 … L layers, which is always D."""
        return (self.stream_width,) * (self.n_layers + 1)

    @property
    def n_parameters(self) -> int:
        """The number of products for one sample, and of biases, in place of weights."""
        return sum(part.n_products for part in (*self.read_in, *self.write_out)) + self.bias.size

    def step(self, state: Floats, layer: int) -> tuple[Floats, Floats]:
        """Return what `ResidualNetwork.step` returns."""
        whole_array("layer", layer, "", {}, self.n_layers)
        neurons = activate(self.read_in[layer](state) + self.bias[layer], "relu")
        return state + self.write_out[layer](neurons), neurons

    def run(self, state: Floats) -> tuple[Floats, ...]:
        """Return what `ResidualNetwork.run` returns."""
        return run_layers(self, state, {"stream": self.stream_width})


@singledispatch
def factored(superposition: Superposition) -> Superposition:
    """Return the same superposition with its network in factors, equal up to rounding.

    The maps in and out stay the same. The new `network.n_parameters` says how many products one
    sample takes. Factors are cheaper than the dense network where that number is far smaller, since
    a product with a sparse matrix takes a few times as long as one with a dense matrix.
    Raises TypeError for constructions other than residual, MLP and gated; ValueError for gated ones
    with quiet weights of redundancy above 1, where each slot has its own weights.
    """
    raise TypeError(
        "superposition: wanted one by ResidualConstruction, MLPConstruction or GatedConstruction, "
        f"got {type(superposition).__name__}"
    )


@factored.register
def _residual(superposition: ResidualSuperposition) -> Superposition:
    stream, graph = superposition.stream_code, as_graph(superposition.circuits)
    both, margin = (stream, linked(graph, stream)), superposition.construction.margin
    sums = [*layer_sums(graph, margin, both, superposition.neuron_codes)]
    reads, writes = ([_sum(*each[way]) for each in sums] for way in (1, 2))
    network = FactoredResidual(reads, superposition.network.bias, writes, stream.size)
    return _with(superposition, network)


@factored.register
def _mlp(superposition: MLPSuperposition) -> Superposition:
    codes, circuits = superposition.codes, superposition.circuits
    maps = [FactoredMap((np.positive,), 0)]  # the first layer only adds the bias
    for i, (read, write) in enumerate(pairwise(codes), start=1):
        suppression = superposition.construction.suppression
        own, mean, shared = mean_apart(circuits.weights[i], write, read, suppression)
        maps.append(_sum(*own) + _blocks(mean, shared, write.size))
    dense = superposition.network
    network = FactoredMLP(maps, dense.biases, dense.activations, dense.widths[0])
    return _with(superposition, network)


@factored.register
def _gated(superposition: GatedSuperposition) -> Superposition:
    construction, circuits = superposition.construction, superposition.circuits
    if construction.quiet and construction.redundancy > 1:
        raise ValueError(
            "superposition: wanted equal weights (quiet=False) or redundancy 1, got quiet weights "
            f"of redundancy {construction.redundancy}, which belong to slots and not to circuits"
        )
    dense, two = superposition.network, two_codes(superposition)
    maps = []
    for i, (before, after) in enumerate(pairwise(circuits.widths)):
        small = with_bias(circuits, i, superposition.offsets[i])
        summed = _sum(two.entries(i + 1, after), small, two.state(i, before))
        maps.append(summed + _rest(dense.weights[i], after * two.n_slots, two.gates(i + 1, before)))
    network = FactoredMLP(maps, dense.biases, dense.activations, dense.widths[0])
    return _with(superposition, network)


def _with(superposition: Superposition, network: Network) -> Superposition:
    changes: dict[str, Any] = {"network": network}
    return replace(superposition, **changes)


def _rest(weights: Floats, rows: int, gates: slice) -> FactoredMap:
    """Return the part of a gated layer that is no sum over circuits: its gates' weights."""
    turn, close = sparse.coo_array(weights[rows:]), sparse.coo_array(weights[:rows, gates])
    places = (
        np.concatenate([turn.row + rows, close.row]),
        np.concatenate([turn.col, close.col + gates.start]),
    )
    rest = sparse.csr_array((np.concatenate([turn.data, close.data]), places), weights.shape)
    return FactoredMap((rest.__matmul__,), rest.nnz)


def _sum(write: Code, weights: Floats, read: Code) -> FactoredMap:
    """Return the sum (eq-weights) of *The construction*, not multiplied out."""
    shape = read.n_circuits, read.width, -1

    def term(state: Floats) -> Floats:
        entries = (read.reader @ state).reshape(shape)
        return np.asarray(write.matrix.T @ np.matmul(weights, entries).reshape(-1, state.shape[1]))

    sizes = (
        part.nnz if sparse.issparse(part) else part.size for part in (read.reader, write.matrix)
    )
    return FactoredMap((term,), sum(sizes) + weights.size)


def _blocks(mean: Floats, shared: Floats, size: int) -> FactoredMap:
    """Return the map w̄ ⊗ 𝒲: (eq-mlp-weights)."""
    after, before = mean.shape
    rows, columns = shared.shape
    mean_first = after < before

    def term(state: Floats) -> Floats:
        entries = state[: before * columns].reshape(before, columns, -1)
        if mean_first:
            blocks = np.matmul(shared, np.tensordot(mean, entries, 1))
        else:
            blocks = np.tensordot(mean, np.matmul(shared, entries), 1)
        out = np.zeros((size, state.shape[1]), blocks.dtype)
        out[: after * rows] = blocks.reshape(after * rows, -1)
        return out

    mixing = mean.size * (columns if mean_first else rows)
    return FactoredMap((term,), min(after, before) * shared.size + mixing)
