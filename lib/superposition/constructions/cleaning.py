"""Layers of gated residual networks: one computes, the next cleans the stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from superposition._check import Floats
from superposition.certificate.bounds import residual_bounds
from superposition.circuits import ResidualCircuits
from superposition.maps import SparseCode, StreamCodes
from superposition.network import ResidualNetwork
from superposition.readers import reading_weights

Layer = tuple[Floats, Floats, Floats]  # read-in (neurons, D), bias, write-out (D, neurons)


def computing_layer(
    circuits: ResidualCircuits, codes: StreamCodes, layer: int, quiet: bool, size: float
) -> tuple[Layer, float]:
    """Return one small layer in m·n_B neurons: (eq-residual-gate).

    size: a bound on what a single circuit's weights make of a state, which gates must exceed.

    The second result says how many times as much as any circuit writes for itself is written on
    slots not in use.
    """
    small = np.concatenate([circuits.read_in[layer], circuits.bias[layer][..., None]], axis=-1)
    reads, times = slot_sum(small, codes.stream, codes.neurons, quiet)
    written, loudest = slot_sum(circuits.write_out[layer], codes.neurons, codes.stream, quiet)
    read_in = np.zeros((len(reads), codes.size(circuits.width)), reads.dtype)
    read_in[:, : reads.shape[1]] = reads
    neurons, (_, gates) = np.arange(len(reads)), codes.gates(circuits.width)
    read_in[neurons, gates.start + neurons % codes.neurons.size] = -times * size
    write_out = np.zeros(read_in.T.shape, reads.dtype)
    write_out[: len(written)] = written
    return (read_in, np.zeros(len(reads), reads.dtype), write_out), loudest


def cleaning_layer(width: int, codes: StreamCodes, size: float, dtype: np.dtype[Any]) -> Layer:
    """Return 2·d·n_A neurons that set slots not in use to zero: (eq-cleaning).

    size: more than is on any slot in use.
    """
    rows = width * codes.stream.size
    read_in = np.zeros((2 * rows, codes.size(width)), dtype)
    entries = np.arange(rows)
    read_in[entries, entries], read_in[rows + entries, entries] = 1, -1
    write_out = -np.sign(read_in).T
    neurons = np.arange(2 * rows)
    read_in[neurons, rows + neurons % codes.stream.size] = -size
    return read_in, np.zeros(len(read_in), dtype), write_out


def sparing_layer(
    width: int, codes: StreamCodes, size: float, offset: float, dtype: np.dtype[Any]
) -> Layer:
    """Return (d + 1)·n_A neurons that do so up to rounding: (eq-sparing).

    offset: more than is on any slot not in use.
    """
    n = codes.stream.size
    rows = width * n
    read_in = np.zeros((rows + n, codes.size(width)), dtype)
    write_out = np.zeros(read_in.T.shape, dtype)
    entries, slots = np.arange(rows), rows + np.arange(n)
    read_in[entries, entries], write_out[entries, entries] = 1, -1
    read_in[entries, slots[entries % n]] = -(size + offset)
    read_in[slots, slots] = -offset
    write_out[entries, slots[entries % n]] = 1
    return read_in, np.full(len(read_in), offset, dtype), write_out


def slot_sum(
    small: Floats, read: SparseCode, write: SparseCode, quiet: bool
) -> tuple[Floats, float]:
    """Return Σ_t of circuits' matrices (T, n, m), from the slots of `read` to those of `write`.

    The large matrix has shape (n · write.size, m · read.size), with the weights of
    `reading_weights`. The second result says how many times as much as the largest term of one
    circuit's slots a slot can receive from them.
    """
    rows, columns = small.shape[1:]
    large = np.zeros((rows, write.size, columns, read.size), small.dtype)
    times = 0.0
    for slot, on, weights in reading_weights(read, write, quiet):
        large[:, slot] = np.einsum("tij,st->ijs", small[on], weights)
        times = max(times, float(np.abs(read.matrix @ weights).sum(axis=1).max()))
    return large.reshape(rows * write.size, columns * read.size), times


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
