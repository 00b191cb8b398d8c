"""Gated circuits disturb each other if several are active (chapter *Gated superposition*).

There are n slots. Each circuit has r of them, and each slot has equally many circuits, its load.
Any two circuits share at most one slot of both codes together. A slot where values are written and
a slot where they are read have at most one circuit in common. An active circuit reaches another one
through the circuits in common to their slots.
"""

from __future__ import annotations

from functools import cache

import sympy as sp
from sympy.functions.combinatorial.numbers import stirling

from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.symbols import T, a2, k, r

slots = sp.Symbol("n", positive=True, integer=True)
load = sp.Symbol("load", positive=True)
met, met_square = sp.symbols("N_1 N_2", positive=True)  # E N and E N², N of r slots met
shared, chance = sp.symbols(r"gamma \varrho", positive=True)
# of another active circuit's state: what a circuit's own part of its weights makes of it, and what
# the mean of all circuits' weights makes of it; what it changes where both are on one slot
own2, mean2, joined2 = (
    sp.Symbol(name, positive=True)
    for name in (r"|\Delta{w}_{u}a|^{2}", r"|\bar{w}a|^{2}", r"|w_{t}a_{t} \to +w_{u}a|^{2}")
)

# what two circuits read of each other, averaged over r slots, if they share none, or one
crosstalk2, crosstalk_past2 = (
    sp.Symbol(rf"\mathrm{{E}}\,\overline{{\eta}}_{{{n}}}^{{2}}", positive=True) for n in (0, 1)
)

# Over the layers: arrived2 is what arrives of others by the mean of all weights and on shared slots
# (joint2 the latter alone), from the square for one other (of_one) and products for two (of_two);
# then noise that a circuit's slots have in common, and what each has of its own.
arrived2, joint2, of_one, of_two = sp.symbols(
    r"\sigma^{2}_{\text{arr}} \sigma^{2}_{\text{joint}} A A'", nonnegative=True
)
common, own_noise, growth = sp.symbols(
    r"\sigma^{2}_{\text{com}} \sigma^{2}_{\text{own}} \kappa", nonnegative=True
)
itself2, bias2, both2 = sp.symbols(
    r"|\Delta{w}_{t}a_{u}|^{2} |\Delta{b}_{t}|^{2} |a_{t+u}|^{2}", nonnegative=True
)
alike = sp.Symbol(r"a_{t}{\cdot}a_{u}", real=True)
layer = sp.Symbol("l", positive=True, integer=True)
coupled = sp.Symbol(r"\bar{y}", nonnegative=True)
missed = sp.Symbol("epsilon", nonnegative=True)  # the chance that the gate of a slot in use is 0
own_share, noise_share, itself, own_bias, spread = sp.symbols(
    r"\phi \psi \iota \iota_b \varsigma", nonnegative=True
)

EQUAL_LOAD = Assumption("all slots carry equally many circuits", {load: T * r / slots})
INDEPENDENT = Assumption(
    "whether two slots have a circuit in common is independent from pair to pair",
    {met: r * chance, met_square: r * chance * (1 - chance) + (r * chance) ** 2},
)


@cache
def slot_shared() -> Derivation:
    """Derive γ, the chance that a circuit's slot is also a given other's: (eq-slot-shared).

    Of the T − 1 others the slot carries its load less one.
    """
    return Derivation("gamma", (load - 1) / (T - 1), (EQUAL_LOAD,))


@cache
def slots_meet() -> Derivation:
    """Derive ϱ, the chance that slots of two circuits have a third in common: (eq-slots-meet).

    One slot is where t is written, the other where u is read, and t and u share neither. Each of T
    circuits has r² such pairs of slots. At each it joins all other circuits on its one slot with
    all others on its other slot.
    """
    joined = T * r**2 * (load - 1) ** 2
    pairs = r**2 * T * (T - 1) * (1 - 2 * (load - 1) / (T - 1))
    return Derivation(r"\varrho", sp.factor(joined / pairs), (EQUAL_LOAD,))


@cache
def slot_crosstalk() -> Derivation:
    """Derive the mean square that a slot in use reads of one other circuit: (eq-heard-on-slot).

    That circuit is active. The weights are equal, w/r. They act through N different circuits, one
    for each of the other circuit's slots that the slot meets.
    """
    general = (met * own2 + met_square * mean2) / r**2
    return Derivation(r"\mathrm{E}|\eta|^2", general, (INDEPENDENT,), simplify=False)


@cache
def common_crosstalk() -> Derivation:
    """Derive the mean product of what two slots of a circuit read of another one: (eq-in-common).

    The slots meet different circuits, which have only the mean of all weights in common.
    """
    general = (met / r) ** 2 * mean2
    return Derivation(r"\mathrm{E}\,\eta \eta'", general, (INDEPENDENT,), simplify=False)


