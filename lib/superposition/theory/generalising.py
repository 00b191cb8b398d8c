"""Circuits feed each other (chapter *Generalising to circuits*).

In the post's network a circuit reads its sources where they are. Its reading rows are its own
directions and, through maps C, those of all circuits that lead to it. In gated superposition edges
have separate neurons. A target has f edges, a source has f', and k paths are active.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.chains import side
from superposition.theory.derivation import Assumption, Derivation
from superposition.theory.over_layers import grown
from superposition.theory.symbols import T, estimate_square, garbage, k, sum2, w2

fan_in, fan_out, n_targets = sp.symbols("f f' T'", positive=True)
# w and Σw in the stream, through what leads to their circuit: squares of what maps make of them
through, through_sum = sp.symbols(r"|wCR|^2 |\Sigma{w}CR|^2", nonnegative=True)
# what maps make of a source's error, garbage and state; products of two sources' garbage
mapped_error, mapped_garbage, mapped_state = sp.symbols(
    r"|C\delta_{u}|^{2} |Cg_{u}|^{2} |Ca_{u}|^{2}", nonnegative=True
)
source_products = sp.Symbol(r"\gamma_{u}", real=True)
read_products, read_products_of_sum = sp.symbols(r"\gamma_{R} \gamma_{\Sigma{R}}", real=True)
# the share of inactive targets that have an active source; Ĥ of these
woken_share, woken_square = sp.symbols(r"\omega H_{\omega}", nonnegative=True)
n_edges, edge_slots, stream_slots = sp.symbols("E n_{e} n_{s}", positive=True)
stage_load = sp.Symbol("c", positive=True, integer=True)
# edges on one slot of neurons; the chance that one of them leads from a given other slot
edge_load, joined = sp.symbols(r"c_{e} \varrho_{e}", positive=True)
stages = sp.Symbol("S", positive=True, integer=True)
both_conflict, edge_chance = sp.symbols(r"P_{\text{stage}} P_{\text{edge}}", positive=True)

UNRELATED_READS = Assumption(
    "what a circuit reads with its own directions and with others' is uncorrelated",
    {read_products: sp.Integer(0), read_products_of_sum: sp.Integer(0)},
)
UNRELATED_SOURCES = Assumption(
    "what a circuit's sources hold is uncorrelated", {source_products: sp.Integer(0)}
)
EVEN = Assumption(
    "other targets of active circuits are inactive, and none has two active sources",
    {woken_share: k * (fan_out - 1) / (n_targets - k)},
)
FULL_LINES = Assumption(
    "a stage's circuits fill vertical lines, of at most half of the plane: T ≤ q(q + 1)/2",
    {stage_load: T / side},
)
EQUAL_EDGES = Assumption(
    "each slot of neurons carries equally many edges", {edge_load: n_edges / edge_slots}
)
RANDOM_ENDS = Assumption(
    "edges on one slot of neurons begin and end on random slots of the stream",
    {joined: (edge_load - 1) / (stream_slots - 1)},
)


@cache
def linked_weights() -> tuple[Derivation, Derivation]:
    """Derive |w|² and |Σw|² of neurons that read others' states, too: (eq-linked-weights)."""
    squares = (
        (r"|wR|^2", w2 + through + 2 * read_products),
        (r"|\Sigma wR|^2", sum2 + through_sum + 2 * read_products_of_sum),
    )
    first, second = (Derivation(name, general, (UNRELATED_READS,)) for name, general in squares)
    return first, second


@cache
def arriving_error() -> Derivation:
    """Derive |δ|² with which an active target begins: (eq-arriving).

    One source is active and has its error; the other sources hold garbage.
    """
    general = mapped_error + (fan_in - 1) * (mapped_garbage + source_products)
    return Derivation(r"|\delta|^2", general, (UNRELATED_SOURCES,), simplify=False)


@cache
def arriving_garbage() -> Derivation:
    """Derive |g|² with which an inactive target without active source begins: (eq-arriving)."""
    general = fan_in * (mapped_garbage + source_products)
    return Derivation("|g|^2", general, (UNRELATED_SOURCES,), simplify=False)


@cache
def mean_garbage() -> Derivation:
    """Derive the mean |g|² over inactive targets, also those with an active source: (eq-woken)."""
    general = garbage + woken_share * mapped_state
    return Derivation(r"\overline{|g|^2}", general, (EVEN,), simplify=False)


@cache
def woken_garbage() -> Derivation:
    """Derive |g|² after a layer: (eq-woken-garbage).

    Targets with an active source write more than others.
    """
    mean = (1 - woken_share) * estimate_square + woken_share * woken_square
    return grown("|g|^2", garbage, mean, EVEN)


@cache
def stage_conflict() -> Derivation:
    """Derive the chance that another active circuit of a stage disturbs one: (eq-stage-conflict).

    Circuit (x, y) of the first c vertical lines of the plane has stream slot y and neurons' slot y
    − x. A circuit at y' = y + Δ is read if −x ≤ Δ < c − x, and written from if x' − c < Δ ≤ x'.
    Together these are c + |a − b| of q values Δ, where a = c − 1 − x and b = x'; at two of these
    the circuits share a slot. (No Δ is counted twice modulo q as long as 2c − 1 ≤ q.)
    """
    a, b = sp.symbols("a b", integer=True, nonnegative=True)
    apart = 2 * sp.Sum(a - b, (b, 0, a - 1), (a, 0, stage_load - 1)).doit() / stage_load**2
    met = stage_load * (stage_load + sp.simplify(apart)) - 1  # but itself
    general = met / (stage_load * side - 1)
    return Derivation(r"P_{\text{stage}}", general, (FULL_LINES,))


@cache
def edge_conflict() -> Derivation:
    """Derive the chance that another active edge disturbs one: (eq-edge-conflict).

    The edges are in gated superposition. Two edges do not disturb each other if three things hold.
    They are on different slots of neurons; no edge leads from the other's source's slot to this
    one's neurons; and none leads from the other's neurons to this one's target's slot.
    """
    on_one = (edge_load - 1) / (n_edges - 1)  # that both are on the same slot of neurons
    general = 1 - (1 - on_one) * (1 - joined) ** 2
    return Derivation(r"P_{\text{edge}}", general, (RANDOM_ENDS, EQUAL_EDGES), simplify=False)


@cache
def path_undisturbed() -> Derivation:
    """Derive the chance that k − 1 other paths do not disturb one: (eq-path-undisturbed).

    The path has S stages.
    """
    alone = (1 - both_conflict) ** stages * (1 - edge_chance) ** (stages - 1)
    chances = Assumption(
        "conflicts in different places are independent",
        {both_conflict: stage_conflict().result, edge_chance: edge_conflict().result},
    )
    return Derivation(r"P_{\text{path}}", alone ** (k - 1), (chances,), simplify=False)
