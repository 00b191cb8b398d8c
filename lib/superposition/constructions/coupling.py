"""How much of another active circuit's state arrives where all circuits' weights are alike.

A mean of all weights is heard through third circuits, and through a circuit's own weights where
it shares a slot with the active one. What differs from pair to pair of circuits is one number for
each code that is read; it is there again whenever that code is, in every second layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from superposition._check import Floats, Integers
from superposition.codes.two import TwoCodes
from superposition.constructions.quiet import least_crosstalk

_SAMPLED = 400  # circuits of which all pairs are looked at


@dataclass(frozen=True, eq=False)
class Coupling:
    """How much circuits hear of another, averaged over their r slots, where weights make 1 of all.

    Of five numbers: what is on slots that they share; what comes from the code that states are in
    to the other, and what comes back from that one; the same of biases that are not heard, since a
    shared slot has one gate.

    squares:  (5, 5), mean products for one pair of circuits. means: (5,).
    own_bias: mean square of what a circuit's own weights make of a bias by such a pair.
    """

    squares: Floats = field(default_factory=lambda: np.zeros((5, 5)))
    means: Floats = field(default_factory=lambda: np.zeros(5))
    own_bias: float = 0.0


def coupling(two: TwoCodes, quiet: bool) -> Coupling:
    """Measured on the codes, both ways; of more than 400 circuits some, spread over all."""
    n = two.slots(0).n_circuits
    some = np.unique(np.linspace(0, n - 1, min(n, _SAMPLED)).astype(int))
    if len(some) < 2:
        return Coupling()
    pairs = len(some) * (len(some) - 1)
    codes = [two.slots(layer).matrix[some].toarray().astype(float) for layer in (0, 1)]
    shared = [code @ code.T / two.slots(0).redundancy for code in codes]
    for part in shared:
        np.fill_diagonal(part, 0)
    through = [_through(two, layer, some, quiet) for layer in (0, 1)]
    # of states in either code
    ways = [
        np.stack([shared[i], through[i][0], through[1 - i][0], through[i][1], through[1 - i][1]])
        for i in (0, 1)
    ]
    squares = np.mean([np.einsum("atu,btu->ab", way, way) for way in ways], axis=0)
    means = np.mean([way.sum(axis=(1, 2)) for way in ways], axis=0)
    own_bias = float(np.mean([(part[2] ** 2).sum() for part in through]))
    return Coupling(squares / pairs, means / pairs, own_bias / pairs)


def _through(two: TwoCodes, layer: int, some: Integers, quiet: bool) -> Floats:
    """What comes of circuits (last axis) to others (second) that are not on the same slot.

    Of their states; of biases that are not heard; of a circuit's own bias, if its weights are 1.
    """
    r = two.slots(layer).redundancy
    slots = two.slots(layer).matrix[some].toarray().astype(float)
    place = np.full(two.slots(layer).n_circuits, -1)
    place[some] = np.arange(len(some))
    arrived = np.zeros((3, len(some), len(some)))
    for _, on, weights in least_crosstalk(two, layer, quiet):
        chosen = place[on] >= 0
        at, elsewhere = place[on[chosen]], np.ones(len(some))
        elsewhere[at] = 0
        total, own = weights.sum(axis=1), weights[:, chosen].T
        on_shared = (slots[at] * total) @ slots.T
        bias = own @ slots.T - (slots[at] * own) @ slots.T
        heard = np.stack([np.broadcast_to(slots @ total, bias.shape), -on_shared, bias])
        arrived[:, at] += heard * elsewhere / r
    return arrived
