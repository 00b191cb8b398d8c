"""Measurements for the chapter *Chains: several active, without noise*."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from superposition._check import Floats, Integers
from superposition.codes.chains import Booleans, ChainCodes, bucket_chains, plane_chains
from superposition.codes.packings import plane_lines
from superposition.constructions.chained import ChainSuperposition
from superposition.constructions.placing import NOWHERE, place
from superposition.inputs import sample_active

KINDS = ("plane", "buckets")


def codes_of(
    kind: str, size: int, n_chains: int, n_circuits: int, rng: np.random.Generator
) -> ChainCodes:
    """Chains of a kind: "plane" over a prime `size`, or "buckets", so many; ValueError for others.

    "columns": as a plane, but circuits are the points of its first columns.
    """
    if kind == "plane":
        return plane_chains(size, n_chains, n_circuits, rng)
    if kind == "buckets":
        return bucket_chains(size, n_chains, n_circuits, rng)
    if kind == "columns":
        lines = plane_lines(size, 2 * n_chains) - size * np.arange(2 * n_chains)
        lines = lines[rng.permutation(n_circuits)]
        return ChainCodes(lines[:, :n_chains], lines[:, n_chains:], size)
    raise ValueError(f"kind: wanted one of {(*KINDS, 'columns')}, got {kind!r}")


def conflict_share(codes: ChainCodes, n_pairs: int, rng: np.random.Generator) -> pd.Series:
    """Shares of random pairs of circuits: in conflict in a chain, and in all chains at once."""
    pairs = codes.conflicts(sample_active(codes.n_circuits, 2, n_pairs, rng))[..., 0, 1]
    return pd.Series({"one chain": pairs.mean(), "all chains": np.all(pairs, axis=1).mean()})


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


def local_again(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """(batch, k), failing twice: those that fail are embedded again, without the others."""
    failing = local(codes, active, rng)
    again = codes.conflicts(active) & failing[:, None, None]
    left = np.asarray(again.any(axis=3))
    return failing & np.all(left, axis=1)


def coordinated(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """(batch, k), failing: all circuits of a set, if no placement is found."""
    return np.asarray(place(codes, active, silent=False) == NOWHERE)


def silent(codes: ChainCodes, active: Integers, rng: np.random.Generator) -> Booleans:
    """As `coordinated`, so that a sum over chains reads each circuit."""
    return np.asarray(place(codes, active, silent=True) == NOWHERE)


WAYS: dict[str, Callable[[ChainCodes, Integers, np.random.Generator], Booleans]] = {
    "random chain": at_random,
    "two choices": two_choices,
    "first free": first_free,
    "local": local,
    "local, twice": local_again,
    "coordinated": coordinated,
    "coordinated, silent": silent,
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


def exactness(
    superposition: ChainSuperposition, n_active: int, n_sets: int, rng: np.random.Generator
) -> pd.Series:
    """Random active sets, run through the large network and read from undisturbed chains.

    n_left: circuits that were read; n_none: those known to fail; error: largest |δ| of any entry
    after any layer of those read, divided by the largest |a| on the trajectory.
    """
    circuits = superposition.circuits
    active = sample_active(circuits.n_circuits, n_active, n_sets, rng)
    inputs = circuits.default_inputs(active, rng)
    truth, read = circuits.run(inputs, active), superposition.run_undisturbed(inputs, active)
    none = np.asarray(np.isnan(read[-1]).any(axis=2))
    return pd.Series(
        {"n_left": (~none).sum(), "n_none": none.sum(), "error": _worst(truth, read, ~none)}
    )


def _worst(truth: tuple[Floats, ...], read: tuple[Floats, ...], kept: Booleans) -> float:
    sizes = np.max([np.abs(a).max(axis=2) for a in truth], axis=0)
    wrong = np.max([np.abs(a - b).max(axis=2) for a, b in zip(truth, read, strict=True)], axis=0)
    return float((wrong / sizes)[kept].max(initial=0))
