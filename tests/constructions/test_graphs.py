"""Graphs in gated superposition: exact along every edge, what can disturb it, its gates."""

from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.generalising import random_graph, undisturbed_paths
from superposition import CircuitGraph, GatedResidualConstruction, ResidualCircuits
from superposition.circuits import Edges, Stage
from superposition.circuits.graph import sample_paths
from superposition.constructions.graphs import colour_edges, draw_graph_codes, undisturbed
from superposition.maps import SparseCode
from superposition.measure import path_errors


def largest_error(large, active, rng):
    """Of any entry in any layer, relative to the largest of the trajectory."""
    inputs = large.circuits.default_inputs(active, rng)
    pairs = list(zip(large.run(inputs, active), large.circuits.run(inputs, active), strict=True))
    error = max(np.abs(found - wanted).max() for found, wanted in pairs)
    return error / max(np.abs(wanted).max() for _, wanted in pairs)


def every_walk(graph):
    """All walks along edges from the first to the last stage."""
    follows = graph.adjacency.toarray()
    stages = [graph.first[n] + np.arange(s.circuits.n_circuits) for n, s in graph.stages.items()]
    walks = product(*stages)
    return np.array([w for w in walks if all(follows[a, b] for a, b in pairwise(w))])


@pytest.mark.parametrize(("redundancies", "n_layers"), [((1, 1), 1), ((1, 1), 3), ((2, 3), 2)])
def test_every_walk_is_exact(redundancies, n_layers, rng):
    graph = random_graph(9, rng, widths=(2, 1, 3), n_layers=n_layers, fan_in=3)
    large = GatedResidualConstruction(None, *redundancies).compress(graph, rng)
    walks = every_walk(graph)
    assert len(walks) == 81
    assert largest_error(large, walks, rng) < 1e-13
    assert undisturbed(large, walks).all()
    assert large.circuits is graph


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 12),
    fan_in=st.integers(1, 3),
    widths=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    n_layers=st.integers(1, 2),
    redundancies=st.sampled_from([(1, 1), (2, 1), (1, 3)]),
    room=st.sampled_from([None, 1.5]),
)
@settings(max_examples=40)
def test_one_active_circuit_of_each_stage_is_exact(
    seed, n, fan_in, widths, n_layers, redundancies, room
):
    """Any of each stage, along edges or not."""
    rng = np.random.default_rng(seed)
    graph = random_graph(n, rng, widths=widths, n_layers=n_layers, fan_in=min(fan_in, n))
    large = GatedResidualConstruction(None, *redundancies).compress(graph, rng)
    if room is not None:
        wide = GatedResidualConstruction(int(room * large.codes.size), *redundancies)
        large = wide.compress(graph, rng)
        assert large.network.stream_width <= wide.stream_width
    active = np.stack([first + rng.integers(n, size=30) for first in graph.first.values()], axis=1)
    assert undisturbed(large, active).all()
    assert largest_error(large, active, rng) < 1e-11


def test_two_sources_of_different_stages_may_feed_one_circuit(rng):
    """An adder whose operands two others compute."""
    circuits = [ResidualCircuits.random(7, 2, 3, 1, rng) for _ in range(3)]
    stages = {"a": Stage(circuits[0]), "b": Stage(circuits[1]), "c": Stage(circuits[2], 1)}
    pairs = np.array([(s, t) for s in range(7) for t in range(7) if (s + t) % 2])
    edges = [Edges(name, "c", pairs, rng.standard_normal((len(pairs), 2, 2))) for name in "ab"]
    graph = CircuitGraph(stages, edges)
    large = GatedResidualConstruction().compress(graph, rng)
    active = np.stack([first + rng.integers(7, size=99) for first in (0, 7, 14)], axis=1)
    assert largest_error(large, active, rng) < 1e-13
    assert large.checkpoints == (0, 4, 5)  # compute, clean, carry, clean; compute


