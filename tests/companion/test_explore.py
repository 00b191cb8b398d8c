"""How many circuits fit, in a page: laws printed from theory, right in Python, and measured."""

import json
from itertools import product

import numpy as np
import pytest
from scipy.special import erfc, gammaln

import formulas
from companion import explore
from companion.explore import NAMES, START, capacities, moments, rows
from superposition import ResidualCircuits, ResidualConstruction
from superposition.constructions import GatedConstruction
from superposition.predict.post import predict_layers
from superposition.theory import limits, symbols
from superposition.theory.derivation import evaluate
from tests.javascript import evaluated as javascript


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def test_the_module_is_what_is_printed():
    """After a change to theory: python book/tools/formulas.py."""
    assert formulas.FILE.read_text(encoding="utf-8") == formulas.module()


def test_rows_without_a_law_by_hand():
    found = capacities(START)
    assert found["private"] == 256
    assert found["gated"] == pytest.approx((1024 / 6) ** 2)
    assert found["most"] is None
    several = capacities({**START, "k": 5})
    assert several["gated"] is None
    most = several["most"]
    assert 4 * (most**2 * 32 / 2**21 - 1) / (most - 1) == pytest.approx(0.25 * 2)


def test_what_no_linear_code_exceeds_is_noise_of_the_allowed_share():
    """Put back into the formula: d times the share of 2/d, which neurons are to hear."""
    sizes = {**START, "D": 16384, "k": 3, "d": 9, "m": 3, "r": 2}
    given = {s: sizes[name] for s, name in NAMES.items()}
    given[symbols.T] = capacities(sizes)["most"]
    noise = float(evaluate(limits.layer_floor(), given))
    assert noise == pytest.approx(0.25 * 9 * float(explore.INPUT_VARIANCE.subs(given)))


def test_a_full_gated_network_of_the_library_is_near():
    """Planes have a prime number of lines: the largest that fits is a little smaller."""
    widths = (4, 4)
    holds = GatedConstruction(width=1024, redundancy=1).holds(widths)
    assert 0.9 < holds / capacities(START)["gated"] <= 1


def test_rows_that_do_not_hold_say_where_they_do():
    for name, row in rows().items():
        assert (row.only == "") == (name in ("private", "one", "two", "four"))
    assert [rows()[name].only for name in ("gated", "most")] == ["k = 1 only", "k ≥ 2 only"]


@pytest.mark.parametrize(("width", "n_neurons", "n_layers"), [(4, 8, 1), (4, 8, 4), (12, 5, 2)])
def test_moments_are_those_of_random_circuits(width, n_neurons, n_layers, rng):
    circuits = ResidualCircuits.random(3000, width, n_neurons, n_layers, rng)
    found, known = circuits.moments(rng, n_samples=6000), moments(width, n_neurons, n_layers)
    for name in ("state2", "weight2", "weight_sum2", "bias2", "bias_sum2", "write2"):
        np.testing.assert_allclose(getattr(known, name), getattr(found, name), rtol=0.05)
    np.testing.assert_allclose(known.bias, found.bias, atol=0.02)
    assert np.abs(known.pre_activations - found.pre_activations)[:, 4:-4].max() < 0.05
    assert np.abs(found.feedback - known.feedback).max() < 0.1


def test_predictions_are_those_of_circuits_that_are_drawn(rng):
    """Which have moments of their own, and pre-activations that are not quite Gaussian."""
    for n_layers, redundancy, n_active in product((1, 4), (1, None), (1, 3)):
        construction = ResidualConstruction(1024, 2048, redundancy)
        circuits = ResidualCircuits.random(400, 4, 8, n_layers, rng)
        drawn = construction.predict_error(circuits, n_active)
        known = predict_layers(construction.sizes(400, n_active), moments(4, 8, n_layers))
        np.testing.assert_allclose(known["relative_mse"], drawn["relative_mse"], rtol=0.15)


def test_the_error_allowed_is_that_of_the_headline_figure():
    """A share of what a network has that returns its input: at the number, not one beyond."""
    found = capacities(START)
    for name, n_layers in (("one", 1), ("two", 2), ("four", 4)):
        of = moments(4, 8, n_layers)
        nothing = 1 - 1 / of.state2[-1]
        errors = [
            ResidualConstruction(1024, 2048).predicted(of, found[name] + more, 1) / nothing
            for more in (0, 1)
        ]
        assert errors[0] <= 0.25 < errors[1]


def test_it_says_what_the_headline_figure_measures():
    """Within one step of the loads that the figure tried; most of them far closer."""
    table = explore.beside_measured()
    ratio = table["predicted"] / table["measured"]
    assert len(table) == 19
    assert ratio.between(1 / explore.grid_step(), explore.grid_step()).all()
    assert 1.4 < explore.grid_step() < 1.5
    assert ratio[table["D"] >= 256].between(0.95, 1.17).all()
    one = ratio[(table["D"] >= 256) & (table["layers"] == 1)]
    assert one.between(0.98, 1.13).all()


def test_nothing_holds_more_than_no_linear_code_does():
    for width, k, d, m in product((256, 4096), (2, 5), (2, 16), (4, 32)):
        found = capacities({**START, "D": width, "M": 4 * width, "k": k, "d": d, "m": m})
        assert found["four"] <= found["two"] <= found["one"] < found["most"]


