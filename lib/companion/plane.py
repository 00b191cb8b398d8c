"""A figure computes in the page where circuits meet on the slots of a plane.

`book/tools/plane_start.py` prints what the figure begins with as JavaScript, and tests compare
both.
"""

from __future__ import annotations

import numpy as np

from superposition._check import Integers, active_sets, positive_int
from superposition.maps import GATES
from superposition.packings import plane_lines

# points of the largest plane are as near to each other as fingers on a phone allow
ORDERS = (3, 5, 7, 11)
# two circuits (x, y) that meet; neurons are counted for circuits of that width
START = {"q": 7, "r": 2, "width": 4, "circuits": [[1, 2], [4, 1]]}


def common_slots(q: int, r: int, one: int, other: int) -> Integers:
    """Return the slots of two codes that two circuits have in common, at most one: (eq-one-slope).

    Slots are numbered slope·q + line. `one` and `other` are numbers of points, x·q + y. Raises
    ValueError for circuits that are the same or no points, for a q that is not prime, and for 2r >
    q + 1.
    """
    slots = plane_lines(q, 2 * positive_int("r", r))
    active_sets([[one, other]], len(slots), {})
    return slots[one][slots[one] == slots[other]]


def joining(q: int, r: int, one: int, other: int) -> Integers:
    """Return the circuits that join two circuits, in order.

    A joining circuit has a slot of the one in one code, and a slot of the other in the other code.
    It therefore reads what the one has written, and writes where the other is read. Raises
    ValueError as `common_slots` does.
    """
    slots = plane_lines(q, 2 * positive_int("r", r))
    active_sets([[one, other]], len(slots), {})
    shares = [(slots == slots[t]).reshape(-1, 2, r).any(axis=2) for t in (one, other)]
    crossed = (shares[0] & shares[1][:, ::-1]).any(axis=1)
    crossed[[one, other]] = False
    return np.flatnonzero(crossed)


def counts(q: int, r: int, width: int) -> dict[str, int]:
    """Count the circuits, the slots of a code, the circuits on a slot, and the neurons of a layer.

    `neurons` is for a gated layer with states of that width, and `private` for as many circuits
    with private neurons. Raises ValueError for a q that is not prime, for 2r > q + 1 slopes, and
    for a width below 1.
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
