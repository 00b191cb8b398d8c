"""Bad input: an error that names the argument, what was wanted and what came, before any work."""

import numpy as np
import pytest

from superposition import (
    GaussianCode,
    MLPCircuits,
    MLPConstruction,
    MLPNetwork,
    ResidualCircuits,
    ResidualConstruction,
    ResidualNetwork,
    SparseCode,
    measure_error,
    rotation_circuits,
    superpose,
    sweep,
    with_indicator,
)
from superposition.circuits.inputs import sample_active
from superposition.circuits.moments import Moments
from superposition.constructions.post import PostCodes
from superposition.packings import packing, packing_bound

RNG = np.random.default_rng(0)
T, M_SMALL, WIDTH, LAYERS = 3, 4, 2, 2
GOOD = {
    "read_in": np.ones((LAYERS, T, M_SMALL, WIDTH)),
    "bias": np.ones((LAYERS, T, M_SMALL)),
    "write_out": np.ones((LAYERS, T, WIDTH, M_SMALL)),
}
CIRCUITS = ResidualCircuits(**GOOD)
CONSTRUCTION = ResidualConstruction(20, 10, 2)
SUPERPOSITION = CONSTRUCTION.compress(CIRCUITS, RNG)
NETWORK = SUPERPOSITION.network
GIVEN = CIRCUITS.moments(np.random.default_rng(1), n_samples=64)
MOMENTS = dict(vars(GIVEN))
STREAM = GaussianCode.draw(T, WIDTH + 1, 20, RNG)
NEURONS = SparseCode.draw("random", T, M_SMALL, 10, 2, RNG)

MLP_GOOD = {
    "weights": [np.ones((T, 4, WIDTH)), np.ones((T, 3, 4))],
    "biases": [-np.ones((T, 4)), np.zeros((T, 3))],
}
MLPS = MLPCircuits(**MLP_GOOD)
MLP_CONSTRUCTION = MLPConstruction(30, 2)
MLP_SUPERPOSITION = MLP_CONSTRUCTION.compress(MLPS, RNG)
MLP_NETWORK = MLP_SUPERPOSITION.network
MLP_CODES = MLP_SUPERPOSITION.codes


def holed(array, value):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array.flat[1] = value
    return array


def circuits_with(name, value):
    return lambda: ResidualCircuits(**{**GOOD, name: value})


def network_with(name, value):
    parts = {n: getattr(NETWORK, n) for n in ("read_in", "bias", "write_out")}
    return lambda: ResidualNetwork(**{**parts, name: value})


def mlps_with(name, *values, **others):
    return lambda: MLPCircuits(**{**MLP_GOOD, name: values, **others})


def mlp_network_with(**parts):
    given = {name: getattr(MLP_NETWORK, name) for name in ("weights", "biases")}
    return lambda: MLPNetwork(**{**given, **parts})


def compressing(circuits=MLPS, construction=MLP_CONSTRUCTION, **codes):
    return lambda: construction.compress(circuits, RNG, **codes)


