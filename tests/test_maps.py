"""Codes: writing, reading, and the one sum that makes every large matrix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import GaussianCode, SparseCode, sums, superpose
from superposition.circuits.inputs import sample_active


def dense_matrix(code, t):
    """Circuit t's writing matrix (size, width), entry by entry from the definition."""
    if isinstance(code, GaussianCode):
        return code.directions[t].T
    out = np.zeros((code.size, code.width))
    for entry, slots in enumerate(code.slots[t]):
        for slot in slots:
            out[slot, entry] += 1
    return out


def reading_matrix(code, t):
    scale = 1 if isinstance(code, GaussianCode) else code.redundancy
    return dense_matrix(code, t).T / scale


CODES = {
    "gaussian": lambda rng: GaussianCode.draw(5, 3, 20, rng, orthonormal=False),
    "orthonormal": lambda rng: GaussianCode.draw(5, 3, 20, rng),
    "random": lambda rng: SparseCode.draw("random", 5, 3, 20, 4, rng),
    "private": lambda rng: SparseCode.private(5, 3, 2),
}


@pytest.fixture(params=CODES)
def code(request, rng):
    return CODES[request.param](rng)


def test_encode_is_the_sum_over_active_circuits(code, rng):
    active = sample_active(5, 2, 7, rng)
    values = rng.standard_normal((7, 2, 3))
    wanted = [
        sum(dense_matrix(code, t) @ v for t, v in zip(row, vs, strict=True))
        for row, vs in zip(active, values, strict=True)
    ]
    np.testing.assert_allclose(code.encode(values, active), wanted, atol=1e-14)


def test_decode_reads_each_circuit_by_itself(code, rng):
    state, which = rng.standard_normal((4, code.size)), rng.integers(5, size=(4, 3))
    wanted = [
        [reading_matrix(code, t) @ s for t in row] for row, s in zip(which, state, strict=True)
    ]
    np.testing.assert_allclose(code.decode(state, which), wanted, atol=1e-14)
    rows = np.arange(4)[:, None]
    np.testing.assert_allclose(code.decode_all(state)[rows, which], wanted, atol=1e-14)


@pytest.mark.parametrize("write", CODES)
@pytest.mark.parametrize("read", CODES)
def test_superpose_is_the_loop_over_circuits(write, read, rng):
    write, read = CODES[write](rng), CODES[read](rng)
    weights = rng.standard_normal((5, 3, 3))
    wanted = sum(dense_matrix(write, t) @ weights[t] @ reading_matrix(read, t) for t in range(5))
    made = superpose(write, weights, read)
    assert type(made) is np.ndarray
    np.testing.assert_allclose(made, wanted, atol=1e-13)


@pytest.mark.parametrize("double", [0, 1, 2])
def test_one_in_double_precision_makes_the_sum_double(double, rng):
    dtypes = [np.float32] * 3
    dtypes[double] = np.float64
    write, read = (SparseCode(CODES["random"](rng).slots, 20, dtype) for dtype in dtypes[::2])
    weights = rng.standard_normal((5, 3, 3)).astype(dtypes[1])
    assert superpose(write, weights, read).dtype == np.float64


@pytest.mark.parametrize("write", CODES)
def test_superpose_adds_onto_what_is_there(write, rng):
    write, read = CODES[write](rng), CODES["random"](rng)
    weights, there = rng.standard_normal((5, 3, 3)), rng.standard_normal((write.size, 20))
    onto = there.copy()
    assert superpose(write, weights, read, onto=onto) is onto
    np.testing.assert_allclose(onto, there + superpose(write, weights, read), atol=1e-14)


def test_a_few_circuits_at_a_time_give_the_same_sum(rng, monkeypatch):
    write, read = CODES["random"](rng), CODES["private"](rng)
    weights = rng.standard_normal((5, 3, 3))
    at_once = superpose(write, weights, read)
    monkeypatch.setattr(sums, "_AT_ONCE", 2 * 4 * 2)  # two circuits: 5 = 2 + 2 + 1
    np.testing.assert_array_equal(superpose(write, weights, read), at_once)


def test_a_code_of_ones_own_sums_as_well(rng):
    """Any object with a code's matrices will do: here a sparse code that hides its slots."""

    class Hidden:
        def __init__(self, code):
            self.code = code

        def __getattr__(self, name):
            return getattr(self.code, name)

    code, weights = CODES["random"](rng), rng.standard_normal((5, 3, 3))
    made = superpose(Hidden(code), weights, Hidden(code))
    assert type(made) is np.ndarray
    np.testing.assert_allclose(made, superpose(code, weights, code), atol=1e-14)


