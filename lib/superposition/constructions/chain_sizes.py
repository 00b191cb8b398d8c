"""Primes and widths that chains can have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sympy import nextprime

from superposition._check import positive_int
from superposition.codes.two import GATES


def neurons_of_slot(widths: Sequence[int]) -> int:
    """Neurons of one slot, in the widest layer: its entries and two gates."""
    return max(positive_int("widths", width) for width in widths) + GATES


def least_prime(n_chains: int, n_circuits: int) -> int:
    """The smallest plane with two slopes for each chain and points for so many circuits."""
    least = max(2 * n_chains - 1, int(np.ceil(np.sqrt(n_circuits))), 2)
    return int(nextprime(least - 1))


def primes(first: int, last: int) -> list[int]:
    """All primes from `first` to `last`."""
    found = [int(nextprime(first - 1))]
    while found[-1] <= last:
        found.append(int(nextprime(found[-1])))
    return found[:-1]
