"""Sphinx extension: what `sphinx-tippy` shows in tips, made fit for a second place in the page.

A tip repeats what its link leads to: an equation, a figure, a term, a source. Anchors must not be
in a page twice, nor links and images where nobody has asked for them.
"""

from __future__ import annotations

from typing import Any, cast

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain

from equation_code import NUMBERED

LEFT_OUT = "a.headerlink, span.eqno, span.backrefs, a.equation-code, p.figure-data, details"


def numbers(body: str) -> dict[str, str]:
    """For the anchor of each numbered equation of a page, what a tip says above it."""
    found = NUMBERED.finditer(body)
    return {f"equation-{m['label']}": f"<p>Equation {m['number']}</p>\n" for m in found}


def tidy(content: str) -> str:
    """A tip without anchors, roles and links, whose images wait until it is shown."""
    soup = BeautifulSoup(content, "html.parser")
    for each in soup.select(LEFT_OUT):
        each.decompose()
    for each in soup.find_all(True):
        if each.name == "svg" or each.find_parent("svg"):
            continue  # a drawing uses its own parts by name
        for name in ("id", "role", "tabindex"):
            each.attrs.pop(name, None)
        if each.name == "a":
            each.unwrap()
        elif each.name == "img":
            each["loading"] = "lazy"
    if soup.find("dt"):
        wrap(soup, soup.new_tag("dl"))
    return str(soup).strip()


def wrap(soup: BeautifulSoup, around: Tag) -> None:
    """Put everything into one element: a term and its meaning are nothing outside a list."""
    for child in list(soup.contents):
        around.append(child.extract())
    soup.append(around)


def tidy_tips(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """After `sphinx-tippy` has collected a page's tips: tidy them, and let MathJax be there."""
    tips = getattr(app.env, "tippy_data", {}).get("pages", {}).get(page)
    if tips is None:
        return
    above = numbers(context["body"])
    for anchor, content in tips["id_to_html"].items():
        tips["id_to_html"][anchor] = above.get(anchor, "") + tidy(content)
    if tips["refs_in_page"]:
        domain = cast(MathDomain, app.env.get_domain("math"))
        domain.data["has_equations"][page] = True


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    # after sphinx-tippy at 450, before Sphinx decides at 500 whether a page loads MathJax
    app.connect("html-page-context", tidy_tips, priority=460)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