def test_none_fits_where_the_active_circuits_are_too_many():
    found = capacities({**START, "k": 5})
    assert [found[name] for name in ("one", "two", "four")] == [0, 0, 0]
    assert ResidualConstruction(1024, 2048).predicted(moments(4, 8, 1), 5, 5) > 0.25 * 0.5


@pytest.mark.parametrize("name", [*START])
def test_sizes_that_are_none_are_refused(name):
    with pytest.raises(ValueError, match=rf"^{name}: wanted"):
        capacities({**START, name: 0})
    with pytest.raises(KeyError, match=name):
        capacities({key: value for key, value in START.items() if key != name})


GRID = [
    {**START, "D": D, "M": M, "k": k, "r": r}
    for D, M, k, r in product((96, 1024, 9999), (300, 4096), (1, 3, 40), (1, 2, 9, None))
]
SHAPES = [
    {**START, "d": d, "m": m, "tolerance": t} for d, m, t in ((1, 1, 0.4), (9, 3, 0.02), (3, 90, 1))
]


def test_javascript_has_the_errors_of_the_library(tmp_path):
    """Everywhere: few and many circuits, far beyond what fits, too."""
    cases = [
        (sizes, n_layers, n)
        for sizes, n_layers in product(GRID + SHAPES, (1, 2, 4))
        for n in (sizes["k"], 60 + sizes["k"], 3000)
    ]
    expression = f"{json.dumps(cases)}.map((each) => code.predictedError(...each))"
    found = javascript(tmp_path, "law.js", expression)
    found = [float("inf" if error is None else error) for error in found]  # JSON has no infinity
    wanted = [
        explore.construction(sizes).predicted(
            moments(sizes["d"], sizes["m"], n_layers), n, sizes["k"]
        )
        for sizes, n_layers, n in cases
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-13)
    assert min(wanted) < 0.01
    assert max(wanted) > 100
    assert np.isfinite(wanted).mean() > 0.9


def test_javascript_has_the_same_numbers_of_circuits(tmp_path):
    cases = [*GRID[::3], *SHAPES, START]
    answers = javascript(tmp_path, "how_many.js", f"{json.dumps(cases)}.map(code.capacities)")
    for sizes, found in zip(cases, answers, strict=True):
        for row, wanted in capacities(sizes).items():
            law = rows()[row].layers and wanted is not None
            same = wanted if law or wanted is None else pytest.approx(wanted, rel=1e-12)
            assert found[row] == same


def test_a_search_finds_the_last_that_is_within(tmp_path):
    """Also where it is the first of all, where none is, and where all are."""
    for last in (0, 1, 7, 8, 9, 63, 1000, 2**60):
        search = f"code.largestWithin((n) => (n > {last} ? NaN : n / {last}), 1, 1)"
        assert javascript(tmp_path, "law.js", search) == min(last, 2**50)


def test_special_functions_are_right_to_rounding(tmp_path):
    x = np.linspace(-6, 18, 200)
    found = javascript(tmp_path, "special.js", f"{x.tolist()}.map(code.erfc)")
    np.testing.assert_allclose(found, erfc(x), rtol=1e-12)
    x = np.concatenate([np.arange(1, 40), np.geomspace(40, 13_000, 30).round()])
    found = javascript(tmp_path, "special.js", f"{x.tolist()}.map(code.logGamma)")
    np.testing.assert_allclose(found, gammaln(x), rtol=1e-13, atol=1e-12)


def test_each_step_of_a_slider_is_seen(tmp_path):
    """By 2 % at most, and all differ; sizes that were measured are among them."""
    found = javascript(tmp_path, "how_many.js", "code.doublings(8)")
    assert (found[0], found[-1]) == (64, 16384)
    step = np.diff(found)
    assert step.min() > 0
    assert (step <= 0.02 * np.array(found[:-1])).all()
    assert set(explore.measured()["D"]) <= set(found)


def test_points_stand_where_settings_coincide(tmp_path):
    table = explore.measured().set_index(["D", "layers"])
    cases = [START, {**START, "D": 128, "M": 256}, {**START, "M": 4096}, {**START, "k": 2}]
    answers = javascript(tmp_path, "how_many.js", f"{json.dumps(cases)}.map(code.measuredAt)")
    assert [sorted(each) for each in answers] == [["four", "one", "two"], ["one"], [], []]
    for name, point in answers[0].items():
        wanted = table.loc[1024, rows()[name].layers]
        assert [point[key] for key in wanted.index] == pytest.approx(wanted.tolist(), abs=0.006)


def test_the_address_names_sizes_of_sliders_alone(tmp_path):
    words = [{}, {"D": "512", "r": "3", "tolerance": "0.1"}, {"D": "65", "k": "0", "M": "x"}]
    found = javascript(tmp_path, "how_many.js", f"{json.dumps(words)}.map(code.sizesOf)")
    assert found == [START, {**START, "D": 512, "r": 3, "tolerance": 0.1}, {**START, "D": 65}]


def test_what_is_found_is_said_in_plain_numbers(tmp_path):
    cases = [(1000, 675), (15, 9), (9, 5), (0, 0)]
    said = "([one, four]) => code.reading({ private: 10, one, four })"
    assert javascript(tmp_path, "how_many.js", f"{json.dumps(cases)}.map({said})") == [
        "With one layer 100 times as many as with private neurons; with four 68 times.",
        "With one layer 1.5 times as many as with private neurons; with four no more.",
        "Even with one layer no more than with private neurons: superposition does not pay here.",
        "No circuit of the post's network computes within this error.",
    ]
