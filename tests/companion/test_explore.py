"""Formulas of figures that compute in the page: printed from theory, and right in Python."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import sympy as sp

import formulas
from companion.explore import INPUT_VARIANCE, NAMES, START, capacities, random_moments, rows
from superposition import ResidualCircuits, with_indicator
from superposition.theory import limits, over_layers, read_in, symbols
from superposition.theory.derivation import evaluate


def test_the_module_is_what_is_printed():
    """After a change to theory: python book/tools/formulas.py."""
    assert formulas.FILE.read_text(encoding="utf-8") == formulas.module()


def test_capacities_by_hand():
    """|w|² = 2 + 1/4, |a|² = 2, E h² = 1/4, |w'|² = 4/16, one active; 0.1 of 2/4 is allowed."""
    found = capacities(START)
    assert found["private"] == 256
    assert found["one"] == pytest.approx(1024 * 2048 * 0.05 / (8 * 2.25 * 2))
    two = 2048 * np.sqrt(1024 * 0.05) / (8**1.5 * np.sqrt(0.25 * 0.25 * 2.25))
    assert found["two"] == pytest.approx(two)
    assert found["gated"] == pytest.approx((1024 / 6) ** 2)
    assert found["most"] is None
    several = capacities({**START, "k": 5})
    assert several["gated"] is None
    most, nu = several["most"], 4 * (several["most"] ** 2 * 32 / 2**21 - 1)
    assert nu / (most - 1) / 4 == pytest.approx(0.1 * 2 / 4)


def test_noise_is_a_share_of_what_one_large_neuron_is_to_hear():
    """Put back into the formulas of variance, each row's number leaves 0.1 of 2/d of it."""
    sizes = {**START, "D": 16384, "k": 3, "d": 9, "m": 3, "r": 2}
    found, given = capacities(sizes), {s: sizes[name] for s, name in NAMES.items()}
    moments = {s: sp.sympify(e).subs(given) for s, e in random_moments().items()}

    def variance(formula, n):
        return float(evaluate(formula.subs(moments), {**given, symbols.T: n}))

    heard = variance(read_in.leading_read_in_variance(), found["one"])
    of_mean = variance(over_layers.noise_from_garbage(), found["two"])
    relative = variance(limits.layer_floor().result, found["most"])
    assert found["two"] < found["one"]
    assert [heard, 2 * of_mean, relative / 9] == pytest.approx([0.1 * 2 / 9] * 3)


def test_rows_that_do_not_hold_say_where_they_do():
    for name, row in rows().items():
        assert (row.only == "") == (name in ("private", "one", "two"))
    assert [rows()[name].only for name in ("gated", "most")] == ["k = 1 only", "k ≥ 2 only"]


def test_moments_are_those_of_random_circuits(rng):
    circuits = ResidualCircuits.random(400, 4, 8, 2, rng)
    weights = with_indicator(circuits, 1.0)
    moments = circuits.moments(rng)
    given = {symbols.d: 4, symbols.m: 8}
    active = np.arange(400)[:, None]
    inputs = circuits.default_inputs(active, rng)
    own = circuits.weighted_inputs(inputs, active, 0)[:, 0]
    heard = own + circuits.bias[0]
    found = {
        symbols.w2: np.mean(np.sum(weights.read_in**2, axis=-1)),
        symbols.write2: np.mean(np.sum(circuits.write_out**2, axis=2)),
        symbols.h2: np.mean(np.maximum(heard, 0) ** 2),
        symbols.a2: moments.state2[0] + 1,
    }
    assert np.mean(heard**2) == pytest.approx(float(INPUT_VARIANCE.subs(given)), rel=0.1)
    assert np.mean(own**2) == pytest.approx(1 / 4, rel=0.1)
    wanted = {symbol: float(sp.sympify(e).subs(given)) for symbol, e in random_moments().items()}
    assert wanted == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize("name", [*START])
def test_sizes_that_are_none_are_refused(name):
    with pytest.raises(ValueError, match=rf"^{name}: wanted"):
        capacities({**START, name: 0})
    with pytest.raises(KeyError, match=name):
        capacities({key: value for key, value in START.items() if key != name})


def javascript(tmp_path, expression):
    """What Node.js makes of an expression in the functions of how_many.js, called `page`."""
    if (node := shutil.which("node")) is None:
        pytest.skip("Node.js is not installed")
    script = tmp_path / "run.mjs"
    module = formulas.FILE.with_name("how_many.js").as_uri()
    script.write_text(
        f'import * as page from "{module}";\nconsole.log(JSON.stringify({expression}));\n'
    )
    done = subprocess.run([node, script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_javascript_has_the_same_numbers(tmp_path):
    cases = [START, {**START, "k": 7, "D": 333, "M": 10_001, "d": 9, "m": 3, "r": 5, "nu": 0.02}]
    answers = javascript(tmp_path, f"{json.dumps(cases)}.map(page.capacities)")
    for sizes, found in zip(cases, answers, strict=True):
        for row, wanted in capacities(sizes).items():
            assert found[row] == (None if wanted is None else pytest.approx(wanted, rel=1e-12))


def test_each_step_of_a_slider_is_seen(tmp_path):
    """By one where all whole numbers are on offer, else by 3 % at most or one, and all differ."""
    whole = javascript(tmp_path, "page.valuesOf({ low: 1, high: 64 })")
    assert whole == [*range(1, 65)]
    for low, high, steps, start in ((64, 16384, 512, 1024), (0.001, 1, 600, 0.1)):
        slider = f"page.valuesOf({{ low: {low}, high: {high}, steps: {steps} }})"
        found = javascript(tmp_path, slider)
        assert (found[0], found[-1]) == (low, high)
        assert start in found
        step = np.diff(found)
        assert step.min() > 0
        assert (step <= np.maximum(0.03 * np.array(found[:-1]), high > 1)).all()


def test_gains_are_said_in_plain_numbers(tmp_path):
    gains = javascript(tmp_path, "[100, 6.75, 1].map((n) => page.reading({ two: n, private: 1 }))")
    assert gains == [
        "Over two layers or more, 100 times as many as side by side.",
        "Over two layers or more, 6.8 times as many as side by side.",
        "Over two layers or more, no more than side by side: superposition does not pay here.",
    ]
