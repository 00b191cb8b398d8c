"""Superpositions in files: bit for bit the same, or refused."""

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from companion.generalising import random_graph
from superposition import (
    ChainConstruction,
    CircuitGraph,
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    MLPConstruction,
    ResidualConstruction,
    rotation_circuits,
)
from superposition.circuits import switched
from superposition.circuits.inputs import sample_active
from superposition.constructions.recomputed import RecomputedGates
from superposition.interop import describe, load, save
from superposition.interop.files import packed


def superpositions(rng, make_circuits):
    mlps = MLPCircuits.random(12, (3, 4, 2), rng)
    linear = MLPCircuits(mlps.weights, mlps.biases, ["relu", "linear"]).astype(np.float32)
    rotations = rotation_circuits(20, 3, rng)
    residual = make_circuits()
    gated = GatedConstruction(redundancy=2).compress(mlps, rng)
    graph = random_graph(9, rng)
    return {
        "residual": ResidualConstruction(40, 80).compress(residual, rng),
        "graph": ResidualConstruction(40, 80).compress(graph, rng),
        "mlp": MLPConstruction(120, 3).compress(rotations, rng),
        "switched": MLPConstruction(240, 3).compress(switched(mlps), rng),
        "gated": gated,
        "gated, float32": GatedConstruction(redundancy=2).compress(linear, rng),
        "recomputed": RecomputedGates().rebuild(gated),
        "gated residual": GatedResidualConstruction(redundancy=2).compress(residual, rng),
        "gated graph": GatedResidualConstruction().compress(graph, rng),
        "chains": ChainConstruction(2, embedding="local").compress(mlps, rng),
        "buckets": ChainConstruction(3, buckets=3).compress(mlps, rng),
    }


# one of each kind, and what it answered, saved by version 0.1.0
OLD = Path(__file__).with_name("saved_by_0_1")
NAMES = [
    "residual", "graph", "mlp", "switched", "gated", "gated, float32", "recomputed",
    "gated residual", "gated graph", "chains", "buckets",
]  # fmt: skip


