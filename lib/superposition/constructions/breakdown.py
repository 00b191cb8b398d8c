"""The predicted error of one layer, as a sum of terms."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pandas as pd

from superposition._check import Floats
from superposition.circuits import ResidualCircuits
from superposition.constructions.prediction import (
    Sizes,
    Values,
    active_carrier,
    default_moments,
    idle_neuron,
    layer_values,
    stream_values,
    trajectory,
)
from superposition.constructions.residual import ResidualConstruction
from superposition.moments import Moments
from superposition.theory import one_neuron, over_layers, symbols
from superposition.theory.derivation import evaluate


def error_terms(
    construction: ResidualConstruction, circuits: ResidualCircuits, n_active: int
) -> pd.Series:
    """Return the terms whose sum is the predicted mse after the first layer.

    Four terms arise when states are read out:

    others: overlaps with the other active circuits.
    itself: what a circuit misreads of itself.
    feedback: the product of errors that came in and went out through one overlap.
    echo: overlaps with what was written for inactive circuits.

    Four terms arise when states are read in:

    common: noise that all carriers of a neuron share.
    own: noise of each carrier by itself.
    bent: the mean shift that noise causes at the ReLU's corner.
    collisions: what collisions of active neurons add to the three terms before.
    """
    moments, sizes = default_moments(circuits), construction.sizes(circuits.n_circuits, n_active)
    first, last = islice(trajectory(sizes, moments), 2)
    written = _read_in_terms(sizes, moments, first)
    collisions = float(np.asarray(last[symbols.delta2])) - sum(written.values())
    terms = {**_read_out_terms(sizes, last), **written, "collisions": collisions}
    return pd.Series(terms, dtype=float)


def neuron_errors(
    construction: ResidualConstruction, circuits: ResidualCircuits, n_active: int
) -> pd.DataFrame:
    """Return predicted activations of active small neurons in the first layer, by pre-activation.

    The columns are pre_activation; mean, the mean of the estimate ĥ; and squared_error, E(ĥ − h)².
    """
    moments, sizes = default_moments(circuits), construction.sizes(circuits.n_circuits, n_active)
    carrier = _first_carrier(sizes, moments, next(trajectory(sizes, moments)))
    return pd.DataFrame(
        {
            "pre_activation": moments.pre_activations[0],
            "mean": carrier[symbols.mean_activation],
            "squared_error": evaluate(one_neuron.estimation_error(), carrier),
        }
    )


def garbage_gain(
    construction: ResidualConstruction,
    circuits: ResidualCircuits,
    n_active: int,
    garbage: Floats,
) -> Floats:
    """Return Γ, what a little more |g|² before the first layer adds to it in that layer, (n,).

    garbage: (n,), |g|² before the layer.

    Γ is the slope of (eq-next-garbage) less one, for active circuits without error.
    """
    moments, sizes = default_moments(circuits), construction.sizes(circuits.n_circuits, n_active)

    def after(before: float) -> float:
        held = {symbols.garbage: before, symbols.delta2: 0.0, symbols.drift: 0.0}
        values = stream_values(sizes, moments, 0, held)
        values |= layer_values(sizes, moments, 0, values)
        values |= idle_neuron(sizes, moments, values)
        return float(evaluate(over_layers.next_garbage(), values))

    step = 1e-3
    slopes = [(after((1 + step) * g) - after((1 - step) * g)) / (2 * step * g) for g in garbage]
    return np.array(slopes) - 1


def _first_carrier(
    sizes: Sizes, moments: Moments, stream: Values, *, alone: bool = False
) -> Values:
    values = {**stream, **layer_values(sizes, moments, 0, stream)}
    return active_carrier(sizes, moments, 0, values, alone=alone)


def _read_out_terms(sizes: Sizes, last: Values) -> dict[str, float]:
    """Return differences of (eq-active-read-out) as its parts are switched on."""
    orthonormal = over_layers.active_read_out(over_layers.ORTHONORMAL)
    active_only = sizes.n_active * np.asarray(last[symbols.state2])
    no_error = {**last, symbols.delta2: 0.0}
    no_feedback = {**no_error, symbols.feedback: 0.0}
    no_garbage = {**no_feedback, symbols.content: active_only}
    others, echo, feedback, itself = (
        float(evaluate(formula, values))
        for formula, values in (
            (orthonormal, no_garbage),
            (orthonormal, no_feedback),
            (orthonormal, no_error),
            (over_layers.active_read_out(sizes.embedding), no_error),
        )
    )
    return {
        "others": others,
        "itself": itself - feedback,
        "feedback": feedback - echo,
        "echo": echo - others,
    }


def _read_in_terms(sizes: Sizes, moments: Moments, first: Values) -> dict[str, float]:
    """Return the parts of (eq-estimate-error) without collisions, through the write-out weights."""
    carrier = _first_carrier(sizes, moments, first, alone=True)
    on, mean, second = (
        np.asarray(carrier[symbol])
        for symbol in (symbols.firing_share, symbols.mean_activation, symbols.square_activation)
    )
    common = on**2 * np.asarray(carrier[symbols.common_noise])
    parts = {
        "common": common,
        "own": (second - mean**2 - common) / sizes.redundancy,
        "bent": (mean - np.asarray(carrier[symbols.activation])) ** 2,
    }
    scale = moments.n_neurons * moments.write2[0]
    return {name: float(scale * part.mean()) for name, part in parts.items()}
