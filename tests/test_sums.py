"""A large weight matrix as a sum, by hand."""

import numpy as np
import pytest
from scipy import sparse

from superposition import SparseCode
from superposition.readers import SlotReader
from superposition.sums import Part, Sum, part_of_rows, placed

READ = SparseCode(np.array([[[0, 1]], [[1, 2]]]), 3)  # two circuits of one entry, on two slots each
WRITE = SparseCode(np.array([[[0], [1]], [[0], [1]]]), 4)
SMALL = np.array([[[2.0], [4.0]], [[6.0], [8.0]]])


@pytest.fixture
def hand():
    """Two circuits, a part of nobody's, and two places of the rest."""
    every = np.broadcast_to(np.array([[10.0]]), (2, 1, 1))
    reader = SlotReader(np.array([[1.0, 0], [0, 2]]), np.array([1]), 3, np.arange(2))
    shared = Part(SparseCode(np.array([[[2]], [[3]]]), 4), every, reader)
    rest = placed([(np.array([0, 3]), np.array([2, 0]), np.array([-1.0, 7.0]))], (4, 3), float)
    parts = Part(WRITE, SMALL, READ, np.array([0, 1])), shared
    return Sum((4, 3), parts, rest, np.dtype(float), 2, "weights[5]")


def test_it_adds_up_by_hand(hand):
    wanted = [[1, 1 + 3, 3 - 1], [2, 2 + 4, 4], [0, 10, 0], [7, 0, 20]]
    assert hand.dense().tolist() == wanted
    onto = np.ones((4, 3))
    assert hand.dense(onto) is onto
    assert (onto - 1).tolist() == wanted
    state = np.array([[1.0, 2, 3], [0, 1, 0]])
    np.testing.assert_allclose(hand(state), state @ np.transpose(wanted))


def test_components_by_hand(hand):
    first, second = hand.component(0), hand.component(1)
    assert first.tolist() == [[1, 1, 0], [2, 2, 0], [0, 0, 0], [0, 0, 0]]
    assert second.tolist() == [[0, 3, 3], [0, 4, 4], [0, 0, 0], [0, 0, 0]]
    assert [write.shape for write, _ in hand.pieces()] == [(4, 2), (4, 2)]
    assert [(write @ read).tolist() for write, read in hand.pieces()] == [
        first.tolist(),
        second.tolist(),
    ]
    assert hand.owners.tolist() == [0, 1]
    assert hand.owners.dtype.kind == "i"


def test_what_is_of_no_circuit(hand):
    rest = hand.of_no_circuit()
    assert rest.dense().tolist() == [[0, 0, -1], [0, 0, 0], [0, 10, 0], [7, 0, 20]]
    assert (rest.name, rest.n_circuits, rest.dtype) == ("weights[5]", 2, float)
    assert rest.owners.dtype.kind == "i"
    assert list(rest.pieces()) == []
    left, right = rest.factors(1)
    assert (left.shape, right.shape) == ((4, 0), (0, 3))


def test_products_and_bytes_by_hand(hand):
    """Reading 4, writing 4, weights 4; of the shared part 4, 2 and 2; and two of the rest."""
    assert hand.n_products == 12 + 8 + 2
    assert hand.nbytes == 4 * 3 * 8
    single = Sum((4, 3), (), None, np.dtype(np.float32), 2)
    assert (single.n_products, single.nbytes) == (0, 48)


@pytest.mark.parametrize("of_state", [np.float32, np.float64])
@pytest.mark.parametrize("of_sum", [np.float32, np.float64])
def test_the_wider_precision_holds(of_state, of_sum):
    read, write = (SparseCode(code.slots, code.size, of_sum) for code in (READ, WRITE))
    part = Part(write, SMALL.astype(of_sum), read, np.array([0, 1]))
    one = Sum((4, 3), (part,), None, np.dtype(of_sum), 2)
    assert one(np.ones((1, 3), of_state)).dtype == np.result_type(of_state, of_sum)
    assert one.dense().dtype == of_sum


