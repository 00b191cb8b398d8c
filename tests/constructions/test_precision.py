"""One circuit at a time is computed as precisely as by itself, however circuits are written."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPCircuits,
)
from superposition.circuits import as_residual
from superposition.circuits.normal import held_states, scaled, typical_sizes
from superposition.interop import from_arrays, with_inputs

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
WAYS = {
    "gated": lambda bound: GatedConstruction(input_bound=bound),
    "gated, three slots": lambda bound: GatedConstruction(redundancy=3, input_bound=bound),
    "chains": lambda bound: ChainConstruction(2, input_bound=bound),
    "residual": lambda bound: GatedResidualConstruction(input_bound=bound),
}


def classifier(rng, depth=3, inner=8, outputs=2):
    """Weights and biases of layers 4 → inner … → outputs, of which the last one is linear."""
    widths = [4, *[inner] * (depth - 1), outputs]
    return [
        (rng.standard_normal((after, before)) * np.sqrt(2 / before), rng.standard_normal(after) / 9)
        for before, after in pairwise(widths)
    ]


def turning(rng, depth):
    """Turns of four numbers, in pairs of neurons of which one is on: lengths stay, at any depth."""
    signs = np.vstack([np.eye(4), -np.eye(4)])
    turns = [np.linalg.qr(rng.standard_normal((4, 4)))[0] for _ in range(depth)]
    inner = [signs @ turn @ signs.T for turn in turns[1:-1]]
    weights = [signs @ turns[0], *inner, turns[-1][:2] @ signs.T]
    return [(weight, np.zeros(len(weight))) for weight in weights]


def rescaled(layers, scale, rng, every=False):
    """The same function: hidden neurons scale times as large, and read scale times less."""
    layers = [(weight.copy(), bias.copy()) for weight, bias in layers]
    for (weight, bias), (after, _) in pairwise(layers):
        for i in range(len(bias)) if every else [rng.integers(len(bias))]:
            weight[i] *= scale
            bias[i] *= scale
            after[:, i] /= scale
    return layers


def larger(layers, times):
    """Answers in other units."""
    *inner, (weight, bias) = layers
    return [*inner, (times * weight, times * bias)]


def families(rng):
    """Lists of networks, by name, and how long inputs may be."""
    ordinary = [classifier(rng) for _ in range(8)]
    one = rescaled(classifier(rng), 1000, rng)
    giant = [(1e8 * weight, 1e8 * bias) for weight, bias in classifier(rng, 2)]
    return {
        "ordinary": (ordinary, 1.0),
        "a neuron × 1000": ([rescaled(each, 1000, rng) for each in ordinary], 1.0),
        "a neuron × 1e8, seven layers": (
            [rescaled(classifier(rng, 7), 1e8, rng) for _ in range(6)],
            1.0,
        ),
        "all neurons × 1e4": ([rescaled(each, 1e4, rng, every=True) for each in ordinary], 1.0),
        "one rescaled": ([*ordinary, one], 1.0),
        "one giant": ([*[classifier(rng, 2) for _ in range(8)], giant], 1.0),
        "fifty layers": ([turning(rng, 50) for _ in range(6)], 1.0),
        "a far bound": (ordinary, 1e8),
        "units": ([*ordinary, *[larger(each, 300) for each in ordinary[:3]]], 1.0),
        "linear and wide": ([classifier(rng, 3, 4, 4) for _ in range(9)], 1.0),
    }


NAMES = list(families(np.random.default_rng(0)))


def nearly_exact(circuits, inputs, t):
    """States of circuit t in extended precision, or double where the machine has no more."""
    states = [inputs[:, 0].astype(np.longdouble)]
    if isinstance(circuits, MLPCircuits):
        for weight, bias, name in zip(
            circuits.weights, circuits.biases, circuits.activations, strict=True
        ):
            inner = states[-1] @ weight[t].T.astype(np.longdouble) + bias[t]
            states.append(np.maximum(inner, 0) if name == "relu" else inner)
        return states
    for read, bias, write in zip(circuits.read_in, circuits.bias, circuits.write_out, strict=True):
        neurons = np.maximum(states[-1] @ read[t].T.astype(np.longdouble) + bias[t], 0)
        states.append(states[-1] + neurons @ write[t].T.astype(np.longdouble))
    return states


def excess(circuits, large, inputs):
    """By circuit: the largest error, over that of itself alone in this precision, or an ulp.

    The ulp is that of its largest state.
    """
    eps, found = float(np.finfo(circuits.dtype).eps), []
    for t in range(circuits.n_circuits):
        which = np.full((len(inputs), 1), t)
        *states, truth = nearly_exact(circuits, inputs, t)
        alone, read = circuits.run(inputs, which)[-1][:, 0], large.run(inputs, which)[-1][:, 0]
        own = np.abs(alone - truth).max()
        largest = max(np.abs(state).max() for state in (*states, truth))
        found.append(float(np.abs(read - truth).max() / max(own, eps * largest)))
    return np.array(found)


def drawn_inputs(width, dtype, rng, length=1.0, n=1000):
    inputs = rng.standard_normal((n, 1, 4))
    inputs *= length / np.linalg.norm(inputs, axis=2, keepdims=True)
    return np.pad(inputs, [(0, 0), (0, 0), (0, width - 4)]).astype(dtype)


@DTYPES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_each_circuit_alone_is_as_precise_as_by_itself(name, way, dtype, rng):
    """At 1,000 inputs no error is ten times what the small network makes in that precision."""
    networks, bound = families(np.random.default_rng(0))[name]
    circuits = from_arrays([[(w.astype(dtype), b.astype(dtype)) for w, b in n] for n in networks])
    if way == "residual":
        circuits = as_residual(circuits)
    large = WAYS[way](bound).compress(circuits, rng)
    for length in {1.0, bound}:
        inputs = drawn_inputs(circuits.widths[0], dtype, rng, 0.999 * length)
        assert excess(circuits, large, inputs).max() < 10


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_rounding_is_estimated(name, way, rng):
    """`predict_error` says 0 for one active circuit, and about how much rounding is left."""
    networks, bound = families(np.random.default_rng(0))[name]
    circuits = from_arrays([[(w.astype("f4"), b.astype("f4")) for w, b in n] for n in networks])
    if way == "residual":
        circuits = as_residual(circuits)
    construction = WAYS[way](bound)
    table = construction.predict_error(circuits, 1)
    assert (table["relative_mse"] == 0).all()
    large, which = construction.compress(circuits, rng), rng.integers(circuits.n_circuits, size=300)
    active, inputs = which[:, None], drawn_inputs(circuits.widths[0], np.float32, rng, n=300)
    truths = circuits.astype(np.float64).run(inputs.astype(float), active)
    for layer, (truth, read) in enumerate(zip(truths, large.run(inputs, active), strict=True)):
        sizes = np.mean(np.square(truth), axis=(1, 2))
        relative = np.mean(np.square(read - truth), axis=(1, 2))[sizes > 0] / sizes[sizes > 0]
        assert np.sqrt(np.median(relative)) < 10 * table["rounding"][layer]


# never beyond the bound


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    names=st.lists(st.sampled_from(["relu", "linear"]), min_size=4, max_size=4),
    redundancy=st.integers(1, 3),
    quiet=st.booleans(),
    spread=st.sampled_from([0.0, 1.0, 4.0]),
    n_active=st.integers(1, 3),
    fits=st.booleans(),
)
def test_no_rounding_exceeds_the_certificate(
    seed, widths, names, redundancy, quiet, spread, n_active, fits
):
    """Single precision, against the same circuits in double; sizes differ by powers of e."""
    rng, layers = np.random.default_rng(seed), list(pairwise(widths))
    sizes = [np.exp(spread * rng.standard_normal((20, after, 1))) for _, after in layers]
    weights = [s * rng.standard_normal((20, b, a)) for s, (a, b) in zip(sizes, layers, strict=True)]
    biases = [s[..., 0] * rng.standard_normal((20, len(s[0]))) for s in sizes]
    circuits = MLPCircuits(weights, biases, names[: len(layers)]).astype(np.float32)
    width = redundancy * 7 * (max(circuits.widths) + 2) if fits else None
    try:
        large = GatedConstruction(width, redundancy, quiet=quiet).compress(circuits, rng)
        table = large.certificate(n_active)
    except ValueError as refused:
        known = "n_layers", "network: wanted gates", "n_circuits", "width"
        if not str(refused).startswith(known):  # vacuous, not sure to close, no room for digits
            raise
        return
    active = np.array([rng.permutation(20)[:n_active] for _ in range(100)])
    inputs = rng.standard_normal((*active.shape, widths[0]))
    inputs = (inputs / np.linalg.norm(inputs, axis=2, keepdims=True)).astype(np.float32)
    truths = circuits.astype(np.float64).run(inputs.astype(float), active)
    limits = (table["bound"] + table["rounding"]).tolist()
    for truth, read, limit in zip(truths, large.run(inputs, active), limits, strict=True):
        assert np.linalg.norm(read - truth, axis=2).max() <= limit


# the form in which circuits are held


def test_the_form_by_hand():
    """Two circuits 2 → 1 → 1 → 1, of which the second is 2^20 times as large in the middle.

    Unit inputs have squares of ½. The first: (2 + 2)/2 = 2, then (2/2 + 3)/2 = 2, and 2.
    """
    weights = [np.full((2, 1, 2), 2.0), np.full((2, 1, 1), np.sqrt(0.5)), np.ones((2, 1, 1))]
    biases = [np.zeros((2, 1)), np.full((2, 1), np.sqrt(3)), np.zeros((2, 1))]
    weights[0][1] *= 2**20
    weights[1][1] /= 2**20
    circuits = MLPCircuits(weights, biases, ["relu", "relu", "linear"])
    for size, wanted in zip(
        typical_sizes(circuits),
        ([0.5] * 2, [2], [2], [2]),
        strict=True,
    ):
        np.testing.assert_allclose(size[0] ** 2, wanted)
    assert circuits.exponents is not None
    sizes = [np.log2(size) for size in typical_sizes(circuits)]
    for exponents, size in zip(circuits.exponents, sizes, strict=True):
        assert np.abs(exponents - size).max() <= 0.5 + 1e-9
    assert np.ptp(circuits.exponents[1]) == 20
    first, second, _ = scaled(circuits).weights
    np.testing.assert_array_equal(first[0], first[1])
    np.testing.assert_array_equal(second[0], second[1])
    which, inputs = np.array([[0], [1]]), np.full((2, 1, 2), 0.5)
    states = circuits.run(inputs, which)
    inner = scaled(circuits).run(held_states(circuits, inputs, which, 0), which)
    for layer, (state, held) in enumerate(zip(states, inner, strict=True)):
        np.testing.assert_array_equal(held_states(circuits, state, which, layer), held)
    alike = MLPCircuits([w[:1] for w in weights], [b[:1] for b in biases], circuits.activations)
    assert alike.exponents is None


@pytest.mark.parametrize(
    ("activations", "widths", "bound", "room", "pairs"),
    [
        (("relu", "relu"), (2, 4, 4), 1.0, True, (False, False, False)),
        (("relu", "linear"), (2, 4, 2), 1.0, False, (False, False, True)),  # no wider than 4
        (("relu", "linear"), (2, 4, 4), 1.0, True, (False, False, True)),
        (("relu", "linear"), (2, 4, 4), 1.0, False, (False, False, False)),
        (("relu", "linear"), (2, 4, 4), 1e8, False, (False, False, True)),  # half of the digits
    ],
)
def test_signed_states_are_in_pairs_where_there_is_room_or_need(
    activations, widths, bound, room, pairs, rng
):
    drawn = MLPCircuits.random(9, widths, rng)
    circuits = MLPCircuits(drawn.weights, drawn.biases, activations)
    assert circuits.form.pairs(bound, room=room) == pairs
    neurons = tuple(d * (1 + pair) for d, pair in zip(widths, pairs, strict=True))
    assert circuits.form.neurons(bound, room=room) == neurons


def test_turns_keep_their_offset(rng):
    """All states are as long as the bound, so an offset costs no more than a sum of a few terms."""
    angles = rng.uniform(0, 2 * np.pi, 9)
    turns = np.moveaxis([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]], 2, 0)
    circuits = MLPCircuits([turns] * 3, [np.zeros((9, 2))] * 3, "linear")
    assert not any(circuits.form.pairs(1.0))
    assert all(circuits.form.pairs(100.0)[1:])  # inputs of length 1 would lose digits


def test_a_network_is_read_in_the_same_way_whatever_inputs_it_is_measured_with(rng):
    """Circuits that are given tables of their own afterwards, in units 1,000 times as large."""
    networks, _ = families(rng)["one giant"]
    circuits = from_arrays(networks)
    large = GatedConstruction(input_bound=1e4).compress(circuits, rng)
    tables = [1000.0 * rng.standard_normal((5, 4)) for _ in networks]
    later = replace(large, circuits=with_inputs(circuits, tables))
    assert circuits.exponents is not None
    inputs, active = drawn_inputs(4, np.float64, rng, n=9), np.arange(9)[:, None]
    for before, after in zip(large.run(inputs, active), later.run(inputs, active), strict=True):
        np.testing.assert_array_equal(before, after)


def test_only_offsets_that_are_there_are_rounded(rng):
    """ReLU layers have none, so the estimate grows where a linear layer is held with one."""
    drawn = MLPCircuits.random(9, [4, 4, 4], rng)
    circuits = MLPCircuits(drawn.weights, drawn.biases, ["relu", "linear"])
    assert circuits.form.offsets[0] == 0 < circuits.form.offsets[1]
    paired, offset = (
        construction.predict_error(circuits, 1)["rounding"]
        for construction in (GatedConstruction(), GatedConstruction(width=18))
    )
    np.testing.assert_array_equal(paired[:2], offset[:2])
    assert offset[2] > 3 * paired[2]
