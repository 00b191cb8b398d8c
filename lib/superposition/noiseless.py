"""These constructions without noise take as many weights as the scoreboard allows."""

from __future__ import annotations

from math import isqrt

import numpy as np

from superposition._check import Floats, Integers, positive_int
from superposition.circuits import MLPCircuits
from superposition.codes import SparseCode
from superposition.codes.two import GATES
from superposition.constructions import ChainConstruction, GatedConstruction
from superposition.constructions.chains import copies_of_one
from superposition.contenders import Build, Compiled, from_superposition
from superposition.network import MLPNetwork

# numbers of chains and buckets; there are no words of more chains than a prime of buckets
CHAINS = [(r, b) for r in range(1, 7) for b in (1, 2, 3, 5, 7, 11, 13) if r <= b or b == 1]


def ping_pong(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build routing between memory blocks, (eq-ping-pong).

    The rows of a square are one code, and its columns the other. Raises ValueError for more than
    one active circuit, for which the construction is not made.
    """
    positive_int("n_active", n_active, 1, ", what ping-pong is made for")
    side = isqrt(weights) // (max(circuits.widths) + GATES)
    positive_int("n_circuits", circuits.n_circuits, side**2, ", the pairs of blocks")
    pairs = np.divmod(np.arange(circuits.n_circuits), side)
    even, odd = (SparseCode(blocks[:, None, None], side) for blocks in pairs)
    return from_superposition(GatedConstruction().compress(circuits, rng, codes=(even, odd)))


def chains(embedding: str) -> Build:
    """Return the builder of chains in buckets, read where gates say so.

    The numbers of chains and buckets are those that fail least.
    """

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        construction = best_chains(circuits, isqrt(weights), n_active, embedding)
        large = construction.compress(circuits, rng)

        def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
            states = [np.full((*active.shape, d), np.nan) for d in circuits.widths]
            placed = embedding == "local" or (large.place(active) >= 0).all(axis=1)
            fits = np.flatnonzero(np.broadcast_to(placed, len(active)))
            reads = large.run_undisturbed(inputs[fits], active[fits])
            for state, read in zip(states, reads, strict=True):
                state[fits] = read
            return tuple(states)

        return from_superposition(large, run)

    return build


def best_chains(
    circuits: MLPCircuits, width: int, n_active: int, embedding: str
) -> ChainConstruction:
    """Return the chains of buckets that hold the circuits in `width` neurons and fail least.

    Raises ValueError where no chains hold them.
    """
    found = []
    for r, buckets in CHAINS:
        construction = ChainConstruction(
            r, width, embedding, buckets=buckets, silent=False, headroom=max(16, n_active)
        )
        try:
            failing = construction.failure_probability(
                circuits.n_circuits, n_active, circuits.widths
            )
        except ValueError:
            continue
        found.append((failing, r * buckets, construction))
        if failing == 0:
            break
    if not found:
        raise ValueError(f"width: wanted room for {circuits.n_circuits} circuits, got {width}")
    return min(found, key=lambda row: row[:2])[2]


def copies(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build k gated networks side by side, one for each active circuit."""
    construction = copies_of_one(n_active, width=isqrt(weights))
    large = construction.compress(circuits, rng)
    return from_superposition(large, large.run_undisturbed)


def private(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build a network with block-diagonal weights: each circuit has separate neurons."""
    n, most = circuits.n_circuits, max(circuits.widths)
    positive_int("width", n * most, isqrt(weights), ", neurons for a layer")
    from scipy.linalg import block_diag  # slow to load, and seldom needed

    large = [block_diag(*weight) for weight in circuits.weights]
    biases = [bias.ravel() for bias in circuits.biases]
    network = MLPNetwork(large, biases, list(circuits.activations))

    def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        rows = np.arange(len(active))[:, None]
        state = np.zeros((len(active), n, circuits.widths[0]))
        state[rows, active] = inputs
        states = network.run(state.reshape(len(active), -1))
        return tuple(a.reshape(len(a), n, -1)[rows, active] for a in states)

    return Compiled(run, n * most, network.n_layers, sum(weight.size for weight in large))
