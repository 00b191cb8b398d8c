"""Where circuits meet on a plane: Python by hand and by brute force, JavaScript as Python."""

import json
from itertools import combinations

import numpy as np
import pytest

import plane_start
from companion.plane import ORDERS, START, common_slots, counts, joining
from superposition.maps import TwoCodes, draw_codes
from superposition.packings import plane_lines
from tests.javascript import evaluated as javascript

SIZES = [(q, r) for q in ORDERS for r in range(1, (q + 1) // 2 + 1)]


def points(q):
    return np.stack(np.divmod(np.arange(q * q), q), axis=1).tolist()


def test_the_module_is_what_is_printed():
    """After a change: python book/tools/plane_start.py."""
    assert plane_start.FILE.read_text(encoding="utf-8") == plane_start.module()


def test_common_slots_by_hand():
    """(1, 2) and (4, 1): 3 s = -1 = 6 modulo 7, so s = 2, in the second code of two slopes."""
    assert common_slots(7, 2, 9, 29).tolist() == [2 * 7 + (2 - 2 * 1) % 7]
    assert common_slots(7, 1, 9, 29).tolist() == []


@pytest.mark.parametrize(("q", "r"), SIZES)
def test_two_points_share_one_line_at_most(q, r):
    found = [len(common_slots(q, r, t, u)) for t, u in combinations(range(q * q), 2)]
    assert max(found) == 1
    assert (min(found) == 1) == (2 * r == q + 1)


def test_joining_is_what_meets_in_both_codes():
    """Against sets of slots, for all pairs of a small plane; and always two at r = 1."""
    for q, r in [(3, 1), (5, 1), (5, 2), (5, 3)]:
        codes = [[set(row) for row in half] for half in np.split(plane_lines(q, 2 * r), 2, axis=1)]
        for t, u in combinations(range(q * q), 2):
            wanted = [
                v
                for v in range(q * q)
                if v not in (t, u)
                and any(codes[c][v] & codes[c][t] and codes[1 - c][v] & codes[1 - c][u]
                        for c in (0, 1))
            ]  # fmt: skip
            assert joining(q, r, t, u).tolist() == wanted
            if r == 1:
                assert len(wanted) == (0 if len(common_slots(q, r, t, u)) else 2)


def test_counts_are_those_of_two_codes(rng):
    for q, r in SIZES:
        found, codes = counts(q, r, 4), draw_codes(q, r, q * q, rng)
        assert isinstance(codes, TwoCodes)
        assert found["slots"] == codes.n_slots
        assert found["neurons"] == codes.size(4)
        for slots in codes.sets:
            loads = np.bincount(slots.ravel(), minlength=codes.n_slots)
            assert set(loads) == {found["on_a_slot"]}
            assert len(slots) == found["circuits"]
        assert found["private"] == 4 * found["circuits"]


@pytest.mark.parametrize("what", [common_slots, joining])
def test_circuits_that_are_none_are_refused(what):
    with pytest.raises(ValueError, match=r"^active: wanted distinct"):
        what(5, 1, 3, 3)
    with pytest.raises(ValueError, match=r"^active: wanted entries from 0 to 24"):
        what(5, 1, 3, 25)
    with pytest.raises(ValueError, match=r"^q: wanted a prime"):
        what(6, 1, 3, 4)
    with pytest.raises(ValueError, match=r"^n_slopes: wanted at most 6"):
        what(5, 4, 3, 4)


def test_sizes_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"^q: wanted a prime"):
        counts(9, 1, 4)
    with pytest.raises(ValueError, match=r"^n_slopes: wanted at most 4"):
        counts(3, 3, 4)
    with pytest.raises(ValueError, match=r"^width: wanted at least 1"):
        counts(3, 1, 0)


def test_javascript_has_the_same_slots(tmp_path):
    """All circuits of each plane on offer, with all slopes."""
    found = javascript(
        tmp_path,
        "plane_code.js",
        f"{[*ORDERS]}.map((q) => code.circuitsOf(q).map((at) => code.slotsOf(q, q + 1, at)))",
    )
    for q, table in zip(ORDERS, found, strict=True):
        np.testing.assert_array_equal(table, plane_lines(q, q + 1))


def test_javascript_has_the_same_counts_and_largest_r(tmp_path):
    each = "([q, r]) => [code.counts(q, r, 4), code.largestR(q)]"
    answers = javascript(tmp_path, "plane_code.js", f"{json.dumps(SIZES)}.map({each})")
    for (q, r), (found, most) in zip(SIZES, answers, strict=True):
        assert found == counts(q, r, 4)
        assert most == max(s for p, s in SIZES if p == q)


def test_javascript_finds_where_two_meet_and_what_joins_them(tmp_path, rng):
    cases = []
    for q, r in SIZES:
        cases += [(q, r, *rng.choice(q * q, 2, replace=False).tolist()) for _ in range(20)]
    expression = f"""{json.dumps(cases)}.map(([q, r, t, u]) => {{
      const [one, other] = [code.circuitsOf(q)[t], code.circuitsOf(q)[u]];
      return [code.commonSlots(q, r, one, other), code.slopeOf(q, one, other).slope,
        code.joining(q, r, one, other).map(([x, y]) => x * q + y)];
    }})"""
    found = javascript(tmp_path, "plane_code.js", expression)
    for (q, r, t, u), (common, slope, joined) in zip(cases, found, strict=True):
        assert common == common_slots(q, r, t, u).tolist()
        assert joined == joining(q, r, t, u).tolist()
        every = plane_lines(q, q + 1)
        assert slope == int(np.flatnonzero(every[t] == every[u])[0])


def test_drawn_lines_go_through_their_points_and_no_other(tmp_path):
    """Pieces of a line, wrapped at the edges, at whole x (or y, if upright): its q circuits."""
    for q in ORDERS:
        expression = (
            f"Array.from({{ length: {q + 1} }}, (_, s) => Array.from({{ length: {q} }}, "
            f"(_, line) => code.pieces({q}, s, line)))"
        )
        lines = plane_lines(q, q + 1) % q
        for slope, of_slope in enumerate(javascript(tmp_path, "plane_code.js", expression)):
            for line, drawn in enumerate(of_slope):
                on = {tuple(at) for at in np.array(points(q))[lines[:, slope] == line].tolist()}
                assert passed(q, drawn) == on


def passed(q, drawn):
    """The points on straight pieces."""
    found = set()
    for x, y in points(q):
        for x1, y1, x2, y2 in drawn:
            inside = min(x1, x2) - 1e-9 <= x <= max(x1, x2) + 1e-9
            inside &= min(y1, y2) - 1e-9 <= y <= max(y1, y2) + 1e-9
            if inside and abs((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) < 1e-6:
                found.add((x, y))
    return found


def test_words_say_what_was_found(tmp_path):
    q, r = START["q"], START["r"]
    cases = [[], [[1, 2]], START["circuits"], [*START["circuits"], [3, 1]], [[0, 0], [0, 1]]]
    found = javascript(
        tmp_path, "plane_words.js", f"{json.dumps(cases)}.map((at) => code.reading({q}, {r}, at))"
    )
    assert found == [
        "Pick a circuit: any point of the plane.",
        "Circuit 1 has 4 slots of 28, one of each slope. Pick another circuit.",
        "Circuits 1 and 2 meet on one slot: line 0 of slope 2, code B. 4 other circuits join them "
        "(×).",
        "Circuits 1 and 2 meet on one slot: line 0 of slope 2, code B. Circuits 1 and 3 meet on "
        "one slot: line 6 of slope 3, code B. Circuits 2 and 3 meet on one slot: line 1 of slope "
        "0, code A. Circuit 3 joins 1 and 2: it meets them in different codes. Circuit 2 joins 1 "
        "and 3: it meets them in different codes.",
        f"Circuits 1 and 2 meet on no slot. {len(joining(q, r, 0, 1))} other circuits join them "
        "(×).",
    ]


def test_picks_are_let_go_and_the_third_moves(tmp_path):
    expression = "[[[0, 0], [1, 1], [2, 2]], [[0, 0]]].map((at) => [code.picked(at, [1, 1]), "
    expression += "code.picked(at, [0, 2])])"
    assert javascript(tmp_path, "plane_words.js", expression) == [
        [[[0, 0], [2, 2]], [[0, 0], [1, 1], [0, 2]]],
        [[[0, 0], [1, 1]], [[0, 0], [0, 2]]],
    ]


def test_picks_off_a_smaller_plane_come_back(tmp_path):
    """Picked at q = 7; at 3 one is left, where others are picked or let go."""
    made = "[[1, 2], [4, 1]]"
    more = f"code.pickedOn({made}, 3, [0, 0])"
    assert javascript(tmp_path, "plane_words.js", f"code.onPlane({made}, 3)") == [[1, 2]]
    assert javascript(tmp_path, "plane_words.js", more) == [[1, 2], [0, 0], [4, 1]]
    last = f"[[1, 2], [1, 1]].map((at) => code.pickedOn({more}, 3, at))"
    assert javascript(tmp_path, "plane_words.js", last) == [
        [[0, 0], [4, 1]],
        [[1, 2], [0, 0], [1, 1]],
    ]


def test_the_address_says_what_is_shown_and_nothing_else(tmp_path):
    states = [START, {"q": 11, "r": 6, "circuits": [[10, 10], [0, 3]]}, {**START, "circuits": []}]
    both = f"{json.dumps(states)}.map((each) => code.planeIn(code.wordsOf(each)))"
    wanted = [{name: each[name] for name in ("q", "r", "circuits")} for each in states]
    assert javascript(tmp_path, "plane_words.js", both) == wanted
    words = [
        {},
        {"order": "6", "r": "x", "circuits": "a"},
        {"order": "3", "r": "9", "circuits": "1.2-1.2-20.0-2.2"},
    ]
    found = javascript(tmp_path, "plane_words.js", f"{json.dumps(words)}.map(code.planeIn)")
    assert found == [wanted[0], wanted[0], {"q": 3, "r": 2, "circuits": [[1, 2], [2, 2]]}]
