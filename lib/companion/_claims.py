"""The ledger's claims as tables on pages: verdicts, and all that these rest on."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from companion import ledger


def ledger_table(claims: list[Mapping[str, Any]], table: pd.DataFrame) -> Any:
    """Return claims with verdicts, and all that these rest on, as an HTML table for display."""
    judged, found = ledger.judge(claims, table), dict(list(table.groupby("id")))
    rows = [
        {
            "claimed": f"{claim['id']}. {html.escape(claim['says'])} "
            f'(<a href="{claim["url"]}">{html.escape(claim["place"])}</a>)',
            "verdict": f"<strong>{judged[claim['id']]}</strong>",
            "what is true": html.escape(claim.get("truth", "As claimed.")),
            "evidence": _evidence(claim, found[claim["id"]]),
            "range": _ranges(claim),
            "how it moves": _moves(claim, ledger.least_move(claim, found[claim["id"]])),
        }
        for claim in claims
    ]
    return _table(rows, "ledger claims")


def verdicts(claims: list[Mapping[str, Any]], table: pd.DataFrame, words: Mapping[int, str]) -> Any:
    """Return verdicts on some claims, and where they are measured, as an HTML table for display.

    words: for each claim's number, the words that state it.
    """
    named, found = {claim["id"]: claim for claim in claims}, ledger.judge(claims, table)
    rows = [
        {
            "claim": said,
            "verdict": f"<strong>{found[number]}</strong>",
            "measured in": _where(named[number], named[number]["chapter"].replace("_", " ")),
        }
        for number, said in words.items()
    ]
    return _table(rows, "ledger")


def _table(rows: list[dict[str, Any]], classes: str) -> Any:
    from IPython.display import HTML

    table = pd.DataFrame(rows).to_html(index=False, escape=False, border=0, classes="ledger")
    return HTML(f'<div class="{classes}">{table}</div>')  # type: ignore[no-untyped-call]


def _where(claim: Mapping[str, Any], words: str) -> str:
    """Return a link to the figure or equation beside which a claim's number stands."""
    label = claim["label"]
    anchor = f"equation-{label}" if label.startswith("eq-") else label
    return f'<a href="{claim["chapter"]}.html#{anchor}">{words}</a>'


def _evidence(claim: Mapping[str, Any], found: pd.DataFrame) -> str:
    """Return what the numbers are, all of them by size, and a link."""
    link = _where(claim, claim["chapter"].replace("_", " "))
    lines = [f"{html.escape(claim['means'])} ({link})"]
    for (name, size), rows in found.fillna({"size": ""}).groupby(["quantity", "size"], sort=False):
        numbers, at = (", ".join(f"{v:.3g}" for v in rows[c]) for c in ("number", "at"))
        lines.append(f"{html.escape(name)}: {numbers}" + (f" ({size} = {at})" if size else ""))
    return "<br>".join(lines)


def _ranges(claim: Mapping[str, Any]) -> str:
    lines = []
    for name, word in (
        ("holds", claim.get("in_range", "holds")),
        ("corrected", "with a correction"),
    ):
        ranges = claim.get(name, {}).items()
        bounds = "; ".join(f"{html.escape(q)} {_between(*bound)}" for q, bound in ranges)
        lines += [f"{word}: {bounds}"] if bounds else []
    return "<br>".join(lines)


def _between(low: float, high: float) -> str:
    if np.isinf(high):
        return f"≥ {low:g}"
    return f"≤ {high:g}" if np.isinf(low) else f"{low:g} to {high:g}"


def _moves(claim: Mapping[str, Any], percent: int | None) -> str:
    """Return for which move of one bound the verdict is another, and how numbers move."""
    if percent:
        said = f"Another verdict if one bound moves by {percent} %."
    else:
        said = "No move of one bound by half changes the verdict."
    return f"{said} {html.escape(claim.get('moves', ''))}"
