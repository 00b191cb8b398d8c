"""Errors of the post's networks, of sampled circuits whose directions overlap at random.

No large network is made, and no stream: of D dimensions only what they make of overlaps is left. A
product of two circuits' directions has entries N(0, 1/D), (eq-overlap-variance), whoever they are.
Neurons are carried as in the large network, by codes that are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats, Integers
from superposition._memory import check_memory
from superposition.circuits import ResidualCircuits
from superposition.circuits.inputs import in_turn
from superposition.circuits.residual import with_indicator
from superposition.maps import SparseCode
from superposition.predict.sampled import Sampled
from superposition.theory import evaluate, symbols
from superposition.theory.embedding import overlap_variance

if TYPE_CHECKING:
    from superposition.predict.post import Sizes

DRAWINGS = 16  # of codes, for one prediction
_OVERLAPS = 2**23  # numbers: those of all circuits with all
_AT_ONCE = 2**22  # numbers of one kind that are looked at together
_ROUNDING = 1e-9
_LEAST = 16  # circuits that may be active


def pools(circuits: ResidualCircuits, n_active: int, rng: np.random.Generator) -> list[Integers]:
    """Return for each drawing of codes the circuits that may be active: all, or equal parts.

    All may be where their overlaps fit. Otherwise each circuit is in some part, and each part large
    enough for some active sets.
    """
    n, width = circuits.n_circuits, circuits.width + 1
    order = rng.permutation(n)
    if n**2 * width**2 <= _OVERLAPS:
        return [order] * DRAWINGS
    size = max(-(-n // DRAWINGS), min(n, max(2 * n_active, _LEAST)))
    return [np.take(order, range(i * size, (i + 1) * size), mode="wrap") for i in range(DRAWINGS)]


def stream_errors(
    sizes: Sizes,
    circuits: ResidualCircuits,
    pool: Integers,
    n_samples: int,
    rng: np.random.Generator,
) -> Sampled:
    """Return the errors of random active sets with the circuits' own inputs, in drawn codes.

    sizes: the construction's, for as many circuits.
    pool: (p,), the circuits that may be active, which are in turn.

    Raises MemoryError for circuits of which one sample does not fit.
    """
    n, k, d, m = circuits.n_circuits, sizes.n_active, circuits.width, circuits.n_neurons
    of_one = n * (d + 1) ** 2  # overlaps
    each = k * of_one + n * ((2 * circuits.n_layers + 6) * (d + 1) + 2 * m) + 2 * sizes.n_neurons
    check_memory(
        "circuits",
        n,
        lambda some: 8.0 * some / n * (each + 2 * len(pool) * some / n * of_one),
        fits='{:,} circuits, or any with law="derived",'.format,
        kind="a sample",
    )
    place = in_turn(len(pool), k, n_samples, rng)
    inputs = circuits.default_inputs(pool[place], rng)
    overlaps = _Overlaps.draw(sizes, pool, d + 1, rng)
    kind = "disjoint" if sizes.disjoint else "random"
    shape = n, m, sizes.n_neurons, sizes.redundancy
    carriers = [SparseCode.draw(kind, *shape, rng) for _ in range(circuits.n_layers)]
    within = with_indicator(circuits, sizes.margin)
    at_once = max(_AT_ONCE // each, 1)
    parts = [
        _of_part(circuits, within, carriers, _Stream(overlaps, place[some]), inputs[some], rng)
        for some in (slice(i, i + at_once) for i in range(0, len(place), at_once))
    ]
    errors, lengths, idle, firing = (
        np.concatenate(all_parts, axis=1) for all_parts in zip(*parts, strict=True)
    )
    means = idle.mean(axis=1), firing.mean(axis=1)
    return Sampled(pool[place], inputs, errors, lengths, *means)


def _of_part(
    circuits: ResidualCircuits,
    within: ResidualCircuits,
    carriers: list[SparseCode],
    stream: _Stream,
    inputs: Floats,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return squared errors and states, what inactive circuits read and how many neurons fire.

    within: the circuits with indicators.

    The shapes are (L+1, batch, k) of the first two and (L+1, batch) of the others.
    """
    active, margin = stream.active, -within.bias.flat[0]
    (batch, k), n, d = active.shape, circuits.n_circuits, circuits.width
    rows = np.arange(batch)[:, None]
    held = np.zeros((batch, n, d + 1))
    held[rows, active, :d], held[rows, active, d] = inputs, 1
    errors, lengths, idle = [], [], []
    firing = [np.full(batch, np.nan)]
    for layer, truth in enumerate(np.asarray(circuits.run(inputs, active), float)):
        read = stream.read(held, rng)
        errors.append(np.square(read[rows, active, :d] - truth).sum(axis=2))
        lengths.append(np.square(truth).sum(axis=2))
        squares = np.square(read[..., :d]).sum(axis=2)
        squares[rows, active] = 0
        idle.append(squares.sum(axis=1) / (n - k) if n > k else np.full(batch, np.nan))
        if layer < circuits.n_layers:
            # b batch, t circuits, m neurons, e width with the indicator
            inner = np.einsum("tme,bte->tmb", within.read_in[layer], read, optimize=True)
            carrier = carriers[layer]
            fired = np.maximum(carrier.matrix.T @ inner.reshape(-1, batch) - margin, 0)
            firing.append(np.mean(fired > 0, axis=0))
            mean = (carrier.matrix @ fired / carrier.redundancy).reshape(n, -1, batch)
            held = held + np.einsum("tem,tmb->bte", within.write_out[layer], mean, optimize=True)
    return np.array(errors), np.array(lengths), np.array(idle), np.array(firing)


