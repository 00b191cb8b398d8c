"""Drawings in a browser: they follow the page's colours, and fit where they stand."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bs4 import BeautifulSoup

from companion.figures import drawing
from tests.site.test_pages import HTML, PAGES, Visit

DRAWN = {
    "construction": "#fig-strip",
    "gated": "#fig-codes",
    "chains": "#fig-chains",
    "rotations": "#fig-seized",
}
STEPS = ["introduction", "embedding", "reading", "neurons", "writing_back", "read_in", "read_out"]
WHOLE = ["over_layers", "how_many", "generalising"]
CUT_OFF = """(drawing) => {
  const box = document.querySelector(drawing).getBoundingClientRect();
  return [...document.querySelectorAll(drawing + " text")].filter((each) => {
    const own = each.getBoundingClientRect();
    return own.width && (own.left < box.left - 1 || own.right > box.right + 1
      || own.top < box.top - 1 || own.bottom > box.bottom + 1);
  }).map((each) => each.textContent);
}"""


@pytest.mark.parametrize(("page", "figure"), DRAWN.items(), ids=DRAWN)
@pytest.mark.parametrize("width", [375, 1280])
def test_a_drawing_follows_the_themes_switch_and_shows_one_layout(
    page: str, figure: str, width: int, site: str, browser: Any
) -> None:
    with Visit(browser, f"{site}book/{page}.html", width) as visit:
        for theme, colours in (("dark", drawing.DARK), ("light", drawing.LIGHT)):
            visit.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            stroke = f"getComputedStyle(document.querySelector('{figure} .pic'))"
            value = visit.page.evaluate(f"{stroke}.getPropertyValue('--k1')")
            assert value.strip() == colours["k1"]
        shown = f"[...document.querySelectorAll('{figure} .pic > svg')]"
        shown += ".filter(e => getComputedStyle(e).display != 'none').length"
        assert visit.page.evaluate(shown) == 1
        assert visit.page.evaluate(CUT_OFF, f"{figure} .pic") == []


@pytest.mark.parametrize("page", STEPS + WHOLE)
def test_chapters_on_the_post_open_with_their_step(page: str, site: str) -> None:
    soup = BeautifulSoup((HTML / f"book/{page}.html").read_text(), "html.parser")
    (nav,) = soup.select("article h1 ~ nav.steps")
    assert len(nav.select("li.lit")) == (1 if page in STEPS else 5)
    assert len(nav.select("[aria-current=step]")) == (page in STEPS)


def test_names_are_unique_in_each_page(site: str) -> None:
    for page in PAGES:
        names = re.findall(r'<[^>]* id="([^"]*)"', (HTML / page).read_text())
        drawn = [name for name in names if name.startswith(page.split(".")[0].replace("/", "-"))]
        assert len(drawn) == len(set(drawn)), page
