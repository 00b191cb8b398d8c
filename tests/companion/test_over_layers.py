"""Errors over many layers: the layer of collapse is predicted, and tables are read as they say."""

import numpy as np
import pandas as pd
import pytest

from companion import over_layers
from superposition.predict import post


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


@pytest.fixture(scope="module")
def depths(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(request.config.rootpath)
        return over_layers.depths()


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


def test_growth_has_its_columns(rng):
    table = over_layers.growth(20, rng)
    assert table["layer"].tolist() == list(range(1, 13))
    assert (table["unremembered"] <= table["predicted"]).all()
