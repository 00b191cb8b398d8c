"""Sizes and capacities for circuits themselves, each of which counts."""

import warnings

import numpy as np
import pandas as pd
import pytest

from superposition import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    MLPConstruction,
    ResidualCircuits,
    ResidualConstruction,
    measure_error,
)
from superposition.constructions.sizing import counted, several

MLPS = MLPCircuits.random(30, [2, 2, 2], np.random.default_rng(0))
RESIDUAL = ResidualCircuits.random(30, 2, 3, 2, np.random.default_rng(0))


def unequal(name, n_layers=3):
    """Circuits of which the law of means does not hold, and random ones."""
    rng = np.random.default_rng(3)
    circuits = ResidualCircuits.random(150, 4, 8, n_layers, rng)
    read, bias, write = circuits.read_in, circuits.bias, circuits.write_out
    if name == "lognormal":
        scale = np.exp(rng.standard_normal(150))[None, :, None, None]
        read, bias, write = read * scale, bias * scale[..., 0], write * scale
    if name == "one giant":
        scale = np.where(np.arange(150) == 3, 10.0, 1.0)[None, :, None, None]
        read, write = read * scale, write * scale
    if name == "positive":
        write = np.abs(write)
    return ResidualCircuits(read, bias, write)


def test_several_are_all_then_all_again_and_fewer_are_among_more():
    assert several(MLPS, 30) is MLPS
    few, many = several(MLPS, 7), several(MLPS, 67)
    assert many.n_circuits == 67
    for wide, narrow in zip(many.weights, few.weights, strict=True):
        np.testing.assert_array_equal(wide[:7], narrow)
        np.testing.assert_array_equal(wide[30:60], wide[:30])
        np.testing.assert_array_equal(wide[60:], wide[:7])
    firsts = many.weights[0][:30].reshape(30, -1)
    assert len(np.unique(firsts, axis=0)) == 30


def test_what_counts_is_the_larger_of_the_mean_and_the_quantile():
    last = pd.Series({"relative_mse": 0.2, "circuit_median": 0.1, "circuit_worst": 0.7})
    assert [counted(last, q) for q in ("worst", "median", "mean")] == [0.7, 0.2, 0.2]
    assert counted(last.replace(0.7, np.nan), "worst") == 0.2  # no circuit varies
    assert counted(last.replace(0.2, np.nan), "mean") == np.inf  # lost


def test_a_capacity_is_the_last_at_which_the_quantile_is_within(monkeypatch):
    """Of errors that are made up: the mean is T/1000, the median T/500, the worst T/100."""

    def predict(self, circuits, n_active, law):
        assert (n_active, law) == (2, "sampled")
        n = circuits.n_circuits
        means = {"relative_mse": n / 1000, "circuit_median": n / 500, "circuit_worst": n / 100}
        return pd.DataFrame([means])

    monkeypatch.setattr(GatedConstruction, "predict_error", predict)
    monkeypatch.setattr(ResidualConstruction, "predict_error", predict)
    for construction, circuits in (
        (GatedConstruction(width=4 * 101), MLPS),
        (ResidualConstruction(40, 50), RESIDUAL),
    ):
        found = [
            construction.capacity(circuits, 2, 0.25, quantile=q)
            for q in ("worst", "median", "mean")
        ]
        assert found == [25, 125, 250]
        assert construction.capacity(circuits, 2, 0.25) == 25
        with pytest.raises(
            ValueError, match=r"^tolerance: wanted (at least 0.02|one that 2 active)"
        ):
            construction.capacity(circuits, 2, 0.01)
    assert GatedConstruction(width=4 * 7).capacity(MLPS, 2, 1.0) == 49  # a full plane


