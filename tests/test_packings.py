"""Sets that meet at most once: exhaustively for small sizes, and the published capacities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import SparseCode
from superposition.codes.packings import capacity, packing, packing_bound


def largest_overlap(sets, n_slots):
    carried = np.zeros((len(sets), n_slots))
    carried[np.arange(len(sets))[:, None], sets] = 1
    return int(np.max(carried @ carried.T - np.diag(carried.sum(axis=1))))


@pytest.mark.parametrize(
    ("n_slots", "wanted"),
    [(150, 176), (200, 317), (250, 557), (300, 755), (400, 1331), (500, 2101)],
)
def test_prime_step_capacities_are_the_published_ones(n_slots, wanted):
    """Of Rotations in Superposition: D = 600 … 2000, d = 4, r = 6."""
    assert capacity("prime_step", n_slots, 6) == wanted


def test_capacities_at_the_published_size():
    assert capacity("finite_plane", 250, 6) == 41**2 == 1681
    assert packing_bound(250, 6) == 2041


@given(n_slots=st.integers(1, 90), redundancy=st.integers(1, 9))
def test_runs_meet_at_most_once(n_slots, redundancy):
    if redundancy > n_slots:
        return
    sets = packing("prime_step", n_slots, redundancy)
    assert sets.shape[1] == redundancy
    assert all(len(set(row)) == redundancy for row in sets)
    assert (sets >= 0).all()
    assert (sets < n_slots).all()
    if redundancy > 1:
        assert largest_overlap(sets, n_slots) <= 1
        assert len(sets) <= packing_bound(n_slots, redundancy)


@given(q=st.sampled_from([2, 3, 5, 7, 11]), redundancy=st.integers(1, 7), more=st.integers(0, 3))
def test_points_meet_at_most_once_and_load_lines_alike(q, redundancy, more):
    """Slots beyond q r are not used; the first T points load all others alike, to within one."""
    if redundancy > q:
        return
    n_slots = q * redundancy + min(more, redundancy - 1)
    sets = packing("finite_plane", n_slots, redundancy)
    assert sets.shape == (q * q, redundancy)
    if redundancy > 1:
        assert largest_overlap(sets, n_slots) <= 1
    for n in (1, q, q * q // 2, q * q):
        load = np.bincount(sets[:n].ravel(), minlength=q * redundancy)
        assert load.max() - load.min() <= 1


@pytest.mark.parametrize("kind", ["prime_step", "finite_plane"])
def test_codes_place_one_set_in_every_block(kind, rng):
    """Two circuits share at most one slot of each entry's block, and entries share none."""
    code = SparseCode.draw(kind, 25, 3, 100, 4, rng)
    assert code.slots.shape == (25, 3, 4)
    for entry in range(3):
        block = code.slots[:, entry] - 33 * entry
        np.testing.assert_array_equal(block, code.slots[:, 0])
        assert (block >= 0).all()
        assert (block < 33).all()
    assert largest_overlap(code.slots[:, 0], 33) == 1


def test_codes_of_two_draws_differ(rng):
    first, second = (SparseCode.draw("finite_plane", 20, 2, 60, 3, rng).slots for _ in range(2))
    assert (first != second).any()


def test_the_bound_by_hand():
    """Fano's plane: seven sets of three among seven slots, and no more."""
    assert packing_bound(7, 3) == 7
    assert packing_bound(6, 3) == 4
