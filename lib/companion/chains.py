"""Chains: ways of placing circuits, how often each fails, and the sizes that this takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, count

import numpy as np
import pandas as pd

from companion._study import Study, data
from superposition._check import Floats, Integers
from superposition.chain_maps import (
    Booleans,
    ChainCodes,
    bucket_chains,
    bucket_slots,
    plane_chains,
)
from superposition.circuits.inputs import sample_active
from superposition.circuits.moments import MLPMoments
from superposition.constructions import ChainConstruction
from superposition.constructions.chains import run_undisturbed
from superposition.maps import GATES
from superposition.packings import plane_lines
from superposition.placing import NOWHERE, place
from superposition.predict import chains as predicted
from superposition.results import read_table
from superposition.superposition import Superposition
from superposition.sweep import Setting
from superposition.theory import chains as theory
from superposition.theory import symbols
from superposition.theory.derivation import evaluate


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


KINDS = ("plane", "buckets")


def codes_of(
    kind: str, size: int, n_chains: int, n_circuits: int, rng: np.random.Generator
) -> ChainCodes:
    """Draw chains of a kind, with `n_circuits` circuits.

    "plane" draws chains of the plane over a prime `size`; "buckets" draws chains of `size` buckets.
    "columns" is like "plane", but the circuits are the points of the plane's first columns. Raises
    ValueError for another kind.
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
    """Return the shares of random pairs that conflict in one chain, and in all chains at once."""
    pairs = codes.conflicts(sample_active(codes.n_circuits, 2, n_pairs, rng))[..., 0, 1]
    return pd.Series({"one chain": pairs.mean(), "all chains": np.all(pairs, axis=1).mean()})


@cache
def small_example() -> tuple[ChainCodes, tuple[int, int, int]]:
    """Return three chains of 16 circuits, and three circuits that have one chain each.

    The chains have 7 slots in each code. The first seed is taken for which there are three circuits
    that share no slot, each undisturbed in one chain, and each chain free for one of them; and the
    first three such circuits.
    """
    triples = np.array([*combinations(range(16), 3)])
    for seed in count():
        codes = plane_chains(7, 3, 16, np.random.default_rng(seed))
        clear = ~codes.disturbed(triples)
        one_each = (clear.sum(axis=1) == 1).all(axis=1) & (clear.sum(axis=2) == 1).all(axis=1)
        found = triples[one_each & ~codes.crowded(triples).any(axis=(1, 2))]
        if len(found):
            return codes, (int(found[0, 0]), int(found[0, 1]), int(found[0, 2]))
    raise AssertionError


def blocks(n_buckets: int, n_slots: int) -> ChainCodes:
    """Return one chain of buckets with n_slots slots in each code, all full and in order."""
    bucket, even, odd = np.indices((n_buckets, n_slots, n_slots)).reshape(3, -1, 1)
    first = bucket * n_slots
    return ChainCodes(first + even, first + odd, n_buckets * n_slots, bucket)