@pytest.mark.parametrize(("room", "k"), [(2, 2), (4, 2), (4, 3)])
def test_what_nothing_reaches_is_exact(room, k, rng):
    """Always; and in the first stage hardly anything else is."""
    graph = random_graph(60, rng, widths=(3, 3, 3))
    width = int(room * GatedResidualConstruction().compress(graph, rng).network.stream_width)
    large = GatedResidualConstruction(width).compress(graph, rng)
    active = sample_paths(graph, 400, rng, n_paths=k)
    inputs = graph.default_inputs(active, rng)
    error = np.abs(large.run(inputs, active)[-1] - graph.run(inputs, active)[-1]).max(axis=-1)
    free = undisturbed(large, active)
    assert error[free].max() < 1e-12
    shares = free.reshape(-1, k, 3).mean(axis=(0, 1))
    assert (np.diff(shares) < 0).all()
    first = (active < 60) & ~free
    assert np.mean(error[first] > 1e-9) > 0.9
    found = path_errors(large, k, 400, np.random.default_rng(1))
    assert (found["exact"] >= shares - 0.05).all()
    assert (found["exact"].iloc[0]) == pytest.approx(shares[0], abs=0.08)


def test_a_circuit_that_no_active_edge_leads_to_may_be_reached_by_one(rng):
    """Lone circuits of a source's stage are heard, those of a target's stage are written on."""
    graph = random_graph(40, rng)
    large = GatedResidualConstruction().compress(graph, rng)
    first = [rng.integers(40 * i, 40 * i + 40, 1500) for i in (0, 0, 1, 1, 2, 2)]
    active = np.stack(first, axis=1)
    active = active[[len(set(row)) == 6 for row in active.tolist()]]
    inputs = graph.default_inputs(active, rng)
    error = np.abs(large.run(inputs, active)[-1] - graph.run(inputs, active)[-1]).max(axis=-1)
    free = undisturbed(large, active)
    assert error[free].max() < 1e-12
    assert free.mean(axis=0).min() > 0.02


def test_one_of_two_active_sources_may_be_heard_wrongly(rng):
    """Whichever of a target's two edges hears others, the target is not certified."""
    graph = random_graph(40, rng)
    large = GatedResidualConstruction(1200).compress(graph, rng)
    both = graph.adjacency[:, 40:80].tocsc()
    targets = 40 + rng.integers(0, 40, 3000)
    sources = np.stack([both.indices[both.indptr[t - 40] : both.indptr[t - 39]] for t in targets])
    lone = rng.integers(0, 40, (3000, 1))
    active = np.concatenate([sources, targets[:, None], lone], axis=1)
    active = active[(sources != lone).all(axis=1)]
    inputs = graph.default_inputs(active, rng)
    error = np.abs(large.run(inputs, active)[-1] - graph.run(inputs, active)[-1]).max(axis=-1)
    free = undisturbed(large, active)
    assert free[:, 2].any()
    assert error[free].max() < 1e-12


def test_the_share_that_nothing_reaches_is_predicted():
    """Over three networks."""
    table = pd.concat(undisturbed_paths(1800, np.random.default_rng(seed)) for seed in range(3))
    mean = table.groupby("stage")[["free", "predicted"]].mean()
    assert mean["free"].to_numpy() == pytest.approx(mean["predicted"].to_numpy(), rel=0.1)
    assert table["prime"].nunique() == 1


def test_pairs_are_told_by_hand(rng):
    """Two circuits of a plane: a slot shared, a corner taken, neither."""
    stages = {"a": Stage(ResidualCircuits.random(4, 1, 1, 1, rng))}
    large = GatedResidualConstruction(60).compress(CircuitGraph(stages), rng)
    stream = [0, 0, 1, 3]
    neurons = [0, 1, 1, 4]
    codes = large.codes.stages["a"]
    for code, slots in ((codes.stream, stream), (codes.neurons, neurons)):
        object.__setattr__(code, "slots", np.array(slots)[:, None, None])
    # 0 and 1 share a slot of the stream, 1 and 2 one of neurons; 0 and 2 have the corner 1
    for pair, free in (((0, 1), False), ((1, 2), False), ((0, 2), False), ((0, 3), True)):
        assert undisturbed(large, [pair]).tolist() == [[free, free]]
    assert undisturbed(large, [[0, 3, 2]]).tolist() == [[False, True, False]]


