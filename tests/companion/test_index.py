"""The first page's figure: its networks, the file, what the page makes of it, what it says."""

import json
import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from safetensors.numpy import load as opened

import landing as writer
from companion.index import (
    IGNITED,
    LARGEST,
    MARGIN,
    N_LAYERS,
    PRIME,
    SIDE_BY_SIDE,
    START,
    holding,
    measured,
    plane_codes,
    run,
    story,
    turning_circuits,
    unit_vectors,
)
from superposition import with_indicator
from tests.companion.test_watch import metadata

HERE = writer.FILE.parent
LOADS = (1, 40, 150, 400)
CASES = [
    (load, k, told) for load in LOADS for k in (1, 2, 3) for told in (False, True) if k <= load
]


def started(load, k, told):
    """The figure's own circuits and angles, in a network of another load."""
    active = [t if t < load else n for n, t in enumerate(START["active"][:k])]
    return run(holding(load), np.array([active]), np.array([START["angles"][:k]]), told)


# ------------------------------------------------------------------ the networks


def test_a_small_network_turns_its_arrow_and_nearly_keeps_its_length(rng):
    circuits = turning_circuits(50, rng)
    inputs = unit_vectors(rng.uniform(0, 360, (1, 50)))
    states = circuits.run(inputs, np.arange(50)[None])
    for before, after in pairwise(states):
        long = np.linalg.norm(after, axis=-1) / np.linalg.norm(before, axis=-1)
        assert np.abs(long - 1).max() < 0.5
        assert np.abs(np.median(long) - 1) < 0.1
        turn = np.angle(complex_of(after) / complex_of(before))
        assert 0.2 < np.median(np.abs(turn)) < 0.8


def complex_of(arrows):
    return arrows[..., 0] + 1j * arrows[..., 1]


def test_without_jitter_and_bias_the_turn_is_exact():
    """Of one neuron: it writes (R − 1) times the direction in which it looks."""
    circuits = turning_circuits(3, np.random.default_rng(0))
    seen, pushed = circuits.read_in, circuits.write_out.swapaxes(-1, -2)
    turn = np.angle(complex_of(seen + pushed) / complex_of(seen))
    assert np.ptp(turn, axis=-1).max() < 1e-12
    assert (np.sign(turn) == np.sign(turn[:1, :, :1])).all()
    assert (np.abs(turn) > 0.3).all()
    assert (np.abs(turn) < 0.7).all()


