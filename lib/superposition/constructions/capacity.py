"""How many circuits fit, and how large a network they need, by predicted errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from superposition._check import instance, positive_int, positive_real
from superposition.moments import Moments

LARGEST = 2**24  # dimensions or neurons: beyond this no construction is looked for
MOST_CIRCUITS = 2**50


def check_question(moments: Moments, n_active: int, tolerance: float) -> tuple[int, float]:
    """n_active and tolerance, or a clear error."""
    instance("moments", moments, Moments)
    return positive_int("n_active", n_active), positive_real("tolerance", tolerance)


def largest_within(error: Callable[[float], float], tolerance: float, low: int) -> int:
    """The largest n ≥ low with error(n) ≤ tolerance; error rises with n, and may be infinite."""
    high = 8 * low
    while high < MOST_CIRCUITS and error(high) <= tolerance:
        low, high = high, 8 * high
    if high >= MOST_CIRCUITS:
        return MOST_CIRCUITS

    def excess(x: float) -> float:
        return float(np.log(min(error(np.exp(x)), 1e300) / tolerance))

    n = int(np.exp(brentq(excess, np.log(low) - 1e-9, np.log(high), rtol=1e-12)))
    while error(n) > tolerance:
        n -= 1
    while error(n + 1) <= tolerance:
        n += 1
    return n


def largest_true(holds: Callable[[int], bool], low: int, limit: int) -> int:
    """The largest number up to which `holds` (true at `low`, then false from some number on)."""
    high = 2 * low
    while high < limit and holds(high):
        low, high = high, 2 * high
    if high >= limit:
        return limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def smallest_true(holds: Callable[[int], bool], low: int, limit: int) -> int | None:
    """The smallest number from which on it holds, None where it does not even at `limit`."""
    if not holds(limit):
        return None
    if holds(low):
        return low
    return largest_true(lambda n: not holds(n), low, limit) + 1


def fewest_parameters(
    smallest_neurons: Callable[[int], int | None], lowest: int
) -> tuple[int, int] | None:
    """(D, M) with the fewest weights and biases, where M = smallest_neurons(D).

    A coarse search over D by factors of 1.5, then a fine one between the best one's neighbours.
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
    fine = minimize_scalar(
        lambda x: np.log(parameters(round(np.exp(x)))),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-3},
    )
    width = min((best, at), (parameters(round(np.exp(fine.x))), round(np.exp(fine.x))))[1]
    neurons = smallest_neurons(width)
    return None if neurons is None else (width, neurons)
