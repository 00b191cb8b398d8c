"""The scoreboard: all constructions on the same circuits, in as many weights, tuned alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from math import isqrt
from typing import Any

import numpy as np
import pandas as pd

from companion._study import Study, data
from companion.how_many import bisect_largest
from companion.rotations import DEPTH
from superposition._check import Floats, Integers, instance, positive_int
from superposition.circuits import (
    MLPCircuits,
    ResidualCircuits,
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
    ToldConstruction,
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

Circuits = MLPCircuits | ResidualCircuits
Run = Callable[[Floats, Integers], tuple[Floats, ...]]
ALIKE = 1.1  # errors that differ by no more count as equal: then the setting that stands first
_CHOOSING = 1000  # samples


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


Build = Callable[[Any, int, int, np.random.Generator], Compiled]


def in_words(error: float) -> str:
    """Return a relative squared error for a table: "lost" above 1, a dash where there is none."""
    if error != error:
        return "—"
    return "lost" if error > 1 else f"{error:.2g}"


def from_superposition(superposition: Superposition, run: Run | None = None) -> Compiled:
    """Describe a superposition as `Compiled`; `run`, if given, replaces its own way to run."""
    return _from_network(superposition.network, run or superposition.run)


def _from_network(network: MLPNetwork | ResidualNetwork, run: Run) -> Compiled:
    if isinstance(network, ResidualNetwork):
        width = max(network.stream_width, network.n_neurons)
        weights = network.read_in.size + network.write_out.size
    else:
        width, weights = max(network.widths), sum(weight.size for weight in network.weights)
    return Compiled(run, width, network.n_layers, weights)


def post(redundancy: int | None, margin: float) -> Build:
    """Return the builder of the post's construction, with M = 2D; MLPs are made residual."""

    def build(
        circuits: Circuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        width = isqrt(weights // 4)
        disjoint = redundancy is not None
        construction = ResidualConstruction(
            width, 2 * width, redundancy, margin=margin, disjoint_carriers=disjoint
        )
        large = construction.compress(_residual_form(circuits), rng)
        return from_superposition(large, _unpadded(large, circuits))

    return build


def _residual_form(circuits: Circuits) -> ResidualCircuits:
    return circuits if isinstance(circuits, ResidualCircuits) else as_residual(circuits)


def _unpadded(large: Superposition, circuits: Circuits) -> Run:
    """Return a run with states of the circuits' own widths, without padding."""

    def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        missing = large.circuits.widths[0] - inputs.shape[-1]
        states = large.run(np.pad(inputs, [(0, 0), (0, 0), (0, missing)]), active)
        return tuple(a[..., :d] for a, d in zip(states, circuits.widths, strict=True))

    return run


def sequel(code: str, redundancy: int, threshold: float, gain: float) -> Build:
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
            inner = switched(circuits, **step)
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


def told(code: str, redundancy: int) -> Build:
    """Return the builder of the sequel's codes in a network that is told, (eq-told)."""

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        construction = ToldConstruction(isqrt(weights), redundancy, code)
        return from_superposition(construction.compress(circuits, rng))

    return build


def gated(redundancy: int, headroom: float) -> Build:
    """Return the builder of gated superposition."""

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        construction = GatedConstruction(isqrt(weights), redundancy, headroom=headroom)
        return from_superposition(construction.compress(circuits, rng))

    return build


def recomputed_gates(redundancy: int, threshold: float, gain: float) -> Build:
    """Return the builder of gated superposition with `RecomputedGates`."""

    def build(
        circuits: MLPCircuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        widest = max(circuits.widths) + GATES
        width = isqrt(weights) * widest // (widest + 1)  # there is one block more
        large = GatedConstruction(width, redundancy).compress(circuits, rng)
        return from_superposition(RecomputedGates(threshold, gain).rebuild(large))

    return build


def gated_residual(redundancy: int) -> Build:
    """Return the builder of a gated residual network, in 2L − 1 layers; MLPs are made residual."""

    def build(
        circuits: Circuits, weights: int, n_active: int, rng: np.random.Generator
    ) -> Compiled:
        large = _gated_stream(_residual_form(circuits), weights, redundancy, rng)
        return from_superposition(large, _unpadded(large, circuits))

    return build


def _gated_stream(
    inner: ResidualCircuits, weights: int, r: int, rng: np.random.Generator
) -> Superposition:
    """Return a gated residual network in so many weights; ValueError where there is no room."""
    stream, neurons = inner.width + 2, max(inner.n_neurons, 2 * inner.width)
    width = residual_room(weights, inner.n_layers, r, stream, neurons)
    positive_int("width", width)
    return GatedResidualConstruction(width, r, r).compress(inner, rng)


def residual_room(weights: int, layers: int, redundancy: int, stream: int, neurons: int) -> int:
    """Return the width of a gated residual network's stream, for so many weights per small layer.

    `stream` and `neurons` are the dimensions and neurons for one slot of each code. The network has
    2 `layers` − 1 layers.
    """
    in_all = weights * layers // (2 * layers - 1)
    return redundancy * stream * isqrt(in_all // (2 * redundancy**2 * stream * neurons))


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


def copies(circuits: Circuits, weights: int, n_active: int, rng: np.random.Generator) -> Compiled:
    """Build k separate gated networks in one, one for each active circuit."""
    if isinstance(circuits, ResidualCircuits):
        one = _gated_stream(circuits, weights // n_active**2, 1, rng)
        size = from_superposition(one)
        run = partial(_each_alone, one)
        return Compiled(run, n_active * size.width, size.layers, n_active**2 * size.weights)
    construction = copies_of_one(n_active, width=isqrt(weights))
    large = construction.compress(circuits, rng)
    return from_superposition(large, partial(run_undisturbed, large))


def _each_alone(one: Superposition, inputs: Floats, active: Integers) -> tuple[Floats, ...]:
    """Run each active circuit (batch, k) in a copy of one network: the j-th in the j-th copy."""
    runs = [one.run(inputs[:, [j]], active[:, [j]]) for j in range(active.shape[1])]
    return tuple(np.concatenate(states, axis=1) for states in zip(*runs, strict=True))


def private(circuits: Circuits, weights: int, n_active: int, rng: np.random.Generator) -> Compiled:
    """Build a network with block-diagonal weights: each circuit has separate neurons."""
    from scipy.linalg import block_diag  # slow to load, and seldom needed

    n = circuits.n_circuits
    network: MLPNetwork | ResidualNetwork
    if isinstance(circuits, ResidualCircuits):
        needed = 2 * n**2 * circuits.width * circuits.n_neurons
        positive_int("weights", needed, weights, ", those of a layer")
        read, write = (
            np.stack([block_diag(*layer) for layer in layers])
            for layers in (circuits.read_in, circuits.write_out)
        )
        network = ResidualNetwork(read, circuits.bias.reshape(circuits.n_layers, -1), write)
    else:
        positive_int("width", n * max(circuits.widths), isqrt(weights), ", neurons for a layer")
        large = [block_diag(*weight) for weight in circuits.weights]
        biases = [bias.ravel() for bias in circuits.biases]
        network = MLPNetwork(large, biases, list(circuits.activations))

    def run(inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        rows = np.arange(len(active))[:, None]
        state = np.zeros((len(active), n, circuits.widths[0]))
        state[rows, active] = inputs
        states = network.run(state.reshape(len(active), -1))
        return tuple(a.reshape(len(a), n, -1)[rows, active] for a in states)

    return _from_network(network, run)


@dataclass(frozen=True)
class Entry:
    """An entry is one row of the scoreboard: a construction in one or several settings.

    `settings` maps a setting in words to what builds with it: a function of the circuits, the
    weights per small layer, n_active and rng, which returns a `Compiled` network and raises
    ValueError where the circuits do not fit. `told` is what the embedding is told about which
    circuits are active. `reads` is what the read-out uses besides the state.
    """

    settings: Mapping[str, Build]
    told: str
    reads: str = "nothing"


def tried(
    entry: Entry, circuits: Circuits, weights: int, n_active: int, rng: np.random.Generator
) -> pd.Series:
    """Measure relative_mse after the last layer in each setting, NaN where circuits do not fit."""
    found = {}
    for name in entry.settings:
        table = errors(entry, circuits, weights, n_active, _CHOOSING, rng, setting=name)
        found[name] = float(table["relative_mse"].iloc[-1])
    return pd.Series(found)


def least(found: pd.Series) -> str:
    """Return the first setting whose error is at most `ALIKE` times the least; NaN never is.

    Where nothing fits it is the first of all.
    """
    fits = found[found <= ALIKE * found.min() + _ZERO]
    return str((fits if len(fits) else found).index[0])


def errors(
    entry: Entry,
    circuits: Circuits,
    weights: int,
    n_active: int,
    n_samples: int,
    rng: np.random.Generator,
    *,
    setting: str | None = None,
) -> pd.DataFrame:
    """Measure relative squared errors of `n_active` random circuits, and the network's size.

    The table has a row for each layer. `weights` is the number of weights that the large network
    may have for each layer of the small ones. Without a `setting` the `least` of those `tried` in
    networks and samples of their own is taken. A state that a construction marks as unknown counts
    as zero, an error of 1; `failed` is the share of such states. The other columns are `layer`,
    `relative_mse`, `neurons`, `layers` and `weights`. The errors are NaN and the sizes 0 if the
    circuits do not fit. Raises TypeError or ValueError for arguments of another kind, counts out of
    range, or a setting that the entry does not have.
    """
    instance("entry", entry, Entry)
    if not isinstance(circuits, Circuits):
        kinds = "MLPCircuits or ResidualCircuits"
        raise TypeError(f"circuits: wanted {kinds}, got {type(circuits).__name__}")
    positive_int("weights", weights)
    if setting is None:
        one = len(entry.settings) == 1
        setting = next(iter(entry.settings)) if one else ""
        setting = setting if one else least(tried(entry, circuits, weights, n_active, rng))
    if setting not in entry.settings:
        raise ValueError(f"setting: wanted one of {[*entry.settings]}, got {setting!r}")
    active = sample_active(circuits.n_circuits, n_active, n_samples, rng)
    inputs = circuits.default_inputs(active, rng)
    rows: list[list[float]]
    columns = ["layer", "relative_mse", "failed", "neurons", "layers", "weights"]
    try:
        large = entry.settings[setting](circuits, weights, n_active, rng)
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


_ZERO = 1e-20  # errors below that are rounding
_R = (6, 4, 3, 2)  # redundancies that are tried, of equal errors the largest counts
_STEPS = ((0.5, 2.0), (0.75, 4.0), (0.875, 8.0))  # thresholds and gains
_POST = {"as in this book": post(None, 1.0)} | {
    f"r = {r}, margin {margin:g}": post(r, margin)
    for r, margin in product((4, 3, 2, 1), (1.0, 0.5))
}
_SEQUEL = {
    f"{code}, r = {r}, step at {step[0]:g}, gain {step[1]:g}": sequel(code, r, *step)
    for code, r, step in product(("prime_step", "finite_plane"), _R, _STEPS)
}
_GATED = {
    f"r = {r}, headroom {headroom:g}": gated(r, headroom)
    for headroom, r in product((16.0, 1.0), (*_R, 1))
}
_AGAIN = {
    f"r = {r}, step at {step[0]:g}, gain {step[1]:g}": recomputed_gates(r, *step)
    for r, step in product(_R, _STEPS)
}
ENTRIES = {
    "the post's": Entry(_POST, "an indicator for each circuit, carried along"),
    "the sequel's": Entry(_SEQUEL, "indicators, found again in each layer"),
    "the sequel's, told": Entry(
        {f"{c}, r = {r}": told(c, r) for c, r in product(("prime_step", "finite_plane"), _R)},
        "gates: slots in use, copied along",
    ),
    "ping-pong": Entry({"": ping_pong}, "which of the circuits; one only"),
    "gated": Entry(_GATED, "gates: slots in use, copied along"),
    "gated, found again": Entry(_AGAIN, "gates: slots in use, found again in each layer"),
    "gated residual": Entry(
        {f"r = {r}": gated_residual(r) for r in (4, 3, 2, 1)},
        "gates: slots in use, kept in the stream",
    ),
    "chains, local": Entry({"": chains("local")}, "gates: slots in use, copied along", "gates"),
    "chains, placed": Entry({"": chains("coordinated")}, "gates, and a place for each", "gates"),
    "k copies": Entry({"": copies}, "gates, and a copy for each", "gates"),
    "private neurons": Entry({"": private}, "nothing"),
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
STREAM_SIZE: Setting = {"n_circuits": 200, "width": 1000}  # of the residual task
# relative squared error after the last layer up to which circuits count as fitting
TOLERANCE = 0.05
FAILING = 0.01  # likewise, the chance that chains fail
WIDTHS = [4] * 4  # of the circuits that are to fit
N_SAMPLES = 557
TUNED_WIDTH = 512  # where settings are chosen for how many fit
RESIDUAL = ("the post's", "gated residual", "k copies", "private neurons")


def board_circuits(task: str, n_circuits: int, rng: np.random.Generator) -> Circuits:
    """Make the circuits of a task.

    "rotations" turn a vector five times, each circuit by its own angle. "relu" are random networks
    of width 4 and five layers. "residual" are random residual networks of width 4 with 8 neurons in
    each of three layers, the post's own kind.
    """
    if task == "rotations":
        return rotation_circuits(n_circuits, DEPTH, rng, conditional=False)
    if task == "relu":
        return MLPCircuits.random(n_circuits, [4] * (DEPTH + 1), rng)
    return ResidualCircuits.random(n_circuits, 4, 8, 3, rng)


def tuning_errors(
    entry: str, task: str, n_active: int, n_circuits: int, width: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure one entry in all its settings by `tried`: a row for each `setting`."""
    circuits = board_circuits(task, n_circuits, rng)
    found = tried(ENTRIES[entry], circuits, width**2, n_active, rng)
    return found.map(_brief).rename_axis("setting").rename("relative_mse").reset_index()


def _brief(error: float) -> float:
    """Return an error with four digits, and 0 for rounding."""
    return float(f"{error:.4g}") if not error <= _ZERO else 0.0


@cache
def settings() -> dict[tuple[str, str, int], str]:
    """Return the setting of each entry by entry, task and n_active: the `least` on average.

    The means are over networks of the study "scoreboard_tuning", which no other table uses.
    """
    table = stored("scoreboard_tuning")
    keys = ["entry", "task", "n_active"]
    found = {}
    for key, rows in table.groupby(keys, sort=False):
        means = rows.groupby("setting", sort=False)["relative_mse"].mean()
        found[key] = least(means)
    return found


def scoreboard_errors(
    entry: str, task: str, n_active: int, n_circuits: int, width: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure one entry by `errors`, in its setting of `settings`, and width² weights per layer."""
    circuits, of = board_circuits(task, n_circuits, rng), ENTRIES[entry]
    name = settings().get((entry, task, n_active))
    table = errors(of, circuits, width**2, n_active, N_SAMPLES, rng, setting=name)
    return table.assign(relative_mse=table["relative_mse"].map(_brief))


def most_circuits(entry: str, n_active: int, width: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the largest T that fits width² weights per small layer, with three layers of width 4.

    Constructions without noise fit all that they hold; chains fit if they fail with a chance of at
    most `FAILING`. For others, T is found by bisection, in their setting of `size_settings`.
    """
    if (exact := _WITHOUT_NOISE.get((entry, n_active > 1))) is not None:
        return pd.DataFrame({"n_circuits": [float(exact(width, n_active))]})
    name = size_settings()[entry, n_active]
    return pd.DataFrame({"n_circuits": [_most(entry, name, n_active, width, rng)]})


def _most(entry: str, setting: str, n_active: int, width: int, rng: np.random.Generator) -> int:
    """Return the largest T that fits in one setting, to 3 %.

    Errors after the last layer must be within `TOLERANCE`, in 300 samples of new circuits each.
    """

    def fits(n_circuits: int) -> bool:
        circuits = MLPCircuits.random(max(n_circuits, n_active, 2), WIDTHS, rng)
        table = errors(ENTRIES[entry], circuits, width**2, n_active, 300, rng, setting=setting)
        return bool(table["relative_mse"].iloc[-1] <= TOLERANCE)

    return int(bisect_largest(fits, start=width**2 // 4000))


def size_tuning(entry: str, n_active: int, width: int, rng: np.random.Generator) -> pd.DataFrame:
    """Find the largest T of one entry in all its settings: a row for each `setting`."""
    names = ENTRIES[entry].settings
    rows = [[name, _most(entry, name, n_active, width, rng)] for name in names]
    return pd.DataFrame(rows, columns=["setting", "n_circuits"])


@cache
def size_settings() -> dict[tuple[str, int], str]:
    """Return the setting in which most circuits fit, by entry and n_active, at `TUNED_WIDTH`.

    Numbers are those of the study "scoreboard_size_tuning"; numbers within `ALIKE` count as equal.
    """
    found = {}
    for key, rows in stored("scoreboard_size_tuning").groupby(["entry", "n_active"], sort=False):
        means = rows.groupby("setting", sort=False)["n_circuits"].mean()
        found[key] = least(1 / means)
    return found


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
    sizes = {"rotations": SIZE, "relu": SIZE, "residual": STREAM_SIZE}
    return [
        {"entry": entry, "task": task, "n_active": k, **size}
        for task, size in sizes.items()
        for entry in ENTRIES
        for k in (1, 2, 3, 5)
        if (entry != "ping-pong" or k == 1) and (task != "residual" or entry in RESIDUAL)
    ]


def _size_settings() -> list[Setting]:
    return [
        {"entry": entry, "n_active": k, "width": width}
        for k in (1, 3, 10)
        for entry in ENTRIES
        if (entry, k > 1) != ("ping-pong", True)
        # noise is measured for up to three: ten use up the tolerance before there are any others
        if k < 10 or (entry, True) in _WITHOUT_NOISE
        for width in (256, 384, 512, 768, 1024, 1536)
    ]


def _with_choice(found: list[Setting]) -> list[Setting]:
    """Return what is to be tuned: entries with several settings."""
    return [one for one in found if len(ENTRIES[str(one["entry"])].settings) > 1]


def _noisy_sizes() -> list[Setting]:
    found = [one for one in _size_settings() if one["width"] == TUNED_WIDTH]
    keys = [(one["entry"], int(one["n_active"]) > 1) for one in found]
    return [one for one, key in zip(found, keys, strict=True) if key not in _WITHOUT_NOISE]


STUDIES = {
    "scoreboard_tuning": Study(
        tuning_errors, lambda: _with_choice(_board_settings()), n_seeds=1, seed=73
    ),
    "scoreboard": Study(scoreboard_errors, _board_settings, n_seeds=3, seed=71),
    "scoreboard_size_tuning": Study(
        size_tuning, lambda: _with_choice(_noisy_sizes()), n_seeds=1, seed=74
    ),
    "scoreboard_sizes": Study(most_circuits, _size_settings, n_seeds=3, seed=72),
}


def stored(name: str) -> pd.DataFrame:
    """Return one of the studies; "scoreboard_sizes" with `weights` per small layer."""
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
