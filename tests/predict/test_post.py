"""Predicted errors: the scalar model by simulation, moments by hand, sizes by brute force."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy import stats

from superposition import (
    ResidualCircuits,
    ResidualConstruction,
    SparseCode,
    measure_error,
)
from superposition.circuits.moments import N_NODES, _unlike
from superposition.constructions import sizing
from superposition.predict.post import Sizes, error_terms, neuron_errors, predict_layers
from superposition.theory import evaluate, over_layers, read_in, rectifier, symbols

CARRIER = {
    symbols.carrier_input: 0.3,
    symbols.noise: 0.2,
    symbols.jump_mean: 1.1,
    symbols.jump_variance: 0.4,
    symbols.others: 6,
    symbols.chance: 0.1,
}


def test_the_chance_that_a_relu_is_on_is_the_slope_of_its_mean():
    mean, variance = sp.Symbol("x", real=True), sp.Symbol("v", positive=True)
    slope = sp.diff(rectifier.relu_mean(mean, variance), mean)
    difference = slope - rectifier.relu_on(mean, variance)
    for x in (-2.0, -0.1, 0.7):
        assert float(difference.subs({mean: x, variance: 0.3})) == pytest.approx(0, abs=1e-14)


def test_a_carrier_with_collisions_by_simulation(rng):
    j = rng.binomial(6, 0.1, 400_000)
    heard = 0.3 + 1.1 * j + np.sqrt(0.2 + 0.4 * j) * rng.standard_normal(j.size)
    found = np.maximum(heard, 0)
    for term, wanted in (
        (read_in.firing(), np.mean(heard > 0)),
        (read_in.carrier_mean(), found.mean()),
        (read_in.carrier_square(), np.mean(found**2)),
    ):
        assert read_in.over_collisions(term, CARRIER) == pytest.approx(wanted, rel=0.01)


def test_chances_of_collisions_are_binomial_and_add_up_to_one():
    assumed = read_in.INDEPENDENT_CHOICES.values[symbols.collision_chance]
    values = {**CARRIER, symbols.collisions: np.arange(7)}
    chances = evaluate(assumed, values)
    np.testing.assert_allclose(chances, stats.binom.pmf(np.arange(7), 6, 0.1), rtol=1e-12)
    many = {**values, symbols.others: 10_000, symbols.chance: 1e-4}
    assert np.isfinite(evaluate(assumed, many)).all()


def test_the_mean_over_carriers_by_simulation(rng):
    """Five carriers, noise of variance .05 in common and .15 of their own; h = .3."""
    common = np.sqrt(0.05) * rng.standard_normal((200_000, 1))
    heard = 0.3 + common + np.sqrt(0.15) * rng.standard_normal((200_000, 5))
    wrong = np.maximum(heard, 0).mean(axis=1) - 0.3
    on, mean, second = (
        f(sp.Float(0.3), sp.Float(0.2))
        for f in (rectifier.relu_on, rectifier.relu_mean, rectifier.relu_second)
    )
    values = {
        symbols.firing_share: float(on),
        symbols.mean_activation: float(mean),
        symbols.square_activation: float(second),
        symbols.common_noise: 0.05,
        symbols.activation: 0.3,
        symbols.r: 5,
        symbols.others: 0,
        **dict.fromkeys((symbols.chance, symbols.both_chance), 0.0),
        **dict.fromkeys((symbols.both_mean, symbols.both_square, symbols.alone_mean), 0.0),
    }
    predicted = evaluate(read_in.estimation_error(), values)
    assert predicted == pytest.approx(np.mean(wrong**2), rel=0.02)
    drift = evaluate(read_in.estimation_drift(), values)
    assert drift == pytest.approx(np.mean(wrong) * 0.3, rel=0.05)


@pytest.mark.parametrize(("n_neurons", "redundancy"), [(64, 2), (64, 6)])
def test_carriers_that_share_an_active_neuron_by_simulation(n_neurons, redundancy, rng):
    """E ĥ² of an inactive small neuron, eight active ones with jumps N(1, 1/2), no noise."""
    found = []
    for _ in range(20_000):
        heard = np.full(n_neurons, -1.0)
        for jump in 1 + np.sqrt(0.5) * rng.standard_normal(8):
            heard[rng.choice(n_neurons, redundancy, replace=False)] += jump
        fired = np.maximum(heard, 0)
        found += [rng.choice(fired, redundancy, replace=False).mean() ** 2 for _ in range(4)]
    sizes = Sizes(1000, 1, 10**6, n_neurons, redundancy, 1.0, True, False)
    values = {
        symbols.carrier_input: -1.0,
        symbols.noise: 1e-12,
        symbols.jump_mean: 1.0,
        symbols.jump_variance: 0.5,
        symbols.common_noise: 0.0,
        symbols.r: redundancy,
        **sizes.collisions(8, active=False),
    }
    for symbol, term in (
        (symbols.firing_share, read_in.firing()),
        (symbols.mean_activation, read_in.carrier_mean()),
        (symbols.square_activation, read_in.carrier_square()),
    ):
        values[symbol] = read_in.over_collisions(term, values)
    names = symbols.both_mean, symbols.both_square, symbols.alone_mean
    both = {n: evaluate(f, values) for n, f in zip(names, read_in.on_both(), strict=True)}
    predicted = evaluate(read_in.estimated_square(), {**values, **both})
    assert predicted == pytest.approx(np.mean(found), rel=0.05)


def test_feedback_is_of_two_circuits_and_self_feedback_of_one():
    """Two circuits whose Jacobians have traces 11 and −11, one of them with longer states."""
    circuits = ResidualCircuits(
        read_in=[[[[3.0, 4.0]]] * 2],
        bias=[[[1.0]] * 2],
        write_out=[[[[1.0], [2.0]], [[-1.0], [-2.0]]]],
    )
    moments = circuits.moments(
        np.random.default_rng(0),
        n_samples=4000,
        sample_inputs=lambda active, _: np.broadcast_to([1.0, 0.0], (*active.shape, 2)),
    )
    assert moments.feedback[1] == pytest.approx(0, abs=1)
    # tr J (a·a' + 1) + a·J a': 11 · 6 + 47 and −11 · (−3 + 1) − (−9 − 32)
    assert moments.self_feedback[1] == pytest.approx((66 + 47 + 22 + 41) / 2, rel=0.05)


def test_moments_of_one_hand_worked_circuit():
    """w = (3, 4), b = 1, w' = (1, 2): on the unit circle only states and activations vary."""
    circuits = ResidualCircuits(
        read_in=[[[[3.0, 4.0]]]], bias=[[[1.0]]], write_out=[[[[1.0], [2.0]]]]
    )
    right = np.array([1.0, 0.0])
    moments = circuits.moments(
        np.random.default_rng(0),
        n_samples=64,
        sample_inputs=lambda active, _: np.broadcast_to(right, (*active.shape, 2)),
    )
    np.testing.assert_allclose(moments.state2, [1, 5**2 + 8**2])  # (1, 0) + 4 (1, 2)
    for name, wanted in {
        "weight2": 25,
        "weight_sum2": 25,
        "bias": 1,
        "bias2": 1,
        "bias_sum2": 1,
        "write2": 5,
    }.items():
        assert getattr(moments, name) == pytest.approx(wanted), name
    np.testing.assert_allclose(moments.pre_activations, np.full((1, N_NODES), 4.0))
    # J = w' w = [[3, 4], [6, 8]], tr J = 11, a·a' + 1 = 6, a·J a' = 3·5 + 4·8
    np.testing.assert_allclose(moments.feedback, [0, 66])
    np.testing.assert_allclose(moments.self_feedback, [0, 66 + 47])


