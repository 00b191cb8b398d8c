"""A derivation is a general result with the assumptions that turn it into the one that is used.

It starts from definitions, and keeps what is not yet known as symbols, such as the mean of an
entry, or a covariance. Each assumption gives a value to some of these symbols. If one assumption is
deleted, its symbols stay in the result, which then cannot be evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

Values = Mapping[sp.Symbol, sp.Expr]


@dataclass(frozen=True, eq=False)
class Assumption:
    """An assumption is a statement about the construction, with values of unknown quantities."""

    statement: str
    values: Values


@dataclass(frozen=True)
class Derivation:
    """A derivation is a quantity, its value before any assumption, and the assumptions in order.

    `quantity` is LaTeX. `simplify` is False where the definition's own form is easier to read.
    """

    quantity: str
    general: sp.Expr
    assumptions: tuple[Assumption, ...]
    simplify: bool = True

    @cached_property
    def result(self) -> sp.Expr:
        """Return the general result with every assumption used."""
        expression = self.general
        for assumption in self.assumptions:
            expression = expression.xreplace(dict(assumption.values))
        return sp.simplify(expression) if self.simplify else expression

    @property
    def statements(self) -> list[str]:
        """Return the assumptions in words."""
        return [assumption.statement for assumption in self.assumptions]

    def without(self, statement: str) -> Derivation:
        """Return the derivation with one assumption deleted; ValueError if it is not among them."""
        if statement not in self.statements:
            raise ValueError(f"statement: wanted one of {self.statements}, got {statement!r}")
        kept = tuple(a for a in self.assumptions if a.statement != statement)
        return replace(self, assumptions=kept)


def evaluate(
    formula: Derivation | sp.Expr, values: Mapping[sp.Symbol, ArrayLike]
) -> NDArray[np.floating]:
    """Evaluate a result at numbers, or at arrays that broadcast, given for its symbols.

    Raises ValueError for a symbol without a value: a size that is not given, or a quantity that a
    deleted assumption would have fixed.
    """
    expression = formula.result if isinstance(formula, Derivation) else formula
    names, function = _compiled(expression)
    missing = [str(symbol) for symbol in names if symbol not in values]
    if missing:
        raise ValueError(f"values: wanted one for each symbol, got none for {', '.join(missing)}")
    return np.asarray(function(*(np.asarray(values[s], float)[()] for s in names)))


@cache
def _compiled(expression: sp.Expr) -> tuple[list[sp.Symbol], Callable[..., Any]]:
    """Return the symbols in order, and the expression as a function of them; scipy knows erfc."""
    names = sorted(expression.free_symbols, key=str)
    return names, sp.lambdify(names, expression, ["scipy", "numpy"], cse=True)


def second_moment_of_sum(n: sp.Expr, second: sp.Expr, product: sp.Expr) -> sp.Expr:
    """Return E[(z_1 + … + z_n)²], with E z² = second and E z z' = product for two different ones.

    The square has n diagonal terms and n(n − 1) products of two different terms:
    (eq-square-of-sum).
    """
    return n * second + n * (n - 1) * product
