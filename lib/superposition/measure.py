"""Measured errors of superpositions, layer by layer, and along the paths of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np

from superposition._check import Floats, Integers, instance, positive_int, real_array
from superposition._memory import check_memory, reuse_freed_memory
from superposition.circuits import CircuitGraph, Circuits, ResidualCircuits, with_indicator
from superposition.circuits.graph import sample_paths
from superposition.circuits.inputs import InputSampler, NumberActive, sample_active, shares_of
from superposition.constructions.post import PostCodes
from superposition.predict.by_circuit import (
    Observer,
    by_circuit,
    own_errors,
)
from superposition.superposition import Superposition

if TYPE_CHECKING:
    import pandas as pd

MEANS = ["layer", "mse", "relative_mse", "worst", "inactive_mse", "firing"]  # over all circuits
_CHUNK = 1024  # samples that run through the network at once
_READS = 2**21  # bytes that are read at once: they stay in the cache


def measure_error(
    superposition: Superposition,
    n_active: NumberActive,
    n_samples: int,
    rng: np.random.Generator,
    *,
    sample_inputs: InputSampler | None = None,
    observe: Observer | None = None,
) -> pd.DataFrame:
    """Measure the errors of the circuits' states, in one row for each small layer 0 … L.

    Each of `n_samples` samples has `n_active` random circuits active. This is one number, or a
    mapping of numbers to the shares of samples in which so many are active, such as
    `circuits.numbers_active` makes of a probability.

    sample_inputs: (active, rng) → (batch, k, d); None: the circuits' own inputs.
    observe: a map of states (…, d) to what is compared; None: the states themselves.

    Let δ = estimate − truth of an active circuit's state. The columns are `layer` and these:

    mse: the mean of ‖δ‖² over samples and active circuits.
    relative_mse: mse divided by the mean of ‖truth‖².
    worst: the largest ‖δ‖.
    inactive_mse: the mean of ‖what an inactive circuit reads‖²; NaN if all circuits are active.
    firing: the share of large neurons above zero on the way to that small layer; NaN at layer 0.
    low, high: between which relative_mse is expected in 95 % of such measurements, from how it
        varies over samples.
    circuit_median: the median over circuits of a circuit's mse over the square of its own spread.
    circuit_worst: the largest of these.
    circuit_lost: the share of circuits of which it is above 1: their mean would be a better answer.
    rounding: about the root of the relative_mse that rounding alone makes, in small networks and
        in large ones that are exact, as `rounding_estimate` says.

    A circuit's spread is how far its states are from their mean over its inputs, in the root mean
    square; circuits whose states do not vary are left out. Means over all circuits hide those that
    are ruined, so the three columns count each circuit once that was active, with the samples in
    which it was. Inputs by which a spread is measured are drawn for the library's own samplers;
    otherwise they are those of the samples.
    Raises TypeError or ValueError for counts ≤ 0, n_active > T, an `rng` that is no Generator,
    samples or observations of another shape; MemoryError for more samples than fit.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits, measure_error
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> errors = measure_error(large, n_active=1, n_samples=100, rng=rng)
    >>> errors["layer"].tolist()
    [0, 1, 2]
    >>> bool(errors["worst"].max() < 1e-9)  # exact for one active circuit
    True
    """

    import pandas as pd

    from superposition.predict.rounding import rounding_estimate

    instance("superposition", superposition, Superposition)
    circuits = superposition.circuits
    shares = shares_of(n_active, circuits.n_circuits)
    n_samples = positive_int("n_samples", n_samples)
    needs = _bytes_needed(circuits, max(shares))
    check_memory("n_samples", n_samples, needs, fits="{:,} samples".format)
    sample_inputs = circuits.default_inputs if sample_inputs is None else sample_inputs
    reuse_freed_memory()
    tallies = [_Tally() for _ in superposition.checkpoints]
    every: list[tuple[Floats, Integers]] = []
    for k, count in _counts(shares, n_samples).items():
        active = sample_active(circuits.n_circuits, k, count, rng)
        sizes = {"samples": count, "active": k, "width": circuits.widths[0]}
        drawn = sample_inputs(active, rng)
        inputs = real_array("sample_inputs", drawn, "samples active width", sizes)
        for start in range(0, count, _CHUNK):
            part = slice(start, start + _CHUNK)
            _add_chunk(tallies, superposition, inputs[part], active[part], _checked(observe))
        every.append((inputs, active))
    table = pd.DataFrame([{"layer": layer, **tally.row()} for layer, tally in enumerate(tallies)])
    errors = [np.concatenate(tally.errors) for tally in tallies]
    own = own_errors(circuits, every, errors, sample_inputs, _checked(observe))
    return table.join(by_circuit(own)).assign(rounding=rounding_estimate(circuits, (), every[0]))


def _counts(shares: dict[int, float], n_samples: int) -> dict[int, int]:
    """Return how many samples have so many active circuits, as near to the shares as can be."""
    ends = np.rint(n_samples * np.cumsum(list(shares.values()))).astype(int)
    counts = np.diff(ends, prepend=0).tolist()
    return {k: counts[i] for i, k in enumerate(shares) if counts[i]}


def doing_nothing(
    circuits: ResidualCircuits,
    n_samples: int,
    rng: np.random.Generator,
    *,
    sample_inputs: InputSampler | None = None,
) -> Floats:
    """Return relative_mse, (L+1,), of a network that leaves inputs as they are.

    Errors of residual circuits should be compared with this, since a state also contains its input.
    Each sample has one active circuit. Raises as `measure_error` does.
    """
    instance("circuits", circuits, ResidualCircuits)
    active = sample_active(circuits.n_circuits, 1, n_samples, rng)
    sample_inputs = circuits.default_inputs if sample_inputs is None else sample_inputs
    states = circuits.run(sample_inputs(active, rng), active)
    changes = [np.mean((state - states[0]) ** 2) / np.mean(state**2) for state in states]
    return np.array(changes, float)


def read_in_interference(superposition: Superposition, inputs: Floats, active: Integers) -> Floats:
    """Return the interference in the input of each large neuron of the first layer, (batch, M).

    superposition: residual circuits, by `ResidualConstruction`.
    inputs: (batch, k, d), the inputs of the active circuits.
    active: (batch, k), the numbers of the active circuits.

    The interference is the pre-activation without the bias, minus Σ w·a over the active circuits'
    small neurons that the large neuron carries. Here w and a include their indicator entry.
    """
    instance("superposition.codes", superposition.codes, PostCodes)
    circuits = cast(ResidualCircuits, superposition.circuits)  # others are refused
    inner = with_indicator(circuits, superposition.construction.margin)
    state = superposition.embed(inputs, active)
    active = np.asarray(active)
    on = np.ones((*active.shape, 1))
    own = np.concatenate([inputs, on], axis=-1)
    pre_activations = state @ superposition.network.read_in[0].T
    return pre_activations - superposition.codes.neurons[0].encode(
        inner.weighted_inputs(own, active, 0), active
    )


def _checked(observe: Observer | None) -> Observer:
    """Return `observe` or the identity, with an error unless it maps (…, d) to (…, n)."""

    def checked(states: Floats) -> Floats:
        if observe is None:
            return states
        seen = np.asarray(observe(states))
        if seen.ndim != states.ndim or seen.shape[:-1] != states.shape[:-1]:
            raise ValueError(
                f"observe: wanted an array {(*states.shape[:-1], 'n')}, got shape {seen.shape}"
            )
        return seen

    return checked


@dataclass
class _Tally:
    """Running sums at one layer, over parts of the samples."""

    errors: list[Floats] = field(default_factory=list)
    truths: list[Floats] = field(default_factory=list)
    inactive_sum: float = 0.0
    n_inactive: int = 0
    firing: list[float] = field(default_factory=list)
    n_samples: list[int] = field(default_factory=list)

    def add(self, errors: Floats, truths: Floats, inactive_sum: float, n_inactive: int) -> None:
        """Add the squares of some samples, as `_compare` finds them."""
        self.errors.append(errors)
        self.truths.append(truths)
        self.inactive_sum += inactive_sum
        self.n_inactive += n_inactive

    def row(self) -> dict[str, float]:
        squared, truths = np.concatenate(self.errors), np.concatenate(self.truths)
        mse, truth = float(squared.mean()), float(truths.mean())
        firing = np.average(self.firing, weights=self.n_samples) if self.firing else np.nan
        return {
            "mse": mse,
            "relative_mse": mse / truth if truth > 0 else np.nan,
            "worst": float(np.sqrt(squared.max())),
            "inactive_mse": self.inactive_sum / self.n_inactive if self.n_inactive else np.nan,
            "firing": float(firing),
            **_interval(squared, truths),
        }


def _interval(squared: Floats, truths: Floats) -> dict[str, float]:
    """Return `low` and `high`, from the variance of the ratio of two means, on a log scale."""
    mse, truth = float(squared.mean()), float(truths.mean())
    if not (truth > 0 and mse > 0):
        same = 0.0 if truth > 0 else np.nan
        return {"low": same, "high": same}
    relative = mse / truth
    share = float(np.std(squared - relative * truths)) / np.sqrt(len(squared)) / mse
    far = np.exp(1.96 * share)  # share < 2, since squares are not negative
    return {"low": float(relative / far), "high": float(relative * far)}


def _add_chunk(
    tallies: list[_Tally],
    superposition: Superposition,
    inputs: Floats,
    active: Integers,
    observe: Observer,
) -> None:
    truths = superposition.circuits.run(inputs, active)
    for layer, (state, firing) in enumerate(_states(superposition, inputs, active)):
        truth, tally = truths[layer], tallies[layer]
        one = superposition.circuits.n_circuits * truth.shape[-1] * truth.itemsize
        at_once = max(_READS // one, 1)
        for start in range(0, len(state), at_once):
            part = slice(start, start + at_once)
            reads = observe(superposition.read_all(state[part], layer))
            tally.add(*_compare(reads, observe(truth[part]), active[part]))
        tally.firing += firing
        tally.n_samples += [len(state)] * len(firing)


def _compare(reads: Floats, truth: Floats, active: Integers) -> tuple[Floats, Floats, float, int]:
    """Return squares of errors and truths, the sum of what inactive circuits read, their number.

    The array `reads` is changed if it is writeable.
    """
    reads = reads if reads.flags.writeable else reads.copy()
    rows = np.arange(len(active))[:, None]
    own = reads[rows, active]
    reads[rows, active] = 0
    n_inactive = reads.shape[0] * reads.shape[1] - active.size
    return _squares(own - truth).ravel(), _squares(truth).ravel(), _total(reads), n_inactive


def _bytes_needed(circuits: Circuits, n_active: int) -> Callable[[int], float]:
    """Return bytes by n_samples, for the samples and for what is read and observed at once."""
    width, n = max(circuits.widths), circuits.n_circuits
    one = n * (width + 1) * 8  # of a state, and of a gate
    at_once = max(2 * _READS, one)
    return lambda size: 16 * (width + 3) * size * n_active + 2 * min(one * size, at_once)


def _states(
    superposition: Superposition, inputs: Floats, active: Integers
) -> Iterator[tuple[Floats, list[float]]]:
    """Yield the large state at each checkpoint, and the firing share of each layer before it."""
    network, state = superposition.network, superposition.embed(inputs, active)
    for done, checkpoint in pairwise((0, *superposition.checkpoints)):
        firing = []
        for layer in range(done, checkpoint):
            state, neurons = network.step(state, layer)
            firing.append(float(np.count_nonzero(neurons > 0) / neurons.size))
        yield state, firing


def _squares(vectors: Floats) -> Floats:
    return np.einsum("...d,...d->...", vectors, vectors, dtype=np.float64)


def _total(vectors: Floats) -> float:
    """Return Σ ‖·‖² of vectors (batch, T, n), along lines as they lie in memory, without a copy."""
    lines = vectors.transpose(np.argsort(vectors.strides)[::-1])
    if vectors.dtype == np.float64 and lines.flags.c_contiguous:
        return float(np.vdot(lines, lines))
    total = np.einsum("ijk,ijk->ij", lines, lines).sum(dtype=np.float64)
    if not np.isfinite(total):  # squares beyond single precision
        total = np.einsum("ijk,ijk->ij", lines, lines, dtype=np.float64).sum()
    return float(total)


EXACT = 1e-9  # of the largest entry on the way: what is below counts as rounding


def path_errors(
    superposition: Superposition, n_paths: int, n_samples: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure errors of active circuits when they are done, in a row for each stage.

    Each of `n_samples` samples has `n_paths` of the graph's longest paths active, with the graph's
    own inputs. Let δ = estimate − truth of a circuit's state. The columns are `stage`, `layer` and
    these:

    mse: the mean of ‖δ‖² over samples and active circuits of the stage.
    relative_mse: mse divided by the mean of ‖truth‖².
    worst: the largest ‖δ‖.
    exact: the share of circuits without an error beyond rounding.

    Raises TypeError for a superposition of anything but a graph, ValueError as `sample_paths` does.
    """

    import pandas as pd

    instance("superposition", superposition, Superposition)
    graph = superposition.circuits
    if not isinstance(graph, CircuitGraph):
        raise TypeError(f"superposition: wanted one of a CircuitGraph, got {type(graph).__name__}")
    active = sample_paths(graph, n_samples, rng, n_paths=n_paths)
    inputs = graph.default_inputs(active, rng)
    truths, found = graph.run(inputs, active), superposition.run(inputs, active)
    largest = max(float(np.abs(truth).max()) for truth in truths)
    rows = []
    for name, stage in graph.stages.items():
        own = active - graph.first[name]
        which = (own >= 0) & (own < stage.circuits.n_circuits)
        truth, estimate = truths[stage.end][which], found[stage.end][which]
        if len(truth):
            rows.append([name, stage.end, *_errors(truth, estimate, EXACT * largest)])
    columns = ["stage", "layer", "mse", "relative_mse", "worst", "exact"]
    return pd.DataFrame(rows, columns=columns).sort_values("layer", ignore_index=True)


def _errors(truth: Floats, estimate: Floats, exact: float) -> tuple[float, ...]:
    """Return mse, relative_mse, worst and exact, of states (n, d)."""
    error = np.asarray(estimate, float) - truth
    squares = np.sum(error**2, axis=1)
    size = float(np.mean(np.sum(np.asarray(truth, float) ** 2, axis=1)))
    right = float(np.mean(np.abs(error).max(axis=1) <= exact))
    mse = float(squares.mean())
    return mse, mse / size if size > 0 else np.nan, float(np.sqrt(squares.max())), right
