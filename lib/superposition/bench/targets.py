"""Named networks with known circuits, from easy to hard, made from fixed seeds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from superposition._check import Floats, instance
from superposition.circuits import (
    MLPCircuits,
    ResidualCircuits,
    rotation_circuits,
    rotation_vector,
)
from superposition.circuits.inputs import sample_active
from superposition.constructions import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPConstruction,
    ResidualConstruction,
)
from superposition.interop.files import packed
from superposition.maps import SparseCode
from superposition.measure import measure_error
from superposition.network import ResidualNetwork, activate
from superposition.predict.by_circuit import Observer
from superposition.superposition import Superposition

_SAMPLES = 300  # of active sets, by which a target's own error is measured
_GUESSES = 64  # inputs of each circuit, by which it is guessed
_BIAS = 0.2  # of random circuits, times what `MLPCircuits.random` draws
_EXACT = 1e-20  # relative_mse below which nothing but rounding is left


@dataclass(frozen=True)
class Target:
    """One network to take apart. `TARGETS` has the suite.

    name: the name by which results refer to the target.
    make: a function of a generator that returns the superposition; `build` gives it that of `seed`.
    n_active: k, how many circuits are active at once.
    seed: the seed of circuits and codes.
    checksum: the checksum of the integers of its codes, which are the same on any machine.
    probe: the value of `probe` for the whole network, which is the same up to rounding.
    hard: what makes the target hard.
    observe: a map of states to what the errors are of; None: the states themselves.

    >>> from superposition.bench import TARGETS
    >>> target = TARGETS["ping-pong"]
    >>> target.n_active, target.build().network
    (1, MLPNetwork(widths 66 → 66 → 66 → 110))
    """

    name: str
    make: Callable[[np.random.Generator], Superposition]
    n_active: int
    seed: int
    checksum: str
    probe: float
    hard: str
    observe: Observer | None = None

    def build(self) -> Superposition:
        """Return the superposition. Raises ValueError where it is not the suite's."""
        superposition = self.make(np.random.default_rng(self.seed))
        found = code_checksum(superposition), probe(superposition)
        if found[0] != self.checksum or not np.isclose(found[1], self.probe, rtol=1e-5):
            raise ValueError(
                f"{self.name}: wanted checksum {self.checksum} and probe {self.probe}, got "
                f"{found[0]} and {found[1]:.8g}: another version of the library or of NumPy draws "
                "others"
            )
        return superposition

    def card(self, superposition: Superposition | None = None) -> pd.DataFrame:
        """Describe the target in one row, from the network as it is built or given.

        The columns are these:

        circuits: T, the number of circuits.
        layers: L, the number of layers.
        widths: the widths of a circuit's states.
        large_width: the width of the widest large state.
        weights: the number of weights of the large network.
        per_parameter: the weights divided by the circuits' own parameters.
        load: the directions of circuits for each dimension of the large state.
        n_active: how many circuits are active at once.
        error: relative_mse after the last layer, measured; 0 where only rounding is left.
        naive: the `naive_error`.
        precision: the `precision_needed`, without which the network does not compute its circuits.
        hard: what makes the target hard.
        """
        large = self.build() if superposition is None else superposition
        instance("superposition", large, Superposition)
        circuits, network = large.circuits, large.network
        rng = np.random.default_rng(self.seed)
        errors = measure_error(large, self.n_active, _SAMPLES, rng, observe=self.observe)
        error, width = float(errors["relative_mse"].iloc[-1]), max(network.widths)
        row = {
            "circuits": circuits.n_circuits,
            "layers": circuits.n_layers,
            "widths": "–".join(map(str, sorted(set(circuits.widths)))),
            "large_width": width,
            "weights": network.n_parameters,
            "per_parameter": network.n_parameters / circuits.n_parameters,
            "load": circuits.n_circuits * max(circuits.widths) / width,
            "n_active": self.n_active,
            "error": 0.0 if error < _EXACT else error,
            "naive": naive_error(large, rng, self.observe),
            "precision": precision_needed(large, self.n_active, self.observe),
            "hard": self.hard,
        }
        return pd.DataFrame([row], index=pd.Index([self.name], name="target"))


