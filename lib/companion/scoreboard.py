"""The scoreboard: all constructions on the same circuits, in as many weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import isqrt
from typing import TypeVar

import numpy as np
import pandas as pd

from companion._study import Study, data
from companion.how_many import bisect_largest
from companion.rotations import DEPTH
from superposition._check import Floats, Integers, instance, positive_int
from superposition.circuits import (
    MLPCircuits,
    as_residual,
    rotation_circuits,
    rotation_vector,
    switched,
)
from superposition.circuits.conditional import conditional_bias, conditional_weights, on_neurons
from superposition.circuits.inputs import sample_active
from superposition.constructions import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPConstruction,
    ResidualConstruction,
)
from superposition.constructions.chains import copies_of_one, run_undisturbed
from superposition.constructions.recomputed import RecomputedGates, gate_values
from superposition.maps import GATES, SparseCode, TwoCodes, draw_codes
from superposition.network import MLPNetwork, ResidualNetwork
from superposition.placing import place
from superposition.readers import shared_weights
from superposition.results import read_table
from superposition.superposition import Superposition
from superposition.sweep import Setting
from superposition.theory import evaluate, limits, symbols
from superposition.theory import gated as gated_theory
from superposition.theory import gated as theory

Sized = TypeVar("Sized")  # constructions of one kind, of different sizes
Run = Callable[[Floats, Integers], tuple[Floats, ...]]
REDUNDANCIES = (1, 2, 3, 4, 6, 8)
_ALIKE = 1.1  # errors that differ by no more count as equal: then more redundancy is safer
_STEPS = ((0.5, 2.0), (0.7, 4.0), (0.75, 4.0), (0.875, 8.0))  # thresholds and gains


@dataclass(frozen=True)
class Compiled:
    """This describes circuits in a large network, and the size of that network.

    `run` takes inputs (batch, k, d_0) and active circuits (batch, k) to the states after 0 … L
    layers; a state is NaN if the construction does not know it. `width` is the number of neurons of
    the widest layer, or the width of the stream if that is larger. `layers` counts the layers of
    the large network, and `weights` the weights of all of them, zeros included.
    """

    run: Run
    width: int
    layers: int
    weights: int


Build = Callable[[MLPCircuits, int, int, np.random.Generator], Compiled]


def in_words(error: float) -> str:
    """Return a relative squared error for a table: "lost" above 1, a dash where there is none."""
    if error != error:
        return "—"
    return "lost" if error > 1 else f"{error:.2g}"


def from_superposition(superposition: Superposition, run: Run | None = None) -> Compiled:
    """Describe a superposition as `Compiled`; `run`, if given, replaces its own way to run."""
    network = superposition.network
    if isinstance(network, ResidualNetwork):
        width = max(network.stream_width, network.n_neurons)
        weights = network.read_in.size + network.write_out.size
    elif isinstance(network, MLPNetwork):
        width, weights = max(network.widths), sum(weight.size for weight in network.weights)
    return Compiled(run or superposition.run, width, network.n_layers, weights)


def post(redundancy: int | None = None, disjoint_carriers: bool = False) -> Build:
    """Return the builder of the post's construction, of `as_residual` circuits, with M = 2D."""

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        width = isqrt(weights // 4)
        construction = ResidualConstruction(
            width, 2 * width, redundancy, disjoint_carriers=disjoint_carriers
        )
        large = construction.compress(as_residual(circuits), rng)
        return from_superposition(large, _unpadded(large, circuits))

    return build


def _unpadded(large: Superposition, circuits: MLPCircuits) -> Run:
    """Return a run with states of the circuits' own widths, without padding."""

    def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        missing = large.circuits.widths[0] - inputs.shape[-1]
        states = large.run(np.pad(inputs, [(0, 0), (0, 0), (0, missing)]), active)
        return tuple(a[..., :d] for a, d in zip(states, circuits.widths, strict=True))

    return run


def sequel(
    code: str = "prime_step",
    redundancy: int = 6,
    threshold: float = 0.5,
    gain: float = 2.0,
    margin: float = 1.0,
) -> Build:
    """Return the builder of the sequel's construction.

    The circuits become conditional rotations if they are rotations, else `switched` circuits.
    """

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        step = {"threshold": threshold, "gain": gain}
        if linear := set(circuits.activations) == {"linear"}:
            inner = _conditional(circuits, **step)
        else:
            inner = switched(circuits, margin=margin, **step)
        large = MLPConstruction(isqrt(weights), redundancy, code).compress(inner, rng)
        first = on_neurons(threshold, gain)

        def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
            on = np.broadcast_to(first, (*active.shape, 2))
            states = large.run(np.concatenate([on, inputs + linear], axis=-1), active)
            return tuple(rotation_vector(a) if linear else a[..., 2:] for a in states)

        return from_superposition(large, run)

    return build


def _conditional(circuits: MLPCircuits, threshold: float, gain: float) -> MLPCircuits:
    """Turn plain rotations into conditional ones. Raises ValueError for other linear circuits."""
    turns = [
        weight.swapaxes(1, 2) @ weight - np.eye(weight.shape[2]) for weight in circuits.weights
    ]
    off = max(float(np.abs(array).max()) for array in (*turns, *circuits.biases))
    if set(circuits.widths) != {2} or off > 1e-5:
        raise ValueError("circuits: wanted ReLU layers or rotations, got other linear layers")
    bias = np.tile(conditional_bias(threshold, gain), (circuits.n_circuits, 1))
    weights = [conditional_weights(turns, gain) for turns in circuits.weights]
    return MLPCircuits(weights, [bias] * len(weights))


def gated(circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator) -> Compiled:
    """Build gated superposition with the redundancy of least predicted error.

    If several circuits are active, the redundancy is at least 2. With one slot for each circuit,
    errors are few and large, so their mean does not say what to expect.
    """
    made = [GatedConstruction(isqrt(weights), r) for r in REDUNDANCIES[n_active > 1 :]]
    construction = _best(made, lambda one: one.predict_error(circuits, n_active, law="derived"))
    return from_superposition(construction.compress(circuits, rng))


def recomputed_gates(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build gated superposition with `RecomputedGates`, which each layer computes anew.

    Redundancy and step are those of least predicted loss. Raises ValueError where no redundancy
    makes room for the circuits.
    """
    widest = max(circuits.widths) + GATES
    width = isqrt(weights) * widest // (widest + 1)  # there is one block more
    found = []
    for r, step in product(REDUNDANCIES[1:], _STEPS):
        construction, gates = GatedConstruction(width, r), RecomputedGates(*step)
        try:
            holds = construction.holds(circuits.widths)
        except ValueError:
            continue
        if holds >= circuits.n_circuits:
            slots = r * isqrt(holds)
            found.append((_lost(gates, slots, r, circuits, n_active), -r, construction, gates))
    if not found:
        raise ValueError(f"weights: wanted room for {circuits.n_circuits} circuits, got {weights}")
    _, _, construction, gates = min(found, key=lambda row: row[:2])
    return from_superposition(gates.rebuild(construction.compress(circuits, rng)))


def _lost(
    gates: RecomputedGates, slots: int, r: int, circuits: MLPCircuits, n_active: int
) -> float:
    """Predict the share of gates in use that are lost, plus false gates for each gate in use."""
    sizes = {symbols.T: circuits.n_circuits, symbols.r: r, theory.slots: slots}
    connected = float(np.clip(evaluate(theory.slots_meet(), sizes), 1e-9, 0.999))
    try:
        table = gates.follow(slots, r, connected, n_active, circuits.n_layers)
    except ValueError:  # more slots active than there are
        return np.inf
    return float((table["missed"] + table["false"] * slots / (n_active * r)).iloc[-1])


def gated_residual(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build a gated residual network of `as_residual` circuits, in 2L − 1 layers."""
    inner = as_residual(circuits)
    stream, neurons = inner.width + 2, max(inner.n_neurons, 2 * inner.width)
    made = []
    for r in (1, 2, 3, 4):
        if width := residual_room(weights, inner.n_layers, r, stream, neurons):
            made.append(GatedResidualConstruction(width, r, r))
    construction = _best(made, lambda one: one.predict_error(inner, n_active))
    large = construction.compress(inner, rng)
    return from_superposition(large, _unpadded(large, circuits))


def residual_room(weights: int, layers: int, redundancy: int, stream: int, neurons: int) -> int:
    """Return the width of a gated residual network's stream, for so many weights per small layer.

    `stream` and `neurons` are the dimensions and neurons for one slot of each code. The network has
    2 `layers` − 1 layers.
    """
    in_all = weights * layers // (2 * layers - 1)
    return redundancy * stream * isqrt(in_all // (2 * redundancy**2 * stream * neurons))


def _best(made: Iterable[Sized], predict: Callable[[Sized], pd.DataFrame]) -> Sized:
    """Return the last construction with room for the circuits and about the least error."""
    found = []
    for construction in made:
        try:
            table = predict(construction)
        except ValueError:
            continue
        found.append((float(table["relative_mse"].iloc[-1]), construction))
    if not found:
        raise ValueError("weights: wanted room for all circuits")
    least = min(error for error, _ in found)
    return [construction for error, construction in found if error <= _ALIKE * least][-1]


# numbers of chains and buckets; there are no words of more chains than a prime of buckets
CHAINS = [(r, b) for r in range(1, 7) for b in (1, 2, 3, 5, 7, 11, 13) if r <= b or b == 1]


def ping_pong(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build routing between memory blocks, (eq-ping-pong).

    The rows of a square are one code, and its columns the other. Raises ValueError for more than
    one active circuit, for which the construction is not made.
    """
    positive_int("n_active", n_active, 1, ", what ping-pong is made for")
    side = isqrt(weights) // (max(circuits.widths) + GATES)
    positive_int("n_circuits", circuits.n_circuits, side**2, ", the pairs of blocks")
    pairs = np.divmod(np.arange(circuits.n_circuits), side)
    even, odd = (SparseCode(blocks[:, None, None], side) for blocks in pairs)
    return from_superposition(GatedConstruction().compress(circuits, rng, codes=(even, odd)))


def chains(embedding: str) -> Build:
    """Return the builder of chains in buckets, read where gates say so.

    The numbers of chains and buckets are those that fail least.
    """

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        construction = best_chains(circuits, isqrt(weights), n_active, embedding)
        large = construction.compress(circuits, rng)

        def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
            states = [np.full((*active.shape, d), np.nan) for d in circuits.widths]
            placed = embedding == "local" or (place(large.codes, active, silent=False) >= 0).all(
                axis=1
            )
            fits = np.flatnonzero(np.broadcast_to(placed, len(active)))
            reads = run_undisturbed(large, inputs[fits], active[fits])
            for state, read in zip(states, reads, strict=True):
                state[fits] = read
            return tuple(states)

        return from_superposition(large, run)

    return build


def best_chains(
    circuits: MLPCircuits, width: int, n_active: int, embedding: str
) -> ChainConstruction:
    """Return the chains of buckets that hold the circuits in `width` neurons and fail least.

    Raises ValueError where no chains hold them.
    """
    found = []
    for r, buckets in CHAINS:
        construction = ChainConstruction(
            r, width, embedding, buckets=buckets, silent=False, headroom=max(16, n_active)
        )
        try:
            failing = construction.failure_probability(
                circuits.n_circuits, n_active, circuits.widths
            )
        except ValueError:
            continue
        found.append((failing, r * buckets, construction))
        if failing == 0:
            break
    if not found:
        raise ValueError(f"width: wanted room for {circuits.n_circuits} circuits, got {width}")
    return min(found, key=lambda row: row[:2])[2]


def copies(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build k gated networks side by side, one for each active circuit."""
    construction = copies_of_one(n_active, width=isqrt(weights))
    large = construction.compress(circuits, rng)
    return from_superposition(large, partial(run_undisturbed, large))


def private(
    circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
) -> Compiled:
    """Build a network with block-diagonal weights: each circuit has separate neurons."""
    n, most = circuits.n_circuits, max(circuits.widths)
    positive_int("width", n * most, isqrt(weights), ", neurons for a layer")
    from scipy.linalg import block_diag  # slow to load, and seldom needed

    large = [block_diag(*weight) for weight in circuits.weights]
    biases = [bias.ravel() for bias in circuits.biases]
    network = MLPNetwork(large, biases, list(circuits.activations))

    def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        rows = np.arange(len(active))[:, None]
        state = np.zeros((len(active), n, circuits.widths[0]))
        state[rows, active] = inputs
        states = network.run(state.reshape(len(active), -1))
        return tuple(a.reshape(len(a), n, -1)[rows, active] for a in states)

    return Compiled(run, n * most, network.n_layers, sum(weight.size for weight in large))


@dataclass(frozen=True)
class Entry:
    """An entry is one row of the scoreboard.

    `build` takes the circuits, the weights per small layer, n_active and rng to a `Compiled`
    network; it raises ValueError where the circuits do not fit. `told` is what the embedding is
    told about which circuits are active. `reads` is what the read-out uses besides the state.
    """

    build: Build
    told: str
    reads: str = "nothing"


def errors(
    entry: Entry,
    circuits: MLPCircuits,
    weights: int,
    n_active: int,
    n_samples: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Measure relative squared errors of `n_active` random circuits, and the network's size.

    The table has a row for each layer. `weights` is the number of weights that the large network
    may have for each layer of the small ones. A state that a construction marks as unknown counts
    as zero, an error of 1; `failed` is the share of such states. The other columns are `layer`,
    `relative_mse`, `neurons`, `layers` and `weights`. The errors are NaN and the sizes 0 if the
    circuits do not fit. Raises TypeError or ValueError for arguments of another kind or counts out
    of range.
    """
    instance("entry", entry, Entry)
    instance("circuits", circuits, MLPCircuits)
    positive_int("weights", weights)
    active = sample_active(circuits.n_circuits, n_active, n_samples, rng)
    inputs = circuits.default_inputs(active, rng)
    rows: list[list[float]]
    columns = ["layer", "relative_mse", "failed", "neurons", "layers", "weights"]
    try:
        large = entry.build(circuits, weights, n_active, rng)
    except ValueError:
        rows = [[i, np.nan, np.nan, 0, 0, 0] for i in range(circuits.n_layers + 1)]
        return pd.DataFrame(rows, columns=columns)
    found, truth = large.run(inputs, active), circuits.run(inputs, active)
    sizes = large.width, large.layers, large.weights
    rows = []
    for layer, (read, true) in enumerate(zip(found, truth, strict=True)):
        wrong = float(np.mean((np.nan_to_num(read) - true) ** 2) / np.mean(true**2))
        unknown = float(np.isnan(read).any(axis=-1).mean())
        rows.append([layer, wrong, unknown, *sizes])
    return pd.DataFrame(rows, columns=columns)


ENTRIES = {
    "the post's": Entry(post(), "an indicator for each circuit, carried along"),
    "the post's, tuned": Entry(post(3, True), "an indicator for each circuit, carried along"),
    "the sequel's, as published": Entry(sequel(), "indicators, found again in each layer"),
    "the sequel's, tuned": Entry(
        sequel("finite_plane", 3, 0.75, 4.0), "indicators, found again in each layer"
    ),
    "ping-pong": Entry(ping_pong, "which of the circuits; one only"),
    "gated": Entry(gated, "gates: slots in use, copied along"),
    "gated, found again": Entry(recomputed_gates, "gates: slots in use, found again in each layer"),
    "gated residual": Entry(gated_residual, "gates: slots in use, kept in the stream"),
    "chains, local": Entry(chains("local"), "gates: slots in use, copied along", "gates"),
    "chains, placed": Entry(chains("coordinated"), "gates, and a place for each", "gates"),
    "k copies": Entry(copies, "gates, and a copy for each", "gates"),
    "private neurons": Entry(private, "nothing"),
}


def gate_margins(
    prime: int, redundancy: int, n_circuits: int, rng: np.random.Generator
) -> pd.Series:
    """Compare what slots read of gates while one circuit is active.

    All circuits and both layers count. `least_on` is the least value on the circuit's own slots,
    and `most_off` the largest on any other slot. If a step fits between the two, gates are
    recomputed without error at any depth.
    """
    two = draw_codes(prime, redundancy, n_circuits, rng)
    both = [_heard(two, layer) for layer in (0, 1)]
    return pd.Series({"least_on": min(b[0] for b in both), "most_off": max(b[1] for b in both)})


def _heard(two: TwoCodes, layer: int) -> tuple[float, float]:
    """Return the least value on own slots and the largest on others, for one layer."""
    read, write = two.slots(layer), two.slots(layer + 1)
    heard = read.matrix @ shared_weights(write, read).T
    own = write.matrix.toarray() > 0
    return float(heard[own].min()), float(heard[~own].max())


def gates_followed(
    superposition: Superposition, n_active: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure gates and the states' errors after layers 1 … L, and predict the gates.

    `missed` is the mean by which gates in use fall short of one, and `false` the mean gate of slots
    not in use. `missed_predicted` and `false_predicted` come from `RecomputedGates.follow`.
    `relative_mse` is the states' error, and `copied` their error if gates are copied instead. The
    embedding sets the gates of layer 1.
    """
    circuits, gated = superposition.circuits, superposition.codes
    n, r = circuits.n_circuits, gated.codes.redundancy
    active = sample_active(n, n_active, n_samples, rng)
    inputs = circuits.default_inputs(active, rng)
    truths = circuits.run(inputs, active)
    states = superposition.network.run(superposition.embed(inputs, active))
    copied, rows = gated.run(inputs, active), []
    for layer, state in list(enumerate(states))[1:]:
        gates = gate_values(superposition, state, layer)
        used = np.zeros_like(gates, bool)
        used[np.arange(n_samples)[:, None, None], gated.codes.slots(layer).slots[:, 0][active]] = (
            True
        )
        found = superposition.read(state, active, layer), copied[layer]
        size = np.mean(truths[layer] ** 2)
        wrong = [np.mean((read - truths[layer]) ** 2) / size for read in found]
        rows.append([layer, 1 - gates[used].mean(), gates[~used].mean(), *wrong])
    table = pd.DataFrame(rows, columns=["layer", "missed", "false", "relative_mse", "copied"])
    slots = gates.shape[1]
    sizes = {symbols.T: n, symbols.r: r, gated_theory.slots: slots}
    connected = float(evaluate(gated_theory.slots_meet(), sizes))
    theory = superposition.construction.follow(
        slots, r, connected, n_active, circuits.n_layers
    ).shift(fill_value=0.0)
    predicted = {f"{name}_predicted": theory[name] for name in ("missed", "false")}
    return table.assign(**predicted)


def rebuilt(
    circuits: MLPCircuits,
    width: int,
    redundancy: int,
    threshold: float,
    gain: float,
    rng: np.random.Generator,
) -> Superposition:
    """Compress circuits by gated superposition, with gates that each layer computes anew."""
    gated = GatedConstruction(width, redundancy).compress(circuits, rng)
    return RecomputedGates(threshold, gain).rebuild(gated)


SIZE: Setting = {"n_circuits": 557, "width": 1000}  # as published, *Rotations in Superposition*
# relative squared error after the last layer up to which circuits count as fitting
TOLERANCE = 0.05
FAILING = 0.01  # likewise, the chance that chains fail
WIDTHS = [4] * 4  # of the circuits that are to fit
N_SAMPLES = 557
# not at other sizes, where the tuned ones do better
_AS_THEY_ARE = ("the post's", "the sequel's, as published")
_ZERO = 1e-20


def scoreboard_errors(
    entry: str, task: str, n_active: int, n_circuits: int, width: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure one entry by `scoreboard.errors`, in width² weights per small layer, five layers.

    The task is "rotations", by a different angle for each circuit, or "relu", random circuits of
    width 4.
    """
    if task == "rotations":
        circuits = rotation_circuits(n_circuits, DEPTH, rng, conditional=False)
    else:
        circuits = MLPCircuits.random(n_circuits, [4] * (DEPTH + 1), rng)
    table = errors(ENTRIES[entry], circuits, width**2, n_active, N_SAMPLES, rng)
    found = [float(f"{v:.4g}") if v > _ZERO else 0.0 for v in table["relative_mse"].fillna(-1)]
    table["relative_mse"] = np.where(table["relative_mse"].isna(), np.nan, found)
    return table


def most_circuits(entry: str, n_active: int, width: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the largest T that fits width² weights per small layer, with three layers of width 4.

    Constructions without noise fit all that they hold; chains fit if they fail with a chance of at
    most `FAILING`. For others, T is found by bisection to 3 %: errors after the last layer must be
    within `TOLERANCE`, in 300 samples of new circuits each time.
    """
    if (exact := _WITHOUT_NOISE.get((entry, n_active > 1))) is not None:
        return pd.DataFrame({"n_circuits": [float(exact(width, n_active))]})

    def fits(n_circuits: int) -> bool:
        circuits = MLPCircuits.random(max(n_circuits, n_active, 2), WIDTHS, rng)
        table = errors(ENTRIES[entry], circuits, width**2, n_active, 300, rng)
        return bool(table["relative_mse"].iloc[-1] <= TOLERANCE)

    return pd.DataFrame({"n_circuits": [bisect_largest(fits, start=width**2 // 4000)]})


def _gated(width: int, n_active: int) -> int:
    return GatedConstruction(width).holds(WIDTHS)


def _residual(width: int, n_active: int) -> int:
    stream, neurons = WIDTHS[0] + 2, 3 * WIDTHS[0]
    room = residual_room(width**2, len(WIDTHS) - 1, 1, stream, neurons)
    return GatedResidualConstruction(room).holds(WIDTHS[0])


def _copies(width: int, n_active: int) -> int:
    return (width // (WIDTHS[0] + GATES) // n_active) ** 2


def _private(width: int, n_active: int) -> int:
    return width // WIDTHS[0]


def _chains(embedding: str) -> Callable[[int, int], int]:
    def capacity(width: int, n_active: int) -> int:
        moments = MLPCircuits.random(2, WIDTHS, np.random.default_rng(0)).moments(
            np.random.default_rng(0), n_samples=10
        )
        found = [0]
        for r, buckets in CHAINS:
            construction = ChainConstruction(r, width, embedding, buckets=buckets, silent=False)
            try:
                found.append(construction.capacity(moments, n_active, FAILING))
            except ValueError:
                continue
        return max(found)

    return capacity


# by entry, and whether several are active
_WITHOUT_NOISE: dict[tuple[str, bool], Callable[[int, int], int]] = {
    ("ping-pong", False): _copies,
    ("gated", False): _gated,
    ("gated residual", False): _residual,
    **{("chains, local", several): _chains("local") for several in (False, True)},
    **{("chains, placed", several): _chains("coordinated") for several in (False, True)},
    **{("k copies", several): _copies for several in (False, True)},
    **{("private neurons", several): _private for several in (False, True)},
}


def _board_settings() -> list[Setting]:
    return [
        {"entry": entry, "task": task, "n_active": k, **SIZE}
        for task in ("rotations", "relu")
        for entry in ENTRIES
        for k in (1, 2, 3, 5)
        if entry != "ping-pong" or k == 1
    ]


def _size_settings() -> list[Setting]:
    return [
        {"entry": entry, "n_active": k, "width": width}
        for k in (1, 3, 10)
        for entry in ENTRIES
        if entry not in _AS_THEY_ARE and (entry, k > 1) != ("ping-pong", True)
        # noise is measured for up to three: ten use up the tolerance before there are any others
        if k < 10 or (entry, True) in _WITHOUT_NOISE
        for width in (256, 384, 512, 768, 1024, 1536)
    ]


STUDIES = {
    "scoreboard": Study(scoreboard_errors, _board_settings, n_seeds=3, seed=71),
    "scoreboard_sizes": Study(most_circuits, _size_settings, n_seeds=3, seed=72),
}


def stored(name: str) -> pd.DataFrame:
    """Return the study "scoreboard", or "scoreboard_sizes" with `weights` per small layer."""
    table = read_table(data(f"{name}.csv"))[0]
    return table.assign(weights=table["width"] ** 2) if name == "scoreboard_sizes" else table


def counted_room(weights: Floats, n_active: int) -> Floats:
    """Return the T at which the network has a parameter for each of the circuits': (eq-count)."""
    return np.asarray(weights / (WIDTHS[0] * (WIDTHS[0] + 1)))


def linear_room(weights: Floats, n_active: int) -> Floats:
    """Return the T at which any linear code that ignores the weights has the error `TOLERANCE`.

    `weights` (n,) are those of one layer with as many neurons as the layer before it. The bound is
    (eq-layer-floor).
    """
    values = {symbols.d: WIDTHS[0], symbols.m: WIDTHS[0], symbols.k: n_active}
    values |= {symbols.tolerance: TOLERANCE}
    widths = [{**values, symbols.D: w**0.5, symbols.M: w**0.5} for w in weights]
    return np.array([evaluate(limits.most_under_floor(), at) for at in widths], float)


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """Fit s of n_circuits ∝ weights^s by least squares over all sizes and seeds.

    `table` has the columns `weights`, `n_active`, `entry` and `n_circuits`. The result has a row
    for each n_active and entry for which circuits fit at three sizes or more. `exponent` is s, and
    `low` and `high` are the ends of its 95 % interval.
    """
    from scipy.stats import linregress, t  # slow to load, and seldom needed

    rows = {}
    for key, group in table[table["n_circuits"] > 0].groupby(["n_active", "entry"], sort=False):
        if group["weights"].nunique() >= 3:
            fit = linregress(np.log(group["weights"]), np.log(group["n_circuits"]))
            wide = t.ppf(0.975, len(group) - 2) * fit.stderr
            rows[key] = fit.slope, fit.slope - wide, fit.slope + wide
    found = pd.DataFrame(rows, ["exponent", "low", "high"]).T
    return found.rename_axis(["n_active", "entry"])
