"""What every construction promises, through what users see of it: maps, plain networks, errors."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from companion.generalising import random_graph
from superposition import (
    ChainConstruction,
    CircuitGraph,
    GatedConstruction,
    GatedResidualConstruction,
    GaussianCode,
    MLPCircuits,
    MLPConstruction,
    ResidualCircuits,
    ResidualConstruction,
    SparseCode,
    measure_error,
    rotation_circuits,
)
from superposition.bench import ground_truth
from superposition.chain_maps import ChainCodes
from superposition.circuits import Edges, Stage
from superposition.circuits.inputs import sample_active
from superposition.constructions import ToldConstruction
from superposition.constructions.post import PostCodes
from superposition.constructions.recomputed import RecomputedGates
from superposition.interop import load, save

# circuits of each kind, T of them or T in each stage


def residual(rng, n=9):
    return ResidualCircuits.random(n, 3, 4, 2, rng)


def graph(rng, n=5):
    return random_graph(n, rng, widths=(2, 1), n_neurons=4, n_layers=2)


def relus(rng, n=11):
    return MLPCircuits.random(n, (2, 4, 3), rng)


def with_offsets(rng, n=11):
    """Linear layers among the others, whose values may be below zero."""
    drawn = MLPCircuits.random(n, (2, 3, 4, 2), rng)
    return MLPCircuits(drawn.weights, drawn.biases, ["linear", "relu", "linear"])


def alike(rng, n=9):
    """ReLU circuits that share biases below zero."""
    drawn = MLPCircuits.random(n, (2, 4, 3, 2), rng)
    biases = [np.tile(-np.abs(bias[0]) / 4, (n, 1)) for bias in drawn.biases]
    return MLPCircuits(drawn.weights, biases)


def rotations(rng, n=9):
    return rotation_circuits(n, 3, rng)


# explicit codes of circuits with the labels `order`: only here are codes named


def lines(prime, n_slopes, order):
    """Which line of each slope goes through point number t of the plane, (T, slopes)."""
    x, y = np.divmod(order, prime)
    return np.stack([(y - slope * x) % prime for slope in range(n_slopes)], axis=1)


def slots(prime, n_slopes, order):
    """Sets of `n_slopes` slots, any two of which have at most one in common."""
    return lines(prime, n_slopes, order) + prime * np.arange(n_slopes)


def of_post(width, n_neurons, n_layers, n_stages=1):
    """Orthonormal directions in 40 dimensions; three of 60 neurons for each small neuron."""

    def codes(order):
        rng, each = np.random.default_rng(1), len(order) // n_stages
        turns = np.linalg.qr(rng.standard_normal((len(order), 40, width + 1)))[0]
        sets = rng.permuted(np.tile(np.arange(60), (n_layers, each, n_neurons, 1)), axis=3)
        own = np.repeat(np.split(order % each, n_stages), n_layers // n_stages, axis=0)
        neurons = [SparseCode(sets[i][which, :, :3], 60) for i, which in enumerate(own)]
        stream = GaussianCode(turns.swapaxes(1, 2)[order])
        return {"codes": PostCodes(stream, neurons)}

    return codes


def of_sequel(size, widths):
    """Two slots for each entry, the same in every block."""

    def codes(order):
        sets = slots(5, 2, order)[:, None]
        starts = [size // width * np.arange(width)[:, None] for width in widths]
        return {"codes": [SparseCode(sets + start, size) for start in starts]}

    return codes


def of_gated(prime, r, other):
    """Two codes of which circuits that share a slot in one share none in the other."""

    def codes(order):
        sets = slots(prime, r + other, order)[:, None]
        first = SparseCode(sets[..., :r], prime * r)
        return {"codes": (first, SparseCode(sets[..., r:] - prime * r, prime * other))}

    return codes


def of_chains(prime, n_chains):
    def codes(order):
        even, odd = np.split(lines(prime, 2 * n_chains, order), 2, axis=1)
        return {"codes": ChainCodes(even, odd, prime)}

    return codes


# the constructions


@dataclass(frozen=True)
class Rebuilt:
    """Gates found again in each layer, called as constructions are."""

    gated: GatedConstruction
    step: RecomputedGates

    def compress(self, circuits, rng, **codes):
        return self.step.rebuild(self.gated.compress(circuits, rng, **codes))


@dataclass(frozen=True)
class Case:
    """A construction, the circuits that it compresses, and which promises it makes.

    circuits: makes circuits with a generator.
    exact: whether a single active circuit is exact at all layers.
    reads_inputs: whether the inputs of a single active circuit are read at layer 0.
    bounded: whether inputs longer than 1 are refused.
    ways: the most ways in which a circuit reads in one matrix.
    codes: explicit codes as keywords of `compress`, for circuits with given labels.
    law: keywords of `predict_error`; None: errors are not predicted.
    first: the first layer of which the error is predicted.
    width: the width that the construction allows, and the least that it may take.
    """

    construction: Any
    circuits: Callable[..., Any]
    exact: bool = True
    reads_inputs: bool = True
    bounded: bool = True
    ways: int = 1
    codes: Callable[..., dict[str, Any]] | None = None
    law: dict[str, str] | None = None
    first: int = 0
    width: tuple[int, int] | None = None

    def made(self, dtype=np.float64, seed=0, **codes):
        """Return the compressed circuits."""
        circuits = self.circuits(np.random.default_rng(7)).astype(dtype)
        return self.construction.compress(circuits, np.random.default_rng(seed), **codes)


NOISY = {"exact": False, "bounded": False}
CASES = {
    "post": Case(
        ResidualConstruction(40, 60, 3),
        residual,
        **NOISY,
        codes=of_post(3, 4, 2),
        law={},
        width=(40, 40),
    ),
    "post, graph": Case(
        ResidualConstruction(40, 60, 3, margin=0.7),
        graph,
        **NOISY,
        codes=of_post(4, 4, 4, n_stages=2),
        width=(40, 40),
    ),
    "sequel, rotations": Case(
        MLPConstruction(40, 2),
        rotations,
        **NOISY,
        reads_inputs=False,  # two of its first neurons compute the same
        codes=of_sequel(40, (4, 4, 4)),
        law={},
        first=1,
        width=(40, 40),
    ),
    "sequel, any circuits": Case(
        MLPConstruction(62, 2, "finite_plane", 1.7),
        alike,
        **NOISY,
        codes=of_sequel(62, (4, 3, 2)),
        law={"law": "small noise"},
        first=1,
        width=(62, 62),
    ),
    "gated, one slot": Case(
        GatedConstruction(70), relus, codes=of_gated(5, 1, 1), law={}, width=(70, 60)
    ),
    "gated, three equal": Case(
        GatedConstruction(None, 3, quiet=False), with_offsets, codes=of_gated(7, 3, 3), law={}
    ),
    "gated, three quiet": Case(
        GatedConstruction(130, 3),
        with_offsets,
        ways=3,
        codes=of_gated(7, 3, 3),
        law={},
        width=(130, 100),
    ),
    "told, equal": Case(
        ToldConstruction(80, 2),
        with_offsets,
        exact=False,
        codes=of_gated(5, 2, 2),
        width=(80, 60),
    ),
    "told, quiet": Case(
        ToldConstruction(70, 2, "finite_plane", quiet=True),
        relus,
        exact=False,
        ways=2,
        codes=of_gated(5, 2, 2),
        width=(70, 60),
    ),
    "gated residual, quiet": Case(
        GatedResidualConstruction(80, 2, 3),
        residual,
        ways=3,
        codes=of_gated(7, 2, 3),
        law={},
        width=(80, 70),
    ),
    "gated residual, equal": Case(
        GatedResidualConstruction(None, 2, 1, quiet=False),
        residual,
        codes=of_gated(5, 2, 1),
        law={},
    ),
    "gated residual, sparing": Case(
        GatedResidualConstruction(sparing=True), residual, codes=of_gated(5, 1, 1), law={}
    ),
    "gated residual, graph": Case(GatedResidualConstruction(90), graph, width=(90, 60)),
    "chains, local": Case(
        ChainConstruction(2, embedding="local"), with_offsets, ways=2, codes=of_chains(5, 2), law={}
    ),
    "chains, coordinated": Case(
        ChainConstruction(3, 150), relus, ways=3, codes=of_chains(7, 3), law={}, width=(150, 120)
    ),
    "chains, buckets": Case(ChainConstruction(3, buckets=3), relus, ways=3, law={}),
    "recomputed": Case(
        Rebuilt(GatedConstruction(), RecomputedGates()), relus, codes=of_gated(5, 1, 1)
    ),
}
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def those(promise=lambda case: True):
    """Parametrise a test by the names of cases with a promise."""
    return pytest.mark.parametrize("name", [name for name in CASES if promise(CASES[name])])


@cache
def large_of(name, dtype=np.float64):
    return CASES[name].made(dtype)


def arrays(network):
    """All weights and biases of a plain network."""
    streaming = hasattr(network, "read_in")
    names = ["read_in", "bias", "write_out"] if streaming else ["weights", "biases"]
    return [np.asarray(array) for name in names for array in getattr(network, name)]


def drawn_inputs(circuits, active, rng):
    """Random signed inputs of length 1, zero beyond a circuit's own width."""
    draws = rng.standard_normal((*active.shape, circuits.widths[0]))
    if isinstance(circuits, CircuitGraph):
        stages = [stage.circuits for stage in circuits.stages.values()]
        own = np.repeat([each.width for each in stages], [each.n_circuits for each in stages])
        draws *= np.arange(draws.shape[-1]) < own[active][..., None]
    return (draws / np.linalg.norm(draws, axis=-1, keepdims=True)).astype(circuits.dtype)