@pytest.fixture
def one(rng):
    return GatedConstruction().compress(MLPCircuits.random(5, (2, 2, 2), rng), rng)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_loaded_runs_bit_for_bit(name, rng, make_circuits, tmp_path):
    made = superpositions(rng, make_circuits)
    assert set(made) == set(NAMES)
    saved, path = made[name], tmp_path / "one.safetensors"
    save(path, saved)
    loaded = load(path)
    assert type(loaded) is type(saved)
    assert loaded.construction == saved.construction
    assert loaded.checkpoints == saved.checkpoints
    active = sample_active(saved.circuits.n_circuits, 1, 30, rng)
    inputs = saved.circuits.default_inputs(active, np.random.default_rng(1))
    again = loaded.circuits.default_inputs(active, np.random.default_rng(1))
    np.testing.assert_array_equal(inputs, again)
    for found, wanted in zip(loaded.run(inputs, active), saved.run(inputs, active), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    for circuits in (saved.circuits, loaded.circuits):
        assert circuits.dtype == saved.circuits.dtype
    np.testing.assert_array_equal(
        loaded.circuits.run(inputs, active)[-1], saved.circuits.run(inputs, active)[-1]
    )


@pytest.mark.parametrize("path", sorted(OLD.glob("*.safetensors")), ids=lambda path: path.stem)
def test_files_of_the_first_version_load_as_they_were(path, tmp_path):
    """Every array is kept bit for bit; answers are the same to rounding, on any processor.

    But networks with linear layers are built anew, with pairs of neurons in place of an offset.
    """
    from safetensors.numpy import load_file

    answers, large = np.load(OLD / "answers.npz"), load(path)
    active, inputs, last = (answers[f"{path.stem}.{name}"] for name in ("active", "inputs", "last"))
    found = large.run(inputs, active)[-1]
    assert found.dtype == last.dtype
    np.testing.assert_allclose(found, last, rtol=0, atol=100 * np.finfo(last.dtype).eps)
    save(tmp_path / "again", large)
    before, after = load_file(path), load_file(tmp_path / "again")
    anew = "linear" in getattr(large.circuits, "activations", ())
    assert anew == (path.stem == "gated_float32")
    parts = ("superposition.circuits.", *([] if anew else ["superposition.network."]))
    kept = [name for name in before if name.startswith(parts)]
    assert kept == [name for name in after if name.startswith(parts)]
    for name in kept:
        np.testing.assert_array_equal(before[name], after[name])
    assert describe(path)["written_by"]["superposition"] == "0.1.0"


@pytest.mark.parametrize("kind", ["gated", "chains", "recomputed"])
def test_networks_of_the_first_format_are_built_anew_where_states_are_held_otherwise(
    kind, rng, tmp_path, monkeypatch
):
    """Circuits of very different sizes: the old network, as large as they are, would be misread."""
    drawn = MLPCircuits.random(9, [2, 4, 1], rng)
    sizes = np.where(np.arange(9) == 3, 1e6, 1.0)[:, None]
    weights = [drawn.weights[0], drawn.weights[1] * sizes[:, None]]
    biases = [drawn.biases[0], drawn.biases[1] * sizes]
    circuits = MLPCircuits(weights, biases, ["relu", "linear"])
    as_is = MLPCircuits(weights, biases, ["relu", "linear"])
    as_is.__dict__["exponents"] = None  # where the property keeps it
    construction = ChainConstruction(2) if kind == "chains" else GatedConstruction(66)
    large = construction.compress(as_is, np.random.default_rng(0))
    if kind == "recomputed":
        large = RecomputedGates().rebuild(large)
        large = replace(large, circuits=circuits, codes=replace(large.codes, circuits=circuits))
    with monkeypatch.context() as patch:
        patch.setattr("superposition.interop.files.FORMAT_VERSION", 1)
        save(tmp_path / "old", replace(large, circuits=circuits))
    found = load(tmp_path / "old")
    inputs, active = np.full((9, 1, 2), 0.5), np.arange(9)[:, None]
    truth, read = circuits.run(inputs, active)[-1], found.run(inputs, active)[-1]
    np.testing.assert_allclose(read, truth, rtol=1e-12)


def test_a_file_of_each_kind_of_the_first_version_is_kept():
    assert len(list(OLD.glob("*.safetensors"))) == len(NAMES)


def test_the_same_superposition_gives_the_same_file(one, tmp_path):
    for name in ("a", "b"):
        save(tmp_path / name, one, seed=3, note="twice")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    save(tmp_path / "c", load(tmp_path / "a"), seed=3, note="twice")
    assert (tmp_path / "c").read_bytes() == (tmp_path / "a").read_bytes()


def test_arrays_that_are_one_are_kept_once(rng, tmp_path):
    """Rotations have the same weights in all layers."""
    for layers in (2, 6):
        circuits = rotation_circuits(40, layers, np.random.default_rng(0))
        assert circuits.weights[0] is not circuits.weights[1]  # views of one array
        large = MLPConstruction(80, 2).compress(circuits, np.random.default_rng(0))
        save(tmp_path / f"{layers}", replace(large, network=large.network))
    sizes = [(tmp_path / name).stat().st_size for name in ("2", "6")]
    more = 4 * (80 * 80 + 80 + 40 * 4 * 2) * 8  # of the network and its codes
    assert sizes[1] - sizes[0] < more + 8000


def test_a_file_says_what_it_is(one, tmp_path):
    save(tmp_path / "x", one, seed=7, note="a test")
    found = describe(tmp_path / "x")
    assert found["construction"]["kind"] == "GatedConstruction"
    assert found["construction"]["redundancy"] == 1
    assert found["circuits"] == {
        "kind": "MLPCircuits", "n_circuits": 5, "widths": [2, 2, 2], "n_parameters": 60,
        "dtype": "float64",
    }  # fmt: skip
    assert found["network"]["kind"] == "MLPNetwork"
    assert found["network"]["n_parameters"] == one.network.n_parameters
    assert (found["seed"], found["note"]) == (7, "a test")
    assert found["written_by"]["numpy"] == np.__version__
    assert "tree" not in found


def test_other_programs_can_open_it(one, tmp_path):
    from safetensors.numpy import load_file

    save(tmp_path / "x.safetensors", one)
    arrays = load_file(tmp_path / "x.safetensors")
    name = "superposition.network.weights.0"
    np.testing.assert_array_equal(arrays[name], one.network.weights[0])


def test_a_file_cut_anywhere_or_changed_anywhere_is_refused(one, tmp_path):
    path = tmp_path / "x"
    save(path, one)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for end in (0, 1, 7, 8, 100, *rng.integers(len(whole), size=30), len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="path: wanted"):
            load(path)
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for place in rng.integers(header, len(whole), size=30):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"^path: wanted a file as it was written, got an alt"):
            load(path)
    path.write_bytes(whole + b"more")
    with pytest.raises(ValueError, match="path: wanted"):
        load(path)


def rewritten(path, change):
    """The file with its metadata changed by `change(about)`."""
    whole = path.read_bytes()
    size = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + size])
    about = json.loads(header["__metadata__"]["superposition"])
    change(about)
    header["__metadata__"]["superposition"] = json.dumps(about)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + size :])


def test_a_changed_tree_is_seen(one, tmp_path):
    path = tmp_path / "x"
    for change in (
        lambda about: about["tree"]["fields"].update(offsets=None),
        lambda about: about.update(seed=8),
    ):
        save(path, one, seed=7)
        rewritten(path, change)
        for read in (load, describe):
            with pytest.raises(ValueError, match="got an altered one"):
                read(path)


def test_newer_files_are_named(one, tmp_path):
    path = tmp_path / "x"
    save(path, one)
    rewritten(path, lambda about: about.update(version=3))
    for read in (load, describe):
        with pytest.raises(ValueError, match=r"^path: wanted a file of format 2 or older, got 3, "):
            read(path)


