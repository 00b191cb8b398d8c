"""Circuits that share neurons (chapters *A construction that survives depth*, *Rotations*).

n = D/d slots, each of which stands for d neurons, one per entry of a circuit's state; T circuits
have r slots each, and any two share at most one.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.reading import CIRCUITS
from superposition.theory.symbols import D, T, a2, circuit_covariance, d, k, r

slots = sp.symbols("n", positive=True)
own_load = sp.symbols(r"\tilde{c}", positive=True)  # mean load of the slots that a circuit has
pair_chance, shared_chance, overlap, density = sp.symbols(r"\pi p q rho", positive=True)
chi, gain, connections = sp.symbols("chi g N", positive=True)
threshold = sp.Symbol(r"\alpha_*", positive=True)
layer = sp.symbols("l", positive=True)
# over how many layers errors add up; covariance of what two neurons of a circuit hear
passed_noise, passed_collisions, neuron_covariance = sp.symbols(r"n_1 n_2 \kappa_n")
# u: another active circuit. What its own part, the shared mean and both make of its state.
difference2, mean2, doubled2 = (
    sp.Symbol(name, positive=True)
    for name in (r"|\Delta{w}_{u}a_{u}|^{2}", r"|\bar{w}a_{u}|^{2}", r"|w_{u}a_{u}|^{2}")
)

EQUAL_LOAD = Assumption("all slots carry equally many circuits", {own_load: T * r / slots})
SLOTS = Assumption("n = D/d slots", {slots: D / d})
INDEPENDENT_PAIRS = Assumption(
    "a circuit has two given slots, of two layers, with probability (r/n)²",
    {pair_chance: (r / slots) ** 2},
)
SEPARATE_NEURONS = Assumption(
    "a circuit's neurons hear uncorrelated noise", {neuron_covariance: sp.Integer(0)}
)
FEW_CONNECTIONS = Assumption(
    "ρ is small, and q ≈ d/D: ρ = T r² q²", {density: T * r**2 * overlap**2}
)
ISOMETRIC = Assumption(
    "active circuits pass errors on as they are",
    {passed_noise: layer - 1, passed_collisions: layer},
)


@cache
def sharing_chance() -> Derivation:
    """p, the chance that two given circuits share a slot: (eq-sharing).

    On each of a circuit's r slots there are c̃ − 1 of the T − 1 others, and none twice.
    """
    return Derivation("p", r * (own_load - 1) / (T - 1), (EQUAL_LOAD, SLOTS))


@cache
def overlap_square() -> Derivation:
    """q, the mean square of what one circuit reads of another's entry 1: (eq-overlap-square).

    A shared slot is one of the r that are averaged over: p/r².
    """
    general = r * (own_load - 1) / T / r**2  # T for T − 1, as published
    return Derivation("q", sp.expand(general), (EQUAL_LOAD, SLOTS))


@cache
def inactive_square() -> Derivation:
    """Mean square of what an inactive circuit reads of k active ones: (eq-inactive-shared)."""
    general = k * overlap * a2 + k * (k - 1) * circuit_covariance
    return Derivation(r"\mathrm{E}|\hat a|^2", general, (CIRCUITS,), simplify=False)


@cache
def connection_density() -> Derivation:
    """ρ, the share of slots of one layer that a slot of the next is connected to: (eq-density).

    One less the chance that none of T circuits has both.
    """
    general = 1 - (1 - pair_chance) ** T
    return Derivation("rho", general, (INDEPENDENT_PAIRS, SLOTS), simplify=False)


@cache
def balanced() -> sp.Expr:
    """χ at which a slot hears nothing of a random other one, on average: (eq-balance)."""
    heard = density / r - (1 - density) * chi
    return heard.subs(chi, 0) / -heard.coeff(chi)  # heard is linear in χ


@cache
def input_from_active() -> sp.Expr:
    """What a slot connected to N of an active circuit's r hears of its indicator, given χ."""
    return connections / r - chi * (r - connections)


