"""AND gates: truth tables, layers by hand and by loops, errors as predicted, refusals."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from companion.boolean import TargetedAnd, TargetedLayer, UniversalAnd, UniversalLayer, and_gates
from superposition import GaussianCode, SparseCode, superpose
from superposition.circuits.inputs import sample_active
from superposition.network import MLPNetwork

CASES = [
    UniversalAnd(200, 1024, 16),
    UniversalAnd(500, 2048, 8, 512),
    TargetedAnd(1000, 3000, 1024, 8),
    TargetedAnd(2000, 5000, 1024, 8, 1024),
]


def test_a_gate_is_a_circuit_of_one_neuron():
    circuits = and_gates(4)
    bits = np.array(list(itertools.product((0, 1), repeat=2)), float)
    inputs = np.concatenate([bits, np.zeros((4, 1))], axis=1)[None]
    found = circuits.run(inputs, [[0, 1, 2, 3]])[-1][0]
    assert found.tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 1]]
    assert (circuits.n_neurons, circuits.width, circuits.n_layers) == (1, 3, 1)


def by_hand(members):
    """A universal layer of three features with dimensions of their own."""
    weights = np.array(members, float).T
    network = MLPNetwork([weights], [-np.ones(len(weights))])
    return UniversalLayer(network, SparseCode.private(3, 1), np.array(members, bool))


def test_a_universal_layer_by_hand():
    """Neurons read {0, 1}, {0, 1, 2} and {1, 2}; 0 and 1 are true, or all, or 2 alone."""
    layer = by_hand([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    neurons = layer.run([[0, 1]])
    assert neurons.tolist() == [[1, 1, 0]]
    assert layer.run([[0, 1, 2]]).tolist() == [[1, 2, 1]]
    assert layer.run([[2]]).tolist() == [[0, 0, 0]]
    three = np.repeat(neurons, 3, axis=0)
    assert layer.read(three, np.array([[0, 1], [1, 2], [0, 2]])).tolist() == [1, 0.5, 1]


def test_a_targeted_layer_by_loops(rng):
    """The post's sum with weights of one: superpose, of gates that read both their features."""
    sizes = TargetedAnd(9, 12, 20, 3, 7)
    layer = sizes.draw(rng)
    weights = np.zeros((20, 7))
    for gate, (i, j) in enumerate(layer.pairs):
        for slot in layer.carriers.slots[gate, 0]:
            weights[slot] += layer.features.directions[i, 0] + layer.features.directions[j, 0]
    assert layer.network.weights[0] == pytest.approx(weights)
    both = GaussianCode(layer.features.directions[layer.pairs, 0])
    assert superpose(layer.carriers, np.ones((12, 1, 2)), both) == pytest.approx(weights)
    neurons = rng.standard_normal((4, 20))
    wanted = [neurons[row, layer.carriers.slots[g, 0]].mean() for row, g in enumerate([3, 3, 0, 9])]
    assert layer.read(neurons, np.array([3, 3, 0, 9])) == pytest.approx(wanted)
    given = sizes.draw(rng, pairs=layer.pairs)
    assert np.array_equal(given.pairs, layer.pairs)
    which, pairs = layer.draw_gates(50, rng)
    assert np.array_equal(np.sort(pairs, axis=1), np.sort(layer.pairs[which], axis=1))
    assert (pairs != layer.pairs[which]).any()


def test_a_universal_layer_reads_at_random(rng):
    sizes = UniversalAnd(300, 400, 9, 50)
    assert sizes.chance == pytest.approx(0.15)
    layer = sizes.draw(rng)
    assert layer.members.mean() == pytest.approx(0.15, rel=0.02)
    wanted = layer.members.T @ layer.features.directions[:, 0]
    assert layer.network.weights[0] == pytest.approx(wanted)
    assert (layer.network.biases[0] == -1).all()
    which, pairs = layer.draw_gates(500, rng)
    assert (layer.members[which[:, 0]] & layer.members[which[:, 1]]).any(axis=1).all()
    assert np.array_equal(which, pairs)


@pytest.mark.parametrize("on", [0, 1, 2])
def test_true_sets_have_as_many_of_a_gates_features(on, rng, monkeypatch):
    """And distinct others, each as likely."""
    layer = TargetedAnd(7, 5, 6, 2).draw(rng)
    seen = []
    monkeypatch.setattr(TargetedLayer, "run", lambda self, true: seen.append(true) or true * 0.0)
    drawn = []
    draw = TargetedLayer.draw_gates
    monkeypatch.setattr(
        TargetedLayer,
        "draw_gates",
        lambda self, n, rng: drawn.append(draw(self, n, rng)) or drawn[-1],
    )
    monkeypatch.setattr(TargetedLayer, "read", lambda self, neurons, which: np.zeros(len(which)))
    layer.errors(3, 4000, rng)
    true, (_, pairs) = seen[on], drawn[on]
    assert true.shape == (4000, 3)
    assert (true[:, :, None] == pairs[:, None]).any(axis=2).sum(axis=1).tolist() == [on] * 4000
    assert all(len(set(row)) == 3 for row in true.tolist())
    others = [
        len(set(row) - set(pair)) for row, pair in zip(true.tolist(), pairs.tolist(), strict=True)
    ]
    assert set(others) == {3 - on}
    assert np.bincount(true.ravel(), minlength=7).min() > 0


