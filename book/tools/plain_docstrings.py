"""Sphinx extension: the library's plain-text docstrings on the reference page.

Bars, stars and underscores of formulas mean themselves, words in single backticks are code,
equations named (eq-…) become links, and blocks of `name: meaning` lines become lists. Examples stay
as they are.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

# Code, an emphasised title, a named equation: kept. Primes and other marks: escaped.
MARKS = re.compile(
    r"`(?P<code>[^`]+)`|(?P<title>\*[A-Z][^*]+\*)|\((?P<eq>eq-[\w-]+)\)|(?<=\b\w)'(?![a-z])|[\\|*_]"
)
# "T." alone would open a list.
ENUMERATOR = re.compile(r"^(?=\w{1,4}[.)](\s|$))", re.MULTILINE)
CLASS = re.compile(r"<class '([\w.]+)'>")
CONTINUED = re.compile(r"\n +")
ENTRY = re.compile(r"(?P<name>[a-z]\w*(?:, [a-z]\w*)*):\s+(?P<meaning>.+)")


def mark_up(text: str) -> str:
    """Plain text as reStructuredText that shows it."""

    def replace(match: re.Match[str]) -> str:
        if match["code"]:
            return f"``{match['code']}``"
        if match["eq"]:
            return f":eq:`{match['eq']}`"
        return match["title"] or "\\" + match[0]

    return ENUMERATOR.sub(r"\\", MARKS.sub(replace, text))


def paragraph(lines: list[str]) -> list[str]:
    """One paragraph; a list where each of several lines names an argument.

    A line that is indented continues the one before it. An example stays as it is.
    """
    if lines[0].startswith(">>> "):
        return lines
    entries = [ENTRY.fullmatch(line) for line in CONTINUED.sub(" ", "\n".join(lines)).split("\n")]
    if len(entries) > 1 and all(entries):
        return [f"- ``{e['name']}``: {mark_up(e['meaning'])}" for e in entries if e]
    return mark_up("\n".join(lines)).split("\n")


def rewrite(
    app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]
) -> None:
    """Rewrite one docstring, in place as autodoc wants it."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip())
    lines[:] = [line for p in paragraphs for line in (*paragraph(p.split("\n")), "")]


def sign(
    app: Sphinx, what: str, name: str, thing: object, options: Any, signature: str, returns: str
) -> tuple[str, str]:
    """Defaults that are classes by their names; protocols, which nobody calls, without any."""
    if getattr(thing, "_is_protocol", False):
        return "", returns
    return CLASS.sub(r"\1", signature or ""), returns


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.connect("autodoc-process-docstring", rewrite)
    app.connect("autodoc-process-signature", sign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
