"""The benchmark: the dense implementation agrees, every row is there; no time is ever judged."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import MLPCircuits, MLPConstruction, measure_error
from superposition.circuits import rotation_circuits
from superposition.measure import MEANS
from tests.benchmarks import __main__ as command
from tests.benchmarks import (
    child,
    machine,
    networks,
    published,
    ratios,
    report,
    scaling,
    sizes,
    timing,
)


def silent_circuits(n, width, n_layers, rng):
    """Random circuits with one bias vector a layer, none above zero."""
    random = MLPCircuits.random(n, [width] * (n_layers + 1), rng)
    biases = [np.tile(-np.abs(bias[0]), (n, 1)) for bias in random.biases]
    return MLPCircuits(random.weights, biases)


def compressed(circuits, width, redundancy, code, rng):
    large = MLPConstruction(width, redundancy, code).compress(circuits, rng)
    return large, published.build(*networks.given(large))


def measured(large, dense, n_active, rng):
    """Errors found by the library and by dense products, of the same samples."""
    seen = {}

    def sample(active, rng):
        seen["active"], seen["inputs"] = active, large.circuits.default_inputs(active, rng)
        return seen["inputs"]

    ours = measure_error(large, n_active, 30, rng, sample_inputs=sample)
    return ours[MEANS].iloc[1:].reset_index(drop=True), published.measure(dense, **seen)


@given(
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["prime_step", "finite_plane"]),
    st.integers(0, 99),
)
def test_dense_products_build_and_measure_the_same(n, width, n_layers, code, seed):
    """Widths with neurons left over, single circuits and all of them active included."""
    rng = np.random.default_rng(seed)
    circuits = silent_circuits(n, width, n_layers, rng)
    large, dense = compressed(circuits, 16 * width + seed % width, 2, code, rng)
    np.testing.assert_allclose(dense.weights, large.network.weights, atol=1e-12)
    np.testing.assert_allclose(dense.biases, large.network.biases, atol=1e-12)
    ours, theirs = measured(large, dense, 1 + seed % n, rng)
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("dtype", "rounding"), [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_rotations_have_the_same_errors_in_either_precision(dtype, rounding, rng):
    circuits = rotation_circuits(60, 4, rng).astype(dtype)
    large, dense = compressed(circuits, 400, 6, "prime_step", rng)
    assert dense.weights.dtype == dense.embed.dtype == dtype
    np.testing.assert_allclose(dense.weights, large.network.weights, atol=rounding / 100)
    ours, theirs = measured(large, dense, 2, rng)
    pd.testing.assert_frame_equal(ours, theirs, rtol=rounding)


def test_the_capped_weights_of_two_circuits_by_hand():
    """Slots {0, 1} and {1, 2} of four, in both layers; each connects 4 pairs, (1, 1) twice.

    From the second circuit to the first: of 2 · 2 pairs all but (0, 2) are connected, 3, so one of
    four is missing: χ = 3 / (4 − 3) / r = 3/2.
    """
    e = np.array([[1.0, 1, 0, 0], [0, 1, 1, 0]])
    wanted = np.full((4, 4), -1.5)
    wanted[:2, :2] = wanted[1:3, 1:3] = 0.5
    np.testing.assert_allclose(published.capped(e, e), wanted)


BUILD = {
    "circuits": np.ones((2, 3, 2, 2)),
    "bias": np.zeros((2, 2)),
    "sets": np.array([[[0, 1], [1, 2], [2, 3]]] * 2),
    "width": 9,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"circuits": np.ones((2, 3, 2, 1))}, "circuits: wanted square weights"),
        ({"circuits": np.ones((2, 3, 2))}, "circuits: wanted shape"),
        ({"bias": np.zeros((2, 3))}, "bias: wanted shape"),
        ({"bias": np.full((2, 2), np.nan)}, "bias: wanted finite numbers"),
        ({"sets": BUILD["sets"] + 1}, "sets: wanted entries from 0 to 3"),
        ({"sets": BUILD["sets"][:1]}, "sets: wanted shape"),
        ({"sets": BUILD["sets"][..., [0, 0]]}, "sets: wanted distinct slots"),
        ({"width": 0}, "width: wanted at least 1"),
        ({"width": 4, "sets": BUILD["sets"] % 2}, "sets: wanted slots that no circuit connects"),
    ],
)
def test_the_dense_construction_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        published.build(**{**BUILD, **change})


@pytest.mark.parametrize("do", [published.run, published.measure])
def test_running_densely_refuses(do):
    dense = published.build(**BUILD)
    with pytest.raises(ValueError, match="active: wanted entries from 0 to 2, got 3"):
        do(dense, np.ones((1, 1, 2)), np.array([[3]]))
    with pytest.raises(ValueError, match="active: wanted distinct circuits"):
        do(dense, np.ones((1, 2, 2)), np.array([[1, 1]]))
    with pytest.raises(ValueError, match="inputs: wanted shape"):
        do(dense, np.ones((1, 1, 3)), np.array([[1]]))


def test_jobs_take_turns_after_one_round_to_warm():
    calls = []
    jobs = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = timing.alternate(jobs, 9)
    rounds = {"".join(calls[i : i + 2]) for i in range(0, 20, 2)}
    assert calls[:2] == ["a", "b"]
    assert (len(calls), rounds) == (20, {"ab", "ba"})
    assert [len(taken) for taken in times.values()] == [9, 9]
    with pytest.raises(ValueError, match="repeats: wanted at least 1, got 0"):
        timing.alternate(jobs, 0)


def test_ratios_are_of_minima_and_of_medians():
    ratio = timing.Ratio("a", "b", (3.0, 2.0, 7.0), (1.0, 6.0, 4.0), at_most=2)
    assert (ratio.of_minima, ratio.of_medians) == (2, 0.75)


@pytest.mark.parametrize(
    ("aims", "text", "met"),
    [
        ({}, "", ""),
        ({"at_most": 2}, "≤ 2", "yes"),
        ({"at_most": 1.9}, "≤ 1.9", "no"),
        ({"at_least": 2}, "≥ 2", "yes"),
        ({"at_least": 2.1}, "≥ 2.1", "no"),
    ],
)
def test_aims_are_met_or_not(aims, text, met):
    ratio = timing.Ratio("a", "b", (2.0,), (1.0,), **aims)
    assert (ratio.aim, ratio.met) == (text, met)


def test_the_traced_peak_counts_what_is_there_at_once():
    """Two arrays of 1 MB one after the other are 1 MB at once; one from before does not count."""
    before = np.ones(250_000)
    one = timing.traced_peak(lambda: [np.ones(125_000).sum() for _ in range(2)])
    assert 1e6 <= one < 1.1e6
    both = timing.traced_peak(lambda: before[0] * np.concatenate([np.ones(125_000)] * 2)[0])
    assert 3e6 <= both < 3.1e6
    assert timing.resident_peak() > before.nbytes


def test_a_power_law_has_its_exponent():
    numbers = [10, 100, 1000, 10000]
    fit = scaling.exponent(numbers, [3 * n**0.7 for n in numbers])
    assert (fit.slope, fit.low, fit.high, fit.last) == pytest.approx((0.7,) * 4)


def test_the_interval_of_an_exponent_by_hand():
    """ln y = 0, 1, 0 at ln T = 0, 1, 2: s = 0, residual squares 2/3 on 1 degree of freedom.

    So the standard error is √(2/3 / 2) = 1/√3, and Student's 97.5 % point with 1 degree 12.706.
    """
    fit = scaling.exponent(np.exp([0, 1, 2]), np.exp([0, 1, 0]))
    assert (fit.slope, fit.last) == pytest.approx((0, -1))
    assert (fit.low, fit.high) == pytest.approx((-12.7062 / 3**0.5, 12.7062 / 3**0.5), rel=1e-5)


@pytest.mark.parametrize("numbers", [[1, 2], [1, 2, 3]])
def test_an_exponent_needs_three_values_of_as_many_sizes(numbers):
    with pytest.raises(ValueError, match="values: wanted at least 3, one for each size, got 2 of"):
        scaling.exponent(numbers, [1.0, 2.0])


def test_a_process_of_its_own_measures_each_task():
    tasks = [sizes.Task("gated", 9, seconds=0.0), sizes.Task("sequel", 10, 400, 0.0)]
    filled = np.ones(40_000_000)  # what this process has is not to count as its child's
    found = child.measure(tasks)
    assert found[1]["resident"] < filled.nbytes
    assert [set(result) for result in found] == 2 * [{"seconds", "traced", "resident"}]
    weights = 2 * 400**2 * 4  # two layers of float32
    assert all(result["seconds"] > 0 for result in found)
    assert found[0]["traced"] < weights < found[1]["traced"] < 5 * weights
    assert 0 < found[0]["resident"] <= found[1]["resident"]


def test_a_process_that_fails_says_why(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho no such kind >&2\nexit 3\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(child.sys, "executable", str(script))
    with pytest.raises(RuntimeError, match=r"child: wanted results, got no such kind"):
        child.measure([sizes.Task("gated", 9)])


def test_full_series_span_the_sizes_that_can_be_built():
    """Two decades of circuits in the gated and in the widening network; all within capacities."""
    series = sizes.FULL.series
    spans = {name: tasks[-1].n_circuits / tasks[0].n_circuits for name, tasks in series.items()}
    assert spans["gated, r = 1"] > 95
    assert spans["sequel's, T ∝ D²"] > 95
    for task in (task for tasks in series.values() for task in tasks):
        assert task.kind in child.KINDS
        if task.width:
            construction = MLPConstruction(task.width, sizes.REDUNDANCY)
            assert task.n_circuits <= construction.holds([4, 4])


def test_versions_name_what_numbers_depend_on():
    found = machine.versions()
    assert found["NumPy"] == np.__version__
    assert all(found.values())
    assert "threads: " in found["BLAS"]
    assert machine.blas_threads() >= 1


def rows(page, heading):
    """The table below a heading, as dicts by column."""
    section = page.split(f"## {heading}")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


@pytest.fixture(scope="module")
def quick():
    """One quick run's page."""
    results = command.measure(sizes.QUICK)
    return report.page(results, "2026-01-02")


