"""Sampled predictions: what a large network would do on the slots in use, without making one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition import (
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    MLPConstruction,
    ResidualCircuits,
    measure_error,
    rotation_circuits,
)
from superposition.circuits import numbers_active
from superposition.circuits.inputs import in_turn, sample_active, shares_of
from superposition.maps import draw_codes, draw_stream_codes
from superposition.predict.by_circuit import by_circuit, over_numbers, own_errors
from superposition.predict.on_slots import Geometry, gated_errors, gated_residual_errors
from superposition.predict.rounding import rounding_estimate
from superposition.readers import reading_weights
from tests.predict.families import FAMILIES, compared


def mixed(rng, n, widths, names, spread=0.0):
    """Random circuits, of very different sizes where `spread` is large."""
    layers = list(pairwise(widths))
    sizes = [np.exp(spread * rng.standard_normal((n, after, 1))) for _, after in layers]
    weights = [s * rng.standard_normal((n, b, a)) for s, (a, b) in zip(sizes, layers, strict=True)]
    biases = [s[..., 0] * rng.standard_normal((n, s.shape[1])) for s in sizes]
    return MLPCircuits(weights, biases, names[: len(layers)])


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    plane=st.sampled_from([(5, 1), (7, 2), (7, 3)]),
    share=st.floats(0.1, 1),
    widths=st.lists(st.integers(1, 3), min_size=2, max_size=4),
    names=st.lists(st.sampled_from(["relu", "linear"]), min_size=3, max_size=3),
    quiet=st.booleans(),
    n_active=st.integers(1, 4),
    spread=st.sampled_from([0.0, 3.0]),
)
def test_samples_are_what_the_network_does(
    seed, plane, share, widths, names, quiet, n_active, spread
):
    """The same codes, sets and inputs: every error, to rounding, however many slots are shared."""
    (q, r), rng = plane, np.random.default_rng(seed)
    n = max(n_active, round(share * q * q))
    circuits = mixed(rng, n, widths, names, spread)
    two = draw_codes(q, r, n, rng)
    codes = tuple(two.slots(layer) for layer in (0, 1))
    large = GatedConstruction(redundancy=r, quiet=quiet, headroom=1e6).compress(
        circuits, rng, codes=codes
    )
    found = gated_errors(circuits, two, quiet, n_active, 30, np.random.default_rng(seed))
    again = np.random.default_rng(seed)
    active = in_turn(n, n_active, 30, again)
    inputs = circuits.default_inputs(active, again)
    np.testing.assert_array_equal(found.active, active)
    for layer, (truth, read) in enumerate(
        zip(circuits.run(inputs, active), large.run(inputs, active), strict=True)
    ):
        sizes = np.square(truth).sum(axis=2)
        errors = np.square(read - truth).sum(axis=2)
        np.testing.assert_allclose(found.sizes[layer], sizes)
        atol = 1e-12 * (1 + max(errors.max(), sizes.max()))
        np.testing.assert_allclose(found.errors[layer], errors, rtol=1e-6, atol=atol)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    plane=st.sampled_from([(5, 1, 1), (7, 2, 1), (7, 2, 3)]),
    share=st.floats(0.1, 1),
    n_layers=st.integers(1, 3),
    quiet=st.booleans(),
    n_active=st.integers(1, 4),
)
def test_samples_are_what_the_residual_network_does(seed, plane, share, n_layers, quiet, n_active):
    """The same codes, sets and inputs, to rounding: errors, and what inactive circuits read."""
    (q, r, s), rng = plane, np.random.default_rng(seed)
    n = max(n_active + 1, round(share * q * q))
    circuits = ResidualCircuits.random(n, 2, 3, n_layers, rng)
    codes = draw_stream_codes(q, r, s, n, rng)
    construction = GatedResidualConstruction(None, r, s, headroom=1e6, quiet=quiet)
    large = construction.compress(circuits, rng, codes=(codes.stream, codes.neurons))
    found = gated_residual_errors(circuits, codes, quiet, n_active, 30, np.random.default_rng(seed))
    again = np.random.default_rng(seed)
    active = in_turn(n, n_active, 30, again)
    inputs = circuits.default_inputs(active, again)
    others = again.integers(n, size=(len(active), 8))
    states = large.network.run(large.embed(inputs, active))
    for layer, truth in enumerate(circuits.run(inputs, active)):
        state = states[large.checkpoints[layer]]
        wrong = large.read(state, active, layer) - truth
        errors, sizes = (np.square(x).sum(axis=2) for x in (wrong, truth))
        np.testing.assert_allclose(found.sizes[layer], sizes)
        atol = 1e-12 * (1 + max(errors.max(), sizes.max())) * 1e6
        np.testing.assert_allclose(found.errors[layer], errors, rtol=1e-6, atol=atol)
        idle = np.square(large.read(state, others, layer)).sum(axis=2)
        some = ~(others[..., None] == active[:, None]).any(axis=2)
        np.testing.assert_allclose(found.idle[layer], idle[some].mean(), rtol=1e-6, atol=atol)


@pytest.mark.parametrize("quiet", [True, False])
def test_what_inactive_circuits_read_is_sampled(quiet, rng):
    """Within five standard errors of the network's own."""
    circuits = mixed(rng, 40, (3, 3, 2), ["relu", "linear"])
    two = draw_codes(7, 2, 40, rng)
    codes = tuple(two.slots(layer) for layer in (0, 1))
    construction = GatedConstruction(redundancy=2, quiet=quiet)
    large = construction.compress(circuits, rng, codes=codes)
    found = gated_errors(circuits, two, quiet, 2, 3000, rng)
    measured = measure_error(large, 2, 1500, rng)
    np.testing.assert_allclose(found.idle, measured["inactive_mse"], rtol=0.15)