ARRAYS = [
    (circuits_with("bias", np.ones((LAYERS, T))), ValueError, r"bias: wanted shape .*got \(2, 3\)"),
    (
        circuits_with("write_out", GOOD["read_in"]),
        ValueError,
        r"write_out: wanted shape \(layers = 2, circuits = 3, width = 2, neurons = 4\), "
        r"got \(2, 3, 4, 2\)",
    ),
    (circuits_with("bias", holed(GOOD["bias"], np.nan)), ValueError, "bias: wanted finite"),
    (circuits_with("read_in", holed(GOOD["read_in"], np.inf)), ValueError, "read_in: wanted fin"),
    (circuits_with("bias", GOOD["bias"] + 0j), TypeError, "bias: wanted real .* complex128"),
    (circuits_with("bias", GOOD["bias"] > 0), TypeError, "bias: wanted real .* bool"),
    (circuits_with("bias", GOOD["bias"].astype(object)), TypeError, "bias: wanted real .* object"),
    (circuits_with("bias", GOOD["bias"].astype(np.float32)), TypeError, "wanted one dtype"),
    (circuits_with("bias", [[1.0], [1.0, 2.0]]), ValueError, "bias: wanted a rectangular array"),
    (
        lambda: ResidualCircuits(np.ones((1, 0, 4, 2)), np.ones((1, 0, 4)), np.ones((1, 0, 2, 4))),
        ValueError,
        "wanted at least 1 of circuits, got 0",
    ),
    (network_with("bias", np.ones((2, 11))), ValueError, "bias: wanted shape .*neurons = 10"),
    (network_with("bias", np.full((2, 10), np.nan)), ValueError, "bias: wanted finite"),
    (lambda: NETWORK.run(np.ones((2, 21))), ValueError, "state: wanted shape .*stream = 20"),
    (lambda: NETWORK.run(np.ones((2, 20)) * 1j), TypeError, "state: wanted real"),
    (lambda: GaussianCode(np.ones((3, 2))), ValueError, "directions: wanted shape"),
    (lambda: GaussianCode(np.ones((3, 0, 2))), ValueError, "directions: wanted no empty axis"),
    (lambda: SparseCode(np.ones((3, 2, 1)), 5), TypeError, "slots: wanted whole numbers"),
    (lambda: SparseCode(np.array([[[5]]]), 5), ValueError, "slots: wanted entries from 0 to 4"),
    (lambda: SparseCode(np.array([[[1, 1]]]), 5), ValueError, "slots: wanted distinct"),
    (lambda: SparseCode(np.empty((1, 0, 2), int), 5), ValueError, "slots: wanted no empty axis"),
    (
        lambda: superpose(STREAM, np.ones((T, 2, M_SMALL)), NEURONS),
        ValueError,
        "weights: wanted shape .*outputs = 3",
    ),
    (
        lambda: superpose(STREAM, np.ones((T, 3, 4)), SparseCode.draw("random", 4, 4, 10, 2, RNG)),
        ValueError,
        "read: wanted a code of 3 circuits, got 4",
    ),
    (
        lambda: superpose(
            STREAM, np.ones((T, WIDTH + 1, M_SMALL)), NEURONS, onto=np.zeros((10, 20))
        ),
        ValueError,
        r"onto: wanted a contiguous array \(20, 10\), got shape \(10, 20\)",
    ),
    (
        lambda: superpose(
            STREAM, np.ones((T, WIDTH + 1, M_SMALL)), NEURONS, onto=np.zeros((10, 20)).T
        ),
        ValueError,
        "onto: wanted a contiguous array",
    ),
]

