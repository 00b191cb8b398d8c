"""Print the rows and laws of `companion.explore` as a JavaScript module.

`python book/tools/formulas.py` writes book/_static/explore/formulas.js. Tests compare the file with
what is printed here, and what JavaScript makes of it with Python's numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sympy as sp

from companion import explore
from companion.explore import NAMES, START
from superposition.constructions import ResidualConstruction
from superposition.constructions.sizing import MOST_CIRCUITS
from superposition.predict.post import LEAST_NOISE
from superposition.theory import symbols
from superposition.theory.read_in import MOST

FILE = Path(__file__).parents[1] / "_static/explore/formulas.js"
# functions that JavaScript lacks: special.js
SPECIAL = {"erfc": "erfc", "loggamma": "logGamma"}


def module() -> str:
    """The module's text: numbers, the figure's rows, and a function for each step of the law."""
    numbers = {
        "START": START,
        "MARGIN": ResidualConstruction.margin,
        "MOST_COLLISIONS": MOST,
        "MOST_CIRCUITS": MOST_CIRCUITS,
        "LEAST_NOISE": LEAST_NOISE,
        "GROUPS": [float(f"{value:.15g}") for value in explore.standard_groups()],
    }
    lines = [
        "// Printed from companion.explore by book/tools/formulas.py: do not edit.",
        f'import {{ {", ".join(SPECIAL.values())} }} from "./special.js";',
        "",
        *(f"export const {name} = {json.dumps(value)};" for name, value in numbers.items()),
        "// what (fig-claim) measured: mean and range over seeds",
        f"export const MEASURED = {listed(explore.measured().round(2).to_dict('records'))};",
        f"export const ROWS = [{''.join(map(printed_row, explore.rows().items()))}\n];",
        *(function(name, step) for name, step in explore.law().items()),
    ]
    return "\n".join([*lines, ""])


def listed(records: list[dict[Any, Any]]) -> str:
    """Objects, one a line."""
    return "[\n" + "".join(f"  {json.dumps(each)},\n" for each in records) + "]"


def printed_row(item: tuple[str, explore.Row]) -> str:
    """A row of the figure, as an object."""
    name, row = item
    given = f"({{ {', '.join(NAMES.values())} }})"
    plain = {old: sp.Symbol(new, positive=True) for old, new in NAMES.items()}
    text = f"\n  {{\n    name: {json.dumps(name)},\n    words: {json.dumps(row.words)},\n"
    text += f"    only: {json.dumps(row.only, ensure_ascii=False)},\n"
    if row.holds is not None:
        text += f"    holds: {given} => {sp.jscode(row.holds.subs(plain))},\n"
    if row.count is None:
        return text + f"    layers: {row.layers},\n  }},"
    return text + f"    count: {given} => {sp.jscode(row.count.subs(plain))},\n  }},"


def function(name: str, step: Mapping[sp.Symbol, sp.Expr]) -> str:
    """A function of an object of values, which returns those of a step of the law."""
    results = [sp.sympify(each).xreplace(plain_names()) for each in step.values()]
    given = sorted(map(str, set().union(*(each.free_symbols for each in results))))
    shared, results = sp.cse(results)
    keys = [str(symbol.xreplace(plain_names())) for symbol in step]
    lines = [f"\nexport function {name}({{ {', '.join(given)} }}) {{"]
    lines += [f"  const {symbol} = {printed(each)};" for symbol, each in shared]
    lines += ["  return {"]
    lines += [f"    {key}: {printed(each)}," for key, each in zip(keys, results, strict=True)]
    return "\n".join([*lines, "  };", "}"])


def plain_names() -> dict[sp.Symbol, sp.Symbol]:
    """The symbols of theory by the names that they have in its code, which JavaScript can take."""
    found = {each: name for name, each in vars(symbols).items() if isinstance(each, sp.Symbol)}
    return {each: sp.Symbol(name) for each, name in found.items()}


def printed(expression: sp.Expr) -> str:
    """An expression in JavaScript."""
    return str(sp.jscode(expression, user_functions=SPECIAL))


if __name__ == "__main__":
    FILE.write_text(module(), encoding="utf-8")
