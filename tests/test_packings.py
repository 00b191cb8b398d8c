"""Sets that meet at most once: exhaustively for small sizes, and the published capacities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import SparseCode
from superposition.packings import (
    capacity,
    draw_lines,
    packing,
    packing_bound,
    plane_lines,
    smallest_plane,
)

KINDS = ["prime_step", "finite_plane"]
SIZES = st.tuples(st.integers(1, 4), st.integers(2, 40), st.integers(1, 5), st.integers(0, 3))


def prime(n):
    return n > 1 and all(n % p for p in range(2, n))


def plane_order(block, redundancy):
    """The largest prime up to block / r, or 0 where no plane of r classes fits."""
    largest = max(filter(prime, range(block // redundancy + 1)), default=0)
    return largest if largest >= redundancy else 0


def fits(kind, block, redundancy):
    return redundancy <= block if kind == "prime_step" else plane_order(block, redundancy) > 0


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


@pytest.mark.parametrize("kind", KINDS)
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


@given(kind=st.sampled_from(KINDS), sizes=SIZES, share=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_circuits_of_a_code_share_at_most_one_slot_of_a_block(kind, sizes, share, seed):
    """Counted in `overlaps`, which is symmetric and leaves out each circuit itself."""
    (width, block, redundancy, more), rng = sizes, np.random.default_rng(seed)
    if not fits(kind, block, redundancy):
        return
    size = width * block + min(more, width - 1)
    n_circuits = max(1, int(share * min(capacity(kind, block, redundancy), 40)))
    code = SparseCode.draw(kind, n_circuits, width, size, redundancy, rng)
    overlaps = code.overlaps.toarray()
    sets = [set(row) for row in code.sets.tolist()]
    wanted = [[len(a & b) if a is not b else 0 for b in sets] for a in sets]
    np.testing.assert_array_equal(overlaps, wanted)
    np.testing.assert_array_equal(overlaps, overlaps.T)
    assert overlaps.max() <= 1
    member = [[slot in row for slot in range(block)] for row in sets]
    np.testing.assert_array_equal(code.set_matrix.toarray(), member)


@given(kind=st.sampled_from(KINDS), sizes=SIZES)
def test_a_code_holds_its_capacity_and_no_circuit_more(kind, sizes):
    (width, block, redundancy, more), rng = sizes, np.random.default_rng(0)
    if not fits(kind, block, redundancy):
        with pytest.raises(ValueError, match=r"redundancy: wanted|n_slots: wanted"):
            SparseCode.capacity(kind, width, width * block, redundancy)
        return
    size = width * block + min(more, width - 1)
    most = SparseCode.capacity(kind, width, size, redundancy)
    if kind == "finite_plane":
        assert most == plane_order(block, redundancy) ** 2
    if redundancy > 1:
        assert most <= packing_bound(block, redundancy)
    full = SparseCode.draw(kind, most, width, size, redundancy, rng)
    assert full.n_circuits == most
    message = f"n_circuits: wanted at most {most}, the capacity of '{kind}' with {block} slots"
    with pytest.raises(ValueError, match=f"{message}, got {most + 1}"):
        SparseCode.draw(kind, most + 1, width, size, redundancy, rng)


@given(sizes=SIZES, seed=st.integers(0, 2**32))
def test_any_number_of_points_loads_the_lines_in_use_alike(sizes, seed):
    (width, block, redundancy, _), rng = sizes, np.random.default_rng(seed)
    if not fits("finite_plane", block, redundancy):
        return
    n_used = plane_order(block, redundancy) * redundancy
    sets = packing("finite_plane", block, redundancy)
    load = np.zeros(n_used, int)
    for points in sets:
        load[points] += 1
        assert load.max() - load.min() <= 1
    some = rng.integers(1, len(sets) + 1)
    code = SparseCode.draw("finite_plane", some, width, width * block, redundancy, rng)
    for load in np.sort(code.load.reshape(width, block)):
        assert not load[: block - n_used].any()
        assert load[-1] - load[block - n_used] <= 1


def test_shared_slots_by_hand():
    """Two blocks of three: circuits 0 and 1 share slot 1 of each, circuit 2 has 0's slots."""
    sets = np.array([[0, 1], [1, 2], [1, 0]])
    code = SparseCode(np.stack([sets, sets + 3], axis=1), 7)
    np.testing.assert_array_equal(code.sets, sets)
    np.testing.assert_array_equal(code.set_matrix.toarray(), [[1, 1, 0], [0, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(code.overlaps.toarray(), [[0, 1, 2], [1, 0, 1], [2, 1, 0]])


def test_codes_without_the_same_sets_in_equal_blocks_have_none(rng):
    """Codes of one entry have one block, and a lone circuit's own slots may be equal blocks."""
    for code in (
        SparseCode.draw("random", 5, 2, 20, 3, rng),
        SparseCode.draw("disjoint", 5, 2, 20, 3, rng),
        SparseCode.private(3, 2, 2),
    ):
        for name in ("sets", "set_matrix", "overlaps"):
            with pytest.raises(ValueError, match="slots: wanted the same sets in each of 2 equal"):
                getattr(code, name)
    whole = SparseCode.draw("random", 5, 1, 20, 3, rng)
    np.testing.assert_array_equal(whole.sets, whole.slots[:, 0])
    np.testing.assert_array_equal(SparseCode.private(1, 3, 2).sets, [[0, 1]])


def test_a_code_knows_its_bound(rng):
    assert (
        SparseCode.draw("finite_plane", 9, 4, 1000, 6, rng).bound == packing_bound(250, 6) == 2041
    )


def test_packings_by_hand():
    """Triples of 9 slots: steps 1 and 3 (2 has a factor below 3, and 4 is too long)."""
    triples = packing("prime_step", 9, 3).tolist()
    assert triples == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert packing("prime_step", 3, 1).tolist() == [[0], [1], [2]]
    fours = packing("prime_step", 13, 4).tolist()  # 4 is composite, and so its powers are steps
    assert fours[-1] == [0, 4, 8, 12]
    assert len(fours) == 3 + 1  # steps 1 and 4
    assert packing("prime_step", 4, 4).tolist() == [[0, 1, 2, 3]]
    plane = packing("finite_plane", 5, 2).tolist()
    assert plane == [[0, 2], [1, 3], [0, 3], [1, 2]]
    assert capacity("finite_plane", 5, 2) == 4


def test_packings_are_refused_word_for_word():
    with pytest.raises(
        ValueError, match=r"^kind: wanted one of \('prime_step', 'finite_plane'\), got"
    ):
        packing("lines", 9, 3)
    for call in (lambda *sizes: packing("prime_step", *sizes), packing_bound):
        with pytest.raises(ValueError, match=r"^n_slots: wanted at least 1, got 0$"):
            call(0, 1)
        with pytest.raises(ValueError, match=r"^redundancy: wanted at least 1, got 0$"):
            call(3, 0)
        message = "^redundancy: wanted at most 3, the number of slots, got 4$"
        with pytest.raises(ValueError, match=message):
            call(3, 4)
    with pytest.raises(ValueError, match=r"^redundancy: wanted at least 2, got 1$"):
        packing_bound(5, 1)
    assert packing_bound(2, 2) == 1
    assert packing_bound(7, 3) == 7
    with pytest.raises(
        ValueError, match="n_slots: wanted at least 2 for each of 3, the redundancy, g"
    ):
        packing("finite_plane", 5, 3)
    message = r"wanted at most 3 \(the largest prime up to slots / redundancy\), got 6$"
    with pytest.raises(ValueError, match=message):
        packing("finite_plane", 24, 6)
    with pytest.raises(ValueError, match=r"^q: wanted a prime, got 4$"):
        plane_lines(4, 1)
    with pytest.raises(ValueError, match=r"^q: wanted at least 1, got 0$"):
        plane_lines(0, 1)
    with pytest.raises(
        ValueError, match=r"^n_slopes: wanted at most 4, the slopes of the plane over 3"
    ):
        plane_lines(3, 5)
    with pytest.raises(ValueError, match=r"^n_slopes: wanted at least 1, got 0$"):
        plane_lines(3, 0)


def test_the_smallest_plane_has_enough_points_and_slopes():
    wanted = {
        (1, 1): 2,
        (4, 3): 2,
        (5, 3): 3,
        (9, 4): 3,
        (10, 1): 5,
        (1, 5): 5,
        (1, 6): 5,
        (1, 7): 7,
    }
    assert {sizes: smallest_plane(*sizes) for sizes in wanted} == wanted
    assert type(smallest_plane(5, 3)) is int


def test_lines_are_those_of_the_first_points_in_random_order(rng):
    """With vertical lines among the slots, of any points; otherwise of the first, all loaded."""
    of_first = {tuple(row) for row in plane_lines(3, 3)[:4].tolist()}
    assert {tuple(row) for row in draw_lines(3, 3, 4, rng).tolist()} == of_first
    drawn = [draw_lines(3, 4, 1, rng)[0, 3] for _ in range(30)]
    assert set(drawn) == {9, 10, 11}
    with pytest.raises(
        ValueError, match=r"^n_circuits: wanted at most 9, the points of the plane over"
    ):
        draw_lines(3, 1, 10, rng)