SIZES = [
    (lambda: ResidualCircuits.random(0, 2, 3, 1, RNG), ValueError, "n_circuits: wanted at least 1"),
    (lambda: ResidualCircuits.random(2, 2, 3, -1, RNG), ValueError, "n_layers: wanted at least 1"),
    (lambda: ResidualCircuits.random(2, 2.0, 3, 1, RNG), TypeError, "width: wanted a whole number"),
    (lambda: ResidualConstruction(0, 10), ValueError, "stream_width: wanted at least 1, got 0"),
    (lambda: ResidualConstruction(10, -3), ValueError, "n_neurons: wanted at least 1, got -3"),
    (lambda: ResidualConstruction(10, 3.5), TypeError, "n_neurons: wanted a whole number"),
    (lambda: ResidualConstruction(10, True), TypeError, "n_neurons: wanted a whole number"),
    (lambda: ResidualConstruction(10, 5, 0), ValueError, "redundancy: wanted at least 1"),
    (lambda: ResidualConstruction(10, 5, 6), ValueError, "redundancy: wanted at most 5, the numb"),
    (lambda: ResidualConstruction(10, 5, 2, margin=0), ValueError, "margin: wanted .*above 0"),
    (lambda: ResidualConstruction(10, 5, 2, margin=-1), ValueError, "margin: wanted .*got -1.0"),
    (lambda: ResidualConstruction(10, 5, 2, margin=np.nan), ValueError, "margin: wanted a finite"),
    (lambda: ResidualConstruction(10, 5, 2, margin="1"), TypeError, "margin: wanted a number"),
    (lambda: with_indicator(CIRCUITS, 0.0), ValueError, "margin: wanted"),
    (lambda: SparseCode.draw("random", 2, 2, 5, 6, RNG), ValueError, "redundancy: wanted at most"),
    (lambda: SparseCode.draw("dense", 2, 2, 5, 2, RNG), ValueError, "kind: wanted one of"),
    (
        lambda: SparseCode.draw("prime_step", 558, 4, 1000, 6, RNG),
        ValueError,
        "n_circuits: wanted at most 557, the capacity of 'prime_step' with 250 slots, got 558",
    ),
    (lambda: SparseCode.draw("finite_plane", 2, 8, 5, 1, RNG), ValueError, "width: wanted at most"),
    (lambda: packing("lines", 9, 3), ValueError, "kind: wanted one of"),
    (lambda: packing("prime_step", 5, 6), ValueError, "redundancy: wanted at most 5"),
    (lambda: packing("finite_plane", 24, 6), ValueError, "redundancy: wanted at most 3"),
    (lambda: packing("finite_plane", 5, 3), ValueError, "n_slots: wanted at least 2"),
    (lambda: packing_bound(10, 1), ValueError, "redundancy: wanted at least 2"),
    (
        lambda: SparseCode.draw("disjoint", 2, 3, 5, 2, RNG),
        ValueError,
        "redundancy: wanted at most 1, 5 slots by 3 entries that share none, got 2",
    ),
    (lambda: ResidualConstruction(9, 5, disjoint_carriers=1), TypeError, "disjoint_carriers: want"),
    (lambda: CIRCUITS.moments(RNG, n_samples=63), ValueError, "n_samples: wanted at least 64"),
    (lambda: CIRCUITS.moments(3), TypeError, "rng: wanted a numpy.random.Generator"),
    (lambda: Moments(**{**MOMENTS, "bias": np.ones(3)}), ValueError, "bias: wanted shape"),
    (lambda: Moments(**{**MOMENTS, "state2": np.ones(2)}), ValueError, "state2: wanted shape"),
    (lambda: Moments(**{**MOMENTS, "width": 0}), ValueError, "width: wanted at least 1"),
    (lambda: CONSTRUCTION.predict_error(CIRCUITS, 4), ValueError, "n_active: wanted at most 3"),
    (lambda: CONSTRUCTION.predict_error(NETWORK, 1), TypeError, "circuits: wanted Residual"),
    (lambda: CONSTRUCTION.capacity("few", 1, 0.1), TypeError, "moments: wanted Moments, got str"),
    (lambda: CONSTRUCTION.capacity(GIVEN, 0, 0.1), ValueError, "n_active: wanted at least 1"),
    (lambda: CONSTRUCTION.capacity(GIVEN, 1, 0.0), ValueError, "tolerance: wanted .* above 0"),
    (lambda: CONSTRUCTION.capacity(GIVEN, 1, 1e-9), ValueError, "tolerance: wanted at least .* no"),
    (lambda: CONSTRUCTION.size_for(2, GIVEN, 3, 0.1), ValueError, "n_active: wanted at most 2"),
    (lambda: CONSTRUCTION.size_for(0, GIVEN, 1, 0.1), ValueError, "n_circuits: wanted at least 1"),
    (lambda: CONSTRUCTION.size_for(3, GIVEN, 1, -1.0), ValueError, "tolerance: wanted .* above 0"),
    (lambda: CONSTRUCTION.size_for(9, GIVEN, 9, 1e-15), ValueError, "tolerance: wanted one that"),
    (lambda: SparseCode(np.array([[[0]]]), 0), ValueError, "size: wanted at least 1"),
    (lambda: SparseCode.private(0, 2), ValueError, "n_circuits: wanted at least 1"),
    (lambda: GaussianCode.draw(2, 6, 5, RNG), ValueError, "size: wanted at least 6"),
    (lambda: ResidualConstruction(2, 10).compress(CIRCUITS, RNG), ValueError, "size: wanted at"),
    (lambda: measure_error(SUPERPOSITION, 4, 5, RNG), ValueError, "n_active: wanted at most 3"),
    (lambda: measure_error(SUPERPOSITION, 0, 5, RNG), ValueError, "n_active: wanted at least 1"),
    (lambda: measure_error(SUPERPOSITION, 1, 0, RNG), ValueError, "n_samples: wanted at least 1"),
    (lambda: sweep(dict, [{"a": 1}], 0, RNG), ValueError, "n_seeds: wanted at least 1"),
]