def test_rows_keep_the_precision(rng):
    from superposition.maps import draw_codes
    from superposition.readers import SlotRows

    two = draw_codes(7, 2, 9, rng)
    rows = SlotRows.of(two.slots(0), two.slots(1), True)
    small = np.ones((9, 1, 2), np.float32)
    starts, n = np.array([0, 14]), 14
    part = part_of_rows(rows, small, np.array([0]), (n, 2 * n), starts, np.arange(9))
    assert part.write.dtype == np.float32


def test_places_of_zero_are_none():
    places = [(np.array([0, 1]), np.array([0, 1]), np.array([0.0, 2.0]))]
    made = placed(places, (2, 2), np.float32)
    assert (made.nnz, made.dtype) == (1, np.float32)
    assert sparse.issparse(made)
    assert placed([], (2, 2), float) is None


def test_what_does_not_fit_is_refused_by_its_own_size(monkeypatch):
    monkeypatch.setattr("superposition._memory._SMALL", 0)
    monkeypatch.setattr("superposition._memory.free_memory", lambda: 64.0)
    wide = Sum((1, 9), (), None, np.dtype(float), 1)
    with pytest.raises(MemoryError, match=r"^shape: .* 72\.0 bytes; 8 weights would fit$"):
        wide.dense()


def test_a_circuit_that_does_not_exist_has_no_factors(hand):
    with pytest.raises(ValueError, match=r"^circuit: wanted entries from 0 to 1"):
        hand.factors(2)


def test_slots_that_read_alike_are_one_factor():
    """A circuit on two slots, whose rows are the same, or not."""
    for second, rank in (([1.0, 2.0], 1), ([1.0, 3.0], 2)):
        reader = SlotReader(np.array([[1.0, 2.0], second]), np.array([0]), 2, np.array([0, 0]))
        write = SparseCode(np.array([[[0]], [[2]]]), 3)
        part = Part(write, np.full((2, 1, 1), 5.0), reader, np.array([0]))
        left, right = part.factors(0)
        assert left.shape == (3, rank)
        np.testing.assert_array_equal(left @ right, [[5, 10], [0, 0], np.multiply(5, second)])


@pytest.mark.parametrize("slots", [[2, 3, 4], [4, 0, 4], [1, 3, 0]])
def test_rows_with_one_small_matrix_may_be_written_anywhere(slots, rng):
    """Dense weights are those of the run in factors, whether slots are in a row or not."""
    write = SparseCode(np.array([[[slot], [9 - slot]] for slot in slots]), 10)
    shared = np.broadcast_to(rng.standard_normal((2, 1)), (3, 2, 1))
    reader = SlotReader(rng.standard_normal((3, 4)), np.array([0]), 4, np.arange(3))
    one = Sum((10, 4), (Part(write, shared, reader, np.arange(3)),), None, np.dtype(float), 3)
    np.testing.assert_allclose(one.dense().T, one(np.eye(4)), atol=1e-14)
    own = [one.component(t) for t in range(3)]
    np.testing.assert_allclose(sum(own), one.dense(), atol=1e-14)


@pytest.mark.parametrize("slots", [[2, 3, 4], [4, 0, 4]])
def test_rows_with_a_matrix_each_are_added_to_what_is_there(slots, rng):
    """Two parts, the second onto the first; and of one small matrix, too."""
    write = SparseCode(np.array([[[slot], [slot + 5]] for slot in slots]), 10)
    reader = SlotReader(rng.standard_normal((3, 4)), np.array([0]), 4, np.arange(3))
    each = rng.standard_normal((3, 2, 1))
    shared = np.broadcast_to(each[:1], (3, 2, 1))
    parts = tuple(Part(write, weights, reader, np.arange(3)) for weights in (shared, each, shared))
    whole = Sum((10, 4), parts, None, np.dtype(float), 3)
    wanted = np.zeros((10, 4))
    for weights in (shared, each, shared):
        for t, slot in enumerate(slots):
            for i, to in enumerate((slot, slot + 5)):
                wanted[to] += weights[t, i, 0] * reader.weights[t]
    np.testing.assert_allclose(whole.dense(), wanted, atol=1e-14)
    np.testing.assert_allclose(whole(np.eye(4)).T, wanted, atol=1e-14)
