"""Graphs of circuits: what they compute, by hand and circuit by circuit; walks; refusals."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from superposition import CircuitGraph, ResidualCircuits
from superposition.circuits import Edges, Stage
from superposition.circuits.graph import sample_paths


def chain(rng, n=5, widths=(3, 2, 4), fan_in=2, n_layers=1):
    """Stages s0, s1, s2 of random circuits, each circuit fed by `fan_in` of the stage before."""
    stages = {
        f"s{i}": Stage(ResidualCircuits.random(n, d, 3, n_layers, rng), i * n_layers)
        for i, d in enumerate(widths)
    }
    edges = []
    for i, (before, after) in enumerate(pairwise(widths)):
        targets = np.repeat(np.arange(n), fan_in)
        sources = np.concatenate([rng.permutation(n)[:fan_in] for _ in range(n)])
        maps = rng.standard_normal((len(targets), after, before))
        edges.append(Edges(f"s{i}", f"s{i + 1}", np.stack([sources, targets], axis=1), maps))
    return CircuitGraph(stages, edges)


def one(bias, width=1):
    """A circuit that adds ReLU(a_0 + bias) to its first entry."""
    read, write = np.zeros((1, 1, 1, width)), np.zeros((1, 1, width, 1))
    read[..., 0] = write[:, :, 0] = 1
    return ResidualCircuits(read, np.full((1, 1, 1), float(bias)), write)


def test_two_circuits_by_hand():
    """a = 2 + ReLU(2 − 1) = 3; what arrives is 10 · 3 + 1 = 31; then 31 + ReLU(31 − 5) = 57."""
    stages = {"a": Stage(one(-1)), "b": Stage(one(-5), 1)}
    graph = CircuitGraph(stages, [Edges("a", "b", [[0, 0]], [[10.0]])])
    states = graph.run([[[2.0], [1.0]]], [[0, 1]])
    assert np.array(states)[:, 0, :, 0].tolist() == [[2, 1], [3, 31], [3, 57]]
    alone = graph.run([[[1.0]]], [[1]])  # nobody feeds it
    assert np.array(alone)[:, 0, 0, 0].tolist() == [1, 1, 1]
    assert (graph.n_circuits, graph.n_edges, graph.n_layers, graph.width) == (2, 1, 2, 1)
    assert graph.n_parameters == 3 + 3 + 1
    assert [graph.name(0), graph.name(1)] == ["a[0]", "b[0]"]


def test_a_graph_computes_what_its_circuits_do_one_after_the_other(rng):
    graph = chain(rng, n_layers=2)
    active = np.array([[1, 5 + 2, 10 + 0], [10 + 4, 3, 5 + 1]])
    inputs = np.zeros((2, 3, 4))
    for row, circuits in enumerate(active):
        for column, t in enumerate(circuits):
            d = (3, 2, 4)[t // 5]
            inputs[row, column, :d] = rng.standard_normal(d)
    found = graph.run(inputs, active)
    for row, circuits in enumerate(active):
        states = {}
        for t in sorted(circuits):
            name, number = f"s{t // 5}", t % 5
            small = graph.stages[name].circuits
            column = list(circuits).index(t)
            state = inputs[row, column, : small.width].copy()
            for edges in graph.edges:
                for (source, target), map_ in zip(edges.pairs, edges.maps, strict=True):
                    if (edges.target, target) == (name, number):
                        came = states.get((edges.source, source))
                        state += 0 if came is None else map_ @ came
            own = small.run(state[None, None], [[number]])
            states[name, number] = own[-1][0, 0]
            start = graph.stages[name].start
            for layer, wanted in enumerate(own):
                assert found[start + layer][row, column, : small.width] == pytest.approx(
                    wanted[0, 0]
                )
            assert np.array_equal(found[-1][row, column], found[start + 2][row, column])
            assert (found[-1][row, column, small.width :] == 0).all()


def test_stages_may_live_at_the_same_time_and_edges_skip_layers():
    stages = {
        "a": Stage(one(0)),
        "b": Stage(one(0), 1),
        "c": Stage(one(0), 1),
        "d": Stage(one(0), 3),
    }
    edges = [Edges("a", "b", [[0, 0]], [[1.0]]), Edges("a", "d", [[0, 0]], [[1.0]]),
             Edges("b", "d", [[0, 0]], [[2.0]])]  # fmt: skip
    graph = CircuitGraph(stages, edges)
    assert [*graph.stages_computing(1)] == ["b", "c"]
    assert graph.stages_computing(2) == {}
    assert graph.edges_into(3) == graph.edges[1:]
    states = graph.run(np.array([[[1.0], [0], [3], [0]]]), [[0, 1, 2, 3]])
    # a: 1, 2; b: 2, 4; c: 3, 6; d: 2 + 2 · 4 = 10, 20
    assert np.array(states)[:, 0, :, 0].tolist() == [
        [1, 0, 3, 0], [2, 2, 3, 0], [2, 4, 6, 0], [2, 4, 6, 10], [2, 4, 6, 20]
    ]  # fmt: skip


def test_default_inputs_go_to_circuits_that_nothing_leads_to(rng):
    graph = chain(rng)
    active = np.array([[0, 7, 12], [11, 3, 6]])
    inputs = graph.default_inputs(active, rng)
    lengths = np.linalg.norm(inputs, axis=-1)
    assert lengths == pytest.approx(np.where(active < 5, 1, 0))
    assert (inputs[..., 3] == 0).all()
    sampler = lambda active, rng: np.ones((*active.shape, 4))  # noqa: E731
    assert replace(graph, sampler=sampler).default_inputs(active, rng).min() == 1


def test_walks_follow_edges_from_the_first_to_the_last(rng):
    graph = chain(rng)
    walks = sample_paths(graph, 200, rng)
    assert walks.shape == (200, 3)
    follows = graph.adjacency.toarray()
    assert (walks[:, 0] < 5).all()
    for a, b in pairwise(walks.T):
        assert (follows[a, b] == 1).all()
    assert len(np.unique(walks[:, 0])) > 1
    assert len(np.unique(walks, axis=0)) == (follows @ follows).sum()
    several = sample_paths(graph, 50, rng, n_paths=2)
    assert several.shape == (50, 6)
    assert all(len(set(row)) == 6 for row in several.tolist())
    assert sample_paths(graph, 3, rng, length=2).shape == (3, 2)
    first = [sample_paths(graph, 9, np.random.default_rng(3)).tolist() for _ in range(2)]
    assert first[0] == first[1]


def test_each_edge_that_goes_on_is_as_likely(rng):
    """a[0] feeds three, of which two feed a last one; a[1] feeds nobody."""
    first = ResidualCircuits.random(2, 1, 1, 1, rng)
    three = ResidualCircuits.random(3, 1, 1, 1, rng)
    stages = {"a": Stage(first), "b": Stage(three, 1), "c": Stage(one(0), 2)}
    edges = [Edges("a", "b", [[0, 0], [0, 1], [0, 2]], [[1.0]]),
             Edges("b", "c", [[0, 0], [2, 0]], [[1.0]])]  # fmt: skip
    graph = CircuitGraph(stages, edges)
    walks = sample_paths(graph, 4000, rng)
    assert set(walks[:, 0]) == {0}
    assert np.mean(walks[:, 1] == 2) == pytest.approx(0.5, abs=0.05)
    assert set(walks[:, 1]) == {2, 4}
    pairs = sample_paths(graph, 6000, rng, length=2)
    assert np.mean(pairs[:, 1] == 3) == pytest.approx(1 / 3, abs=0.05)
    assert set(sample_paths(graph, 99, rng, length=1)[:, 0]) == {0, 1}


def test_walks_that_are_not_there_are_refused(rng):
    graph = chain(rng, n=2, fan_in=1)
    with pytest.raises(ValueError, match=r"^length: wanted at most 3, the longest, got 4$"):
        sample_paths(graph, 1, rng, length=4)
    with pytest.raises(ValueError, match=r"^n_paths: wanted at most 2, the first circuits, got 3$"):
        sample_paths(graph, 1, rng, n_paths=3)
    stages = {"a": Stage(ResidualCircuits.random(2, 1, 1, 1, rng)), "b": Stage(one(0), 1)}
    narrow = CircuitGraph(stages, [Edges("a", "b", [[0, 0], [1, 0]], [[1.0]])])
    with pytest.raises(ValueError, match=r"^n_paths: wanted so few that they can be apart, got 2$"):
        sample_paths(narrow, 1, rng, n_paths=2)
    with pytest.raises(TypeError, match=r"^graph: wanted CircuitGraph, got str$"):
        sample_paths("it", 1, rng)


STAGES = {"a": Stage(one(0)), "b": Stage(one(0, 2), 1)}
MAP = [[1.0], [0.0]]


@pytest.mark.parametrize(
    ("stages", "edges", "message"),
    [
        (STAGES, [Edges("a", "c", [[0, 0]], MAP)],
         "edges[0].target: wanted one of ['a', 'b'], got 'c'"),
        (STAGES, [Edges("x", "b", [[0, 0]], MAP)],
         "edges[0].source: wanted one of ['a', 'b'], got 'x'"),
        (STAGES, [Edges("a", "b", [[0, 1]], MAP)],
         "edges[0].pairs: wanted b[0] to b[0], got b[1]"),
        (STAGES, [Edges("a", "b", [[0, 0]], [[1.0, 0.0]])],
         "edges[0].maps: wanted shape (1, 2, 1) or (2, 1), for states of width 1 that are added to "
         "those of width 2, got (1, 2) for a[0] → b[0]"),
        (STAGES, [Edges("a", "b", [[0, 0]], MAP), Edges("a", "b", [[0, 0]], MAP)],
         "edges: wanted each once, got a[0] → b[0] twice"),
        (STAGES, [Edges("b", "a", [[0, 0]], [[1.0, 0.0]])],
         "edges[0]: wanted circuits that are done before they are read, but b[0] → a[0] is read "
         "after 0 layers, done after 2"),
        (STAGES, [Edges("a", "b", [[0, 0]], MAP), Edges("b", "a", [[0, 0]], [[1.0, 0.0]])],
         "edges: wanted no cycle, got b[0] → a[0] → b[0]"),
        (STAGES, [Edges("a", "b", [[0, 0]], [[np.nan], [0.0]])],
         "edges[0].maps: wanted finite numbers, got NaN or infinity in float64"),
        (STAGES, [Edges("a", "b", [[0, 0]], [[0.0], [0.0]])],
         "edges[0].maps: wanted some that are not all zero"),
        ({}, [], "stages: wanted at least one, got none"),
    ],
)  # fmt: skip
def test_graphs_that_are_none_are_refused(stages, edges, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        CircuitGraph(stages, edges)
    assert str(error.value) == message


def test_pairs_beyond_one_of_two_stages_are_named(rng):
    stages = {"a": Stage(ResidualCircuits.random(3, 1, 1, 1, rng)), "b": Stage(one(0), 1)}
    with pytest.raises(
        ValueError, match=r"^edges\[0\].pairs: wanted b\[0\] to b\[0\], got b\[2\]$"
    ):
        CircuitGraph(stages, [Edges("a", "b", [[0, 2]], [[1.0]])])


def test_other_kinds_are_refused(rng):
    single = one(0).astype(np.float32)
    for call, message in (
        (lambda: Stage("it"), "circuits: wanted ResidualCircuits, got str"),
        (lambda: Stage(one(0), 0.5), "start: wanted a whole number, got 0.5"),
        (lambda: CircuitGraph({"a": one(0)}), "stages['a']: wanted Stage, got ResidualCircuits"),
        (lambda: CircuitGraph([one(0)]), "stages: wanted Mapping, got list"),
        (lambda: CircuitGraph(STAGES, ["it"]), "edges[0]: wanted Edges, got str"),
        (lambda: CircuitGraph({"a": Stage(one(0)), "b": Stage(single)}),
         "stages: wanted one dtype, got ['float32', 'float64']"),
    ):  # fmt: skip
        with pytest.raises(TypeError) as error:
            call()
        assert str(error.value) == message
    with pytest.raises(ValueError, match=r"^start: wanted at least 0, got -1$"):
        Stage(one(0), -1)


def test_inputs_beyond_a_circuits_own_width_are_refused(rng):
    graph = CircuitGraph(STAGES)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        graph.run([[[1.0, 2.0]]], [[0]])
    assert str(error.value) == ("inputs: wanted zeros beyond the 1 entries of a[0], got [1.0, 2.0]")
    with pytest.raises(ValueError, match=r"^active: wanted distinct circuits within a row"):
        graph.run(np.zeros((1, 2, 2)), [[0, 0]])


def test_edges_without_pairs_are_left_out_and_precision_is_kept(rng):
    graph = CircuitGraph(STAGES, [Edges("a", "b", np.empty((0, 2), int), MAP)])
    assert graph.edges == ()
    single = chain(rng).astype(np.float32)
    assert single.dtype == np.float32
    assert single.run(np.zeros((1, 1, 4)), [[0]])[-1].dtype == np.float32
    assert single.edges[0].maps.dtype == np.float32