@cache
def false_threshold() -> sp.Expr:
    """N from which on a slot connected to N of an active circuit's r is falsely on: (eq-false).

    It hears N/r − χ(r − N), χ balanced; the step starts at α_* − 1/(2g).
    """
    heard = input_from_active().subs(chi, balanced())
    least = sp.solve(heard - (threshold - 1 / (2 * gain)), connections)[0]
    return sp.collect(sp.expand(least / r), density) * r


def occupied(n: int, hits: int, places: int) -> sp.Expr:
    """Chance that `hits` random places out of `places` are n different ones: (eq-occupied).

    places!/(places − n)! orders in which to meet n, times Stirling's number of ways to split hits.
    """
    ways = sp.functions.combinatorial.numbers.stirling(hits, n)
    return sp.ff(places, n) * ways / sp.Integer(places) ** hits


@cache
def inactive_noise() -> Derivation:
    """What r neurons hear, on average over them, of inactive circuits' own parts: (eq-idle-noise).

    On each neuron c̃ − 1 others read k active circuits by chance. By (eq-overlap-square) that is
    rTq of them.
    """
    heard = (own_load - 1) * overlap * k * difference2
    on_slot = sp.solve(overlap_square().general - overlap, own_load)[0]
    general = second_moment_of_sum(r, heard, neuron_covariance) / r**2
    by_overlap = Assumption("two circuits share at most one slot", {own_load: on_slot})
    return Derivation(r"\sigma^2_{\Delta}", general, (by_overlap, SEPARATE_NEURONS))


@cache
def shared_noise() -> Derivation:
    """What they hear of other active circuits through the shared mean: (eq-shared-noise).

    Each of r slots of another circuit is connected with probability ρ, and then adds 1/r, else
    −χ: a variance of ρ(1 − ρ)(1/r + χ)², to leading order in ρ.
    """
    connection = density * (1 - density) * (1 / r + balanced()) ** 2
    leading = sp.series(sp.simplify(connection), density, 0, 2).removeO()
    heard = (k - 1) * r * leading * mean2
    general = second_moment_of_sum(r, heard, neuron_covariance) / r**2
    return Derivation(r"\sigma^2_{\bar w}", general, (FEW_CONNECTIONS, SEPARATE_NEURONS))


@cache
def linear_law() -> Derivation:
    """Mean squared error of an active circuit after l layers, noise staying small: (eq-linear-law).

    Both noises in every layer after the first; in all layers a neuron shared with another active
    circuit holds its values, too, of which a reading has the mean square q |…|².
    """
    collisions = overlap * (k - 1) * doubled2
    general = passed_noise * (inactive_noise().general + shared_noise().general)
    general += passed_collisions * collisions
    uses = (*inactive_noise().assumptions, *shared_noise().assumptions[:1], ISOMETRIC)
    return Derivation(r"\mathrm{E}|\delta|^2", general, uses)


@cache
def rotation_squares() -> dict[sp.Symbol, sp.Expr]:
    """The three squares of (eq-linear-law) for conditional rotations, averaged over angles.

    A circuit's own part turns x, |R x|²; the shared part is 2α on both entries; a shared neuron
    hears both, R x + 2α, on top of its own circuit's.
    """
    angle = sp.symbols("varphi", real=True)
    x, shift = sp.Matrix([sp.cos(angle), sp.sin(angle)]), sp.Matrix([2, 2])

    def mean_square(vector: sp.Matrix) -> sp.Expr:
        square = sp.integrate(sp.expand(vector.dot(vector)), (angle, 0, 2 * sp.pi))
        return sp.simplify(square / (2 * sp.pi))

    return {
        difference2: mean_square(x),
        mean2: mean_square(shift),
        doubled2: mean_square(x + shift),
    }


@cache
def rotation_law() -> sp.Expr:
    """The published law for conditional rotations: (eq-rotation-law)."""
    return by_overlap(linear_law().result.subs(rotation_squares()))


def by_overlap(expression: sp.Expr) -> sp.Expr:
    """The same, ordered by powers of q and then by squares."""

    def ordered(coefficient: sp.Expr) -> sp.Expr:
        squares = [difference2, mean2, doubled2]
        return sp.factor_terms(sp.collect(sp.expand(coefficient), squares, sp.factor))

    return sp.collect(sp.expand(expression), overlap, ordered)
