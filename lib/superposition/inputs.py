"""Which circuits are active, and what they start from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from superposition._check import Floats, Integers, generator, positive_int

InputSampler = Callable[[Integers, np.random.Generator], Floats]


def sample_active(
    n_circuits: int, n_active: int, n_samples: int, rng: np.random.Generator
) -> Integers:
    """Uniformly random sets of active circuits, (n_samples, n_active), distinct within a row.

    Raises ValueError for n_active > n_circuits.
    """
    n_circuits = positive_int("n_circuits", n_circuits)
    n_active = positive_int("n_active", n_active, n_circuits, ", the number of circuits")
    n_samples, rng = positive_int("n_samples", n_samples), generator(rng)
    draws = [rng.choice(n_circuits, n_active, replace=False) for _ in range(n_samples)]
    return np.stack(draws)


def unit_inputs(width: int) -> InputSampler:
    """The default inputs: directions uniform on the unit sphere, (batch, k, width)."""

    def sample(active: Integers, rng: np.random.Generator) -> Floats:
        draws = rng.standard_normal((*active.shape, width))
        return draws / np.linalg.norm(draws, axis=-1, keepdims=True)

    return sample
