"""Circuits as points and slots as lines: two codes with gates, and chains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.figures.drawing import (
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
    heading,
    key,
    lines,
    num,
    path,
    place,
    ring,
    segments,
    text,
    use,
)
from superposition.chain_maps import ChainCodes
from superposition.packings import plane_lines

Point = tuple[float, float]
Pieces = Callable[[int, tuple[int, int], float], list[list[list[Point]]]]
_BEFORE = 1.18  # how far slots are before the first points, in steps


@dataclass(frozen=True)
class Grid:
    """Places of circuits (x, y), y upwards, of slots to their left, and of slots above them.

    n: circuits along a side.
    step: pixels from one to the next.
    """

    n: int
    step: float

    @property
    def size(self) -> float:
        """The width and height of points and slots together."""
        return (self.n - 1 + _BEFORE) * self.step + 1.5 * self.slot

    @property
    def slot(self) -> float:
        """The width of a slot."""
        return 0.55 * self.step

    def at(self, x: float, y: float) -> Point:
        """Return where a circuit is, in pixels."""
        first = _BEFORE * self.step + self.slot / 2
        return first + self.step * x, first + self.step * (self.n - 1 - y)

    def slot_at(self, side: str, number: int) -> Point:
        """Return the middle of a slot."""
        edge = (-_BEFORE, number) if side == "left" else (number, self.n - 1 + _BEFORE)
        return self.at(*edge)

    def way(self, pieces: Sequence[Sequence[Point]]) -> str:
        """Return the way along lines between points of the plane."""
        return segments([[self.at(*point) for point in piece] for piece in pieces])


def diagonal_slots(prime: int, point: tuple[int, int]) -> dict[str, int]:
    """Return the places of a circuit's slots of slopes 1 (left) and −1 (above).

    A line of slope 1 has its slot where it is one step before x = 0, one of slope −1 where it is
    one step above the plane.
    """
    rise, fall = plane_lines(prime, prime)[prime * point[0] + point[1], [1, prime - 1]] % prime
    return {"left": int((rise - 1) % prime), "top": int(fall)}


def straight_slots(prime: int, point: tuple[int, int]) -> dict[str, int]:
    """Return the places of a circuit's slots of slopes 0 (left) and of vertical lines (above)."""
    row, column = plane_lines(prime, prime + 1)[prime * point[0] + point[1], [0, prime]] % prime
    return {"left": int(row), "top": int(column)}


def two_codes(prime: int, active: tuple[int, int], idle: tuple[int, int]) -> Drawing:
    """Draw an active and an idle circuit on the plane over `prime`, in two codes of two slopes.

    Code A has slopes 0 and vertical, code B 1 and −1. The circuits (x, y) are to share a slot of
    code A, and neither is to be on a diagonal through a corner. The drawing carries a row for each
    slot of both codes: columns code, side, place, open (whether its gate is), of_active and
    of_idle (whether the circuits have it).
    """
    slots = {"A": straight_slots, "B": diagonal_slots}
    table = pd.concat(
        [_slots(name, prime, of(prime, active), of(prime, idle)) for name, of in slots.items()]
    ).reset_index(drop=True)
    parts = {
        name: _code(Grid(prime, 44), rows, {"A": _straight, "B": _diagonals}[name], active, idle)
        for name, rows in table.groupby("code")
    }
    shapes = Layout(None, (760, 366), _side_by_side()), Layout(560, (360, 900), _one_below())
    title = "Two codes, in which two circuits share no slot or one"
    return Drawing("codes", title, shapes, parts, table)


def _slots(code: str, n: int, active: dict[str, int], idle: dict[str, int]) -> pd.DataFrame:
    rows = [
        {
            "code": code,
            "side": side,
            "place": number,
            "open": active[side] == number,
            "of_active": active[side] == number,
            "of_idle": idle[side] == number,
        }
        for side in ("left", "top")
        for number in range(n)
    ]
    return pd.DataFrame(rows)


def _straight(n: int, point: tuple[int, int], reach: float) -> list[list[list[Point]]]:
    x, y = point
    return [[[(-reach, y), (n - 0.6, y)]], [[(x, -0.4), (x, n - 1 + reach)]]]


