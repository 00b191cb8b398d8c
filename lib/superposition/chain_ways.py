"""How active circuits may find a chain, with more coordination or less, and who fails to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from superposition._check import Integers
from superposition.codes.chains import Booleans, ChainCodes
from superposition.constructions.placing import NOWHERE, place


def at_random(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """(batch, k), failing: each circuit enters a random chain, looking at nobody."""
    chains = rng.integers(codes.n_chains, size=active.shape)
    return _meeting(codes.conflicts(active), chains)


def two_choices(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """(batch, k), failing: the first of two random chains without conflict with those before.

    If both have one, the second: whom it meets there fails, too.
    """
    draws = np.argsort(rng.random((*active.shape, codes.n_chains)), axis=2)[..., :2]
    conflicts = codes.conflicts(active)
    return _meeting(conflicts, _arriving(conflicts, draws, stay=True))


def first_free(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """(batch, k), failing: the first chain without conflict with those before; if none, none."""
    shape = (*active.shape, codes.n_chains)
    order = np.broadcast_to(np.arange(codes.n_chains), shape)
    return np.asarray(_arriving(codes.conflicts(active), order, stay=False) == NOWHERE)


def local(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """(batch, k), failing: every circuit enters all chains."""
    return np.asarray(codes.disturbed(active).all(axis=2))


def local_twice(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """(batch, k), failing twice: those that fail are embedded again, without the others."""
    alone = local(codes, active, rng)
    again = codes.conflicts(active) & alone[:, None, None]
    left = np.asarray(again.any(axis=3))
    return alone & np.all(left, axis=1)


def coordinated(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """(batch, k), failing: all circuits of a set, if no placement is found."""
    return np.asarray(place(codes, active, silent=False) == NOWHERE)


def coordinated_silent(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """As `coordinated`, so that a sum over chains reads each circuit."""
    return np.asarray(place(codes, active, silent=True) == NOWHERE)


WAYS: dict[str, Callable[[ChainCodes, Integers, np.random.Generator], Booleans]] = {
    "random chain": at_random,
    "two choices": two_choices,
    "first free": first_free,
    "local": local,
    "local, twice": local_twice,
    "coordinated": coordinated,
    "coordinated, silent": coordinated_silent,
}


def _meeting(conflicts: Booleans, chains: Integers) -> Booleans:
    """Circuits that meet one they conflict with, in chains (batch, k) that they were put in."""
    rows, places = np.arange(len(chains))[:, None], np.arange(chains.shape[1])
    there = conflicts[rows, chains, places]
    return np.asarray((there & (chains[:, :, None] == chains[:, None])).any(axis=2))


def _arriving(conflicts: Booleans, choices: Integers, stay: bool) -> Integers:
    """Chains (batch, k), one circuit after another: its first choice without conflict so far.

    choices (batch, k, n). Without one: the last choice if `stay`, else nowhere.
    """
    batch, n_active, n_choices = choices.shape
    chains = np.full((batch, n_active), NOWHERE)
    rows = np.arange(len(chains))
    for i in range(n_active):
        chain = choices[:, i, -1].copy() if stay else np.full(len(chains), NOWHERE)
        for n in reversed(range(n_choices)):
            own = choices[:, i, n]
            met = conflicts[rows, own, i, :i] & (chains[:, :i] == own[:, None])
            chain = np.where(met.any(axis=1), chain, own)
        chains[:, i] = chain
    return chains
