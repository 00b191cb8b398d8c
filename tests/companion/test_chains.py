"""What the chapter on chains measures with, its ways to find a chain, and its stored table."""

import numpy as np
import pandas as pd
import pytest

from companion import chains
from companion.chains import WAYS
from superposition import ChainConstruction, MLPCircuits
from superposition.chain_maps import ChainCodes
from superposition.circuits.inputs import sample_active
from superposition.placing import NOWHERE, place
from superposition.theory import chains as theory

# four circuits of one chain's bucket in both chains, and one that is with nobody
TOGETHER = ChainCodes(
    np.array([[0, 0], [0, 0], [1, 1], [1, 1], [2, 2]]),
    np.array([[0, 0], [1, 1], [0, 0], [1, 1], [2, 2]]),
    3,
)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def test_ways_by_hand(rng):
    """Three that conflict everywhere and one that conflicts with no one, two chains."""
    active = np.array([[0, 1, 4, 2]])
    found = {name: way(TOGETHER, active, rng)[0].tolist() for name, way in WAYS.items()}
    assert found["first free"] == [False, False, False, True]
    assert found["local"] == found["local, twice"] == [True, True, False, True]
    assert found["coordinated"] == found["coordinated, silent"] == [True] * 4
    # the third meets one of the others in its second choice
    assert found["two choices"] in ([True, False, False, True], [False, True, False, True])
    assert found["random chain"][2] is False
    assert sum(found["random chain"]) in (2, 3)
    pair = np.array([[0, 3]])
    assert not WAYS["coordinated"](TOGETHER, pair, rng).any()
    assert WAYS["local"](TOGETHER, pair, rng).all()


def test_a_second_pass_helps_who_was_alone_in_failing(rng):
    """0 and 1 conflict in the first chain, 1 and 2 in the second: 1 fails, and then is alone."""
    codes = ChainCodes(np.array([[0, 0], [0, 1], [1, 1]]), np.array([[0, 0], [1, 1], [2, 2]]), 3)
    active = np.array([[0, 1, 2]])
    assert WAYS["local"](codes, active, rng).tolist() == [[False, True, False]]
    assert not WAYS["local, twice"](codes, active, rng).any()


@pytest.mark.parametrize("kind", chains.KINDS)
def test_more_coordination_never_hurts(kind, rng):
    codes = chains.codes_of(kind, 13, 3, 169, rng)
    active = sample_active(169, 6, 300, rng)
    sets = {name: way(codes, active, rng).any(axis=1) for name, way in WAYS.items()}
    assert not (sets["coordinated"] & ~sets["first free"]).any()
    assert not (sets["coordinated"] & ~sets["coordinated, silent"]).any()
    assert not (sets["local, twice"] & ~sets["local"]).any()
    means = [sets[name].mean() for name in ("random chain", "two choices", "first free")]
    if kind == "buckets":
        assert means[0] > means[1] > means[2]


def test_random_chains_fail_as_derived(rng):
    codes = chains.codes_of("buckets", 7, 3, 300, rng)
    derived = chains.derived_failures("buckets", 7, 3, 300, [4]).set_index("way")["circuits"]
    active = sample_active(300, 4, 20_000, rng)
    found = WAYS["random chain"](codes, active, rng).mean()
    assert found == pytest.approx(derived["random chain"], rel=0.04)


def test_columns_of_a_plane_conflict_less_but_again(rng):
    plane, columns = (
        chains.conflict_share(chains.codes_of(kind, 61, 4, 557, rng), 20_000, rng)
        for kind in ("plane", "columns")
    )
    chance = chains.conflict_chance("plane", 61, 557)
    assert plane["one chain"] == pytest.approx(chance, rel=0.05)
    assert columns["one chain"] < 0.75 * plane["one chain"]
    assert columns["all chains"] > 3 * plane["all chains"]