def test_nothing_is_made_that_is_not_the_librarys(one, tmp_path, monkeypatch):
    """A tree that names another class, even with a digest that fits."""
    from superposition.interop import files

    path = tmp_path / "x"
    good = packed(one, "superposition", {})
    for tree, words in (
        ({"kind": "os.system", "fields": {"command": "false"}}, "got 'os.system'"),
        ({"kind": "MLPNetwork", "fields": {"weights": [], "biases": []}}, "at least 1"),
        ({"kind": "Stage", "fields": {"wrong": 1}}, "unexpected keyword"),
        ({"kind": "array", "name": "no", "axes": []}, "'no'"),
        ({**good, "fields": {**good["fields"], "network": None}}, "NoneType"),
        ({**good, "fields": {**good["fields"], "codes": None}}, "NoneType"),
        ({**good, "fields": {**good["fields"], "checkpoints": []}}, "checkpoints: wanted 3, got 0"),
        (3, "wanted Superposition, got int"),
    ):
        save(path, one)

        def change(about, tree=tree):
            about["tree"] = tree
            arrays = files._read(path)[1]
            about["text_digest"] = files._digest(about, {})
            about["digest"] = files._digest(about, arrays)

        rewritten(path, change)
        with pytest.raises(ValueError, match=r"^path: wanted a superposition, got some") as error:
            load(path)
        assert words in str(error.value)


def test_other_files_are_refused(tmp_path, one):
    from safetensors.numpy import save_file

    foreign = tmp_path / "foreign"
    texts = "no json", "{}", "[" * 100_000, '{"format": "x", "version": 1}'
    for metadata in (None, *({"superposition": text} for text in texts)):
        save_file({"a": np.ones(3)}, foreign, metadata)
        with pytest.raises(ValueError, match=r"^path: wanted a file of superposition.interop.save"):
            load(foreign)
    save_file(
        {"a": np.ones(3)}, foreign, {"superposition": '{"format": "superposition", "version": 1}'}
    )
    with pytest.raises(ValueError, match=r"without \['tree', 'digest', 'text_digest'\]$"):
        load(foreign)
    (tmp_path / "text").write_text("not tensors")
    with pytest.raises(ValueError, match=r"^path: wanted a whole file of"):
        load(tmp_path / "text")
    with pytest.raises(OSError, match=r"^\[Errno 2\] path: wanted a file that can be read, got"):
        load(tmp_path / "none")
    with pytest.raises(OSError, match="path: wanted a file that can be read, got"):
        describe(tmp_path)


def test_what_is_not_kept_is_named_and_nothing_is_written(rng, tmp_path):
    circuits = MLPCircuits.random(5, (2, 2), rng)
    mine = MLPCircuits(circuits.weights, circuits.biases, "relu", lambda active, rng: active)
    path = tmp_path / "x"
    with pytest.raises(TypeError) as error:
        save(path, GatedConstruction().compress(mine, rng))
    assert str(error.value) == (
        "superposition.circuits.sampler: wanted something of the library's, got function; give "
        "the circuits a sampler of the library, or None, before compressing them"
    )
    large = GatedConstruction().compress(circuits, rng)
    with pytest.raises(TypeError, match=r"^superposition\.network: .* NetworkInFactors; save the"):
        save(path, large.in_factors())
    with pytest.raises(TypeError, match=r"^superposition: wanted Superposition, got MLPCircuits$"):
        save(path, circuits)
    with pytest.raises(ValueError, match=r"^seed: wanted at least 0, got -1$"):
        save(path, large, seed=-1)
    with pytest.raises(TypeError, match=r"^note: wanted str, got int$"):
        save(path, large, note=3)
    assert os.listdir(tmp_path) == []


def test_a_failed_write_leaves_what_was_there(one, tmp_path, monkeypatch):
    path = tmp_path / "x"
    save(path, one)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match=r"path: wanted a file that can be written, got .*: full"):
        save(path, one, note="other")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x"]


def test_memory_is_asked_for_first(one, tmp_path, monkeypatch):
    from superposition import _memory

    save(tmp_path / "x", one)
    monkeypatch.setattr(_memory, "_SMALL", 0)
    monkeypatch.setattr(_memory, "free_memory", lambda: 2000.0)
    with pytest.raises(MemoryError, match=r"^path: wanted a size that fits"):
        load(tmp_path / "x")
    with pytest.raises(MemoryError, match=r"^superposition: wanted a size that fits"):
        save(tmp_path / "y", one)
    assert os.listdir(tmp_path) == ["x"]


def test_parameters_of_any_precision_are_kept(rng, tmp_path):
    circuits = MLPCircuits.random(5, (2, 2), rng)
    bound = np.float32(2)
    large = GatedConstruction(input_bound=bound, redundancy=np.int64(1)).compress(circuits, rng)
    save(tmp_path / "x", large)
    assert load(tmp_path / "x").construction == large.construction


def test_graphs_keep_their_stages(rng, tmp_path):
    graph = random_graph(6, rng)
    save(tmp_path / "x", GatedResidualConstruction().compress(graph, rng))
    found = load(tmp_path / "x").circuits
    assert isinstance(found, CircuitGraph)
    assert [*found.stages] == [*graph.stages]
    assert found.n_edges == graph.n_edges
