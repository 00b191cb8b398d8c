"""Graphs in the post's network: by loops, in the exact limit, and predicted."""

import numpy as np
import pandas as pd
import pytest

from companion.generalising import along_paths, random_graph
from superposition import (
    CircuitGraph,
    GaussianCode,
    ResidualCircuits,
    ResidualConstruction,
    SparseCode,
    measure_error,
)
from superposition.circuits import Edges, Stage
from superposition.circuits.graph import sample_paths
from superposition.constructions.post import PostCodes
from superposition.measure import path_errors

SIZES = {"stream_width": 40, "n_neurons": 60, "redundancy": 3, "margin": 0.7}


@pytest.fixture
def graph(rng):
    return random_graph(6, rng, widths=(2, 1, 3), n_layers=2, n_neurons=4)


def test_weights_by_loops(graph, rng):
    """Σ_t V_t w_t R_t and Σ_t E_t w'_t V_t^+, circuit by circuit; R from its sources'."""
    large = ResidualConstruction(**SIZES).compress(graph, rng)
    directions = large.codes.stream.directions
    rows = [direction.copy() for direction in directions]
    for edges in graph.edges:
        for source, target, map_ in zip(*graph.numbers(edges), edges.maps, strict=True):
            after, before = map_.shape
            for i in range(after):
                for j in range(before):
                    rows[target][i] = rows[target][i] + map_[i, j] * rows[source][j]
    for layer in range(graph.n_layers):
        (name, stage), code = (
            next(iter(graph.stages_computing(layer).items())),
            large.codes.neurons[layer],
        )
        read, write = np.zeros((60, 40)), np.zeros((40, 60))
        small, own = stage.circuits, layer - stage.start
        for t in range(small.n_circuits):
            reads, writes = rows[graph.first[name] + t], directions[graph.first[name] + t]
            for i in range(small.n_neurons):
                w, b = small.read_in[own, t, i], small.bias[own, t, i]
                heard = w @ reads[: small.width] + (b + 0.7) * reads[-1]
                for slot in code.slots[t, i]:
                    read[slot] += heard
                    write[:, slot] += small.write_out[own, t, :, i] @ writes[: small.width] / 3
        assert large.network.read_in[layer] == pytest.approx(read)
        assert large.network.write_out[layer] == pytest.approx(write)
    assert (large.network.bias == -0.7).all()
    assert large.checkpoints == (0, 1, 2, 3, 4, 5, 6)


def test_with_room_for_all_a_graph_is_exact(graph, rng):
    """Directions of their own, neurons of their own; a margin above all that idle ones hear."""
    n, width = graph.n_circuits, graph.width + 1
    stream = GaussianCode(np.eye(n * width).reshape(n, width, n * width))
    own = [SparseCode.private(6, 4) for _ in range(6)]
    large = ResidualConstruction(n * width, 24, 1, margin=50.0).compress(
        graph, rng, codes=PostCodes(stream, own)
    )
    active = np.stack([rng.permutation(n)[:7] for _ in range(20)])
    inputs = graph.default_inputs(active, rng)
    for found, wanted in zip(large.run(inputs, active), graph.run(inputs, active), strict=True):
        assert found == pytest.approx(wanted, abs=1e-9)
    everyone = np.arange(n)[None]
    state = large.network.run(large.embed(inputs[:1], active[:1]))
    for layer, checkpoint in enumerate(large.checkpoints):
        every = large.read_all(state[checkpoint], layer)
        assert every == pytest.approx(large.read(state[checkpoint], everyone, layer))


def test_an_idle_circuit_lets_through_what_comes_to_it(rng):
    """a → b → c with maps 2 and 3, b not active: c reads 6 a, where the graph has nothing for it.

    With b's input in entries that no map reads, it does not.
    """
    quiet = ResidualCircuits(np.zeros((1, 1, 1, 2)), -np.ones((1, 1, 1)), np.zeros((1, 1, 2, 1)))
    stages = {name: Stage(quiet, i) for i, name in enumerate("abc")}
    stream = GaussianCode(np.eye(9).reshape(3, 3, 9))
    for kept, wanted in (([[2.0, 0], [0, 0]], 6), ([[0, 0], [2.0, 0]], 0)):
        edges = [Edges("a", "b", [[0, 0]], kept), Edges("b", "c", [[0, 0]], [[3.0, 0], [0, 0]])]
        graph = CircuitGraph(stages, edges)
        large = ResidualConstruction(9, 4, 1).compress(graph, rng, codes=PostCodes(stream))
        found = large.run([[[1.0, 0], [0, 0]]], [[0, 2]])[-1]
        assert found[0, 1].tolist() == [wanted, 0]
        assert graph.run([[[1.0, 0], [0, 0]]], [[0, 2]])[-1][0, 1].tolist() == [0, 0]