@dataclass(frozen=True, eq=False)
class _Overlaps:
    """How circuits read each other through a stream.

    pool: (p,), the circuits that may be active.
    of_pool: (p, T, e, e), by which each of these reads every circuit, itself included.
    everyone: (T·e, T·e), the same as one matrix, where all may be active; else None.
    own: (T, e, e), by which circuits read themselves; None: as they are.
    spread: the standard deviation of an overlap's entries.
    """

    pool: Integers
    of_pool: Floats
    everyone: Floats | None
    own: Floats | None
    spread: float

    @classmethod
    def draw(cls, sizes: Sizes, pool: Integers, width: int, rng: np.random.Generator) -> _Overlaps:
        """Draw the overlaps of a pool with all, and with free entries of each with itself."""
        n = int(sizes.n_circuits)
        variance = evaluate(overlap_variance().result, {symbols.D: sizes.stream_width})
        spread, own = float(np.sqrt(variance)), None
        itself = np.broadcast_to(np.eye(width), (len(pool), width, width))
        if not sizes.orthonormal:  # E^T E is symmetric, with variances 2/D and 1/D
            noise = spread * rng.standard_normal((n, width, width))
            own = np.eye(width) + (noise + noise.swapaxes(1, 2)) / np.sqrt(2)
            itself = own[pool]
        of_pool = spread * rng.standard_normal((len(pool), n, width, width))
        inside = of_pool[:, pool]  # two circuits read each other through the same overlap
        later = np.tri(len(pool), k=-1, dtype=bool)[..., None, None]
        inside = np.where(later, inside.transpose(1, 0, 3, 2), inside)
        inside[np.arange(len(pool)), np.arange(len(pool))] = itself
        of_pool[:, pool] = inside
        everyone = None
        if len(pool) == n:
            in_order = of_pool[np.argsort(pool)].transpose(1, 3, 0, 2)
            everyone = in_order.reshape(n * width, -1)
        return cls(pool, of_pool, everyone, own, spread)


class _Stream:
    """What the stream makes of samples: reads by the same overlaps while the layers pass.

    overlaps: of all circuits.
    place: (batch, k), where active circuits are in the pool.
    """

    def __init__(self, overlaps: _Overlaps, place: Integers) -> None:
        self.active = overlaps.pool[place]
        self._overlaps, self._of_active = overlaps, overlaps.of_pool[place]
        # directions (batch, T, e) of what was held of inactive circuits, and what others of them
        # read of a unit of it, which is drawn once
        self._seen: list[tuple[Floats, Floats]] = []

    def read(self, held: Floats, rng: np.random.Generator) -> Floats:
        """Return what circuits read, (batch, T, e), of what the stream holds for each."""
        if (everyone := self._overlaps.everyone) is not None:
            return np.asarray((held.reshape(len(held), -1) @ everyone).reshape(held.shape))
        rows, own = np.arange(len(held))[:, None], self._overlaps.own
        # b batch, k active, t circuits, e and f width
        of_active = np.einsum("bktef,bke->btf", self._of_active, held[rows, self.active])
        idle = held.copy()
        idle[rows, self.active] = 0
        itself = idle if own is None else np.einsum("tef,btf->bte", own, idle)
        read = of_active + itself + self._of_idle(idle, rng)
        read[rows, self.active] = np.einsum("bktef,btf->bke", self._of_active, held)
        return read

    def _of_idle(self, idle: Floats, rng: np.random.Generator) -> Floats:
        """Return what inactive circuits read of all others of them, (batch, T, e)."""
        left, found = idle.copy(), np.zeros_like(idle)
        for direction, heard in self._seen:
            share = np.sum(direction * idle, axis=(1, 2), keepdims=True)
            left -= share * direction
            found += share * heard
        rest, size = (np.sqrt(np.sum(x**2, axis=(1, 2), keepdims=True)) for x in (left, idle))
        rest = np.where(rest > _ROUNDING * size, rest, 0)
        if np.any(rest > 0):
            heard = self._overlaps.spread * rng.standard_normal(idle.shape)
            direction = np.divide(left, rest, out=np.zeros_like(left), where=rest > 0)
            self._seen.append((direction, heard))
            found += rest * heard
        each = np.sum(idle**2, axis=2, keepdims=True)
        total = each.sum(axis=1, keepdims=True)
        others = 1 - np.divide(each, total, out=np.zeros_like(each), where=total > 0)
        return np.asarray(found * np.sqrt(np.maximum(others, 0)))