def test_two_circuits_share_one_slot_at_most_of_stream_and_neurons(rng):
    stream, carriers = plane_codes(300, rng)
    width = stream.width
    used = (stream.directions != 0).any(axis=1).reshape(300, -1, width)[..., 0]
    blocks = [code.slots[:, 0] // code.width for code in carriers]
    slots = [used.astype(int)]
    for each in blocks:
        on = np.zeros((300, PRIME * each.shape[1]), int)
        np.put_along_axis(on, each, 1, axis=1)
        slots.append(on)
    together = np.concatenate(slots, axis=1)
    shared = together @ together.T
    assert (np.diag(shared) == 3 + 4 * N_LAYERS).all()
    assert shared[~np.eye(300, dtype=bool)].max() == 1


def test_a_code_of_the_stream_reads_what_it_writes(rng):
    stream, _ = plane_codes(20, rng)
    values = rng.normal(size=(20, 1, 3))
    each = np.arange(20)[:, None]
    np.testing.assert_allclose(stream.decode(stream.encode(values, each), each), values)


def test_untold_it_is_the_librarys_own_network(rng):
    large = holding(60)
    active, angles = np.array([[3, 41], [7, 8]]), rng.uniform(0, 360, (2, 2))
    found = run(large, active, angles, told=False)
    wanted = large.run(unit_vectors(angles), active)
    np.testing.assert_allclose(found.vectors, wanted)
    states = large.network.run(large.embed(unit_vectors(angles), active))
    np.testing.assert_allclose(found.states, states)


def test_told_each_of_the_400_is_exact_to_rounding(rng):
    every = np.arange(LARGEST)[:, None]
    found = run(holding(LARGEST), every, rng.uniform(0, 360, (LARGEST, 1)), told=True)
    assert found.distance.max() < 1e-12
    assert found.misfiring.max() == 0


def test_told_a_neuron_is_lowered_once_for_each_that_uses_it():
    """Two circuits that share four neurons of a layer, each neuron held down twice there."""
    large = holding(LARGEST)
    slots = large.codes.neurons[0].slots
    of_first, others = slots[0].ravel(), slots[1:].reshape(LARGEST - 1, -1)
    other = 1 + int(np.flatnonzero(np.isin(others, of_first).any(axis=1))[0])
    angles = np.array([[0.0, 90.0]])
    told, plain = (run(large, np.array([[0, other]]), angles, each) for each in (True, False))
    both = told.in_use[0, 0] == 2
    assert both.sum() == 4
    state = large.embed(unit_vectors(angles), np.array([[0, other]]))
    inner = state @ large.network.read_in[0].T - MARGIN
    np.testing.assert_allclose(told.neurons[0, 0, both], np.maximum(inner[0, both] - MARGIN, 0))
    np.testing.assert_allclose(plain.neurons[0], np.maximum(inner, 0))


def test_misfiring_grows_with_the_load_and_from_layer_to_layer():
    """Told, nothing misfires, and one alone is exact; several disturb each other."""
    table = measured(np.random.default_rng(2), (40, 200, 400), n_samples=150)
    untold = table.xs(False, level="told")["misfiring"].unstack("layer")
    for k in (1, 2, 3):
        by_load = untold.xs(k, level="active")
        assert (by_load.diff().iloc[1:] > 0).all().all()
        assert (by_load.loc[400].diff().iloc[1:] > 0).all()
    np.testing.assert_allclose(
        untold.loc[400, 1], [0.037, 0.082, 0.15, 0.24, 0.34], rtol=0.2
    )  # fmt: skip
    assert untold.loc[40, 1].max() < 0.003
    told = table.xs(True, level="told")
    assert told["misfiring"].max() == 0
    assert told.xs(1, level="active")["worst"].max() < 1e-12
    several = told.drop(1, level="active").xs(N_LAYERS, level="layer")["distance"]
    assert several.min() > 0.15
    assert several.loc[400].max() < 1 < table.loc[400, 2, False, N_LAYERS]["distance"]


def test_the_first_input_is_typical():
    """Its distances are between the quartiles of random ones, at each step of the story."""
    rng = np.random.default_rng(3)
    for load, k, told in ((40, 1, False), (150, 1, False), (400, 1, False), (400, 2, True)):
        active = np.stack([rng.choice(40, k, replace=False) for _ in range(300)])
        found = run(holding(load), active, rng.uniform(0, 360, active.shape), told)
        low, high = np.quantile(found.distance[-1], [0.25, 0.75])
        assert low < started(load, k, told).distance[-1, 0] < high


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"^load: wanted .*, the largest load"):
        holding(LARGEST + 1)
    with pytest.raises(TypeError, match="rng"):
        measured(3, (5,))


def test_the_still_picture_has_three_steps_of_the_story_and_true_words():
    few, many, told = story()
    cases = ((few, 40, False), (many, 400, False), (told, 400, True))
    for still, load, is_told in cases:
        found = started(load, 1, is_told)
        wrong = (still.fires > 0) & ~still.own
        idle = (~still.own).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(wrong.sum(axis=(1, 2, 3)) / idle, found.misfiring[:, 0])
        np.testing.assert_array_equal(still.own.sum(axis=(1, 2, 3)), 16)
        np.testing.assert_array_equal(still.read, found.vectors[-1, 0, 0])
        assert f"<b>{load}</b>" in still.words
    assert "off by 3.6 %" in few.words
    assert "1, 7, 12, 24, 33 % of them" in many.words
    assert "exact" in told.words
    np.testing.assert_allclose(told.read, told.true, atol=1e-12)


# ------------------------------------------------------------------ the file, and the page


def test_the_file_is_what_is_written():
    """After a change to the networks: python book/tools/landing.py."""
    kept, wanted = writer.FILE.read_bytes(), writer.file()
    assert opened(kept).keys() == opened(wanted).keys()
    for name, array in opened(wanted).items():
        assert array.dtype == opened(kept)[name].dtype
        np.testing.assert_allclose(opened(kept)[name], array, rtol=1e-6, atol=1e-6)
    found, about = metadata(kept), metadata(wanted)
    drawn, curves = found.pop("curves"), about.pop("curves")
    assert drawn.keys() == curves.keys() == {"1", "2", "3"}
    for k, curve in curves.items():
        np.testing.assert_allclose(drawn[k], curve, atol=2e-3)
        assert curve[-1][0] == LARGEST
    assert found == about
    assert about["side_by_side"] == SIDE_BY_SIDE


