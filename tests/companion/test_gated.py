"""What the chapter on gated superposition measures with, its stored table, and the headline."""

import re
from pathlib import Path

import numpy as np
import pytest

from companion import gated
from companion.index import headline
from superposition import GatedConstruction, MLPCircuits


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def test_every_circuit_is_looked_at_alone(rng):
    circuits = MLPCircuits.random(600, [2, 3, 2], rng)  # more than are taken at a time
    superposition = GatedConstruction().compress(circuits, rng)
    found = gated.single_circuit_errors(superposition, rng)
    assert len(found) == 600
    assert found["error"].max() < 1e-13
    network = superposition.network
    network.weights[1].flags.writeable = True
    network.weights[1][:] *= 1.01
    assert (gated.single_circuit_errors(superposition, rng)["error"] > 1e-4).mean() > 0.6


def test_outputs_are_the_last_states(rng):
    zeros = MLPCircuits([np.zeros((4, 2, 2))], [np.array([[0, -1], [2, 0], [0, 3], [-1, -1]])])
    found = gated.single_circuit_errors(GatedConstruction().compress(zeros, rng), rng)
    assert found["output"].tolist() == [0, 2, 3, 0]


def test_the_plane_is_counted_pair_by_pair():
    facts = gated.plane_facts(3)
    assert facts.to_numpy().tolist() == [[1, 1], [1, 1], [0, 0]]


def test_reusing_slopes_breaks_equal_weights_only(rng):
    found = gated.reused_slopes(MLPCircuits.random(60, [3, 3, 3], rng), 11, 2, rng)
    assert found["reused"].tolist() == [0, 1, 2]
    assert found["plain"][0] < 1e-13
    assert (found["plain"][1:] > 0.01).all()
    assert (found["quiet"] < 1e-12).all()


def test_geometry_is_that_of_the_derivation(rng):
    heard = gated.crosstalk_geometry(23, 4, 200)
    derived, equal, quiet = heard.to_numpy()
    assert derived == pytest.approx(equal, rel=0.1)
    assert (quiet < 0.9 * equal).all()


def test_a_mean_is_added_to_weights_alone(rng):
    circuits = MLPCircuits.random(5, [3, 2], rng)
    shifted = gated.with_mean(circuits, 0.5)
    assert np.array_equal(shifted.weights[0], circuits.weights[0] + 0.5)
    assert np.array_equal(shifted.biases[0], circuits.biases[0])


def test_measured_stands_beside_predicted(rng):
    construction = GatedConstruction(redundancy=3)
    table = gated.measured_and_predicted(
        construction, MLPCircuits.random(150, [4] * 3, rng), 2, rng
    )
    assert table["predicted"].to_numpy() == pytest.approx(table["relative_mse"].to_numpy(), rel=0.2)


def test_new_angles_are_new_in_every_layer(rng):
    same, new = (gated._circuits(task, 5, rng) for task in ("rotations", "new angles"))
    assert np.array_equal(same.weights[0], same.weights[1])
    assert not np.allclose(new.weights[0], new.weights[1])
    assert new.weights[1] @ new.weights[1].swapaxes(1, 2) == pytest.approx(
        np.broadcast_to(np.eye(2), (5, 2, 2))
    )


def test_the_stored_errors_keep_what_the_chapter_promises():
    """Exact at k = 1; at most .065 and .135 at k = 2 and 3, at both published sizes."""
    last = gated.beside_published().query("layer == 5").set_index(["n_active", "width"])
    assert (last["gated"][1] == 0).all()
    assert (last["gated"][2] <= 0.065).all()
    assert (last["gated"][3] <= 0.135).all()
    assert gated.gated().query("n_active == 1")["worst"].max() == 0


def test_the_readme_says_what_was_measured():
    text = Path("README.md").read_text()
    last = gated.beside_published().query("layer == 5 and width == 1000")
    last = last.set_index("n_active")
    assert last["gated"][1] == 0 < last["told"][1]
    times = (last["told"] / last["gated"]).round(1)
    assert f"exact for one, and has {times[2]} and {times[3]} times less error" in text
    assert GatedConstruction(282).holds([4] * 7) == 2209
    assert "**2,209** six-layer networks of width 4 exactly, in one network 282 wide" in text


def test_the_headline_is_drawn_from_stored_results():
    """Python's and matplotlib's versions aside, which it names."""
    stored = Path("book/_static/gated.svg").read_text()
    drawn = headline()
    assert re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.S) == re.sub(
        r"<metadata>.*?</metadata>", "", stored, flags=re.S
    )
