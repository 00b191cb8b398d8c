"""Gated circuits, some active at once (chapter *Gated superposition*).

n slots, r of them each circuit's, c circuits on each; any two circuits share at most one slot of
both codes together. A slot where values are written and one where they are read have at most one
circuit in common: an active circuit is heard through the circuits that its slots meet.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.symbols import T, k, r

slots = sp.Symbol("n", positive=True, integer=True)
load = sp.Symbol("c", positive=True)
met, met_square = sp.symbols("N_1 N_2", positive=True)  # E N and E N², N of r slots met
shared, chance = sp.symbols(r"gamma \varrho", positive=True)
# of another active circuit's state: what a circuit's own part of its weights makes of it, and what
# the mean of all circuits' weights makes of it; what it changes where both are on one slot
own2, mean2, joined2 = (
    sp.Symbol(name, positive=True)
    for name in (r"|\Delta{w}_{u}a|^{2}", r"|\bar{w}a|^{2}", r"|w_{t}a_{t} \to +w_{u}a|^{2}")
)

heard2 = sp.Symbol(r"\mathrm{E}\,\overline{h}^{2}", positive=True)

EQUAL_LOAD = Assumption("all slots carry equally many circuits", {load: T * r / slots})
INDEPENDENT = Assumption(
    "whether two slots have a circuit in common is independent from pair to pair",
    {met: r * chance, met_square: r * chance * (1 - chance) + (r * chance) ** 2},
)


@cache
def slot_shared() -> Derivation:
    """γ, the chance that a slot of one circuit is also another given one's: (eq-slot-shared).

    The slot carries c − 1 of the T − 1 others.
    """
    return Derivation("gamma", (load - 1) / (T - 1), (EQUAL_LOAD,))


@cache
def slots_meet() -> Derivation:
    """ϱ, the chance that slots of two circuits have a third in common: (eq-slots-meet).

    One slot from where t is written, one from where u is read, neither shared by both. Each of T
    circuits has r² such pairs of slots, and joins (c − 1)² pairs (t, u) at each: those on its one
    slot with those on its other one.
    """
    joined = T * r**2 * (load - 1) ** 2
    pairs = r**2 * T * (T - 1) * (1 - 2 * (load - 1) / (T - 1))
    return Derivation(r"\varrho", sp.factor(joined / pairs), (EQUAL_LOAD,))


@cache
def heard_on_slot() -> Derivation:
    """Mean square of what a slot in use hears of one other active circuit: (eq-heard-on-slot).

    With equal weights w/r: through N different circuits, one for each of that circuit's slots
    that it meets.
    """
    general = (met * own2 + met_square * mean2) / r**2
    return Derivation(r"\mathrm{E}|h|^2", general, (INDEPENDENT,), simplify=False)


@cache
def heard_in_common() -> Derivation:
    """Mean product of what two slots of a circuit hear of another active one: (eq-in-common).

    They meet different circuits, of which only the mean of all is common.
    """
    return Derivation(r"\mathrm{E}\,h h'", (met / r) ** 2 * mean2, (INDEPENDENT,), simplify=False)


@cache
def heard_by_circuit() -> sp.Expr:
    """Mean square of the mean over a circuit's r slots: (eq-heard-by-circuit)."""
    square = second_moment_of_sum(r, heard_on_slot().result, heard_in_common().result) / r**2
    return sp.collect(sp.expand(square), [own2, mean2], sp.factor)


@cache
def new_error() -> sp.Expr:
    """Mean square that k − 1 others add to a circuit's state in a layer: (eq-gated-noise).

    Through third circuits (`heard_by_circuit`), where no slot is shared; and where one is, by what
    the other writes.
    """
    through = (1 - 2 * shared) * heard2
    return (k - 1) * (through + shared * joined2 / r)
