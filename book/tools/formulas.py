"""Print the rows of `companion.explore` as a JavaScript module.

`python book/tools/formulas.py` writes book/_static/explore/formulas.js. Tests compare the file with
what is printed here, and what JavaScript makes of it with Python's numbers.
"""

from __future__ import annotations

import json
from pathlib import Path

import sympy as sp

from companion.explore import NAMES, START, rows

FILE = Path(__file__).parents[1] / "_static/explore/formulas.js"


def module() -> str:
    """The module's text: the sliders' first values, and each row with two functions of them."""
    plain = {old: sp.Symbol(new, positive=True) for old, new in NAMES.items()}
    given = f"({{ {', '.join(NAMES.values())} }})"
    lines = [
        "// Printed from companion.explore by book/tools/formulas.py: do not edit.",
        f"export const START = {json.dumps(START)};",
        "export const ROWS = [",
    ]
    for name, row in rows().items():
        lines += [
            "  {",
            f"    name: {json.dumps(name)},",
            f"    words: {json.dumps(row.words)},",
            f"    only: {json.dumps(row.only, ensure_ascii=False)},",
            f"    holds: {given} => {sp.jscode(row.holds.subs(plain))},",
            f"    count: {given} => {sp.jscode(row.count.subs(plain))},",
            "  },",
        ]
    return "\n".join([*lines, "];\n"])


if __name__ == "__main__":
    FILE.write_text(module(), encoding="utf-8")