def asked(large, rng, n_active=2, n_samples=5):
    """Random active sets and their inputs."""
    active = sample_active(large.circuits.n_circuits, n_active, n_samples, rng)
    return drawn_inputs(large.circuits, active, rng), active


def everyone_alone(circuits):
    return np.arange(circuits.n_circuits)[:, None]


def bare_step(network, layer, state, product):
    """The state after a layer, (D,), where product(name, vector) multiplies by a weight matrix."""
    if hasattr(network, "read_in"):
        neurons = product(f"read_in[{layer}]", state) + network.bias[layer]
        return state + product(f"write_out[{layer}]", np.maximum(neurons, 0))
    inner = product(f"weights[{layer}]", state) + network.biases[layer]
    return np.maximum(inner, 0) if network.activations[layer] == "relu" else inner


def matrix_of(network, name):
    kind, layer = name.removesuffix("]").split("[")
    return getattr(network, kind)[int(layer)]


def bare_run(network, first, product=None):
    """States after 0 … layers by matrix products alone, one sample at a time."""
    product = product or (lambda name, vector: matrix_of(network, name) @ vector)
    states = [first]
    for layer in range(network.n_layers):
        states.append(np.array([bare_step(network, layer, a, product) for a in states[-1]]))
    return states


def close(found, wanted, among, atol=1e-11):
    """Assert equality up to rounding of the largest of `among`."""
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol * max(1, np.abs(among).max()))


