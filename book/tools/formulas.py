"""Print the formulas of `superposition.explorable` as a JavaScript module.

`python book/tools/formulas.py` writes book/_static/explore/formulas.js. Tests compare the file with
what is printed here, and what JavaScript makes of it with Python's numbers.
"""

from __future__ import annotations

from pathlib import Path

import sympy as sp

from superposition.explorable import NAMES, formulas

FILE = Path(__file__).parents[1] / "_static/explore/formulas.js"


def module() -> str:
    """The module's text: one function of an object of numbers for each formula."""
    plain = {old: sp.Symbol(new, positive=True) for old, new in NAMES.items()}
    lines = ["// Printed from superposition.theory by book/tools/formulas.py: do not edit."]
    for name, (words, expression) in formulas().items():
        printed = expression.subs(plain)
        given = ", ".join(sorted(str(symbol) for symbol in printed.free_symbols))
        head = (
            f"export function {name}({{ {given} }}) {{" if given else f"export function {name}() {{"
        )
        lines += ["", f"/** {words}. */", head, f"  return {sp.jscode(printed)};", "}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(module(), encoding="utf-8")
