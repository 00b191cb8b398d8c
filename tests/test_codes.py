"""Codes: writing, reading, and the one sum that makes every large matrix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import GaussianCode, SparseCode, superpose
from superposition.codes import sums
from superposition.inputs import sample_active


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
