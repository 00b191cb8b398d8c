"""The plane of circuits, operated as a reader does, against Python's numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from companion.plane import ORDERS, START, common_slots, counts, joining
from superposition.packings import plane_lines

PAGE = "book/plane.html"
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def opened(site: str, browser: Any, **options: Any) -> Any:
    page = browser.new_context(**options).new_page()
    page.goto(site + PAGE)
    page.wait_for_selector("[data-circuit]")
    return page


@pytest.fixture
def page(site: str, browser: Any) -> Iterator[Any]:
    page = opened(site, browser, viewport={"width": 1280, "height": 900})
    yield page
    page.context.close()


@pytest.fixture
def phone(site: str, browser: Any) -> Iterator[Any]:
    page = opened(site, browser, viewport={"width": 375, "height": 800}, has_touch=True)
    yield page
    page.context.close()


def at(page: Any, x: int, y: int) -> Any:
    return page.locator(f'[data-circuit="{x},{y}"]')


def picks(page: Any) -> list[tuple[int, int]]:
    """The picked circuits, in the order of their numbers, as a screen reader hears them."""
    labels = page.locator('[role="gridcell"][aria-selected="true"]').evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label'))"
    )
    found = {}
    for label in labels:
        x, y, number = map(int, re.match(r"x (\d+), y (\d+): circuit (\d)", label).groups())
        found[number] = (x, y)
    assert sorted(found) == [*range(1, len(found) + 1)]
    return [found[number] for number in sorted(found)]


def check(page: Any) -> list[tuple[int, int]]:
    """The picks, after a comparison of slots, crosses, words and counts with Python's."""
    q, r = (int(page.inner_text(f'output[for="plane-{name}"]')) for name in ("q", "r"))
    circuits = picks(page)
    own = plane_lines(q, 2 * r)[[q * x + y for x, y in circuits]]
    slots = page.locator("[data-slot]").evaluate_all(
        "all => all.map(e => [Number(e.dataset.slot), e.classList.contains('plane-shared'),"
        " ...[...e.querySelectorAll('svg')].map(s => s.getAttribute('aria-label'))])"
    )
    assert len(slots) == 2 * r * q
    for slot, shared, *names in slots:
        on = [i + 1 for i, row in enumerate(own) if slot in row]
        assert names == [f"circuit {i}" for i in on]
        assert shared == (len(on) > 1)
    for name, number in counts(q, r, START["width"]).items():
        assert page.inner_text(f'[data-count="{name}"]') == str(number)
    check_pairs(page, q, r, circuits)
    return circuits


def check_pairs(page: Any, q: int, r: int, circuits: list[tuple[int, int]]) -> None:
    """What is said of each two, and what joins the first two."""
    said = page.inner_text(".explore-reading")
    numbers = [q * x + y for x, y in circuits]
    pairs = [(i, j) for j in range(len(circuits)) for i in range(j)]
    for i, j in pairs:
        common = common_slots(q, r, numbers[i], numbers[j])
        where = "no slot"
        if common.size:
            slope, line = divmod(int(common[0]), q)
            name = f"slope {slope}" if slope < q else "vertical"
            where = f"one slot: line {line} of {name}, code {'AB'[slope // r]}"
        assert f"Circuits {i + 1} and {j + 1} meet on {where}." in said
    assert page.locator(".plane-reasons tbody tr").count() == len(pairs)
    crosses = page.locator('[aria-label*="joins 1 and 2"]').evaluate_all(
        "all => all.map(e => e.dataset.circuit.split(',').map(Number))"
    )
    wanted = joining(q, r, *numbers[:2]) if pairs else np.empty(0, int)
    assert sorted(q * x + y for x, y in crosses) == wanted.tolist()
    if len(circuits) == 2:
        assert f"{len(wanted) or 'No'} other circuit" in said


def test_it_starts_where_the_static_figure_is(page: Any) -> None:
    assert page.inner_text('output[for="plane-q"]') == str(START["q"])
    assert page.inner_text('output[for="plane-r"]') == str(START["r"])
    assert [list(circuit) for circuit in check(page)] == START["circuits"]
    assert page.inner_text(".plane-reasons tbody").split("\t") == [
        "1 and 2", "3·s = 6", "s = 2", "B",
    ]  # fmt: skip