X = np.ones((2, 2, WIDTH))
STATE = np.ones((2, 20))
ACTIVE = [
    ([[0, 0], [0, 1]], ValueError, r"active: wanted distinct .*got \[0, 0\]"),
    ([[0, -1], [0, 1]], ValueError, "active: wanted entries from 0 to 2, got -1 to 1"),
    ([[0, 3], [0, 1]], ValueError, "active: wanted entries from 0 to 2, got 0 to 3"),
    ([[0, 1.5], [0, 1]], TypeError, "active: wanted whole numbers, got an array of dtype float64"),
    ([[True, False], [True, False]], TypeError, "active: wanted whole numbers, .* bool"),
    ([0, 1], ValueError, r"active: wanted shape \(batch, active\), got \(2,\)"),
    ([[0, 1], [0]], ValueError, "active: wanted a rectangular array"),
]

OTHERS = [
    (lambda: CIRCUITS.run(X[..., :1], [[0, 1]] * 2), ValueError, "inputs: wanted .*width = 2"),
    (lambda: CIRCUITS.run(X, [[0, 1, 2]] * 2), ValueError, "inputs: wanted .*active = 3"),
    (lambda: CIRCUITS.run(holed(X, np.nan), [[0, 1]] * 2), ValueError, "inputs: wanted finite"),
    (lambda: SUPERPOSITION.run(X > 0, [[0, 1]] * 2), TypeError, "inputs: wanted real"),
    (lambda: SUPERPOSITION.embed(X[:1], [[0, 1]] * 2), ValueError, "inputs: wanted .*batch = 2"),
    (lambda: SUPERPOSITION.read(STATE, [[0], [3]], 0), ValueError, "which: wanted entries"),
    (lambda: SUPERPOSITION.read(STATE[:, 1:], [[0], [1]], 0), ValueError, "state: wanted shape"),
    (lambda: SUPERPOSITION.read(STATE, [[0]], 0), ValueError, "which: wanted .*batch = 2"),
    (lambda: SUPERPOSITION.read(STATE, [[0], [1]], 3), ValueError, "layer: wanted entries from 0"),
    (lambda: SUPERPOSITION.read(STATE, [[0], [1]], 0.5), TypeError, "layer: wanted whole"),
    (lambda: SUPERPOSITION.read_all(STATE, -1), ValueError, "layer: wanted entries from 0"),
    (lambda: CONSTRUCTION.compress("circuits", RNG), TypeError, "circuits: wanted ResidualCirc"),
    (
        lambda: CONSTRUCTION.compress(
            CIRCUITS, RNG, codes=PostCodes(GaussianCode.draw(T, 2, 20, RNG))
        ),
        ValueError,
        r"codes.stream: wanted \(circuits, width, size\) = \(3, 3, 20\), got \(3, 2, 20\)",
    ),
    (
        lambda: CONSTRUCTION.compress(CIRCUITS, RNG, codes=PostCodes(neurons=[NEURONS])),
        ValueError,
        "codes.neurons: wanted 2, one per layer, got 1",
    ),
    (
        lambda: CONSTRUCTION.compress(CIRCUITS, RNG, codes=PostCodes(neurons=[NEURONS, STREAM])),
        ValueError,
        r"codes.neurons\[1\]: wanted",
    ),
]

