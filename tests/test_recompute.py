"""Recomputing stored rows: whatever is wrong in a table is found, and any row may be picked."""

import subprocess
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from companion._study import Tolerance
from tests import recompute
from tests.recompute import STUDIES, main, sample, shuffled, stored


@pytest.mark.parametrize(
    ("name", "where", "factor"),
    [("claim", "stream_width > 260", 0.5), ("million", "n_circuits > 10_000", 3.0)],
)
def test_dear_rows_that_are_wrong_are_found(name, where, factor):
    """In the cheapest of them; each column alone would be enough."""
    table = stored(name)
    wrong, rows, columns = table.copy(), table.query(where).index, ["mse", "worst"]
    wrong.loc[rows, columns] *= factor
    runs = [run for run in shuffled(name, 0) if len(pd.DataFrame([run.setting]).query(where))]
    run = min(runs, key=lambda run: run.seconds)
    found = [STUDIES[name].deviations(*run[1:3], t) for t in (table, wrong, table.drop(rows))]
    assert found[0].max() <= 1
    assert (found[1][columns] > 1).all()
    assert found[2]["rows or columns"] == np.inf


def test_the_command_says_what_is_red(monkeypatch, capsys):
    arguments = ["noisy", "--seconds", "1.7", "--seed", "3"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith("seed 3\n")
    assert said.count("ok noisy") == 5
    table = stored("noisy")
    monkeypatch.setattr(recompute, "stored", lambda name: table.assign(worst=table["worst"] / 2))
    assert main(arguments) == 1
    assert capsys.readouterr().out.count("red noisy") == 5
    with pytest.raises(SystemExit):
        main(["other"])


def test_any_run_may_be_picked_and_none_twice():
    assert set(recompute.COSTS) - {"others"} <= set(STUDIES)
    picked = {str(run) for run in sample(["told", "gated"], 7, np.inf, np.inf)}
    assert len(picked) == 16 * 5 + 9 * 5
    one, other = (list(sample(["gated", "told"], seed, 10.0, 2.5)) for seed in (1, 2))
    assert one != other
    assert 10.0 <= sum(run.seconds for run in one) < 12.5
    assert {run.name for run in sample(["gated", "told"], 1, 10.0, 2.4)} == {"told"}


def test_the_commit_draws_the_sample_unless_a_seed_is_given(monkeypatch):
    monkeypatch.setenv(recompute.SEED, "12")
    assert recompute.default_seed() == 12
    monkeypatch.delenv(recompute.SEED)
    monkeypatch.setattr(subprocess, "check_output", Mock(return_value=b"0000001f9abc\n"))
    assert recompute.default_seed() == 31
    monkeypatch.setattr(subprocess, "check_output", Mock(side_effect=OSError("there is no git")))
    assert recompute.default_seed() == 0


def test_differences_are_in_units_of_what_is_allowed():
    """Of 2 a tenth and 0.3 are allowed, of 0 only 0.3."""

    def off(fresh, kept):
        return Tolerance(0.1, 0.3).deviation(pd.Series(fresh), pd.Series(kept))

    assert off([1.0, 2.25], [1.0, 2.0]) == pytest.approx(0.5)
    assert off([0.6], [0.0]) == pytest.approx(2)
    assert off([np.nan, np.inf, -7.0], [np.nan, np.inf, -7.0]) == 0
    assert off([np.nan], [1.0]) == off([1.0], [np.nan]) == np.inf
    assert off(["a", "b"], ["a", "c"]) == off([True, True], [True, False]) == np.inf


@pytest.mark.parametrize(("fresh", "wanted"), [(8.0, 1.5), (0.5, 0.5), (1.0, 0.0), (0.0, np.inf)])
def test_rounding_is_found_again_within_a_factor(fresh, wanted):
    tolerance, kept = Tolerance(factors={"x": 4.0, "y": np.inf}), pd.Series([1.0], name="x")
    assert tolerance.deviation(pd.Series([fresh]), kept) == pytest.approx(wanted)
    assert tolerance.deviation(pd.Series([fresh]), kept.rename("y")) == 0
