"""The told network: its layer by loops, refusals, and the errors of its author's own code."""

import numpy as np
import pandas as pd
import pytest

from companion._study import data
from companion.gated import beside_published, told, told_errors, wrong_gates
from superposition import GatedConstruction, MLPCircuits, SparseCode, rotation_circuits
from superposition.circuits.inputs import sample_active
from superposition.constructions import ToldConstruction
from superposition.theory import evaluate, symbols
from superposition.theory import gated as theory


def layer_by_loops(turns, sets, values, gates, layer):
    """(eq-told), slot by slot: values (2, n) after one more layer, from values and gates."""
    read, write, n = sets[layer % 2], sets[(layer + 1) % 2], values.shape[1]
    made = np.zeros_like(values)
    for i in range(n):
        made[:, i] = 2 * gates[(layer + 1) % 2][i] - 1
        for t, turn in enumerate(turns):
            if i in write[t]:
                for j in read[t]:
                    inner = values[:, j] - gates[layer % 2][j]
                    made[:, i] += turn @ inner / read.shape[1]
    return np.maximum(made, 0)


@pytest.mark.parametrize("n_active", [1, 3])
def test_layers_are_those_of_the_repository_slot_by_slot(n_active, rng):
    circuits = rotation_circuits(14, 4, rng, conditional=False)
    large = ToldConstruction(60, 3).compress(circuits, rng)
    active = sample_active(14, n_active, 1, rng)
    inputs = circuits.default_inputs(active, rng)
    sets, n = large.codes.sets, large.codes.n_slots
    assert n == 15
    gates = np.zeros((2, n))
    values = np.zeros((2, n))
    for t, x in zip(active[0], inputs[0], strict=True):
        for code in (0, 1):
            gates[code][sets[code][t]] = 1
        values[:, sets[0][t]] += x[:, None]
    values += gates[0]
    for layer, weights in enumerate(circuits.weights):
        values = layer_by_loops(weights, sets, values, gates, layer)
        code = (layer + 1) % 2
        wanted = [
            (values[:, sets[code][t]] - gates[code][sets[code][t]]).mean(1) for t in range(14)
        ]
        state = large.network.run(large.embed(inputs, active))[layer + 1]
        found = large.read(state, np.arange(14)[None], layer + 1)[0]
        np.testing.assert_allclose(found, wanted, atol=3e-5)  # bounds have room for rounding


def test_errors_are_those_of_the_authors_code():
    """Within 6 % from layer 2 on: each seed's network is off by as much."""
    names = ["n_circuits", "width", "n_active", "layer"]
    theirs = pd.read_csv(data("published_told.csv"), comment="#")
    both = theirs.merge(beside_published(), on=names, validate="one_to_one")
    assert len(both) == 30
    late = both[(both["layer"] > 1) & (both["mean"] > 0)]
    assert len(late) == 24
    assert (late["told"] / late["mean"] - 1).abs().max() < 0.06


SIZE = {"width": 1000, "n_circuits": 557}


def test_either_disjoint_slopes_or_quiet_weights_make_one_circuit_exact():
    one = told().query("n_active == 1 and layer == 5")
    exact = one[one["disjoint"] | one["quiet"]]
    assert (exact["worst"] == 0).all()
    assert (one.drop(exact.index)["mse"] > 0.1).all()
    assert len(exact) == 12


def test_a_told_network_is_exact_for_circuits_that_share_no_slot(rng):
    circuits = MLPCircuits.random(4, (2, 3, 2), rng)
    apart = SparseCode(np.arange(8).reshape(4, 1, 2), 8)
    large = ToldConstruction(40, 2).compress(circuits, rng, codes=(apart, apart))
    active = sample_active(4, 3, 20, rng)
    inputs = 0.5 * circuits.default_inputs(active, rng)
    for read, true in zip(large.run(inputs, active), circuits.run(inputs, active), strict=True):
        np.testing.assert_allclose(read, true, atol=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match=r"code: wanted one of .*, got 'random'"):
        ToldConstruction(100, code="random")
    with pytest.raises(ValueError, match="width: wanted at least 1, got 0"):
        ToldConstruction(0)
    with pytest.raises(ValueError, match=r"headroom: wanted at least 1, got 0\.5"):
        ToldConstruction(100, headroom=0.5)
    wanted = "width: wanted at least 24, 6 slots of 4 neurons, got 20"
    with pytest.raises(ValueError, match=wanted):
        ToldConstruction(20).holds([2, 2])


@pytest.mark.parametrize("missed", [0.01, 0.1])
def test_missed_gates_cost_what_the_theory_says(missed):
    """Rotations in a gated network of equal weights, where lost slots are all that goes wrong."""
    rng = np.random.default_rng(5)
    circuits = rotation_circuits(557, 5, rng, conditional=False)
    large = GatedConstruction(1000, 6, quiet=False).compress(circuits, rng)
    found = wrong_gates(large, missed, 0.0, 12_000, rng)
    values = {symbols.r: 6, theory.missed: missed}
    assert found == pytest.approx(float(evaluate(theory.missed_gates(5), values)), rel=0.06)
    assert wrong_gates(large, 0.0, 0.0, 500, rng) < 1e-24


def test_the_theory_of_missed_gates_by_counting():
    """One layer, two slots: a state is lost whole, half, or not at all."""
    e = 0.2
    wanted = e**2 * 1 + 2 * e * (1 - e) / 4
    found = evaluate(theory.missed_gates(1), {symbols.r: 2, theory.missed: e})
    assert float(found) == pytest.approx(wanted)


@pytest.mark.parametrize("n_layers", range(1, 7))
def test_few_missed_gates_cost_what_the_chapter_writes(n_layers):
    """To first order one slot of one code is lost, and (1 − 1/r) is left each time it is read."""
    slope = theory.missed_gates(n_layers).diff(theory.missed).subs(theory.missed, 0)
    r = symbols.r
    lost = [1 - (1 - 1 / r) ** power for power in (-(-n_layers // 2), n_layers // 2)]
    assert (slope - r * (lost[0] ** 2 + lost[1] ** 2)).simplify() == 0


def test_false_gates_let_noise_in(rng):
    circuits = rotation_circuits(200, 5, rng, conditional=False)
    large = GatedConstruction(600, 6, quiet=False).compress(circuits, rng)
    errors = [wrong_gates(large, 0.0, false, 400, rng) for false in (0.0, 0.02, 0.2)]
    assert errors[0] < 1e-24 < errors[1] < errors[2]


def test_a_study_of_told_networks_has_a_row_for_each_layer(rng):
    table = told_errors(True, True, 1.0, 400, 60, rng)
    assert table["layer"].tolist() == [0, 1, 2, 3, 4, 5] * 3
    assert (table.query("n_active == 1")["mse"] == 0).all()