def test_a_prediction_starts_with_the_first_read_out(make_circuits):
    """Layer 0: (k − 1) d (|a|² + 1)/D, and d k 2/D for an inactive circuit."""
    table = ResidualConstruction(100, 50, 2).predict_error(make_circuits(), 3)
    assert list(table) == ["layer", "mse", "relative_mse", "inactive_mse", "firing"]
    assert table["layer"].tolist() == [0, 1, 2]
    assert table["mse"][0] == pytest.approx(2 * 3 * 2 / 100)
    assert table["inactive_mse"][0] == pytest.approx(3 * 3 * 2 / 100)
    assert np.isnan(table["firing"][0])
    assert table["firing"][1:].between(0, 1).all()


def test_predictions_repeat_and_do_not_depend_on_precision(make_circuits):
    circuits, construction = make_circuits(), ResidualConstruction(100, 50, 2)
    first, again = (construction.predict_error(circuits, 2) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    single = construction.predict_error(circuits.astype(np.float32), 2)
    np.testing.assert_allclose(first, single, rtol=1e-5)


@pytest.mark.parametrize(
    ("n_active", "change"),
    [
        (1, {}),
        (3, {}),
        (3, {"orthonormal": False}),
        (1, {"disjoint_carriers": True}),
        (2, {"disjoint_carriers": True, "margin": 0.6}),
    ],
)
def test_predicted_and_measured_agree(n_active, change):
    """Within 12 % on average over six networks; read-in variance .03 to .1."""
    construction = replace(ResidualConstruction(512, 1024, 4), **change)
    rng, predicted, measured = np.random.default_rng(11), [], []
    for _ in range(6):
        circuits = ResidualCircuits.random(100, 4, 8, 1, rng)
        predicted.append(construction.predict_error(circuits, n_active))
        superposition = construction.compress(circuits.astype(np.float32), rng)
        measured.append(measure_error(superposition, n_active, 300, rng))
    for column in ("mse", "inactive_mse", "firing"):
        ratio = np.mean([t[column].iloc[-1] for t in predicted]) / np.mean(
            [t[column].iloc[-1] for t in measured]
        )
        assert ratio == pytest.approx(1, abs=0.12), column


def test_terms_add_up_to_the_prediction(make_circuits):
    circuits = make_circuits(60, 4, 8, 1)
    for construction in (
        ResidualConstruction(256, 512, 3),
        ResidualConstruction(256, 512, 3, orthonormal=False, disjoint_carriers=True),
    ):
        terms = error_terms(construction, circuits, 3)
        whole = construction.predict_error(circuits, 3)["mse"].iloc[-1]
        assert terms.sum() == pytest.approx(whole, rel=1e-12)
        assert (terms.drop(["feedback", "itself"]) > 0).all()
        assert (terms["itself"] > 0) == (not construction.orthonormal)


def test_with_disjoint_carriers_one_active_circuit_has_no_collisions(make_circuits):
    construction = ResidualConstruction(256, 512, 3, disjoint_carriers=True)
    terms = error_terms(construction, make_circuits(60, 4, 8, 1), 1)
    assert terms["collisions"] == pytest.approx(0, abs=1e-15)
    assert terms["others"] == 0


def test_neuron_errors_have_the_mean_that_the_prediction_uses(make_circuits):
    circuits, construction = make_circuits(60, 4, 8, 1), ResidualConstruction(256, 512, 3)
    table, terms = neuron_errors(construction, circuits, 2), error_terms(construction, circuits, 2)
    written = terms[["common", "own", "bent", "collisions"]].sum()
    write2 = circuits.moments(np.random.default_rng(0)).write2[0]
    assert 8 * write2 * table["squared_error"].mean() == pytest.approx(written, rel=1e-9)


def test_disjoint_carriers_are_disjoint_within_a_circuit_and_used_evenly(rng):
    code = SparseCode.draw("disjoint", 500, 4, 24, 5, rng)
    assert all(len(set(slots.ravel())) == 20 for slots in code.slots)
    assert stats.chisquare(code.load).pvalue > 1e-3


def test_capacity_is_the_last_load_within_tolerance(make_circuits):
    moments = make_circuits(200, 4, 8, 2).moments(np.random.default_rng(1))
    construction = ResidualConstruction(256, 512)
    fits = construction.capacity(moments, 1, 0.1)

    def error(n):
        table = predict_layers(construction.sizes(n, 1), moments)
        return float(table.query("layer == 2")["relative_mse"].item())

    assert error(fits) <= 0.1 < error(fits + 1)
    brute = next(n for n in range(1, 1000) if error(n + 1) > 0.1)
    assert fits == brute


def test_errors_beyond_all_numbers_are_infinite(make_circuits):
    """Without a warning."""
    moments = make_circuits(20, 3, 4, 6).moments(np.random.default_rng(1))
    assert ResidualConstruction(4, 4).predicted(moments, 1e120, 1) == np.inf


def test_size_for_finds_the_fewest_parameters(make_circuits):
    """Against all widths in steps of four, each with its smallest number of neurons."""
    moments = make_circuits(200, 3, 4, 1).moments(np.random.default_rng(1))
    start = ResidualConstruction(9, 9, redundancy=2, margin=0.7)
    found = start.size_for(60, moments, 1, 0.1)
    assert (found.redundancy, found.margin) == (2, 0.7)
    assert found.predicted(moments, 60, 1) <= 0.1

    def cost(width):
        neurons = sizing.smallest_true(
            lambda n: (
                replace(start, stream_width=width, n_neurons=n).predicted(moments, 60, 1) <= 0.1
            ),
            2,
            4096,
        )
        return (2 * width + 1) * neurons if neurons else np.inf

    best = min(cost(width) for width in range(20, 400, 4))
    assert (2 * found.stream_width + 1) * found.n_neurons <= 1.02 * best


def test_searches_by_hand():
    assert sizing.largest_within(lambda n: n**2, 26.0, 1) == 5
    assert sizing.largest_within(lambda n: n if n < 50 else np.inf, 49.0, 2) == 49
    assert sizing.largest_within(lambda n: n, 3.0, 3) == 3
    assert sizing.largest_within(lambda _: 0.0, 1.0, 1) == sizing.MOST_CIRCUITS
    assert sizing.largest_within(lambda n: n, 2.0**49, 1) == 2**49
    assert sizing.smallest_true(lambda n: n >= 1, 1, 1000) == 1
    for limit in (37, 38, 50, 64, 1000):  # the answer also next to the limit
        assert sizing.smallest_true(lambda n: n >= 37, 1, limit) == 37
    assert sizing.smallest_true(lambda n: n >= 37, 1, 36) is None


def test_nothing_is_written_for_nobody_in_an_endless_network(make_circuits):
    """One circuit, wide stream, many neurons: the error goes to zero."""
    circuits = make_circuits(1, 3, 2, 2)
    wide = ResidualConstruction(10**7, 10**7, 3).predict_error(circuits, 1)
    assert wide["mse"].max() < 1e-5


def test_feedback_is_the_mean_of_its_definition(rng):
    """E[J n · n'] for n = O a and n' = O a' with independent entries of variance 1/D."""
    jacobian, a, after = rng.standard_normal((3, 3)), rng.standard_normal(4), rng.standard_normal(4)
    overlaps = rng.standard_normal((100_000, 3, 4)) / np.sqrt(50)
    product = np.einsum("nij,j,ki,nkl,l->n", overlaps, a, jacobian, overlaps, after)
    assert product.mean() == pytest.approx(np.trace(jacobian) * (a @ after) / 50, abs=0.003)
    assert symbols.feedback in over_layers.active_read_out().result.free_symbols


def test_what_is_unlike_by_hand():
    """Circuit 0 writes 3, circuit 1 writes 1: (81 + 1)/2 over 5² = 1.64.

    In common is 2² of 5, of which half would be so by chance: (.8 − .5)/(1 − .5).
    """
    found = _unlike(np.array([0, 1]), [np.array([[1.0], [1]]), np.array([[4.0], [2]])])
    assert found == pytest.approx({"inequality": 41 / 25, "in_common": 0.6})
    nothing = _unlike(np.array([0, 1]), [np.ones((2, 1))] * 3)
    assert nothing == {"inequality": 1.0, "in_common": 0.0}


def test_one_layer_is_predicted_on_average_over_drawings():
    """A single drawing may differ by a third: of few circuits, some share carriers with themselves.

    T = 90, d = 3, m = 5, D = 700, M = 900, r = 5: about 25 pairs of a circuit's own neurons meet on
    a carrier, and each meeting costs far more than the noise of all others. Apart, none do.
    """
    ratios = {}
    for disjoint in (False, True):
        construction = ResidualConstruction(700, 900, 5, disjoint_carriers=disjoint)
        found = []
        for seed in range(12):
            circuits = ResidualCircuits.random(90, 3, 5, 1, np.random.default_rng(seed))
            rng = np.random.default_rng([seed, 1])
            measured = measure_error(construction.compress(circuits, rng), 1, 400, rng)
            predicted = construction.predict_error(circuits, 1)
            found.append([each["mse"].iloc[-1] for each in (predicted, measured)])
        table = np.array(found)
        ratios[disjoint] = table[:, 0] / table[:, 1]
        assert table[:, 0].mean() / table[:, 1].mean() == pytest.approx(1, abs=0.15)
    assert np.std(np.log(ratios[True])) < 0.15 < np.std(np.log(ratios[False]))