def _diagonals(n: int, point: tuple[int, int], reach: float) -> list[list[list[Point]]]:
    """Return the pieces of both diagonals through a point, which begin `reach` before the plane."""
    x, y = point
    rise, fall = (y - x) % n, (x + y) % n  # where they meet x = 0, and the lowest or highest row
    up: list[list[Point]] = [
        [(-reach, rise - reach), (n - 0.6 - rise, n - 0.6)],
        [(n - rise - 0.4, -0.4), (n - 0.6, rise - 0.6)],
    ]
    down: list[list[Point]] = [
        [(fall + 1 - reach, n - 1 + reach), (n - 0.6, fall + 0.6)],
        [(-0.4, fall + 0.4), (fall + 0.4, -0.4)],
    ]
    return [up, down]


def _code(
    grid: Grid, table: pd.DataFrame, pieces: Pieces, active: tuple[int, int], idle: tuple[int, int]
) -> str:
    """Return a plane with its slots: lines of two circuits, open slots and closed gates."""
    met = table["of_active"] & table["of_idle"]
    leaks = met.any()
    found = ""
    for side, line in zip(("left", "top"), pieces(grid.n, idle, 0.66), strict=True):
        heard = met[table["side"] == side].any()
        wire = (2.5, "0.1 6") if heard or not leaks else (1.5, "")
        found += place(0, 4.5 if heard else 0, path(grid.way(line), colour(1), *wire))
    found += "".join(path(grid.way(line), colour(0), 3) for line in pieces(grid.n, active, 0.9))
    for x, y in np.ndindex(grid.n, grid.n):
        found += circle(*grid.at(x, y), 3.5, LINE, PAPER, 1.5)
    for row in table.itertuples():
        tints = [colour(0)] if row.open else []
        stops = row.of_idle and not leaks
        found += _slot(grid, str(row.side), int(row.place), tints, stops=bool(stops))
    for row in table[met].itertuples():
        x, y = grid.slot_at(str(row.side), int(row.place))
        found += box((x - 17, y - 17), (34, 34), "none", INK, 1.5, 9)
        found += text(x, y - 26, "shared", "t", "middle")
    return (
        found
        + circle(*grid.at(*active), 9, colour(0))
        + circle(*grid.at(*idle), 8, PAPER, colour(1), 2.5)
    )


def _slot(grid: Grid, side: str, number: int, tints: Sequence[str], stops: bool = False) -> str:
    """Return a slot: in the colours of what it holds, else hollow behind the bar of its gate.

    The bar is in ink where it stops a signal.
    """
    (x, y), half = grid.slot_at(side, number), grid.slot / 2
    fill, edge = (tints[0], tints[0]) if tints else (PAPER, SHARED)
    found = box((x - half, y - half), (2 * half, 2 * half), fill, edge, 2, 5)
    if len(tints) > 1:
        return _two_halves(x, y, half + 1, *tints[:2])
    if tints:
        return found
    ahead, along = half + 8, half + 1
    way = f"M{num(x + ahead)} {num(y - along)}v{num(2 * along)}"
    if side == "top":
        way = f"M{num(x - along)} {num(y + ahead)}h{num(2 * along)}"
    return found + path(way, INK if stops else LINE, 3.5 if stops else 2.5)


def _two_halves(x: float, y: float, half: float, left: str, right: str) -> str:
    """Return a slot that holds two signals."""
    flat, high, top = num(half - 5), num(2 * half - 10), num(y - half)
    corners = f"h{flat}a5 5 0 0 1 5 5v{high}a5 5 0 0 1 -5 5h-{flat}z"
    whole = box((x - half, y - half), (2 * half, 2 * half), left, "none", 0, 5)
    return whole + f'<path d="M{num(x)} {top}{corners}" fill="{right}"/>'


_TITLES = {
    "A": ("Code A", "rows and columns", ("They share one slot here:", "blue leaks to orange.")),
    "B": (
        "Code B",
        "diagonals, wrapped",
        ("They share no slot here:", "closed gates stop the leak."),
    ),
}