def naive_error(
    superposition: Superposition, rng: np.random.Generator, observe: Observer | None = None
) -> float:
    """Return the error if the circuits that fit have their own neurons, and others are guessed.

    The error is relative to the mean square of final states, as relative_mse is. The guess for a
    circuit is the mean of its own final states, the best constant there is. So a network has a
    smaller error only if it computes more circuits than it has neurons for.
    """
    circuits = superposition.circuits
    every = np.repeat(np.arange(circuits.n_circuits), _GUESSES)[:, None]
    states = circuits.run(circuits.default_inputs(every, rng).astype(circuits.dtype), every)[-1]
    states = states if observe is None else observe(states)
    each = states.reshape(circuits.n_circuits, _GUESSES, -1)
    left = np.var(each, axis=1, ddof=1).sum() / np.mean(each**2, axis=1).sum()
    return float(left) * (1 - min(fit_side_by_side(superposition) / circuits.n_circuits, 1))


_BITS = {"bfloat16": 8, "float32": 24}  # of significands
_ADDED = 1e-4  # by which an error may be larger in lower precision


def precision_needed(
    superposition: Superposition, n_active: int, observe: Observer | None = None
) -> str:
    """Return the lowest of bfloat16, float32 and float64 in which errors are about as small.

    The relative error after the last layer, of 300 active sets of one fixed seed, may be 1e-4
    larger than in double precision. Lower precision means, as trainers' autocast does it, that
    states, weights and what a layer makes are rounded, and that sums are not.
    """
    circuits, rng = superposition.circuits, np.random.default_rng(0)
    active = sample_active(circuits.n_circuits, n_active, _SAMPLES, rng)
    inputs = circuits.default_inputs(active, rng).astype(circuits.dtype)
    truth = circuits.run(inputs, active)[-1].astype(float)
    first = np.asarray(superposition.embed(inputs, active), float)
    last = circuits.n_layers
    seen = (lambda states: states) if observe is None else observe

    def error(bits: int) -> float:
        state = _run_rounded(superposition, first, bits)
        wrong = seen(superposition.read(state, active, last)) - seen(truth)
        return float(np.sum(wrong**2) / np.sum(seen(truth) ** 2))

    double = error(53)
    for name, bits in _BITS.items():
        if error(bits) <= double + _ADDED:
            return name
    return "float64"


def _run_rounded(superposition: Superposition, state: Floats, bits: int) -> Floats:
    """Return the last states (batch, D), with numbers of so many significant bits."""
    network: Any = superposition.network
    for layer in range(network.n_layers):
        if isinstance(network, ResidualNetwork):
            inner = _rounded(state, bits) @ _rounded(network.read_in[layer], bits).T
            neurons = np.maximum(_rounded(_rounded(inner, bits) + network.bias[layer], bits), 0)
            added = _rounded(neurons @ _rounded(network.write_out[layer], bits).T, bits)
            state = _rounded(state + added, bits)
        else:
            inner = _rounded(state, bits) @ _rounded(network.weights[layer], bits).T
            state = _rounded(_rounded(inner, bits) + network.biases[layer], bits)
            activate(state, network.activations[layer])
    return state


def _rounded(values: Floats, bits: int) -> Floats:
    """Return the nearest numbers with so many significant bits."""
    shares, exponents = np.frexp(np.asarray(values, float))
    return np.ldexp(np.rint(np.ldexp(shares, bits)), exponents - bits)


def probe(superposition: Superposition) -> float:
    """Return one number that depends on all weights, codes and inputs: a length of final states.

    It is the root mean square of the last states of circuits 0, 1, 2, …, 15, each alone, on their
    own inputs from one fixed seed.
    """
    circuits = superposition.circuits
    some = np.arange(min(circuits.n_circuits, 16))[:, None]
    inputs = circuits.default_inputs(some, np.random.default_rng(0))
    last = superposition.run(inputs.astype(circuits.dtype), some)[-1]
    return float(np.sqrt(np.mean(np.square(last, dtype=float))))


