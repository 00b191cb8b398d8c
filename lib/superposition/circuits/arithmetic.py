"""Arithmetic modulo p in small residual networks: adders and lookup tables.

The residue x is the point (cos 2πx/p, sin 2πx/p) of the circle. Its product with the point of j is
1 for x = j, and at most cos 2π/p for all other x. This product tells residues apart.
"""

from __future__ import annotations

import numpy as np

from superposition._check import Floats, Integers, real_array, whole_array, whole_number
from superposition.circuits.residual import ResidualCircuits


def residues(modulus: int) -> Floats:
    """Return the points that stand for 0 … p − 1, (p, 2). Raises ValueError for p < 3."""
    angles = 2 * np.pi * np.arange(whole_number("modulus", modulus, 3)) / modulus
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def nearest_residue(points: Floats, modulus: int) -> Integers:
    """Return the residues (…) that are nearest to points (…, 2)."""
    return np.asarray((points @ residues(modulus).T).argmax(axis=-1))


def lookup_circuits(tables: Integers, *, tolerance: float = 0.5) -> ResidualCircuits:
    """Make T networks of one layer and width 4, each of which looks x up in a table f_t.

    tables: (T, p), the values f_t(0) … f_t(p − 1).
    tolerance: s, the noise in a neuron's input that changes nothing, in units of the step's height.

    The first two entries of the state hold x, and f_t(x) is put into the other two. Each residue
    has two neurons, (eq-residue). With s = 0 one of the two is enough, and noise is passed on.
    Raises ValueError for entries beyond 0 … p − 1, p < 3, or a tolerance below 0.
    """
    tables = np.asarray(tables)
    modulus = whole_number("tables.shape[1]", tables.shape[1] if tables.ndim > 1 else 0, 3)
    tables = whole_array("tables", tables, "circuits residues", {}, modulus)
    points = residues(modulus)
    inputs = np.concatenate([points, np.zeros_like(points)], axis=1)
    return _circuits(inputs, points[tables], np.cos(2 * np.pi / modulus), 1.0, tolerance)


def adder_circuits(
    coefficients: Integers, modulus: int, *, tolerance: float = 0.5
) -> ResidualCircuits:
    """Make T networks of one layer and width 6, which compute α_t x + β_t y + γ_t mod p.

    coefficients: (T, 3), each circuit's α, β and γ.
    modulus: p.
    tolerance: the noise that changes nothing, as in `lookup_circuits`.

    The first two entries of the state hold x, the next two hold y, and the sum is put into the last
    two. Each pair of residues has two neurons, as in `lookup_circuits`. Raises ValueError for
    coefficients beyond 0 … p − 1, p < 3, or a tolerance below 0.
    """
    points = residues(modulus)
    coefficients = whole_array(
        "coefficients", coefficients, "circuits three", {"three": 3}, modulus
    )
    x, y = np.divmod(np.arange(modulus**2), modulus)
    sums = (coefficients[:, :2] @ np.stack([x, y]) + coefficients[:, 2:]) % modulus
    inputs = np.concatenate([points[x], points[y], np.zeros((modulus**2, 2))], axis=1)
    return _circuits(inputs, points[sums], 1 + np.cos(2 * np.pi / modulus), 2.0, tolerance)


def _circuits(
    inputs: Floats, answers: Floats, next_best: float, best: float, tolerance: float
) -> ResidualCircuits:
    """Make circuits of steps ReLU(z) − ReLU(z − 1), one step for each case.

    In its own case z is 1 + s, and at most −s in all others.

    inputs: (n, d), z without its bias and up to scale.
    answers: (T, n, 2), what each case adds to the last two entries.
    next_best: the largest product of `inputs` with a state of another case.
    best: the product of `inputs` with a state of its own case.
    """
    s = float(real_array("tolerance", tolerance, "", {}))
    if s < 0:
        raise ValueError(f"tolerance: wanted at least 0, got {tolerance}")
    gain = (1 + 2 * s) / (best - next_best)
    bias = np.full(len(inputs), 1 + s - gain * best)
    read, write, biases = (
        gain * inputs,
        np.zeros((len(answers), inputs.shape[1], len(inputs))),
        bias,
    )
    write[:, -2:] = answers.swapaxes(1, 2)
    if s > 0:  # the step's upper end
        read, biases = np.concatenate([read, read]), np.concatenate([bias, bias - 1])
        write = np.concatenate([write, -write], axis=2)
    shape = 1, len(answers)
    return ResidualCircuits(
        np.broadcast_to(read, (*shape, *read.shape)),
        np.broadcast_to(biases, (*shape, len(biases))),
        write[None],
    )