OTHERS += [
    (lambda: GaussianCode.draw(2, 2, 5, RNG, dtype=int), TypeError, "dtype: wanted float32 or"),
    (lambda: GaussianCode.draw(2, 2, 5, RNG, dtype="x"), TypeError, "dtype: wanted float32 or"),
    (lambda: SparseCode.private(2, 2, dtype="U3"), TypeError, "dtype: wanted float32 or"),
    (lambda: ResidualConstruction(9, 9, orthonormal="no"), TypeError, "orthonormal: wanted bool"),
    (lambda: with_indicator(None, 1.0), TypeError, "circuits: wanted ResidualCircuits, got None"),
    (lambda: CIRCUITS.take([3]), ValueError, "which: wanted entries from 0 to 2"),
    (
        lambda: CIRCUITS.astype(np.float32).run(1e39 * X, [[0, 1]] * 2),
        ValueError,
        "inputs: wanted finite numbers, got NaN or infinity in float32",
    ),
    (
        lambda: SUPERPOSITION.embed(holed(X, np.inf), [[0, 1]] * 2),
        ValueError,
        "inputs: wanted finite",
    ),
    (
        lambda: CONSTRUCTION.compress(CIRCUITS, RNG, codes=PostCodes(np.ones(3))),
        TypeError,
        "codes.stream: wanted Code, got ndarray",
    ),
    (
        lambda: CONSTRUCTION.compress(CIRCUITS, RNG, codes=PostCodes(neurons=NEURONS)),
        TypeError,
        "codes.neurons: wanted Sequence, got SparseCode",
    ),
    (
        lambda: ResidualConstruction(20, 10, 3).compress(
            CIRCUITS, RNG, codes=PostCodes(neurons=[NEURONS] * 2)
        ),
        ValueError,
        r"codes.neurons\[0\]: wanted redundancy 3",
    ),
    (
        lambda: ResidualNetwork(np.ones((0, 2, 3)), np.ones((0, 2)), np.ones((0, 3, 2))),
        ValueError,
        "read_in: wanted at least 1 of layers, got 0",
    ),
    (lambda: NETWORK.step(STATE, -1), ValueError, "layer: wanted entries from 0 to 1"),
    (lambda: SUPERPOSITION.read_all(STATE[0], 0), ValueError, "state: wanted shape"),
    (lambda: SUPERPOSITION.read_all(STATE * np.nan, 0), ValueError, "state: wanted finite"),
    (lambda: NEURONS.decode_all(STATE), ValueError, "state: wanted shape .*size = 10"),
    (lambda: measure_error("it", 1, 5, RNG), TypeError, "superposition: wanted Superposition"),
    (
        lambda: measure_error(SUPERPOSITION, 1, 5, RNG, sample_inputs=lambda a, g: X),
        ValueError,
        r"sample_inputs: wanted shape \(samples = 5, active = 1, width = 2\), got \(2, 2, 2\)",
    ),
    (
        lambda: measure_error(SUPERPOSITION, 1, 5, RNG, sample_inputs=lambda a, g: None),
        TypeError,
        "sample_inputs: wanted real numbers",
    ),
    (
        lambda: measure_error(SUPERPOSITION, 1, 5, RNG, observe=lambda a: a[..., 0]),
        ValueError,
        r"observe: wanted an array \(.*'n'\), got shape",
    ),
    (
        lambda: measure_error(SUPERPOSITION, 1, 5, RNG, observe=lambda a: 3.0),
        ValueError,
        "observe: wanted an array",
    ),
]

W, B = MLP_GOOD["weights"], MLP_GOOD["biases"]
MLP_STATE = np.ones((2, 30))
MANY = "weights, biases: wanted as many of both, at least 1, got"

