"""Formulas for figures that compute in the page, and what they come to in Python.

`book/tools/formulas.py` prints them as JavaScript; a test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from superposition._check import positive_int, positive_real
from superposition.theory import limits, over_layers, read_in, symbols
from superposition.theory.derivation import evaluate

# symbols as JavaScript, and `capacities`, have them
NAMES = {
    symbols.D: "D", symbols.M: "M", symbols.T: "T", symbols.d: "d", symbols.m: "m",
    symbols.k: "k", symbols.r: "r", symbols.tolerance: "nu", symbols.a2: "a2",
    symbols.w2: "w2", symbols.write2: "write2", symbols.h2: "h2",
}  # fmt: skip


def formulas() -> dict[str, tuple[str, sp.Expr]]:
    """By the name of a JavaScript function: what it gives, and the expression."""
    return {
        "readInCapacity": ("T at which the first layer's noise is ν", read_in.read_in_capacity()),
        "deepCapacity": ("T at which the second layer's noise is ν", over_layers.deep_capacity()),
        "mostCircuits": ("T at which (eq-layer-floor) is ν", limits.most_under_floor()),
        "gatedCircuits": ("T that a gated network holds, k = 1", _gated()),
        **_random(),
    }


def _gated() -> sp.Expr:
    """From (eq-price-one): D neurons, a circuit at each point of the plane."""
    (neurons,) = limits.ONE_SLOT.values.values()
    return sp.solve(sp.Eq(neurons, symbols.D), symbols.T)[0]


def _random() -> dict[str, tuple[str, sp.Expr]]:
    """Moments of `ResidualCircuits.random`, two layers, a margin of 1, unit inputs.

    Rows of read_in have mean squared length 1, and the indicator's column holds bias + 1, biases
    having variance 1/d. Columns of write_out have d entries of variance 1/(L m). What a neuron
    hears has variance 2/d, of which a ReLU passes on half.
    """
    d, m = symbols.d, symbols.m
    return {
        "randomW2": ("|w|², with the indicator", 2 + 1 / d),
        "randomWrite2": ("|w'|²", d / (2 * m)),
        "randomH2": ("mean square of a neuron", 1 / d),
        "randomA2": ("|a|², with the indicator", sp.Integer(2)),
    }


def capacities(sizes: Mapping[str, float]) -> dict[str, float | None]:
    """How many circuits fit, by rows of the figure; None where a row says nothing.

    sizes: D, M, d, m, k, r (whole) and nu. Raises KeyError for one that is missing, TypeError or
    ValueError for one that is not above zero.
    """
    whole = {name: positive_int(name, sizes[name]) for name in ("D", "M", "d", "m", "k", "r")}
    given: dict[sp.Symbol, float] = {s: whole[n] for s, n in NAMES.items() if n in whole}
    given[symbols.tolerance] = positive_real("nu", sizes["nu"])
    every = formulas()

    def number(name: str) -> float:
        return float(evaluate(every[name][1], given))

    for symbol, name in NAMES.items():
        if (moment := f"random{name[0].upper()}{name[1:]}") in every:
            given[symbol] = number(moment)
    one = number("readInCapacity")
    return {
        "private": min(whole["D"] / whole["d"], whole["M"] / whole["m"]),
        "one": one,
        "two": min(number("deepCapacity"), one),
        "gated": number("gatedCircuits") if whole["k"] == 1 else None,
        "most": None if whole["k"] == 1 else number("mostCircuits"),
    }
