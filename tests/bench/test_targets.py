"""The suite of targets, and methods scored on it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from companion.find import TRUTH, best_settings, method_scores
from superposition import GatedConstruction, MLPCircuits, ResidualConstruction, SparseCode
from superposition.bench import (
    TARGETS,
    Target,
    active_sets_found,
    component_scores,
    ground_truth,
    ml2r,
    mmcs,
)
from superposition.bench.contest import (
    Contest,
    _best_threshold,
    _Detector,
    score,
    score_known_truth,
    thresholds,
)
from superposition.bench.methods import (
    MAX_COMPONENTS,
    METHODS,
    Found,
    Given,
    Method,
    nmf,
    samples,
    svd,
)
from superposition.bench.targets import (
    _rounded,
    code_checksum,
    fit_side_by_side,
    naive_error,
    precision_needed,
    probe,
)
from superposition.circuits.inputs import active_mask, sample_active

SMALL = ["private", "ping-pong", "chains", "residual"]


@pytest.mark.parametrize("name", TARGETS)
def test_targets_are_what_their_cards_say(name):
    """Codes by checksum, errors exact where they are said to be; and small where not."""
    target = TARGETS[name]
    assert target.name == name
    large = target.build()
    (card,) = target.card(large).to_dict("records")
    assert card["circuits"] == large.circuits.n_circuits
    assert card["weights"] == large.network.n_parameters
    assert card["n_active"] == target.n_active
    exact = name in SMALL
    assert (card["error"] == 0) == exact
    assert card["error"] < 0.25
    assert card["hard"]
    assert card["precision"] in ("bfloat16", "float32", "float64")
    if name == "private":
        assert card["naive"] == 0
        assert card["circuits"] == 64
    else:  # better than neurons for some and the best guess for the rest, by far
        assert card["error"] < card["naive"] / 2
        assert card["load"] > 1
    if name == "deep":  # the largest
        assert (card["circuits"], large.circuits.n_layers, card["n_active"]) == (1681, 6, 3)
        assert max(large.network.widths) < 1681 * max(large.circuits.widths) / 2


def test_a_checksum_sees_the_codes_and_nothing_else(rng):
    circuits = MLPCircuits.random(7, (2, 2), rng)
    one, same, other = (
        GatedConstruction().compress(c, np.random.default_rng(seed))
        for c, seed in ((circuits, 0), (circuits.astype(np.float32), 0), (circuits, 1))
    )
    assert code_checksum(one) == code_checksum(same) != code_checksum(other)


def test_other_codes_are_refused(rng):
    def make(rng):
        return GatedConstruction().compress(MLPCircuits.random(7, (2, 2), rng), rng)

    large = make(np.random.default_rng(0))
    for checksum, size in (("0" * 12, probe(large)), (code_checksum(large), 1.1 * probe(large))):
        target = Target("mine", make, 1, 0, checksum, size, "nothing")
        with pytest.raises(ValueError, match=rf"^mine: wanted checksum {checksum} and probe"):
            target.build()
    good = Target("mine", make, 1, 0, code_checksum(large), probe(large), "nothing")
    assert good.build().circuits.n_circuits == 7
    with pytest.raises(TypeError, match=r"^superposition: wanted Superposition, got str$"):
        target.card("it")
    assert probe(make(np.random.default_rng(1))) != pytest.approx(probe(large))


def test_the_naive_error_by_hand(rng):
    """Half of the circuits fit; the others are guessed, all but how they vary."""
    weights = np.zeros((4, 2, 2)) + np.eye(2)
    biases = np.tile([[3.0, 4.0]], (4, 1))
    circuits = MLPCircuits([weights], [biases], "linear")  # x + (3, 4), |x| = 1
    codes = (SparseCode(np.arange(4)[:, None, None], 4),) * 2
    large = GatedConstruction().compress(circuits, rng, codes=codes)
    assert max(large.network.widths) == 16
    assert fit_side_by_side(large) == 8
    assert naive_error(large, rng) == 0
    many = circuits.take(np.repeat(np.arange(4), 4))
    shared = GatedConstruction().compress(many, rng)  # 20 wide: ten of sixteen fit
    assert fit_side_by_side(shared) == 10
    wanted = (1 / 26) * 6 / 16
    assert naive_error(shared, rng) == pytest.approx(wanted, rel=0.1)


def test_the_precision_that_is_needed(rng):
    """Pairs need no offset, so a lone circuit stands bfloat16; an offset of 1e4 does not."""
    drawn = MLPCircuits.random(25, [4, 4, 4], rng)
    circuits = MLPCircuits(drawn.weights, drawn.biases, ["relu", "linear"])
    paired = GatedConstruction().compress(circuits, rng)
    assert precision_needed(paired, 1) == "bfloat16"
    offset = GatedConstruction(width=30, headroom=1000.0).compress(circuits, rng)
    assert offset.read_maps[-1].offset > 1000
    assert precision_needed(offset, 1) == "float32"
    far = GatedConstruction(width=30, headroom=1e8).compress(circuits, rng)
    assert precision_needed(far, 1) == "float64"


def test_numbers_are_rounded_to_significant_bits():
    """3.14 is 11.001…₂: four bits leave 3.25, eight 3.140625; float32 is as NumPy has it."""
    values = np.array([3.14, -3.14, 0.0, 1e30])
    np.testing.assert_array_equal(_rounded(values, 4)[:3], [3.25, -3.25, 0])
    np.testing.assert_array_equal(_rounded(values, 8)[0], 3.140625)
    np.testing.assert_array_equal(_rounded(values, 24), values.astype(np.float32))


@pytest.fixture(scope="module")
def truths():
    return {name: ground_truth(TARGETS[name].build()) for name in SMALL}


@pytest.mark.parametrize("name", SMALL)
def test_who_is_told_the_truth_knows_who_is_active(name, truths):
    """Who is active, as far as one state tells."""
    row = score_known_truth(truths[name], TARGETS[name].n_active, np.random.default_rng(0)).iloc[0]
    assert row["precision"] > 0.9
    assert row["recall"] == 1


@pytest.mark.parametrize("method", [name for name in METHODS if name != "sparse autoencoder"])
def test_methods_are_scored_and_none_finds_all(method, truths):
    setting = next(iter(METHODS[method].settings))
    truth = truths["ping-pong"]
    row = score(METHODS[method], setting, truth, 1, np.random.default_rng(0)).iloc[0]
    assert 0 < row["mmcs"] <= 1
    assert 0 <= row["precision"] < 1
    assert np.isnan(row["weight_mmcs"]) == (method != "SVD of the weight")
    again = score(METHODS[method], setting, truth, 1, np.random.default_rng(0)).iloc[0]
    pd.testing.assert_series_equal(row, again)


def test_the_autoencoder_is_scored(truths):
    pytest.importorskip("torch", reason="PyTorch, an extra, is not installed")
    method = METHODS["sparse autoencoder"]
    row = score(method, "penalty 0.1", truths["ping-pong"], 1, np.random.default_rng(0)).iloc[0]
    assert row["mmcs"] > 0.5
    assert row["precision"] > 0.8
    assert row["recall"] > 0.8


def test_rank_one_pieces_are_scored_as_dense_ones_are(truths, rng):
    """Of any rank; a component of zeros is like nothing; and signs count."""
    matrix = Contest.of(truths["private"], 3).matrix
    true = np.array([matrix.component(t).ravel() for t in range(64)])
    left = rng.standard_normal((5, matrix.shape[0], 2))
    right = rng.standard_normal((5, 2, matrix.shape[1]))
    left[4] = 0
    dense = np.einsum("cor,cri->coi", left, right).reshape(5, -1)
    wanted = mmcs(true, dense), ml2r(true, dense)
    assert component_scores(matrix, left, right) == pytest.approx(wanted)
    factors = [matrix.factors(t) for t in range(64)]
    own = np.array([f[0] for f in factors]), np.array([f[1] for f in factors])
    assert component_scores(matrix, *own) == pytest.approx((1, 1))
    assert component_scores(matrix, own[0] / 2, own[1]) == pytest.approx((1, 0.5))
    assert component_scores(matrix, -own[0], own[1])[0] < 0.5


def test_a_matrix_in_which_nobody_has_a_part_is_not_scored(truths):
    cleaning = truths["residual"]["read_in[1]"]
    rows, columns = cleaning.shape
    with pytest.raises(ValueError, match=r"^matrix: wanted one with components, got read_in\[1\]"):
        component_scores(cleaning, np.ones((1, rows, 1)), np.ones((1, 1, columns)))
    with pytest.raises(ValueError, match=r"^right: wanted shape \(components = 1, rank = 1, in = "):
        component_scores(cleaning, np.ones((1, rows, 1)), np.ones((1, 2, columns)))


def test_a_contest_is_after_the_middle_layer(truths, rng):
    contest = Contest.of(truths["residual"], 1)
    assert (contest.layer, contest.matrix.name) == (2, "write_out[2]")
    states, batch = contest.states(5, rng)
    large = contest.truth.superposition
    wanted = large.network.run(batch.first)[large.checkpoints[2]]
    np.testing.assert_array_equal(states, wanted)
    given = contest.given(states)
    np.testing.assert_allclose(given.weight, large.network.write_out[2], atol=1e-12)
    assert (given.n_circuits, given.width, given.after) == (121, 4, 3)
    assert given.network is large.network
    with pytest.raises(ValueError, match="read-only"):
        given.states[0] = 0
    assert (given.n_components(1), given.n_components(100)) == (121, MAX_COMPONENTS)


def test_detectors_by_hand():
    """Component 1 goes with circuit 0, component 0 with circuit 1; thresholds of the best F1."""
    on = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], bool)
    activity = np.array([[0.0, 2.0, 9.0], [0.1, 3.0, 9.0], [5.0, 2.5, 9.0], [0.0, 0.0, 9.0]])
    detector = _Detector.fit(activity, on)
    assert detector.which.tolist() == [1, 0]
    assert detector.least.tolist() == [1.0, 2.55]
    assert detector.on(activity).tolist() == [
        [True, False],
        [True, False],
        [True, True],
        [False] * 2,
    ]
    few = _Detector.fit(activity[:, :1], on)
    assert few.which.tolist() == [-1, 0]
    assert not few.on(activity[:, :1])[:, 0].any()


def one_threshold(activity, on):
    on = np.asarray(on)[:, None]
    return thresholds(np.asarray(activity, float)[:, None], on, int(on.sum()))[0]


def test_equal_activities_are_not_told_apart():
    on = np.array([True, False, True, False])
    for rule in (one_threshold, _best_threshold):
        assert rule(np.zeros(4), on) == 0
        assert rule(np.array([1.0, 1.0, 0.5, 0.0]), on) == 0.25
        assert rule(np.array([2.0, 1.0, 0.5, 0.0]), on & [True, False, False, False]) == 1.5


def test_a_component_that_says_nothing_names_nobody_beside_one_that_does():
    """By itself, naming everybody would be best; together it costs precision."""
    on = np.zeros((20, 2), bool)
    on[:10, 0] = on[10:12, 1] = True
    activity = np.stack([on[:, 0].astype(float), np.zeros(20)], axis=1)
    assert one_threshold(activity[:, 1], on[:, 1]) == 0
    assert thresholds(activity, on, 12).tolist() == [0.5, np.inf]
    noise = 1e-9 * np.arange(20)[::-1]  # so that components can be matched with circuits
    activity[:, 1] += noise
    both = [_Detector.fit(activity, on, together).on(activity) for together in (False, True)]
    apart, together = (active_sets_found(each, on) for each in both)
    assert together.precision > apart.precision


def test_no_thresholds_have_a_better_f1_of_all(rng):
    """All ways to cut two columns of six tried; one more circuit is on that has no column."""
    for _ in range(50):
        activity = rng.integers(0, 4, (6, 2)).astype(float)
        on = rng.random((6, 2)) < 0.4
        n_on = int(on.sum()) + 1

        def f1(least, activity=activity, on=on, n_on=n_on):
            said = activity >= least
            return 2 * (said & on).sum() / (said.sum() + n_on)

        cuts = [-1.0, 0.5, 1.5, 2.5, np.inf]
        best = max(f1(np.array(pair)) for pair in product(cuts, cuts))
        assert f1(thresholds(activity, on, n_on)) == pytest.approx(best)


def test_classes_apart_are_told_apart_next_time(rng):
    """Seven examples of each circuit, activities in 1 to 2 if it is on, in 0 to ½ if not."""

    def draw(n):
        on = active_mask(sample_active(400, 3, n, rng), 400)
        return rng.uniform(0, 0.5, on.shape) + on * rng.uniform(1, 1.5, on.shape), on

    detector = _Detector.fit(*draw(950))
    activity, on = draw(500)
    found = active_sets_found(detector.on(activity), on)
    assert found.precision > 0.999
    assert found.recall > 0.99


def test_methods_by_hand(truths, rng):
    """Rank-one pieces sum to the weight; NMF finds parts that states are made of."""
    weight = rng.standard_normal((6, 4))
    parts = np.eye(6)[:3] + np.eye(6)[3:]
    states = (rng.exponential(size=(600, 3)) * (rng.random((600, 3)) < 0.3)) @ parts
    nothing = truths["private"].superposition.network
    given = Given(states, weight, 3, 1, nothing, 0)
    found = svd(given, rng)
    np.testing.assert_allclose(np.einsum("cor,cri->oi", *found.pieces), weight)
    assert len(samples(given, rng).directions) == 3
    directions = nmf(given, rng, per_dimension=False).directions
    assert Found(directions, lambda s: s).signed
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert (unit @ parts.T / np.sqrt(2)).max(axis=0) == pytest.approx(1, abs=0.02)
    flipped = replace(given, states=5 + states * [1, 1, 1, -1, -1, -1])
    signed = nmf(flipped, rng, per_dimension=False).directions
    unit = signed / np.linalg.norm(signed, axis=1, keepdims=True)
    wanted = parts * [1, 1, 1, -1, -1, -1] / np.sqrt(2)
    assert (unit @ wanted.T).max(axis=0) == pytest.approx(1, abs=0.02)


def test_a_new_row_is_a_method(truths):
    """As the chapter says."""
    mine = Method(lambda given, rng: Found(np.eye(given.states.shape[1]), np.abs, False))
    row = score(mine, "only", truths["ping-pong"], 1, np.random.default_rng(0)).iloc[0]
    assert row["mmcs"] == pytest.approx(1)  # one slot each: dimensions are the directions
    with pytest.raises(TypeError, match=r"^method: wanted Method, got str$"):
        score("mine", "only", truths["ping-pong"], 1, np.random.default_rng(0))
    with pytest.raises(KeyError, match="other"):
        score(mine, "other", truths["ping-pong"], 1, np.random.default_rng(0))


def test_the_stored_table_has_the_truth_first(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    best = best_settings("f1")
    truth = best.xs(TRUTH, level="method")
    others = best.drop(TRUTH, level="method").reset_index()
    for name, row in truth.iterrows():
        mine = others[others["target"] == name]
        assert (mine["f1"] <= row["f1"] + 0.02).all(), name
    fresh = method_scores("ping-pong", TRUTH, "only", np.random.default_rng(0))
    assert set(fresh) <= {*best.columns, "seed"}


def test_residual_targets_have_states_of_both_signs(rng, make_circuits):
    large = ResidualConstruction(40, 80).compress(make_circuits(), rng)
    contest = Contest.of(ground_truth(large), 1)
    states, _ = contest.states(50, rng)
    assert (states < 0).any()
    assert len(nmf(contest.given(states), rng, per_dimension=False).directions) == 6


def test_what_a_method_returns_is_checked(truths, rng):
    contest = Contest.of(truths["private"], 1)
    states, known = contest.states(64, rng)
    with pytest.raises(TypeError, match=r"^found: wanted Found, got NoneType$"):
        contest.score(None, states, known, rng)
    directions = np.eye(states.shape[1])
    for bad in (lambda s: s[:, 0], lambda s: s[:3], lambda s: s.astype(str)):
        with pytest.raises(
            ValueError, match=r"^activity: wanted real numbers of shape \(n = 64, C\)"
        ):
            contest.score(Found(directions, bad), states, known, rng)
    contest.score(Found(directions, lambda s: s > 0), states, known, rng)
