"""A million networks in one: how they are looked at, what is stored, and the million itself."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from companion import million
from superposition import GatedConstruction, MLPCircuits
from superposition.maps import draw_codes
from superposition.results import read_table


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def spoiled(n, widths, rng, redundancy=1):
    """A network whose weights are a little wrong, and one neuron of which fires always."""
    circuits = MLPCircuits.random(n, widths, rng)
    large = GatedConstruction(redundancy=redundancy).compress(circuits, rng)
    for array in (*large.network.weights, *large.network.biases):
        array.flags.writeable = True
    large.network.weights[1][:] *= 1.001
    large.network.biases[0][0] = 1e3
    return large


def plainly(large, which, rng):
    """(true state, what is read, how many neurons of others fire) by layer, for each circuit.

    No code of the library's but the slots: inputs are written, layers run and entries read here.
    """
    circuits, found = large.circuits, []
    for t in which:
        x = rng.standard_normal(circuits.widths[0])
        truth, states = [x / np.linalg.norm(x)], [np.zeros(large.network.widths[0])]
        n_slots = large.codes.n_slots
        states[0][-n_slots:] = 1
        for block, slots in enumerate(large.codes.input_map(circuits.widths[0]).slots[t]):
            values = [*truth[0], 1, 0]
            states[0][slots] = values[block]
        for i, (weight, bias) in enumerate(zip(circuits.weights, circuits.biases, strict=True)):
            truth.append(np.maximum(weight[t] @ truth[-1] + bias[t], 0))
            inner = large.network.weights[i] @ states[-1] + large.network.biases[i]
            states.append(np.maximum(inner, 0))
        rows = []
        for layer, state in enumerate(states):
            own = large.read_maps[layer].code.slots[t][:-1]
            entries = state[: -2 * n_slots].copy()
            read = entries[own].mean(axis=1)
            entries[own] = 0
            rows.append((truth[layer], read, int((entries > 0).sum())))
        found.append(rows)
    return found


@pytest.mark.parametrize("redundancy", [1, 2])
def test_what_is_measured_is_what_loops_find(redundancy, rng, monkeypatch):
    monkeypatch.setattr(million, "_BATCH", 7)
    large = spoiled(30, (3, 2, 4), rng, redundancy)
    which = rng.permutation(30)[:23]
    table = million.one_by_one(large, which, np.random.default_rng(3)).set_index("layer")
    found = plainly(large, which, np.random.default_rng(3))
    longest = [max(np.abs(truth).max() for truth, _, _ in rows) for rows in found]
    for layer in range(3):
        rows = [rows[layer] for rows in found]
        sizes = np.array([np.linalg.norm(truth) for truth, _, _ in rows])
        errors = np.array([np.linalg.norm(read - truth) for truth, read, _ in rows])
        entries = [np.abs(read - truth).max() for truth, read, _ in rows]
        relative = np.array([e / s if s else 0 for e, s in zip(errors, sizes, strict=True)])
        worst = relative.argmax()
        wanted = {"circuits": 23, "mse": (errors**2).mean(), "square": (sizes**2).mean()}
        wanted |= {"worst": errors.max(), "relative": relative[worst]}
        wanted |= {"above": (relative > 1e-4).sum(), "zero": (sizes == 0).sum()}
        wanted |= {"above_length": sizes[relative > 1e-4].max(initial=0)}
        wanted |= {"path": max(e / s for e, s in zip(entries, longest, strict=True))}
        wanted |= {"others": sum(others for _, _, others in rows)}
        got = table.loc[layer]
        assert got[list(wanted)].to_dict() == pytest.approx(wanted, rel=1e-6, abs=1e-13)
        if errors.max() > 1e-10:
            assert (got["circuit"], got["length"]) == (which[worst], pytest.approx(sizes[worst]))
    assert table["others"][0] == 0
    assert table["others"][1] >= 15
    assert table["above"][2] >= 15


def test_the_same_circuits_in_either_precision():
    """Exact to rounding, which is that of the precision; and nobody else fires."""
    tables = {}
    for dtype, limit in (("float32", 1e-6), ("float64", 1e-14)):
        large = million.random_network(961, dtype)
        assert large.network.weights[0].dtype == dtype
        assert max(large.network.widths) == 6 * 31
        table = million.one_by_one(large, np.arange(961), np.random.default_rng(1))
        assert np.sqrt(table["mse"] / table["square"]).max() < limit
        assert table["path"].max() < limit
        assert (table["others"] == 0).all()
        assert table["zero"].between(0, 961 / 8).all()
        tables[dtype] = table["square"].to_numpy()
    assert tables["float32"] == pytest.approx(tables["float64"], rel=1e-5)


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [
        ([], ValueError, "which: wanted at least one circuit, got none"),
        ([0, 9], ValueError, "which: wanted entries from 0 to 8, got 0 to 9"),
        ([0.5], TypeError, "which: wanted whole numbers"),
        ([[0]], ValueError, r"which: wanted shape \(circuits\), got \(1, 1\)"),
    ],
)
def test_circuits_that_are_not_there_are_refused(which, error, message, rng):
    with pytest.raises(error, match=message):
        million.one_by_one(million.random_network(9), which, rng)


def test_other_superpositions_are_refused(rng):
    with pytest.raises(TypeError, match="superposition: wanted Superposition, got str"):
        million.one_by_one("network", [0], rng)


def test_blocks_are_put_together_by_hand():
    one = {"n_circuits": 5, "layer": 2, "circuits": 3, "mse": 1.0, "square": 4.0, "worst": 2.0}
    one |= {"relative": 0.5, "circuit": 1, "length": 3.0, "above": 2, "above_length": 3.0}
    one |= {"zero": 1, "path": 0.25, "others": 4}
    two = {**one, "circuits": 2, "mse": 6.0, "square": 9.0, "worst": 1.0, "relative": 0.75}
    two |= {"circuit": 4, "length": 0.5, "above": 1, "above_length": 0.5, "path": 0.5}
    got = million._together(pd.DataFrame([one, two]))
    assert got.pop("rms") == pytest.approx(np.sqrt((3 * 1 + 2 * 6) / (3 * 4 + 2 * 9)))
    wanted = {"n_circuits": 5, "layer": 2, "circuits": 5, "worst": 2.0, "path": 0.5}
    wanted |= {"relative": 0.75, "length": 0.5, "circuit": 4, "above_length": 3.0}
    assert got == wanted | {"above": 3, "zero": 2, "others": 8}


@pytest.mark.parametrize("n", [1, 9_999, 10_000, 10_001, 1_000_000])
def test_every_circuit_is_in_one_block(n, monkeypatch):
    seen = []
    monkeypatch.setattr(million, "N_CIRCUITS", (n,))
    monkeypatch.setattr(million, "_built", lambda n_circuits, dtype: (n_circuits, dtype))
    monkeypatch.setattr(million, "_stored", lambda *args: seen.append(args[:2]))
    for setting in million._settings():
        million.block_errors(**setting, rng=np.random.default_rng(0))
    assert {network for network, _ in seen} == {(n, "float32")}
    which = np.concatenate([block for _, block in seen])
    np.testing.assert_array_equal(which, np.arange(n))
    assert max(len(block) for _, block in seen) <= 10_000


def test_a_sample_is_drawn_without_repeats(monkeypatch):
    monkeypatch.setattr(million, "_built", lambda n_circuits, dtype: dtype)
    monkeypatch.setattr(million, "_stored", lambda network, which, rng: (network, which))
    dtype, which = million.sample_errors(5000, np.random.default_rng(0))
    assert dtype == "float64"
    assert len(set(which)) == 2000
    assert which.max() < 5000
    assert sorted(million.sample_errors(50, np.random.default_rng(0))[1]) == list(range(50))


@pytest.mark.parametrize("n", [1, 25, 100, 121])
def test_sizes_are_those_of_real_networks(n):
    row = million.sizes([n]).loc[0]
    large = million.random_network(n)
    assert row["prime"] ** 2 >= n
    assert row["width"] == max(large.network.widths)
    assert row["gated"] == large.network.n_parameters
    assert row["small"] == large.circuits.n_parameters
    side = 4 * n
    assert (row["private"], row["dense"]) == (side, 2 * (side * side + side))


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [(0, ValueError, "wanted at least 1, got 0"), (2.5, TypeError, "wanted a whole number")],
)
def test_no_circuits_have_no_size(n, error, message):
    with pytest.raises(error, match=f"n_circuits: {message}"):
        million.sizes([9, n])


def test_the_stored_million_keeps_what_the_chapter_promises():
    """All of them, each once; rounding of float32 alone, and no neuron of others."""
    table = million.stored("million").set_index(["n_circuits", "layer"])
    assert tuple(table.index.get_level_values(0).unique()) == million.N_CIRCUITS
    last = table.loc[1_000_000]
    assert (last["circuits"] == 1_000_000).all()
    assert (table["others"] == 0).all()
    assert (last["rms"] <= 1e-5).all()
    assert (last["worst"] <= 1e-5).all()
    # single ones whose exact state is next to nothing have larger relative errors
    assert (last["above_length"] < 0.02).all()
    assert (last["above"] < 1000).all()


def test_the_stored_sample_in_double_precision_is_exact():
    table = million.stored("million_double")
    assert set(table["n_circuits"]) == set(million.N_CIRCUITS)
    assert table.query("n_circuits == 1_000_000")["circuits"].eq(2000).all()
    assert table["path"].max() <= 1e-10
    assert (table["others"] == 0).all()


@pytest.mark.parametrize("name", ["million", "million_double"])
def test_what_is_said_of_the_worst_circuit_fits_the_other_columns(name):
    """Chance decides which circuit it is, so that no machine finds all of them again."""
    table = read_table(f"book/data/{name}.csv")[0]
    assert (table["relative"] * table["length"] <= 1.001 * table["worst"]).all()
    assert ((table["above"] > 0) == (table["relative"] > million.ABOVE)).all()
    assert ((table["above_length"] > 0) == (table["above"] > 0)).all()
    if "block" in table:
        assert (table["circuit"] // 10_000 == table["block"]).all()


def test_a_million_circuits_have_a_block_of_weights_each():
    """No two of them are on the same two slots, of the plane over 1009."""
    two = draw_codes(1009, 1, 1_000_000, np.random.default_rng(0))
    even, odd = (slots[:, 0] for slots in two.sets)
    assert two.n_slots == 1009
    assert len(np.unique(even * 1009 + odd)) == 1_000_000


def test_a_few_of_the_million():
    """The million itself is built here (a few seconds, less than 1 GB), and twenty are run."""
    large = million.random_network(1_000_000)
    assert large.network.widths == (6054,) * 3
    rng = np.random.default_rng(5)
    which = np.array([0, 999_999, *rng.integers(1_000_000, size=18)])
    table = million.one_by_one(large, which, rng)
    assert table["path"].max() < 1e-6
    assert (table["others"] == 0).all()
    assert (table["square"] > 0.1).all()
    million._built.cache_clear()


def test_cost_is_measured_in_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(million, "_TIMES", 1)
    path = tmp_path / "build.csv"
    table = million.measure(path, (50,))
    (row,) = table.to_dict("records")
    assert (row["n_circuits"], row["width"]) == (50, 6 * 11)
    assert min(row["draw"], row["layer"], row["cpu"]) > 0
    assert 10 < row["peak"] < 1000
    monkeypatch.setattr(million, "data", lambda name: path)
    kept, header = million.build_table()
    assert kept["peak"].item() == pytest.approx(row["peak"], rel=1e-3)
    assert set(header) == {"command", "date", "machine", "versions"}


def test_memory_is_of_this_process_alone():
    """Of one that holds 400 MB, a process that is started has little."""
    held = np.ones(50_000_000)
    code = "from companion.million import _peak; print(_peak())"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert 1e7 < float(started.stdout) < held.nbytes
    assert million._peak() > held.nbytes


def test_the_cost_of_one_is_of_its_network():
    assert million.build_cost(9)["width"] == 18


def test_a_process_that_fails_is_not_taken_for_a_result(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(subprocess.CalledProcessError):
        million.measure(tmp_path / "build.csv", (9,))
    assert not (tmp_path / "build.csv").exists()


def test_the_stored_cost_is_within_what_was_asked():
    """Three seconds of work a layer, and 2 GB, on the machine and day that the file names."""
    table, header = million.build_table()
    assert header["command"].endswith("book/data/million_build.csv")
    assert {"date", "machine", "versions"} <= set(header)
    last = table.set_index("n_circuits").loc[1_000_000]
    assert (table["width"] == million.sizes(table["n_circuits"])["width"]).all()
    assert last["cpu"] <= 3
    assert last["peak"] <= 2000
