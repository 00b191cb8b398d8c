"""Primes and widths that chains can have."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import nextprime

from superposition._check import positive_int
from superposition.codes.two import GATES


def neurons_of_slot(widths: Sequence[int]) -> int:
    """Return the neurons of one slot in the widest layer: one for each entry, and two gates."""
    return max(positive_int("widths", width) for width in widths) + GATES


def primes(first: int, last: int) -> list[int]:
    """Return all primes from `first` to `last`."""
    found = [int(nextprime(first - 1))]
    while found[-1] <= last:
        found.append(int(nextprime(found[-1])))
    return found[:-1]