def test_a_quick_run_has_every_ratio_and_all_are_positive(quick):
    found = rows(quick, "Ratios of times")
    pairs = [(row["time of"], row["over that of"]) for row in found]
    assert len(set(pairs)) == len(pairs) == ratios.N_RATIOS
    for precision in ("float64", "float32"):
        for what in ("building", "naive building", "running", "naive measuring"):
            assert any(pair[0] == f"{what}, {precision}" for pair in pairs)
        assert (f"running, factored, {precision}", f"running, {precision}") in pairs
        assert any("published" in a and b == f"measuring, {precision}" for a, b in pairs)
    assert sum("one worker" in a and "two workers" in b for a, b in pairs) == 1
    for row in found:
        for column in ("ratio of minima", "of medians", "shortest, s", "the other's, s"):
            assert 0 < float(row[column]) < np.inf


def test_a_quick_run_has_every_peak_size_and_exponent(quick):
    peaks = rows(quick, "Peak memory of measuring")
    assert len(peaks) == 9
    assert all(0 <= float(row["GB"]) < np.inf for row in peaks)
    by_size = rows(quick, "Building, by size")
    assert len(by_size) == sum(map(len, sizes.QUICK.series.values()))
    for row in by_size:
        assert all(0 < float(row[name]) < np.inf for name in ("s", "µs per circuit", "arrays, MB"))
    growth = rows(quick, "Growth of building")
    assert len(growth) == 2 * len(sizes.QUICK.series)
    for row in growth:
        low, high = map(float, row["95 % interval"].split(" … "))
        assert low <= float(row["s"]) <= high


