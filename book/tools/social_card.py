"""Sphinx extension: the card that is shown where someone shares a link to the book.

The large network of the first page with 400 small ones inside, layer by layer: one small network
runs, and ever more neurons misfire; below, told which one runs, none does. `python
book/tools/social_card.py card.png` draws it by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sphinx.application import Sphinx

from companion.figures.landing import draw_layers
from companion.index import LARGEST, story

CARD = "_static/social_card.png"
WIDTH, HEIGHT = 1200, 630
NIGHT, CHALK, DIM = "#0f1722", "#fcfbf8", "#9aa7b8"
NEURONS = "#2b3646", CHALK, "#1f5173", "#3d9fdc"  # silent, misfiring, in use and silent, firing
TITLE = "Circuits in\nSuperposition"
LINE = "One neural network can do\nthe work of hundreds of small ones."
BELOW = "The executable companion: derived, run, measured"


def draw() -> Figure:
    """The card."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=NIGHT)
    FigureCanvasAgg(figure)
    _, untold, told = story()
    said = (f"{LARGEST} inside, one runs: the others ignite", "told which one runs: exact")
    for still, words, top in zip((untold, told), said, (0.9, 0.46), strict=True):
        figure.text(0.5, top, words, size=15, color=CHALK, va="top")
        draw_layers(figure.add_axes((0.5, top - 0.38, 0.46, 0.31)), still, NEURONS)
    figure.text(0.055, 0.9, TITLE, size=38, weight="bold", color=CHALK, va="top")
    figure.text(0.057, 0.56, LINE, size=19, color=CHALK, va="top", linespacing=1.4)
    figure.text(0.057, 0.09, BELOW, size=14.5, color=DIM, va="bottom")
    return figure


def save(path: Path) -> None:
    """Draw the card into a file, in its own size whatever other figures are saved with."""
    with rc_context(
        {"savefig.bbox": None, "savefig.dpi": "figure", "figure.constrained_layout.use": False}
    ):
        draw().savefig(path)


def add_card(app: Sphinx, error: Exception | None) -> None:
    """Put the card among the files of a finished site."""
    if not error and app.builder.format == "html":
        save(Path(app.outdir) / CARD)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("build-finished", add_card)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    save(Path(sys.argv[1]))