def test_a_size_in_which_each_counts_is_larger_and_keeps_the_worst_within():
    """By its own prediction, and measured; for the mean alone it is smaller."""
    start = GatedConstruction(redundancy=3)
    sizes = {q: start.size_for(30, MLPS, 2, 0.3, quantile=q) for q in ("worst", "mean")}
    assert sizes["worst"].width > sizes["mean"].width
    assert sizes["worst"] == start.size_for(30, MLPS, 2, 0.3)
    for quantile, sized in sizes.items():
        assert sized.error_of(MLPS, 2, quantile) <= 0.3
    rng = np.random.default_rng(0)
    last = measure_error(sizes["worst"].compress(MLPS, rng), 2, 3000, rng).iloc[-1]
    assert last["circuit_worst"] < 0.5


@pytest.mark.parametrize("name", ["lognormal", "positive"])
def test_sizes_for_unlike_circuits_hold_where_those_of_their_moments_do_not(name):
    """Three layers: moments warn, and are wrong by far; the circuits' own samples are right."""
    circuits = unequal(name)
    start, moments = ResidualConstruction(64, 64), circuits.moments(np.random.default_rng(0))
    with pytest.warns(UserWarning, match=r"^moments: .*; errors may be many times .* themselves$"):
        promised = start.size_for(150, moments, 1, 0.05)
    sized = start.size_for(150, circuits, 1, 0.05, quantile="mean")
    errors = {}
    for construction in (promised, sized):
        runs = []
        for seed in range(3):
            large = construction.compress(circuits, np.random.default_rng(seed))
            runs.append(measure_error(large, 1, 600, np.random.default_rng([seed, 1])).iloc[-1])
        errors[construction] = np.mean([run["relative_mse"] for run in runs])
    assert errors[promised] > 4 * 0.05
    assert errors[sized] < 2 * 0.05


def test_a_worst_circuit_that_no_size_saves_is_refused(monkeypatch):
    lost = pd.DataFrame([{"relative_mse": 0.01, "circuit_worst": 5.0}])
    monkeypatch.setattr(ResidualConstruction, "predict_error", lambda *_, **__: lost)
    with pytest.raises(ValueError, match=r"tolerance: wanted one that is met by the worst circuit"):
        ResidualConstruction(40, 50).size_for(30, RESIDUAL, 1, 0.05)


def test_moments_warn_only_where_laws_of_means_mislead():
    construction = ResidualConstruction(400, 800)
    for name, words in (("one giant", "decide what others read"), ("positive", "which adds up")):
        moments = unequal(name, 1).moments(np.random.default_rng(0))
        with pytest.warns(UserWarning, match=f"^moments: .*{words}.*; errors may be many times"):
            construction.size_for(150, moments, 1, 10.0)
        with pytest.warns(UserWarning, match=f"^moments: .*{words}.*; errors may be many times"):
            construction.capacity(moments, 1, 10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        construction.size_for(150, unequal("random", 1).moments(np.random.default_rng(0)), 1, 10.0)


@pytest.mark.parametrize(
    ("construction", "circuits"),
    [
        (MLPConstruction(100, 2), MLPS),
        (ChainConstruction(2), MLPS),
        (GatedConstruction(), RESIDUAL),
        (ResidualConstruction(40, 50), MLPS),
        (GatedResidualConstruction(), MLPS),
    ],
)
def test_circuits_of_another_kind_or_of_which_none_is_predicted_alone_are_refused(
    construction, circuits
):
    wanted = rf"^moments: wanted {construction._kind.__name__}, got {type(circuits).__name__}: pass"
    with pytest.raises(TypeError, match=wanted):
        construction.capacity(circuits, 1, 0.1)
    with pytest.raises(TypeError, match=wanted):
        construction.size_for(10, circuits, 1, 0.1)


def test_another_quantile_is_refused():
    wanted = r"^quantile: wanted one of \('worst', 'median', 'mean'\), got 'best'$"
    with pytest.raises(ValueError, match=wanted):
        GatedConstruction(100).capacity(MLPS, 1, 0.1, quantile="best")
    with pytest.raises(ValueError, match=wanted):
        GatedConstruction().size_for(30, MLPS, 1, 0.1, quantile="best")
