"""Active sets and inputs."""

import numpy as np
import pytest

from superposition import MLPCircuits
from superposition._memory import is_spare
from superposition.circuits import switched
from superposition.circuits.inputs import (
    UnitInputs,
    active_mask,
    in_turn,
    take_inputs,
    with_companions,
)
from superposition.interop import RowInputs


def test_companions_are_others_and_any_of_them(rng):
    which = np.tile([0, 3, 2], 40)
    for n_active in (1, 2, 4):
        found = with_companions(which, 4, n_active, rng)
        assert found.shape == (120, n_active)
        np.testing.assert_array_equal(found[:, 0], which)
        assert all(len(set(row)) == n_active for row in found.tolist())
    pairs = {tuple(row) for row in with_companions(which, 4, 2, rng).tolist()}
    assert pairs == {(t, u) for t in (0, 3, 2) for u in range(4) if u != t}


def test_more_companions_than_circuits_are_refused(rng):
    with pytest.raises(ValueError, match=r"^n_active: wanted at most 4, the number of circuits"):
        with_companions(np.zeros(3, int), 4, 5, rng)


def test_the_mask_by_hand():
    mask = active_mask(np.array([[2, 0], [1, 2]]), 3)
    assert mask.tolist() == [[True, False, True], [False, True, True]]
    assert mask.dtype == bool


def test_samplers_are_taken_along(rng):
    rows = RowInputs(np.array([[1.0], [2.0], [3.0]]), np.arange(3), np.ones(3, int))
    circuits = MLPCircuits.random(3, [1, 2], rng)
    fed = MLPCircuits(circuits.weights, circuits.biases, "relu", rows)
    active = np.array([[0, 1]])
    assert fed.take([2, 0]).sampler(active, rng).tolist() == [[[3], [1]]]
    assert switched(fed).take([2, 0]).sampler(active, rng)[..., 2:].tolist() == [[[3], [1]]]
    sphere = UnitInputs(4)
    assert take_inputs(sphere, np.array([0])) is sphere
    assert MLPCircuits(circuits.weights, circuits.biases, "relu").take([1]).sampler is None


def test_what_is_spare_by_hand(monkeypatch):
    """All that is small, and no more than a quarter of what is free."""
    monkeypatch.setattr("superposition._memory._SMALL", 10)
    monkeypatch.setattr("superposition._memory.free_memory", lambda: 80.0)
    assert [is_spare(n) for n in (9, 10, 20, 21)] == [True, True, True, False]
    monkeypatch.setattr("superposition._memory.free_memory", lambda: 4.0)
    assert [is_spare(n) for n in (1, 9, 10)] == [True, True, False]


@pytest.mark.parametrize(("n", "k"), [(8, 2), (7, 3), (5, 5), (9, 1)])
def test_all_circuits_take_turns(n, k, rng):
    active = in_turn(n, k, 40, rng)
    assert len(active) >= 40
    assert all(len({*row}) == k for row in active.tolist())
    once = -(-n // k)
    assert {*active[:once].ravel().tolist()} == {*range(n)}
    counts = np.bincount(active.ravel())
    assert counts.max() - counts.min() <= len(active) // once
