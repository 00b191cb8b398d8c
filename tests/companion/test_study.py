"""Stored results: recomputed samples agree, and tables hold what their studies say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from companion import _study, digits, introduction
from companion.__main__ import main
from superposition.results import read_table
from tests import recompute
from tests.recompute import STUDIES, stored


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


@pytest.mark.parametrize("name", STUDIES)
def test_tables_are_complete_and_say_how_they_were_made(name):
    path, study = Path(f"book/data/{name}.csv"), STUDIES[name]
    table, header = read_table(path)
    assert "# sha256 of the other lines: " in path.read_text()  # any changed line is refused
    assert header["command"] == f"python -m companion {name} book/data/{name}.csv"
    assert header["seed"] == str(study.seed)
    words = np.random.default_rng(study.seed).integers(2**32, size=4)
    assert header["entropy"] == str(words.tolist())
    assert "numpy" in header["versions"]
    names = [*study.settings[0], "seed"]
    wanted = {(*s.values(), n) for s in study.settings for n in range(study.n_seeds)}
    assert set(table[names].itertuples(index=False, name=None)) == wanted


@pytest.mark.parametrize("name", STUDIES)
def test_recomputed_rows_agree(name):
    """A sample that the commit draws, of runs that take seconds. `make recompute` takes any."""
    seed, table = recompute.default_seed(), recompute.stored(name)
    for run in recompute.sample([name], seed, seconds=1.0, dearest=3.0):
        off = STUDIES[name].deviations(run.setting, run.seed, table)
        assert off.max() <= 1, f"{run}, drawn by {recompute.SEED}={seed}: {off.to_dict()}"


@pytest.mark.parametrize("name", STUDIES)
def test_no_mean_square_is_above_the_largest(name):
    """All rows of all tables, and states of the size that random circuits have."""
    table = stored(name)
    for mean, largest in (("mse", "worst"), ("mse_x", "worst_x"), ("mse_on", "worst_on")):
        if {mean, largest} <= set(table):
            assert (table[mean] <= 1.001 * table[largest] ** 2).all()
    if name in ("claim", "one_layer", "noisy"):
        assert table.query("n_circuits > 60").eval("mse / relative_mse").between(1.35, 2.75).all()


def curve(errors, seed=0):
    sizes = {"stream_width": 10, "n_layers": 1, "seed": seed, "nothing": 0.5}
    n_circuits = 10 * 10 ** np.arange(len(errors))
    return pd.DataFrame({**sizes, "n_circuits": n_circuits, "relative_mse": errors})


def test_largest_loads_interpolates_on_log_scales():
    table = curve([0.01, 0.1, 10.0])
    (load,) = introduction.largest_loads(table, 2.0)["n_circuits"]  # an error of 1
    assert load == pytest.approx(np.sqrt(100 * 1000))


def test_largest_loads_needs_a_crossing_of_every_seed():
    table = curve([0.01, 0.1, 10.0])
    assert len(introduction.largest_loads(table, 0.001)) == 0
    assert len(introduction.largest_loads(table, 100.0)) == 0
    both = pd.concat([table, curve([0.01, 0.1, 0.9], seed=1)])
    assert len(introduction.largest_loads(both, 2.0)) == 0
    assert len(introduction.largest_loads(both, 1.0)) == 2


def test_largest_loads_does_not_fall_for_one_noisy_point():
    """Errors that rise, dip and rise again: the dip and the peak before it are averaged."""
    smooth = introduction.largest_loads(curve([0.01, 0.1, 0.1, 10.0]), 1.0)["n_circuits"].item()
    noisy = introduction.largest_loads(curve([0.01, 1.0, 0.01, 10.0]), 1.0)["n_circuits"].item()
    assert noisy == pytest.approx(smooth)


def test_an_error_that_overflowed_is_beyond_every_tolerance():
    (load,) = introduction.largest_loads(curve([0.01, np.nan]), 1.0)["n_circuits"]
    assert 10 < load < 100


def test_growth_exponent_of_a_power_law():
    loads = pd.DataFrame({"parameters": [10.0, 100.0, 1000.0]})
    loads["n_circuits"] = 3 * loads["parameters"] ** 0.7
    assert introduction.growth_exponent(loads) == pytest.approx(0.7)


def test_parameters_are_those_of_a_real_network(make_circuits, rng):
    from superposition import ResidualConstruction

    network = ResidualConstruction(30, 60).compress(make_circuits(n_layers=1), rng).network
    assert introduction.residual_parameters(30) == network.n_parameters


def test_private_circuits_fill_a_network_of_the_best_shape():
    """Nine circuits of width 2 and 5 neurons need 18 dimensions and 45 neurons: 810 weights."""
    assert introduction.private_circuits(18, 45, 2, 5) == 9
    assert introduction.private_circuits(10, 81, 2, 5) == 9
    assert introduction.private_circuits(10, 80, 2, 5) == 8


def test_the_command_line_resumes_and_completes(tmp_path, monkeypatch):
    def measure(width, rng):
        return pd.DataFrame({"value": [width + rng.standard_normal()]})

    small = _study.Study(measure, [{"width": 1}, {"width": 2}], n_seeds=2, seed=5)
    monkeypatch.setattr(introduction, "STUDIES", {"small": small})
    path = str(tmp_path / "small.csv")
    main(["small", path])
    table, header = read_table(path)
    assert header["seed"] == "5"
    assert len(table) == 4
    assert small.deviations({"width": 2}, 1, table).max() == 0


def test_the_readmes_figures_are_those_of_the_stored_results(request):
    """97 % kept at k = 1, for 144 times the parameters, with two thirds of the neurons."""
    small = digits.load_circuits("book/data/digit_networks.npz")
    table = stored("digit_tasks")
    accuracy = table.query("n_active == 1")["balanced_accuracy"].mean()
    kept = (accuracy - 0.5) / (digits.small_scores(small).mean() - 0.5)
    large = digits.DIGITS_CONSTRUCTION
    parameters = small.n_layers * introduction.residual_parameters(large.stream_width)
    text = (request.config.rootpath / "README.md").read_text()
    assert f"keep {100 * kept:.0f} % of their accuracy above guessing" in text
    assert f"{parameters / small.n_parameters:.0f} times their parameters" in text
    assert large.n_neurons / (small.n_circuits * small.n_neurons) == pytest.approx(2 / 3, abs=0.01)
