"""Read-in interference, and errors over a few layers, of the post's construction."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from companion._study import row
from superposition._check import Floats, Integers
from superposition.circuits import ResidualCircuits
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.constructions import ResidualConstruction
from superposition.measure import MEANS, doing_nothing, measure_error, read_in_interference
from superposition.predict.post import symbol_values
from superposition.superposition import Superposition
from superposition.theory import writing_back
from superposition.theory.derivation import evaluate
from superposition.theory.read_in import leading_read_in_variance, read_in_variance

_SAMPLES = 200


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
    own, shared = (
        evaluate(f, values) for f in (writing_back.own_noise(), writing_back.shared_noise())
    )
    parts = {writing_back.own_variance: own, writing_back.shared_variance: shared}
    return row(
        measured=np.mean(noise**2),
        predicted=evaluate(read_in_variance(), values),
        leading=evaluate(leading_read_in_variance(), values),
        one_carrier=np.mean(heard**2),
        predicted_one=own + shared,
        carrier_mean=np.mean(heard.mean(axis=-1) ** 2),
        predicted_mean=evaluate(writing_back.mean_of_carriers(), {**values, **parts}),
    )


def depth_errors(
    n_circuits: int, rng: np.random.Generator, *, dtype: DTypeLike = np.float64
) -> pd.DataFrame:
    """Measure errors of random circuits over four layers, one active, by `measure_error`.

    The sizes are D = 512 and M = 1024. `nothing` is the error of `doing_nothing`.
    """
    circuits = ResidualCircuits.random(n_circuits, 4, 8, 4, rng).astype(dtype)
    superposition = ResidualConstruction(512, 1024).compress(circuits, rng)
    errors = measure_error(superposition, 1, 300, rng)[MEANS]
    return errors.assign(nothing=doing_nothing(circuits, 1000, rng))


def _on_carriers(superposition: Superposition, values: Floats, active: Integers) -> Floats:
    """Return values (batch, M) of large neurons on active ones' carriers, (batch, k, m, r)."""
    slots = superposition.codes.neurons[0].slots[active]
    rows = np.arange(len(active))[:, None, None, None]
    return np.asarray(values[rows, slots])
