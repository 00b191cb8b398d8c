"""Chapters need these functions besides the library: numbers for the text, and tables."""

from __future__ import annotations

from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from superposition.theory.derivation import Derivation

_PREFIX = "application/papermill.record/"
_LONG = 300  # signs of LaTeX in an equation that needs several lines


def glue(**values: Any) -> None:
    """Store numbers, text or equations under names, for MyST-NB's `glue` roles to show.

    Floats keep six significant digits. The last bits differ between machines, and their changes do
    not count. (`myst_nb.glue` does the same, but loads all of Sphinx to do it.)
    """
    from IPython.display import display

    for name, value in values.items():
        kind, text = _record(value)
        metadata = {"scrapbook": {"name": name, "mime_prefix": _PREFIX}}
        display({_PREFIX + kind: text}, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]


def equation(
    left: str | Derivation, right: sp.Expr | None = None, relation: type[sp.Rel] = sp.Eq
) -> sp.Rel:
    """Return a derivation's result, or an expression with a LaTeX name, as an equation for `glue`.

    relation: sp.Ge or sp.Le, where the result is a bound.
    """
    if isinstance(left, Derivation):
        return relation(sp.Symbol(left.quantity), left.result, evaluate=False)
    return relation(sp.Symbol(left), right, evaluate=False)


def assumptions(*derivations: Derivation) -> Any:
    """Return what derivations assume, each statement once, as a list for display."""
    from IPython.display import Markdown

    statements = dict.fromkeys(text for d in derivations for text in d.statements)
    lines = ["*Assumed:*", "", *(f"- {statement}" for statement in statements)]
    return Markdown("\n".join(lines))  # type: ignore[no-untyped-call]


def show_best(table: pd.DataFrame, among: list[str], digits: int = 2) -> Any:
    """Return a table as HTML for display, with the largest number of each column in bold.

    Only the rows `among` compete. Floats have `digits` decimals.
    """
    from IPython.display import HTML

    cells = table.map(f"{{:.{digits}f}}".format)
    best = table.loc[among] == table.loc[among].max()
    cells.loc[among] = cells.loc[among].where(~best, "<strong>" + cells.loc[among] + "</strong>")
    return HTML(cells.to_html(escape=False, border=0))  # type: ignore[no-untyped-call]


def show(table: pd.DataFrame, digits: int = 3, dust: float = 1e-20) -> pd.DataFrame:
    """Round the table's floats to significant digits, and set those below `dust` to 0.

    Squared errors as small as that are rounding errors, which differ between machines. Where there
    is no number, the table has a dash.
    """
    out = table.copy()
    for name in out.select_dtypes("floating"):
        rounded = [float(f"{value:.{digits}g}") for value in out[name]]
        out[name] = np.where(np.abs(rounded) < dust, 0.0, rounded)
        if out[name].isna().any():
            out[name] = out[name].astype(object).where(out[name].notna(), "—")
    return out


def _record(value: Any) -> tuple[str, str]:
    if isinstance(value, sp.Basic):
        return "text/latex", f"$\\displaystyle {_latex(value)}$"
    if isinstance(value, str):
        return "text/plain", repr(value)
    if isinstance(value, (int, np.integer)):
        return "text/plain", repr(int(value))
    return "text/plain", repr(float(f"{float(value):.6g}"))


def _latex(value: sp.Basic) -> str:
    """Set an expression; in a long one no sum is above a fraction's line, where none can break."""
    text = str(sp.latex(value))
    return text if len(text) < _LONG else str(sp.latex(value, long_frac_ratio=5))


def page_table(path: str | Path, heading: str) -> pd.DataFrame:
    """Return the first table below a heading of a Markdown page, as text, cell by cell.

    `heading` is the beginning of the heading's text. Raises ValueError where there is no such
    table.
    """
    lines = iter(Path(path).read_text(encoding="utf-8").splitlines())
    below = dropwhile(lambda line: not line.lstrip("# ").startswith(heading), lines)
    table = takewhile(
        lambda line: line.startswith("|"),
        dropwhile(lambda line: not line.startswith("|"), below),
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    if len(rows) < 2:
        raise ValueError(f"heading: wanted one of {path} with a table, got {heading!r}")
    return pd.DataFrame(rows[2:], columns=rows[0])