def refused(error, words, call, *arguments, **more):
    """Assert that a call is refused word for word."""
    with pytest.raises(error, match=f"^{re.escape(words)}$"):
        call(*arguments, **more)


# the network


@those()
def test_run_is_embed_then_bare_matrix_products_then_read(name, rng):
    large = large_of(name)
    inputs, active = asked(large, rng)
    estimates = large.run(inputs, active)
    states = bare_run(large.network, large.embed(inputs, active))
    assert [state.shape[1] for state in states] == [*large.network.widths]
    assert len(large.checkpoints) == large.circuits.n_layers + 1
    assert large.checkpoints[0] == 0
    assert [*large.checkpoints] == sorted(large.checkpoints)
    for layer, (estimate, at) in enumerate(zip(estimates, large.checkpoints, strict=True)):
        assert estimate.shape == (5, 2, large.circuits.widths[layer])
        close(estimate, large.read(states[at], active, layer), states[at])


@those()
def test_the_network_is_plain_and_counts_its_parameters(name):
    large = large_of(name)
    network = large.network
    assert network.n_parameters == sum(array.size for array in arrays(network))
    assert len(network.widths) == network.n_layers + 1
    assert large.checkpoints[-1] <= network.n_layers
    assert type(large.circuits) is type(CASES[name].circuits(np.random.default_rng(0)))
    construction = CASES[name].construction
    assert large.construction == getattr(construction, "step", construction)


