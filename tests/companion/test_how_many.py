"""How many circuits fit: exponents, capacities and crossings, measured and predicted."""

import pytest

from companion import how_many
from companion.introduction import private_circuits


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


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
