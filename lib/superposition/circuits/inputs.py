"""Which circuits are active, and what they start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isclose

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, generator, positive_int

InputSampler = Callable[[Integers, np.random.Generator], Floats]
NumberActive = int | Mapping[int, float]


def sample_active(
    n_circuits: int, n_active: int, n_samples: int, rng: np.random.Generator
) -> Integers:
    """Draw uniformly random sets of active circuits, (n_samples, n_active), distinct within a row.

    Raises ValueError for n_active > n_circuits.
    """
    n_circuits = positive_int("n_circuits", n_circuits)
    n_active = positive_int("n_active", n_active, n_circuits, ", the number of circuits")
    n_samples, rng = positive_int("n_samples", n_samples), generator(rng)
    # Floyd's way, all rows at once, from the draws that `rng.choice` makes of each: number i is
    # one of the first T − k + i + 1, the last of those if it is there already; then a shuffle.
    last = np.arange(n_circuits - n_active, n_circuits)
    places = np.arange(n_active - 1, 0, -1)
    draws = rng.integers(np.append(last, places) + 1, size=(n_samples, 2 * n_active - 1))
    active, others = draws[:, :n_active].copy(), draws[:, n_active:]
    for i in range(1, n_active):
        again = (active[:, :i] == active[:, i : i + 1]).any(axis=1)
        active[again, i] = last[i]
    rows = np.arange(n_samples)
    for place, other in zip(places, others.T, strict=True):
        active[rows, place], active[rows, other] = active[rows, other], active[rows, place]
    return active


def in_turn(n_circuits: int, n_active: int, n_samples: int, rng: np.random.Generator) -> Integers:
    """Return active sets (batch, k), at least n_samples, in which all circuits take turns.

    Whoever is once in the sets more often than others is so at random.
    """
    once = -(-n_circuits // n_active)
    rounds = [
        np.resize(rng.permutation(n_circuits), (once, n_active))
        for _ in range(-(-n_samples // once))
    ]
    return np.concatenate(rounds)


def active_mask(active: Integers, n_circuits: int) -> NDArray[np.bool_]:
    """Return whether each circuit is active, (batch, T), for active sets (batch, k)."""
    on = np.zeros((len(active), n_circuits), bool)
    np.put_along_axis(on, active, True, axis=1)
    return on


def with_companions(
    which: Integers, n_circuits: int, n_active: int, rng: np.random.Generator
) -> Integers:
    """Return sets (samples, n_active), each an entry of `which`, then distinct other circuits."""
    n_active = positive_int("n_active", n_active, n_circuits, ", the number of circuits")
    if n_active == 1:
        return which[:, None]
    others = sample_active(n_circuits - 1, n_active - 1, len(which), rng)
    others = others + (others >= which[:, None])  # skip the circuit itself
    return np.concatenate([which[:, None], others], axis=1)


@dataclass(frozen=True)
class UnitInputs:
    """A sampler of inputs (batch, k, width) that are uniform on the unit sphere."""

    width: int

    def __call__(self, active: Integers, rng: np.random.Generator) -> Floats:
        draws = rng.standard_normal((*active.shape, self.width))
        return draws / np.linalg.norm(draws, axis=-1, keepdims=True)


def take_inputs(sampler: InputSampler, which: Integers) -> InputSampler:
    """Return the sampler of circuits `which`, (n,), by its method `take`, if it has one."""
    take = getattr(sampler, "take", None)
    return sampler if take is None else take(which)


def shares_of(n_active: NumberActive, n_circuits: int) -> dict[int, float]:
    """Return the share of samples by how many circuits are active, from 1 on, adding up to 1.

    n_active: one number for all samples, or a mapping of numbers to shares.

    Raises TypeError or ValueError for other numbers, shares below zero, or that do not add up.
    """
    because = ", the number of circuits"
    if not isinstance(n_active, Mapping):
        return {positive_int("n_active", n_active, n_circuits, because): 1.0}
    shares = {}
    for number, share in n_active.items():
        if not (isinstance(share, (int, float)) and 0 <= share <= 1):
            raise ValueError(f"n_active: wanted shares from 0 to 1, got {share!r} for {number!r}")
        if share > 0:
            shares[positive_int("n_active", number, n_circuits, because)] = float(share)
    if not isclose(total := sum(shares.values()), 1, rel_tol=1e-6):
        raise ValueError(f"n_active: wanted shares that add up to 1, got {total:g}")
    return shares


def numbers_active(n_circuits: int, probability: float) -> dict[int, float]:
    """Return the shares of 1, 2, … active circuits where each is active by itself, with a chance.

    Samples without any active circuit are left out, and so are numbers of a share below 1e-4.

    >>> from superposition.circuits import numbers_active
    >>> {k: round(share, 2) for k, share in numbers_active(100, 0.01).items()}
    {1: 0.58, 2: 0.29, 3: 0.1, 4: 0.02, 5: 0.0, 6: 0.0}
    """
    from scipy.stats import binom

    n = positive_int("n_circuits", n_circuits)
    if not 0 < probability <= 1:
        raise ValueError(f"probability: wanted above 0 and at most 1, got {probability}")
    numbers = np.arange(1, n + 1)
    shares = binom.pmf(numbers, n, probability)
    kept = numbers[shares >= 1e-4 * shares.sum()].tolist()
    total = shares[np.subtract(kept, 1)].sum()
    return {k: float(shares[k - 1] / total) for k in kept}
