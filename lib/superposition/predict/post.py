"""Predicted errors of the post's construction, over all layers and taken apart for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import sympy as sp
from numpy.typing import ArrayLike

from superposition._check import Floats
from superposition.circuits import ResidualCircuits, with_indicator
from superposition.circuits.moments import Moments
from superposition.theory import over_layers, read_in, symbols
from superposition.theory.derivation import Assumption, evaluate
from superposition.theory.neurons import (
    DISJOINT_CARRIERS,
    INDEPENDENT_CARRIERS,
    chances_of_carriers,
)

if TYPE_CHECKING:
    from superposition.constructions.post import ResidualConstruction

Values = Mapping[sp.Symbol, ArrayLike]
LEAST_NOISE = 1e-12  # where there is none at all: a Gaussian needs some width


@dataclass(frozen=True)
class Sizes:
    """What a prediction knows of the large network and of the load on it."""

    n_circuits: float
    n_active: int
    stream_width: int
    n_neurons: int
    redundancy: int
    margin: float
    orthonormal: bool
    disjoint: bool

    @property
    def embedding(self) -> Assumption:
        """The assumption on embeddings."""
        return over_layers.ORTHONORMAL if self.orthonormal else over_layers.free_entries()

    @property
    def carriers(self) -> Assumption:
        """The assumption on carriers."""
        return DISJOINT_CARRIERS if self.disjoint else INDEPENDENT_CARRIERS

    def collisions(self, small_neurons: int, *, active: bool) -> dict[sp.Symbol, float]:
        """Return how many other active small neurons may share a carrier, and the chance of each.

        With disjoint carriers a carrier has at most one neuron of each other active circuit.
        """
        together = small_neurons if self.disjoint else 1
        number = self.n_active * small_neurons // together - active
        carrying, pair = chances_of_carriers()
        known = {symbols.r: self.redundancy, symbols.M: self.n_neurons}
        chance = together * float(evaluate(carrying, known))
        both = together * float(evaluate(pair, known)) if self.n_neurons > 1 else 0.0
        return {symbols.others: number, symbols.chance: chance, symbols.both_chance: both}


_UNEQUAL, _COMMON = 30.0, 0.3  # beyond which laws for residual circuits were found to mislead
LAWS = "derived", "sampled"
_SAMPLES, _FEWEST = 4_800, 480
_OPERATIONS = 2e8  # that samples may take


def misleads(moments: Moments) -> str:
    """Return why laws of mean squares mislead for these circuits, or nothing where they hold."""
    if moments.inequality > _UNEQUAL:
        return (
            "the few that write most decide what others read (mean square over squared mean: "
            f"{moments.inequality:.3g})"
        )
    if moments.in_common > _COMMON:
        return f"{moments.in_common:.0%} of what they write is their mean, which adds up"
    return ""


def chosen_law(law: str | None, circuits: ResidualCircuits) -> str:
    """Return the law, or the one that holds where none is asked for; ValueError for another."""
    if law is None:
        return "sampled" if misleads(default_moments(circuits)) else "derived"
    if law not in LAWS:
        raise ValueError(f"law: wanted one of {LAWS} or None, got {law!r}")
    return law


def stream_law(sizes: Sizes, circuits: ResidualCircuits) -> pd.DataFrame:
    """Predict errors from samples, with the columns of `sampled_law`."""
    from superposition.predict.in_stream import DRAWINGS, pools, stream_errors
    from superposition.predict.sampled import Sampled, sampled_law

    n, k = circuits.n_circuits, sizes.n_active
    one = n * circuits.n_neurons * sizes.redundancy * circuits.n_layers
    n_samples = int(np.clip(_OPERATIONS / one, _FEWEST, max(_SAMPLES // k, _FEWEST))) // DRAWINGS
    of_drawings = iter(pools(circuits, k, np.random.default_rng(0)))

    def sample(rng: np.random.Generator) -> Sampled:
        return stream_errors(sizes, circuits, next(of_drawings), n_samples, rng)

    return sampled_law(circuits, sample, DRAWINGS)


def default_moments(circuits: ResidualCircuits) -> Moments:
    """Return the circuits' moments at their default inputs, sampled from one fixed seed."""
    return circuits.moments(np.random.default_rng(0))


def predict_layers(sizes: Sizes, moments: Moments, *, remember: bool = True) -> pd.DataFrame:
    """Predict mse, relative_mse, inactive_mse and firing, in rows for layers 0 … L.

    The recursion is that of `theory.over_layers`, with `theory.one_neuron` for what a layer's
    neurons make of its noise. The share `firing` is of large neurons, and NaN at layer 0.
    """
    rows = []
    for layer, values in enumerate(trajectory(sizes, moments, remember=remember)):
        mse = float(evaluate(over_layers.active_read_out(sizes.embedding), values))
        idle = float(evaluate(over_layers.inactive_read_out(sizes.embedding), values))
        firing = float(np.asarray(values[symbols.firing_share]))
        rows.append([layer, mse, mse / moments.state2[layer], idle, firing])
    names = ["layer", "mse", "relative_mse", "inactive_mse", "firing"]
    return pd.DataFrame(rows, columns=names)


