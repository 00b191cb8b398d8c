"""Words that readers stumbled on stay out of pages, captions, messages and docstrings."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What stood there, and what says it.
BANNED = {
    r"\bhear(s|d|ing)?\b": "receive, read",
    r"\bears?\b": "read-in weights",
    r"\bdoors?\b": "input map, read map, embedding",
    r"\b(for|by|of) who\b": "for those who, by people who",
    r"\bwhich see\b": "see",
    r"\bthe same of one of\b": "say what of what",
    r"\b(of one's own|to oneself|to themselves)\b": "private",
    r"\bside by side\b": "private neurons",
    r"\bneurons? of (their|its) own\b": "private neurons",
}
PAGES = sorted(
    [*(ROOT / "book").glob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))]
)
MODULES = sorted((ROOT / "lib").rglob("*.py"))


def prose(page):
    """A page without its code, but with captions; formulas, roles and addresses are left out."""
    code = r"^(`{3,4})(?:\{code-cell\}|\{code-block\}|python|bash|\w*$).*?^\1$"
    captions = re.findall(r"^ +caption: \|\n((?:      .*\n)+)", page, re.M)
    text = re.sub(code, "", page, flags=re.M | re.S)
    text = re.sub(r"\$[^$]*\$|\{(glue|eq|ref|numref|doc|cite:\w)[^}]*\}`[^`]*`", "…", text)
    names = r"\]\([^)]*\)|^:label:.*|^:{3,}\{.*|^\([\w-]+\)="
    return "\n".join([re.sub(names, "]", text, flags=re.M), *captions])


def strings(module):
    """All text of a module that is not a name: docstrings, captions, messages."""
    tree = ast.parse(module)
    nodes = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    texts = (text for text in nodes if isinstance(text, str) and " " in text)
    return "\n".join(re.sub(r"\(eq-[\w-]+\)|`[^`]*`", "…", text) for text in texts)


def found(text):
    """What is banned, each with the words around it."""
    text = " ".join(text.split())
    return [
        f"{text[max(match.start() - 40, 0) : match.end() + 20]}: {better}"
        for turn, better in BANNED.items()
        for match in re.finditer(turn, text, re.I)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_pages_have_no_banned_turn(page):
    assert found(prose(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_modules_say_none(module):
    assert found(strings(module.read_text(encoding="utf-8"))) == []


def test_turns_are_found_where_they_are_said():
    page = "It hears\nit.\n\n```{code-cell} ipython3\nheard = 1\n```\n\nwhich  see {eq}`eq-heard`."
    assert [each.rpartition(": ")[2] for each in found(prose(page))] == ["receive, read", "see"]
    caption = "```{code-cell}\n---\nmystnb:\n  figure:\n    caption: |\n      Its ears.\n---\n```\n"
    assert len(found(prose(caption))) == 1
    assert found(strings('def f(heard):\n    """It has a door: (eq-heard)."""\n'))[0].startswith(
        "It"
    )