def test_geometry_by_loops(rng):
    """Which circuits are on a slot, and by how much each reads every slot before it."""
    two = draw_codes(5, 2, 17, rng)
    for quiet in (False, True):
        geometry = Geometry.of(two.slots(1), two.slots(2), quiet)
        slots, there = np.arange(10)[None], np.arange(10)[None]
        shares = geometry.received(slots, there, np.ones((1, 10)))[0]
        for slot, on, weights in reading_weights(two.slots(1), two.slots(2), quiet):
            known = {int(t): weights[:, i] for i, t in enumerate(on)}
            for place, t in enumerate(geometry.on[slot]):
                if geometry.filled[slot, place]:
                    np.testing.assert_allclose(shares[slot, place], known.pop(int(t)))
                else:
                    assert not shares[slot, place].any()
            assert not known


# the families, a few at a time: `python -m tests.predict.families` prints all of them


@pytest.mark.parametrize("name", FAMILIES)
def test_predictions_hold_for_circuits_of_any_kind(name):
    """Two layers, four slots, two active: within a factor of two or in the interval, never wide."""
    row = compared(name, 2, 4, 2, seed=1)
    assert row["high"] / row["low"] <= 10 * (1 + 1e-9)
    if name == "one giant":  # which few circuits share its slots is another matter in each drawing
        assert 1 / 5 < row["ratio"] < 5
        return
    assert 0.5 < row["ratio"] < 2
    assert row["lost, predicted"] == pytest.approx(row["lost, measured"], abs=0.15)
    if name in ("random", "trained on digits", "trained on wine"):
        assert row["high"] / row["low"] < 2


# circuit by circuit


def test_own_errors_by_hand():
    """Circuit 0 answers 1 and −1, circuit 1 always 2; squared errors 1 and 3, and 4 of the other.

    Their squares about the mean add up to 2, over n − 1. Another sampler is not asked again.
    """
    circuits = MLPCircuits([np.array([[[1.0]], [[0.0]]])], [np.array([[0.0], [2.0]])], "linear")
    sets = np.array([[0], [0], [1]])
    inputs = np.array([1.0, -1, 5]).reshape(3, 1, 1)
    nothing, errors = np.zeros(3), np.array([1.0, 3, 4])
    each = own_errors(circuits, [(inputs, sets)], [nothing, errors], lambda *_: 1 / 0)
    assert each[1][0] == pytest.approx(2 / (2 / (2 - 1)))
    assert np.isnan(each[1][1])
    table = by_circuit([np.array([0.5, 2, 3, np.nan]), np.array([np.nan])])
    assert table.iloc[0].tolist() == [2, 3, 2 / 3]
    assert table.iloc[1].isna().all()


def test_measured_columns_count_each_circuit_once(rng):
    """By loops over circuits; and a giant hides nobody."""
    drawn = MLPCircuits.random(30, [3, 4, 2], rng)
    times = np.where(np.arange(30) == 4, 1e4, 1.0)
    weights = [drawn.weights[0], drawn.weights[1] * times[:, None, None]]
    biases = [drawn.biases[0], drawn.biases[1] * times[:, None]]
    circuits = MLPCircuits(weights, biases, ["relu", "linear"])
    large = GatedConstruction(redundancy=2).compress(circuits, rng)
    seed = 11
    found = measure_error(large, 3, 400, np.random.default_rng(seed)).iloc[-1]
    again = np.random.default_rng(seed)
    active = sample_active(30, 3, 400, again)
    inputs = circuits.default_inputs(active, again)
    truth, read = circuits.run(inputs, active)[-1], large.run(inputs, active)[-1]
    each = []
    for t in range(30):
        mine = active == t
        one = np.full((3000, 1), t)
        answers = circuits.run(circuits.default_inputs(one, rng), one)[-1][:, 0]
        spread = np.square(answers - answers.mean(axis=0)).sum(axis=1).mean()
        if spread > 0:
            each.append(np.square(read[mine] - truth[mine]).sum(axis=1).mean() / spread)
    assert found["circuit_median"] == pytest.approx(np.median(each), rel=0.3)
    assert found["circuit_lost"] == pytest.approx(np.mean(np.array(each) > 1), abs=0.15)
    assert found["low"] < found["relative_mse"] < found["high"]


