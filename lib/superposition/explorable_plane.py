"""Where circuits meet on the slots of a plane, for a figure that computes in the page.

`book/tools/plane_start.py` prints what the figure begins with as JavaScript; tests compare both.
"""

from __future__ import annotations

import numpy as np

from superposition._check import Integers, active_sets, positive_int
from superposition.codes.packings import plane_lines
from superposition.codes.two import GATES

# points of the largest plane are as near to each other as fingers on a phone allow
ORDERS = (3, 5, 7, 11)
# two circuits (x, y) that meet; neurons are counted for circuits of that width
START = {"q": 7, "r": 2, "width": 4, "circuits": [[1, 2], [4, 1]]}


def common_slots(q: int, r: int, one: int, other: int) -> Integers:
    """The slots of two codes that two circuits have in common: none or one: (eq-one-slope).

    Slots are numbered slope·q + line. one, other: numbers of points, x·q + y.
    Raises ValueError for circuits that are one or no point, a q that is not prime, or 2r > q + 1.
    """
    slots = plane_lines(q, 2 * positive_int("r", r))
    active_sets([[one, other]], len(slots), {})
    return slots[one][slots[one] == slots[other]]


def joining(q: int, r: int, one: int, other: int) -> Integers:
    """Circuits with a slot of the one in one code and of the other in the other, in order.

    They read what the one has written and write where the other is read. Raises ValueError as
    `common_slots` does.
    """
    slots = plane_lines(q, 2 * positive_int("r", r))
    active_sets([[one, other]], len(slots), {})
    shares = [(slots == slots[t]).reshape(-1, 2, r).any(axis=2) for t in (one, other)]
    crossed = (shares[0] & shares[1][:, ::-1]).any(axis=1)
    crossed[[one, other]] = False
    return np.flatnonzero(crossed)


def counts(q: int, r: int, width: int) -> dict[str, int]:
    """How many circuits there are, slots of a code, circuits on a slot, and neurons of a layer.

    neurons: of a gated layer for states of that width. private: of as many circuits side by side.
    Raises ValueError for a q that is not prime, 2r > q + 1 slopes, or a width below 1.
    """
    width = positive_int("width", width)
    n_circuits, n_slopes = plane_lines(q, 2 * positive_int("r", r)).shape
    n_slots = n_slopes // 2 * q
    return {
        "circuits": n_circuits,
        "slots": n_slots,
        "on_a_slot": n_circuits * r // n_slots,
        "neurons": (width + GATES) * n_slots,
        "private": width * n_circuits,
    }
