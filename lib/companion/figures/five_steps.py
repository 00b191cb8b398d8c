"""The idea in five steps, drawn from a real small superposition."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.construction import Pass
from companion.figures.drawing import (
    BAND,
    INK,
    LINE,
    PAPER,
    SHARED,
    Drawing,
    Layout,
    arrow,
    box,
    circle,
    colour,
    key,
    lines,
    neuron,
    num,
    path,
    place,
    ring,
    segments,
    symbol,
    symbol_after,
    text,
    use,
)
from superposition._check import Floats

SHOWN = 3  # circuits with a colour
STEPS = ("Small networks", "One stream", "Spread", "Compute", "Average")
_SYMBOLS = (), (), (), ("W", "in"), ("W", "out")
_WORDS = (
    ("Filled: active now.", "Hollow: idle."),
    ("Each gets directions,", "nearly at right angles."),
    ("{r} large neurons carry", "each small one."),
    ("One pass for all {n}.", "Grey on a bar: noise."),
    ("The mean of {r} carriers", "is written back."),
)
WIDTH, HEIGHT = 180, 216  # of one step
_ROW, _SMALL, _BAND, _THICK = 66, 134, 184, 28  # heights: neurons large and small, the stream
_LEFT, _RIGHT = 8, 172
_TAPS, _APART = (44, 90, 136), 17  # where circuits tap the stream, and how far neurons are apart
_STREAMS = (58, 126, 194)  # heights of the small networks
_TALLEST = 46  # of bars


def strip(given: Pass) -> Drawing:
    """Draw a pass through a small superposition in five steps.

    Three circuits have a colour, the others are grey. The drawing carries a row for each carrier
    of these three: columns circuit, active, small_neuron, fires, large_neuron, large_fires and
    mean_of_carriers.
    """
    shapes = (
        Layout(None, (960, 308), _wide(given)),
        Layout(860, (640, 660), _two_rows(given)),
        Layout(520, (360, 1180), _tall(given)),
    )
    parts = {f"{n}": svg for n, svg in enumerate(steps(given), start=1)}
    return Drawing("strip", "One idea in five steps", shapes, parts, _table(given))


def steps(given: Pass) -> tuple[str, ...]:
    """Return the five steps, each of the same width and height."""
    draw = _small_networks, _one_stream, _spread, _compute, _average
    return tuple(each(given) for each in draw)


def large_at(given: Pass, neuron: int) -> float:
    """Return where a large neuron stands in its row."""
    return float(_LEFT + (_RIGHT - _LEFT) * neuron / (len(given.large) - 1))


def small_at(given: Pass, circuit: int, neuron: int) -> float:
    """Return where a small neuron stands in its row."""
    n_neurons = given.small.shape[1]
    if circuit < SHOWN:
        return float(_TAPS[circuit] + _APART * (neuron - (n_neurons - 1) / 2))
    others = given.small.size - SHOWN * n_neurons
    number = (circuit - SHOWN) * n_neurons + neuron
    return float(_LEFT + (_RIGHT - _LEFT) * (number + 0.5) / others)


def wire(given: Pass, circuit: int, neuron: int, large: int, low: float) -> str:
    """Return the way from a small neuron, at height `low`, to one of its carriers."""
    x, end, high = small_at(given, circuit, neuron), large_at(given, large), _ROW + 5
    bend = (low - high) / 2
    return (
        f"M{num(x)} {num(low)}C{num(x)} {num(low - bend)} {num(end)} {num(high + bend)} "
        f"{num(end)} {num(high)}"
    )


def signals(given: Pass) -> Floats:
    """Return what each large neuron should do for each of the three circuits, (M, 3)."""
    found = np.zeros((len(given.large), SHOWN))
    for t in range(SHOWN):
        np.add.at(found[:, t], given.carriers[t], given.small[t, :, None])
    return found


def _fans(given: Pass, circuits: range, low: float, width: float, tint: str = "") -> str:
    """Return the wires of circuits, a path for each circuit."""
    return "".join(
        path(
            "".join(
                wire(given, t, i, large, low)
                for i, carriers in enumerate(given.carriers[t])
                for large in carriers
            ),
            tint or colour(t),
            width,
        )
        for t in circuits
    )


def _large_row(given: Pass) -> str:
    found = ""
    for j in range(len(given.large)):
        carried = [t for t in range(SHOWN) if j in given.carriers[t]]
        busy = [t for t in carried if t in given.active]
        big = j in given.meetings
        found += neuron(large_at(given, j), _ROW, busy or carried, given.active, 4.2 if big else 3)
    return found


def _small_row(given: Pass) -> str:
    return "".join(
        neuron(small_at(given, t, i), _SMALL, [t], given.active, 5)
        for t in range(SHOWN)
        for i in range(given.small.shape[1])
    )


def _split(given: Pass, t: int, upper: float, lower: float) -> str:
    """Return the ways between a circuit's tap of the stream and its neurons."""
    x, middle = _TAPS[t], (upper + lower) / 2
    return "".join(
        f"M{x} {num(lower)}C{x} {num(middle)} {num(end)} {num(middle)} {num(end)} {num(upper)}"
        for end in (small_at(given, t, i) for i in range(given.small.shape[1]))
    )


