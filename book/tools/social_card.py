"""Sphinx extension: the card that is shown where someone shares a link to the book.

A network for 25 small ones, with the real codes of gated superposition: each small network is its
connections in one colour, and the one that is active is bright. `python book/tools/social_card.py
card.png` draws it by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from sphinx.application import Sphinx

from superposition.codes.two import TwoCodes, draw_codes
from superposition.plotting import COLOURS

CARD = "_static/social_card.png"
WIDTH, HEIGHT = 1200, 630
NIGHT, CHALK, DIM, BRIGHT = "#0f1722", "#fcfbf8", "#9aa7b8", "#ffb829"
LAYERS, ACTIVE = 4, 7
TITLE = "Circuits in\nSuperposition"
LINE = "One neural network does the work\nof hundreds of small ones."
BELOW = "The executable companion: derived, run, measured"


def connections(two: TwoCodes, circuit: int) -> np.ndarray:
    """A circuit's connections from slot to slot, layer by layer: (lines, 2 ends, x and y)."""
    return np.array(
        [
            [(layer, start), (layer + 1, end)]
            for layer in range(LAYERS - 1)
            for start in two.sets[layer % 2][circuit]
            for end in two.sets[(layer + 1) % 2][circuit]
        ],
        dtype=float,
    )


def draw() -> Figure:
    """The card."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=NIGHT)
    FigureCanvasAgg(figure)
    two = draw_codes(5, 3, 25, np.random.default_rng(1))
    axes = figure.add_axes((0.5, 0.06, 0.47, 0.88))
    axes.set_axis_off()
    for circuit in range(25):
        colour = COLOURS[circuit % len(COLOURS)]
        lines = connections(two, circuit)
        axes.add_collection(LineCollection(list(lines), colors=colour, alpha=0.42, linewidths=1.3))
    bright = list(connections(two, ACTIVE))
    for width, alpha in ((12, 0.08), (7, 0.16), (2.6, 1.0)):  # a line and its glow
        axes.add_collection(
            LineCollection(bright, colors=BRIGHT, alpha=alpha, linewidths=width, zorder=3)
        )
    for layer in range(LAYERS):
        slots = np.arange(two.n_slots)
        on = np.isin(slots, two.sets[layer % 2][ACTIVE])
        for which, colour, size in ((~on, DIM, 34), (on, BRIGHT, 150)):
            axes.scatter(np.full(which.sum(), layer), slots[which], size, colour, zorder=4)
    axes.set(xlim=(-0.15, LAYERS - 0.85), ylim=(-0.7, two.n_slots - 0.3))
    figure.text(0.055, 0.84, TITLE, size=43, weight="bold", color=CHALK, va="top")
    figure.text(0.057, 0.52, LINE, size=20, color=CHALK, va="top", linespacing=1.4)
    figure.text(0.057, 0.09, BELOW, size=14.5, color=DIM, va="bottom")
    return figure


def add_card(app: Sphinx, error: Exception | None) -> None:
    """Put the card among the files of a finished site."""
    if not error and app.builder.format == "html":
        draw().savefig(Path(app.outdir) / CARD)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("build-finished", add_card)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    draw().savefig(sys.argv[1])
