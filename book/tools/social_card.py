"""Sphinx extension: the card that is shown where someone shares a link to the book.

A network for 25 small ones, with the real codes of gated superposition: each small network is its
connections in one colour, and the one that is active is bright. `python book/tools/social_card.py
card.png` draws it by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sphinx.application import Sphinx

from companion.figures.woven import CHALK, DIM, NIGHT, weave
from superposition.maps import draw_codes

CARD = "_static/social_card.png"
WIDTH, HEIGHT = 1200, 630
LAYERS, ACTIVE = 4, 7
TITLE = "Circuits in\nSuperposition"
LINE = "One neural network can do the work\nof hundreds of small ones."
BELOW = "The executable companion: derived, run, measured"


def draw() -> Figure:
    """The card."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=NIGHT)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.5, 0.06, 0.47, 0.88))
    weave(axes, draw_codes(5, 3, 25, np.random.default_rng(1)), ACTIVE, LAYERS)
    figure.text(0.055, 0.84, TITLE, size=43, weight="bold", color=CHALK, va="top")
    figure.text(0.057, 0.52, LINE, size=20, color=CHALK, va="top", linespacing=1.4)
    figure.text(0.057, 0.09, BELOW, size=14.5, color=DIM, va="bottom")
    return figure


def save(path: Path) -> None:
    """Draw the card into a file, in its own size whatever other figures are saved with."""
    with rc_context({"savefig.bbox": None, "savefig.dpi": "figure"}):
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
