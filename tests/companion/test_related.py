"""What a few lines say of related work: by hand, and at the sizes of the page."""

import numpy as np
import pytest

from companion import related
from superposition import SparseCode
from superposition.theory import evaluate, limits, symbols


def test_ping_pong_is_gated_superposition_with_one_slot_for_each_entry(rng):
    """7 blocks of 3: 49 circuits in 21 + 2 · 7 neurons."""
    built = related.ping_pong(7, 3, rng).iloc[0]
    assert built[["circuits", "claimed", "built"]].tolist() == [49, 35, 35]
    assert built["worst"] < 1e-12


def test_squares_tie_and_fourth_powers_do_not(rng):
    served = related.half_served(60, 20, rng)
    assert served["power 2"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert served.loc["a neuron each", "power 4"] == pytest.approx(2 / 3)
    assert served.loc["in superposition", "power 4"] < 0.4


def test_linear_read_outs_have_the_published_floor_and_layers_a_higher_one():
    sizes = {symbols.D: 50, symbols.d: 1, symbols.k: 2, symbols.M: 50, symbols.m: 1}
    for n in (51, 500, 2500):
        at = sizes | {symbols.T: n}
        read, layer = (float(evaluate(f(), at)) for f in (limits.read_floor, limits.layer_floor))
        assert read == pytest.approx((n - 50) / (50 * (n - 1)))
        assert layer > read
    assert layer == pytest.approx(1)


def test_a_half_full_memory_errs_where_all_of_a_set_is_connected(rng):
    """Nearly independent ones: ρ^r of the other slots, a little more in practice."""
    small, large = (related.willshaw(*size, rng).iloc[0] for size in ((256, 6), (1024, 8)))
    assert small["pairs"] == round(np.log(2) * (256 / 6) ** 2)
    for found, r in ((small, 6), (large, 8)):
        assert found["density"] == pytest.approx(0.5, abs=0.01)
        assert 1 < found["false"] / 0.5**r < 1.4
    assert 0.5 < small["bits"] < large["bits"] < np.log(2)


def test_false_alarms_by_hand(rng):
    """Two of three circuits are active: the third has both of its slots covered, or not."""
    covered = SparseCode(np.array([[[0, 1]], [[1, 2]], [[0, 2]]]), 3)
    apart = SparseCode(np.array([[[0, 1]], [[2, 3]], [[4, 5]]]), 6)
    assert related.false_alarms(covered, 2, 10, rng) == 1
    assert related.false_alarms(apart, 2, 10, rng) == 0


def test_a_plane_names_no_silent_circuit_while_fewer_are_active_than_slots(rng):
    code = SparseCode.draw("finite_plane", 121, 1, 33, 3, rng)
    assert related.false_alarms(code, 2, 300, rng) == 0
    assert related.false_alarms(code, 3, 300, rng) > 0