def local_failures(
    kind: str,
    size: int,
    n_chains: int,
    n_circuits: int,
    n_active: Sequence[int],
    n_sets: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Compare how many active circuits local embedding leaves without a chain, found and derived.

    The table has a row for each number of active circuits. `slots` counts those of all chains.
    `found` and `derived` are shares of active circuits, measured in `n_sets` random sets and from
    the theory.
    """
    codes, rows = codes_of(kind, size, n_chains, n_circuits, rng), []
    chances = derived_failures(kind, size, n_chains, n_circuits, n_active).query("way == 'local'")
    for k, chance in zip(n_active, chances["circuits"], strict=True):
        found = codes.disturbed(sample_active(n_circuits, k, n_sets, rng)).all(axis=2).mean()
        slots = n_chains * codes.n_slots
        rows.append((kind, size, n_chains, slots, k, float(found), chance))
    names = ["kind", "size", "chains", "slots", "n_active", "found", "derived"]
    return pd.DataFrame(rows, columns=names)


def count_placed(
    kind: str,
    size: int,
    n_chains: int,
    n_circuits: int,
    n_active: int,
    n_sets: int,
    rng: np.random.Generator,
) -> dict[str, str | int]:
    """Count the random active sets for which `place` finds a placement.

    The result is a row of a table: the sizes, and the number `placed`.
    """
    codes = codes_of(kind, size, n_chains, n_circuits, rng)
    found = place(codes, sample_active(n_circuits, n_active, n_sets, rng), False)[:, 0]
    slots = n_chains * codes.n_slots
    row: dict[str, str | int] = {"circuits are": kind, "chains": n_chains, "slots": slots}
    return row | {"T": n_circuits, "k": n_active, "placed": int((found != NOWHERE).sum())}


def placement_threshold(n_chains: int, chance: float) -> int:
    """Return the first k at which the mean number of placements is below one: (eq-placements)."""
    k = 1
    while theory.placements(n_chains, k, chance) >= 1:
        k += 1
    return k


def derived_failures(
    kind: str, size: int, n_chains: int, n_circuits: int, n_active: Sequence[int]
) -> pd.DataFrame:
    """Derive the chances that an active circuit is not read exactly.

    The table has the columns `way`, `n_active` and `circuits`, the chance. The way "local" follows
    (eq-no-chain) in planes or (eq-no-bucket) in buckets; "random chain" follows (eq-at-random).
    """
    rows = []
    for k in n_active:
        if kind == "plane":
            none = predicted.no_chain_left(size, n_chains, n_circuits, k)
        else:
            none = predicted.no_bucket_left(size, n_chains, n_circuits, k)
        sizes = {theory.pair: conflict_chance(kind, size, n_circuits), symbols.r: n_chains}
        met = float(evaluate(theory.met_at_random(), {**sizes, symbols.k: k}))
        rows += [("local", k, none), ("random chain", k, met)]
    return pd.DataFrame(rows, columns=["way", "n_active", "circuits"])


def conflict_chance(kind: str, size: int, n_circuits: int) -> float:
    """Return the chance of a conflict in one chain: (eq-conflict) or, in buckets, (eq-bucket)."""
    if kind == "plane":
        values = {symbols.T: n_circuits, theory.side: size}
        return float(evaluate(theory.conflict(), values))
    return float(evaluate(theory.same_bucket(), {symbols.T: n_circuits, theory.buckets: size}))


def fewest_slots(
    n_circuits: int, n_active: int, moments: MLPMoments, most_chains: int = 7
) -> pd.Series:
    """Return the fewest slots, in all chains together, with which active circuits are read exactly.

    The row compares four ways. "copies" are k networks for one circuit each. "placed" are buckets
    with coordination, where at most one of 1,000 random active sets has no placement. "local 1 %"
    are buckets in which at most 1 % of active circuits have no chain. "local" are buckets in which
    words guarantee every circuit a chain. A value is NaN where `size_for` finds no size for the
    widths of these moments.
    """
    ways = {
        "placed": (ChainConstruction(1, buckets=1, silent=False), 1e-3),
        "local 1 %": (ChainConstruction(1, embedding="local", buckets=1), 1e-2),
        "local": (ChainConstruction(1, embedding="local", buckets=1), 1e-12),
    }
    slots: dict[str, float] = {"copies": n_active * bucket_slots(n_circuits, 1)}
    for name, (construction, tolerance) in ways.items():
        found = [
            _slots(replace(construction, n_chains=r), n_circuits, n_active, tolerance, moments)
            for r in range(1, most_chains + 1)
        ]
        slots[name] = float(np.nan if np.isnan(found).all() else np.nanmin(found))
    return pd.Series(slots)


def _slots(
    construction: ChainConstruction,
    n_circuits: int,
    n_active: int,
    tolerance: float,
    moments: MLPMoments,
) -> float:
    try:
        found = construction.size_for(n_circuits, moments, n_active, tolerance)
    except ValueError:
        return np.nan
    return (found.width or 0) / (max(moments.widths) + GATES)


def exactness(
    superposition: Superposition, n_active: int, n_sets: int, rng: np.random.Generator
) -> pd.Series:
    """Run random active sets through the large network, and read them from undisturbed chains.

    `n_left` counts the circuits that were read, `n_none` those that are known to fail. `error` is
    the largest |δ| of any entry after any layer of the circuits that were read, divided by the
    largest |a| on the trajectory. `linear` is the relative_mse of all active circuits after the
    last layer, read linearly by `read`.
    """
    circuits = superposition.circuits
    active = sample_active(circuits.n_circuits, n_active, n_sets, rng)
    inputs = circuits.default_inputs(active, rng)
    truth, read = circuits.run(inputs, active), run_undisturbed(superposition, inputs, active)
    none = np.asarray(np.isnan(read[-1]).any(axis=2))
    wrong = superposition.run(inputs, active)[-1] - truth[-1]
    row = {"n_left": (~none).sum(), "n_none": none.sum(), "error": _worst(truth, read, ~none)}
    return pd.Series({**row, "linear": (wrong**2).sum() / (truth[-1] ** 2).sum()})


def _worst(truth: tuple[Floats, ...], read: tuple[Floats, ...], kept: Booleans) -> float:
    sizes = np.max([np.abs(a).max(axis=2) for a in truth], axis=0)
    wrong = np.max([np.abs(a - b).max(axis=2) for a, b in zip(truth, read, strict=True)], axis=0)
    return float((wrong / sizes)[kept].max(initial=0))


N_CIRCUITS, N_SETS = 557, 500
# about 250 slots in all
DESIGNS = [("plane", 61, 4), ("plane", 83, 3), ("buckets", 7, 4)]
_ACTIVE = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 28)


def coordination(
    kind: str, size: int, n_chains: int, n_active: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure how often each way of embedding fails, in 500 random active sets of 557 circuits.

    The table has a row for each way of `chain_ways.WAYS`. `circuits` is the share of active
    circuits that are not read exactly, and `sets` the share of active sets with such a circuit.
    """
    codes = codes_of(kind, size, n_chains, N_CIRCUITS, rng)
    active = sample_active(N_CIRCUITS, n_active, N_SETS, rng)
    failing = {name: way(codes, active, rng) for name, way in WAYS.items()}
    return pd.DataFrame(
        {
            "way": list(failing),
            "circuits": [round(float(which.mean()), 7) for which in failing.values()],
            "sets": [float(which.any(axis=1).mean()) for which in failing.values()],
        }
    )


_SETTINGS: list[Setting] = [
    {"kind": kind, "size": size, "n_chains": n_chains, "n_active": k}
    for kind, size, n_chains in DESIGNS
    for k in _ACTIVE
]
STUDIES = {"chains": Study(coordination, _SETTINGS, n_seeds=2, seed=67)}


def chains() -> pd.DataFrame:
    """Return the study "chains"."""
    return read_table(data("chains.csv"))[0]