@those(lambda case: case.width)
def test_the_network_is_as_wide_as_the_construction_says(name):
    (most, least), large = CASES[name].width, large_of(name)
    assert least <= max(large.network.widths) <= most
    if hasattr(large.construction, "n_neurons"):
        assert large.network.n_neurons == large.construction.n_neurons


@those()
def test_components_and_a_rest_sum_to_the_weights(name):
    """And a component has no more rank than its small matrix, times the ways to read."""
    large, case = large_of(name), CASES[name]
    truth = ground_truth(large)
    found = {matrix.name for matrix in truth.matrices}
    n_matrices = 2 if hasattr(large.network, "read_in") else 1
    assert len(found) == len(truth.matrices) == n_matrices * large.network.n_layers
    has_part = np.zeros(large.circuits.n_circuits, bool)
    for matrix in truth.matrices:
        weights = matrix_of(large.network, matrix.name)
        assert matrix.shape == weights.shape
        assert truth[matrix.name] is matrix
        total = matrix.of_no_circuit().dense()
        for t in range(truth.n_circuits):
            component = matrix.component(t)
            rank = np.linalg.matrix_rank(component)
            assert rank <= case.ways * most_rank(large.circuits, matrix.name)
            has_part[t] |= rank > 0
            total = total + component
        close(total, weights, weights, 1e-12)
    assert has_part.all()


def most_rank(circuits, name):
    """Of a small matrix, biases included."""
    if isinstance(circuits, MLPCircuits):
        layer = int(name.removesuffix("]").split("[")[1])
        return min(circuits.widths[layer] + 1, circuits.widths[layer + 1])
    if isinstance(circuits, CircuitGraph):
        return max(most_rank(stage.circuits, name) for stage in circuits.stages.values())
    return min(circuits.width + 1, circuits.n_neurons)


@those()
def test_the_network_computes_a_slow_sum_over_circuits(name, rng):
    large = large_of(name)
    truth = ground_truth(large)

    def product(matrix, vector):
        result = truth[matrix].of_no_circuit().dense() @ vector
        for t in range(truth.n_circuits):
            left, right = truth[matrix].factors(t)
            result = result + left @ (right @ vector)
        return result

    first = large.embed(*asked(large, rng, n_samples=2))
    slow = bare_run(large.network, first, product)
    for found, wanted in zip(large.network.run(first), slow, strict=True):
        close(found, wanted, wanted)


# reading


@those()
def test_read_is_linear_and_does_not_depend_on_who_is_active(name, rng):
    large = large_of(name)
    n = large.circuits.n_circuits
    which = rng.integers(n, size=(3, 4))
    for layer, (at, width) in enumerate(zip(large.checkpoints, large.circuits.widths, strict=True)):
        a, b = rng.standard_normal((2, 3, large.network.widths[at]))
        of_both, of_a, of_b = (large.read(s, which, layer) for s in (2 * a - 3 * b, a, b))
        assert of_a.shape == (3, 4, width)
        size = max(1, max(np.abs(large.read(s, which, layer)).max() for s in (a, b)))
        close(of_both, 2 * of_a - 3 * of_b, size)
        np.testing.assert_array_equal(large.read(0 * a, which, layer), 0)
        everyone = large.read_all(a, layer)
        assert everyone.shape == (3, n, width)
        for row, column in np.ndindex(which.shape):
            t = which[row, column]
            close(of_a[row, column], everyone[row, t], size)
            close(large.read(a[[row]], [[t]], layer)[0, 0], everyone[row, t], size)


@those()
def test_layers_that_do_not_exist_are_not_read(name):
    large = large_of(name)
    n_layers, state = large.circuits.n_layers, np.zeros((1, large.network.widths[0]))
    for wrong in (n_layers + 1, -1):
        words = f"layer: wanted entries from 0 to {n_layers}, got {wrong}"
        refused(ValueError, words, large.read, state, [[0]], wrong)
        refused(ValueError, words, large.read_all, state, wrong)
    with pytest.raises(TypeError, match=r"^layer: wanted whole numbers"):
        large.read(state, [[0]], 0.5)


