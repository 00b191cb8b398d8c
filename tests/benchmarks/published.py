"""The published construction with dense arrays: what a reader would write first.

Written for comparison from the formulas of the chapter *A construction that survives depth* alone,
in plain NumPy, with one name for each symbol; sums over circuits are `einsum`s, which hand products
to BLAS. It knows no sparse matrices and shares no code with the library but its checks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from superposition._check import (
    Floats,
    Integers,
    active_sets,
    no_empty_axis,
    positive_int,
    real_array,
    whole_array,
)


@dataclass(frozen=True, eq=False)
class DenseSuperposition:
    """T circuits of width d in a network of L layers of D neurons.

    circuits: (L, T, d, d), the circuits' own weights w.
    bias:     (L, d), the circuits' biases, which all of them have in common.
    embed:    (L, T, D, d), 1 where a neuron holds an entry of a circuit's state.
    unembed:  (L, T, D, d), the mean over an entry's neurons.
    weights:  (L, D, D), the large network's; the first are 1.
    biases:   (L, D), the large network's.
    """

    circuits: Floats
    bias: Floats
    embed: Floats
    unembed: Floats
    weights: Floats
    biases: Floats


def build(circuits: Floats, bias: Floats, sets: Integers, width: int) -> DenseSuperposition:
    """The large network, (eq-mlp-weights), for circuits whose slots are given.

    circuits (L, T, d, d), bias (L, d); sets (L, T, r): each circuit's slots among the D/d of a
    block; width: D, a multiple of d or not. All arrays returned have the circuits' dtype.
    Raises TypeError or ValueError for arrays of another kind or shape, slots beyond a block
    or repeated, or so many circuits that all slots are connected.
    """
    sizes: dict[str, int] = {}
    w = real_array("circuits", circuits, "layers circuits entries inputs", sizes)
    if sizes["entries"] != sizes["inputs"]:
        raise ValueError(f"circuits: wanted square weights (L, T, d, d), got shape {w.shape}")
    b = real_array("bias", bias, "layers entries", sizes, w.dtype)
    block = positive_int("width", width) // sizes["entries"]
    sets = whole_array("sets", sets, "layers circuits redundancy", sizes, block)
    no_empty_axis("circuits", sizes)
    e = np.zeros((*sets.shape[:2], block), w.dtype)  # e_t^l
    np.put_along_axis(e, sets, 1, axis=2)
    if (e.sum(axis=2) < sets.shape[2]).any():
        raise ValueError("sets: wanted distinct slots for each circuit, got a repeated one")
    V = np.stack([_blocks(layer, sizes["entries"], width) for layer in e])
    U = V / sets.shape[2]
    W = np.zeros((len(w), width, width), w.dtype)
    W[0] = np.eye(width)
    for i in range(1, len(w)):
        mean = w[i].mean(axis=0)
        # t circuits, D and E neurons of the layers after and before, i and j entries
        W[i] = np.einsum("tDi,tij,tEj->DE", V[i], w[i] - mean, U[i - 1], optimize=True)
        shared = np.kron(mean, capped(e[i], e[i - 1]))
        W[i, : len(shared), : len(shared)] += shared
    B = np.zeros((len(w), width), w.dtype)
    B[:, : block * sizes["entries"]] = np.repeat(b, block, axis=1)
    return DenseSuperposition(w, b, V, U, W, B)


def capped(after: Floats, before: Floats) -> Floats:
    """𝒲 (n, n), balanced: (eq-capped), from 0/1 vectors e_t, (T, n), of two layers."""
    n, r = len(after), after[0].sum()
    connected = (after.T @ before > 0).astype(after.dtype)
    heard = after @ connected @ before.T  # (T, T): connections from one circuit to another
    apart = (heard.sum(dtype=float) - np.trace(heard, dtype=float)) / max(n * (n - 1), 1)
    if connected.all() and n > 1:
        raise ValueError(f"sets: wanted slots that no circuit connects, got {n} circuits on all")
    chi = apart / (r**2 - apart) / r
    return np.where(connected > 0, 1 / r, -chi).astype(after.dtype)


def run(large: DenseSuperposition, inputs: Floats, active: Integers) -> list[Floats]:
    """Large states after layers 1 … L, each (batch, D), from inputs (batch, k, d) of circuits.

    active (batch, k). Raises TypeError or ValueError for arrays of another kind or shape.
    """
    inputs, active = _checked(large, inputs, active)
    heard = np.einsum("bkij,bkj->bki", large.circuits[0][active], inputs)
    state = np.einsum("bkDi,bki->bD", large.embed[0][active], heard, optimize=True)
    states = []
    for weight, bias in zip(large.weights, large.biases, strict=True):
        state = np.maximum(state @ weight.T + bias, 0)
        states.append(state)
    return states


def measure(large: DenseSuperposition, inputs: Floats, active: Integers) -> pd.DataFrame:
    """Errors by layer 1 … L, the columns of `measure_error`: every circuit is read at every layer.

    inputs (batch, k, d), active (batch, k). Raises as `run` does.
    """
    inputs, active = _checked(large, inputs, active)
    truth, rows = inputs, []
    own = np.arange(len(active))[:, None], active
    for i, state in enumerate(run(large, inputs, active)):
        heard = np.einsum("bkij,bkj->bki", large.circuits[i][active], truth)
        truth = np.maximum(heard + large.bias[i], 0)
        reads = np.einsum("tDi,bD->bti", large.unembed[i], state, optimize=True)
        errors = np.sum((reads[own] - truth) ** 2, axis=-1, dtype=float)
        silent = np.ones(reads.shape[:2], bool)
        silent[own] = False
        others = np.sum(reads**2, axis=-1, dtype=float)[silent]
        size = np.sum(truth**2, axis=-1, dtype=float).mean()
        row = {"layer": i + 1, "mse": errors.mean()}
        row["relative_mse"] = errors.mean() / size if size > 0 else np.nan
        row["worst"] = np.sqrt(errors.max())
        row["inactive_mse"] = others.mean() if others.size else np.nan
        row["firing"] = np.mean(state > 0)
        rows.append(row)
    return pd.DataFrame(rows)


def _blocks(e: Floats, n_entries: int, width: int) -> Floats:
    """(T, n) → (T, D, d): entry i of a state is held in block i."""
    V = np.zeros((len(e), width, n_entries), e.dtype)
    block = e.shape[1]
    for i in range(n_entries):
        V[:, i * block : (i + 1) * block, i] = e
    return V


def _checked(
    large: DenseSuperposition, inputs: Floats, active: Integers
) -> tuple[Floats, Integers]:
    sizes = {"width": large.circuits.shape[2]}
    active = active_sets(active, large.circuits.shape[1], sizes)
    return real_array("inputs", inputs, "batch active width", sizes, large.circuits.dtype), active
