"""A figure computes in the page how many circuits fit; these are its rows and numbers.

`book/tools/formulas.py` prints the rows as JavaScript, and tests compare both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import sympy as sp

from superposition._check import positive_int, positive_real
from superposition.theory import limits, over_layers, read_in, symbols
from superposition.theory.derivation import evaluate
from superposition.theory.symbols import D, M, T, d, k, m, r, tolerance

# what the sliders begin with; by the names that JavaScript has for symbols, too
START = {"D": 1024, "M": 2048, "d": 4, "m": 8, "k": 1, "r": 1, "nu": 0.1}
NAMES = dict(zip((D, M, d, m, k, r, tolerance), START, strict=True))
# variance of what a neuron of `ResidualCircuits.random` is to read of a unit input: of its weights
# times the input 1/d, of its bias as much
INPUT_VARIANCE = 2 / d


@dataclass(frozen=True)
class Row:
    """This is one row of the figure.

    `words` are for the reader. `count` is the number of circuits that fit. `holds` is the condition
    under which the row says anything. `only` is that condition in words, which the page shows in
    the place of the number where the condition fails.
    """

    words: str
    count: sp.Expr
    holds: sp.Basic
    only: str = ""


@cache
def rows() -> dict[str, Row]:
    """Return the figure's rows, from `theory`, for circuits of `ResidualCircuits.random`."""
    of_neuron, of_mean, of_state = tolerances()
    one = read_in.read_in_capacity().subs(random_moments()).subs(of_neuron)
    two = over_layers.deep_capacity().subs(random_moments()).subs(of_mean)
    most = limits.most_under_floor().subs(of_state)
    gated, ever = "gated, told which one is active (k = 1)", k >= 1
    return {
        "private": Row("side by side, no superposition", sp.Min(D / d, M / m), ever),
        "one": Row("the post's network, one layer", one, ever),
        "two": Row("the post's network, two layers or more", sp.Min(one, two), ever),
        "gated": Row(gated, _gated(), sp.Eq(k, 1), "k = 1 only"),
        "most": Row("no linear code of one layer has more", most, k > 1, "k ≥ 2 only"),
    }


def random_moments() -> dict[sp.Symbol, sp.Expr]:
    """Return the moments of `ResidualCircuits.random` with two layers and unit inputs.

    The circuits have indicators with a margin of 1. Rows of read_in have mean squared length 1, and
    the indicator's column holds the bias plus 1, where biases have variance 1/d. Columns of
    write_out have d entries of variance 1/(L m). A neuron's input has the variance
    `INPUT_VARIANCE`, of which a ReLU passes on half.
    """
    return {
        symbols.w2: 2 + 1 / d,
        symbols.write2: d / (2 * m),
        symbols.h2: INPUT_VARIANCE / 2,
        symbols.a2: 2,
    }


def tolerances() -> tuple[dict[sp.Symbol, sp.Expr], ...]:
    """What `theory` calls ν, for the figure's ν: the noise relative to a neuron's own input.

    The figure's ν is the variance of the noise in a large neuron, divided by `INPUT_VARIANCE`.
    Formulas of the variance in one large neuron take ν times `INPUT_VARIANCE`. Formulas of the mean
    over the r carriers of a small neuron take an r-th of it, as in (eq-garbage-noise). Formulas
    relative to what a neuron reads of its circuit's state, without its bias, take ν d times
    `INPUT_VARIANCE`: that reading alone has variance 1/d.
    """
    variance = tolerance * INPUT_VARIANCE
    return {tolerance: variance}, {tolerance: variance / r}, {tolerance: variance * d}


def _gated() -> sp.Expr:
    """Return the T at which a full gated network has D neurons, from (eq-price-one)."""
    (neurons,) = limits.ONE_SLOT.values.values()
    return sp.solve(sp.Eq(neurons, D), T)[0]


def capacities(sizes: Mapping[str, float]) -> dict[str, float | None]:
    """Return how many circuits fit, by row, or None where a row says nothing.

    `sizes` has the keys of `START`; all values are whole numbers but nu. Raises KeyError for a
    missing size, and TypeError or ValueError for a size that is not above zero.
    """
    checks = {name: positive_real if name == "nu" else positive_int for name in START}
    given = {s: checks[name](name, sizes[name]) for s, name in NAMES.items()}
    return {
        name: float(evaluate(row.count, given)) if row.holds.subs(given) else None
        for name, row in rows().items()
    }