# several numbers of active circuits


def test_shares_by_hand():
    assert shares_of(3, 10) == {3: 1.0}
    assert shares_of({1: 0.5, 2: 0.5, 3: 0.0}, 10) == {1: 0.5, 2: 0.5}
    assert numbers_active(1, 0.5) == {1: 1.0}
    assert numbers_active(3, 1.0) == {3: 1.0}
    assert shares_of({1: 0.5, 2: 0.5 + 1e-7}, 10)[2] > 0.5  # rounded shares add up
    few = numbers_active(100, 0.001)  # 9e-2, 4e-3, 1.5e-4 and 4e-6, of 0.095 in all
    assert [*few] == [1, 2, 3]
    assert sum(few.values()) == pytest.approx(1, rel=1e-12)
    two = numbers_active(2, 0.5)  # 1/2 and 1/4, of those that are not empty
    assert two == pytest.approx({1: 2 / 3, 2: 1 / 3})
    assert sum(numbers_active(500, 0.01).values()) == pytest.approx(1)
    mean = sum(k * share for k, share in numbers_active(500, 0.01).items())
    assert mean == pytest.approx(5 / (1 - 0.99**500), rel=1e-3)


BAD = [
    (lambda: shares_of({1: 0.5}, 9), "n_active: wanted shares that add up to 1, got 0.5"),
    (lambda: shares_of({1: 1.5}, 9), "n_active: wanted shares from 0 to 1, got 1.5 for 1"),
    (lambda: shares_of({1: "x"}, 9), "n_active: wanted shares from 0 to 1, got 'x' for 1"),
    (lambda: shares_of({10: 1.0}, 9), "n_active: wanted at most 9, the number of circuits, got 10"),
    (lambda: shares_of({0: 1.0}, 9), "n_active: wanted at least 1, got 0"),
    (lambda: numbers_active(9, 0.0), "probability: wanted above 0 and at most 1, got 0.0"),
    (lambda: numbers_active(9, 1.5), "probability: wanted above 0 and at most 1, got 1.5"),
    (lambda: numbers_active(0, 0.5), "n_circuits: wanted at least 1, got 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_other_shares_are_refused(call, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    assert str(error.value) == message


def test_a_mix_counts_each_active_circuit(rng):
    """Measured: as separate measurements, put together. Predicted: likewise, within 15 %."""
    circuits = MLPCircuits.random(60, [3, 4, 2], rng)
    construction = GatedConstruction(redundancy=3)
    large, shares = construction.compress(circuits, rng), {1: 0.5, 3: 0.25, 4: 0.25}
    found = measure_error(large, shares, 400, np.random.default_rng(3))
    again = np.random.default_rng(3)
    parts = {k: measure_error(large, k, int(400 * share), again) for k, share in shares.items()}
    active = {k: 400 * share * k for k, share in shares.items()}
    idle = {k: 400 * share * (60 - k) for k, share in shares.items()}
    for name, weights in (("mse", active), ("inactive_mse", idle)):
        wanted = sum(weights[k] * parts[k][name] for k in shares) / sum(weights.values())
        np.testing.assert_allclose(found[name], wanted, rtol=1e-10)
    predicted = construction.predict_error(circuits, shares)
    for name in ("mse", "inactive_mse"):
        np.testing.assert_allclose(predicted[name][1:], found[name][1:], rtol=0.25)
    one = over_numbers(lambda k: construction.predict_error(circuits, k), {3: 1.0}, 60)
    np.testing.assert_allclose(one, construction.predict_error(circuits, 3))


@pytest.mark.parametrize("law", ["published", "small noise"])
def test_a_mix_follows_the_law_that_is_asked_for(law, rng):
    circuits, sequel = rotation_circuits(40, 2, rng), MLPConstruction(120, 6)
    mixed = sequel.predict_error(circuits, {1: 0.5, 3: 0.5}, law)
    each = (sequel.predict_error(circuits, k, law)["relative_mse"] for k in (1, 3))
    one, three = (table[1:] for table in each)
    np.testing.assert_allclose(mixed["relative_mse"][1:], (one + 3 * three) / 4)


# rounding


def test_rounding_scales_with_the_precision(rng):
    circuits = MLPCircuits.random(20, [4] * 6, rng)
    double, single = rounding_estimate(circuits), rounding_estimate(circuits.astype(np.float32))
    np.testing.assert_allclose(single / double, 2.0**29, rtol=0.3)  # weights are rounded, too
    assert double[0] == pytest.approx(2.0**-52 / np.sqrt(12))
    offset = rounding_estimate(circuits, [0, 0, 100, 0, 0, 0])
    np.testing.assert_allclose(offset[:2], double[:2])
    more = offset[2:] ** 2 - double[2:] ** 2
    np.testing.assert_allclose(more, (100 * 2.0**-52) ** 2 / 12, rtol=1e-6)
