"""Each of these measurements draws what it needs, and returns one row for `sweep`.

Where a formula of `theory` predicts a value, the row has the prediction beside the measured value.
"""

from __future__ import annotations

import math
from typing import SupportsFloat

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from superposition._check import Floats, Integers
from superposition.circuits import ResidualCircuits, with_indicator
from superposition.codes import GaussianCode, SparseCode
from superposition.constructions import ResidualConstruction, Superposition
from superposition.constructions.values import symbol_values
from superposition.inputs import UnitInputs, sample_active
from superposition.measure import doing_nothing, measure_error, read_in_interference
from superposition.theory import carrying, embedding, reading, returning, symbols
from superposition.theory.derivation import evaluate
from superposition.theory.read_in import leading_read_in_variance, read_in_variance
from superposition.theory.rectifier import relu_second

_SAMPLES = 200


def overlaps(size: int, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    """Measure overlaps between the directions of 60 circuits with four directions each.

    The row has the overlaps' mean and mean square, and the spread of squared lengths. `predicted`
    is (eq-overlap-variance). `predicted_spread`, for entries N(0, 1/D), is (eq-length-variance).
    `kind` is "gaussian" or "orthonormal".
    """
    code = GaussianCode.draw(60, 4, size, rng, orthonormal=kind == "orthonormal")
    gram = code.matrix @ code.matrix.T
    others = np.kron(np.eye(60), np.ones((4, 4))) == 0
    values = {symbols.D: size}
    return _row(
        mean=gram[others].mean(),
        square=np.mean(gram[others] ** 2),
        predicted=evaluate(embedding.overlap_variance(), values),
        spread=np.diag(gram).var(),
        predicted_spread=evaluate(embedding.length_variance(), values),
    )


def largest_overlap(n_circuits: int, size: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the largest overlap among T random unit vectors; `leading` is (eq-largest)."""
    matrix = GaussianCode.draw(n_circuits, 1, size, rng).matrix
    overlaps = matrix @ matrix.T
    np.fill_diagonal(overlaps, 0)
    n_pairs = n_circuits * (n_circuits - 1) / 2
    values = {symbols.T: n_circuits, symbols.D: size}
    return _row(
        measured=max(overlaps.max(), -overlaps.min()),
        predicted=embedding.largest_overlap(n_pairs, size),
        leading=evaluate(embedding.leading_largest_overlap(), values),
    )


def read_errors(
    n_circuits: int, n_active: int, kind: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure what active circuits misread, and what inactive circuits read.

    States have length 1, with d = 4 and D = 256. `predicted` is (eq-active-read), plus
    (eq-self-read) for the kind "gaussian". `predicted_idle` is (eq-inactive-read).
    """
    code = GaussianCode.draw(n_circuits, 4, 256, rng, orthonormal=kind == "orthonormal")
    active = sample_active(n_circuits, n_active, 300, rng)
    truth = UnitInputs(4)(active, rng)
    reads = code.decode_all(code.encode(truth, active))
    misread = reads[np.arange(300)[:, None], active] - truth
    values = {symbols.D: 256, symbols.d: 4, symbols.a2: 1, symbols.k: n_active}
    alone = evaluate(reading.self_read_error(), values) if kind == "gaussian" else 0
    return _row(
        active=np.mean(np.sum(misread**2, axis=-1)),
        predicted=alone + evaluate(reading.active_read_error(), values),
        idle=np.mean(np.sum(_of_inactive(reads, active) ** 2, axis=-1)),
        predicted_idle=evaluate(reading.inactive_read(), values),
    )


def total_crosstalk(n_circuits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the squared sum of what all inactive circuits read of one active one; D = 256."""
    code = GaussianCode.draw(n_circuits, 4, 256, rng)
    active = sample_active(n_circuits, 1, 300, rng)
    reads = code.decode_all(code.encode(UnitInputs(4)(active, rng), active))
    heard = _of_inactive(reads, active).sum(axis=1)
    return _row(measured=np.mean(heard**2), predicted=(n_circuits - 1) / 256)


def loads(n_circuits: int, redundancy: int, rng: np.random.Generator) -> pd.DataFrame:
    """Count small neurons (m = 8) on each of 1,024 large ones: (eq-load), (eq-load-variance)."""
    load = SparseCode.draw("random", n_circuits, 8, 1024, redundancy, rng).load
    values = {symbols.T: n_circuits, symbols.m: 8, symbols.M: 1024, symbols.r: redundancy}
    return _row(
        mean=load.mean(),
        predicted_mean=evaluate(carrying.load_mean(), values),
        variance=load.var(),
        predicted_variance=evaluate(carrying.load_variance(), values),
        largest=load.max(),
    )


def collisions(n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """Count the other neurons on a carrier of an active small neuron.

    The sizes are T = 200, m = 8, M = 512 and r = 6. The columns `own`, `active` and `inactive`
    count neurons of the same circuit, of other active circuits and of inactive circuits. Their
    predictions are (eq-own-collisions), (eq-active-collisions) and (eq-inactive-collisions).
    """
    slots = SparseCode.draw("random", 200, 8, 512, 6, rng).slots
    carried = np.zeros((200, 512))
    np.add.at(carried, (np.arange(200)[:, None, None], slots), 1)
    first = carried[:, slots[0].ravel()]  # on the carriers of circuit 0, an active one
    values = {symbols.T: 200, symbols.m: 8, symbols.M: 512, symbols.r: 6, symbols.k: n_active}
    return _row(
        own=first[0].mean() - 1,
        active=first[1:n_active].sum(axis=0).mean(),
        inactive=first[n_active:].sum(axis=0).mean(),
        predicted_own=evaluate(carrying.own_collisions(), values),
        predicted_active=evaluate(carrying.active_collisions(), values),
        predicted_inactive=evaluate(carrying.inactive_collisions(), values),
    )


def lost_carriers(n_active: int, redundancy: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure how many carriers of active small neurons are shared, and how many neurons lose all.

    The shares are taken over 20,000 codes for k circuits each, with m = 8 and M = 256. Their
    predictions are (eq-carrier-lost) and (eq-all-lost).
    """
    slots = SparseCode.draw("random", 20000 * n_active, 8, 256, redundancy, rng).slots
    # side by side, each code with neurons of its own
    slots = slots.reshape(20000, -1, redundancy) + 256 * np.arange(20000)[:, None, None]
    shared = np.bincount(slots.ravel())[slots] > 1
    values = {symbols.m: 8, symbols.M: 256, symbols.r: redundancy, symbols.k: n_active}
    return _row(
        one=shared.mean(),
        predicted_one=evaluate(carrying.carrier_lost(), values),
        all=shared.all(axis=-1).mean(),
        predicted_all=evaluate(carrying.all_carriers_lost(), values),
    )


def safe_redundancy(n_neurons: int, n_active: int) -> float:
    """Return the least r at which no small neuron loses all carriers in any pass.

    That is so with a probability of 99 %. The result is NaN if there is no such r. The network
    holds T = M²/200 circuits with m = 8. A small neuron counts once for each of the (T − 1 choose k
    − 1) sets of circuits with which it can be active.
    """
    n_circuits = n_neurons**2 // 200
    cases = n_circuits * 8 * math.comb(n_circuits - 1, n_active - 1)
    try:
        return carrying.smallest_redundancy(n_neurons, 8 * n_active, cases, 0.99)
    except ValueError:
        return np.nan


def interference(
    n_circuits: int,
    rng: np.random.Generator,
    *,
    n_active: int = 1,
    stream_width: int = 512,
    n_neurons: int = 1024,
    redundancy: int | None = None,
) -> pd.DataFrame:
    """Measure read-in variance on large neurons, and on the carriers of active small neurons.

    The circuits are random, with d = 4 and m = 8. `measured` is the variance over all large
    neurons; it is `predicted` by (eq-read-in) and to leading order by (eq-leading). `one_carrier`
    is the variance on one carrier of an active small neuron, `carrier_mean` that of the mean over
    its carriers. Their predictions are (eq-own-noise) plus (eq-shared), and (eq-mean-of-carriers).
    """
    circuits = ResidualCircuits.random(n_circuits, 4, 8, 1, rng)
    construction = ResidualConstruction(stream_width, n_neurons, redundancy)
    superposition = construction.compress(circuits, rng)
    active = sample_active(n_circuits, n_active, _SAMPLES, rng)
    noise = read_in_interference(superposition, UnitInputs(4)(active, rng), active)
    heard = _on_carriers(superposition, noise, active)
    values = symbol_values(construction, circuits, n_active)
    own, shared = (evaluate(f, values) for f in (returning.own_noise(), returning.shared_noise()))
    parts = {returning.own_variance: own, returning.shared_variance: shared}
    return _row(
        measured=np.mean(noise**2),
        predicted=evaluate(read_in_variance(), values),
        leading=evaluate(leading_read_in_variance(), values),
        one_carrier=np.mean(heard**2),
        predicted_one=own + shared,
        carrier_mean=np.mean(heard.mean(axis=-1) ** 2),
        predicted_mean=evaluate(returning.mean_of_carriers(), {**values, **parts}),
    )


def idle_activation(redundancy: int, n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure the squared activation that inactive circuits read, without noise.

    The sizes are d = 4, m = 8 and M = 512. Carriers read the active circuits' neurons exactly, as
    in an endlessly wide stream, so only collisions count. The mean is taken over 100 codes.
    `predicted` is (eq-inactive-read-back), with the mean 0 and variance 2/d that random circuits'
    pre-activations have; `leading` is (eq-inactive-leading).
    """
    circuits = ResidualCircuits.random(40, 4, 8, 1, rng)
    inner = with_indicator(circuits, 1.0)
    found = []
    for _ in range(100):
        code = SparseCode.draw("random", 40, 8, 512, redundancy, rng)
        active = sample_active(40, n_active, 10, rng)
        states = np.concatenate([UnitInputs(4)(active, rng), np.ones((10, n_active, 1))], axis=-1)
        wanted = inner.weighted_inputs(states, active, 0)
        neurons = np.maximum(code.encode(wanted, active) - 1.0, 0)
        reads = code.decode(neurons, np.tile(np.arange(40), (10, 1)))
        found.append(np.mean(_of_inactive(reads, active) ** 2))
    values = {symbols.k: n_active, symbols.m: 8, symbols.M: 512, symbols.r: redundancy}
    values |= {symbols.pre_mean: 0, symbols.pre_variance: 2 / 4, symbols.margin: 1}
    h2 = evaluate(relu_second(symbols.pre_mean, symbols.pre_variance), values)
    return _row(
        idle=np.mean(found),
        predicted=evaluate(returning.inactive_read_back(), values),
        leading=evaluate(returning.leading_inactive_read_back(), {**values, symbols.h2: h2}),
    )


def redundancy_errors(redundancy: int, n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure errors after one layer of 200 random circuits at one redundancy, D = 512, M = 1024.

    `large` is the share of states whose error is above half the mean length of a state. `worst` is
    the largest error.
    """
    circuits = ResidualCircuits.random(200, 4, 8, 1, rng).astype(np.float32)
    superposition = ResidualConstruction(512, 1024, redundancy).compress(circuits, rng)
    active = sample_active(200, n_active, 500, rng)
    inputs = UnitInputs(4)(active, rng)
    truth = circuits.run(inputs, active)[-1]
    squares = np.sum((superposition.run(inputs, active)[-1] - truth) ** 2, axis=-1)
    state = np.mean(np.sum(truth**2, axis=-1))
    return _row(mse=squares.mean(), large=np.mean(squares > state / 4), worst=squares.max() ** 0.5)


def depth_errors(
    n_circuits: int, rng: np.random.Generator, *, dtype: DTypeLike = np.float64
) -> pd.DataFrame:
    """Measure errors of random circuits over four layers, one active, by `measure_error`.

    The sizes are D = 512 and M = 1024. `nothing` is the error of `doing_nothing`.
    """
    circuits = ResidualCircuits.random(n_circuits, 4, 8, 4, rng).astype(dtype)
    superposition = ResidualConstruction(512, 1024).compress(circuits, rng)
    errors = measure_error(superposition, 1, 300, rng)
    return errors.assign(nothing=doing_nothing(circuits, 1000, rng))


def _of_inactive(reads: Floats, active: Integers) -> Floats:
    """Return the reads (batch, T, d) of inactive circuits alone, (batch, T − k, d)."""
    inactive = np.ones(reads.shape[:2], bool)
    inactive[np.arange(len(active))[:, None], active] = False
    return reads[inactive].reshape(len(reads), -1, reads.shape[-1])


def _on_carriers(superposition: Superposition, values: Floats, active: Integers) -> Floats:
    """Return values (batch, M) of large neurons on active ones' carriers, (batch, k, m, r)."""
    slots = superposition.neuron_codes[0].slots[active]  # type: ignore[attr-defined]
    rows = np.arange(len(active))[:, None, None, None]
    return np.asarray(values[rows, slots])


def _row(**values: SupportsFloat) -> pd.DataFrame:
    return pd.DataFrame([{name: float(value) for name, value in values.items()}])