def test_orthonormal_directions_are_orthonormal_within_each_circuit(rng):
    code = GaussianCode.draw(7, 4, 30, rng)
    for directions in code.directions:
        np.testing.assert_allclose(directions @ directions.T, np.eye(4), atol=1e-14)


@pytest.mark.parametrize("orthonormal", [False, True])
def test_overlaps_between_circuits_have_variance_one_over_size(orthonormal, rng):
    code = GaussianCode.draw(60, 4, 200, rng, orthonormal=orthonormal)
    overlaps = np.einsum("tia,uja->tuij", code.directions, code.directions)
    others = overlaps[~np.eye(60, dtype=bool)]
    # 1770 distinct pairs of 16 overlaps: the variance is known to about 1 %
    assert np.mean(others**2) * 200 == pytest.approx(1, abs=0.04)
    assert np.mean(others) == pytest.approx(0, abs=0.002)


def test_orthonormal_directions_have_no_preferred_sign(rng):
    """QR alone would turn direction i against axis i, and give equal directions a mean overlap."""
    directions = GaussianCode.draw(4000, 3, 16, rng).directions
    axes = np.arange(3)
    np.testing.assert_allclose(
        directions[:, axes, axes].mean(axis=0), 0, atol=4 / np.sqrt(4000 * 16)
    )
    mean_direction = directions.mean(axis=0)
    assert np.sum(mean_direction**2) * 4000 / 3 == pytest.approx(1, abs=0.6)


@given(size=st.integers(1, 40), seed=st.integers(0, 2**32), data=st.data())
def test_random_slots_are_distinct_and_in_range(size, seed, data):
    redundancy = data.draw(st.integers(1, size))
    code = SparseCode.draw("random", 3, 2, size, redundancy, np.random.default_rng(seed))
    assert code.slots.shape == (3, 2, redundancy)
    for slots in code.slots.reshape(-1, redundancy):
        assert len(set(slots.tolist())) == redundancy
        assert slots.min() >= 0
        assert slots.max() < size


@pytest.mark.parametrize(("size", "redundancy"), [(30, 3), (10, 5)])  # both ways of drawing
def test_random_slots_are_uniform(size, redundancy, rng):
    code = SparseCode.draw("random", 5000, 2, size, redundancy, rng)
    expected = 10_000 * redundancy / size
    spread = np.sqrt(expected * (1 - redundancy / size))
    assert code.load.sum() == 10_000 * redundancy
    assert np.abs(code.load - expected).max() < 4.5 * spread
    assert code.load.std() == pytest.approx(spread, rel=0.5)


def test_private_slots_are_never_shared():
    code = SparseCode.private(4, 3, 2)
    assert code.size == 24
    np.testing.assert_array_equal(code.load, 1)


