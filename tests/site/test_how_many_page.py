"""Figures that compute in the page, operated as a reader does, against Python's numbers."""

from __future__ import annotations

from math import log
from typing import Any

import pytest

from companion.explore import START, capacities, rows

PAGE = "book/explore.html"
SIZES = [*START]


@pytest.fixture
def page(site: str, browser: Any) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.goto(site + PAGE)
    opened.wait_for_selector("#explore-D")
    yield opened
    context.close()


def sizes_of(page: Any) -> dict[str, float]:
    """As the sliders say them."""
    said = {name: page.inner_text(f'output[for="explore-{name}"]') for name in SIZES}
    return {n: float(v) if n == "nu" else int(v.replace(",", "")) for n, v in said.items()}


def check(page: Any) -> dict[str, float | None]:
    """What the page says, after a comparison with what Python makes of the sliders' values."""
    found = capacities(sizes_of(page))
    for row, wanted in found.items():
        said = page.inner_text(f'td[data-row="{row}"]').replace("\u202f", "")
        assert said == (rows()[row].only if wanted is None else str(int(wanted)))
    return found


def test_it_starts_where_the_static_figure_is(page: Any) -> None:
    assert sizes_of(page) == START
    assert check(page) == capacities(START)


@pytest.mark.parametrize("name", SIZES)
def test_each_slider_moves_by_keyboard(page: Any, name: str) -> None:
    before = sizes_of(page)
    slider = page.locator(f"#explore-{name}")
    slider.focus()
    for key in ("End", "Home", *["PageUp"] * 3, "ArrowRight", "ArrowLeft"):
        slider.press(key)
        check(page)
    after = sizes_of(page)
    assert after[name] != before[name]
    slider.press("ArrowRight")
    step = sizes_of(page)[name] - after[name]
    if name in ("d", "m", "k", "r"):
        assert step == 1
    else:
        assert 0 < step <= max(0.03 * after[name], 1 if name != "nu" else 0)
    assert {n: v for n, v in after.items() if n != name} == {
        n: v for n, v in before.items() if n != name
    }


def test_it_moves_by_mouse_and_says_what_it_finds(page: Any) -> None:
    box = page.locator("#explore-k").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 40 < sizes_of(page)["k"] < 60
    found = check(page)
    assert found["gated"] is None
    assert "superposition does not pay here" in page.inner_text(".explore-reading")


def test_bars_are_logarithmic_and_say_so(page: Any) -> None:
    assert "bars: logarithmic" in page.inner_text(".explore-bars caption")
    width = "all => all.map(e => e.getBoundingClientRect().width)"
    *shown, last = page.locator(".explore-bar").evaluate_all(width)
    numbers = [n for n in capacities(START).values() if n is not None]
    assert [w / shown[-1] for w in shown] == pytest.approx(
        [log(n) / log(numbers[-1]) for n in numbers], abs=0.01
    )
    assert last == 0


def test_it_moves_by_touch(site: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(site + PAGE)
    slider = page.locator("#explore-d")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.touchscreen.tap(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    assert sizes_of(page)["d"] > 40
    check(page)
    context.close()