def test_edges_that_meet_have_different_slots(rng):
    """The colouring is proper, and hardly needs more slots than the fullest end."""
    for r in (1, 2):
        ends = [SparseCode(_sets(17, r, 400, rng)[:, None], 17) for _ in range(2)]
        slots, n_slots = colour_edges(*ends, 1, rng)
        assert set(slots.tolist()) == set(range(n_slots))
        for code in ends:
            for slot in range(17):
                there = slots[(code.slots[:, 0] == slot).any(axis=1)]
                assert len(set(there.tolist())) == len(there)
        fullest = max(code.load.max() for code in ends)
        assert n_slots <= 1.25 * r * fullest
        _, many = colour_edges(*ends, 500, rng)
        assert many == 500


def _sets(size, r, n, rng):
    return np.stack([rng.permutation(size)[:r] for _ in range(n)])


def test_the_first_state_by_hand(rng):
    """Entries, then gates of the stream, and of neurons (0 where in use); last those of edges."""
    circuits = [ResidualCircuits.random(2, 1, 1, 1, rng) for _ in range(2)]
    stages = {"a": Stage(circuits[0]), "b": Stage(circuits[1], 1)}
    graph = CircuitGraph(stages, [Edges("a", "b", [[0, 0], [0, 1], [1, 1]], [[1.0]])])
    large = GatedResidualConstruction().compress(graph, rng)
    assert [*large.codes.blocks.values()] == [slice(0, 6), slice(6, 12)]
    assert large.codes.gates == (slice(12, 14),)
    state = large.embed([[[0.5], [0.25]]], [[0, 3]])[0]
    for name, local, value, start in (("a", 0, 0.5, 0), ("b", 1, 0.25, 6)):
        codes = large.codes.stages[name]
        at, to = codes.stream.slots[local, 0, 0], codes.neurons.slots[local, 0, 0]
        block = state[start : start + 6]
        assert block[:2].tolist() == [value if i == at else 0 for i in range(2)]
        assert block[2:4].tolist() == [i == at for i in range(2)]
        assert block[4:].tolist() == [i != to for i in range(2)]
    slot = large.codes.edges[0][0][1]
    assert state[12:].tolist() == [i != slot for i in range(2)]


def test_what_cannot_be_is_refused(rng):
    graph = random_graph(5, rng, widths=(2, 2))
    message = r"^stream_width: wanted at least \d\d for 10 circuits and 10 edges, got 9$"
    with pytest.raises(ValueError, match=message):
        GatedResidualConstruction(9).compress(graph, rng)
    with pytest.raises(ValueError, match=r"^sparing: wanted False for a graph"):
        GatedResidualConstruction(sparing=True).compress(graph, rng)
    large = GatedResidualConstruction(input_bound=0.5).compress(graph, rng)
    with pytest.raises(ValueError, match=r"^inputs: wanted none longer than 0.5, the bound, got 1"):
        large.embed([[[1.0, 0, 0, 0]]], [[0]])
    with pytest.raises(ValueError, match=r"^active: wanted distinct circuits within a row"):
        undisturbed(large, [[0, 0]])
    circuits = random_graph(30, rng, widths=(4, 4), n_neurons=100)
    with pytest.raises(
        MemoryError, match=r"^stream_width: wanted a network that fits in .* GB of "
    ):
        GatedResidualConstruction(120_000).compress(circuits, rng)


def test_codes_as_large_as_the_stream_goes(rng):
    graph = random_graph(20, rng, widths=(2, 2))
    for width in (300, 1000):
        codes = draw_graph_codes(graph, (1, 1), width, rng)
        primes = {name: code.stream.size for name, code in codes.stages.items()}
        assert len(set(primes.values())) == 1
        assert 0.8 * width < codes.size <= width
