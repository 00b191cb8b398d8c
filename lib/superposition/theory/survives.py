"""Circuits share neurons (chapters *A construction that survives depth*, *Rotations*).

There are n = D/d slots, each of which stands for d neurons, one per entry of a circuit's state. T
circuits have r slots each, and any two share at most one.
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
# over how many layers errors add up; covariance of what two neurons of a circuit read
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
    "a circuit's neurons receive uncorrelated noise", {neuron_covariance: sp.Integer(0)}
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
    """Derive p, the chance that two given circuits share a slot: (eq-sharing).

    On each of a circuit's r slots there are c̃ − 1 of the T − 1 others, and none is there twice.
    """
    return Derivation("p", r * (own_load - 1) / (T - 1), (EQUAL_LOAD, SLOTS))


@cache
def overlap_square() -> Derivation:
    """Derive q, the mean square that a circuit reads of another's entry 1: (eq-overlap-square).

    A shared slot is one of the r that are averaged over, so q = p/r².
    """
    general = r * (own_load - 1) / T / r**2  # T for T − 1, as published
    return Derivation("q", sp.expand(general), (EQUAL_LOAD, SLOTS))


@cache
def inactive_square() -> Derivation:
    """Derive the mean square that an inactive circuit reads: (eq-inactive-shared).

    It reads k active circuits.
    """
    general = k * overlap * a2 + k * (k - 1) * circuit_covariance
    return Derivation(r"\mathrm{E}|\hat a|^2", general, (CIRCUITS,), simplify=False)


@cache
def connection_density() -> Derivation:
    """Derive ρ, the share of slots of one layer to which a slot of the next connects: (eq-density).

    It is one minus the chance that none of T circuits has both slots.
    """
    general = 1 - (1 - pair_chance) ** T
    return Derivation("rho", general, (INDEPENDENT_PAIRS, SLOTS), simplify=False)


@cache
def balanced() -> sp.Expr:
    """Return the χ at which a slot's mean input from a random other one is zero: (eq-balance)."""
    received = density / r - (1 - density) * chi
    return received.subs(chi, 0) / -received.coeff(chi)  # received is linear in χ


@cache
def input_from_active() -> sp.Expr:
    """Return the indicator's input to a slot connected to N of an active circuit's r, given χ."""
    return connections / r - chi * (r - connections)


@cache
def false_threshold() -> sp.Expr:
    """Return the N from which on a slot connected to N of r is falsely on: (eq-false).

    The r slots are an active circuit's. The slot's input is N/r − χ(r − N), with χ balanced, and
    the step starts at α_* − 1/(2g).
    """
    received = input_from_active().subs(chi, balanced())
    least = sp.solve(received - (threshold - 1 / (2 * gain)), connections)[0]
    return sp.collect(sp.expand(least / r), density) * r


def occupied(n: int, hits: int, places: int) -> sp.Expr:
    """Return the chance that `hits` of `places` random places are n different ones.

    There are places!/(places − n)! orders in which to meet n places, and Stirling's number of ways
    to split the hits.
    """
    ways = sp.functions.combinatorial.numbers.stirling(hits, n)
    return sp.ff(places, n) * ways / sp.Integer(places) ** hits


@cache
def inactive_noise() -> Derivation:
    """Derive the mean square of what r neurons read of inactive circuits: (eq-idle-noise).

    It is what their own parts of weights make, on average over the neurons.

    On each neuron c̃ − 1 other circuits read k active ones by chance. By (eq-overlap-square) these
    are rTq circuits.
    """
    heard = (own_load - 1) * overlap * k * difference2
    on_slot = sp.solve(overlap_square().general - overlap, own_load)[0]
    general = second_moment_of_sum(r, heard, neuron_covariance) / r**2
    by_overlap = Assumption("two circuits share at most one slot", {own_load: on_slot})
    return Derivation(r"\sigma^2_{\Delta}", general, (by_overlap, SEPARATE_NEURONS))


@cache
def shared_noise() -> Derivation:
    """Derive the mean square of what r neurons read through the shared mean: (eq-shared-noise).

    The neurons read other active circuits. Each of r slots of another circuit is connected with
    probability ρ. It then adds 1/r, else −χ. The variance is ρ(1 − ρ)(1/r + χ)², to leading order
    in ρ.
    """
    connection = density * (1 - density) * (1 / r + balanced()) ** 2
    leading = sp.series(sp.simplify(connection), density, 0, 2).removeO()
    heard = (k - 1) * r * leading * mean2
    general = second_moment_of_sum(r, heard, neuron_covariance) / r**2
    return Derivation(r"\sigma^2_{\bar w}", general, (FEW_CONNECTIONS, SEPARATE_NEURONS))


@cache
def linear_law() -> Derivation:
    """Derive an active circuit's mean squared error after l layers of small noise: (eq-linear-law).

    Both noises enter in every layer after the first. In all layers a neuron that is shared with
    another active circuit holds its values, too; a reading of them has the mean square q |…|².
    """
    collisions = overlap * (k - 1) * doubled2
    general = passed_noise * (inactive_noise().general + shared_noise().general)
    general += passed_collisions * collisions
    uses = (*inactive_noise().assumptions, *shared_noise().assumptions[:1], ISOMETRIC)
    return Derivation(r"\mathrm{E}|\delta|^2", general, uses)


@cache
def rotation_squares() -> dict[sp.Symbol, sp.Expr]:
    """Return the three squares of (eq-linear-law) for conditional rotations, averaged over angles.

    A circuit's own part turns x, |R x|². The shared part is 2α on both entries. A shared neuron
    reads both, R x + 2α, on top of its own circuit's.
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
    """Return the published law for conditional rotations: (eq-rotation-law)."""
    return by_overlap(linear_law().result.subs(rotation_squares()))


def by_overlap(expression: sp.Expr) -> sp.Expr:
    """Return the expression ordered by powers of q and then by squares."""

    def ordered(coefficient: sp.Expr) -> sp.Expr:
        squares = [difference2, mean2, doubled2]
        return sp.factor_terms(sp.collect(sp.expand(coefficient), squares, sp.factor))

    return sp.collect(sp.expand(expression), overlap, ordered)
