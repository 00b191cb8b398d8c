"""Scores: by hand, best for the truth, chance for what is shuffled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from superposition.bench import active_sets_found, match, ml2r, ml2r_columns, mmcs, mmcs_columns
from superposition.bench.scores import Active, cosines, shuffled
from superposition.circuits.inputs import active_mask, sample_active

seeds = st.integers(0, 2**32 - 1)


def test_by_hand():
    """Along (3, 4): cosines 3/5 and 4/5 with the axes; the last found row is nobody's."""
    true = np.array([[3.0, 4.0], [0.0, 2.0]])
    found = np.array([[1.0, 0.0], [0.0, 10.0], [-1.0, -1.0]])
    assert cosines(true, found)[0] == pytest.approx([0.6, 0.8, -7 / 5 / np.sqrt(2)])
    assert mmcs(true, found) == pytest.approx((0.8 + 1) / 2)
    assert ml2r(true, found) == pytest.approx((10 / 5 + 10 / 2) / 2)
    assert mmcs(true, found, over="found") == pytest.approx((0.6 + 1 - np.sqrt(0.5)) / 3)
    assert mmcs(true, found, signed=False) == pytest.approx((7 / 5 / np.sqrt(2) + 1) / 2)
    assert ml2r(true, found, signed=False) == pytest.approx((np.sqrt(2) / 5 + 5) / 2)


@given(seeds, st.integers(1, 6), st.integers(1, 6), st.integers(2, 8))
def test_the_truth_scores_best_whatever_its_order_and_scale(seed, n, more, size):
    rng = np.random.default_rng(seed)
    true = rng.standard_normal((n, size))
    scale = rng.uniform(0.5, 2, (n, 1))
    found = np.concatenate([scale * true, rng.standard_normal((more, size))])
    found = found[rng.permutation(len(found))]
    assert mmcs(true, found) == pytest.approx(1)
    assert mmcs(true, -found, signed=False) == pytest.approx(1)
    assert ml2r(true, true[::-1]) == pytest.approx(1)
    assert ml2r(true, 0.9 * true[::-1]) == pytest.approx(0.9)
    assert -1 <= mmcs(true, found, over="found") <= 1


@given(seeds, st.integers(1, 5), st.integers(2, 5), st.integers(1, 5))
def test_columns_by_loops(seed, n_components, rows, columns):
    rng = np.random.default_rng(seed)
    target = rng.standard_normal((rows, columns))
    components = rng.standard_normal((n_components, rows, columns))
    cosine, ratio = [], []
    for j in range(columns):
        column = target[:, j]
        like = [
            p[:, j] @ column / np.linalg.norm(p[:, j]) / np.linalg.norm(column) for p in components
        ]
        best = int(np.argmax(like))
        cosine.append(like[best])
        ratio.append(np.linalg.norm(components[best][:, j]) / np.linalg.norm(column))
    assert mmcs_columns(target, components) == pytest.approx(np.mean(cosine))
    assert ml2r_columns(target, components) == pytest.approx(np.mean(ratio))


def test_a_toy_model_taken_apart_by_its_columns_scores_one(rng):
    """As in toy models of superposition: a component for each column of W, zero elsewhere."""
    target = rng.standard_normal((3, 7))
    components = np.zeros((7, 3, 7))
    components[np.arange(7), :, np.arange(7)] = target.T
    assert mmcs_columns(target, components) == pytest.approx(1)
    assert ml2r_columns(target, components) == pytest.approx(1)
    assert ml2r_columns(target, 0.5 * components) == pytest.approx(0.5)
    assert mmcs_columns(target, np.zeros((2, 3, 7))) == 0


def test_very_short_vectors_have_directions_too():
    for dtype, size in ((np.float64, 1e-200), (np.float32, 1e-30)):
        one = np.array([[size, 0], [0, 2]], dtype)
        assert mmcs(one, one) == pytest.approx(1)


def test_random_directions_score_chance(rng):
    """The largest of C cosines in n dimensions: nearly √(2 ln C / n)."""
    true, found = rng.standard_normal((200, 400)), rng.standard_normal((100, 400))
    assert mmcs(true, found) == pytest.approx(np.sqrt(2 * np.log(100) / 400), rel=0.2)


def test_each_is_matched_once_by_the_best_sum():
    """The first would take what the second cannot do without."""
    similarity = np.array([[0.9, 0.8], [0.9, 0.1], [0.0, 0.0]])
    assert match(similarity).tolist() == [1, 0, -1]
    assert match(similarity.T).tolist() == [1, 0]


def test_active_sets_by_hand_and_as_scikit_learn_has_them(rng):
    true = np.array([[True, True, False], [False, True, False]])
    found = np.array([[True, False, True], [False, True, False]])
    assert active_sets_found(found, true) == Active(2 / 3, 2 / 3)
    true, found = rng.random((2, 40, 9)) < 0.3
    wanted = precision_recall_fscore_support(true, found, average="micro")[:2]
    got = active_sets_found(found, true)
    assert (got.precision, got.recall) == pytest.approx(wanted)
    assert active_sets_found(np.zeros_like(true), true) == Active(0.0, 0.0)


def test_the_truth_scores_one_and_shuffled_labels_chance(rng):
    on = active_mask(sample_active(50, 3, 4000, rng), 50)
    assert active_sets_found(on, on) == Active(1.0, 1.0)
    chance = active_sets_found(shuffled(on, rng), on)
    assert chance.precision == chance.recall == pytest.approx(3 / 50, rel=0.1)
    wrong = active_sets_found(np.roll(on, 1, axis=1), on)
    assert wrong.precision < 0.1


def test_what_cannot_be_scored_is_refused(rng):
    on = np.ones((2, 3), bool)
    some = rng.standard_normal((2, 3))
    for call, kind, message in (
        (lambda: mmcs(some, rng.standard_normal((2, 4))), ValueError,
         "found: wanted shape (found, size = 3), got (2, 4)"),
        (lambda: mmcs(some, some, over="all"), ValueError,
         "over: wanted 'true' or 'found', got 'all'"),
        (lambda: cosines(some, np.zeros((0, 3))), ValueError,
         "true, found: wanted at least one of each, got 2, 0"),
        (lambda: ml2r(np.zeros((1, 3)), some), ValueError,
         "true: wanted no row of zeros, which nothing is a share of"),
        (lambda: ml2r_columns(np.zeros((2, 3)), np.ones((1, 2, 3))), ValueError,
         "target: wanted no column of zeros, which nothing is a share of"),
        (lambda: mmcs_columns(some, np.zeros((0, 2, 3))), ValueError,
         "components: wanted no empty axis, got shape (0, 2, 3)"),
        (lambda: mmcs_columns(some, np.ones((1, 2, 4))), ValueError,
         "components: wanted shape (components, rows = 2, columns = 3), got (1, 2, 4)"),
        (lambda: active_sets_found(some, on), TypeError,
         "found: wanted an array of true and false"),
        (lambda: active_sets_found(on, [[True]]), TypeError,
         "true: wanted an array of true and false"),
        (lambda: active_sets_found(on[:1], on), ValueError,
         "found: wanted shape (2, 3), (batch, T), got (1, 3)"),
        (lambda: active_sets_found(on, ~on), ValueError,
         "true: wanted at least one active circuit, got none"),
        (lambda: match([[np.nan]]), ValueError,
         "similarity: wanted finite numbers, got NaN or infinity in float64"),
        (lambda: shuffled(on, 3), TypeError,
         "rng: wanted a numpy.random.Generator, got int; write numpy.random.default_rng(3)"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            call()
        assert str(error.value) == message
