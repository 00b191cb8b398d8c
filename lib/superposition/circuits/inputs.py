"""Which circuits are active, and what they start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, generator, positive_int

InputSampler = Callable[[Integers, np.random.Generator], Floats]


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