def test_same_seed_same_code():
    draws = [SparseCode.draw("random", 9, 4, 50, 5, np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(draws[0].slots, draws[1].slots)
    dense = [GaussianCode.draw(9, 4, 50, np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(dense[0].directions, dense[1].directions)


def test_codes_keep_single_precision(rng):
    stream = GaussianCode.draw(3, 2, 10, rng, dtype=np.float32)
    slots = SparseCode.draw("random", 3, 2, 10, 2, rng, dtype=np.float32)
    weights = np.ones((3, 2, 2), np.float32)
    for write, read in [(stream, slots), (slots, stream), (slots, slots)]:
        assert superpose(write, weights, read).dtype == np.float32
    assert slots.encode(np.ones((1, 1, 2), np.float32), [[0]]).dtype == np.float32


def test_empty_batches(code):
    none = np.empty((0, 2), int)
    assert code.encode(np.empty((0, 2, 3)), none).shape == (0, code.size)
    assert code.decode(np.empty((0, code.size)), none).shape == (0, 2, 3)


# by hand


def test_a_sparse_code_by_hand():
    """Circuit 0 has slots 0 and 2, then 1 and 3; circuit 1 has slots 1 and 2, then 0 and 5."""
    code = SparseCode(np.array([[[0, 2], [1, 3]], [[1, 2], [0, 5]]]), 6)
    assert (code.n_circuits, code.width, code.redundancy, code.size) == (2, 2, 2, 6)
    assert code.dtype == np.float64
    assert code.load.tolist() == [2, 2, 2, 1, 0, 1]
    matrix = [[1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0], [0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 1]]
    assert code.matrix.toarray().tolist() == matrix
    assert code.matrix is code.matrix
    assert (2 * code.reader.toarray()).tolist() == matrix
    state = code.encode([[[1.0, 2.0], [10.0, 20.0]]], [[0, 1]])
    assert state.tolist() == [[21, 12, 11, 2, 0, 20]]
    assert code.decode(state, [[1, 0, 1]]).tolist() == [[[11.5, 20.5], [16, 7], [11.5, 20.5]]]
    assert code.decode_all(state).tolist() == [[[16, 7], [11.5, 20.5]]]


def test_a_code_of_equal_blocks_by_hand():
    """Two blocks of 3 slots and one slot over; circuits with slots 0 1, 0 2 and 0 1 of each."""
    sets = np.array([[0, 1], [0, 2], [1, 0]])
    code = SparseCode(np.stack([sets, sets + 3], axis=1), 7, np.float32)
    assert code.sets.tolist() == sets.tolist()
    assert code.set_matrix.toarray().tolist() == [[1, 1, 0], [1, 0, 1], [1, 1, 0]]
    assert code.overlaps.toarray().tolist() == [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    assert code.overlaps.nnz == 6
    assert code.bound == 3  # pairs of three slots
    assert code.matrix.dtype == code.reader.dtype == np.float32
    assert code.encode(np.ones((1, 1, 2), np.float32), [[0]]).dtype == np.float32
    assert code.encode(np.ones((1, 1, 2)), [[0]]).dtype == np.float64
    for slots in ([[[0, 1], [4, 3]]], [[[0, 4], [3, 6]]], [[[0, 3], [3, 6]]]):
        message = "^slots: wanted the same sets in each of 2 equal blocks$"
        with pytest.raises(ValueError, match=message):
            _ = SparseCode(np.array(slots), 7).sets


def test_disjoint_slots_fill_what_there_is(rng):
    code = SparseCode.draw("disjoint", 3, 4, 20, 5, rng)
    assert [sorted(circuit.ravel()) for circuit in code.slots] == [list(range(20))] * 3
    with pytest.raises(ValueError, match="at most 5, 20 slots by 4 entries that share none, got 6"):
        SparseCode.draw("disjoint", 3, 4, 20, 6, rng)
    assert SparseCode.draw("random", 3, 4, 5, 5, rng).redundancy == 5
    with pytest.raises(
        ValueError, match=r"^redundancy: wanted at most 5, the number of slots, got"
    ):
        SparseCode.draw("random", 3, 4, 5, 6, rng)
    assert SparseCode.draw("disjoint", 3, 1, 5, 5, rng).redundancy == 5
    with pytest.raises(
        ValueError, match=r"^redundancy: wanted at most 5, the number of slots, got"
    ):
        SparseCode.draw("disjoint", 3, 1, 5, 6, rng)


@pytest.mark.parametrize("kind", ["prime_step", "finite_plane"])
def test_packed_codes_are_packings_in_random_order(kind, rng):
    """All sets of the packing, with slots called by other names, the same in each block."""
    n = SparseCode.capacity(kind, 2, 19, 3)
    code = SparseCode.draw(kind, n, 2, 19, 3, rng, dtype=np.float32)
    assert code.dtype == np.float32
    assert code.size == 19
    assert set(code.sets.ravel()) == set(range(9))
    assert code.overlaps.max() == 1
    again = SparseCode.draw(kind, n, 2, 19, 3, np.random.default_rng(1))
    assert not np.array_equal(again.sets, code.sets)
    message = f"^n_circuits: wanted at most {n}, the capacity of '{kind}' with 9 slots, got {n + 1}"
    with pytest.raises(ValueError, match=message):
        SparseCode.draw(kind, n + 1, 2, 19, 3, rng)
    with pytest.raises(ValueError, match=r"^width: wanted at most 5, the number of slots, got 6$"):
        SparseCode.draw(kind, 1, 6, 5, 1, rng)


def test_private_codes_are_in_order():
    code = SparseCode.private(2, 3, 2, dtype=np.float32)
    assert code.slots.ravel().tolist() == list(range(12))
    assert code.dtype == np.float32
    assert SparseCode.private(2, 3).slots.tolist() == [[[0], [1], [2]], [[3], [4], [5]]]
    assert SparseCode.private(1, 1).dtype == np.float64
    for sizes, name in (((0, 1), "n_circuits"), ((1, 0), "width"), ((1, 1, 0), "redundancy")):
        with pytest.raises(ValueError, match=rf"^{name}: wanted at least 1, got 0$"):
            SparseCode.private(*sizes)


def test_codes_are_refused_word_for_word(rng):
    kinds = r"\('random', 'disjoint', 'prime_step', 'finite_plane'\)"
    with pytest.raises(ValueError, match=rf"^kind: wanted one of {kinds}, got 'dense'$"):
        SparseCode.draw("dense", 1, 1, 1, 1, rng)
    good = {"n_circuits": 1, "width": 1, "size": 4, "redundancy": 2}
    for name in good:
        with pytest.raises(ValueError, match=rf"^{name}: wanted at least 1, got 0$"):
            SparseCode.draw("random", **{**good, name: 0}, rng=rng)
    with pytest.raises(TypeError, match=r"^rng: wanted"):
        SparseCode.draw("random", **good, rng=None)
    with pytest.raises(TypeError, match=r"^dtype: wanted float32 or float64, got <class 'int'>$"):
        SparseCode(np.array([[[0]]]), 1, int)
    with pytest.raises(ValueError, match=r"^size: wanted at least 1, got 0$"):
        SparseCode(np.array([[[0]]]), 0)
    with pytest.raises(ValueError, match=r"^slots: wanted distinct slots for each entry, got a r"):
        SparseCode(np.array([[[0, 1], [2, 2]]]), 3)
    assert SparseCode(np.array([[[0, 1], [1, 2]]]), 3).width == 2
    code = SparseCode.private(2, 2)
    for values, active in (([[[1.0]]], [[0]]), (np.ones((1, 2, 2)), [[0]])):
        with pytest.raises(ValueError, match=r"^values: wanted shape"):
            code.encode(values, active)
    with pytest.raises(ValueError, match=r"^which: wanted entries from 0 to 1, got 2$"):
        code.decode(np.ones((1, 4)), [[2]])
    with pytest.raises(
        ValueError, match=r"^state: wanted shape \(batch, size = 4\), got \(1, 3\)$"
    ):
        code.decode(np.ones((1, 3)), [[0]])
    with pytest.raises(ValueError, match=r"^state: wanted shape \(batch, size = 4\), got \(4,\)$"):
        code.decode_all(np.ones(4))


def test_a_dense_code_by_hand():
    """Circuit 0 along (1, 0, 2) and (0, 1, 0), circuit 1 along (0, 0, 1) and (3, 0, 0)."""
    code = GaussianCode(np.array([[[1, 0, 2], [0, 1, 0]], [[0, 0, 1], [3, 0, 0]]]))
    assert (code.n_circuits, code.width, code.size) == (2, 2, 3)
    rows = [[1, 0, 2], [0, 1, 0], [0, 0, 1], [3, 0, 0]]
    assert code.matrix.tolist() == code.reader.tolist() == rows
    state = code.encode([[[1, 2], [10, 20]], [[0, 0], [1, 1]]], [[0, 1], [1, 0]])
    assert state.tolist() == [[61, 2, 12], [1, 1, 2]]
    assert code.decode(state, [[1, 1], [0, 1]]).tolist() == [[[12, 183]] * 2, [[5, 1], [2, 3]]]
    assert code.decode_all(state).tolist() == [[[85, 2], [12, 183]], [[5, 1], [2, 3]]]
    with pytest.raises(
        ValueError, match=r"^state: wanted shape \(batch, size = 3\), got \(1, 2\)$"
    ):
        code.decode_all(np.ones((1, 2)))
    with pytest.raises(
        ValueError, match=r"^directions: wanted shape \(circuits, width, size\), got"
    ):
        GaussianCode(np.ones((3, 2)))
    with pytest.raises(
        ValueError, match=r"^directions: wanted no empty axis, got shape \(1, 0, 2\)"
    ):
        GaussianCode(np.ones((1, 0, 2)))


def test_dense_codes_keep_their_precision(rng):
    code = GaussianCode.draw(2, 2, 5, rng, dtype=np.float32)
    assert code.directions.flags.c_contiguous
    for dtype in (np.float32, np.float64):
        values = np.ones((1, 1, 2), dtype)
        assert code.encode(values, [[0]]).dtype == dtype
        assert code.decode(np.ones((1, 5), dtype), [[0]]).dtype == dtype
    assert GaussianCode.draw(2, 2, 5, rng).directions.dtype == np.float64
    double = GaussianCode.draw(2, 2, 5, rng)
    assert double.encode(np.ones((1, 1, 2), np.float32), [[0]]).dtype == np.float64
    assert double.decode(np.ones((1, 5), np.float32), [[0]]).dtype == np.float64
    kept = GaussianCode([[[1, 0]]]).directions
    assert kept.dtype == np.float64
    assert not kept.flags.writeable


def test_plain_dense_directions_are_normal_with_variance_one_over_size():
    code = GaussianCode.draw(2, 3, 5, np.random.default_rng(4), orthonormal=False)
    draws = np.random.default_rng(4).standard_normal((2, 3, 5))
    np.testing.assert_array_equal(code.directions, draws / np.sqrt(5))
    assert GaussianCode.draw(2, 6, 5, np.random.default_rng(4), orthonormal=False).width == 6


def test_dense_codes_are_refused_word_for_word(rng):
    for name in ("n_circuits", "width", "size"):
        sizes = {"n_circuits": 1, "width": 1, "size": 1, name: 0}
        with pytest.raises(ValueError, match=rf"^{name}: wanted at least 1, got 0$"):
            GaussianCode.draw(**sizes, rng=rng)
    message = (
        "^size: wanted at least 3, one dimension for each orthonormal direction of a circuit, "
    )
    with pytest.raises(ValueError, match=f"{message}got 2$"):
        GaussianCode.draw(1, 3, 2, rng)
    assert GaussianCode.draw(1, 3, 3, rng).size == 3
    with pytest.raises(TypeError, match=r"^dtype: wanted float32 or float64, got <class 'int'>$"):
        GaussianCode.draw(1, 1, 1, rng, dtype=int)
    with pytest.raises(TypeError, match=r"^rng: wanted"):
        GaussianCode.draw(1, 1, 1, 3)


def test_superposing_by_hand():
    """One circuit, one entry each: 3 from slot 1 of two slots to slots 0 and 2 of three."""
    write = SparseCode(np.array([[[0, 2]]]), 3)
    made = superpose(write, np.full((1, 1, 1), 3.0), SparseCode(np.array([[[1]]]), 2))
    assert made.tolist() == [[0, 3], [0, 0], [0, 3]]
    with pytest.raises(
        ValueError, match=r"^weights: wanted shape \(circuits = 1, outputs = 1, inputs"
    ):
        superpose(write, np.ones((1, 2, 1)), write)
    with pytest.raises(ValueError, match=r"^read: wanted a code of 1 circuits, got 2$"):
        superpose(write, np.ones((1, 1, 1)), SparseCode.private(2, 1))


def test_what_a_sparse_code_is_given_is_kept_as_checked():
    code = SparseCode([[[0], [1]]], np.int8(2), "float32")
    assert code.slots.dtype == np.intp
    assert type(code.size) is int
    assert code.dtype is np.dtype(np.float32)
    double = SparseCode([[[0], [1]]], 2)
    assert double.dtype is np.dtype(np.float64)
    assert double.encode(np.ones((1, 1, 2), np.float32), [[0]]).dtype == np.float64
    with pytest.raises(
        ValueError, match=r"^slots: wanted shape \(circuits, width, redundancy\), got"
    ):
        SparseCode([0], 1)
    with pytest.raises(
        ValueError, match=r"^slots: wanted distinct slots for each entry, got a rep"
    ):
        SparseCode([[[0, 1, 1]]], 3)
    with pytest.raises(
        ValueError, match=r"at most 1, 3 slots by 2 entries that share none, got 2$"
    ):
        SparseCode.draw("disjoint", 1, 2, 3, 2, np.random.default_rng(0))
    one = SparseCode.private(1, 1)
    message = r"^weights: wanted shape \(circuits = 1, outputs = 1, inputs = 1\), got \(1, 1, 2\)$"
    with pytest.raises(ValueError, match=message):
        superpose(one, np.ones((1, 1, 2)), one)


def test_circuits_are_taken_by_number(rng):
    """In that order, with the code's precision; refused word for word."""
    for code in (
        GaussianCode.draw(3, 2, 20, rng, dtype=np.float32),
        SparseCode.draw("random", 3, 2, 20, 2, rng, dtype=np.float32),
    ):
        taken = code.take([2, 0])
        wanted = code.matrix.toarray() if hasattr(code.matrix, "toarray") else code.matrix
        found = taken.matrix.toarray() if hasattr(taken.matrix, "toarray") else taken.matrix
        np.testing.assert_array_equal(found, np.vstack([wanted[4:], wanted[:2]]))
        assert taken.dtype == np.float32
        with pytest.raises(ValueError, match=r"^which: wanted entries from 0 to 2, got 3"):
            code.take([3])
        with pytest.raises(ValueError, match=r"^which: wanted shape \(n\), got \(1, 1\)"):
            code.take([[1]])