MLP = [
    (mlps_with("biases", B[0]), ValueError, f"{MANY} 2 and 1"),
    (lambda: MLPCircuits([], []), ValueError, f"{MANY} 0 and 0"),
    (mlps_with("weights", W[0], W[0]), ValueError, r"weights\[1\]: wanted .*width_1 = 4\), got"),
    (mlps_with("weights", W[0], W[1][:2]), ValueError, r"weights\[1\]: wanted .*circuits = 3"),
    (mlps_with("biases", B[0], B[0]), ValueError, r"biases\[1\]: wanted .*width_2 = 3\), got"),
    (mlps_with("weights", holed(W[0], np.nan), W[1]), ValueError, r"weights\[0\]: wanted finite"),
    (mlps_with("biases", B[0], holed(B[1], np.inf)), ValueError, r"biases\[1\]: wanted finite"),
    (mlps_with("biases", B[0] + 0j, B[1]), TypeError, r"biases\[0\]: wanted real .* complex128"),
    (mlps_with("biases", B[0], B[1].astype(np.float32)), TypeError, "biases: wanted one dtype"),
    (
        lambda: MLPCircuits([np.ones((3, 0, 2))], [np.ones((3, 0))]),
        ValueError,
        "weights: wanted at least 1 of width_1, got 0",
    ),
    (lambda: MLPS.take(np.array([], int)), ValueError, "wanted at least 1 of circuits, got 0"),
    (lambda: MLPS.take([-1]), ValueError, "which: wanted entries from 0 to 2, got -1"),
    (lambda: MLPS.take([[0]]), ValueError, "which: wanted shape"),
    (
        mlps_with("activations", "relu", "gelu"),
        ValueError,
        r"activations: wanted one of \('relu', 'linear'\), got 'gelu'",
    ),
    (
        lambda: MLPCircuits(**MLP_GOOD, activations="tanh"),
        ValueError,
        "activations: wanted .*'tanh'",
    ),
    (mlps_with("activations", "relu"), ValueError, "activations: wanted 2, one per layer, got 1"),
    (lambda: MLPCircuits.random(2, [3], RNG), ValueError, "widths: wanted at least an input and"),
    (lambda: MLPCircuits.random(2, [3, 0], RNG), ValueError, r"widths\[1\]: wanted at least 1"),
    (lambda: MLPCircuits.random(2, [3.0, 1], RNG), TypeError, r"widths\[0\]: wanted a whole"),
    (lambda: MLPCircuits.random(0, [3, 1], RNG), ValueError, "n_circuits: wanted at least 1"),
    (lambda: MLPS.run(X[..., :1], [[0, 1]] * 2), ValueError, "inputs: wanted .*width = 2"),
    (lambda: MLPS.run(holed(X, np.nan), [[0, 1]] * 2), ValueError, "inputs: wanted finite"),
    (lambda: MLPS.run(X > 0, [[0, 1]] * 2), TypeError, "inputs: wanted real"),
    (
        lambda: rotation_circuits(2, 2, RNG, threshold=0.2),
        ValueError,
        "threshold: wanted a step that is flat at 0 and 1, .* got 0.2 with gain 2",
    ),
    (lambda: rotation_circuits(2, 2, RNG, threshold=0.8), ValueError, "threshold: .* got 0.8 with"),
    (lambda: rotation_circuits(2, 2, RNG, gain=0.9), ValueError, "threshold: .* with gain 0.9"),
    (lambda: rotation_circuits(2, 2, RNG, gain=0), ValueError, "gain: wanted .* above 0"),
    (lambda: rotation_circuits(2, 2, RNG, gain=np.inf), ValueError, "gain: wanted a finite number"),
    (lambda: rotation_circuits(2, 2, RNG, threshold="½"), TypeError, "threshold: wanted a number"),
    (lambda: rotation_circuits(0, 2, RNG), ValueError, "n_circuits: wanted at least 1"),
    (lambda: rotation_circuits(2, 0, RNG), ValueError, "n_layers: wanted at least 1"),
    (mlp_network_with(biases=[np.ones(30)]), ValueError, f"{MANY} 2 and 1"),
    (mlp_network_with(weights=[], biases=[]), ValueError, f"{MANY} 0 and 0"),
    (mlp_network_with(biases=[np.ones(30), np.ones(2)]), ValueError, r"biases\[1\]: wanted shape"),
    (
        mlp_network_with(weights=[np.ones((30, 5)), np.ones((30, 29))]),
        ValueError,
        r"weights\[1\]: wanted .*width_1 = 30\), got \(30, 29\)",
    ),
    (
        mlp_network_with(weights=[np.full((30, 30), np.nan), np.ones((30, 30))]),
        ValueError,
        r"weights\[0\]: wanted finite",
    ),
    (mlp_network_with(biases=[np.ones(30) > 0] * 2), TypeError, r"biases\[0\]: wanted real"),
    (lambda: MLPNetwork([np.ones((3, 0))], [np.ones(3)]), ValueError, "at least 1 of width_0, got"),
    (
        mlp_network_with(activations=["relu"] * 3),
        ValueError,
        "activations: wanted 2, one per layer",
    ),
    (mlp_network_with(activations="sine"), ValueError, "activations: wanted one of .*'sine'"),
    (lambda: MLP_NETWORK.run(MLP_STATE[:, 1:]), ValueError, "state: wanted shape .*width = 30"),
    (lambda: MLP_NETWORK.run(MLP_STATE * np.nan), ValueError, "state: wanted finite"),
    (lambda: MLP_NETWORK.step(MLP_STATE, 2), ValueError, "layer: wanted entries from 0 to 1"),
    (lambda: MLP_NETWORK.step(MLP_STATE, -1), ValueError, "layer: wanted entries from 0 to 1"),
    (lambda: MLPConstruction(0, 1), ValueError, "width: wanted at least 1, got 0"),
    (lambda: MLPConstruction(9.0, 1), TypeError, "width: wanted a whole number"),
    (lambda: MLPConstruction(9, 0), ValueError, "redundancy: wanted at least 1"),
    (
        lambda: MLPConstruction(9, 10),
        ValueError,
        "redundancy: wanted at most 9, the number of neur",
    ),
    (lambda: MLPConstruction(9, 2, "random"), ValueError, "code: wanted one of .*got 'random'"),
    (lambda: MLPConstruction(9, 2, suppression=0), ValueError, "suppression: wanted .* above 0"),
    (lambda: MLPConstruction(9, 2, suppression=None), TypeError, "suppression: wanted a number"),
    (compressing("circuits"), TypeError, "circuits: wanted MLPCircuits, got str"),
    (compressing(CIRCUITS), TypeError, "circuits: wanted MLPCircuits, got ResidualCircuits"),
    (
        compressing(MLPCircuits(W, [B[0], np.array([[0], [-2], [-1]]) * np.ones(3)])),
        ValueError,
        r"biases\[1\]: wanted one bias vector for all .*, .* differ by up to 2",
    ),
    (
        compressing(MLPCircuits(W, [B[0], B[1] + [0, 0, 0.25]])),
        ValueError,
        r"biases\[1\]: wanted none above 0, so that .*, got 0.25",
    ),
    (
        compressing(MLPCircuits(W, B, ["relu", "linear"])),
        ValueError,
        "activations: wanted ReLU in every layer, .*got 'linear' in layer 1",
    ),
    (
        compressing(MLPS.take([0] * 16)),
        ValueError,
        "n_circuits: wanted at most 15, the capacity of 'prime_step' with 7 slots, got 16",
    ),
    (
        compressing(construction=MLPConstruction(3, 1)),
        ValueError,
        "width: wanted at most 3, .*got 4",
    ),
    (compressing(construction=MLPConstruction(7, 2)), ValueError, "redundancy: wanted at most 1"),
    (compressing(codes=MLP_CODES[:1]), ValueError, "codes: wanted 2, one per layer, got 1"),
    (
        compressing(codes=[MLP_CODES[0], STREAM]),
        TypeError,
        r"codes\[1\]: wanted SparseCode, got Gau",
    ),
    (
        compressing(codes=MLP_CODES[::-1]),
        ValueError,
        r"codes\[0\]: wanted \(circuits, width, redundancy, size\) = \(3, 4, 2, 30\), "
        r"got \(3, 3, 2, 30\)",
    ),
    (
        compressing(codes=[MLP_CODES[0], SparseCode.draw("random", T, 3, 30, 2, RNG)]),
        ValueError,
        "slots: wanted the same sets in each of 3 equal blocks",
    ),
    (
        lambda: MLP_SUPERPOSITION.read(MLP_STATE, [[0], [3]], 0),
        ValueError,
        "which: wanted entries",
    ),
    (
        lambda: MLP_SUPERPOSITION.read(MLP_STATE, [[0], [1]], 3),
        ValueError,
        "layer: wanted entries from 0 to 2",
    ),
    (lambda: MLP_SUPERPOSITION.read_all(MLP_STATE, -1), ValueError, "layer: wanted entries from 0"),
    (lambda: MLP_SUPERPOSITION.read_all(STATE, 0), ValueError, "state: wanted shape .*size = 30"),
]