def test_a_quick_page_says_when_with_what_and_that_it_says_nothing(quick):
    assert quick.startswith("# Benchmark of 2026-01-02\n")
    assert "these numbers say nothing" in quick
    versions = {row[""]: row["version"] for row in rows(quick, "Measured with")}
    assert versions["NumPy"] == np.__version__


@pytest.fixture
def _measured(monkeypatch, tmp_path):
    """Commands that write elsewhere and measure nothing."""
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "measure", lambda chosen: chosen)
    monkeypatch.setattr(command, "page", lambda chosen, today: f"{chosen.n_circuits} {today}\n")


@pytest.mark.usefixtures("_measured")
def test_a_page_is_printed_and_kept_only_if_asked(capsys, tmp_path):
    command.main(["--quick"])
    assert re.fullmatch(r"60 \d{4}-\d\d-\d\d\n", capsys.readouterr().out)
    assert not (tmp_path / "results").exists()
    command.main(["--write"])
    printed = capsys.readouterr().out
    (kept,) = (tmp_path / "results").iterdir()
    assert kept.read_text(encoding="utf-8") == printed
    assert printed == f"557 {kept.stem}\n"


@pytest.mark.usefixtures("_measured")
def test_quick_pages_are_not_kept(capsys, tmp_path):
    with pytest.raises(SystemExit):
        command.main(["--quick", "--write"])
    assert "--write: wanted full sizes, got --quick" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
