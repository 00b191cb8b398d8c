"""Two networks run in a page: what the file holds, what the page makes of it, what they compute."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from safetensors.numpy import load as opened

import watched as writer
from companion.watch import LOADS, N_LAYERS, START, WORDS, last_errors, watched
from superposition import rotation_circuits
from superposition.maps import SparseCode
from tests.javascript import evaluated as javascript

SUMS = writer.FILE.with_name("sums.js").as_uri()
CASES = [
    (60, [17], [40]),
    (60, [3, 59], [0, 355]),
    (400, [17], [40]),
    (557, [556, 0, 100], [10, 200, 95]),
]


def metadata(content: bytes) -> dict:
    length = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["about"])


def test_the_file_is_what_is_written():
    """After a change to a construction: python book/tools/watched.py."""
    kept, wanted = writer.FILE.read_bytes(), writer.file()
    for name, array in opened(wanted).items():
        assert array.dtype == opened(kept)[name].dtype
        np.testing.assert_allclose(opened(kept)[name], array, rtol=1e-6, atol=1e-6)
    found, about = metadata(kept), metadata(wanted)
    assert {k: found[k] for k in found if k != "networks"} == {
        k: about[k] for k in about if k != "networks"
    }
    assert numbers(found["networks"]) == pytest.approx(numbers(about["networks"]), rel=1e-9)
    assert len(kept) < 300_000


def numbers(tree) -> list[float]:
    """All numbers of a tree, in order; what is a word counts by its letters."""
    if isinstance(tree, dict):
        return [n for key, value in tree.items() for n in (*numbers(key), *numbers(value))]
    if isinstance(tree, list):
        return [n for each in tree for n in numbers(each)]
    return [float(ord(letter)) for letter in tree] if isinstance(tree, str) else [float(tree)]


def test_diagonals_by_hand():
    matrix = np.array([[1.0, 0, 2], [3, 1, 0], [0, 3, 4]])
    assert writer.diagonals(matrix) == [[1, 0, 2, 3], [0, 0, 2, 1], [2, 2, 1, 4], [0, 2, 1, 2]]
    assert writer.diagonals(np.zeros((2, 2))) == []


def test_an_array_that_another_begins_with_is_kept_once(rng):
    store, long = writer.Store(), rng.normal(size=(5, 2))
    assert store.add(long) == store.add(long[:3]) == "a0"
    assert store.add(long[1:]) == "a1"
    assert store.add(np.arange(3)) == "a2"
    assert store.arrays["a2"].dtype == np.uint16


def test_a_place_is_refused_unless_entries_lie_alike():
    store = writer.Store()
    code = SparseCode(np.array([[[0, 1], [4, 5]], [[2, 0], [6, 4]]]), 8)
    assert writer.place(code, store) == {"slots": "a0", "starts": [0, 4]}
    with pytest.raises(AssertionError):
        writer.place(SparseCode(np.array([[[0], [4]], [[2], [5]]]), 8), store)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What the page's modules make of the file: weights of two layers, and all of CASES."""
    if (node := shutil.which("node")) is None:
        pytest.skip("Node.js is not installed")
    script = tmp_path_factory.mktemp("watch") / "run.mjs"
    script.write_text(f"""
import {{ readFileSync }} from "node:fs";
import * as sums from "{SUMS}";
import {{ watched, vector, distinct }} from "{SUMS.replace("sums.js", "watch.js")}";
const bytes = readFileSync("{writer.FILE}");
const file = sums.opened(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const names = Object.keys(file.about.networks);
const out = {{ cases: [], weights: {{}}, distinct: distinct([3, 3, -1, 99.6, NaN], 5) }};
for (const [load, active, angles] of {json.dumps(CASES)}) {{
  const networks = names.map((name) => sums.built(file, name, load));
  const found = watched(file, networks, active, angles);
  out.cases.push(found.map((layers) => layers.map(({{ arrows, error, others }}) => ({{
    read: arrows.map((a) => a.read), wanted: arrows.map((a) => a.wanted), error, others,
  }}))));
}}
for (const name of names) {{
  out.weights[name] = sums.built(file, name, 125).layers.map((l) => [[...l.weights], [...l.bias]]);
}}
console.log(JSON.stringify(out));
""")
    done = subprocess.run([node, script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("which", range(len(WORDS)))
def test_the_page_has_the_weights_of_the_library(page, which):
    name = [*WORDS][which]
    network = getattr(watched(125), name).network
    for i, (weights, bias) in enumerate(page["weights"][name]):
        wanted = network.weights[i]
        found = np.reshape(weights, wanted.T.shape).T
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())
        np.testing.assert_allclose(bias, network.biases[i], atol=1e-12)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_page_computes_what_the_library_does(page, case):
    load, active, angles = CASES[case]
    both = watched(load)
    wanted, others = both.run(active, angles), both.count_false_indicators(active, angles)
    for name, layers in zip(WORDS, page["cases"][case], strict=True):
        read = np.array([layer["read"] for layer in layers])
        np.testing.assert_allclose(read, wanted[name][1:], atol=1e-3)
        true = np.array([layer["wanted"] for layer in layers])
        np.testing.assert_allclose(true, wanted["true"][1:], atol=1e-5)
        off = np.sqrt(np.mean(np.sum((wanted[name] - wanted["true"])[1:] ** 2, axis=-1), axis=-1))
        np.testing.assert_allclose([layer["error"] for layer in layers], off, atol=1e-3)
        counted = others[1:] if name == "sequel" else np.zeros(N_LAYERS)
        np.testing.assert_array_equal([layer["others"] for layer in layers], counted)


def test_circuits_that_are_not_there_are_replaced(page):
    assert page["distinct"] == [3, 4, 0, 1, 2]


def test_the_address_says_what_is_watched(tmp_path):
    """What it cannot mean is as at the start."""
    words = [{}, {"T": "60", "circuits": "99-3", "angles": "40-7"}, {"T": "61", "circuits": "a"}]
    start = f"{json.dumps([*LOADS])}, {json.dumps(START)}"
    expression = f"{json.dumps(words)}.map((each) => code.watchedIn(each, {start}))"
    found = javascript(tmp_path, "watch.js", expression)
    assert found == [START, {"load": 60, "active": [59, 3], "angles": [40, 0]}, START]
    again = f"{json.dumps(found)}.map((each) => code.watchedIn(code.wordsOf(each), {start}))"
    assert javascript(tmp_path, "watch.js", again) == found


def test_vectors_are_turned_by_each_circuits_own_angle():
    """The angles of `rotation_circuits` from the same seed, and none but the truth off by much."""
    both = watched(60)
    found = both.run([5], [30])
    circuits = rotation_circuits(LOADS[-1], N_LAYERS, np.random.default_rng(11))
    turn = circuits.weights[0][5, 2:, 2:]
    x = np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)])
    for layer, vector in enumerate(found["true"]):
        np.testing.assert_allclose(vector[0], np.linalg.matrix_power(turn, layer) @ x, atol=1e-12)
    np.testing.assert_allclose(found["gated"], found["true"], atol=1e-12)


def test_one_seizes_and_one_holds():
    both, few = watched(START["load"]), watched(LOADS[0])
    others = both.count_false_indicators(START["active"], START["angles"])
    assert others[-1] > 100
    assert few.count_false_indicators(START["active"], START["angles"]).max() == 0
    errors = last_errors(np.random.default_rng(0), (1, 2), 40)
    assert errors.index.tolist() == [(load, k) for load in LOADS for k in (1, 2)]
    alone, two = errors.xs(1, level="active"), errors.xs(2, level="active")
    assert alone["gated"].max() < 1e-9
    assert (alone["exact"] == 1).all()
    assert ((two["gated"] > 0.05) == (two["exact"] < 1)).all()
    assert 0.7 < two["exact"].mean() < 1
    assert alone["sequel"].iloc[-1] > 10 * alone["sequel"].iloc[0]


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"^load: wanted .*, the largest of LOADS"):
        watched(LOADS[-1] + 1)
    with pytest.raises(TypeError, match="rng"):
        last_errors(3)