def _small_networks(given: Pass) -> str:
    found = ""
    for t, y in enumerate(_STREAMS):
        for up in (19, 42):
            way = f"M24 {y}C50 {y} 44 {y - up} 72 {y - up}H102C130 {y - up} 124 {y} 150 {y}"
            found += path(way, colour(t)) + neuron(87, y - up, [t], given.active, 6.5)
        found += path(f"M8 {y}H166", colour(t), 3)
    return found


def _one_stream(given: Pass) -> str:
    """Draw the first direction of each of three circuits, at the angles that they have."""
    first = given.superposition.codes.stream.directions[:SHOWN, 0]
    screen = np.array([[0.0, -1.0], [1.0, 0.0], [-0.62, 0.52]]) * 62
    found = path(f"M78 {_BAND}L26 152M102 {_BAND}L154 152", LINE, 1.25)
    found += box((14, 6), (152, 146), PAPER, LINE, 1.25, 10)
    found += box((78, _BAND), (24, _THICK), PAPER, LINE, 1.25, 3)
    x, y = 82.0, 90.0
    for right, down in 1.15 * screen:
        found += path(f"M{num(x)} {num(y)}l{num(right)} {num(down)}", LINE, 1.25, "1 4")
    for t, (right, down) in enumerate(near_axes(first) @ screen):
        found += arrow((x, y), (x + right, y + down), colour(t), 3, 10)
    return found + symbol(94, 44, "E", "t")


def near_axes(directions: Floats) -> Floats:
    """Turn directions (n, D) so that they are nearest to n axes: rows (n, n) of equal products."""
    values, vectors = np.linalg.eigh(directions @ directions.T)
    return vectors @ np.diag(np.sqrt(values)) @ vectors.T


def _spread(given: Pass) -> str:
    found = ""
    for t in range(SHOWN):
        found += path(_split(given, t, _SMALL + 5, _BAND + 10), colour(t))
        found += circle(_TAPS[t], _BAND + 12, 4, colour(t))
    found += _fans(given, range(SHOWN), _SMALL - 5, 1.5) + _large_row(given) + _small_row(given)
    for j in given.meetings:
        x = large_at(given, j)
        found += ring(x, _ROW, 6.8) + path(f"M{num(x)} {_ROW - 8}V{_ROW - 22}", INK, 1.5)
        found += text(min(max(x, 30), 150), _ROW - 29, "collision", "t", "middle")
    return found + symbol(4, 122, "V", "t") + symbol(4, 172, "E", "t")


def _compute(given: Pass) -> str:
    low, every = _BAND + 12, range(len(given.small))
    found = _fans(given, every[SHOWN:], low, 0.6, SHARED) + _fans(given, every[:SHOWN], low, 1.5)
    for t in range(SHOWN):
        taps = ((small_at(given, t, i), low) for i in range(given.small.shape[1]))
        found += "".join(circle(x, y, 3, colour(t)) for x, y in taps)
    return found + _large_row(given) + bars(given)


def scale(given: Pass) -> float:
    """Return how high a bar is for a neuron that fires 1."""
    return float(_TALLEST / max(given.large.max(), signals(given).sum(axis=1).max()))


def bars(given: Pass) -> str:
    """Draw what each large neuron does: its circuits' signals, and noise that adds or takes."""
    found, floor, unit = "", _ROW - 8, scale(given)
    for j, (fires, parts) in enumerate(zip(given.large, signals(given), strict=True)):
        x, done = large_at(given, j), 0.0
        for t in np.flatnonzero(parts):
            seen = min(float(parts[t]), max(float(fires) - done, 0.0))
            found += box((x - 2.5, floor - (done + seen) * unit), (5, seen * unit), colour(int(t)))
            done += seen
        top, wanted = floor - done * unit, floor - parts.sum() * unit
        if fires > done:
            found += path(f"M{num(x)} {num(top)}V{num(floor - fires * unit)}", LINE, 1.5)
        elif parts.sum() > done:
            found += path(f"M{num(x)} {num(top - 1)}V{num(wanted)}", LINE, 1.25, "1 3")
    return found


def _average(given: Pass) -> str:
    """Draw the means of carriers, beside a line at what the small neurons do by themselves."""
    found = f'<g opacity=".35">{bars(given)}</g>' + _fans(given, range(SHOWN), _SMALL - 5, 1.5)
    for t in range(SHOWN):
        on = t in given.active
        way = _split(given, t, _SMALL + 5, _BAND + 6)
        found += path(way, colour(t) if on else LINE, 2 if on else 1.25)
        if on:
            x = _TAPS[t]
            found += arrow((x, _BAND + 5), (x, _BAND + 16), colour(t), 2, 9)
    return found + means(given) + _large_row(given) + _small_row(given)


