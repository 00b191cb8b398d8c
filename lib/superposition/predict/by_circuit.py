"""Errors circuit by circuit, over each circuit's own spread: means hide what is ruined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from superposition._check import Floats, Integers
from superposition.circuits.inputs import InputSampler, shares_of

if TYPE_CHECKING:
    import pandas as pd

Observer = Callable[[Floats], Floats]

COLUMNS = ["circuit_median", "circuit_worst", "circuit_lost"]
_AT_ONCE = 1024  # samples of which circuits run together
_INPUTS = 16  # by which a circuit's own spread is measured


def own_errors(
    circuits: Any,
    samples: Sequence[tuple[Floats, Integers]],
    errors: Sequence[Floats],
    sampler: InputSampler,
    observe: Observer = lambda states: states,
) -> list[Floats]:
    """Return circuits' mean squared errors over the squares of their own spreads, (n,) by layer.

    samples: inputs (batch, k, d) and active sets (batch, k), with any k.
    errors: the squared errors of these circuits by layer, all in one array each.
    sampler: (active, rng) → (batch, k, d). One of the library's is asked for more inputs of the
        same sets, from one fixed seed, so that each circuit has 16 or more.
    observe: a map of states to what is compared.

    A circuit's spread is how far its states are from their mean, in the root mean square. It is NaN
    for circuits whose states do not vary: no answer is better than their mean.
    """
    which, place = np.unique(np.concatenate([a.ravel() for _, a in samples]), return_inverse=True)
    counts, times = np.bincount(place), 1
    drawn_by = type(getattr(sampler, "__self__", sampler))  # of a method, its object
    if drawn_by.__module__.startswith("superposition."):
        times = -(-_INPUTS // int(counts.min()))
    sums = _sums(circuits, samples, place, sampler if times > 1 else None, times, observe)
    found, dust = [], (1e4 * np.finfo(circuits.dtype).eps) ** 2
    n = (times * counts)[:, None]
    for squares, (total, square) in zip(errors, sums, strict=True):
        spread = ((square / n - (total / n) ** 2) * n / np.maximum(n - 1, 1)).sum(axis=1)
        varies = spread > dust * (square / n).sum(axis=1)
        error = np.bincount(place, squares) / counts
        found.append(np.divide(error, spread, out=np.full(len(which), np.nan), where=varies))
    return found


def _sums(
    circuits: Any,
    samples: Sequence[tuple[Floats, Integers]],
    place: Integers,
    sampler: InputSampler | None,
    times: int,
    observe: Observer,
) -> list[list[Floats]]:
    """Return the sums of what is seen of circuits' states and of its squares, (n, d), by layer.

    sampler: what draws inputs, `times` times; None: the samples' own.
    """
    rng = np.random.default_rng(0)
    sums: list[list[Floats]] = []
    for _ in range(times):
        done = 0
        for given, active in samples:
            inputs = given if sampler is None else sampler(active, rng)
            for start in range(0, len(active), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                own = place[done : (done := done + active[part].size)]
                for layer, state in enumerate(circuits.run(inputs[part], active[part])):
                    seen = np.asarray(observe(state), float)
                    seen = seen.reshape(-1, seen.shape[-1])
                    if layer == len(sums):
                        sums.append([np.zeros((place.max() + 1, seen.shape[1])) for _ in range(2)])
                    for into, values in zip(sums[layer], (seen, seen**2), strict=True):
                        np.add.at(into, own, values)
    return sums


def by_circuit(each: Sequence[Floats]) -> pd.DataFrame:
    """Return median, largest and share above 1 of `own_errors`, in a row for each layer.

    Circuits whose states do not vary are left out.
    """

    import pandas as pd

    some = (one[~np.isnan(one)] for one in each)
    rows = [
        [np.median(one), one.max(), np.mean(one > 1)] if one.size else [np.nan] * 3 for one in some
    ]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=float)


def over_numbers(
    predict: Callable[[int], pd.DataFrame], n_active: Mapping[int, float], n_circuits: int
) -> pd.DataFrame:
    """Return the mean of predictions for several numbers of active circuits, by their shares.

    Means over active circuits count each of them, and those over inactive ones likewise. What
    counts circuits, and intervals, are means as well.
    """
    shares = shares_of(n_active, n_circuits)
    tables = {k: predict(k).set_index("layer") for k in shares}
    some = next(iter(tables.values()))
    weights = {"inactive_mse": {k: p * (n_circuits - k) for k, p in shares.items()}}
    of_active = {k: p * k for k, p in shares.items()}
    out = some.copy()
    for name in some:
        weight = weights.get(str(name), of_active)
        total = sum(weight.values()) or 1.0
        out[name] = sum(weight[k] * table[name] for k, table in tables.items()) / total
    return out.reset_index()
