"""Figures that compute in the page, operated as a reader does, against Python's numbers."""

from __future__ import annotations

from math import log10
from typing import Any

import pytest

from companion.explore import START, capacities, measured, rows
from superposition import ResidualConstruction

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


def number(text: str) -> float:
    return float(text.replace("\u202f", ""))


def sizes_of(page: Any) -> dict[str, float | None]:
    """As the sliders say them."""
    said = {name: page.inner_text(f'output[for="explore-{name}"]') for name in SIZES}
    default = said["r"].startswith("ln M = ")
    if default:
        carriers = ResidualConstruction(1, int(number(said["M"]))).n_carriers
        assert said["r"] == f"ln M = {carriers}"
    share = int(number(said.pop("tolerance").removesuffix("% of doing nothing"))) / 100
    found = {name: None if name == "r" and default else int(number(n)) for name, n in said.items()}
    return {**found, "tolerance": share}


def check(page: Any) -> dict[str, float | None]:
    """What the page says, after a comparison with what Python makes of the sliders' values."""
    found = capacities(sizes_of(page))
    for row, wanted in found.items():
        said = page.inner_text(f'[data-value="{row}"]')
        if wanted:
            assert number(said) == int(wanted)
        else:
            assert said == (rows()[row].only if wanted is None else "none")
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
    step = (sizes_of(page)[name] or 0) - (after[name] or 0)
    if name in ("d", "m", "k", "r"):
        assert step == 1
    else:
        assert 0 < step <= (0.0101 if name == "tolerance" else max(0.02 * (after[name] or 0), 1))
    assert {n: v for n, v in after.items() if n != name} == {
        n: v for n, v in before.items() if n != name
    }


def test_it_moves_by_mouse_and_says_what_it_finds(page: Any) -> None:
    box = page.locator("#explore-k").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 40 < (sizes_of(page)["k"] or 0) < 60
    found = check(page)
    assert found["gated"] is None
    assert found["one"] == 0
    assert "No circuit" in page.inner_text(".explore-reading")


def test_bars_end_where_the_axis_says(page: Any) -> None:
    """On a log scale, whose powers of ten are named."""
    lefts = "all => all.map(e => [e.textContent, e.getBoundingClientRect()])"
    ticks = page.locator(".explore-ticks > span").evaluate_all(lefts)
    at = {words.replace("\u202f", ""): box["x"] + box["width"] / 2 for words, box in ticks}
    decade = (at["1000"] - at["1"]) / 3
    assert [*at] == ["1", "10", "100", "1000", "104", "105"]
    ends = "all => all.map(e => e.getBoundingClientRect().right)"
    shown = page.locator(".explore-bar:not([hidden])").evaluate_all(ends)
    numbers = [n for n in capacities(START).values() if n is not None]
    assert [(end - at["1"]) / decade for end in shown] == pytest.approx(
        [log10(n) for n in numbers], abs=0.02
    )


def test_measured_points_are_shown_where_they_were_measured(page: Any) -> None:
    table = measured().set_index(["D", "layers"])["mean"]
    for width in (256, 128, 1024):
        page.click(f'[data-measured-at="{width}"]')
        assert sizes_of(page) == {**START, "D": width, "M": 2 * width}
        check(page)
        for name, row in rows().items():
            said = page.locator(f'[data-measured="{name}"]')
            if (width, row.layers) in table.index:
                wanted = table[width, row.layers]
                assert number(said.inner_text().removeprefix("measured ")) == round(wanted)
            else:
                assert said.count() == 0
    shown = ".explore-track .explore-point:not([hidden])"
    middles = (
        "all => all.map(e => { const b = e.getBoundingClientRect(); return b.x + b.width / 2; })"
    )
    ends = "all => all.map(e => e.getBoundingClientRect().right)"
    bars = page.locator(".explore-bar").evaluate_all(ends)[1:4]
    assert page.locator(shown).evaluate_all(middles) == pytest.approx(bars, abs=8)
    page.locator("#explore-k").press("ArrowRight")
    assert page.locator(shown).count() == 0
    assert page.locator('[data-measured-at][aria-pressed="true"]').count() == 0


def test_it_moves_by_touch(site: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(site + PAGE)
    slider = page.locator("#explore-d")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.touchscreen.tap(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    assert (sizes_of(page)["d"] or 0) > 40
    check(page)
    context.close()