def test_the_figure_takes_at_most_300_kilobytes():
    names = {"elements.js", "sums.js"} | {path.name for path in HERE.glob("landing*")}
    assert sum((HERE / name).stat().st_size for name in names) <= 300_000


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What the page's modules make of the file: weights of two loads, and all of CASES."""
    if (node := shutil.which("node")) is None:
        pytest.skip("Node.js is not installed")
    script = tmp_path_factory.mktemp("landing") / "run.mjs"
    script.write_text(f"""
import {{ readFileSync }} from "node:fs";
import {{ opened }} from "{(HERE / "sums.js").as_uri()}";
import {{ Large, arrow }} from "{(HERE / "landing_network.js").as_uri()}";
import {{ computed, parsed, stored, written }} from "{(HERE / "landing.js").as_uri()}";
import * as words from "{(HERE / "landing_words.js").as_uri()}";
const bytes = readFileSync("{writer.FILE}");
const file = opened(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const {{ about }} = file;
const large = new Large(file);
const out = {{ cases: [], weights: [], said: [], story: [] }};
for (const load of [7, 400, 150]) {{  // the last by taking circuits away
  large.hold(load);
  const each = ({{ into, out, carried }}) => [into, out, carried].map((array) => [...array]);
  out.weights.push(large.weights.map(each));
}}
const text = (now) => words.sentences(now).flat().join("");
for (const [load, k, told] of {json.dumps(CASES)}) {{
  large.hold(load);
  const active = about.start.active.slice(0, k).map((t, n) => (t < load ? t : n));
  const layers = large.run(active, about.start.angles.slice(0, k).map(arrow), told);
  out.cases.push(layers.map((l) => ({{ ...l, neurons: [...l.neurons], stream: [...l.stream] }})));
}}
for (let n = 1; n <= 2400; n += 7) {{
  const [load, k, told] = [Math.ceil(n / 6), 1 + (n % 3), n % 2 === 0];
  if (load < k) continue;
  large.hold(load);
  const [active, angles] = [[load % 29, 30 + (load % 3), 35], [load, 3 * load, 200]];
  const state = {{ load, k, told, active, angles }};
  const now = computed(large, state, about);
  out.said.push({{ load, k, told, text: text(now), all: words.described(now), untold: now.untold,
    misfiring: now.layers.map((l) => l.misfiring), distance: now.layers.at(-1).distance }});
}}
let state = {{ ...about.start, k: 1, told: false }};
for (let n = 0; n < 6; n++) {{
  out.story.push([state.load, state.k, state.told]);
  state = {{ ...state, ...words.nextStep(state, about)[1] }};
}}
const start = {{ ...about.start, k: 1, told: false }};
const hashes = ["", "#run-it", "#T=400&k=2&told=1&a=5.6.7&x=1.2.3", "#T=1&k=3"];
hashes.push("#T=9999&k=x&told=7&a=1.1.2&x=1.2");
out.parsed = hashes.map((hash) => parsed(hash, start, 400));
out.written = written(out.parsed[2]);
out.stored = stored([3, 3, 9], 5);
console.log(JSON.stringify(out));
""")
    done = subprocess.run([node, script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(("which", "load"), [*enumerate((7, 400, 150))])
def test_the_page_has_the_weights_of_the_library(page, which, load):
    network, codes = (large := holding(load)).network, large.codes
    for layer, (into, out, carried) in enumerate(page["weights"][which]):
        shape = network.n_neurons, network.stream_width
        np.testing.assert_allclose(np.reshape(into, shape), network.read_in[layer], atol=2e-6)
        np.testing.assert_allclose(np.reshape(out, shape).T, network.write_out[layer], atol=2e-6)
        np.testing.assert_array_equal(carried, codes.neurons[layer].load)
    assert np.abs(network.read_in).max() > 0.5


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_page_computes_what_the_library_does(page, case):
    load, k, told = CASES[case]
    wanted = started(load, k, told)
    for layer, found in enumerate(page["cases"][case]):
        size = max(1, np.abs(wanted.states[layer + 1]).max())
        close = {"rtol": 0, "atol": 1e-5 * size}
        np.testing.assert_allclose(found["stream"], wanted.states[layer + 1, 0], **close)
        np.testing.assert_allclose(found["neurons"], wanted.neurons[layer, 0], **close)
        np.testing.assert_allclose(found["read"], wanted.vectors[layer + 1, 0], **close)
        np.testing.assert_allclose(found["truth"], wanted.true[layer + 1, 0], atol=1e-5)
        assert found["misfiring"] == pytest.approx(wanted.misfiring[layer, 0], abs=1e-9)
        assert found["distance"] == pytest.approx(wanted.distance[layer + 1, 0], abs=1e-5 * size)
        own = np.flatnonzero(wanted.in_use[layer, 0])
        assert np.flatnonzero(np.array(list(found["owner"].values())) >= 0).tolist() == own.tolist()


def test_small_networks_by_themselves_fire_as_in_the_library(page):
    """In the page's case of three active, untold: neurons in the order of the circuit."""
    case = CASES.index((400, 3, False))
    circuits = with_indicator(holding(400).circuits, MARGIN)
    true = started(400, 3, False).true[:, 0]
    for layer, found in enumerate(page["cases"][case]):
        for n, t in enumerate(START["active"]):
            inner = circuits.read_in[layer, t] @ [*true[layer, n], 1] - MARGIN
            wanted = np.maximum(inner, 0)
            np.testing.assert_allclose(found["alone"][n]["neurons"], wanted, atol=1e-5)


# ------------------------------------------------------------------ what it says


WORDS = {"exact": 0, "right": 1e-5, "close": 0.05, "drifting": 0.15, "far off": 0.5, "lost": 1}


def test_sentences_claim_nothing_that_the_state_does_not_show(page):
    limits = [*WORDS.values(), np.inf]
    seen = set()
    for case in page["said"]:
        text, distance, misfiring = case["text"], case["distance"], np.array(case["misfiring"])
        for word, low, high in zip(WORDS, limits, limits[1:], strict=False):
            if re.search(rf"\b{word}\b", case["all"]):
                assert low <= distance < high
            if re.search(rf"\b(is|are) (still )?{word}\b", text):
                assert low <= distance < high
                seen.add(word)
        if re.search("All other neurons stay|(every other neuron|all other neurons) silent", text):
            assert misfiring.max() == 0
        if "Nearly all other neurons stay silent" in text:
            assert 0 < misfiring.max() < 0.01
        if found := re.search(r"in layer (\d) it ignites", text):
            first = int(found[1]) - 1
            assert (misfiring[first:] >= IGNITED).all()
            assert first == 0 or misfiring[first - 1] < IGNITED
        else:
            assert misfiring[-1] < IGNITED
        assert ("private neurons" not in text) or case["load"] > SIDE_BY_SIDE
        assert ("disturb each other" not in text) or (case["k"] > 1 and distance > 1e-5)
        assert ("Told" in text) == case["told"]
        assert ("untold" in text) == (case["told"] and case["k"] > 1 and distance > 1e-5)
        assert str(case["load"]) in text or case["told"]
    assert seen >= {"exact", "right", "close", "drifting", "lost"}


def test_the_button_tells_the_story(page):
    assert page["story"] == [
        [40, 1, False], [150, 1, False], [400, 1, False],
        [400, 1, True], [400, 2, True], [40, 1, False],
    ]  # fmt: skip


def test_a_state_is_read_from_an_address(page):
    none, anchor, whole, few, odd = page["parsed"]
    assert none is None
    assert anchor is None
    assert whole == {"load": 400, "k": 2, "told": True, "active": [5, 6, 7], "angles": [1, 2, 3]}
    assert page["written"] == "#T=400&k=2&told=1&a=5.6.7&x=1.2.3"
    assert (few["load"], few["k"]) == (3, 3)
    assert odd == {**{n: START[n] for n in ("active", "angles")}, "load": 400, "k": 1, "told": True}
    assert page["stored"] == [3, 4, 0]