def fit_side_by_side(superposition: Superposition) -> int:
    """Return how many circuits could have their own neurons and dimensions in the network."""
    circuits, width = superposition.circuits, max(superposition.network.widths)
    fit = width // max(circuits.widths)
    if isinstance(circuits, ResidualCircuits):
        network: Any = superposition.network
        fit = min(fit, network.n_neurons // circuits.n_neurons)
    return fit


def code_checksum(superposition: Superposition) -> str:
    """Return the first 12 hexadecimal digits of SHA-256 of all integers of the codes."""
    arrays: dict[str, np.ndarray] = {}
    packed(superposition, "", arrays)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if arrays[name].dtype.kind in "iu":
            digest.update(np.ascontiguousarray(arrays[name], "<i8").tobytes())
    return digest.hexdigest()[:12]


def _mlps(n_circuits: int, n_layers: int, rng: np.random.Generator) -> MLPCircuits:
    """Draw random circuits of width 4 whose answers are about zero on average.

    So no constant is a good answer. All layers but the last are followed by ReLU.
    """
    drawn = MLPCircuits.random(n_circuits, [4] * (n_layers + 1), rng)
    biases = [_BIAS * bias for bias in drawn.biases]
    names = ["relu"] * (n_layers - 1) + ["linear"]
    circuits = MLPCircuits(drawn.weights, biases, names)
    every = np.repeat(np.arange(n_circuits), _GUESSES)[:, None]
    answers = circuits.run(circuits.default_inputs(every, rng), every)[-1]
    biases[-1] = biases[-1] - answers.reshape(n_circuits, _GUESSES, -1).mean(axis=1)
    return MLPCircuits(drawn.weights, biases, names)


def _private(rng: np.random.Generator) -> Superposition:
    """Make a network in which each circuit has its own slots, in both codes."""
    own = SparseCode(np.arange(64)[:, None, None], 64)
    return GatedConstruction().compress(_mlps(64, 3, rng), rng, codes=(own, own))


def _ping_pong(rng: np.random.Generator) -> Superposition:
    return GatedConstruction().compress(_mlps(64, 3, rng), rng)


def _chains(rng: np.random.Generator) -> Superposition:
    return ChainConstruction(3).compress(_mlps(121, 4, rng), rng)


def _residual(rng: np.random.Generator) -> Superposition:
    circuits = ResidualCircuits.random(121, 4, 8, 3, rng)
    return GatedResidualConstruction().compress(circuits, rng)


def _gated(rng: np.random.Generator) -> Superposition:
    return GatedConstruction(1128, redundancy=4).compress(_mlps(529, 4, rng), rng)


def _sequel(rng: np.random.Generator) -> Superposition:
    circuits = rotation_circuits(557, 3, rng, threshold=0.75, gain=4.0)
    return MLPConstruction(1000, 3, code="finite_plane").compress(circuits, rng)


def _post(rng: np.random.Generator) -> Superposition:
    circuits = ResidualCircuits.random(400, 4, 8, 2, rng)
    return ResidualConstruction(1024, 2048).compress(circuits, rng)


def _deep(rng: np.random.Generator) -> Superposition:
    return GatedConstruction(2988, redundancy=6).compress(_mlps(1681, 6, rng), rng)


_SUITE = (
    Target(
        "private", _private, 3, 1, "7a4644928f3a", 0.3807633,
        "nothing: each circuit has neurons to itself",
    ),
    Target(
        "ping-pong", _ping_pong, 1, 2, "be736c1305c7", 0.3926253,
        "circuits share neurons, a slot each; one active at a time",
    ),
    Target(
        "chains", _chains, 2, 3, "76b74aefa213", 0.3631603,
        "two active, each in one of three places, chosen for the whole set",
    ),
    Target(
        "residual", _residual, 1, 4, "9c08a1d738d4", 0.8173594,
        "a residual stream, cleaned after each layer",
    ),
    Target(
        "gated", _gated, 2, 5, "c72c5a8c81f4", 0.4595542,
        "four slots each, two active, with noise",
    ),
    Target(
        "sequel", _sequel, 1, 6, "9f0887af7aea", 1.166685,
        "the network is not told who is active; indicators recompute it in each layer",
        rotation_vector,
    ),
    Target(
        "post", _post, 1, 7, "2f0dd9880fee", 0.5665934,
        "dense random directions in a residual stream, with noise",
    ),
    Target(
        "deep", _deep, 3, 8, "c0d50d16695d", 0.2989611,
        "1,681 circuits over six layers, three active",
    ),
)  # fmt: skip
TARGETS = {target.name: target for target in _SUITE}