def _panel(name: str, x: float, y: float) -> str:
    title, words, below = _TITLES[name]
    found = heading(x + 40, y + 20, title, words) + use("codes", name, x, y + 42)
    return found + lines(x + 40, y + 336, below)


def _side_by_side() -> str:
    found = _panel("A", 12, 0) + _panel("B", 492, 0) + text(384, 116, "one layer", "h", "middle")
    found += arrow((306, 142), (462, 142), colour(0), 3, 11) + text(
        384, 163, "signal", "s", "middle"
    )
    found += arrow((306, 192), (462, 192), colour(1), 2.5, 11, "0.1 6")
    found += text(384, 213, "leak", "s", "middle")
    return found + key(_code_key(), [(330, 252 + 30 * n) for n in range(4)])


def _one_below() -> str:
    found = _panel("A", 40, 0) + _panel("B", 40, 460) + text(44, 418, "one layer", "h")
    found += arrow((154, 384), (154, 448), colour(0), 3, 11) + text(168, 418, "signal", "s")
    found += arrow((242, 384), (242, 448), colour(1), 2.5, 11, "0.1 6") + text(
        256, 418, "leak", "s"
    )
    return found + key(_code_key(), [((52, 212)[n % 2], 846 + 32 * (n // 2)) for n in range(4)])


def _code_key() -> list[tuple[str, str]]:
    square = box((-8, -8), (16, 16), colour(0), colour(0), 2, 4)
    hollow = box((-11, -8), (16, 16), PAPER, SHARED, 2, 4) + path("M11 -8v16", LINE, 2.5)
    return [
        (circle(0, 0, 8, colour(0)), "active circuit"),
        (circle(0, 0, 7, PAPER, colour(1), 2.5), "idle circuit"),
        (square, "open slot"),
        (hollow, "closed gate"),
    ]


def three_chains(codes: ChainCodes, active: Sequence[int], buckets: ChainCodes) -> Drawing:
    """Draw three active circuits in each chain, and where they disturb each other.

    The last panel has the first chain of other codes, in buckets, with the same number of active
    circuits: the first of each of its first buckets. The drawing carries a row for each active
    circuit and panel: columns panel, circuit, even_slot, odd_slot and disturbed.
    """
    first = np.unique(np.asarray(buckets.buckets)[:, 0], return_index=True)[1]
    panels: dict[str, tuple[ChainCodes, int, Sequence[int]]] = {
        f"Chain {j + 1}": (codes, j, active) for j in range(codes.n_chains)
    }
    panels["Buckets"] = buckets, 0, [int(circuit) for circuit in first[: len(active)]]
    table = pd.concat([_members(title, *given) for title, given in panels.items()])
    grids = [Grid(given[0].n_slots, 238 / given[0].n_slots) for given in panels.values()]
    parts = {
        str(n): _chain(grid, *given)
        for n, (grid, given) in enumerate(zip(grids, panels.values(), strict=True))
    }
    words = {title: _in_words(table[table["panel"] == title]) for title in panels}
    wide, narrow = _chain_panels(words, 2, 320), _chain_panels(words, 1, 0)
    shapes = Layout(None, (640, 724), wide), Layout(520, (360, 1420), narrow)
    title = "Three active circuits in three chains, and in buckets"
    return Drawing("chains", title, shapes, parts, table.reset_index(drop=True))


def _members(title: str, codes: ChainCodes, chain: int, active: Sequence[int]) -> pd.DataFrame:
    who = np.asarray(active)
    return pd.DataFrame(
        {
            "panel": title,
            "circuit": who,
            "even_slot": codes.even[who, chain],
            "odd_slot": codes.odd[who, chain],
            "disturbed": codes.disturbed(who[None])[0, :, chain],
        }
    )


def _chain(grid: Grid, codes: ChainCodes, chain: int, active: Sequence[int]) -> str:
    """Return a chain: even slots above, odd slots to the left, circuits where they cross."""
    who = np.asarray(active)
    even, odd = codes.even[who, chain], codes.odd[who, chain]
    others = np.delete(np.stack([codes.even, codes.odd])[:, :, chain], who, axis=1).T
    found, leaks = _rectangles(grid, codes, chain, active)
    for t, (a, b) in enumerate(zip(even, odd, strict=True)):
        way = grid.way([[(-0.8, b), (a, b), (a, grid.n - 0.2)]])
        found += path(way, colour(t), 3)
    for x, y in others:
        found += circle(*grid.at(x, y), 4, LINE, PAPER, 1.5)
    for corner in taken(codes, chain, active):
        found += ring(*grid.at(*corner), 8)
    for side, mine in (("left", odd), ("top", even)):
        for number in range(grid.n):
            held = [colour(int(t)) for t in np.flatnonzero(mine == number)]
            held += [colour(t) for t in leaks[side].get(number, [])]
            found += _slot(grid, side, number, held)
    return found + "".join(
        circle(*grid.at(a, b), 8, colour(t)) for t, (a, b) in enumerate(zip(even, odd, strict=True))
    )


def taken(codes: ChainCodes, chain: int, active: Sequence[int]) -> list[tuple[int, int]]:
    """Return the corners of active circuits' rectangles that are circuits, (even, odd) slots."""
    return [corner for corner, _ in _corners(codes, chain, active) if codes.joined[chain][corner]]


def _corners(
    codes: ChainCodes, chain: int, active: Sequence[int]
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return each corner, and which two of the active circuits have its even and its odd slot."""
    even, odd = (slots[np.asarray(active), chain].tolist() for slots in (codes.even, codes.odd))
    pairs = [(t, u) for t in range(len(even)) for u in range(len(even)) if t != u]
    return [((even[t], odd[u]), (t, u)) for t, u in pairs]


def _rectangles(
    grid: Grid, codes: ChainCodes, chain: int, active: Sequence[int]
) -> tuple[str, dict[str, dict[int, list[int]]]]:
    """Return signals that meet where a corner is a circuit, and what leaks onto which slots."""
    found, leaks = "", {"left": dict[int, list[int]](), "top": dict[int, list[int]]()}
    even, odd = codes.even[:, chain], codes.odd[:, chain]
    for (a, b), (t, u) in _corners(codes, chain, active):
        if codes.joined[chain][a, b]:
            down, across = (a, odd[active[t]]), (even[active[u]], b)
            found += path(grid.way([[down, (a, b)]]), colour(t), 2.5, "0.1 6")
            found += path(grid.way([[across, (a, b)]]), colour(u), 2.5, "0.1 6")
            leaks["top"].setdefault(a, []).append(u)
            leaks["left"].setdefault(b, []).append(t)
    return found, leaks


_NAMES = ("blue", "orange", "green")


def _in_words(rows: pd.DataFrame) -> str:
    """Return who can be read."""
    clear = [name for name, row in zip(_NAMES, rows.itertuples(), strict=True) if not row.disturbed]
    if len(clear) == len(rows):
        return "all can be read"
    return f"only {' and '.join(clear)} can be read" if clear else "none can be read"


def _chain_panels(words: Mapping[str, str], columns: int, pitch: float) -> str:
    found, tall = "", 336
    for n, (title, said) in enumerate(words.items()):
        x, y = 12 + pitch * (n % columns), tall * (n // columns)
        found += heading(x + 8, y + 20, title, said) + use("chains", str(n), x, y + 36)
    entries = [
        (circle(0, 0, 8, colour(0)), "active circuit"),
        (circle(0, 0, 4, LINE), "idle circuit"),
        (circle(0, 0, 4, LINE) + ring(0, 0, 8), "joins two active ones"),
        (_two_halves(0, 0, 8, colour(0), colour(1)), "slot of both"),
    ]
    bottom = tall * -(-len(words) // columns) + 24
    at = [(x, bottom) for x in (20, 165, 302, 490)]
    if columns == 1:
        at = [((20, 208)[n % 2], bottom + 30 * (n // 2)) for n in range(4)]
    return found + key(entries, at)