@those()
def test_circuits_that_do_not_exist_are_not_read(name):
    large = large_of(name)
    n, state = large.circuits.n_circuits, np.zeros((1, large.network.widths[0]))
    for wrong in (n, -1):
        words = f"which: wanted entries from 0 to {n - 1}, got {wrong}"
        refused(ValueError, words, large.read, state, [[wrong]], 0)


@those()
def test_states_of_another_width_are_not_read(name):
    large = large_of(name)
    for layer, at in enumerate(large.checkpoints):
        width = large.network.widths[at]
        for wrong in (width - 1, width + 1):
            state = np.zeros((1, wrong))
            words = f"state: wanted shape (batch, size = {width}), got (1, {wrong})"
            refused(ValueError, words, large.read, state, [[0]], layer)
            refused(ValueError, words, large.read_all, state, layer)


@those(lambda case: case.reads_inputs)
def test_inputs_of_a_lone_circuit_are_read_from_the_embedded_state(name, rng):
    large = large_of(name)
    active = everyone_alone(large.circuits)
    inputs = drawn_inputs(large.circuits, active, rng)
    close(large.read(large.embed(inputs, active), active, 0), inputs, 1, 1e-12)


# one active circuit


@DTYPES
@those(lambda case: case.exact)
def test_one_active_circuit_is_exact(name, dtype, rng):
    """Every circuit at every layer, to rounding of its own largest entry."""
    large = large_of(name, dtype)
    active = everyone_alone(large.circuits)
    inputs = drawn_inputs(large.circuits, active, rng)
    truths, estimates = large.circuits.run(inputs, active), large.run(inputs, active)
    sizes = np.max([np.abs(truth).max(axis=(1, 2)) for truth in truths], axis=0)
    worst = 0
    for truth, estimate in zip(truths, estimates, strict=True):
        worst = max(worst, (np.abs(truth - estimate).max(axis=(1, 2)) / sizes).max())
    assert worst < (1e-12 if dtype == np.float64 else 1e-4)
    assert np.count_nonzero(truths[-1].any(axis=2)) > len(active) / 2
    measured = measure_error(large, 1, 20, rng)
    assert (measured["relative_mse"] < (1e-25 if dtype == np.float64 else 1e-8)).all()


# measured and predicted errors


@those()
def test_measured_errors_are_those_of_run(name):
    """By loops over samples and circuits, from the same draws."""
    large, n_samples = large_of(name), 6
    found = measure_error(large, 2, n_samples, np.random.default_rng(3))
    again = np.random.default_rng(3)
    n = large.circuits.n_circuits
    active = sample_active(n, 2, n_samples, again)
    inputs = large.circuits.default_inputs(active, again)
    states = large.network.run(large.embed(inputs, active))
    assert found["layer"].tolist() == [*range(large.circuits.n_layers + 1)]
    for layer, truths in enumerate(large.circuits.run(inputs, active)):
        errors, sizes, idle = [], [], []
        for row in range(n_samples):
            reads = large.read_all(states[large.checkpoints[layer]][[row]], layer)[0]
            for t in range(n):
                if t not in active[row]:
                    idle.append(np.sum(reads[t] ** 2))
            for place, t in enumerate(active[row]):
                errors.append(np.sum((reads[t] - truths[row, place]) ** 2))
                sizes.append(np.sum(truths[row, place] ** 2))
        wanted = {
            "mse": np.mean(errors),
            "relative_mse": np.mean(errors) / np.mean(sizes),
            "worst": np.sqrt(np.max(errors)),
            "inactive_mse": np.mean(idle),
        }
        for column, value in wanted.items():
            assert found[column][layer] == pytest.approx(value, rel=1e-6, abs=1e-12)


