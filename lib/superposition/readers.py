"""Read weights: equal over slots, or those by which circuits disturb each other least."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from superposition._check import Floats, Integers
from superposition._memory import check_memory
from superposition.maps import SparseCode, TwoCodes
from superposition.sums import CircuitSum


def shared_weights(write: SparseCode, read: SparseCode, suppression: float = 1.0) -> Floats:
    """Return 𝒲, with 1/r where a circuit connects two slots and −χ elsewhere: (eq-capped).

    The shape is (block, block). The inhibition χ is balanced so that, on average over pairs, one
    circuit's slots receive nothing from another's, (eq-balance), and is then multiplied by
    `suppression`. Raises ValueError as `SparseCode.sets` does.
    """
    r = write.redundancy
    connected = np.minimum(connections(write, read), 1)
    chi = suppression * balance(connected, write, read)
    return np.asarray(((1 / r + chi) * connected - chi).astype(write.dtype))


def mean_apart(
    small: Floats, write: SparseCode, read: SparseCode, suppression: float
) -> tuple[CircuitSum, Floats, Floats]:
    """Return the two terms of (eq-mlp-weights): circuits' own parts as a sum, and w̄ with its 𝒲."""
    mean = small.mean(axis=0)
    own = CircuitSum(write, small - mean, read)
    return own, mean, shared_weights(write, read, suppression)


def connections(write: SparseCode, read: SparseCode) -> Floats:
    """Return Σ_t e_t e_t^T, how many circuits connect slots of one layer to those before it.

    The shape is (block, block). Raises ValueError as `SparseCode.sets` does.
    """
    shape = write.block, read.block
    places = write.sets[:, :, None] * shape[1] + read.sets[:, None]
    return np.bincount(places.ravel(), minlength=shape[0] * shape[1]).reshape(shape).astype(float)


def balance(connected: Floats, write: SparseCode, read: SparseCode) -> float:
    """Return χ of (eq-balance): connections over missing connections, divided by r.

    connected: (block, block), 1 where a circuit connects two slots.

    The result is 0 for a single circuit. Raises ValueError where all circuits' slots are connected.
    """
    n, r = write.n_circuits, write.redundancy
    if n == 1:  # there are no others to be balanced against
        return 0.0
    load_write, load_read = (
        np.bincount(code.sets.ravel(), minlength=code.block) for code in (write, read)
    )
    made = (load_write @ connected @ load_read - n * r**2) / (n * (n - 1))
    if made >= r**2 * (1 - 1e-12):
        raise ValueError(
            f"codes: wanted slots that no circuit connects, to balance those that are; all slots "
            f"of {n} circuits are: use fewer circuits or more neurons"
        )
    return float(made / (r**2 - made) / r)


RIDGE = 0.1  # noise on slots that quiet weights allow for, as a share of what they hold

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
