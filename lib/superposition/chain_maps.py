"""Codes of chains: r separate pairs of codes, in each of which a circuit has two slots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from superposition._check import Integers, active_sets, positive_int, whole_array
from superposition.maps import TwoCodes
from superposition.packings import plane_lines

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ChainCodes:
    """The slots of each circuit in each of r chains, in even layers and in odd ones.

    even: (T, r), slots below n_slots, where states are after an even number of layers.
    odd: (T, r), the slots after an odd number; two circuits never share both slots of a chain.
    n_slots: the number of slots of one chain, in either code.
    buckets: (T, r), or None; in a chain two circuits conflict if and only if these are equal.

    Raises TypeError or ValueError for arrays of another kind, shape or range, or shared pairs.
    """

    even: Integers
    odd: Integers
    n_slots: int
    buckets: Integers | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_slots", positive_int("n_slots", self.n_slots))
        sizes: dict[str, int] = {}
        for name in ("even", "odd"):
            slots = whole_array(name, getattr(self, name), "circuits chains", sizes, self.n_slots)
            if slots.size == 0:
                raise ValueError(f"{name}: wanted no empty axis, got shape {slots.shape}")
            object.__setattr__(self, name, slots)
        if self.buckets is not None:
            buckets = whole_array("buckets", self.buckets, "circuits chains", sizes, self.n_slots)
            object.__setattr__(self, "buckets", buckets)
        pairs = np.sort(self.even * self.n_slots + self.odd, axis=0)
        if (shared := np.flatnonzero((pairs[1:] == pairs[:-1]).any(axis=0))).size:
            raise ValueError(
                f"even, odd: wanted no two circuits with both slots of a chain, got some in chain "
                f"{shared[0]}"
            )

    @property
    def n_circuits(self) -> int:
        """The number of circuits, T."""
        return self.even.shape[0]

    @property
    def n_chains(self) -> int:
        """The number of chains, r."""
        return self.even.shape[1]

    @cached_property
    def joined(self) -> Booleans:
        """Whether a circuit has that even slot and that odd slot, (r, n_slots, n_slots)."""
        joined = np.zeros((self.n_chains, self.n_slots, self.n_slots), bool)
        joined[np.arange(self.n_chains), self.even, self.odd] = True
        return joined

    def conflicts(self, active: Integers) -> Booleans:
        """Return whether two circuits disturb each other in a chain, (batch, r, k, k).

        Two circuits do so if some circuit has the even slot of one and the odd slot of the other:
        (eq-rectangle).
        """
        active = active_sets(active, self.n_circuits, {})
        even, odd = (slots[active].swapaxes(1, 2) for slots in (self.even, self.odd))
        chains = np.arange(self.n_chains)[:, None, None]
        corner = self.joined[chains, even[..., :, None], odd[..., None, :]]
        either: Booleans = corner | corner.swapaxes(2, 3)
        return either & ~np.eye(active.shape[1], dtype=bool)

    def disturbed(self, active: Integers) -> Booleans:
        """Return whether a circuit conflicts with any other, all in one chain, (batch, k, r)."""
        return np.asarray(self.conflicts(active).any(axis=3)).swapaxes(1, 2)

    def crowded(self, active: Integers) -> Booleans:
        """Return whether a circuit shares a slot of a chain with another one, (batch, k, r)."""
        active = active_sets(active, self.n_circuits, {})
        same = np.zeros((*active.shape, active.shape[1], self.n_chains), bool)
        for slots in (self.even[active], self.odd[active]):
            same |= slots[:, :, None] == slots[:, None]
        same &= ~np.eye(active.shape[1], dtype=bool)[..., None]
        return np.asarray(same.any(axis=2))

    def undisturbed(self, even: Booleans, odd: Booleans, which: Integers) -> Booleans:
        """Return in which chains circuits are read exactly, as the gates show, (batch, j, r).

        even: (batch, r, n_slots), the even slots in use.
        odd: (batch, r, n_slots), the odd slots in use.
        which: (batch, j), the numbers of the circuits.

        A chain is undisturbed if both slots of the circuit are in use, and no other circuit on one
        of them has its other slot in use: (eq-undisturbed).
        """
        chains = np.arange(self.n_chains)
        rows = np.arange(len(which))[:, None, None]
        counts = self.joined.astype(np.float32)
        on_odd = np.einsum("bre,reo->bro", even.astype(np.float32), counts, optimize=True)
        on_even = np.einsum("bro,reo->bre", odd.astype(np.float32), counts, optimize=True)
        at_even, at_odd = (
            (rows, chains, self.even[which]),
            (rows, chains, self.odd[which]),
        )
        used = even[at_even] & odd[at_odd]
        return np.asarray(used & (on_odd[at_odd] == 1) & (on_even[at_even] == 1))

    def copies(self, dtype: DTypeLike = np.float64) -> TwoCodes:
        """Return two codes of T·r circuits with one slot each.

        Circuit t's copy in chain j is circuit t·r + j. Slots of chain j come after those of chain j
        − 1.
        """
        first = self.n_slots * np.arange(self.n_chains)
        even, odd = ((slots + first).reshape(-1, 1) for slots in (self.even, self.odd))
        return TwoCodes((even, odd), self.n_chains * self.n_slots, dtype)


def plane_chains(
    prime: int, n_chains: int, n_circuits: int, rng: np.random.Generator
) -> ChainCodes:
    """Draw chains whose codes are slopes of the plane over `prime`, all different: (eq-plane).

    Each chain has two slopes, and circuits are random points of the plane. Two circuits share at
    most one slot over all chains.
    Raises ValueError for 2 n_chains > prime + 1, or more circuits than points.
    """
    n_chains, n_circuits = _counts(n_chains, n_circuits)
    lines = plane_lines(prime, 2 * n_chains) - prime * np.arange(2 * n_chains)
    positive_int("n_circuits", n_circuits, prime**2, f", the points of the plane over {prime}")
    lines = lines[rng.permutation(prime**2)[:n_circuits]]
    return ChainCodes(lines[:, :n_chains], lines[:, n_chains:], prime)


def bucket_chains(
    n_buckets: int, n_chains: int, n_circuits: int, rng: np.random.Generator
) -> ChainCodes:
    """Draw chains of n_buckets small networks each, where a circuit is in one bucket of each chain.

    Circuits are polynomials over the field of n_buckets elements. A circuit's bucket in chain j is
    the polynomial's value at j. Two polynomials of degree below m agree in fewer than m chains,
    (eq-words). A bucket of at most c² circuits has c slots in each code. With one bucket every
    chain holds all circuits.
    Raises ValueError for buckets that are not 1 or a prime, or more chains than a prime has values.
    """
    n_chains, n_circuits = _counts(n_chains, n_circuits)
    check_buckets(n_buckets, n_chains)
    numbers, places = rng.permutation(n_circuits), np.arange(n_chains)
    value, rest, power = np.zeros((n_circuits, n_chains), int), numbers, np.ones(n_chains, int)
    for _ in range(n_digits(n_circuits, n_buckets)):
        value = (value + (rest % n_buckets)[:, None] * power) % n_buckets
        rest, power = rest // n_buckets, power * places % n_buckets
    slots = bucket_slots(n_circuits, n_buckets)
    # of n_buckets circuits in a row each is in another bucket, in every chain
    even, odd = (part[:, None] for part in np.divmod(numbers // n_buckets, slots))
    return ChainCodes(value * slots + even, value * slots + odd, n_buckets * slots, value)


def check_buckets(n_buckets: int, n_chains: int) -> None:
    """Raise ValueError unless n_buckets is 1, or a prime of at least n_chains."""

    from sympy import isprime

    if positive_int("n_buckets", n_buckets) == 1:
        return
    if not isprime(n_buckets):
        raise ValueError(f"n_buckets: wanted 1 or a prime, got {n_buckets}")
    positive_int("n_chains", n_chains, n_buckets, f", the values of {n_buckets} buckets")


def bucket_slots(n_circuits: int, n_buckets: int) -> int:
    """Return c, the slots of a bucket of T / n_buckets circuits with different pairs of slots."""
    load = -(-n_circuits // n_buckets)
    slots = int(np.sqrt(load))
    return slots + (slots**2 < load)


def n_digits(n_circuits: int, n_buckets: int) -> int:
    """Return m, the coefficients that T different polynomials over n_buckets elements need."""
    digits = 1
    while n_buckets > 1 and n_buckets**digits < n_circuits:
        digits += 1
    return digits


def _counts(n_chains: Any, n_circuits: Any) -> tuple[int, int]:
    return positive_int("n_chains", n_chains), positive_int("n_circuits", n_circuits)
