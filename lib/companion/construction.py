"""Read-in interference, and errors over a few layers, of the post's construction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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
_SEEDS = 4000  # among which the small example is looked for
_WIDTH, _SMALL, _LARGE, _STREAM, _CARRIERS = 2, 2, 24, 512, 3  # its d, m, M, D and r
_T, _ACTIVE = 15, np.array([[0, 1]])


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass through the first layer of a superposition of the post's construction.

    superposition: the large network and its codes.
    active: (k,), the active circuits.
    small: (T, m), what the small neurons do by themselves; idle ones are silent.
    large: (M,), what the large neurons do.
    """

    superposition: Superposition
    active: Integers
    small: Floats
    large: Floats

    @property
    def carriers(self) -> Integers:
        """The large neurons that carry each small one, (T, m, r)."""
        slots: Integers = self.superposition.codes.neurons[0].slots
        return slots

    @property
    def means(self) -> Floats:
        """The means over the carriers of each small neuron, (T, m), which are written back."""
        return np.asarray(self.large[self.carriers].mean(axis=-1))

    @property
    def meetings(self) -> Integers:
        """The large neurons on which active circuits meet."""
        load = np.bincount(self.carriers[self.active].ravel(), minlength=len(self.large))
        return np.flatnonzero(load > 1)

    @property
    def error(self) -> float:
        """The root mean square of means minus small neurons, over the first three circuits."""
        return float(np.sqrt(np.mean((self.means - self.small)[:3] ** 2)))


@cache
def small_example() -> Pass:
    """Return a superposition that is small enough to be drawn, and one pass through it.

    15 circuits of width 2 with 2 neurons each share 24 large neurons, 3 for each small one. Two of
    the circuits are active. Of the first 4,000 seeds those are taken with which the active neurons
    fire clearly, between ½ and 1½, and meet on just one large neuron. Of these the one with the
    least error is returned.
    """
    passes = (_one_pass(np.random.default_rng(seed)) for seed in range(_SEEDS))
    met = [each for each in passes if each is not None and len(each.meetings) == 1]
    return min(met, key=lambda each: each.error)


def _one_pass(rng: np.random.Generator) -> Pass | None:
    """Draw circuits, inputs and codes; None where active neurons do not fire clearly."""
    circuits = ResidualCircuits.random(_T, _WIDTH, _SMALL, 1, rng)
    inputs, active = UnitInputs(_WIDTH)(_ACTIVE, rng), _ACTIVE[0]
    read = np.einsum("kmd,kd->km", circuits.read_in[0, active], inputs[0])
    fires = read + circuits.bias[0, active]
    if not np.all((fires > 0.5) & (fires < 1.5)):
        return None
    construction = ResidualConstruction(_STREAM, _LARGE, _CARRIERS, disjoint_carriers=True)
    superposition = construction.compress(circuits, rng)
    network, stream = superposition.network, superposition.embed(inputs, _ACTIVE)[0]
    large = np.maximum(network.read_in[0] @ stream + network.bias[0], 0)
    small = np.zeros((_T, _SMALL))
    small[active] = fires
    return Pass(superposition, active, small, large)


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