def trajectory(
    sizes: Sizes, moments: Moments, *, remember: bool = True
) -> Iterator[dict[sp.Symbol, ArrayLike]]:
    """Yield values of all symbols that describe the stream, after layers 0 … L.

    remember: whether the stream keeps what is written for inactive circuits.
    """
    held: dict[sp.Symbol, ArrayLike] = dict.fromkeys(
        (symbols.garbage, symbols.delta2, symbols.drift), 0.0
    )
    held[symbols.firing_share] = np.nan
    for layer in range(moments.n_layers + 1):
        values = stream_values(sizes, moments, layer, held)
        yield values
        if layer < moments.n_layers:
            held = after_layer(sizes, moments, layer, values)
            held[symbols.garbage] = np.asarray(held[symbols.garbage]) * remember


def after_layer(
    sizes: Sizes, moments: Moments, layer: int, stream: Values
) -> dict[sp.Symbol, ArrayLike]:
    """Return what the stream holds after a layer, and which share of neurons fires."""
    values = {**stream, **layer_values(sizes, moments, layer, stream)}
    idle = idle_neuron(sizes, moments, values)
    return next_stream(values | idle | active_neuron(sizes, moments, layer, values))


def stream_values(
    sizes: Sizes, moments: Moments, layer: int, held: Values
) -> dict[sp.Symbol, ArrayLike]:
    """Return sizes, and what the stream holds before a layer: (eq-state), (eq-content)."""
    values: dict[sp.Symbol, ArrayLike] = {
        symbols.T: sizes.n_circuits,
        symbols.k: sizes.n_active,
        symbols.D: sizes.stream_width,
        symbols.M: sizes.n_neurons,
        symbols.r: sizes.redundancy,
        symbols.margin: sizes.margin,
        symbols.d: moments.width,
        symbols.m: moments.n_neurons,
        symbols.a2: moments.state2[layer] + 1,  # with the indicator's 1
        symbols.feedback: moments.feedback[layer],
        symbols.self_feedback: moments.self_feedback[layer],
        **held,
    }
    values[symbols.state2] = evaluate(over_layers.active_state(), values)
    values[symbols.content] = evaluate(over_layers.stream_content(), values)
    return values


def layer_weights(sizes: Sizes, moments: Moments, layer: int) -> dict[sp.Symbol, ArrayLike]:
    """Return the small networks' numbers in one layer, with biases moved onto the indicator."""
    m, margin = moments.n_neurons, sizes.margin
    bias = moments.bias[layer]
    of_one = moments.bias2[layer] + 2 * margin * bias + margin**2
    of_sum = moments.bias_sum2[layer] + 2 * m * margin * m * bias + (m * margin) ** 2
    pre_activation = moments.pre_activations[layer]
    return {
        symbols.bare_w2: moments.weight2[layer],
        symbols.w2: moments.weight2[layer] + of_one,
        symbols.bare_sum2: moments.weight_sum2[layer],
        symbols.sum2: moments.weight_sum2[layer] + of_sum,
        symbols.write2: moments.write2[layer],
        symbols.pre_mean: pre_activation.mean(),
        symbols.pre_variance: max(pre_activation.var(), LEAST_NOISE),
    }


def layer_values(
    sizes: Sizes, moments: Moments, layer: int, stream: Values
) -> dict[sp.Symbol, ArrayLike]:
    """Return the layer's weights, the noise of one carrier, and the jump that a collision adds."""
    weights = layer_weights(sizes, moments, layer)
    return weights | noise_values(sizes, {**stream, **weights})


def noise_values(sizes: Sizes, values: Values) -> dict[sp.Symbol, ArrayLike]:
    """Return the noise of one carrier and the jump of a collision, for weights in `values`."""
    mean, variance = over_layers.jump()
    return {
        symbols.noise: evaluate(over_layers.own_noise_of_a_carrier(sizes.carriers), values),
        symbols.jump_mean: evaluate(mean, values),
        symbols.jump_variance: evaluate(variance, values),
    }


def idle_neuron(sizes: Sizes, moments: Moments, values: Values) -> dict[sp.Symbol, ArrayLike]:
    """Return what a carrier makes of an inactive small neuron, and what is read of it."""
    return idle_carrier(sizes, moments.n_neurons, values, -sizes.margin)