@those(lambda case: case.law is not None)
def test_errors_are_predicted_for_every_layer(name):
    case = CASES[name]
    circuits = large_of(name).circuits
    for n_active in (1, 2):
        table = case.construction.predict_error(circuits, n_active, **case.law)
        assert table["layer"].tolist() == [*range(case.first, circuits.n_layers + 1)]
        errors = table[["mse", "relative_mse"]].to_numpy()
        assert np.isfinite(errors).all()
        assert (errors >= 0).all()
        if case.exact and n_active == 1:
            np.testing.assert_array_equal(errors, 0)
            assert table["rounding"].between(1e-17, 1e-14).all()
    again = case.construction.predict_error(circuits, 2, **case.law)
    np.testing.assert_array_equal(again.to_numpy(), table.to_numpy())


@those(lambda case: case.law is not None)
def test_errors_of_more_circuits_than_there_are_are_not_predicted(name):
    case, circuits = CASES[name], large_of(name).circuits
    n = circuits.n_circuits
    words = f"n_active: wanted at most {n}, the number of circuits, got {n + 1}"
    refused(ValueError, words, case.construction.predict_error, circuits, n + 1, **case.law)
    wanted = wanted_circuits(name)
    words = f"circuits: wanted {wanted}, got str"
    refused(TypeError, words, case.construction.predict_error, "it", 1, **case.law)


# how many fit

QUESTIONS = {
    "post": (ResidualConstruction(300, 400, 3), 0.5),
    "sequel, rotations": (MLPConstruction(240, 3), 0.1),
    "sequel, any circuits": (MLPConstruction(240, 3, "finite_plane"), 0.1),
    "gated, one slot": (GatedConstruction(100), 0.2),
    "gated, three equal": (GatedConstruction(300, 3, quiet=False), 0.1),
    "gated, three quiet": (GatedConstruction(300, 3), 0.1),
    "gated residual, quiet": (GatedResidualConstruction(200, 2, 3), 0.05),
    "gated residual, equal": (GatedResidualConstruction(200, 2, 1, quiet=False), 0.2),
    "chains, local": (ChainConstruction(3, 500, "local"), 0.05),
    "chains, buckets": (ChainConstruction(3, 250, buckets=3), 0.01),
}


def size(construction):
    """What `size_for` keeps small: a width, or the weights and biases of a layer."""
    if isinstance(construction, ResidualConstruction):
        return (2 * construction.stream_width + 1) * construction.n_neurons
    return getattr(construction, "width", None) or construction.stream_width


@pytest.mark.parametrize("name", QUESTIONS)
def test_capacity_and_size_agree(name):
    """The size found for all that fit is no larger, and holds as many."""
    construction, tolerance = QUESTIONS[name]
    moments = large_of(name).circuits.moments(np.random.default_rng(0), n_samples=200)
    if isinstance(construction, ResidualConstruction):
        construction = construction.size_for(20, moments, 2, tolerance)
    n = construction.capacity(moments, 2, tolerance)
    assert n > 2
    sized = construction.size_for(n, moments, 2, tolerance)
    assert type(sized) is type(construction)
    assert size(sized) <= size(construction)
    assert sized.capacity(moments, 2, tolerance) >= n
    assert construction.capacity(moments, 2, 2 * tolerance) >= n


# precision and randomness


@DTYPES
@those()
def test_circuits_of_one_precision_make_networks_states_and_reads_of_it(name, dtype, rng):
    large = large_of(name, dtype)
    inputs, active = asked(large, rng)
    first = large.embed(inputs.astype(np.float64), active)
    states = large.network.run(first)
    reads = [large.read_all(states[at], layer) for layer, at in enumerate(large.checkpoints)]
    everything = (*arrays(large.network), *states, *reads, *large.run(inputs, active))
    assert {array.dtype for array in everything} == {np.dtype(dtype)}


@those(lambda case: case.codes)
def test_explicit_codes_take_the_circuits_precision(name, rng):
    case = CASES[name]
    n = large_of(name).circuits.n_circuits
    large = case.made(np.float32, **case.codes(np.arange(n)))
    first = large.embed(*asked(large, rng))
    assert {array.dtype for array in (*arrays(large.network), first)} == {np.dtype(np.float32)}


@those()
def test_the_same_seed_makes_the_same_bits_and_another_seed_others(name, rng):
    made = [CASES[name].made(seed=seed) for seed in (8, 8, 9)]
    once, again, other = (arrays(large.network) for large in made)
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(once, other, strict=True))
    inputs, active = asked(made[0], rng)
    states = [large.embed(inputs, active) for large in made[:2]]
    np.testing.assert_array_equal(*states)


