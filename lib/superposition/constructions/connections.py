"""The connections that circuits make between the slots of two layers, and how they are balanced."""

from __future__ import annotations

import numpy as np

from superposition._check import Floats
from superposition.codes import CircuitSum, SparseCode


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
