"""Every page in a real browser: nothing fails, nothing is asked of others, all can be read.

`make test-site` builds the book first. Elsewhere these are skipped, and say why.
"""

from __future__ import annotations

import gzip
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib.colors import to_rgb

from companion.figures.style import DARK, GRID, PAPER
from tests.colours import contrast

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build/html"
NAMES = re.findall(r"^\s*-?\s*(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text(), re.MULTILINE)
PAGES = [f"{name}.html" for name in NAMES]
# Bytes of a page and all that it loads, as they are sent; 1.2 million are the same for all pages.
LARGEST = 1_600_000
PHONE = 375
DARK_PAGE = f"rgb({', '.join(f'{255 * part:.0f}' for part in to_rgb(DARK[PAPER]))})"
# What axe finds that is not ours to mend: rule, with the reason.
EXCEPTIONS = {
    "aria-required-children": "docutils gives the bibliography's list a role without list items",
}
WITHOUT_DATA = {"fig-images", "landing"}  # drawn from no table
CONTRAST = """() => {
  const light = c => { const [r, g, b] = c.map(v => { v /= 255;
      return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const back = node => { while (node) {
      const c = numbers(getComputedStyle(node).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c.slice(0, 3);
      node = node.parentElement; } return [255, 255, 255]; };
  const body = document.querySelector("article p");
  const [a, b] = [light(numbers(getComputedStyle(body).color).slice(0, 3)), light(back(body))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""

# What scrolls sideways inside itself, also what a click would show: its kind and its first words.
SCROLLING = """() => {
  document.querySelectorAll("details").forEach(each => { each.open = true; });
  const scrolls = e => ["auto", "scroll"].includes(getComputedStyle(e).overflowX)
      && e.checkVisibility() && e.scrollWidth > e.clientWidth;
  return [...document.querySelectorAll(".bd-content *")].filter(scrolls)
      .map(e => [`${e.tagName} ${e.className}`, e.innerText.slice(0, 60)]);
}"""
EQUATIONS = """() => {
  const all = [...document.querySelectorAll(".bd-content mjx-container[display='true']")];
  return [all.filter(e => e.scrollWidth > e.clientWidth).length, all.length];
}"""


@cache
def packed(path: str) -> int:
    """Bytes of a file of the site as web servers send it, compressed if that helps."""
    whole = (HTML / unquote(path.split("?")[0]).lstrip("/")).read_bytes()
    return min(len(whole), len(gzip.compress(whole, 6)))


class Visit:
    """A page as a browser sees it, and what it complained of on the way."""

    def __init__(self, browser: Any, url: str, width: int = 1280, scheme: str = "light") -> None:
        self.complaints: list[str] = []
        self.bytes = 0
        self._base = url.split("/book/")[0]
        viewport = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("requestfailed", lambda r: self.complaints.append(f"failed: {r.url}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)
        self.page.goto(url)
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("() => window.MathJax?.startup?.promise")

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self._base, "data:", "blob:")):
            self.complaints.append(f"asked of another host: {request.url}")

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")
        if response.status == 200:
            self.bytes += packed(response.url.removeprefix(self._base))

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serious(visit: Visit) -> list[tuple[str, list[Any]]]:
    """What axe finds that is serious or critical, and not an exception."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return [
        (each["id"], [node["target"] for node in each["nodes"]][:5])
        for each in axe.run(visit.page).response["violations"]
        if each["impact"] in ("serious", "critical") and each["id"] not in EXCEPTIONS
    ]


def test_a_page_loads_whole_and_says_nothing(page: str, site: str, browser: Any) -> None:
    """No console error or warning, no failed or outside request; all equations and images."""
    with Visit(browser, site + page) as visit:
        assert visit.complaints == []
        raw = "[...document.querySelectorAll('.math')]"
        raw += ".filter(e => !e.querySelector('mjx-container')).map(e => e.textContent)"
        assert visit.page.evaluate(raw) == []
        assert visit.page.evaluate("document.querySelectorAll('mjx-merror').length") == 0
        broken = "[...document.images].filter(i => !i.alt || i.checkVisibility()"
        broken += " && (!i.complete || !i.naturalWidth))"
        assert visit.page.evaluate(f"{broken}.map(i => i.src)") == []
        assert visit.bytes <= LARGEST
        assert (HTML / page).stat().st_size <= 1_500_000
        assert serious(visit) == []


def test_a_phone_does_not_scroll_sideways(page: str, site: str, browser: Any) -> None:
    with Visit(browser, site + page, PHONE) as visit:
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visit.page.evaluate(over) <= 0
        assert visit.complaints == []
        shown = "[...document.images].filter(i => i.checkVisibility()).map(i => i.className)"
        assert not any("figure-wide" in names for names in visit.page.evaluate(shown))