def idle_carrier(
    sizes: Sizes, n_neurons: int, values: Values, pre_activation: ArrayLike
) -> dict[sp.Symbol, ArrayLike]:
    """Return what a carrier makes of an inactive small neuron whose mean input is `pre_activation`.

    n_neurons: how many neurons one circuit has.
    """
    misread = evaluate(over_layers.inactive_misreading(sizes.embedding), values)
    collisions = sizes.collisions(n_neurons, active=False)
    carrier = _carrier(sizes, values, pre_activation, misread, collisions)
    square = evaluate(read_in.estimated_square(), carrier)
    return {symbols.estimate_square: square, symbols.firing_share: carrier[symbols.firing_share]}


def active_neuron(
    sizes: Sizes, moments: Moments, layer: int, values: Values
) -> dict[sp.Symbol, ArrayLike]:
    """Return the squared error of an active small neuron, and the error's product with the truth.

    Both are means over the layer's pre-activations.
    """
    return activation_errors(active_carrier(sizes, moments, layer, values))


def activation_errors(carrier: Values) -> dict[sp.Symbol, ArrayLike]:
    """Return a neuron's squared error and its product with the truth, from its carriers."""
    return {
        symbols.squared_error: evaluate(read_in.estimation_error(), carrier).mean(),
        symbols.error_product: evaluate(read_in.estimation_drift(), carrier).mean(),
    }


def active_carrier(
    sizes: Sizes, moments: Moments, layer: int, values: Values, *, alone: bool = False
) -> dict[sp.Symbol, ArrayLike]:
    """Return what a carrier makes of active small neurons, for each of the layer's pre-activations.

    alone: whether to assume that no two active small neurons share a carrier.
    """
    collisions = sizes.collisions(moments.n_neurons, active=True)
    if alone:
        collisions[symbols.others] = 0
    return carrier_of(sizes, moments.pre_activations[layer], values, collisions)


def carrier_of(
    sizes: Sizes, wanted: Floats, values: Values, collisions: Values
) -> dict[sp.Symbol, ArrayLike]:
    """Return what a carrier makes of small neurons with the pre-activations `wanted`."""
    values = {**values, symbols.wanted: wanted}
    pre_activation = evaluate(over_layers.drifted(), values)
    misread = evaluate(over_layers.active_misreading(sizes.embedding), values)
    carrier = _carrier(sizes, values, pre_activation, misread, collisions)
    carrier[symbols.activation] = np.maximum(wanted, 0)
    return carrier


def _carrier(
    sizes: Sizes, values: Values, pre_activation: ArrayLike, misread: Floats, collisions: Values
) -> dict[sp.Symbol, ArrayLike]:
    """Return moments of one carrier's activation, with the common part of its noise."""
    common = misread + evaluate(over_layers.common_noise_of_carriers(sizes.carriers), values)
    own = np.asarray(values[symbols.noise], float)
    all_noise = np.maximum(own + common, LEAST_NOISE)
    known = {
        **values,
        **collisions,
        symbols.carrier_input: pre_activation,
        symbols.noise: all_noise,
    }
    mean, square, alone = read_in.on_both()
    return {
        **known,
        symbols.both_mean: evaluate(mean, known),
        symbols.both_square: evaluate(square, known),
        symbols.alone_mean: evaluate(alone, known),
        symbols.common_noise: common,
        symbols.firing_share: read_in.over_collisions(read_in.firing(), known),
        symbols.mean_activation: read_in.over_collisions(read_in.carrier_mean(), known),
        symbols.square_activation: read_in.over_collisions(read_in.carrier_square(), known),
    }


def next_stream(values: Values) -> dict[sp.Symbol, ArrayLike]:
    """Return what the stream holds after the layer, by (eq-next-garbage) and the two after it."""
    return {
        symbols.garbage: evaluate(over_layers.next_garbage(), values),
        symbols.delta2: evaluate(over_layers.next_error(), values),
        symbols.drift: evaluate(over_layers.next_drift(), values),
        symbols.firing_share: values[symbols.firing_share],
    }


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
            "squared_error": evaluate(read_in.estimation_error(), carrier),
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


def symbol_values(
    construction: ResidualConstruction, circuits: ResidualCircuits, n_active: int
) -> dict[sp.Symbol, float]:
    """Return values of T, m, d, k, D, M, r, |w|², |Σw|² (first layer) and |a|² for unit inputs.

    They include the indicator, which adds its weight to |w|², its 1 to |a|², and one to the width.
    """
    weights = with_indicator(circuits, construction.margin).read_in[0]
    return {
        symbols.T: circuits.n_circuits,
        symbols.m: circuits.n_neurons,
        symbols.d: circuits.width + 1,
        symbols.k: n_active,
        symbols.D: construction.stream_width,
        symbols.M: construction.n_neurons,
        symbols.r: construction.n_carriers,
        symbols.w2: float(np.mean(np.sum(weights**2, axis=-1))),
        symbols.sum2: float(np.mean(np.sum(weights.sum(axis=1) ** 2, axis=-1))),
        symbols.a2: 2,
    }
