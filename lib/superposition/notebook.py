"""What chapters need besides the library: numbers for the prose, and tables that print alike."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from superposition.theory.derivation import Derivation

_PREFIX = "application/papermill.record/"


def glue(**values: Any) -> None:
    """Store numbers, text or equations under names, for MyST-NB's `glue` roles to show.

    Floats keep six significant digits, so that the last bits, which differ between machines, do
    not count as a change. (`myst_nb.glue` does the same, but loads all of Sphinx to do it.)
    """
    from IPython.display import display

    for name, value in values.items():
        kind, text = _record(value)
        metadata = {"scrapbook": {"name": name, "mime_prefix": _PREFIX}}
        display({_PREFIX + kind: text}, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]


def equation(left: str | Derivation, right: sp.Expr | None = None) -> sp.Eq:
    """A derivation's result, or an expression under a LaTeX name, as an equation for `glue`."""
    if isinstance(left, Derivation):
        return sp.Eq(sp.Symbol(left.quantity), left.result, evaluate=False)
    return sp.Eq(sp.Symbol(left), right, evaluate=False)


def assumptions(derivation: Derivation) -> Any:
    """What a derivation assumes, as a list for display."""
    from IPython.display import Markdown

    lines = [f"- {statement}" for statement in derivation.statements]
    return Markdown("\n".join(["*Assumed:*", "", *lines]))  # type: ignore[no-untyped-call]


def ledger_table(claims: list[Mapping[str, Any]], results: pd.DataFrame) -> Any:
    """The claims with their numbers, thresholds and verdicts, as an HTML table for display."""
    from IPython.display import HTML

    found = results.set_index("id")
    rows = []
    for claim in claims:
        number, verdict = found.loc[claim["id"], ["number", "verdict"]]
        rows.append(
            {
                "": claim["id"],
                "claim": html.escape(claim["says"]),
                "verdict": f"<strong>{verdict}</strong>",
                "number": f"{number:.3g}" if "number" in claim else "",
                "what it measures": html.escape(claim.get("means", "")),
                "holds, or holds with a correction, in": _ranges(claim),
                "where": _place(claim),
            }
        )
    table = pd.DataFrame(rows).to_html(index=False, escape=False, border=0, classes="ledger")
    return HTML(f'<div class="ledger">{table}</div>')  # type: ignore[no-untyped-call]


def _ranges(claim: Mapping[str, Any]) -> str:
    bounds = [claim[name] for name in ("holds", "corrected") if name in claim]
    return "; ".join(f"≥ {a:g}" if b >= 1e9 else f"{a:g} to {b:g}" for a, b in bounds)


def _place(claim: Mapping[str, Any]) -> str:
    if "chapter" not in claim:
        return ""
    page, test = claim["chapter"], html.escape(claim["test"])
    prefix = "equation-" if claim["label"].startswith("eq-") else ""
    return f'<a href="{page}.html#{prefix}{claim["label"]}">{page}</a>; <code>{test}</code>'


def show(table: pd.DataFrame, digits: int = 3, dust: float = 1e-20) -> pd.DataFrame:
    """The table with its floats rounded to significant digits, those below `dust` printed as 0.

    Squared errors as small as that are rounding, which differs from machine to machine.
    """
    out = table.copy()
    for name in out.select_dtypes("floating"):
        rounded = [float(f"{value:.{digits}g}") for value in out[name]]
        out[name] = np.where(np.abs(rounded) < dust, 0.0, rounded)
    return out


def _record(value: Any) -> tuple[str, str]:
    if isinstance(value, sp.Basic):
        return "text/latex", f"$\\displaystyle {sp.latex(value)}$"
    if isinstance(value, str):
        return "text/plain", repr(value)
    if isinstance(value, (int, np.integer)):
        return "text/plain", repr(int(value))
    return "text/plain", repr(float(f"{float(value):.6g}"))
