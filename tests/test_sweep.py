"""Sweeps: one tidy table, whatever the workers, the order, or the interruptions."""

import numpy as np
import pandas as pd
import pytest

from superposition import sweep
from superposition.results import read_table

SETTINGS = [{"size": size, "kind": kind} for size in (2, 3.5) for kind in ("flat", "steep")]
CALLS: list[dict] = []


def draw(size: float, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    """Two rows of noise that depend on everything."""
    CALLS.append({"size": size, "kind": kind})
    return pd.DataFrame({"layer": [0, 1], "value": size * rng.standard_normal(2)})


def breaks_at_three(size: float, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    if len(CALLS) == 3:
        raise KeyboardInterrupt
    return draw(size, kind, rng)


@pytest.fixture(autouse=True)
def _forget_calls():
    CALLS.clear()


def run(settings=SETTINGS, measure=draw, seed=0, n_seeds=2, **options):
    rng = np.random.default_rng(seed)
    return sweep(measure, settings, n_seeds, rng, progress=False, **options)


def test_one_tidy_table_in_the_order_of_the_settings():
    table = run()
    assert list(table) == ["size", "kind", "seed", "layer", "value"]
    assert len(table) == 4 * 2 * 2
    assert table["size"].tolist() == [2] * 8 + [3.5] * 8
    assert table["seed"].tolist() == [0, 0, 1, 1] * 4
    assert table["value"].nunique() == 16
    assert len(CALLS) == 8


def test_order_and_neighbours_change_nothing():
    alone = run(SETTINGS[2:3])
    among = run(SETTINGS[::-1])
    chosen = among[(among["size"] == 3.5) & (among["kind"] == "flat")].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, chosen)


def test_another_rng_gives_other_numbers():
    assert not np.isclose(run()["value"], run(seed=1)["value"]).any()


def test_a_stored_table_reads_back_digit_for_digit(tmp_path):
    file = tmp_path / "t.csv"
    made = run(path=file, header={"command": "python -m nothing"})
    stored, header = read_table(file)
    pd.testing.assert_frame_equal(stored, made, check_exact=True)
    assert header["command"] == "python -m nothing"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_finished_sweep_is_not_run_again(tmp_path):
    made = run(path=tmp_path / "t.csv")
    CALLS.clear()
    again = run(path=tmp_path / "t.csv")
    assert CALLS == []
    pd.testing.assert_frame_equal(made, again, check_exact=True)


def test_an_interrupted_sweep_continues_where_it_stopped(tmp_path):
    file = tmp_path / "t.csv"
    with pytest.raises(KeyboardInterrupt):
        run(path=file, measure=breaks_at_three)
    assert not file.exists()
    assert len(read_table(tmp_path / "t.partial.csv")[0]) == 6
    CALLS.clear()
    table = run(path=file)
    assert len(CALLS) == 5
    pd.testing.assert_frame_equal(table, run(), check_exact=True)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_longer_sweep_keeps_what_a_shorter_one_stored(tmp_path):
    run(SETTINGS[:2], path=tmp_path / "t.csv")
    CALLS.clear()
    table = run(path=tmp_path / "t.csv", n_seeds=3)
    assert len(CALLS) == 4 * 3 - 2 * 2
    pd.testing.assert_frame_equal(table, run(n_seeds=3), check_exact=True)


@pytest.mark.parametrize("other", [{"seed": 1}, {"header": {"command": "another"}}])
def test_a_file_of_another_sweep_is_refused(tmp_path, other):
    run(path=tmp_path / "t.csv")
    with pytest.raises(ValueError, match="belongs to another sweep"):
        run(path=tmp_path / "t.csv", **other)


def test_a_file_with_other_settings_names_is_refused(tmp_path):
    run(path=tmp_path / "t.csv")
    with pytest.raises(ValueError, match="belongs to another sweep"):
        run([{"width": 3}], measure=lambda width, rng: pd.DataFrame(), path=tmp_path / "t.csv")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "# entropy: 3\nx\n1\n", '"\n'])
def test_a_foreign_file_is_refused(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match="wanted a table written by sweep"):
        run(path=tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([], "settings: wanted at least one"),
        ([{"size": 1}, {"kind": "flat"}], "settings: wanted the keys"),
        ([{"size": 1, "kind": None}], "settings: wanted a number or text for kind"),
        ([{"size": float("nan"), "kind": "a"}], "settings: wanted a number or text for size"),
        ([{"size": 1, "kind": "a"}, {"size": 1.0, "kind": "a"}], "no setting twice"),
        ([{"size": 1, "seed": 3}], "settings: wanted names other than seed and rng"),
        ([{"size": 1, "kind": "01"}], "settings: wanted a text that is no number for kind"),
        ([{"size": 1, "kind": ""}], "settings: wanted a text that is no number for kind"),
        ([{"size": 1, "kind": "a"}, {"size": "b", "kind": "a"}], "all numbers or all texts"),
        ([{"size": 1, "kind": "a\nb"}], "settings: wanted one line of text for kind"),
        ([{"size": 1, "kind": "a\rb"}], "settings: wanted one line of text for kind"),
    ],
)
def test_settings_that_cannot_be_told_apart_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        run(settings)


def test_texts_come_back_as_they_were(tmp_path):
    """Names that a reader of tables might take for a comment or for nothing."""
    settings = [{"kind": kind} for kind in ("NA", "None", "x#y", "# z", 'say "no"', "a,b")]

    def echo(kind, rng):
        CALLS.append({})
        return pd.DataFrame({"said": [f"{kind}#{kind}"], "value": [rng.random()]})

    made = run(settings, measure=echo, path=tmp_path / "t.csv")
    CALLS.clear()
    again = run(settings, measure=echo, path=tmp_path / "t.csv")
    assert CALLS == []
    pd.testing.assert_frame_equal(made, again, check_exact=True)
    pd.testing.assert_frame_equal(made, read_table(tmp_path / "t.csv")[0], check_exact=True)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (None, TypeError, "measure: wanted a DataFrame, got NoneType at {'size': 1}"),
        ({"value": [1]}, TypeError, "measure: wanted a DataFrame, got dict"),
        (pd.DataFrame({"value": []}), ValueError, "measure: wanted at least one row"),
        (pd.DataFrame({"size": [1]}), ValueError, "columns other than"),
        (pd.DataFrame({"seed": [1]}), ValueError, "columns other than"),
        (pd.DataFrame({"said": ["a\rb"]}), ValueError, "without carriage returns, got .* in said"),
    ],
)
def test_measurements_without_rows_of_their_own_are_refused(result, error, message):
    with pytest.raises(error, match=message):
        run([{"size": 1}], measure=lambda size, rng: result)


@pytest.mark.parametrize("value", [3, "two\nlines", " padded"])
def test_a_header_that_would_not_read_back_is_refused_before_any_work(tmp_path, value):
    with pytest.raises(ValueError, match="header: wanted one line of text for note"):
        run(path=tmp_path / "t.csv", header={"note": value})
    assert CALLS == []


@pytest.mark.parametrize("name", ["entropy", "a: b", "two\nlines"])
def test_a_header_by_another_name_than_it_would_have_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="header: wanted names without colons"):
        run(path=tmp_path / "t.csv", header={name: "text"})
    assert CALLS == []


def test_a_measurement_keeps_its_own_table():
    kept = pd.DataFrame({"value": [1.0]})
    run([{"size": 1}], measure=lambda size, rng: kept)
    assert list(kept) == ["value"]
