"""Formulas of figures that compute in the page: printed from theory, and right in Python."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import sympy as sp

import formulas
from superposition import ResidualCircuits, with_indicator
from superposition.explorable import START, capacities, random_moments
from superposition.theory import symbols


def test_the_module_is_what_is_printed():
    """After a change to theory: python book/tools/formulas.py."""
    assert formulas.FILE.read_text(encoding="utf-8") == formulas.module()


def test_capacities_by_hand():
    """|w|² = 2 + 1/4, |a|² = 2, E h² = 1/4, |w'|² = 4/16, one active."""
    found = capacities(START)
    assert found["private"] == 256
    assert found["one"] == pytest.approx(1024 * 2048 * 0.1 / (8 * 8 * 2.25 * 2))
    two = 2048 * np.sqrt(1024 * 0.1) / (8**1.5 * np.sqrt(0.25 * 0.25 * 2.25))
    assert found["two"] == pytest.approx(min(two, found["one"]))
    assert found["gated"] == pytest.approx((1024 / 6) ** 2)
    assert found["most"] is None
    several = capacities({**START, "k": 5})
    assert several["gated"] is None
    most, nu = several["most"], 4 * (several["most"] ** 2 * 32 / 2**21 - 1)
    assert nu / (most - 1) == pytest.approx(0.1)


def test_moments_are_those_of_random_circuits(rng):
    circuits = ResidualCircuits.random(400, 4, 8, 2, rng)
    weights = with_indicator(circuits, 1.0)
    moments = circuits.moments(rng)
    given = {symbols.d: 4, symbols.m: 8}
    active = np.arange(400)[:, None]
    inputs = circuits.default_inputs(active, rng)
    heard = circuits.hear(inputs, active, 0)[:, 0] + circuits.bias[0]
    found = {
        symbols.w2: np.mean(np.sum(weights.read_in**2, axis=-1)),
        symbols.write2: np.mean(np.sum(circuits.write_out**2, axis=2)),
        symbols.h2: np.mean(np.maximum(heard, 0) ** 2),
        symbols.a2: moments.state2[0] + 1,
    }
    wanted = {symbol: float(sp.sympify(e).subs(given)) for symbol, e in random_moments().items()}
    assert wanted == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize("name", [*START])
def test_sizes_that_are_none_are_refused(name):
    with pytest.raises(ValueError, match=rf"^{name}: wanted"):
        capacities({**START, name: 0})
    with pytest.raises(KeyError, match=name):
        capacities({key: value for key, value in START.items() if key != name})


def test_javascript_has_the_same_numbers(tmp_path):
    if (node := shutil.which("node")) is None:
        pytest.skip("Node.js is not installed")
    script = tmp_path / "run.mjs"
    module = formulas.FILE.with_name("how_many.js").as_uri()
    cases = [START, {**START, "k": 7, "D": 333, "M": 10_001, "d": 9, "m": 3, "r": 5, "nu": 0.02}]
    for sizes in cases:
        script.write_text(
            f'import {{ capacities }} from "{module}";\n'
            f"console.log(JSON.stringify(capacities({sizes})));\n"
        )
        done = subprocess.run([node, script], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        for row, wanted in capacities(sizes).items():
            assert found[row] == (None if wanted is None else pytest.approx(wanted, rel=1e-12))
