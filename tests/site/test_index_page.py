"""The first page's figure, operated as a reader does, against the library's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from companion.index import LARGEST, START, holding, run

PAGE = "book/index.html"


def opened(site: str, browser: Any, hash: str = "", **options: Any) -> Any:
    page = browser.new_context(**{"reduced_motion": "reduce", **options}).new_page()
    page.goto(site + PAGE + hash)
    page.wait_for_selector(".landing-status:not(:empty)", state="attached")
    return page


@pytest.fixture
def page(site: str, browser: Any) -> Iterator[Any]:
    page = opened(site, browser, viewport={"width": 1280, "height": 900})
    yield page
    page.context.close()


def settled(page: Any) -> None:
    page.wait_for_function(
        """() => document.querySelector(".landing-picture").getAttribute("aria-label")
          .startsWith(document.querySelector("#landing-load").value + " small")"""
    )


def state_of(page: Any) -> dict[str, Any]:
    """What the controls say."""
    return {
        "load": int(page.input_value("#landing-load")),
        "k": int(page.locator(".landing-k :checked").get_attribute("value")),
        "told": page.is_checked(".landing-told input"),
    }


def check(page: Any, active: list[int], angles: list[int]) -> dict[str, Any]:
    """What the page says of misfiring and the answer, against the library; returns the state."""
    settled(page)
    state = state_of(page)
    k = state["k"]
    active = [t if t < state["load"] else 0 for t in active[:k]]
    wanted = run(holding(state["load"]), np.array([active]), np.array([angles[:k]]), state["told"])
    said = page.inner_text(".landing-status")
    shares = re.search(r"in layers 1 to 5: (.*?)\. Result", said)
    assert shares
    for text, share in zip(shares[1].split(", "), wanted.misfiring[:, 0], strict=True):
        assert float(text.strip("< %")) / 100 == pytest.approx(share, abs=0.0052)
    distance = wanted.distance[-1, 0]
    if distance < 1e-5:
        assert "exact, equal up to rounding" in said
    else:
        found = re.search(r"Result .*: [\w ]+, off by (?:< )?([\d.]+)( %)?", said)
        assert found
        unit = 100 if found[2] else 1
        assert float(found[1]) / unit == pytest.approx(distance, rel=0.06, abs=0.001)
    assert page.inner_text(".landing-say").split(".")[0] in said
    return state


def test_the_button_tells_the_story(page: Any) -> None:
    """Few inside, more, too many, told, two at once, and from the start again."""
    own = START["active"], START["angles"]
    wanted = [(40, 1, False), (150, 1, False), (400, 1, False), (400, 1, True), (400, 2, True)]
    for load, k, told in [*wanted, wanted[0]]:
        assert check(page, *own) == {"load": load, "k": k, "told": told}
        page.click(".landing-next")


def test_all_controls_work_by_keyboard_and_are_kept_in_the_address(page: Any) -> None:
    own = START["active"], START["angles"]
    page.focus("#landing-load")
    for key, load in (("End", LARGEST), ("ArrowLeft", LARGEST - 1), ("Home", 1)):
        page.keyboard.press(key)
        assert check(page, *own)["load"] == load
    page.keyboard.press("End")
    page.focus(".landing-k :checked")
    page.keyboard.press("ArrowRight")
    assert check(page, *own)["k"] == 2
    page.focus(".landing-told input")
    page.keyboard.press("Space")
    assert check(page, *own)["told"]
    assert page.url.endswith("#T=400&k=2&told=1&a=18.28.35&x=30.125.95")
    page.reload()
    page.wait_for_selector(".landing-status:not(:empty)", state="attached")
    assert check(page, *own) == {"load": 400, "k": 2, "told": True}


def test_another_input_is_another_and_is_in_the_address(page: Any) -> None:
    page.focus(".landing-again")
    page.keyboard.press("Enter")
    found = re.search(r"a=([\d.]+)&x=([\d.]+)$", page.url)
    assert found
    active, angles = ([int(n) for n in part.split(".")] for part in found.groups())
    assert (active, angles) != (START["active"], START["angles"])
    check(page, active, angles)


def test_a_shared_address_is_shown_and_followed(site: str, browser: Any) -> None:
    page = opened(site, browser, "#T=300&k=3&told=0&a=5.99.200&x=0.90.200")
    own = [5, 99, 200], [0, 90, 200]
    assert check(page, *own) == {"load": 300, "k": 3, "told": False}
    page.evaluate("location.hash = '#T=20&k=1&told=1&a=7.8.9&x=10.20.30'")
    page.wait_for_function("document.querySelector('#landing-load').value === '20'")
    assert check(page, [7], [10]) == {"load": 20, "k": 1, "told": True}
    page.evaluate("location.hash = '#run-it'")
    assert state_of(page)["load"] == 20
    page.context.close()


def test_it_moves_and_arrives_where_motion_is_welcome(site: str, browser: Any) -> None:
    page = opened(site, browser, "#T=40", reduced_motion="no-preference")
    settled(page)
    page.click(".landing-next")
    first = page.inner_text(".landing-say b >> nth=0")
    page.wait_for_function("document.querySelector('.landing-say b').textContent === '150'")
    assert int(first) < 150
    check(page, START["active"], START["angles"])
    page.context.close()


def test_it_works_by_touch_with_the_slider_near_the_picture(site: str, browser: Any) -> None:
    page = opened(site, browser, viewport={"width": 360, "height": 780}, has_touch=True)
    own = START["active"], START["angles"]
    slider = page.locator("#landing-load")
    slider.scroll_into_view_if_needed()
    box, picture = slider.bounding_box(), page.locator(".landing-picture").bounding_box()
    assert 0 <= picture["y"] - box["y"] - box["height"] < 30
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 150 < check(page, *own)["load"] < 250
    page.locator(".landing-told").tap()
    assert check(page, *own)["told"]
    page.locator(".landing-k label").nth(2).tap()
    assert check(page, *own)["k"] == 3
    for name in (".landing-next", ".landing-again", ".landing-told", ".landing-k label >> nth=0"):
        assert page.locator(name).bounding_box()["height"] >= 24
    page.context.close()


def test_the_themes_own_switch_changes_the_picture(page: Any) -> None:
    heading = """() => { const c = document.querySelector(".landing-picture");
      const d = c.getContext("2d").getImageData(0, 0, 150, 18).data;
      const solid = [...d.keys()].filter((i) => i % 4 === 0 && d[i + 3] > 200);
      return solid.reduce((sum, i) => sum + d[i], 0) / solid.length; }"""
    settled(page)
    light = page.evaluate(heading)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(200)
    assert light < 60
    assert page.evaluate(heading) > 200


def test_with_scripts_off_and_in_print_there_is_a_still_picture(site: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(site + PAGE)
    assert tab.locator(".landing-still svg:visible").count() == 3
    assert tab.locator("#landing:visible").count() == 0
    context.close()
    page = opened(site, browser)
    assert page.locator(".landing-still:visible").count() == 0
    page.emulate_media(media="print")
    assert page.locator(".landing-still svg:visible").count() == 3
    assert page.locator("#landing:visible").count() == 0
    page.context.close()


def test_without_the_file_the_still_picture_comes_back(site: str, browser: Any) -> None:
    page = browser.new_page()
    page.route("**/landing.safetensors", lambda route: route.abort())
    page.goto(site + PAGE)
    page.wait_for_selector(".landing-still svg")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_state(site: str, browser: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(site, browser, color_scheme=scheme)
    for _ in range(5):
        found = axe.run(page, context="#landing").response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        page.click(".landing-next")
        settled(page)
    page.context.close()
