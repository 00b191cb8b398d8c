"""Any construction must pay a price (chapter *What must any construction pay?*).

There are T circuits, k of them active. States of width d are embedded in D neurons by any linear
map. Each circuit reads by any other linear map, whichever circuits are active. A layer writes m
entries for each circuit to M neurons, by one matrix.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation
from superposition.theory.gated import EQUAL_LOAD, load
from superposition.theory.symbols import D, M, T, d, k, m, r, tolerance

trace, rank, neurons = sp.symbols(r"\operatorname{tr}K \operatorname{rank}K D_{1}", positive=True)
# of an entry of a circuit: how much of the span of all codes is its own
read_share, written_share = sp.symbols("p p'", positive=True)
kept, crosstalk, places = sp.symbols("x B G", positive=True)
gain, leading_gain = sp.symbols("y g", positive=True)
RELATIVE, CROSSTALK = r"\mathrm{E}|\delta|^2/|a|^2", r"\mathrm{E}|h|^2/\mathrm{E}|wa|^2"

READS_ITSELF = Assumption("each circuit reads its own state: all T blocks are 1", {trace: T * d})
PASSES_D = Assumption("all states pass through D neurons", {rank: D})
EQUAL_READ = Assumption(
    "entries that are read have equal shares of D neurons", {read_share: D / (T * d)}
)
EQUAL_WRITTEN = Assumption(
    "entries that are written have equal shares of M neurons", {written_share: M / (T * m)}
)
ONE_SLOT = Assumption(
    "one slot for each entry, and a circuit at each of q² points", {neurons: (d + 2) * sp.sqrt(T)}
)


@cache
def price_of_one() -> Derivation:
    """Derive a gated layer's parameters for each one of its circuits', k = 1: (eq-price-one)."""
    ratio = (neurons**2 + neurons) / (T * d * (d + 1))
    return Derivation("N/(Tn)", ratio, (ONE_SLOT,), simplify=False)


@cache
def read_floor() -> Derivation:
    """Derive the least mean square error, relative, of reading k states: (eq-read-floor).

    The states are read from D neurons.

    |K|² ≥ (tr K)²/rank K, in units of the circuits' own T d, which are left out.
    """
    others = trace**2 / (rank * T * d) - 1
    return Derivation(RELATIVE, (k - 1) * others / (T - 1), (READS_ITSELF, PASSES_D), False)


@cache
def shrunk() -> sp.Expr:
    """Return the least error if circuits read x of their own state, for the best x: (eq-shrunk)."""
    error = (1 - kept) ** 2 + kept**2 * crosstalk
    best = sp.solve(sp.diff(error, kept), kept)[0]
    return sp.factor(error.subs(kept, best))


@cache
def layer_floor() -> Derivation:
    """Derive the least mean square that a layer adds, relative to |w a|²: (eq-layer-floor).

    E|K|² ≥ Σ 1/(p p') over T m d weights of mean square 1, of which the circuits' own are 1 each.
    """
    others = 1 / (read_share * written_share) - 1
    return Derivation(CROSSTALK, (k - 1) * others / (T - 1), (EQUAL_READ, EQUAL_WRITTEN), False)


@cache
def most_under_floor() -> sp.Expr:
    """Return the T at which `layer_floor` is a tolerance: the larger root of (eq-layer-floor)."""
    roots = sp.solve(sp.Eq(layer_floor().result, tolerance), T)
    at = {D: 100, M: 100, d: 1, m: 1, k: 2, tolerance: sp.Rational(1, 10)}
    return max(roots, key=lambda root: root.subs(at))


@cache
def most_circuits() -> sp.Expr:
    """Return the T at which the leading order of `layer_floor` is ν: (eq-most-circuits)."""
    return sp.simplify(tolerance / sp.limit(layer_floor().result / T, T, sp.oo))


@cache
def gain_over_private() -> sp.Expr:
    """Return `most_circuits` over M/m, as many as could have separate neurons: (eq-gain)."""
    return sp.simplify(most_circuits() / (M / m))


@cache
def gain_in_full() -> sp.Expr:
    """Return what `layer_floor` allows over M/m, if D/d = M/m and T ≫ 1: (eq-gain-in-full).

    It is a function of g, `gain_over_private`, which is its leading order.
    """
    of_many = (layer_floor().result * (T - 1) / T).subs(M, D * m / d).subs(T, gain * D / d)
    (allowed,) = sp.solve(sp.Eq(gain_over_private(), leading_gain), tolerance)
    roots = sp.solve(sp.Eq(sp.simplify(of_many), allowed), gain)
    return sp.simplify(max(roots, key=lambda root: root.subs(leading_gain, 1)))


@cache
def weights_per_weight() -> sp.Expr:
    """Return weights of a layer for each of its circuits': (eq-weights-each).

    The layer holds `most_circuits`.
    """
    return sp.simplify(M * D / (most_circuits() * m * d))


@cache
def equal_weights() -> Derivation:
    """Derive what a layer of the gated construction adds with equal weights: (eq-equal-total).

    Σ_t (e_t · e_v)²/r² is 1 for v itself and 1/r² for each of c − 1 others on each of r slots.
    """
    overlap = 1 + r * (load - 1) / r**2
    general = (k - 1) * (sp.expand(overlap) ** 2 - 1) / (T - 1)
    return Derivation(CROSSTALK, general, (EQUAL_LOAD,), simplify=False)


@cache
def enough_copies() -> sp.Expr:
    """Return the r at which any k active circuits find places, each one of G: (eq-copies).

    The bound of `codes.places.unplaced_bound` is at most x² + x³ + …, with x = e² (T/k)
    (k/G)^(r−1). It is less than 1 at x = 1/2.
    """
    more, chance, ratio = sp.symbols("r_1 c s", positive=True)  # r − 1, log e² T/k, log G/k
    solved = sp.solve(chance - more * ratio - sp.log(sp.Rational(1, 2)), more)[0]
    return 1 + solved.subs({chance: 2 + sp.log(T / k), ratio: sp.log(places / k)})
