"""One network and the small ones in it, each as its connections in one colour."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from companion.figures.style import COLOURS
from superposition._check import Floats
from superposition.maps import TwoCodes

NIGHT, CHALK, DIM, BRIGHT = "#0f1722", "#fcfbf8", "#9aa7b8", "#ffb829"


def woven(two: TwoCodes, active: int, n_layers: int) -> Figure:
    """Draw all circuits of two codes that take turns, from left to right; one of them is bright.

    The figure carries no table.
    """
    figure, axes = plt.subplots(figsize=(8.0, 3.4), facecolor=NIGHT)
    weave(axes, two, active, n_layers)
    axes.text(-0.08, two.n_slots, "layer 0", color=DIM, fontsize=9)
    axes.text(n_layers - 1, two.n_slots, f"{n_layers - 1}", color=DIM, fontsize=9, ha="center")
    return figure


def weave(axes: Axes, two: TwoCodes, active: int, n_layers: int) -> None:
    """Draw the same on given axes, which are to be on a dark ground."""
    axes.set_axis_off()
    for circuit in range(len(two.sets[0])):
        lines = list(connections(two, circuit, n_layers))
        colour = COLOURS[circuit % len(COLOURS)]
        axes.add_collection(LineCollection(lines, colors=colour, alpha=0.42, linewidths=1.3))
    bright = list(connections(two, active, n_layers))
    for width, alpha in ((12, 0.08), (7, 0.16), (2.6, 1.0)):  # a line and its glow
        glow = LineCollection(bright, colors=BRIGHT, alpha=alpha, linewidths=width, zorder=3)
        axes.add_collection(glow)
    for layer in range(n_layers):
        slots = np.arange(two.n_slots)
        on = np.isin(slots, two.sets[layer % 2][active])
        for which, colour, size in ((~on, DIM, 34), (on, BRIGHT, 150)):
            axes.scatter(np.full(which.sum(), layer), slots[which], size, colour, zorder=4)
    axes.set(xlim=(-0.15, n_layers - 0.85), ylim=(-0.7, two.n_slots - 0.3))


def connections(two: TwoCodes, circuit: int, n_layers: int) -> Floats:
    """Return a circuit's connections from slot to slot by layer: (lines, 2 ends, x and y)."""
    return np.array(
        [
            [(layer, start), (layer + 1, end)]
            for layer in range(n_layers - 1)
            for start in two.sets[layer % 2][circuit]
            for end in two.sets[(layer + 1) % 2][circuit]
        ],
        dtype=float,
    )
