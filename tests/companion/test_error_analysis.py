"""Stored errors beside predictions: what the error analysis promises, and how tables are read."""

import numpy as np
import pandas as pd
import pytest

from companion import how_many, over_layers, read_in, read_out
from companion.introduction import private_circuits
from superposition.predict import post


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


@pytest.fixture(scope="module")
def depths(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(request.config.rootpath)
        return over_layers.depths()


def test_eighty_settings_are_predicted_within_the_band():
    """Predicted / measured within 0.85 to 1.18 at every setting with little noise."""
    table = read_out.one_layer("one_layer")
    assert len(table) == 80
    assert (table["noise"] < 0.1).all()
    assert table["ratio"].between(0.85, 1.18).all()


def test_settings_with_much_noise_are_what_they_say():
    table = read_out.one_layer("noisy")
    assert table["noise"].between(0.1, 30).all()
    bands = pd.cut(table["noise"], [0.1, 0.3, 1, 3, 10, 30])
    assert (bands.value_counts() == 8).all()


def test_the_layer_of_collapse_is_predicted(depths):
    """Within one layer at 85 % of the forty settings and of all; far above the best guess."""
    chosen = depths[depths["chosen"]]
    assert chosen["kind"].value_counts().to_dict() == {"early": 14, "late": 13, "never": 13}
    for rows in (chosen, depths):
        assert over_layers.within_one(rows, "predicted") >= 0.85
        assert over_layers.within_one(rows, "predicted") > over_layers.best_constant(rows) + 0.3


def test_settings_are_chosen_in_the_order_in_which_they_were_drawn(depths):
    """By a plain loop with a counter for each kind."""
    room, wanted = {"early": 14, "late": 13, "never": 13}, []
    for measured in depths["measured"]:
        kind = "early" if measured <= 4 else "late" if measured <= 12 else "never"
        wanted.append(room[kind] > 0)
        room[kind] -= 1
    assert depths["chosen"].tolist() == wanted


@pytest.mark.parametrize(
    ("errors", "wanted"),
    [([9, 0.1, 0.5, 0.6], 3), ([0, 0.6, 0.1, 0.1], 1), ([0, 0, 0, 0], 4), ([0, 0.1, np.nan, 9], 2)],
)
def test_depth_of_collapse_by_hand(errors, wanted):
    assert over_layers.layer_of_collapse(pd.Series(errors, dtype=float)) == wanted


def test_shares_within_one_layer_by_hand():
    table = pd.DataFrame({"measured": [1, 5, 13, 13], "predicted": [2, 7, 12, 13]})
    assert over_layers.within_one(table, "predicted") == 0.75
    assert over_layers.best_constant(table) == 0.5


def test_exponents_of_the_width_are_those_of_one_layer_and_of_more():
    """One layer: the post's 1. Four: well below, as predicted."""
    found = how_many.exponents().set_index(["size", "n_layers"]).loc["stream_width"]
    assert found.loc[1, "low"] < 1 < found.loc[1, "high"]
    assert found.loc[4, "high"] < 0.85
    assert (found["predicted"] - found["measured"]).abs().max() < 0.1


def test_measured_capacities_are_predicted():
    table = how_many.fitting().query("mean >= 20")
    ratio = table["predicted"] / table["mean"]
    assert len(table) >= 40
    assert ratio.between(0.75, 1.25).mean() > 0.9


def test_only_one_size_is_varied_in_a_series():
    table = how_many.fitting()
    for name in how_many.POST_EXPONENTS:
        series = how_many.one_varied(table, name).query("n_layers == 1")
        assert series[name].nunique() == len(series) >= 5
        others = [other for other in how_many.POST_EXPONENTS if other != name]
        assert (series[others].nunique() == 1).all()


def test_far_from_here_two_layers_follow_another_law_than_one():
    one, two = (how_many.far_exponents(256, layers, 1) for layers in (1, 2))
    assert one["stream_width"] == pytest.approx(1, abs=0.03)
    assert two["stream_width"] == pytest.approx(0.5, abs=0.08)
    assert one["n_active"] == pytest.approx(-1, abs=0.08)
    assert two["n_active"] == pytest.approx(-0.5, abs=0.08)


def test_one_carrier_holds_most():
    assert how_many.best_redundancy(4096, 1, 1)["best"] == 1


def test_superposition_wins_from_the_crossing_on():
    width = how_many.crossing(1, 0.1)
    size = {**how_many.BASE, "n_layers": 1}
    lead = []
    for w in (width - 8, width + 8):
        fits = how_many.predicted_fit({**size, "stream_width": w, "n_neurons": 2 * w}, 0.1)
        lead.append(fits > private_circuits(w, 2 * w, 4, 8))
    assert lead == [False, True]
    with pytest.raises(ValueError, match="tolerance: wanted one at which it wins"):
        how_many.crossing(1, 1e-9)


@pytest.mark.parametrize("threshold", [0, 1, 7, 99, 100, 101, 2500])
def test_bisection_ends_within_three_percent(threshold):
    found = how_many.bisect_largest(lambda n: n <= threshold, start=100)
    assert abs(found - threshold) <= max(1.0, 0.03 * threshold)


def test_random_settings_lie_in_their_ranges():
    rng = np.random.default_rng(3)
    settings = read_out.one_layer_settings(30, rng, 0.01, 0.05)
    for s in settings:
        assert 0.01 <= read_out.expected_noise(s) < 0.05
        assert 50 <= s["n_circuits"] <= 500
        assert 256 <= s["n_neurons"] <= 4096
        assert s["redundancy"] < s["n_neurons"]


def test_expected_noise_is_that_of_drawn_circuits(rng):
    from superposition import ResidualCircuits, ResidualConstruction
    from superposition.predict.post import symbol_values
    from superposition.theory import evaluate, read_in_variance

    setting = read_out.one_layer_settings(1, rng)[0] | {"n_circuits": 400}
    shape = setting["width"], setting["small_neurons"]
    circuits = ResidualCircuits.random(400, *shape, 1, rng)
    construction = ResidualConstruction(
        setting["stream_width"], setting["n_neurons"], setting["redundancy"], setting["margin"]
    )
    values = symbol_values(construction, circuits, setting["n_active"])
    drawn = float(evaluate(read_in_variance(), values))
    assert read_out.expected_noise(setting) == pytest.approx(drawn, rel=0.05)


def test_gain_is_the_slope_of_what_is_kept(make_circuits):
    """Small where silent neurons are silent, larger where noise wakes them; grows with T."""
    from superposition import ResidualConstruction

    held = np.array([1e-4, 30.0])
    few, many = (
        post.garbage_gain(ResidualConstruction(256, 512), make_circuits(n, 4, 8, 4), 1, held)
        for n in (20, 80)
    )
    assert 0 < few[0] < few[1]
    assert (many > few).all()


def test_quick_experiments_have_their_columns(rng):
    table = over_layers.growth(20, rng)
    assert table["layer"].tolist() == list(range(1, 13))
    assert (table["unremembered"] <= table["predicted"]).all()
    terms = read_in.error_terms(200, 1, 2, "orthonormal", rng)
    assert terms.drop(columns="measured").sum(axis=1).item() == pytest.approx(
        terms["measured"].item(), rel=0.5
    )
