"""Beside the text: the code of each equation, tips on links, the page for lost visitors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup

from tests.site.test_pages import HTML, LARGEST, PAGES, PHONE, Visit, serious

# Where in a page a tip is, and what is in it.
EQUATION = (
    "book/limits.html",
    'a[href="#equation-eq-layer-floor"]:not(.headerlink)',
    "mjx-container",
)
TIPS = {
    "equation": EQUATION,
    "equation elsewhere": ("book/glossary.html", 'a[href*="html#equation-"]', "mjx-container"),
    "term": ("book/introduction.html", 'a[href*="#term-superposition"]', "dl > dt"),
    "figure": (
        "book/introduction.html",
        'a[href="construction.html#fig-depth"]',
        "figure img:visible",
    ),
    "source": ("book/introduction.html", 'a[href*="bibliography.html#id"]', ".citation p"),
    "symbols": ("book/introduction.html", 'a[href="notation.html"]', ".tippy-header"),
}
TIP = "[data-tippy-root]"


def links_to_code(page: str) -> list[tuple[str, str, str]]:
    """Equation, address and spoken name of each link to code on a page."""
    soup = BeautifulSoup((HTML / page).read_text(), "html.parser")
    found = soup.select("div.math[id] span.eqno a.equation-code")
    return [(str(a.find_parent("div")["id"]), str(a["href"]), str(a["aria-label"])) for a in found]


def test_each_equations_code_is_on_the_page_where_its_link_leads(site: str) -> None:
    """At the anchor there is a definition of that name, whose text cites the equation."""
    sources: dict[Path, BeautifulSoup] = {}
    count = 0
    for page in PAGES:
        for equation, href, name in links_to_code(page):
            url, anchor = urldefrag(href)
            file = ((HTML / page).parent / url).resolve()
            if file not in sources:
                sources[file] = BeautifulSoup(file.read_text(), "html.parser")
            place = sources[file].find(id=anchor)
            assert place is not None, (page, href)
            shown = place.get_text() + "".join(
                map(str, place.find_all_next(string=True, limit=2000))
            )
            assert anchor.split(".")[-1] in shown[:400]
            assert f"({equation.removeprefix('equation-')})" in shown, (page, href)
            assert name.endswith(f": {anchor}")
            count += 1
    assert count > 150


def open_tip(visit: Visit, link: str, how: str) -> Any:
    """Reach a link by mouse or keyboard, and wait for its tip."""
    target = visit.page.locator(f"article.bd-article {link}").first
    target.scroll_into_view_if_needed()
    visit.page.wait_for_timeout(200)
    getattr(target, how)()
    tip = visit.page.locator(TIP)
    tip.wait_for()
    return tip


@pytest.mark.parametrize("kind", TIPS)
def test_a_tip_shows_what_its_link_leads_to(kind: str, site: str, browser: Any) -> None:
    """By mouse and by keyboard, until Escape; axe has nothing against it."""
    page, link, content = TIPS[kind]
    with Visit(browser, site + page) as visit:
        for how in ("hover", "focus"):
            tip = open_tip(visit, link, how)
            tip.locator(content).first.wait_for()
            assert tip.get_by_role("tooltip").count() == 1
            assert tip.locator("a[href], [id]:not([id^=tippy]):not([id^=MJX])").count() == 0
            visit.page.keyboard.press("Escape")
            tip.wait_for(state="detached")
            visit.page.mouse.move(0, 0)
            visit.page.evaluate("document.activeElement.blur()")
        assert visit.complaints == []
        assert visit.bytes <= LARGEST
        open_tip(visit, link, "focus")
        visit.page.wait_for_timeout(500)  # until it has faded in
        assert serious(visit) == []  # last, for axe asks for styles again, and where they are not


@pytest.mark.parametrize("kind", ["equation", "figure"])
def test_an_open_tip_can_be_read_on_a_dark_page(kind: str, site: str, browser: Any) -> None:
    page, link, content = TIPS[kind]
    with Visit(browser, site + page, scheme="dark") as visit:
        open_tip(visit, link, "focus").locator(content).first.wait_for()
        visit.page.wait_for_timeout(500)
        assert serious(visit) == []


def test_the_mouse_may_move_onto_a_tip(site: str, browser: Any) -> None:
    page, link, _ = TIPS["term"]
    with Visit(browser, site + page) as visit:
        tip = open_tip(visit, link, "hover")
        tip.hover()
        visit.page.wait_for_timeout(500)
        assert tip.is_visible()


def test_a_tip_fits_on_a_narrow_screen(site: str, browser: Any) -> None:
    page, link, _ = TIPS["figure"]
    with Visit(browser, site + page, PHONE) as visit:
        box = open_tip(visit, link, "focus").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE


def test_links_of_other_kinds_have_no_tip(site: str, browser: Any) -> None:
    with Visit(browser, site + "book/introduction.html") as visit:
        having = "[...document.querySelectorAll('a')].filter(a => a._tippy).map(a => a.href)"
        tips = visit.page.evaluate(having)
        assert len(tips) > 10
        wanted = r"#(equation-|fig-|term-)|bibliography\.html#id|notation\.html$"
        assert [href for href in tips if not re.search(wanted, href)] == []


def test_the_page_for_lost_visitors_finds_its_files_from_anywhere(site: str) -> None:
    """All its addresses begin with one prefix, and are there below it."""
    soup = BeautifulSoup((HTML / "404.html").read_text(), "html.parser")
    named = [str(t[n]) for n in ("href", "src") for t in soup.find_all(attrs={n: True})]
    local = [url for url in named if not re.match(r"https?:|#", url)]
    prefix = next(u for u in local if "custom.css" in u).partition("_static")[0]
    assert prefix.startswith("/")
    for url in local:
        assert url.startswith(prefix)
        assert (HTML / urlsplit(url.removeprefix(prefix)).path).exists()
    assert soup.select_one("article h1") is not None
