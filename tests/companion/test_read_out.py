"""Errors after one layer at random settings: as predicted, and settings that are what they say."""

import numpy as np
import pandas as pd
import pytest

from companion import read_out


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


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