SEEDS = {
    "random circuits": lambda rng: ResidualCircuits.random(2, 2, 3, 1, rng),
    "dense code": lambda rng: GaussianCode.draw(2, 2, 5, rng),
    "sparse code": lambda rng: SparseCode.draw("random", 2, 2, 5, 2, rng),
    "compress": lambda rng: CONSTRUCTION.compress(CIRCUITS, rng),
    "random MLPs": lambda rng: MLPCircuits.random(2, [2, 3], rng),
    "rotations": lambda rng: rotation_circuits(2, 3, rng),
    "compress MLPs": lambda rng: MLP_CONSTRUCTION.compress(MLPS, rng),
    "compress MLPs, codes given": lambda rng: MLP_CONSTRUCTION.compress(MLPS, rng, codes=MLP_CODES),
    "measure_error": lambda rng: measure_error(SUPERPOSITION, 1, 5, rng),
    "sample_active": lambda rng: sample_active(5, 1, 5, rng),
    "sweep": lambda rng: sweep(dict, [{"a": 1}], 1, rng),
}


@pytest.mark.parametrize(("call", "error", "message"), ARRAYS + SIZES + OTHERS + MLP)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(("active", "error", "message"), ACTIVE)
@pytest.mark.parametrize(
    "run",
    [
        CIRCUITS.run,
        SUPERPOSITION.run,
        SUPERPOSITION.embed,
        MLPS.run,
        MLP_SUPERPOSITION.run,
        MLP_SUPERPOSITION.embed,
        lambda inputs, active: STREAM.encode(np.ones((2, 2, 3)), active),
        lambda inputs, active: NEURONS.encode(np.ones((2, 2, 4)), active),
    ],
    ids=[
        "circuits",
        "superposition",
        "embed",
        "MLPs",
        "MLP superposition",
        "MLP embed",
        "dense code",
        "sparse code",
    ],
)
def test_bad_active_sets_are_refused(run, active, error, message):
    with pytest.raises(error, match=message):
        run(X, active)


@pytest.mark.parametrize("call", SEEDS.values(), ids=SEEDS)
def test_a_seed_is_no_generator(call):
    with pytest.raises(TypeError, match=r"rng: wanted .*default_rng\(7\)"):
        call(7)
    with pytest.raises(TypeError, match=r"rng: wanted a numpy\.random\.Generator, got RandomS"):
        call(np.random.RandomState(0))
