"""Active circuits find a chain with more coordination or less, and some of them fail.

Each function takes active sets (batch, k) and returns which of their circuits fail, (batch, k).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from superposition._check import Integers
from superposition.codes.chains import Booleans, ChainCodes
from superposition.constructions.placing import NOWHERE, place


def at_random(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """Each circuit enters a random chain, whichever the others have entered; return which fail."""
    chains = rng.integers(codes.n_chains, size=active.shape)
    return _meeting(codes.conflicts(active), chains)


def two_choices(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """Each circuit enters the first of two random chains without conflict; return which fail.

    Circuits enter one after another. If both chains have a conflict, the circuit enters the second,
    and the circuits that it conflicts with there fail, too.
    """
    draws = np.argsort(rng.random((*active.shape, codes.n_chains)), axis=2)[..., :2]
    conflicts = codes.conflicts(active)
    return _meeting(conflicts, _arriving(conflicts, draws, stay=True))


def first_free(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """Each circuit enters the first chain without conflict; return which find none.

    Circuits enter one after another.
    """
    shape = (*active.shape, codes.n_chains)
    order = np.broadcast_to(np.arange(codes.n_chains), shape)
    return np.asarray(_arriving(codes.conflicts(active), order, stay=False) == NOWHERE)


def local(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """Every circuit enters all chains; return which are disturbed in each of them."""
    return np.asarray(codes.disturbed(active).all(axis=2))


def local_twice(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """Circuits that fail locally are embedded again, without the others; return those left."""
    alone = local(codes, active, rng)
    again = codes.conflicts(active) & alone[:, None, None]
    left = np.asarray(again.any(axis=3))
    return alone & np.all(left, axis=1)


def coordinated(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """All circuits of a set are placed together; they all fail if no placement is found."""
    return np.asarray(place(codes, active, silent=False) == NOWHERE)


def coordinated_silent(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """As `coordinated`, with placements from which a sum over chains reads each circuit."""
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
    """Return which circuits are in one chain with a circuit that they conflict with.

    chains: (batch, k), the chain of each circuit.
    """
    rows, places = np.arange(len(chains))[:, None], np.arange(chains.shape[1])
    there = conflicts[rows, chains, places]
    return np.asarray((there & (chains[:, :, None] == chains[:, None])).any(axis=2))


def _arriving(conflicts: Booleans, choices: Integers, stay: bool) -> Integers:
    """Put circuits one after another into their first choice without conflict; return (batch, k).

    choices: (batch, k, n). A circuit without such a choice takes its last if `stay`, else no chain.
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