def test_errors_by_definition(rng):
    layer = UniversalAnd(12, 30, 5).draw(rng)
    found = layer.errors(3, 500, np.random.default_rng(1))
    again, rows = np.random.default_rng(1), []
    for on in (0, 1, 2):
        _, pairs = layer.draw_gates(500, again)
        others = sample_active(10, 3, 500, again)[:, on:]
        reads = []
        for pair, rest in zip(pairs.tolist(), others.tolist(), strict=True):
            left = [f for f in range(12) if f not in pair]
            true = pair[:on] + [left[i] for i in rest]
            neurons = np.maximum(layer.members[true].sum(axis=0) - 1, 0)
            carriers = layer.members[pair[0]] & layer.members[pair[1]]
            reads.append(neurons[carriers].mean())
        reads = np.array(reads)
        rows.append([on, reads.mean(), np.mean((reads - (on == 2)) ** 2)])
    assert found.to_numpy() == pytest.approx(np.array(rows))


@pytest.mark.parametrize("sizes", CASES, ids=str)
@pytest.mark.parametrize("n_true", [2, 4])
def test_errors_are_as_predicted(sizes, n_true):
    """Over four layers: to 15 % and 0.005, whether features are in superposition or not."""
    predicted = sizes.predict_error(n_true)
    errors = [
        sizes.draw(rng := np.random.default_rng(seed)).errors(n_true, 1000, rng)
        for seed in range(4)
    ]
    measured = sum(table[["mean", "mse"]] for table in errors) / 4
    assert measured.to_numpy() == pytest.approx(
        predicted[["mean", "mse"]].to_numpy(), rel=0.15, abs=0.005
    )


def test_without_others_a_gate_is_exact_but_for_what_its_two_features_share_with_neurons():
    """Two true features, and neurons that hardly ever read a third. The rest falls as 1 / √M."""
    some, more = (
        UniversalAnd(50, n, 1.0).predict_error(2)["mse"].to_numpy() for n in (10**4, 10**6)
    )
    assert more == pytest.approx([0, 0, 0], abs=1e-3)
    assert some[1] == pytest.approx(10 * more[1], rel=0.1)


@pytest.mark.parametrize(
    ("sizes", "name"),
    [
        (UniversalAnd(9, 1024, 8, 512), "n_features"),
        (TargetedAnd(2000, 9, 1024, 8, 512), "n_gates"),
    ],
)
def test_capacity_is_the_last_within_the_tolerance(sizes, name):
    most = sizes.capacity(2, 0.15)
    worst = [replace(sizes, **{name: most + i}).predict_error(2)["mse"].max() for i in (0, 1)]
    assert worst[0] <= 0.15 < worst[1]
    assert sizes.capacity(2, worst[0]) == most
    with pytest.raises(
        ValueError, match=r"^tolerance: wanted at least 0\.\d+, the mse with \d+, got"
    ):
        sizes.capacity(2, 1e-6)


def test_without_noise_the_number_of_features_does_not_matter():
    assert UniversalAnd(9, 1024, 8).capacity(2, 0.2) == 2**40


def test_what_is_no_gate_is_refused(rng):
    for make, message in (
        (lambda: UniversalAnd(1, 9, 1), "n_features: wanted at least 2, got 1"),
        (lambda: UniversalAnd(9, 9, 10),
         "n_carriers: wanted at most 9, the number of neurons, got 10"),
        (lambda: UniversalAnd(9, 0, 1), "n_neurons: wanted at least 1, got 0"),
        (lambda: UniversalAnd(9, 9, 1, 0), "stream_width: wanted at least 1, got 0"),
        (lambda: UniversalAnd(9, 9, -1.0), "n_carriers: wanted a finite number above 0, got -1.0"),
        (lambda: TargetedAnd(9, 0, 9, 1), "n_gates: wanted at least 1, got 0"),
        (lambda: TargetedAnd(9, 9, 9, 10),
         "redundancy: wanted at most 9, the number of neurons, got 10"),
        (lambda: TargetedAnd(9, 1, 9, 1).draw(rng, pairs=[[3, 3]]),
         "pairs: wanted two features, got [3, 3]"),
        (lambda: TargetedAnd(9, 2, 9, 1).draw(rng, pairs=[[3, 4]]),
         "pairs: wanted shape (gates = 2, two = 2), got (1, 2)"),
        (lambda: UniversalAnd(9, 9, 1).predict_error(1), "n_true: wanted at least 2, got 1"),
        (lambda: UniversalAnd(9, 9, 1).draw(rng).errors(8, 1, rng),
         "n_true: wanted at most 7, all features but a gate's two, got 8"),
        (lambda: UniversalAnd(4, 8, 1e-9).draw(rng).errors(2, 10, rng),
         "members: wanted features with a neuron in common, got none"),
        (lambda: and_gates(0), "n_gates: wanted at least 1, got 0"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as error:  # noqa: PT011
            make()
        assert str(error.value) == message
    with pytest.raises(
        MemoryError, match=r"^n_features: wanted a size that fits in .*; [\d,]+ feat"
    ):
        UniversalAnd(10**9, 1000, 8, 1000).draw(rng)
    with pytest.raises(TypeError, match=r"^rng: wanted a numpy.random.Generator, got int"):
        UniversalAnd(9, 9, 1).draw(3)
