"""Active circuits conflict in chains (chapter *Chains: several active, without noise*).

A chain's circuits are points of a q × q grid of even slots and odd slots. Two circuits conflict in
the chain if another corner of their rectangle is a circuit. They also conflict if they share a
slot: then they are the other corners of their rectangle themselves.
"""

from __future__ import annotations

from functools import cache
from math import comb, factorial
from typing import Any

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation
from superposition.theory.symbols import T, k, r

side, load, buckets = sp.symbols("q c B", positive=True)
chains = sp.Symbol("i", nonnegative=True, integer=True)
# in all of i chains: none of k − 1 others shares a slot; nor is a corner a circuit
apart, clear = sp.IndexedBase("S"), sp.IndexedBase("F")
bucket_shared = sp.Symbol(r"\beta", positive=True)
pair = sp.Symbol("p", positive=True)

EQUAL_LOAD = Assumption("all slots carry equally many circuits", {load: T / side})
EQUAL_BUCKETS = Assumption(
    "all buckets hold equally many circuits", {bucket_shared: (T / buckets - 1) / (T - 1)}
)
INDEPENDENT = "conflicts in different chains are independent"


def apart_from_all(i: sp.Expr) -> sp.Expr:
    """Return S_i, the chance that k − 1 other points avoid 2i lines through one point: (eq-apart).

    These are the lines of i chains. Each line has q − 1 other points, and no two lines meet
    elsewhere.
    """
    others = side**2 - 1
    return sp.binomial(others - 2 * i * (side - 1), k - 1) / sp.binomial(others, k - 1)


def corners_clear(i: sp.Expr) -> sp.Expr:
    """Return F_i, the chance that none of 2i(k − 1) corners is a circuit: (eq-clear).

    Each other circuit and chain has two corners. The corners are no active circuits' points, and T
    − k circuits are on the other q² − k points.
    """
    rest, corners = side**2 - k, 2 * i * (k - 1)
    return sp.binomial(rest - corners, T - k) / sp.binomial(rest, T - k)


def points(n_chains: int) -> tuple[Assumption, ...]:
    """Return the assumptions that circuits are random points of the plane, with S_i and F_i."""
    each = range(1, n_chains + 1)
    return (
        Assumption(
            "circuits are random points of the plane, and chains' slopes all different",
            {apart[i]: apart_from_all(sp.Integer(i)) for i in each},
        ),
        Assumption(
            "the corners of an active circuit's rectangles are all different",
            {clear[i]: corners_clear(sp.Integer(i)) for i in each},
        ),
    )


@cache
def no_chain_left(n_chains: int) -> Derivation:
    """Derive the chance that an active circuit is disturbed in each of r chains: (eq-no-chain).

    The sum includes and excludes the sets of i chains in which nothing disturbs the circuit.
    """
    general = 1 + sum(
        (-1) ** i * sp.binomial(n_chains, i) * apart[i] * clear[i] for i in range(1, n_chains + 1)
    )
    return Derivation(r"P_{\text{none}}", general, points(n_chains), simplify=False)


@cache
def conflict() -> sp.Expr:
    """Return the chance that two active circuits conflict in a chain: (eq-conflict)."""
    chance = no_chain_left(1).result.subs(k, 2)
    return 1 - sp.factor(sp.expand_func(sp.combsimp(1 - chance)))


@cache
def corner_taken() -> Derivation:
    """Derive the chance that a given other corner of a rectangle is a circuit: (eq-corner).

    A circuit (a, b) is that corner for every circuit on a and every circuit on b. The circuit
    itself counts for both.
    """
    return Derivation(r"P_{\text{corner}}", (load**2 - 1) / (T - 1), (EQUAL_LOAD,))


@cache
def same_bucket() -> Derivation:
    """Derive the chance that two circuits are in one bucket of a chain: (eq-bucket)."""
    return Derivation(r"P_{\text{bucket}}", bucket_shared, (EQUAL_BUCKETS,))


@cache
def no_bucket_left() -> Derivation:
    """Derive the chance of `no_chain_left` in buckets drawn anew for each chain: (eq-no-bucket).

    It is an upper estimate for words that agree in few places.
    """
    general = (1 - (1 - pair) ** (k - 1)) ** r
    return Derivation(
        r"P_{\text{none}}",
        general,
        (Assumption(INDEPENDENT, {pair: same_bucket().result}),),
        simplify=False,
    )


def met_at_random() -> sp.Expr:
    """Return the chance of a conflict if each circuit enters a random chain: (eq-at-random).

    p is the chance that two circuits conflict in one chain, and another circuit enters the same
    chain with the chance 1/r.
    """
    return 1 - (1 - pair / r) ** (k - 1)


def placements(n_chains: int, n_active: int, chance: sp.Expr | float = pair) -> sp.Expr | float:
    """Return the mean number of placements of k circuits in r chains, with conflict chance p.

    A placement with n_1 + … + n_r = k circuits in the chains is free of conflict with the chance (1
    − p)^Σ n_j (n_j − 1)/2. No placement exists with a chance of at least 1 minus this number:
    (eq-placements). The function sums over n_1, n_2, … one after another.
    """
    one = [(1 - chance) ** comb(n, 2) / factorial(n) for n in range(n_active + 1)]
    ways: list[Any] = [1, *[0] * n_active]  # over n!, of n circuits in the chains so far
    for _ in range(n_chains):
        ways = [sum(ways[i] * one[n - i] for i in range(n + 1)) for n in range(n_active + 1)]
    return factorial(n_active) * ways[n_active]


def in_logarithms(expression: sp.Expr) -> sp.Expr:
    """Write binomial coefficients as exponentials of log Γ; they may be too large for a float.

    A coefficient is 0 where more are chosen than there are: there Γ has a pole.
    """

    def gamma(n: sp.Expr, m: sp.Expr) -> sp.Expr:
        left = sp.loggamma(sp.Max(n - m + 1, 0))
        return sp.exp(sp.loggamma(sp.Max(n + 1, 1)) - sp.loggamma(m + 1) - left)

    ratio = expression.replace(sp.binomial, gamma)
    return sp.powsimp(ratio)
