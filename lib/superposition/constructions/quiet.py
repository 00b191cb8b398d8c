"""The weights by which slots of one code read the slots of the other.

A slot that is written to carries a few circuits. It reads circuit t's state if the weights on t's
slots add up to one for t, and to zero for the other circuits on the slot. Equal weights on a
circuit's own slots do so, (eq-plain). The weights that do so with the least crosstalk from circuits
elsewhere solve a least-squares problem with these constraints, (eq-quiet).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from superposition._check import Floats, Integers
from superposition._memory import check_memory
from superposition.codes.sparse import SparseCode
from superposition.codes.two import TwoCodes

RIDGE = 0.1  # noise on slots that quiet weights allow for, as a share of what they hold
_SAMPLED = 400  # circuits whose crosstalk on others is measured
_PAIRS = 2**23  # pairs of circuits that are measured, at most


def least_crosstalk(
    two: TwoCodes, layer: int, quiet: bool
) -> Iterator[tuple[int, Integers, Floats]]:
    """Yield how each slot that layer `layer` writes reads the slots before it."""
    return reading_weights(two.slots(layer), two.slots(layer + 1), quiet)


def reading_weights(
    code: SparseCode, write: SparseCode, quiet: bool
) -> Iterator[tuple[int, Integers, Floats]]:
    """Yield how each slot of `write` reads the slots of `code`, both of width 1: (eq-quiet).

    quiet: whether to use the weights with least crosstalk instead of equal ones.

    Each item is the slot's number, the circuits on it (c,), and weights (code.size, c). Weights are
    equal, too, where each circuit has one slot, so that there is no choice.
    Raises ValueError for codes in which the circuits on a slot cannot be told apart.
    """
    read, written = code.matrix.astype(float), write.matrix.tocsc()
    if quiet := quiet and code.redundancy > 1:
        check_memory("code", code.size, lambda n: 3 * 8 * n**2, fits="a code of {:,} slots".format)
        noise = RIDGE * code.load.mean() * np.eye(code.size)
        inverse = np.linalg.inv((read.T @ read).toarray() + noise)
    for slot in range(write.size):
        on = written.indices[written.indptr[slot] : written.indptr[slot + 1]]
        own = read[on].toarray()
        equal = own.T / code.redundancy
        best = _solved(inverse, own) if quiet and len(on) else equal
        # where all slots are joined, as in a full plane, both are the same but for rounding
        yield slot, on, equal if np.allclose(best, equal, rtol=0, atol=1e-12) else best


def _solved(inverse: Floats, own: Floats) -> Floats:
    """Return, of all weights C with own · C = 1, those with least C^T · inverse⁻¹ · C."""
    free = inverse @ own.T
    within = own @ free
    if np.linalg.cond(within) > 1e8:
        raise ValueError("codes: wanted two in which circuits that share a slot can be told apart")
    return np.asarray(np.linalg.solve(within, free.T).T)


@dataclass(frozen=True)
class Crosstalk:
    """How much a circuit's slots receive from another active circuit, by two codes' geometry.

    The numbers are mean squares, where a circuit's weights map its own state to 1.

    own: what one slot receives through the own parts of others' weights.
    mean: what one slot receives through a mean that all weights share.
    mean_average: the same, averaged over the r slots.
    itself: what the r slots receive on average through the circuit's own weights, by a shared slot.
    noise: as `own`, for noise that differs from slot to slot.
    spread: the sum of squared weights on a circuit's own slots, less 1/r.
    shared: γ of (eq-slot-shared).
    """

    own: float = 0.0
    mean: float = 0.0
    mean_average: float = 0.0
    itself: float = 0.0
    noise: float = 0.0
    spread: float = 0.0
    shared: float = 0.0


def crosstalk(two: TwoCodes, quiet: bool) -> Crosstalk:
    """Measure crosstalk on two codes, both ways, from at most 400 circuits."""
    both = [_one_way(two.slots(i), two.slots(i + 1), quiet) for i in (0, 1)]
    return Crosstalk(*[*np.mean(both, axis=0).tolist(), shared_slots(two)])


def crosstalk_between(code: SparseCode, write: SparseCode, quiet: bool) -> Crosstalk:
    """Measure crosstalk on slots of `write` that read those of `code`, with `shared` of `code`."""
    return Crosstalk(*[*_one_way(code, write, quiet), _shared(code)])


def shared_slots(two: TwoCodes) -> float:
    """Return γ of (eq-slot-shared), counted on both codes."""
    return float(np.mean([_shared(two.slots(0)), _shared(two.slots(1))]))


def _shared(code: SparseCode) -> float:
    pairs = code.n_circuits * code.redundancy * (code.n_circuits - 1)
    return float((code.load * (code.load - 1)).sum() / max(pairs, 1))


def _one_way(code: SparseCode, write: SparseCode, quiet: bool) -> list[float]:
    """Return sums over slots and the circuits on them (first axis), of circuits elsewhere."""
    n, r, read = code.n_circuits, code.redundancy, code.matrix.astype(float)
    copies = write.redundancy
    sampled = np.unique(np.linspace(0, n - 1, min(n, _SAMPLED, 1 + _PAIRS // n)).astype(int))
    others = read[sampled].toarray()
    own = mean = noise = spread = pairs = 0.0
    averages = np.zeros((2, n, len(sampled)))  # through the mean, and through itself
    for _, on, weights in reading_weights(code, write, quiet):
        elsewhere = ~np.isin(sampled, on)
        parts = (others @ weights).T * elsewhere  # whose weights contribute, and how much
        shared = (read[on] @ others.T) * elsewhere / r
        through = parts.sum(axis=0) - shared
        each = (others @ (weights**2).sum(axis=1)) * elsewhere
        pairs += elsewhere.sum() * len(on)
        own += (len(on) - 1) * (parts**2).sum()
        mean += (through**2).sum()
        noise += len(on) * each.sum() - (shared**2).sum()
        spread += (read[on] @ weights**2).trace() - len(on) / r
        averages[:, on] += np.array([through, parts]) / copies
    sums = np.array([own, mean, *(copies * (averages**2).sum(axis=(1, 2))), noise])
    return [*sums / max(pairs, 1), spread / n / copies]
