"""Two networks that run in a page, operated as a reader does, against the library's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from companion.watch import LOADS, START, watched

PAGE = "book/watch.html"


@pytest.fixture
def page(site: str, browser: Any) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.goto(site + PAGE)
    opened.wait_for_selector("#watch-load")
    yield opened
    context.close()


def state_of(page: Any) -> tuple[int, list[int], list[int]]:
    """Load, circuits and angles, as the controls say them."""
    load = int(page.inner_text('output[for="watch-load"]'))
    rows = range(page.locator(".watch-row").count())
    active = [int(page.input_value(f"#watch-circuit-{n}")) for n in rows]
    angles = [int(page.inner_text(f'output[for="watch-angle-{n}"]').rstrip("°")) for n in rows]
    return load, active, angles


def said(page: Any, network: str, value: str) -> list[float]:
    cells = page.locator(f'tr[data-network="{network}"] [data-value="{value}"]')
    return [float(text) for text in cells.all_inner_texts()]


def check(page: Any) -> None:
    """What the page says, against the library run on what its controls say."""
    load, active, angles = state_of(page)
    both = watched(load)
    found = both.run(active, angles)
    for name in ("sequel", "gated"):
        off = np.sqrt(np.mean(np.sum((found[name] - found["true"]) ** 2, axis=-1), axis=-1))
        assert said(page, name, "error") == pytest.approx(off[1:], abs=2e-3)
    others = both.count_false_indicators(active, angles)
    assert said(page, "sequel", "others") == others[1:].tolist()
    reading = page.inner_text("#live-watch .explore-reading")
    assert f"{load} circuits stored, {len(active)} active" in reading
    assert ("are read as on" in reading) == (others[-1] > 0)


def test_it_starts_where_the_static_figure_is(page: Any) -> None:
    assert state_of(page) == (START["load"], START["active"], START["angles"])
    check(page)


def test_load_and_number_active_move_by_keyboard(page: Any) -> None:
    page.locator("#watch-load").focus()
    for key, load in (("Home", LOADS[0]), ("ArrowRight", LOADS[1]), ("End", LOADS[-1])):
        page.keyboard.press(key)
        assert state_of(page)[0] == load
        check(page)
    page.locator("#watch-active").focus()
    for key, count in (("End", 6), ("ArrowLeft", 5), ("Home", 1)):
        page.keyboard.press(key)
        assert len(state_of(page)[1]) == count
        check(page)


def test_circuits_are_chosen_by_number_and_stay_distinct(page: Any) -> None:
    page.locator("#watch-active").press("ArrowRight")
    first = state_of(page)[1][0]
    for typed, wanted in (("250", 250), ("9999", START["load"] - 1), (str(first), first + 1)):
        page.fill("#watch-circuit-1", typed)
        page.locator("#watch-circuit-1").press("Tab")
        assert state_of(page)[1] == [first, wanted]
        check(page)


def test_a_smaller_load_has_only_circuits_that_are_stored(page: Any) -> None:
    page.fill("#watch-circuit-0", "399")
    page.locator("#watch-circuit-0").press("Tab")
    page.locator("#watch-load").press("Home")
    assert state_of(page)[1] == [LOADS[0] - 1]
    check(page)


def test_inputs_turn_and_others_are_drawn_by_mouse(page: Any) -> None:
    box = page.locator("#watch-angle-0").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    assert 240 < state_of(page)[2][0] < 300
    check(page)
    before = state_of(page)
    page.click("#watch-others")
    assert state_of(page)[1:] != before[1:]
    check(page)


def test_it_works_by_touch_on_a_phone(site: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(site + PAGE)
    slider = page.locator("#watch-active")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.touchscreen.tap(box["x"] + 0.98 * box["width"], box["y"] + box["height"] / 2)
    assert len(state_of(page)[1]) == 6
    check(page)
    context.close()
