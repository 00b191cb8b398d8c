"""Predicted errors of gated residual circuits, from the geometry of their codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from superposition.circuits.moments import Moments
from superposition.predict.gated import Crosstalk


def gated_residual_law(
    moments: Moments,
    crosstalk: tuple[Crosstalk, Crosstalk],
    redundancies: tuple[int, int],
    n_active: int,
) -> pd.DataFrame:
    """Predict errors by layer 0 … L, (eq-residual-law), for weights without a common mean.

    crosstalk: crosstalk on neurons that read the stream, and on the stream that reads neurons.
    redundancies: of the stream, and of neurons.

    The columns are layer, mse, relative_mse and inactive_mse. In the code, `common` is noise that a
    circuit's slots of the stream share, and `own` is noise that differs from slot to slot. `joint`
    comes with circuits that share a slot, and `left` is what is written on slots not in use.
    """
    # measured of quiet weights, `noise` can come out below zero where there is next to none
    read, r, others = crosstalk[0], redundancies[0], n_active - 1
    common = own = left = 0.0
    rows = []
    for layer, state2 in enumerate(moments.state2):
        joint = others * read.shared * state2
        mse, apart = common + (own + joint) / r, own + joint
        inactive = n_active * (read.shared / r * (state2 + common + apart) + left)
        rows.append([layer, mse, mse / state2, inactive])
        if layer == moments.n_layers:
            break
        sizes = _sizes(moments, layer)
        neurons = _neurons(sizes, crosstalk, r, others, (common, own, joint), state2)
        added = _written(sizes, crosstalk, redundancies, others, neurons)
        common, own, left = common + added[0], own + added[1], added[2]
    return pd.DataFrame(rows, columns=["layer", "mse", "relative_mse", "inactive_mse"])


@dataclass(frozen=True)
class _Sizes:
    """The numbers of one layer of the small networks.

    on: the share of neurons that fire.
    weight2: the factor by which a state's square is multiplied in a neuron.
    bias2: b².
    output2: E ReLU².
    joined2: the squared change of a neuron's output by another circuit's pre-activation on top.
    write2: m |w'|², the factor by which neurons' squares are multiplied.
    """

    on: float
    weight2: float
    bias2: float
    output2: float
    joined2: float
    write2: float


def _sizes(moments: Moments, layer: int) -> _Sizes:
    pre_activations = moments.pre_activations[layer]
    output = np.maximum(pre_activations, 0)
    joined = np.maximum(pre_activations[:, None] + pre_activations, 0) - output[:, None]
    return _Sizes(
        on=float(np.mean(pre_activations > 0)),
        weight2=moments.weight2[layer] / moments.width,
        bias2=moments.bias2[layer],
        output2=float(np.mean(output**2)),
        joined2=float(np.mean(joined**2)),
        write2=moments.n_neurons * moments.write2[layer],
    )


def _neurons(
    sizes: _Sizes,
    crosstalk: tuple[Crosstalk, Crosstalk],
    redundancy: int,
    others: int,
    noise: tuple[float, float, float],
    state2: float,
) -> tuple[float, float, float]:
    """Return neurons' noise: common to a circuit's slots, own to each, and from a shared slot."""
    (read, write), (common, own, joint) = crosstalk, noise
    alike = common + own / redundancy + _itself(read) * joint
    through = read.own * (sizes.weight2 * (state2 + common) + sizes.bias2)
    through += max(read.noise, 0.0) * sizes.weight2 * (own + joint)
    apart = sizes.weight2 * read.spread * own + others * (1 - write.shared) * through
    meet = others * write.shared * sizes.joined2
    return sizes.on * sizes.weight2 * alike, sizes.on * apart, meet


def _written(
    sizes: _Sizes,
    crosstalk: tuple[Crosstalk, Crosstalk],
    redundancies: tuple[int, int],
    others: int,
    neurons: tuple[float, float, float],
) -> tuple[float, float, float]:
    """Return what a layer adds to all slots of a circuit, to each slot, and elsewhere."""
    (read, write), (alike, apart, meet) = crosstalk, neurons
    common = alike + apart / redundancies[1] + _itself(write) * meet
    received2 = write.own * (sizes.output2 + alike) + max(write.noise, 0.0) * (apart + meet)
    own = write.spread * apart + others * (1 - read.shared) * received2
    output2 = sizes.output2 + alike + apart + meet
    elsewhere = (1 - read.shared) * output2 * (write.own / redundancies[0] + write.itself)
    return sizes.write2 * common, sizes.write2 * own, sizes.write2 * elsewhere


def _itself(crosstalk: Crosstalk) -> float:
    """Return how much of what lies on one of a circuit's slots its own weights read."""
    return crosstalk.itself / crosstalk.shared if crosstalk.shared else 0.0
