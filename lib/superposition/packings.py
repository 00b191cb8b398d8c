"""Packings: sets of slots of which any two share at most one slot, for sparse codes."""

from __future__ import annotations

from math import prod

import numpy as np

from superposition._check import Integers, positive_int
from superposition._memory import check_memory

PACKINGS = ("prime_step", "finite_plane")
_ARRAY = 200  # bytes of an array besides its numbers


def packing(kind: str, n_slots: int, redundancy: int) -> Integers:
    """Return all sets of the named kind, (capacity, r), any two with at most one slot in common.

    "prime_step": the sets are runs of r slots at equal steps. Two runs of one step do not meet.
    Runs of steps s ≠ s' would meet twice only if i s = j s' for some i, j < r. No two of the steps
    taken here are in such a ratio: they have no prime factor below r or, where r is composite, are
    powers of r times such a number.

    "finite_plane": the sets are the points of the plane over q, the largest prime up to n_slots /
    r. Slots are the lines of r parallel classes, r ≤ q. Two points lie on at most one common line.
    Points are in the order of the lines of one more class, so that any first T load slots alike, to
    within one.

    Raises ValueError for another kind, or sets larger than there are slots (finite plane: than q),
    MemoryError for more sets than fit.
    """
    n_slots = positive_int("n_slots", n_slots)
    redundancy = positive_int("redundancy", redundancy, n_slots, ", the number of slots")
    if kind == "prime_step":
        _check_runs(n_slots, redundancy)
        return _runs(n_slots, redundancy)
    if kind == "finite_plane":
        return _points(n_slots, redundancy)
    raise ValueError(f"kind: wanted one of {PACKINGS}, got {kind!r}")


def capacity(kind: str, n_slots: int, redundancy: int) -> int:
    """Return the number of sets of a `packing`."""
    return len(packing(kind, n_slots, redundancy))


def packing_bound(n_slots: int, redundancy: int) -> int:
    """Return Johnson's bound ⌊(n/r) ⌊(n − 1)/(r − 1)⌋⌋, which the sets of no packing exceed.

    A slot is in at most (n − 1)/(r − 1) sets, since these sets share no other slot. Each set has r
    slots. Raises ValueError for r < 2, where any number of equal sets would do, or r > n.
    """
    n_slots = positive_int("n_slots", n_slots)
    redundancy = positive_int("redundancy", redundancy, n_slots, ", the number of slots")
    if redundancy < 2:
        raise ValueError(f"redundancy: wanted at least 2, got {redundancy}")
    return n_slots * ((n_slots - 1) // (redundancy - 1)) // redundancy


def _runs(n_slots: int, r: int) -> Integers:
    runs = []
    for step in _steps(n_slots, r):
        # one run after the other from each first slot, as far as they go
        starts = np.arange(step)[:, None] + step * r * np.arange(n_slots // (step * r) + 1)
        starts = starts[starts + step * (r - 1) < n_slots]
        runs.append(starts[:, None] + step * np.arange(r))
    return np.concatenate(runs)


def _check_runs(n_slots: int, r: int) -> None:
    """Raise MemoryError for more slots than fit.

    The sets are held twice, by step and all together. The steps that count are those without a
    prime factor below r and, for composite r, powers of r times such a step.
    """

    from sympy import isprime, primerange

    share = prod(1 - 1 / p for p in primerange(r)) * (1 if isprime(r) or r == 1 else r / (r - 1))

    def needs(n: int) -> float:
        longest = (n - 1) // (r - 1) if r > 1 else 1
        n_steps = max(share * longest, 1)
        return n_steps * (2 * 8 * n + _ARRAY) + 8 * n

    check_memory("n_slots", n_slots, needs, fits="{:,} slots".format)


def _steps(n_slots: int, r: int) -> list[int]:
    longest = (n_slots - 1) // max(r - 1, 1)
    if r == 1:
        return [1]
    steps = {s for s in range(1, longest + 1) if all(s % p for p in range(2, r))}
    if any(r % p == 0 for p in range(2, r)):
        powers = [r**n for n in range(1, 64) if r**n <= longest]
        steps |= {s * power for s in steps for power in powers if s * power <= longest}
    return sorted(steps)


def _points(n_slots: int, r: int) -> Integers:
    from sympy import prevprime

    if n_slots < 2 * r:
        raise ValueError(
            f"n_slots: wanted at least 2 for each of {r}, the redundancy, got {n_slots}"
        )
    q = prevprime(n_slots // r + 1)
    if r > q:
        raise ValueError(
            f"redundancy: wanted at most {q} (the largest prime up to slots / redundancy), got {r}"
        )
    return plane_lines(q, r)


def plane_lines(q: int, n_slopes: int) -> Integers:
    """Return the lines on which the points of the plane over q lie, (q², n_slopes).

    q: a prime.

    Point (x, y) is on line (y − slope·x) mod q of slopes 0 … q − 1, and on the vertical line x,
    which counts as slope q. Lines are numbered slope·q + line. Two points share the line of at most
    one slope. Points are in the order of the vertical lines, so that the first T points are on all
    lines of another slope equally often, to within one.
    Raises ValueError for a q that is not prime, or more than q + 1 slopes, MemoryError for a q that
    does not fit.
    """

    from sympy import isprime

    if not isprime(positive_int("q", q)):
        raise ValueError(f"q: wanted a prime, got {q}")
    n_slopes = positive_int("n_slopes", n_slopes, q + 1, f", the slopes of the plane over {q}")
    check_memory("q", q, lambda size: 2 * 8 * size**2 * (n_slopes + 1), fits="up to {:,}".format)
    x, y = np.divmod(np.arange(q * q), q)
    slopes = np.arange(min(n_slopes, q))
    lines = (y[:, None] - slopes * x[:, None]) % q
    if n_slopes > q:
        lines = np.column_stack([lines, x])
    return lines + q * np.arange(n_slopes)


def smallest_plane(n_points: int, n_slopes: int) -> int:
    """Return the least prime q with enough points, q², and slopes, q + 1, in its plane."""

    from sympy import nextprime

    return int(nextprime(max(n_slopes - 1, int(np.ceil(np.sqrt(n_points))), 2) - 1))


def draw_lines(prime: int, n_slopes: int, n_circuits: int, rng: np.random.Generator) -> Integers:
    """Draw the lines (T, n_slopes) of T points of the plane over `prime`: (eq-plane).

    The points are in random order.
    Raises ValueError for more slopes than prime + 1, or more circuits than points.
    """
    n = positive_int("n_circuits", n_circuits, prime**2, f", the points of the plane over {prime}")
    lines = plane_lines(prime, n_slopes)
    # the first of them load all slots alike, unless vertical lines are among the slots
    return lines[rng.permutation(n) if n_slopes <= prime else rng.permutation(prime**2)[:n]]
