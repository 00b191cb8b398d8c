"""Shared by all tests: one seeded generator, small circuits, and hypothesis without a clock."""

from collections.abc import Callable

import hypothesis
import numpy as np
import pytest

from superposition import ResidualCircuits

# speed is never a test's verdict: a slow machine must not fail a law
hypothesis.settings.register_profile("book", deadline=None, derandomize=True)
# for tests/mutation: some example fails, it need not be the smallest
hypothesis.settings.register_profile(
    "mutation",
    deadline=None,
    derandomize=True,
    max_examples=10,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.load_profile("book")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20241014)


@pytest.fixture
def make_circuits(rng: np.random.Generator) -> Callable[..., ResidualCircuits]:
    def make(n_circuits: int = 6, width: int = 3, n_neurons: int = 4, n_layers: int = 2):
        return ResidualCircuits.random(n_circuits, width, n_neurons, n_layers, rng)

    return make
