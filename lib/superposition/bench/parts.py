"""How each weight matrix of a superposition is a sum over circuits, by kind of construction."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from superposition._check import Floats, Integers
from superposition.bench.pieces import CodePieces, NoPieces, Pieces, SlotPieces
from superposition.certificate.slots import two_codes
from superposition.constructions import ChainSuperposition
from superposition.constructions.gated import with_bias
from superposition.constructions.stages import as_graph, layer_sums, linked
from superposition.network import MLPNetwork, ResidualNetwork
from superposition.readers import mean_apart
from superposition.superposition import (
    GatedResidualSuperposition,
    GatedSuperposition,
    MLPSuperposition,
    ResidualSuperposition,
    Superposition,
)

Large = TypeVar("Large", MLPNetwork, ResidualNetwork)
# name, owners, pieces, rest: as of `TrueMatrix`
Parts = tuple[str, Integers, Pieces, sparse.csr_array]


@singledispatch
def matrices_of(superposition: Superposition) -> list[Parts]:
    """Return name, owners, pieces and rest of every weight matrix, in the order of layers.

    Raises TypeError for superpositions whose weights are no sum over circuits.
    """
    raise TypeError(
        "superposition: wanted one whose weights are a sum over circuits, by ResidualConstruction, "
        "MLPConstruction, GatedConstruction, GatedResidualConstruction or ChainConstruction, got "
        f"{type(superposition).__name__}"
    )


@matrices_of.register
def _residual(superposition: ResidualSuperposition) -> list[Parts]:
    stream, graph = superposition.stream_code, as_graph(superposition.circuits)
    network, both = _dense(superposition, ResidualNetwork), (stream, linked(graph, stream))
    parts: list[Parts] = []
    sums = layer_sums(graph, superposition.construction.margin, both, superposition.neuron_codes)
    for i, (owners, read_parts, written) in enumerate(sums):
        nothing = _nothing(network.read_in[i]), _nothing(network.write_out[i])
        parts.append((f"read_in[{i}]", owners, CodePieces(*read_parts), nothing[0]))
        parts.append((f"write_out[{i}]", owners, CodePieces(*written), nothing[1]))
    return parts


@matrices_of.register
def _mlp(superposition: MLPSuperposition) -> list[Parts]:
    """Return circuits' weights less the mean; the rest is w̄ ⊗ 𝒲: (eq-mlp-weights)."""
    network, codes = _dense(superposition, MLPNetwork), superposition.codes
    first = network.weights[0]  # only adds the bias
    no_owners = np.zeros(0, int)
    parts: list[Parts] = [("weights[0]", no_owners, NoPieces(first.shape), sparse.csr_array(first))]
    every_owner = np.arange(superposition.circuits.n_circuits)
    for i, (read, write) in enumerate(pairwise(codes), start=1):
        suppression, small = superposition.construction.suppression, superposition.circuits.weights
        own, mean, shared = mean_apart(small[i], write, read, suppression)
        rest = np.zeros_like(network.weights[i])
        block = np.kron(mean, shared)
        rest[: len(block), : block.shape[1]] = block
        parts.append((f"weights[{i}]", every_owner, CodePieces(*own), sparse.csr_array(rest)))
    return parts


@matrices_of.register
def _gated(superposition: GatedSuperposition) -> list[Parts]:
    owners = np.arange(superposition.circuits.n_circuits)
    network = _dense(superposition, MLPNetwork)
    return [
        (f"weights[{i}]", owners, pieces, rest)
        for i, (pieces, rest) in enumerate(_gated_layers(superposition, network))
    ]


@matrices_of.register
def _chains(superposition: ChainSuperposition) -> list[Parts]:
    """Return components of circuits as the sum of what their copies in all chains are."""
    owners = np.repeat(np.arange(superposition.circuits.n_circuits), superposition.codes.n_chains)
    parts = matrices_of(superposition.copies)
    return [(name, owners, pieces, rest) for name, _, pieces, rest in parts]


@matrices_of.register
def _gated_residual(superposition: GatedResidualSuperposition) -> list[Parts]:
    circuits, codes = superposition.circuits, superposition.codes
    network, quiet = _dense(superposition, ResidualNetwork), superposition.construction.quiet
    owners, parts, no_owners = np.arange(circuits.n_circuits), list[Parts](), np.zeros(0, int)
    for i in range(network.n_layers):
        read_in, write_out = network.read_in[i], network.write_out[i]
        names = f"read_in[{i}]", f"write_out[{i}]"
        if i % 2:  # a layer that cleans
            for name, large in zip(names, (read_in, write_out), strict=True):
                parts.append((name, no_owners, NoPieces(large.shape), sparse.csr_array(large)))
            continue
        bias = circuits.bias[i // 2][..., None]
        small = np.concatenate([circuits.read_in[i // 2], bias], axis=-1)
        read_at = codes.stream.size * np.arange(circuits.width + 1)
        written_at = codes.neurons.size * np.arange(circuits.n_neurons)
        both = codes.stream, codes.neurons
        read_parts = SlotPieces.of_codes(small, *both, quiet, read_at, read_in.shape)
        written = SlotPieces.of_codes(
            circuits.write_out[i // 2], *both[::-1], quiet, written_at, write_out.shape
        )
        gates = _only(read_in, (slice(None), codes.gates(circuits.width)[1]))
        parts.append((names[0], owners, read_parts, gates))
        parts.append((names[1], owners, written, _nothing(write_out)))
    return parts


def _gated_layers(
    superposition: GatedSuperposition, network: MLPNetwork
) -> Iterator[tuple[Pieces, sparse.csr_array]]:
    """Yield pieces, with a column of biases read from gates, and a rest of gates' weights."""
    circuits, two, quiet = superposition.circuits, two_codes(superposition), _quiet(superposition)
    for i, (before, after) in enumerate(pairwise(circuits.widths)):
        large, n = network.weights[i], two.n_slots
        small = with_bias(circuits, i, superposition.offsets[i])
        columns = n * np.array([*range(before), before + i % 2])
        both = two.slots(i), two.slots(i + 1)
        pieces = SlotPieces.of_codes(small, *both, quiet, columns, large.shape)
        rows = slice(after * n, None)  # of gates
        yield pieces, _only(large, (rows, slice(None)), (slice(None), two.gates(i + 1, before)))


def _quiet(superposition: GatedSuperposition) -> bool:
    """Return whether weights have least crosstalk, which chains with one slot cannot choose."""
    return bool(getattr(superposition.construction, "quiet", False))


def _only(large: Floats, *places: tuple[slice, slice]) -> sparse.csr_array:
    """Return a matrix with its values in these rows and columns, and zeros elsewhere."""
    chosen: NDArray[np.bool_] = np.zeros(large.shape, bool)
    for place in places:
        chosen[place] = True
    return sparse.csr_array(np.where(chosen, large, 0))


def _nothing(large: Floats) -> sparse.csr_array:
    return sparse.csr_array(large.shape, dtype=large.dtype)


def _dense(superposition: Superposition, kind: type[Large]) -> Large:
    """Return the network if it has its weights. Raises TypeError for a network in factors."""
    if not isinstance(superposition.network, kind):
        raise TypeError(
            f"superposition: wanted one with a dense network, got one in "
            f"{type(superposition.network).__name__}"
        )
    return superposition.network