def test_circuits_alone_are_a_graph_of_one_stage(make_circuits):
    circuits = make_circuits(9, 3, 4, 2)
    construction = ResidualConstruction(**SIZES)
    seeds = [np.random.default_rng(4) for _ in range(2)]
    plain = construction.compress(circuits, seeds[0])
    large = construction.compress(CircuitGraph({"all": Stage(circuits)}), seeds[1])
    for name in ("read_in", "bias", "write_out"):
        assert np.array_equal(getattr(plain.network, name), getattr(large.network, name))
    errors = [measure_error(each, 2, 50, np.random.default_rng(5)) for each in (plain, large)]
    pd.testing.assert_frame_equal(*errors)


def test_a_layer_in_which_nobody_lives_costs_nothing(rng):
    circuits = [ResidualCircuits.random(4, 3, 2, 1, rng) for _ in range(2)]
    stages = {"a": Stage(circuits[0]), "b": Stage(circuits[1], 3)}
    graph = CircuitGraph(stages, [Edges("a", "b", [[0, 0]], np.eye(3))])
    large = ResidualConstruction(**SIZES).compress(graph, rng)
    assert large.network.n_layers == 2
    assert large.checkpoints == (0, 1, 1, 1, 2)


def test_stages_at_the_same_time_share_neurons(rng):
    """Smaller circuits are filled up; what is added neither reads nor writes."""
    stages = {
        "a": Stage(ResidualCircuits.random(3, 2, 5, 1, rng)),
        "b": Stage(ResidualCircuits.random(2, 3, 2, 1, rng)),
    }
    graph = CircuitGraph(stages)
    code = SparseCode.private(5, 5)
    stream = GaussianCode(np.eye(20).reshape(5, 4, 20))
    large = ResidualConstruction(20, 25, 1).compress(graph, rng, codes=PostCodes(stream, [code]))
    assert np.count_nonzero(large.network.read_in[0].any(axis=1)) == 3 * 5 + 2 * 2
    active = np.array([[0, 3, 4]])
    inputs = graph.default_inputs(active, rng)
    assert large.run(inputs, active)[-1] == pytest.approx(graph.run(inputs, active)[-1])


def test_in_factors_it_is_the_same(graph, rng):
    large = ResidualConstruction(**SIZES).compress(graph, rng)
    active = sample_paths(graph, 5, rng)
    inputs = graph.default_inputs(active, rng)
    pairs = zip(large.run(inputs, active), large.in_factors().run(inputs, active), strict=True)
    for dense, sparse in pairs:
        assert dense == pytest.approx(sparse)


def test_path_errors_by_definition(graph, rng):
    large = ResidualConstruction(**SIZES).compress(graph, rng)
    found = path_errors(large, 2, 30, np.random.default_rng(3))
    again = np.random.default_rng(3)
    active = sample_paths(graph, 30, again, n_paths=2)
    inputs = graph.default_inputs(active, again)
    truth, estimate = graph.run(inputs, active), large.run(inputs, active)
    rows = []
    for place, layer in enumerate((2, 4, 6)):
        errors, sizes = [], []
        for row in range(30):
            for path in range(2):
                column = 3 * path + place
                errors.append(
                    np.sum((estimate[layer][row, column] - truth[layer][row, column]) ** 2)
                )
                sizes.append(np.sum(truth[layer][row, column] ** 2))
        mse = np.mean(errors)
        rows.append(
            [f"stage {place + 1}", layer, mse, mse / np.mean(sizes), np.sqrt(np.max(errors)), 0.0]
        )
    wanted = pd.DataFrame(rows, columns=["stage", "layer", "mse", "relative_mse", "worst", "exact"])
    pd.testing.assert_frame_equal(found, wanted)
    plain = ResidualConstruction(9, 9).compress(ResidualCircuits.random(2, 2, 2, 1, rng), rng)
    with pytest.raises(TypeError, match=r"^superposition: wanted one of a CircuitGraph, got Resid"):
        path_errors(plain, 1, 5, rng)
    with pytest.raises(TypeError, match=r"^superposition: wanted Superposition, got str$"):
        path_errors("it", 1, 5, rng)


