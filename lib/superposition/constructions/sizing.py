"""How many circuits fit into a network, and how large a network they need, by predicted errors."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import numpy as np

from superposition._check import instance, positive_int, positive_real
from superposition.circuits.moments import MLPMoments, Moments

LARGEST = 2**24  # dimensions or neurons, beyond which no construction is looked for
MOST_CIRCUITS = 2**50
WIDEST = 2**13  # neurons in a layer of an MLP, beyond which none is looked for


def check_question(
    moments: Moments | MLPMoments, n_active: int, tolerance: float, kind: type = Moments
) -> tuple[int, float]:
    """Return n_active and tolerance, or raise an error that names the argument.

    Moments of another kind than `kind` are refused, too.
    """
    if hasattr(moments, "moments"):
        given = type(moments).__name__
        raise TypeError(f"moments: wanted {kind.__name__}, got {given}: pass its moments(rng)")
    instance("moments", moments, kind)
    return positive_int("n_active", n_active), positive_real("tolerance", tolerance)


def largest_within(error: Callable[[float], float], tolerance: float, low: int) -> int:
    """Return the largest n ≥ low with error(n) ≤ tolerance, at most `MOST_CIRCUITS`.

    error: a function that rises with n, and may be infinite.
    """
    high = 8 * low
    while error(high) <= tolerance:
        if high >= MOST_CIRCUITS:
            return MOST_CIRCUITS
        low, high = high, 8 * high
    from scipy.optimize import brentq  # slow to load, and seldom needed

    def excess(x: float) -> float:
        return float(np.log(min(error(np.exp(x)), 1e300) / tolerance))

    n = int(np.exp(brentq(excess, np.log(low) - 1e-9, np.log(high), xtol=1e-15, rtol=1e-15)))
    while error(n) > tolerance:
        n -= 1
    while error(n + 1) <= tolerance:
        n += 1
    return n


def smallest_true(holds: Callable[[int], bool], low: int, limit: int) -> int | None:
    """Return the smallest number from `low` to `limit` for which `holds` is true, or None.

    From that number on `holds` must stay true.
    """
    found = low + bisect_left(range(low, limit + 1), True, key=holds)
    return found if found <= limit else None


def fewest_parameters(
    smallest_neurons: Callable[[int], int | None], lowest: int
) -> tuple[int, int] | None:
    """Return (D, M) with the fewest weights and biases, where M = smallest_neurons(D), or None.

    A coarse search tries widths D that grow by factors of 1.5. A fine search follows between the
    best one's neighbours.
    """

    def parameters(width: int) -> float:
        neurons = smallest_neurons(width)
        return np.inf if neurons is None else (2 * width + 1) * neurons

    found: list[tuple[float, int]] = []
    width = lowest
    while width <= LARGEST:
        found.append((parameters(width), width))
        if len(found) > 3 and found[-1][0] > 4 * min(found)[0]:
            break  # far past the smallest
        width = max(width + 1, round(1.5 * width))
    best, at = min(found)
    if not np.isfinite(best):
        return None
    bounds = np.log([max(lowest, at / 1.5), min(LARGEST, 1.5 * at)])
    from scipy.optimize import minimize_scalar  # slow to load, and seldom needed

    fine = minimize_scalar(
        lambda x: np.log(parameters(round(np.exp(x)))),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-3},
    )
    width = min((best, at), (parameters(round(np.exp(fine.x))), round(np.exp(fine.x))))[1]
    neurons = smallest_neurons(width)
    return None if neurons is None else (width, neurons)