@cache
def circuit_crosstalk() -> sp.Expr:
    """Return the mean square of the mean over a circuit's r slots: (eq-heard-by-circuit)."""
    square = second_moment_of_sum(r, slot_crosstalk().result, common_crosstalk().result) / r**2
    return sp.collect(sp.expand(square), [own2, mean2], sp.factor)


@cache
def crosstalk_past_shared() -> sp.Expr:
    """Return the same mean square for a pair that shares a slot: (eq-heard-past-shared).

    The shared slot is of either code. Of r² pairs of slots r cannot meet, and N of those left do.
    """
    pairs = r**2 - r
    chances = {
        met: pairs * chance,
        met_square: pairs * chance * (1 - chance) + (pairs * chance) ** 2,
    }
    square = (met * own2 + met_square * mean2) / r**4
    return sp.collect(sp.expand(square.xreplace(chances)), [own2, mean2], sp.factor)


@cache
def new_error() -> sp.Expr:
    """Return the mean square that k − 1 others add to a state in a layer: (eq-gated-noise).

    They add through third circuits, whether a slot of one of the codes is shared or not. Where a
    slot is shared, they also add what they write there.
    """
    once = 2 * r * shared
    return (k - 1) * ((1 - once) * crosstalk2 + once * crosstalk_past2 + shared * joined2 / r)


@cache
def arrived() -> sp.Expr:
    """Return what arrives of others by the mean weights and on shared slots: (eq-arrived).

    Amplitudes add up over the layers, so that errors come back. If each of l layers adds κ of a
    state with its error, then y = (1 + κ)^l − 1 of it arrives. Without the errors lκ arrives, which
    is y̅ for each other circuit. The difference between both is kept to first order in y̅.
    """
    each, size = sp.symbols("kappa_1 y", positive=True)
    binomial = layer * each + layer * (layer - 1) / 2 * each**2  # to second order
    ratio = sp.expand(binomial.subs(each, size / layer) / size)
    more = sp.collect(ratio.subs(size, (k - 1) * coupled), coupled, sp.factor)
    return more**2 * second_moment_of_sum(k - 1, of_one, of_two)


@cache
def joint_error() -> sp.Expr:
    """Return the part of `arrived` that is on shared slots, times r: (eq-joint)."""
    return (k - 1) * shared * joined2


@cache
def state_error() -> sp.Expr:
    """Return E|δ|² of an active circuit's state, the mean over its slots: (eq-gated-law)."""
    return arrived2 + common + own_noise / r


@cache
def next_common() -> sp.Expr:
    """Return the noise that a circuit's slots share after one more layer: (eq-gated-common).

    One part is the noise of the mean over all slots, passed on. The other part is what the
    circuit's own weights make of others on its slots, where one gate sets the bias for both.
    """
    passed = growth * (common + own_noise / r)
    return passed + (k - 1) * ((1 - shared) * itself * itself2 + own_bias * bias2)


@cache
def next_own() -> sp.Expr:
    """Return the noise that each slot has for itself after one more layer: (eq-gated-own).

    Others' states arrive with their noise: φ weights what their slots have in common, and ψ what
    each slot has for itself.
    """
    alike_noise, of_slots = arrived2 - joint2 / r + common, own_noise + joint2
    heard = own_share * (1 + alike_noise / a2) + noise_share * of_slots / a2
    return growth * spread * own_noise + (k - 1) * (1 - shared) * own2 * heard


@cache
def inactive_square() -> sp.Expr:
    """Return the mean square of what an inactive circuit reads: (eq-gated-inactive).

    Each of its r slots is a given active circuit's with chance γ. There it holds a state with its
    noise, or two states on top of each other, which are counted once for both. Products of two
    slots are the second term.
    """
    other = (k - 1) * shared
    noise = arrived2 - joint2 / r + common + own_noise
    slot = (1 - other) * a2 + other / 2 * both2 + noise
    return k * shared / r * slot + k * (k - 1) * shared**2 * (1 - 1 / r) * alike


@cache
def missed_gates(n_layers: int) -> sp.Expr:
    """Return the relative error where gates of slots in use are closed by chance: (eq-missed-gate).

    Gates are set once, in each of two codes, and copied. One circuit is active, and linear. After
    each layer the mean over its slots is the share p of open ones, of the one code or the other.
    So after L layers a state is p^⌈L/2⌉ times that of the other code to ⌊L/2⌋, instead of 1.
    """
    odd, even = sp.ceiling(sp.Rational(n_layers, 2)), n_layers // 2
    once = _power_of_share(odd) * _power_of_share(even)
    return 1 - 2 * once + _power_of_share(2 * odd) * _power_of_share(2 * even)


def _power_of_share(power: int) -> sp.Expr:
    """Return E p^n for a binomial number r p of open slots, by its factorial moments."""
    moments = [
        stirling(power, j) * sp.ff(r, j).expand(func=True) * (1 - missed) ** j
        for j in range(power + 1)
    ]
    return sp.Add(*moments) / r**power
