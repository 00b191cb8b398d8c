"""Ground truth: components sum to the weights, labels are right, directions read."""

from dataclasses import replace

import numpy as np
import pytest

from companion.generalising import random_graph
from superposition import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
    MLPConstruction,
    MLPNetwork,
    ResidualConstruction,
    rotation_circuits,
)
from superposition.bench import ground_truth
from superposition.bench.known import known_activity
from superposition.constructions.recomputed import RecomputedGates

KINDS = [
    "gated", "equal weights", "one slot", "linear", "residual", "graph", "mlp",
    "chains, local", "chains, placed", "gated residual", "sparing", "gated graph", "recomputed",
]  # fmt: skip


@pytest.fixture
def make(rng, make_circuits):
    mlps = MLPCircuits.random(11, (3, 4, 2), rng)
    linear = MLPCircuits(mlps.weights, mlps.biases, ["relu", "linear"])
    residual = make_circuits()

    def made(kind):
        return {
            "gated": lambda: GatedConstruction(redundancy=2).compress(mlps, rng),
            "equal weights": lambda: GatedConstruction(redundancy=2, quiet=False).compress(
                mlps, rng
            ),
            "one slot": lambda: GatedConstruction().compress(mlps, rng),
            "linear": lambda: GatedConstruction(redundancy=2).compress(linear, rng),
            "residual": lambda: ResidualConstruction(40, 80).compress(residual, rng),
            "graph": lambda: ResidualConstruction(40, 80).compress(random_graph(7, rng), rng),
            "mlp": lambda: MLPConstruction(120, 3).compress(rotation_circuits(20, 3, rng), rng),
            "chains, local": lambda: ChainConstruction(2, embedding="local").compress(mlps, rng),
            "chains, placed": lambda: ChainConstruction(2).compress(linear, rng),
            "gated residual": lambda: GatedResidualConstruction().compress(residual, rng),
            "sparing": lambda: GatedResidualConstruction(
                redundancy=2, neuron_redundancy=2, sparing=True
            ).compress(residual, rng),
            "gated graph": lambda: GatedResidualConstruction().compress(random_graph(5, rng), rng),
            "recomputed": lambda: RecomputedGates().rebuild(
                GatedConstruction(redundancy=2).compress(mlps, rng)
            ),
        }[kind]()

    return made


def test_components_are_the_circuits_own(rng):
    """One circuit changed: nobody else's component is, and its own is by its change."""
    circuits = MLPCircuits.random(11, (3, 4, 2), rng)
    weights = [weight.copy() for weight in circuits.weights]
    weights[0][6] *= 0.5
    other = MLPCircuits(weights, circuits.biases)
    construction = GatedConstruction(redundancy=2)
    before, after = (
        ground_truth(construction.compress(c, np.random.default_rng(0)))["weights[0]"]
        for c in (circuits, other)
    )
    for t in range(11):
        same = np.array_equal(before.component(t), after.component(t))
        assert same == (t != 6)


def test_with_slots_of_its_own_a_component_is_the_circuit(rng):
    """Gated, by hand: two circuits in a plane of few points, entries where their slots are."""
    circuits = MLPCircuits.random(2, (1, 1), rng)
    large = GatedConstruction().compress(circuits, rng)
    matrix = ground_truth(large)["weights[0]"]
    read, write = (large.read_maps[layer].code.slots[:, :, 0] for layer in (0, 1))
    for t in (0, 1):
        component = matrix.component(t)
        (row,) = np.flatnonzero(component.any(axis=1))
        assert row == write[t, 0]
        wanted = np.zeros(component.shape[1])
        wanted[read[t]] = circuits.weights[0][t, 0, 0], circuits.biases[0][t, 0]
        np.testing.assert_allclose(component[row], wanted)
    assert matrix.rest.data.tolist() == [-1] * 4  # two gates of each code, turned; none closes


@pytest.mark.parametrize("kind", KINDS)
def test_directions_read(kind, make, rng):
    large = make(kind)
    truth = ground_truth(large)
    batch = truth.batch(1, 6, rng)
    states = large.network.run(batch.first)
    for layer, checkpoint in enumerate(large.checkpoints):
        directions, state = truth.directions(layer), states[checkpoint]
        assert directions.shape == (truth.n_circuits, large.circuits.widths[layer], state.shape[1])
        found = np.einsum("tid,bd->bti", directions, state)
        wanted = large.read_all(state, layer)
        np.testing.assert_allclose(found, wanted, atol=1e-11 * max(1, np.abs(state).max()))
    overlaps = truth.overlaps(1)
    flat = directions = truth.directions(1).reshape(len(overlaps), -1)
    lengths = np.linalg.norm(flat, axis=1)
    wanted = flat @ flat.T / np.outer(lengths, lengths).clip(1e-300)
    np.testing.assert_allclose(overlaps, wanted, atol=1e-12)
    assert np.isin(np.diag(overlaps).round(12), (0, 1)).all()


