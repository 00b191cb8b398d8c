"""The still picture of the first page: large networks, layer by layer, and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from superposition._check import Floats
from superposition.chain_maps import Booleans

_STEP, _PITCH, _GAP = 5, 6, 3  # of neurons: across, down, and between blocks
_PANEL = 114  # from layer to layer
_INK, _CELL, _OWN = "var(--ink,#1f262c)", "var(--cell,#7b8691)", "var(--k1,#0072b2)"
_KEY = (
    "From left to right: the neurons of one large network, layer by layer, and its answer. Blue: "
    "used by the small network that runs. Black: fires wrongly. Broad arrow: true. Thin: computed."
)
_PAPER, _LINE = "var(--bg,#fff)", "var(--line,#dde2e6)"


@dataclass(frozen=True, eq=False)
class Still:
    """One large network with one active circuit.

    words: the sentences above it.
    fires: how strongly neurons fire, (L, blocks, slots, neurons of a slot).
    own: whether the active circuit uses them, of the same shape.
    true, read: the circuit's last arrow (2,), by itself and as the large network has it.
    """

    words: str
    fires: Floats
    own: Booleans
    true: Floats
    read: Floats


def stills(rows: Sequence[Still]) -> Any:
    """Return large networks below each other as HTML with SVG, for display; it carries no table.

    Each has its layers from left to right, then the arrows. A first sentence says what is what.
    """
    from IPython.display import HTML

    parts = [f"<p>{row.words}</p>{_svg(row, number)}" for number, row in enumerate(rows)]
    return HTML(f'<div class="landing-still"><p>{_KEY}</p>{"".join(parts)}</div>')  # type: ignore[no-untyped-call]


def draw_layers(axes: Axes, still: Still, colours: tuple[str, str, str, str]) -> None:
    """Draw a large network's layers: silent neurons, misfiring ones, in use and silent, firing."""
    for layer in range(len(still.fires)):
        fires, own = still.fires[layer] > 0, still.own[layer]
        kinds = (~fires & ~own, fires & ~own, ~fires & own, fires & own)
        for which, colour in zip(kinds, colours, strict=True):
            boxes = [Rectangle((x + _PANEL * layer, y), 4, 5) for x, y in _corners(which)]
            axes.add_collection(PatchCollection(boxes, color=colour, linewidth=0))
    axes.set(xlim=(0, _PANEL * len(still.fires)), ylim=(_PITCH * still.fires.shape[2], 0))
    axes.set_aspect("equal", anchor="NW")
    axes.set_axis_off()


def _corners(which: Booleans) -> list[tuple[int, int]]:
    """Return where these neurons (blocks, slots, neurons of a slot) are drawn: left and top."""
    block, slot, neuron = np.nonzero(which)
    left = block * (which.shape[2] * _STEP + _GAP) + neuron * _STEP
    return list(zip(left.tolist(), (_PITCH * slot).tolist(), strict=True))


def _path(which: Booleans, style: str) -> str:
    return f'<path d="{"".join(f"M{x} {y}h4v5h-4z" for x, y in _corners(which))}" style="{style}"/>'


def _svg(row: Still, number: int) -> str:
    n_layers, blocks, slots, m = row.fires.shape
    across, high = blocks * (m * _STEP + _GAP) - _GAP, slots * _PITCH
    silent = f"landing-silent-{number}"
    parts = [
        f'<pattern id="{silent}" width="{m * _STEP + _GAP}" height="{_PITCH}" '
        f'patternUnits="userSpaceOnUse">'
        f"{_path(np.ones((1, 1, m), bool), f'fill:{_CELL};opacity:.25')}</pattern>"
    ]
    for layer in range(n_layers):
        fires, own = row.fires[layer] > 0, row.own[layer]
        drawn = (
            f'<rect width="{across}" height="{high}" fill="url(#{silent})"/>',
            _path(fires & ~own, f"fill:{_INK}"),
            _path(own, f"fill:{_PAPER};stroke:{_OWN}"),
            _path(fires & own, f"fill:{_OWN}"),
        )
        parts.append(f'<g transform="translate({_PANEL * layer} 2)">{"".join(drawn)}</g>')
    dial = f'<g transform="translate({_PANEL * n_layers + 64} {high / 2 + 2:g})">{_dial(row)}</g>'
    size = f"-2 0 {_PANEL * n_layers + 124} {high + 4}"
    label = row.words.replace("<b>", "").replace("</b>", "")
    return f'<svg viewBox="{size}" role="img" aria-label="{label}">{"".join(parts)}{dial}</svg>'


def _dial(row: Still) -> str:
    """Return a circle with two arrows: the true one broad and pale, the computed one thin."""
    true, read = (40 * arrow * np.array([1, -1]) + 0 for arrow in (row.true, row.read))
    long = np.linalg.norm(read)
    read = read * min(1, 56 / long)
    tip = [read, *(read - 9 * turn @ read / np.linalg.norm(read) for turn in _BARBS)]
    corners = "L".join(f"{x:.1f} {y:.1f}" for x, y in tip)
    return (
        f'<circle r="56" style="fill:none;stroke:{_LINE}"/>'
        f'<path d="M0 0L{true[0]:.1f} {true[1]:.1f}" '
        f'style="stroke:{_OWN};stroke-width:11;stroke-linecap:round;opacity:.32"/>'
        f'<path d="M0 0L{0.9 * read[0]:.1f} {0.9 * read[1]:.1f}" '
        f'style="stroke:{_OWN};stroke-width:2.5"/>'
        f'<path d="M{corners}z" style="fill:{_OWN}"/>'
    )


_BARBS = [np.array([[1, -side], [side, 1]]) for side in (0.55, -0.55)]
