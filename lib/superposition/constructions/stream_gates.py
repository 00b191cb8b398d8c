"""The weights of gated superposition in a residual stream: layers that compute and that clean."""

from __future__ import annotations

import numpy as np

from superposition._check import Floats
from superposition.circuits import ResidualCircuits
from superposition.codes.sparse import SparseCode
from superposition.codes.stream import StreamCodes
from superposition.constructions.quiet import reading_weights


def computing_layer(
    circuits: ResidualCircuits, codes: StreamCodes, layer: int, quiet: bool, size: float
) -> tuple[Floats, Floats]:
    """Read-in (m·n_B, D) and write-out (D, m·n_B) of one small layer: (eq-residual-gate).

    size: what gates are to be sure of that a single circuit makes of a state.
    """
    small = np.concatenate([circuits.read_in[layer], circuits.bias[layer][..., None]], axis=-1)
    heard, times = slot_sum(small, codes.stream, codes.neurons, quiet)
    written, _ = slot_sum(circuits.write_out[layer], codes.neurons, codes.stream, quiet)
    read_in = np.zeros((len(heard), codes.size(circuits.width)), heard.dtype)
    read_in[:, : heard.shape[1]] = heard
    neurons, gates = np.arange(len(heard)), codes.gates(circuits.width)
    read_in[neurons, gates.start + neurons % codes.neurons.size] = -times * size
    write_out = np.zeros(read_in.T.shape, heard.dtype)
    write_out[: len(written)] = written
    return read_in, write_out


def cleaning_layer(
    width: int, codes: StreamCodes, size: float, dtype: np.dtype
) -> tuple[Floats, Floats]:
    """Read-in (2·d·n_A, D) and write-out that set slots not in use to zero: (eq-cleaning).

    size: more than is on any slot in use.
    """
    rows = width * codes.stream.size
    read_in = np.zeros((2 * rows, codes.size(width)), dtype)
    entries = np.arange(rows)
    read_in[entries, entries], read_in[rows + entries, entries] = 1, -1
    write_out = -np.sign(read_in).T
    neurons = np.arange(2 * rows)
    read_in[neurons, rows + neurons % codes.stream.size] = -size
    return read_in, write_out


def slot_sum(
    small: Floats, read: SparseCode, write: SparseCode, quiet: bool
) -> tuple[Floats, float]:
    """Σ_t of circuits' matrices (T, n, m), from the slots of `read` to those of `write`.

    By `reading_weights`: (n · write.size, m · read.size); and how many times as much as the
    largest of them a slot can hear of a circuit that is not on it.
    """
    rows, columns = small.shape[1:]
    large = np.zeros((rows, write.size, columns, read.size), small.dtype)
    times = 0.0
    for slot, on, weights in reading_weights(read, write, quiet):
        large[:, slot] = np.einsum("tij,st->ijs", small[on], weights)
        heard = np.abs(read.matrix @ weights).sum(axis=1)
        heard[on] = 0
        times = max(times, float(heard.max()))
    return large.reshape(rows * write.size, columns * read.size), times