@those()
def test_nothing_is_drawn_but_from_the_generator(name, monkeypatch):
    """No other generator is made, and explicit codes need no draws."""
    case = CASES[name]
    circuits, rng = case.circuits(np.random.default_rng(7)), np.random.default_rng(0)
    codes = case.codes and case.codes(np.arange(circuits.n_circuits))
    before = rng.bit_generator.state

    def refuse(*_):
        raise AssertionError("made a generator")

    monkeypatch.setattr(np.random, "default_rng", refuse)
    if codes:
        case.construction.compress(circuits, rng, **codes)
        assert rng.bit_generator.state == before
    case.construction.compress(circuits, rng)
    assert rng.bit_generator.state != before


# who is who


def relabelled(circuits, own):
    """The circuits in the order `own`, in each stage of a graph, and the order of them all."""
    if not isinstance(circuits, CircuitGraph):
        return circuits.take(own), own
    stages = {n: Stage(s.circuits.take(own), s.start) for n, s in circuits.stages.items()}
    places = np.argsort(own)
    edges = [Edges(e.source, e.target, places[e.pairs], e.maps) for e in circuits.edges]
    order = np.concatenate([first + own for first in circuits.first.values()])
    return CircuitGraph(stages, edges), order


@those(lambda case: case.codes)
def test_relabelling_circuits_relabels_results(name, rng):
    case = CASES[name]
    circuits = case.circuits(np.random.default_rng(7))
    n, n_stages = circuits.n_circuits, len(getattr(circuits, "stages", [0]))
    others, order = relabelled(circuits, rng.permutation(n // n_stages))
    here = case.construction.compress(circuits, rng, **case.codes(np.arange(n)))
    there = case.construction.compress(others, rng, **case.codes(order))
    inputs, active = asked(there, rng)
    for a, b in zip(there.run(inputs, active), here.run(inputs, order[active]), strict=True):
        close(a, b, b)
    for a, b in zip(arrays(there.network), arrays(here.network), strict=True):
        close(a, b, b)


@those()
def test_the_order_of_active_circuits_and_of_samples_does_not_matter(name, rng):
    large = large_of(name)
    inputs, active = asked(large, rng)
    forward = large.run(inputs, active)
    turned = large.run(inputs[::-1, ::-1], active[::-1, ::-1])
    for a, b in zip(forward, turned, strict=True):
        close(a, b[::-1, ::-1], a)


# what is taken and what is refused


@those()
def test_an_empty_batch_gives_an_empty_result(name):
    large = large_of(name)
    widths = large.circuits.widths
    estimates = large.run(np.empty((0, 2, widths[0])), np.empty((0, 2), int))
    assert [estimate.shape for estimate in estimates] == [(0, 2, width) for width in widths]


@those()
def test_a_batch_without_entries_need_not_be_of_whole_numbers(name):
    large = large_of(name)
    widths = large.circuits.widths
    estimates = large.run(np.empty((0, 2, widths[0])), np.empty((0, 2)))
    assert [estimate.shape for estimate in estimates] == [(0, 2, width) for width in widths]


@those()
def test_inputs_and_active_sets_that_do_not_fit_are_refused_by_name(name):
    large = large_of(name)
    n, width = large.circuits.n_circuits, large.circuits.widths[0]
    good, one = np.zeros((1, 2, width)), [[0, 1]]
    for call in (large.embed, large.run):
        words = f"inputs: wanted shape (batch = 1, active = 2, width = {width}), got "
        refused(ValueError, f"{words}(1, 2, {width + 1})", call, np.zeros((1, 2, width + 1)), one)
        refused(ValueError, f"{words}(2, {width})", call, good[0], one)
        words = "inputs: wanted finite numbers, got NaN or infinity in float64"
        refused(ValueError, words, call, good + np.nan, one)
        words = f"active: wanted entries from 0 to {n - 1}, got "
        refused(ValueError, f"{words}0 to {n}", call, good, [[0, n]])
        refused(ValueError, f"{words}-1 to 0", call, good, [[0, -1]])
        words = "active: wanted distinct circuits within a row, got [1, 1]"
        refused(ValueError, words, call, good, [[1, 1]])


@those(lambda case: case.bounded)
def test_inputs_longer_than_the_bound_are_refused(name):
    large = large_of(name)
    long = np.zeros((1, 1, large.circuits.widths[0]))
    long[..., 0] = 1
    large.embed(long, [[0]])
    for call in (large.embed, large.run):
        words = (
            "inputs: wanted none longer than 1.0, the bound, got 1.25 in rows 0; compress with an "
            "input_bound of 2"
        )
        refused(ValueError, words, call, 1.25 * long, [[0]])


def wanted_circuits(name):
    is_mlp = isinstance(large_of(name).circuits, MLPCircuits)
    return "MLPCircuits" if is_mlp else "ResidualCircuits"


@those()
def test_other_circuits_are_refused(name, rng):
    construction, wanted = CASES[name].construction, wanted_circuits(name)
    others = [residual(rng), graph(rng)] if wanted == "MLPCircuits" else [relus(rng)]
    for wrong in (*others, "it", large_of(name)):
        words = f"circuits: wanted {wanted}, got {type(wrong).__name__}"
        refused(TypeError, words, construction.compress, wrong, rng)


@those()
def test_what_is_no_generator_is_refused(name):
    construction, circuits = CASES[name].construction, large_of(name).circuits
    words = "rng: wanted a numpy.random.Generator, got "
    for wrong, got in (
        (3, "int; write numpy.random.default_rng(3)"),
        (None, "NoneType"),
        (np.random.RandomState(0), "RandomState"),
    ):
        refused(TypeError, words + got, construction.compress, circuits, wrong)


FULL = {
    "sequel, rotations": (MLPConstruction(40, 2), 32, "the capacity of 'prime_step' with 10 slots"),
    "sequel, any circuits": (
        MLPConstruction(62, 2, "finite_plane"),
        49,
        "the capacity of 'finite_plane' with 15 slots",
    ),
    "gated, one slot": (GatedConstruction(20), 9, "all that a plane over 3 holds, in 20 neurons"),
    "gated, three equal": (
        GatedConstruction(130, 3, quiet=False),
        49,
        "all that a plane over 7 holds, in 130 neurons",
    ),
    "told, equal": (ToldConstruction(60, 2), 32, "the capacity of 'prime_step' with 10 slots"),
    "gated residual, quiet": (
        GatedResidualConstruction(70, 2, 1),
        49,
        "all that a plane over 7 holds, in 70 dimensions",
    ),
    "gated residual, sparing": (
        GatedResidualConstruction(15, sparing=True),
        9,
        "all that a plane over 3 holds, in 15 dimensions",
    ),
    "chains, local": (ChainConstruction(2, 60, "local"), 25, "all that 60 neurons hold"),
    "chains, coordinated": (ChainConstruction(2, 60), 25, "all that 60 neurons hold"),
    "chains, buckets": (ChainConstruction(3, 108, buckets=3), 12, "all that 108 neurons hold"),
}


@pytest.mark.parametrize("name", FULL)
def test_a_construction_holds_what_it_says_and_refuses_one_more(name, rng):
    construction, most, why = FULL[name]
    circuits, too_many = (CASES[name].circuits(rng, n) for n in (most, most + 1))
    assert construction.compress(circuits, rng).circuits is circuits
    words = f"n_circuits: wanted at most {most}, {why}, got {most + 1}"
    refused(ValueError, words, construction.compress, too_many, rng)


# files


@DTYPES
@those()
def test_what_is_saved_and_loaded_has_the_same_bits(name, dtype, rng, tmp_path):
    large = large_of(name, dtype)
    save(tmp_path / "one", large)
    loaded = load(tmp_path / "one")
    assert loaded.construction == large.construction
    assert loaded.checkpoints == large.checkpoints
    for a, b in zip(arrays(loaded.network), arrays(large.network), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    inputs, active = asked(large, rng)
    for run in (lambda one: one.run, lambda one: one.circuits.run):
        for a, b in zip(run(loaded)(inputs, active), run(large)(inputs, active), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
