"""How much of another active circuit's state arrives where all circuits' weights are alike.

The mean of all weights acts through third circuits. It also acts through a circuit's own weights
where this circuit shares a slot with the active one. What differs from pair to pair of circuits is
one number for each code that is read. The same number returns whenever that code is read, in every
second layer.
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
    """How much circuits read of another, on average over r slots, if weights map all to 1.

    squares: (5, 5), the mean products of five numbers of one pair of circuits.
    means: (5,), the means of the five numbers.
    own_bias: the mean square of what a circuit's own weights make of a bias by such a pair.

    The first number is what lies on slots that two circuits share. The second comes from the code
    that states are in to the other code, and the third comes back from it. The last two are the
    same for biases that do not arrive, since a shared slot has one gate.
    """

    squares: Floats = field(default_factory=lambda: np.zeros((5, 5)))
    means: Floats = field(default_factory=lambda: np.zeros(5))
    own_bias: float = 0.0


def coupling(two: TwoCodes, quiet: bool) -> Coupling:
    """Measure the coupling on the codes, both ways.

    Of more than 400 circuits, 400 are measured, spread over all.
    """
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
    """Return what arrives from circuits (last axis) at others (second) on other slots.

    The first axis stands for states, for biases that do not arrive, and for a circuit's own bias if
    its weights are 1.
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
        received = np.stack([np.broadcast_to(slots @ total, bias.shape), -on_shared, bias])
        arrived[:, at] += received * elsewhere / r
    return arrived
