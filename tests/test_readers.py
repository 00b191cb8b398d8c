"""How slots are read, row by row."""

import numpy as np
import pytest

from superposition import GatedConstruction, MLPCircuits, SparseCode, readers
from superposition.maps import draw_codes
from superposition.readers import SlotReader, SlotRows, loudest, reading_weights, shared_weights


@pytest.fixture
def two(rng):
    return draw_codes(7, 2, 40, rng)


def test_rows_are_those_of_each_slot(two):
    """Row by row: the circuit, the slot that it is written to, and what it reads."""
    read, write = two.slots(0), two.slots(1)
    rows, n = SlotRows.of(read, write, True), 0
    most = of_others = 0
    for slot, on, weights in reading_weights(read, write, True):
        arriving = np.abs(read.matrix.toarray() @ weights).sum(axis=1)
        most = max(most, arriving.max())
        of_others = max(of_others, np.delete(arriving, on).max())
        for circuit, column in zip(on, weights.T, strict=True):
            assert (rows.circuits[n], rows.slots[n]) == (circuit, slot)
            np.testing.assert_array_equal(rows.weights[n], column)
            n += 1
    assert n == len(rows.circuits) == 80
    assert (rows.loudest, rows.loudest_of_others) == pytest.approx((most, of_others))
    assert most >= of_others > 0


def test_rows_that_take_much_memory_are_found_again(two, monkeypatch):
    kept = SlotRows.of(two.slots(0), two.slots(1), True)
    monkeypatch.setattr(readers, "is_spare", lambda needed: needed < 8 * 80 * 14)
    anew = SlotRows.of(two.slots(0), two.slots(1), True)
    assert kept.kept is not None
    assert anew.kept is None
    np.testing.assert_array_equal(anew.weights, kept.weights)
    readers_of = [SlotReader(rows, np.array([0, 14]), 28, rows.circuits) for rows in (kept, anew)]
    for (part, weights), (other, again) in zip(
        *(reader.by_slot(kept.slots[:, None]) for reader in readers_of), strict=True
    ):
        assert part == other
        np.testing.assert_array_equal(weights, again)
    assert len({reader.n_products for reader in readers_of} | {2 * 80 * 14}) == 1


def test_networks_are_the_same_whether_rows_are_kept(rng, monkeypatch):
    circuits = MLPCircuits.random(30, [2, 3, 2], rng)
    construction = GatedConstruction(redundancy=2)
    kept = construction.compress(circuits, np.random.default_rng(1)).network
    monkeypatch.setattr(readers, "is_spare", lambda needed: False)
    anew = construction.compress(circuits, np.random.default_rng(1)).network
    for weights, again in zip(kept.weights, anew.weights, strict=True):
        np.testing.assert_array_equal(weights, again)


def test_rows_too_large_for_memory_are_refused(two, monkeypatch):
    monkeypatch.setattr(readers, "is_spare", lambda needed: False)
    rows = SlotRows.of(two.slots(0), two.slots(1), True)
    monkeypatch.setattr("superposition._memory._SMALL", 0)
    monkeypatch.setattr("superposition._memory.free_memory", lambda: 8 * 80 * 5.0)
    with pytest.raises(MemoryError, match=r"^codes: .* got one of 9\.0 kB; codes of 5 slots would"):
        _ = rows.weights


def test_reading_by_hand():
    """Two rows read blocks of three slots that start at 1 and 5, of eight neurons."""
    weights = np.array([[1.0, 0, 2], [0, 3, 0]])
    reader = SlotReader(weights, np.array([1, 5]), 8, np.array([1, 0]))
    state = np.arange(8.0)[:, None]
    np.testing.assert_array_equal(reader.read_rows(state)[..., 0], [[7, 19], [6, 18]])
    np.testing.assert_array_equal(reader.row(1), [[0, 0, 3, 0, 0, 0, 0, 0], [0] * 6 + [3, 0]])
    assert reader.rows_of(0).tolist() == [1]
    assert reader.rows_of(1).tolist() == [0]
    assert reader.n_products == 12


def test_the_loudest_by_hand(rng):
    """One slot each: the most circuits on one pair of slots; else sums of equal weights."""
    two = draw_codes(5, 1, 25, rng)
    assert loudest(two.slots(0), two.slots(1)) == 1
    assert loudest(two.slots(0), two.slots(0)) == 5
    two = draw_codes(7, 2, 40, rng)
    read, write = two.slots(0), two.slots(1)
    shares = read.matrix.toarray() @ read.matrix.toarray().T / 2
    wanted = max(
        shares[:, [c for c in range(40) if slot in write.slots[c, 0]]].sum(axis=1).max()
        for slot in range(write.size)
    )
    assert loudest(read, write) == pytest.approx(wanted)


def test_rows_of_a_piece_are_in_order():
    """However many there are; and weights keep their precision."""
    pieces = np.arange(600) % 3
    reader = SlotReader(np.ones((600, 2), np.float32), np.array([0]), 2, pieces)
    for piece in range(3):
        assert reader.rows_of(piece).tolist() == list(range(piece, 600, 3))
    assert reader.row(5).dtype == np.float32


def test_rows_by_slot_by_hand():
    weights = np.array([[1.0], [2], [3]])
    reader = SlotReader(weights, np.array([0]), 1, np.arange(3))
    found = [(part, rows.tolist()) for part, rows in reader.by_slot(np.array([[0], [1], [1]]))]
    assert found == [(slice(0, 1), [[1]]), (slice(1, 3), [[2], [3]])]
    found = [part for part, _ in reader.by_slot(np.array([[0, 1], [0, 1], [0, 2]]))]
    assert found == [slice(0, 2), slice(2, 3)]


def test_it_is_asked_whether_rows_are_spare(two, monkeypatch):
    asked = []
    monkeypatch.setattr(readers, "is_spare", lambda needed: asked.append(needed) or True)
    SlotRows.of(two.slots(0), two.slots(1), True)
    assert asked == [8 * 80 * 14]


def test_shared_weights_keep_the_precision():
    code = SparseCode(np.array([[[0]], [[1]]]), 3, np.float32)
    assert shared_weights(code, code).dtype == np.float32
