"""Measurements for the chapter *Chains: several active, without noise*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from superposition._check import Floats
from superposition.codes.chains import (
    Booleans,
    ChainCodes,
    bucket_chains,
    bucket_slots,
    plane_chains,
)
from superposition.codes.packings import plane_lines
from superposition.codes.two import GATES
from superposition.constructions import ChainConstruction, failing
from superposition.constructions.chained import ChainSuperposition
from superposition.constructions.placing import NOWHERE, place
from superposition.inputs import sample_active
from superposition.moments import MLPMoments
from superposition.theory import chains as theory
from superposition.theory import symbols
from superposition.theory.derivation import evaluate

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


def examples(codes: ChainCodes) -> tuple[int, int, int]:
    """Three circuits: the second is in no conflict with the first in chain 0, the third is.

    Without sharing slots, of the pairs those with the largest rectangles. Raises ValueError for
    codes without such circuits.
    """
    everybody = np.arange(codes.n_circuits)[None]
    conflicts = codes.conflicts(everybody)[0, 0]
    even, odd = codes.even[:, 0], codes.odd[:, 0]
    size = np.minimum(abs(even[:, None] - even), abs(odd[:, None] - odd))
    free, taken = (np.where(which, size, 0) for which in (~conflicts, conflicts))
    both = np.minimum(free.max(axis=1), taken.max(axis=1))
    if both.max() < 1:
        raise ValueError("codes: wanted circuits with and without conflict, got none")
    first = int(both.argmax())
    return first, int(free[first].argmax()), int(taken[first].argmax())


def blocks(n_buckets: int, n_slots: int) -> ChainCodes:
    """One chain of as many buckets of n_slots slots a code, all full, in order."""
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
    """Shares of active circuits that local embedding leaves no chain: found, and as derived.

    Columns kind, size, chains, slots, n_active, found, derived.
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
    """Of so many random active sets, how many `place` finds a placement for."""
    codes = codes_of(kind, size, n_chains, n_circuits, rng)
    found = place(codes, sample_active(n_circuits, n_active, n_sets, rng), False)[:, 0]
    slots = n_chains * codes.n_slots
    row: dict[str, str | int] = {"circuits are": kind, "chains": n_chains, "slots": slots}
    return row | {"T": n_circuits, "k": n_active, "placed": int((found != NOWHERE).sum())}


def placement_threshold(n_chains: int, chance: float) -> int:
    """The first k at which the mean number of placements is below one: (eq-placements)."""
    k = 1
    while theory.placements(n_chains, k, chance) >= 1:
        k += 1
    return k


def derived_failures(
    kind: str, size: int, n_chains: int, n_circuits: int, n_active: Sequence[int]
) -> pd.DataFrame:
    """Chances that an active circuit is not read exactly: columns way, n_active, circuits.

    Ways "local", (eq-no-chain) or (eq-no-bucket), and "random chain", (eq-at-random).
    """
    rows = []
    for k in n_active:
        if kind == "plane":
            none = failing.no_chain_left(size, n_chains, n_circuits, k)
        else:
            none = failing.no_bucket_left(size, n_chains, n_circuits, k)
        sizes = {theory.pair: conflict_chance(kind, size, n_circuits), symbols.r: n_chains}
        met = float(evaluate(theory.met_at_random(), {**sizes, symbols.k: k}))
        rows += [("local", k, none), ("random chain", k, met)]
    return pd.DataFrame(rows, columns=["way", "n_active", "circuits"])


def conflict_chance(kind: str, size: int, n_circuits: int) -> float:
    """Of two circuits in one chain: (eq-conflict) in a plane, (eq-bucket) in buckets."""
    if kind == "plane":
        values = {symbols.T: n_circuits, theory.side: size}
        return float(evaluate(theory.conflict(), values))
    return float(evaluate(theory.same_bucket(), {symbols.T: n_circuits, theory.buckets: size}))


def fewest_slots(
    n_circuits: int, n_active: int, moments: MLPMoments, most_chains: int = 7
) -> pd.Series:
    """The fewest slots, of all chains together, with which active circuits are read exactly.

    copies: k networks for one circuit each. placed: buckets, coordinated, at most one of 1,000
    random active sets without placement. local 1 %: buckets, at most 1 % of active circuits
    without a chain. local: buckets in which words guarantee every circuit a chain. NaN where
    `size_for` finds none for these moments' widths.
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
    superposition: ChainSuperposition, n_active: int, n_sets: int, rng: np.random.Generator
) -> pd.Series:
    """Random active sets, run through the large network and read from undisturbed chains.

    n_left: circuits that were read; n_none: those known to fail; error: largest |δ| of any entry
    after any layer of those read, divided by the largest |a| on the trajectory. linear:
    relative_mse after the last layer, of all active circuits, by the linear `read`.
    """
    circuits = superposition.circuits
    active = sample_active(circuits.n_circuits, n_active, n_sets, rng)
    inputs = circuits.default_inputs(active, rng)
    truth, read = circuits.run(inputs, active), superposition.run_undisturbed(inputs, active)
    none = np.asarray(np.isnan(read[-1]).any(axis=2))
    wrong = superposition.run(inputs, active)[-1] - truth[-1]
    row = {"n_left": (~none).sum(), "n_none": none.sum(), "error": _worst(truth, read, ~none)}
    return pd.Series({**row, "linear": (wrong**2).sum() / (truth[-1] ** 2).sum()})


def _worst(truth: tuple[Floats, ...], read: tuple[Floats, ...], kept: Booleans) -> float:
    sizes = np.max([np.abs(a).max(axis=2) for a in truth], axis=0)
    wrong = np.max([np.abs(a - b).max(axis=2) for a, b in zip(truth, read, strict=True)], axis=0)
    return float((wrong / sizes)[kept].max(initial=0))