@pytest.mark.parametrize(("n_paths", "fan_in"), [(1, 1), (1, 2), (2, 2)])
def test_errors_along_paths_are_predicted(n_paths, fan_in):
    """Means over four networks: within a quarter for one circuit and two, a half for three."""
    measured = [
        along_paths(200, np.random.default_rng(seed), n_paths=n_paths, fan_in=fan_in)
        for seed in range(4)
    ]
    mean = pd.concat(measured).groupby("stage")[["relative_mse", "predicted"]].mean()
    ratio = (mean["predicted"] / mean["relative_mse"]).to_numpy()
    assert 0.8 < ratio[0] < 1.25
    assert 0.75 < ratio[1] < 1.25
    assert 0.5 < ratio[2] < 1.25


def test_without_edges_a_path_is_a_circuit(make_circuits):
    """The same numbers as of plain circuits, but for the direction of errors in layer two."""
    circuits = make_circuits(300, 4, 8, 1)
    construction = ResidualConstruction(512, 1024)
    path = construction.predict_paths(CircuitGraph({"all": Stage(circuits)}), 2)
    plain = construction.predict_error(circuits, 2)
    assert path["mse"].iloc[-1] == pytest.approx(plain["mse"].iloc[-1], rel=0.02)


def test_how_edges_are_grouped_does_not_matter(rng):
    whole = random_graph(30, rng)
    parts = [
        Edges(each.source, each.target, each.pairs[part], each.maps[part])
        for each in whole.edges
        for part in (slice(0, None, 2), slice(1, None, 2))
    ]
    split = CircuitGraph(whole.stages, parts)
    one, other = (ResidualConstruction(**SIZES).predict_paths(g, 1) for g in (whole, split))
    assert other["mse"].to_numpy() == pytest.approx(one["mse"].to_numpy(), rel=0.02)


def test_graphs_that_are_not_predicted_are_refused(graph, rng):
    construction = ResidualConstruction(**SIZES)
    circuits = ResidualCircuits.random(3, 2, 2, 1, rng)
    both = CircuitGraph({"a": Stage(circuits), "b": Stage(circuits)})
    with pytest.raises(ValueError, match=r"^graph: wanted one stage at a time, got \['a', 'b'\]"):
        construction.predict_paths(both, 1)
    apart = CircuitGraph({"a": Stage(circuits), "b": Stage(circuits, 1)})
    with pytest.raises(ValueError, match=r"^graph: wanted one circuit of '.' on each path$"):
        construction.predict_paths(apart, 1)
    ends, stages = (("a", "c"), ("b", "c")), {**apart.stages, "c": Stage(circuits, 2)}
    skipping = CircuitGraph(stages, [Edges(*both, [[0, 0]], np.eye(2)) for both in ends])
    wanted = r"^graph: wanted edges into 'c' from one other stage, got some from \['a', 'b'\]$"
    with pytest.raises(ValueError, match=wanted):
        construction.predict_paths(skipping, 1)
    with pytest.raises(TypeError, match=r"^graph: wanted CircuitGraph, got str$"):
        construction.predict_paths("it", 1)
    with pytest.raises(ValueError, match=r"^n_paths: wanted at least 1, got 0$"):
        construction.predict_paths(graph, 0)


def test_what_does_not_fit_a_graph_is_refused(graph, rng):
    construction = ResidualConstruction(**SIZES)
    code = SparseCode.draw("random", 18, 7, 40, 2, rng)
    with pytest.raises(TypeError, match=r"^codes.stream: wanted GaussianCode, got SparseCode$"):
        construction.compress(graph, rng, codes=PostCodes(code))
    with pytest.raises(ValueError, match=r"^codes.neurons: wanted 6, one per layer, got 1$"):
        construction.compress(graph, rng, codes=PostCodes(neurons=[SparseCode.private(6, 4)]))
