"""Figures that compute in a page: in their chapters and on pages of their own, alike."""

from __future__ import annotations

from typing import Any

import pytest

from tests.site.test_pages import PHONE, serious

HEIGHT = 900  # of a laptop's window
# a figure's page, its chapter, its place, the still picture of its first state, another state
FIGURES = {
    "how many": ("explore", "how_many", "#live-how-many", "fig-how-many", "?D=512&M=1024"),
    "watch": ("watch", "over_layers", "#live-watch", "fig-watch", "?T=60&circuits=3-9&angles=0-90"),
    "plane": ("plane", "gated", "#live-plane", "fig-two-points", "?order=5&r=1&circuits=0.0-3.4"),
}


class Visit:
    """A page with a live figure, once that is there."""

    def __init__(self, browser: Any, address: str, place: str, width: int = 1280, **more: Any):
        self.context = browser.new_context(viewport={"width": width, "height": HEIGHT}, **more)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_load_state("networkidle")
        self.figure = self.page.locator(place)
        self.figure.locator("input").first.wait_for()

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def words(self) -> str:
        """What the figure says, and how its sliders stand."""
        values = "all => all.map(e => e.getAttribute('aria-valuetext') ?? e.value)"
        return self.figure.inner_text() + str(self.figure.locator("input").evaluate_all(values))

    def address_is(self, end: str) -> bool:
        """Whether the address ends so, after the pause that it takes."""
        script = "(end) => decodeURIComponent(location.pathname + location.search).endsWith(end)"
        return bool(self.page.wait_for_function(script, arg=end, timeout=5000).json_value())


@pytest.fixture(params=FIGURES)
def figure(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return FIGURES[request.param]


def test_a_chapter_shows_the_figure_in_place_of_its_picture(
    figure: tuple[str, ...], site: str, browser: Any
) -> None:
    """Above the picture's caption; on paper the picture is back."""
    own, chapter, place, still, _ = figure
    with (
        Visit(browser, f"{site}book/{chapter}.html", place) as here,
        Visit(browser, f"{site}book/{own}.html", place) as there,
    ):
        assert here.words() == there.words()
        picture = here.page.locator(f"#{still} img.figure-light.figure-wide")
        assert here.page.locator(f"#{still} {place}").count() == 1
        assert here.page.locator(f"#{still} img:visible").count() == 0
        here.page.emulate_media(media="print")
        assert picture.is_visible()
        assert not here.figure.is_visible()


def test_with_scripts_off_the_chapter_has_the_picture_and_the_page_says_so(
    figure: tuple[str, ...], site: str, browser: Any
) -> None:
    own, chapter, place, still, _ = figure
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{site}book/{chapter}.html")
    assert tab.locator(f"#{still} img:visible").count() == 1
    assert not tab.locator(place).is_visible()
    tab.goto(f"{site}book/{own}.html")
    assert "This figure needs scripts" in tab.inner_text(place)
    assert tab.locator(f'a[href="{chapter}.html#{still}"]').count() >= 1
    context.close()


def test_an_address_brings_its_state_back_and_reset_the_first(
    figure: tuple[str, ...], site: str, browser: Any
) -> None:
    own, _, place, _, state = figure
    with Visit(browser, f"{site}book/{own}.html", place) as first:
        start = first.words()
    with Visit(browser, f"{site}book/{own}.html{state}", place) as other:
        given = other.words()
        assert given != start
        slider = other.figure.locator("input[type=range]").first
        slider.press("ArrowRight")
        moved = other.words()
        assert moved != given
        slider.press("ArrowLeft")
        assert other.words() == given
        assert other.address_is(state)
        other.figure.get_by_role("button", name="Reset").click()
        assert other.words() == start
        assert other.address_is(f"/{own}.html")
        assert other.errors == []


def test_the_result_is_in_view_with_the_controls(
    figure: tuple[str, ...], site: str, browser: Any
) -> None:
    own, _, place, _, _ = figure
    with Visit(browser, f"{site}book/{own}.html", place) as visit:
        box = visit.figure.bounding_box()
        head = visit.page.locator(".bd-header-article").bounding_box()
        assert box["height"] <= HEIGHT - head["height"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chapter_with_the_figure_can_be_read_by_all(
    figure: tuple[str, ...], scheme: str, site: str, browser: Any
) -> None:
    _, chapter, place, _, _ = figure
    with Visit(browser, f"{site}book/{chapter}.html", place, color_scheme=scheme) as visit:
        assert serious(visit) == []


def test_a_phone_shows_all_of_it(figure: tuple[str, ...], site: str, browser: Any) -> None:
    """Nothing in it is wider than the figure."""
    _, chapter, place, _, _ = figure
    with Visit(browser, f"{site}book/{chapter}.html", place, PHONE, has_touch=True) as visit:
        out = """e => [...e.querySelectorAll('*')].filter(x =>
          x.getBoundingClientRect().right > e.getBoundingClientRect().right + 1)
          .map(x => x.outerHTML.slice(0, 80))"""
        assert visit.figure.evaluate(out) == []