def test_circuits_are_picked_by_mouse(page: Any) -> None:
    at(page, 3, 1).click()
    assert check(page) == [(1, 2), (4, 1), (3, 1)]
    assert "Circuit 3 joins 1 and 2" in page.inner_text(".explore-reading")
    at(page, 6, 6).click()
    assert check(page) == [(1, 2), (4, 1), (6, 6)]
    at(page, 1, 2).click()
    assert check(page) == [(4, 1), (6, 6)]
    page.click(".plane-clear")
    assert check(page) == []
    at(page, 5, 5).click()
    at(page, 5, 0).click()
    assert check(page) == [(5, 5), (5, 0)]
    assert "no s, vertical" in page.inner_text(".plane-reasons")


def test_circuits_are_picked_by_keys(page: Any) -> None:
    page.locator(".plane-clear").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    page.keyboard.press("Tab")
    focused = "document.activeElement.dataset.circuit"
    assert page.evaluate(focused) == "1,2"
    for key in ("ArrowRight", "ArrowUp", "Enter", "ArrowLeft", "ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    assert check(page) == [(2, 3), (1, 1)]
    for key in ("End", "ArrowRight", "Home", "ArrowLeft", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate(focused) == "0,0"
    page.keyboard.press("Enter")
    assert check(page) == [(2, 3), (1, 1), (0, 0)]
    # one stop for all circuits; seen where it is
    assert page.locator('[role="gridcell"][tabindex="0"]').count() == 1
    stroke = "getComputedStyle(document.activeElement.querySelector('rect')).stroke"
    assert page.evaluate(stroke) not in ("none", "rgba(0, 0, 0, 0)")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("code A")


def test_every_order_and_redundancy_by_keys(page: Any) -> None:
    page.focus("#plane-q")
    page.keyboard.press("Home")
    for q in ORDERS:
        assert page.get_attribute("#plane-q", "aria-valuetext") == str(q)
        page.focus("#plane-r")
        page.keyboard.press("Home")
        if len(picks(page)) < 2:
            at(page, q - 1, 0).click()
        assert len(picks(page)) >= 2
        for r in range(1, (q + 1) // 2 + 1):
            assert page.get_attribute("#plane-r", "aria-valuetext") == str(r)
            check(page)
            page.focus("#plane-r")
            page.keyboard.press("ArrowRight")
        assert "on no slot" not in page.inner_text(".explore-reading")  # all slopes are in use
        page.focus("#plane-q")
        page.keyboard.press("ArrowRight")


def test_picks_come_back_with_a_larger_plane(page: Any) -> None:
    page.focus("#plane-q")
    page.keyboard.press("Home")
    assert check(page) == [(1, 2)]
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert page.get_attribute("#plane-q", "aria-valuetext") == "7"
    assert check(page) == [(1, 2), (4, 1)]
    page.keyboard.press("Home")
    page.click(".plane-clear")
    page.focus("#plane-q")
    page.keyboard.press("End")
    assert check(page) == []


def test_lines_of_one_code_or_slope_are_shown_alone(page: Any) -> None:
    assert page.locator(".plane-line").count() == 8
    code = page.get_by_role("button", name="code B")
    border = "e => [getComputedStyle(e).borderTopStyle, getComputedStyle(e).borderTopWidth]"
    assert code.evaluate(border) == ["solid", "1px"]
    crosses = page.locator(".plane-cross").count()
    code.click()
    assert page.locator(".plane-line").count() == 4
    assert page.locator(".plane-cross").count() == crosses == 4
    assert code.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="slope 2").press("Enter")
    assert page.locator(".plane-line").count() == 2
    assert page.locator(".plane-common").count() == 2
    assert code.get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="slope 2").press("Enter")
    assert page.locator(".plane-line").count() == 8
    check(page)


def test_circuits_are_picked_by_touch_and_large_enough_for_it(phone: Any) -> None:
    phone.focus("#plane-q")
    phone.keyboard.press("End")
    box = at(phone, 10, 9).bounding_box()
    assert min(box["width"], box["height"]) >= 24
    at(phone, 10, 9).tap()
    assert check(phone) == [(1, 2), (4, 1), (10, 9)]
    phone.get_by_role("button", name="slope 1").tap()
    phone.focus("#plane-r")
    phone.keyboard.press("End")
    check(phone)
    assert phone.evaluate(OVER) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_state(site: str, browser: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(site, browser, color_scheme=scheme)
    for act in (lambda: at(page, 6, 6).click(), lambda: page.click(".plane-clear")):
        act()
        page.get_by_role("button", name="slope 2").click()
        found = axe.run(page, context="#live-plane").response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    page.context.close()
