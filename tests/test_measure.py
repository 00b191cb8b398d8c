"""measure_error against its definition, sample by sample."""

import numpy as np
import pandas as pd
import pytest

from superposition import (
    GatedConstruction,
    ResidualConstruction,
    SparseCode,
    measure_error,
    rotation_circuits,
)
from superposition import measure as measure_module
from superposition.inputs import sample_active, unit_inputs


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
    monkeypatch.setattr(measure_module, "_READS", 3 * 6 * 3)  # and parts of chunks
    active = sample_active(6, 2, 10, np.random.default_rng(5))
    inputs = rng.standard_normal((10, 2, 3))
    monkeypatch.setattr(measure_module, "sample_active", lambda *args: active)
    measured = measure_error(
        superposition, 2, 10, rng, sample_inputs=lambda sets, _: inputs, observe=observe
    )
    wanted = by_definition(superposition, active, inputs, *([observe] if observe else []))
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
    inputs = unit_inputs(4)(active, rng)
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


def test_numpy_settings_reach_the_threads_that_read(superposition, rng):
    def overflowing(states):
        return (states + 10) * 1e308

    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        measure_error(superposition, 2, 30, rng, observe=overflowing)
