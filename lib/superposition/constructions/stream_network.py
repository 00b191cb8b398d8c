"""The large network of gated superposition of residual networks, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from superposition.circuits import ResidualCircuits
from superposition.codes.stream import StreamCodes
from superposition.constructions.bounds import residual_bounds
from superposition.constructions.stream_gates import (
    Layer,
    cleaning_layer,
    computing_layer,
    sparing_layer,
)
from superposition.network import ResidualNetwork


def cleaners(circuits: ResidualCircuits, sparing: bool) -> int:
    """Return how many neurons clean one slot of the stream."""
    if circuits.n_layers == 1:
        return 0
    return circuits.width + 1 if sparing else 2 * circuits.width


def stream_network(
    circuits: ResidualCircuits,
    codes: StreamCodes,
    input_bound: float,
    headroom: float,
    quiet: bool,
    sparing: bool,
) -> ResidualNetwork:
    """Return 2L − 1 layers, (eq-residual-gate), and (eq-cleaning) or (eq-sparing) between them.

    The arguments headroom, quiet and sparing are fields of `GatedResidualConstruction`.
    """
    n_layers, size = 2 * circuits.n_layers - 1, codes.size(circuits.width)
    n_neurons = codes.n_neurons(circuits.n_neurons, cleaners(circuits, sparing))
    read_in = np.zeros((n_layers, n_neurons, size), circuits.dtype)
    bias = np.zeros((n_layers, n_neurons), circuits.dtype)
    write_out = np.zeros((n_layers, size, n_neurons), circuits.dtype)
    for i, layer in enumerate(_layers(circuits, codes, input_bound, headroom, quiet, sparing)):
        used = len(layer[1])
        read_in[i, :used], bias[i, :used], write_out[i, :, :used] = layer
    return ResidualNetwork(read_in, bias, write_out)


def _layers(
    circuits: ResidualCircuits,
    codes: StreamCodes,
    input_bound: float,
    headroom: float,
    quiet: bool,
    sparing: bool,
) -> Iterator[Layer]:
    """Yield the large layers in order, without neurons that have nothing to do."""
    states, pre_activations, written = (
        headroom * bound for bound in residual_bounds(circuits, input_bound)
    )
    shape = circuits.width, codes
    for i in range(circuits.n_layers):
        layer, loudest = computing_layer(circuits, codes, i, quiet, pre_activations[i])
        yield layer
        if i == circuits.n_layers - 1:
            return
        size = states[i + 1].max()
        if sparing:
            yield sparing_layer(*shape, size, loudest * written[i], circuits.dtype)
        else:
            yield cleaning_layer(*shape, size, circuits.dtype)