def means(given: Pass) -> str:
    """Draw the mean of each small neuron's carriers, and a line at what it does by itself."""
    found, floor = "", _BAND - 4
    unit = 34 / max(given.means[:SHOWN].max(), given.small.max())
    for t in range(SHOWN):
        tint = colour(t) if t in given.active else LINE
        for i, (mean, wanted) in enumerate(zip(given.means[t], given.small[t], strict=True)):
            x = _TAPS[t] + 1.7 * (small_at(given, t, i) - _TAPS[t])
            found += box((x - 2.5, floor - mean * unit), (5, mean * unit), tint)
            if wanted:
                found += path(f"M{num(x - 5)} {num(floor - wanted * unit)}h10", INK, 1.5)
    return found


def _words(given: Pass, step: int) -> tuple[str, ...]:
    sizes = {"r": given.carriers.shape[2], "n": len(given.small)}
    return tuple(row.format(**sizes) for row in _WORDS[step])


def _number(x: float, y: float, step: int) -> str:
    return circle(x, y, 11, INK) + text(x, y + 5, str(step + 1), "c", "middle")


def _title(x: float, y: float, step: int) -> str:
    """Return a step's name with the matrix that it is about."""
    after = _SYMBOLS[step] and symbol_after(*_SYMBOLS[step])
    return text(x, y, f"{STEPS[step]}{after or ''}", "h")


def _column(given: Pass, step: int, x: float, y: float) -> str:
    """Return a step below its name, and its words."""
    found = use("strip", str(step + 1), x, y + 40) + _number(x + 11, y + 14, step)
    found += _title(x + 30, y + 20, step)
    return found + lines(x + 4, y + 282, _words(given, step))


def _flow(x: float, end: float, y: float = 0) -> str:
    """Return a stretch of the shared stream, with a tip."""
    tip = segments([[(end - 9, _BAND - 6), (end, _BAND + 14), (end - 9, _BAND + _THICK + 6)]])
    stream = box((x, _BAND), (end - 8 - x, _THICK), BAND)
    return place(0, y, stream + f'<path d="{tip}Z" fill="{BAND}"/>')


def _joining(x: float, end: float, y: float) -> str:
    """Return how the small streams flow into the shared one, which begins at `end`."""
    found = ""
    for t, height in enumerate(_STREAMS):
        low = _BAND + 7 + 7 * t
        way = f"M{x} {height}H{end - 30}C{end - 8} {height} {end - 16} {low} {end + 10} {low}"
        found += path(way, colour(t), 3)
    return place(0, y, found)


def _wide(given: Pass) -> str:
    columns = "".join(_column(given, step, 4 + 194 * step, 0) for step in range(5))
    return _flow(198, 958, 40) + _joining(170, 198, 40) + columns


def _two_rows(given: Pass) -> str:
    pitch, below = 218, 340
    found = _flow(222, 638, 40) + _joining(174, 222, 40) + _flow(8, 424, 40 + below)
    for step in range(5):
        found += _column(given, step, 8 + pitch * (step % 3), below * (step // 3))
    return found + key(_key(), [(466, below + 66 + 32 * n) for n in range(6)])


def _tall(given: Pass) -> str:
    found, pitch = "", 240
    for step in range(5):
        y = pitch * step
        found += place(6, y, box((0, _BAND), (WIDTH, _THICK), BAND)) if step else ""
        found += use("strip", str(step + 1), 6, y) + _number(213, y + 62, step)
        found += _title(202, y + 98, step)
        found += lines(202, y + 122, _words(given, step))
    return found


def _key() -> list[tuple[str, str]]:
    return [
        (neuron(0, 0, [0], [0], 7), "active neuron"),
        (neuron(0, 0, [2], [0], 7), "idle neuron"),
        (neuron(0, 0, [], [], 7), "of other circuits"),
        (neuron(0, 0, [0, 1], [0, 1], 7), "collision"),
        (path("M0 8V-8", LINE, 1.5), "noise"),
        (path("M-5 0H5", INK, 1.5), "what it should be"),
    ]


def _table(given: Pass) -> pd.DataFrame:
    carriers = given.carriers[:SHOWN]
    circuit, small, _ = (part.ravel() for part in np.indices(carriers.shape))
    large = carriers.ravel()
    return pd.DataFrame(
        {
            "circuit": circuit,
            "active": np.isin(circuit, given.active),
            "small_neuron": small,
            "fires": given.small[circuit, small],
            "large_neuron": large,
            "large_fires": given.large[large],
            "mean_of_carriers": given.means[circuit, small],
        }
    )