def test_nothing_on_a_page_scrolls_sideways(page: str, site: str, browser: Any) -> None:
    """No table, equation, output or code, with the menu open as it is."""
    with Visit(browser, site + page) as visit:
        assert visit.page.evaluate(SCROLLING) == []


def test_on_a_phone_hardly_an_equation_scrolls(site: str, browser: Any) -> None:
    found = {}
    for page in PAGES:
        with Visit(browser, site + page, PHONE) as visit:
            found[page] = visit.page.evaluate(EQUATIONS)
    scrolling, all_of_them = (sum(column) for column in zip(*found.values(), strict=True))
    assert all_of_them > 150
    assert scrolling <= all_of_them / 10, found


def colours_of(image: Path) -> Iterator[tuple[bool, str]]:
    """Of each mark of a drawn figure whether it is a word, and its colour."""
    for part in ET.parse(image).iter():
        if part.get("id", "").startswith("text_"):
            for inner in part.iter():
                inner.set("is-word", "yes")
        found = re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", part.get("style", ""))
        yield from ((part.get("is-word") is not None, colour) for colour in found)


def test_figures_can_be_read_on_light_and_on_dark_pages(site: str) -> None:
    """Contrast with the page: 4.5 of words, 3 of lines, whatever is drawn in the grid's colour."""
    seen = 0
    for image in sorted((HTML / "_images").glob("fig-*.svg")):
        if image.stem.removesuffix("-dark").removesuffix("-narrow") in WITHOUT_DATA:
            continue
        dark = image.stem.endswith("-dark")
        page, grid = (DARK[PAPER], DARK[GRID]) if dark else (PAPER, GRID)
        for is_word, colour in set(colours_of(image)):
            if colour not in (page, grid):
                assert contrast(colour, page) >= (4.5 if is_word else 3), (image.name, colour)
                seen += dark
    assert seen > 100


def test_dark_pages_can_be_read(page: str, site: str, browser: Any) -> None:
    with Visit(browser, site + page, scheme="dark") as visit:
        assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert visit.page.evaluate(CONTRAST) >= 7
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == DARK_PAGE
        shown = "[...document.images].filter(i => i.checkVisibility()).map(i => i.className)"
        assert not any("figure-light" in names for names in visit.page.evaluate(shown))
        assert not any("figure-narrow" in names for names in visit.page.evaluate(shown))
        assert serious(visit) == []


def test_with_scripts_off_text_and_figures_remain(site: str, browser: Any) -> None:
    for page in PAGES[:4]:
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(site + page)
        assert len(tab.inner_text("article")) > 1000
        context.close()


def test_below_every_figure_its_table_can_be_downloaded(site: str) -> None:
    """And the image itself is served without it."""
    figures = [
        (page, figure)
        for page in PAGES
        for figure in BeautifulSoup((HTML / page).read_text(), "html.parser").find_all("figure")
    ]
    without = {figure["id"] for _, figure in figures if not figure.select("a.download")}
    assert without == WITHOUT_DATA
    for page, figure in figures:
        for link in figure.select("a.download"):
            assert re.fullmatch(r"Data \(CSV\) of Fig\. [\d.]+", link.get_text())
            table = pd.read_csv((HTML / page).parent / unquote(str(link["href"])))
            assert len(table)
            assert all(re.fullmatch(r"[A-Za-z]\w*", column) for column in table)
            drawing = figure.svg or (HTML / page).parent / unquote(str(figure.img["src"]))
            assert "as CSV" not in (str(drawing) if figure.svg else drawing.read_text())


def links() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        soup = BeautifulSoup((HTML / page).read_text(), "html.parser")
        for link in soup.find_all("a", href=True):
            yield page, str(link["href"])


def test_links_and_anchors_lead_somewhere(site: str) -> None:
    """Inside the book; links to other hosts are not followed."""
    anchors: dict[Path, set[str]] = {}
    lost = []
    for page, href in set(links()):
        url, fragment = urldefrag(href)
        if re.match(r"[a-z]+:", url):
            continue
        file = ((HTML / page).parent / unquote(url)).resolve() if url else HTML / page
        file = file / "index.html" if file.is_dir() else file
        if not file.exists():
            lost.append((page, href))
        elif fragment and file.suffix == ".html":
            if file not in anchors:
                soup = BeautifulSoup(file.read_text(), "html.parser")
                anchors[file] = {str(e["id"]) for e in soup.find_all(id=True)}
            if unquote(fragment) not in anchors[file]:
                lost.append((page, href))
    assert lost == []
