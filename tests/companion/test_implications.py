"""What units say about who is active: by hand."""

import numpy as np
import pytest

from companion.implications import Activity, _activity, activities
from superposition import GaussianCode, ResidualCircuits, ResidualConstruction, SparseCode
from superposition.constructions.post import PostCodes


def test_purity_by_hand():
    activity = Activity(np.array([[3.0, 1, 0, 0], [1, 1, 0, 2]]), 0.5, 0.5)
    assert activity.purity.tolist() == [0.75, 0.5, 1.0]
    assert activity.n_circuits.tolist() == [2, 2, 0, 1]


def test_the_most_active_unit_is_right_if_it_was_its_circuits_on_other_inputs():
    """Units belong to 0, 1 and 1; then the run of circuit 0 is led by one of 1's.

    As a whole it is nearer to what 0 did before: (√3, 2, 0) along (3, 1, 0) and (0, √2, √5).
    """
    squares = np.array([[[9.0, 1, 0], [0, 2, 5]], [[3, 4, 0], [0, 9, 1]]])
    found = _activity(squares)
    assert found.units.tolist() == [[12, 5, 0], [0, 11, 6]]
    assert found.right == 0.5
    assert found.pattern == 1.0
    assert _activity(squares[::-1]).right == 1.0


def test_without_superposition_every_unit_is_its_circuits(rng):
    circuits = ResidualCircuits.random(5, 3, 4, 2, rng)
    stream = GaussianCode(np.eye(20).reshape(5, 4, 20))
    codes = [SparseCode.private(5, 4)] * 2
    large = ResidualConstruction(20, 20, 1).compress(circuits, rng, codes=PostCodes(stream, codes))
    inputs = rng.standard_normal((3, 3))
    neurons, reads = activities(large, inputs)
    for found in (neurons, reads):
        assert found.purity == pytest.approx(1)
        assert found.right == found.pattern == 1
        assert found.n_circuits.max() == 1
    truth = circuits.run(np.tile(inputs[0], (5, 1, 1)), np.arange(5)[:, None])
    one = activities(large, np.stack([inputs[0], inputs[0]]))[1]
    wanted = 2 * np.sum((truth[-1] - truth[0]) ** 2, axis=-1)[:, 0]
    assert np.diag(one.units) == pytest.approx(wanted)
    with pytest.raises(
        ValueError, match=r"^inputs: wanted shape \(inputs, width = 3\), got \(2,\)$"
    ):
        activities(large, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"^inputs: wanted at least 2, got 1$"):
        activities(large, inputs[:1])