def test_batches_are_labelled(make, rng):
    large = make("gated")
    truth = ground_truth(large)
    batch = truth.batch(3, 50, rng)
    assert repr(truth) == f"GroundTruth(11 circuits in {len(truth.matrices)} matrices)"
    width = batch.first.shape[1]
    assert repr(batch) == f"Batch(50 samples, 3 of 11 circuits active, width {width})"
    assert batch.on.shape == (50, 11)
    assert (batch.on.sum(axis=1) == 3).all()
    for row, active in zip(batch.on, batch.active, strict=True):
        assert set(np.flatnonzero(row)) == set(active)
    np.testing.assert_array_equal(batch.first, large.embed(batch.inputs, batch.active))
    for found, wanted in zip(
        batch.states, large.circuits.run(batch.inputs, batch.active), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
    again = truth.batch(3, 50, np.random.default_rng(5))
    once_more = truth.batch(3, 50, np.random.default_rng(5))
    np.testing.assert_array_equal(again.first, once_more.first)


def test_the_batch_of_float32_circuits_is_float32(rng):
    circuits = MLPCircuits.random(5, (2, 2), rng).astype(np.float32)
    truth = ground_truth(GatedConstruction().compress(circuits, rng))
    assert truth.batch(1, 3, rng).first.dtype == np.float32
    assert truth.directions(1).dtype == np.float32


@pytest.mark.parametrize("kind", ["gated", "one slot", "chains, placed", "gated residual"])
def test_gates_tell_who_is_active(kind, make, rng):
    """One at a time; and nobody else seems to be."""
    large = make(kind)
    truth = ground_truth(large)
    batch = truth.batch(1, 40, rng)
    state = large.network.run(batch.first)[large.checkpoints[1]]
    found = known_activity(large, state, 1)
    np.testing.assert_array_equal(found > 0.999, batch.on)


def test_without_gates_it_is_what_is_read(make, rng):
    large = make("mlp")
    batch = ground_truth(large).batch(2, 5, rng)
    state = large.network.run(batch.first)[2]
    wanted = np.linalg.norm(large.read_all(state, 2), axis=2)
    np.testing.assert_array_equal(known_activity(large, state, 2), wanted)


def test_what_has_no_truth_is_refused(make, rng):
    gated = make("gated")
    truth = ground_truth(gated)
    with pytest.raises(TypeError, match=r"^superposition: wanted Superposition, got str$"):
        ground_truth("nothing")
    with pytest.raises(KeyError, match=r"'weights\[9\]': wanted one of \['weights\[0\]', 'weights"):
        truth["weights[9]"]
    with pytest.raises(ValueError, match=r"^layer: wanted entries from 0 to 2, got 3$"):
        truth.directions(3)
    with pytest.raises(ValueError, match=r"^n_active: wanted at most 11, the number of circuits"):
        truth.batch(12, 3, rng)
    with pytest.raises(TypeError, match=r"^rng: wanted a numpy.random.Generator, got int"):
        truth.batch(1, 3, 0)


def test_memory_is_asked_for_first(make, monkeypatch):
    from superposition import _memory

    truth = ground_truth(make("gated"))
    directions_before = truth.directions(1)
    monkeypatch.setattr(_memory, "_SMALL", 0)
    monkeypatch.setattr(_memory, "free_memory", lambda: 5000.0)
    with pytest.raises(MemoryError, match=r"^shape: wanted a size that fits .* weights would fit$"):
        truth.matrices[0].dense()
    with pytest.raises(MemoryError, match=r"^state: wanted a size that fits"):
        truth.directions(1)
    monkeypatch.setattr(_memory, "free_memory", lambda: 4000.0)
    monkeypatch.setattr(type(truth), "directions", lambda self, layer: directions_before)
    with pytest.raises(MemoryError, match=r"^layer: wanted a size that fits .* directions would"):
        truth.overlaps(1)


def test_circuits_that_are_not_there_have_no_component(make):
    truth = ground_truth(make("one slot"))
    for wrong in (11, -1):
        with pytest.raises(
            ValueError, match=rf"^circuit: wanted entries from 0 to 10, got {wrong}$"
        ):
            truth["weights[0]"].factors(wrong)
        with pytest.raises(ValueError, match=r"^circuit: wanted entries"):
            truth["weights[0]"].component(wrong)


def test_matrices_without_parts_are_not_scored(make):
    truth = ground_truth(make("mlp"))
    assert [matrix.name for matrix in truth.scored] == ["weights[1]", "weights[2]"]
    assert truth["weights[0]"] not in truth.scored


def test_a_superposition_says_in_one_line_what_it_is(make):
    said = repr(make("one slot"))
    assert said.startswith("Superposition(MLPCircuits(11 circuits, widths 3 → 4 → 2) in MLPNet")
    assert said.endswith(" by GatedConstruction)")
    assert repr(make("residual")).startswith("Superposition(ResidualCircuits(")


@pytest.mark.parametrize("kind", [GatedConstruction(), GatedConstruction(redundancy=2)])
def test_there_is_no_truth_of_other_weights(kind, rng):
    """A network that was changed is not the sum that its construction makes."""
    large = kind.compress(MLPCircuits.random(9, [2, 3, 2], rng), rng)
    weights = [np.array(each) for each in large.network.weights]
    weights[1][4, 3] += 0.1
    other = replace(large, network=MLPNetwork(weights, large.network.biases))
    words = r"^superposition\.network: wanted the weights that its construction makes, got "
    for call in (lambda: ground_truth(other), other.in_factors, lambda: other.sums):
        with pytest.raises(ValueError, match=words + r"others in weights\[1\]$"):
            call()
    weights, biases = large.network.weights, large.network.biases
    narrow = [np.eye(3)], [np.zeros(3)]
    longer = [*weights, np.eye(len(weights[-1]))], [*biases, biases[-1]]
    for arrays, found in (
        (narrow, r"others in weights\[0\]$"),
        ((weights[:1], biases[:1]), r"others in weights\[1\]$"),
        (longer, "more layers$"),
    ):
        with pytest.raises(ValueError, match=words + found):
            ground_truth(replace(large, network=MLPNetwork(*arrays)))
    assert ground_truth(large.in_factors()).n_circuits == 9
