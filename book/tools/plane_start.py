"""Print what `companion.plane` begins with as a JavaScript module.

`python book/tools/plane_start.py` writes book/_static/explore/plane_start.js. Tests compare the
file with what is printed here.
"""

from __future__ import annotations

import json
from pathlib import Path

from companion.plane import ORDERS, START
from superposition.maps import GATES

FILE = Path(__file__).parents[1] / "_static/explore/plane_start.js"


def module() -> str:
    """The module's text: orders of planes on offer, the first state, gates of a slot."""
    lines = [
        "// Printed from companion.plane by book/tools/plane_start.py: do not edit.",
        f"export const ORDERS = {json.dumps(ORDERS)};",
        f"export const START = {json.dumps(START)};",
        f"export const GATES = {GATES};",
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    FILE.write_text(module(), encoding="utf-8")
