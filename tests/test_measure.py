"""measure_error against its definition, sample by sample."""

import numpy as np
import pandas as pd
import pytest

from superposition import (
    GatedConstruction,
    MLPCircuits,
    ResidualCircuits,
    ResidualConstruction,
    SparseCode,
    measure_error,
    rotation_circuits,
)
from superposition import measure as measure_module
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.measure import _counts, _errors, _interval, doing_nothing, read_in_interference
from superposition.predict.rounding import rounding_estimate


@pytest.fixture
def superposition(make_circuits, rng):
    return ResidualConstruction(30, 40, 3).compress(make_circuits(), rng)


def by_definition(superposition, active, inputs, observe=lambda a: a):
    """The table from plain loops over samples and circuits."""
    rows = []
    truths = superposition.circuits.run(inputs, active)
    states = superposition.network.run(superposition.embed(inputs, active))
    for layer, truth in enumerate(truths):
        errors, sizes, idle = [], [], []
        for sample, row in enumerate(active):
            state = states[layer][sample : sample + 1]
            for t in range(superposition.circuits.n_circuits):
                read = observe(superposition.read(state, [[t]], layer)[0, 0])
                if t in row:
                    a = observe(truth[sample, list(row).index(t)])
                    errors.append(np.sum((read - a) ** 2))
                    sizes.append(np.sum(a**2))
                else:
                    idle.append(np.sum(read**2))
        fires = np.nan
        if layer:
            inner = states[layer - 1] @ superposition.network.read_in[layer - 1].T
            fires = np.mean(inner - superposition.construction.margin > 0)
        mse = np.mean(errors)
        rows.append(
            [layer, mse, mse / np.mean(sizes), np.sqrt(np.max(errors)), np.mean(idle), fires]
        )
    columns = ["layer", "mse", "relative_mse", "worst", "inactive_mse", "firing"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("observe", [None, lambda a: a[..., :1] - 2 * a[..., 1:2]])
def test_every_column_follows_its_definition(observe, superposition, rng, monkeypatch):
    monkeypatch.setattr(measure_module, "_CHUNK", 4)  # so that chunks are joined, too,
    monkeypatch.setattr(measure_module, "_READS", 3 * 6 * 3 * 8)  # and parts of chunks
    active = sample_active(6, 2, 10, np.random.default_rng(5))
    inputs = rng.standard_normal((10, 2, 3))
    monkeypatch.setattr(measure_module, "sample_active", lambda *args: active)
    measured = measure_error(
        superposition, 2, 10, rng, sample_inputs=lambda sets, _: inputs, observe=observe
    )
    wanted = by_definition(superposition, active, inputs, *([observe] if observe else []))
    more = ["low", "high", "circuit_median", "circuit_worst", "circuit_lost", "rounding"]
    assert measured.columns.tolist() == [*wanted.columns, *more]
    measured = measured[wanted.columns]
    pd.testing.assert_frame_equal(measured, wanted, rtol=1e-10, atol=1e-14)


def test_a_stronger_observer_than_the_state_scales_the_error(superposition):
    plain, doubled = (
        measure_error(superposition, 2, 50, np.random.default_rng(1), observe=observe)
        for observe in (None, lambda a: 2 * a)
    )
    np.testing.assert_allclose(doubled["mse"], 4 * plain["mse"])
    np.testing.assert_allclose(doubled["relative_mse"], plain["relative_mse"])
    np.testing.assert_allclose(doubled["worst"], 2 * plain["worst"])


def test_with_all_circuits_active_nothing_is_inactive(superposition, rng):
    assert measure_error(superposition, 6, 5, rng)["inactive_mse"].isna().all()


def test_a_zero_truth_has_no_relative_error(superposition, rng):
    measured = measure_error(
        superposition, 1, 5, rng, sample_inputs=lambda sets, _: np.zeros((*sets.shape, 3))
    )
    assert np.isnan(measured["relative_mse"][0])


def test_same_seed_same_numbers(superposition):
    tables = [measure_error(superposition, 2, 20, np.random.default_rng(2)) for _ in range(2)]
    pd.testing.assert_frame_equal(*tables)


def test_default_inputs_are_unit_vectors(rng):
    active = sample_active(50, 3, 2000, rng)
    inputs = UnitInputs(4)(active, rng)
    np.testing.assert_allclose(np.linalg.norm(inputs, axis=-1), 1)
    np.testing.assert_allclose(inputs.mean(axis=(0, 1)), 0, atol=0.03)


def test_active_sets_are_distinct_and_uniform(rng):
    active = sample_active(7, 3, 7000, rng)
    assert all(len(set(row)) == 3 for row in active.tolist())
    counts = np.bincount(active.ravel(), minlength=7)
    np.testing.assert_allclose(counts, 3000, atol=4.5 * np.sqrt(3000 * 4 / 7))


def test_silence_is_exactly_zero(superposition, rng):
    """What the active circuits read is left out before summing, not subtracted afterwards."""
    circuits = rotation_circuits(5, 1, rng, conditional=False)
    codes = SparseCode.private(5, 1), SparseCode.private(5, 1)
    apart = GatedConstruction(redundancy=1).compress(circuits, rng, codes=codes)
    measured = measure_error(apart, 1, 40, rng)
    assert (measured["inactive_mse"] == 0).all()


def test_an_observer_may_return_what_cannot_be_written_to(superposition):
    def frozen(states):
        seen = np.array(states)
        seen.flags.writeable = False
        return seen

    tables = [
        measure_error(superposition, 2, 30, np.random.default_rng(3), observe=observe)
        for observe in (None, frozen)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_what_doing_nothing_costs_by_hand():
    """a + relu(a + 2): 2 becomes 6, so that leaving it is 4² of 6² wrong."""
    circuits = ResidualCircuits([[[[1.0]]]], [[[2.0]]], [[[[1.0]]]])
    rng = np.random.default_rng(1)
    twos = doing_nothing(circuits, 3, rng, sample_inputs=lambda *_: np.full((3, 1, 1), 2.0))
    assert twos.tolist() == [0, 16 / 36]
    # of random signs 1 becomes 4 and −1 becomes 0: 3² and 1² of 4² and 0²
    assert doing_nothing(circuits, 999, rng)[1] == pytest.approx(10 / 16, abs=0.1)
    with pytest.raises(TypeError, match=r"^circuits: wanted ResidualCircuits, got str$"):
        doing_nothing("it", 3, rng)
    with pytest.raises(ValueError, match=r"^n_samples: wanted at least 1, got 0$"):
        doing_nothing(circuits, 0, rng)


def test_one_circuit_at_a_time_does_nothing(make_circuits):
    circuits = make_circuits()
    plain, same = (
        doing_nothing(circuits, 200, np.random.default_rng(2), sample_inputs=inputs)
        for inputs in (None, UnitInputs(3))
    )
    np.testing.assert_array_equal(plain, same)
    active = sample_active(6, 1, 200, rng := np.random.default_rng(2))
    states = circuits.run(UnitInputs(3)(active, rng), active)
    wanted = [np.sum((state - states[0]) ** 2) / np.sum(state**2) for state in states]
    np.testing.assert_allclose(plain, wanted, rtol=1e-12)


def test_interference_is_what_is_heard_beyond_ones_own(superposition, rng):
    active = sample_active(6, 2, 4, rng)
    inputs = rng.standard_normal((4, 2, 3))
    found = read_in_interference(superposition, inputs, active.tolist())
    heard = superposition.embed(inputs, active) @ superposition.network.read_in[0].T
    for sample, row in enumerate(active):
        for t, a in zip(row, inputs[sample], strict=True):
            for i, slots in enumerate(superposition.codes.neurons[0].slots[t]):
                weight, bias = superposition.circuits.read_in[0, t, i], superposition.circuits.bias
                margin = superposition.construction.margin
                heard[sample, slots] -= weight @ a + bias[0, t, i] + margin
    np.testing.assert_allclose(found, heard, atol=1e-12)


def test_what_cannot_be_measured_is_refused(superposition, rng):
    with pytest.raises(TypeError, match=r"^superposition: wanted Superposition, got str$"):
        measure_error("it", 1, 1, rng)
    with pytest.raises(
        ValueError, match=r"^sample_inputs: wanted shape \(samples = 5, active = 2, "
    ):
        measure_error(superposition, 2, 5, rng, sample_inputs=lambda *_: np.ones((1, 2, 3)))
    for observe in (lambda a: a[..., 0], lambda a: a[:, :1]):
        with pytest.raises(ValueError, match=r"^observe: wanted an array \(.*, 'n'\), got sha"):
            measure_error(superposition, 2, 5, rng, observe=observe)


def test_chunks_are_as_large_as_is_said(superposition, rng, monkeypatch):
    """One sample more than a chunk makes two of them."""
    sizes = []
    embed = type(superposition).embed
    monkeypatch.setattr(
        type(superposition), "embed", lambda s, i, a: sizes.append(len(a)) or embed(s, i, a)
    )
    measure_error(superposition, 1, 1025, rng)
    measure_error(superposition, 1, 1024, rng)
    assert sizes == [1024, 1, 1024]


def test_squares_are_added_in_double_precision(make_circuits, rng):
    """Of single-precision states whose squares are beyond single precision."""
    circuits = make_circuits().astype(np.float32)
    made = ResidualConstruction(30, 40, 3).compress(circuits, rng)
    far = measure_error(made, 2, 5, rng, sample_inputs=lambda a, _: np.full((*a.shape, 3), 1e25))
    assert np.isfinite(far[["mse", "inactive_mse"]]).all(axis=None)
    with pytest.raises(ValueError, match=r"wanted an array \(5, 6, 'n'\), got shape \(5, 6\)$"):
        measure_error(made, 2, 5, rng, observe=lambda a: a[..., 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_total_is_of_all_squares_in_double_precision(dtype, rng):
    """Whatever lies first in memory; also of squares beyond single precision."""
    drawn = (1e25 * rng.standard_normal((4, 5, 6))).astype(dtype)
    for vectors in (drawn, drawn.transpose(2, 0, 1), drawn[:, ::2]):
        wanted = (vectors.astype(float) ** 2).sum()
        assert measure_module._total(vectors) == pytest.approx(wanted, rel=1e-12)


def test_counts_that_are_too_large_are_refused_word_for_word(superposition, rng):
    n = superposition.circuits.n_circuits
    with pytest.raises(
        ValueError, match=rf"^n_active: wanted at most {n}, the number of circuits, got {n + 1}$"
    ):
        measure_error(superposition, n + 1, 1, rng)
    with pytest.raises(ValueError, match=r"^n_active: wanted at most 6, "):  # not MemoryError
        measure_error(superposition, 10**15, 1, rng)


def test_what_doing_nothing_costs_is_in_double_precision(rng):
    circuits = ResidualCircuits.random(3, 2, 2, 1, rng).astype(np.float32)
    assert doing_nothing(circuits, 5, rng).dtype == np.float64


def test_errors_by_hand():
    """In double precision whatever states are in; without a relative error of states of zero."""
    zero, found = np.zeros((2, 2), np.float32), np.array([[1, 1e-4], [0, 1e-3]], np.float32)
    mse, relative, worst, exact = _errors(zero, found, float(found[1, 1]))
    small, tiny = float(found[1, 1]), float(found[0, 1])
    assert mse == pytest.approx((1 + tiny**2 + small**2) / 2, rel=1e-12)
    assert np.isnan(relative)
    assert worst == pytest.approx(np.sqrt(1 + tiny**2), rel=1e-12)
    assert exact == 0.5
    mse, relative, _, _ = _errors(found, zero, 0.0)
    assert relative == pytest.approx(1, rel=1e-12)
    assert mse / relative == pytest.approx((1 + tiny**2 + small**2) / 2, rel=1e-12)


def test_interference_is_that_of_the_posts_construction(rng):
    gated = GatedConstruction().compress(MLPCircuits.random(5, [2, 2], rng), rng)
    with pytest.raises(TypeError, match=r"^superposition\.codes: wanted PostCodes, got TwoCodes$"):
        read_in_interference(gated, np.ones((1, 1, 2)), np.array([[0]]))


def test_intervals_by_hand():
    """ε = 1/4; squares less ε of the truths deviate by 1/20 each, of a mean of 1/5."""
    found = _interval(np.array([0.1, 0.3]), np.array([0.6, 1.0]))
    share = 1.96 * 0.05 / np.sqrt(2) / 0.2
    assert found == pytest.approx({"low": 0.25 / np.exp(share), "high": 0.25 * np.exp(share)})


@pytest.mark.parametrize(("truth", "both"), [(0.5, 0.0), (0.0, np.nan)])
def test_no_error_has_no_interval_and_no_state_has_no_relative_error(truth, both):
    found = _interval(np.zeros(3), np.full(3, truth))
    np.testing.assert_equal(found, {"low": both, "high": both})


def test_samples_are_shared_out_by_hand():
    assert _counts({1: 0.5, 2: 0.1, 4: 0.4}, 5) == {1: 2, 2: 1, 4: 2}
    assert _counts({3: 0.1, 2: 0.9}, 4) == {2: 4}


@pytest.mark.parametrize("observe", [None, lambda a: a[..., :1] + a[..., 1:] ** 2])
def test_errors_circuit_by_circuit_are_of_the_inputs_and_the_observer_given(observe, rng):
    """Each circuit's squares over its own spread in the samples themselves, n − 1 of n."""
    drawn = MLPCircuits.random(5, [2, 3, 2], rng)
    circuits = MLPCircuits(drawn.weights, drawn.biases, ["relu", "linear"])
    large = GatedConstruction(redundancy=2).compress(circuits, rng)

    def inputs(active, rng):
        return rng.uniform(-0.5, 0.2, size=(*active.shape, 2))

    found = measure_error(
        large, 2, 60, np.random.default_rng(3), sample_inputs=inputs, observe=observe
    ).iloc[-1]
    again = np.random.default_rng(3)
    active = sample_active(5, 2, 60, again)
    drawn = inputs(active, again)
    see = observe or (lambda a: a)
    truth, read = (see(each.run(drawn, active)[-1]) for each in (circuits, large))
    each = []
    for t in range(5):
        mine = truth[active == t]
        spread = np.square(mine - mine.mean(axis=0)).sum() / (len(mine) - 1)
        each.append(np.square(read - truth).sum(axis=-1)[active == t].mean() / spread)
    assert found["circuit_median"] == pytest.approx(np.median(each))
    assert found["circuit_worst"] == pytest.approx(max(each))
    assert found["rounding"] == rounding_estimate(circuits, (), (drawn, active))[-1]


def test_spreads_are_of_more_inputs_than_the_samples_where_the_sampler_is_known(rng):
    """Each of three circuits in one sample, which has no spread of its own."""
    circuits = MLPCircuits.random(20, [2, 3, 2], rng)
    large = GatedConstruction().compress(circuits, rng)
    assert len(np.unique(sample_active(20, 1, 3, np.random.default_rng(3)))) == 3
    found = measure_error(large, 1, 3, np.random.default_rng(3)).iloc[0]
    assert found["circuit_median"] < 1e-20
    own = circuits.default_inputs

    def unknown(active, rng):
        return own(active, rng)

    found = measure_error(large, 1, 3, np.random.default_rng(3), sample_inputs=unknown).iloc[0]
    assert np.isnan(found["circuit_median"])
