"""The README's first screen has a figure, which is drawn from stored results.

`python -m companion headline book/_static/gated.svg` draws it.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import matplotlib as mpl

from companion import figures
from companion.gated import beside_published
from superposition.results import atomic_write


def headline() -> str:
    """Draw the published error and ours by layer, at the published size, as SVG without a date."""
    mpl.use("svg")
    figures.use_style()
    figure = figures.beside_published(beside_published().query("width == 1000"))
    out = StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def draw(path: str | Path) -> None:
    """Draws the figure into a file (.svg)."""
    with atomic_write(path) as out:
        out.write(headline().encode())


MADE = {"headline": draw}