def test_blocks_are_full_and_in_order():
    codes = chains.blocks(2, 2)
    assert codes.even[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert codes.odd[:, 0].tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
    assert codes.buckets[:, 0].tolist() == [0] * 4 + [1] * 4


def test_of_the_small_example_each_circuit_has_one_chain():
    codes, active = chains.small_example()
    disturbed = codes.disturbed([active])[0]
    assert disturbed.sum(axis=0).tolist() == disturbed.sum(axis=1).tolist() == [2, 2, 2]
    assert not codes.crowded([active]).any()


def test_local_failures_stand_beside_the_derived(rng):
    table = chains.local_failures("plane", 83, 3, 557, (2, 3), 20_000, rng)
    assert table["slots"].tolist() == [249, 249]
    assert table["n_active"].tolist() == [2, 3]
    np.testing.assert_allclose(table["found"], table["derived"], rtol=0.3)


def test_all_are_placed_at_the_chapters_sizes(rng):
    row = chains.count_placed("plane", 61, 4, 557, 10, 300, rng)
    assert row == {
        "circuits are": "plane",
        "chains": 4,
        "slots": 244,
        "T": 557,
        "k": 10,
        "placed": 300,
    }
    assert chains.count_placed("plane", 5, 2, 25, 3, 50, rng)["placed"] == 0


def test_networks_are_read_exactly_and_failures_known(rng):
    circuits = MLPCircuits.random(200, [3] * 4, rng)
    large = ChainConstruction(2, 41 * 2 * 5, "local").compress(circuits, rng)
    found = chains.exactness(large, 3, 200, rng)
    assert found["n_left"] + found["n_none"] == 600
    assert 10 < found["n_none"] < 200
    assert found["error"] < 1e-12 < 0.01 < found["linear"]
    placed = ChainConstruction(3, 41 * 3 * 5).compress(circuits, rng)
    assert chains.exactness(placed, 2, 50, rng)["linear"] < 1e-25
    large.network.weights[1].flags.writeable = True
    large.network.weights[1][:] *= 1.01
    assert chains.exactness(large, 3, 200, rng)["error"] > 1e-4


def test_the_threshold_is_where_placements_become_rare():
    """Two chains, always a conflict: 2 placements of two circuits, none of three."""
    assert chains.placement_threshold(2, 1.0) == 3
    assert chains.placement_threshold(3, 1.0) == 4
    k = chains.placement_threshold(4, 0.3)
    assert theory.placements(4, k, 0.3) < 1 <= theory.placements(4, k - 1, 0.3)


def test_no_more_can_be_placed_than_the_mean_number_says(rng):
    """Beyond the threshold hardly any set has a placement: at most the mean number of them."""
    chance = chains.conflict_chance("plane", 23, 200)
    k = chains.placement_threshold(2, chance)
    codes = chains.codes_of("plane", 23, 2, 200, rng)
    for more in (0, 2):
        active = sample_active(200, k + more, 300, rng)
        share = (place(codes, active, False)[:, 0] != NOWHERE).mean()
        assert share <= theory.placements(2, k + more, chance)


def test_narrowest_are_narrower_the_more_is_known(rng):
    moments = MLPCircuits.random(2, [1, 1], rng).moments(rng)
    found = pd.DataFrame({k: chains.fewest_slots(557, k, moments, 4) for k in (2, 10)})
    assert found[2].to_dict() == {"copies": 48, "placed": 48, "local 1 %": 165, "local": 220}
    assert found.loc["placed", 10] < 200 < found.loc["copies", 10] == 240
    assert found.loc["local 1 %", 10] < found.loc["local", 10] == 557


def test_the_stored_table_keeps_what_the_chapter_promises():
    table = chains.chains()
    assert set(table["way"]) == set(WAYS)
    sets = table.groupby(["kind", "way", "n_active"])["sets"].mean()
    assert sets["buckets", "local", 2] == 0
    for kind in ("plane", "buckets"):
        assert (sets[kind, "coordinated"].loc[:15] == 0).all()
        assert sets[kind, "random chain", 2] > 0.02
    assert sets["buckets", "first free"].loc[:10].max() <= 0.005
