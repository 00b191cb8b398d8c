"""Equations and the code that cites them: the map, the links beside equations, the anchors."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import equation_code
from equation_code import Place, beside_equations, citations, labels, shown, with_anchors

ROOT = Path(__file__).parents[2]
# Equations without code, and why.
WITHOUT_CODE = {
    "eq-signs": "a bound proved in the text, of which no number is computed",
    "eq-mean-floor": "a bound proved in the text; its value for given codes is one line there",
}
DERIVED = '''"""About (eq-module)."""

RATE = 2  # (eq-rate)


@cache
def derive():
    """What follows: (eq-both)."""


class Large:
    """Sizes.

    small: (eq-field).
    """

    def _run(self):
        """Below: (eq-method), (eq-both)."""
        return 1  # as in (eq-comment)
'''
USED = '''"""Uses."""


def use():
    """More on it.

    Also (eq-both), and (eq-only).
    """
'''
SOURCE = (
    '<div class="highlight"><pre>\n'
    '<span class="k">class</span> <span class="nc">A</span>:\n'
    '    <span class="k">def</span> <span class="nf">run</span>(): ...\n'
    '<div class="viewcode-block" id="B">\n<span class="k">class</span> <span class="nc">B</span>:\n'
    '    <span class="k">def</span> <span class="nf">run</span>(): ...\n'
    '</div><span class="n">x</span>(<span class="n">RATE</span>)\n'
    '<span class="n">RATE</span> = 2</pre></div>'
)
EQUATION = (
    '<div class="math notranslate nohighlight" id="equation-{}">\n'
    '<span class="eqno">(1.2)<a class="headerlink" href="#x">#</a></span>\\[x\\]</div>'
)


@pytest.fixture
def library(tmp_path):
    """A folder with a small package that cites equations in every place where one can."""
    package = tmp_path / "lib/pkg"
    (package / "theory").mkdir(parents=True)
    (package / "theory/laws.py").write_text(DERIVED, encoding="utf-8")
    (package / "uses.py").write_text(USED, encoding="utf-8")
    return package.parent


def names(places):
    return [f"{place.module}:{place.name}" for place in places]


@pytest.mark.parametrize(
    ("label", "cited_by"),
    [
        ("eq-module", ["pkg.theory.laws:"]),
        ("eq-rate", ["pkg.theory.laws:RATE"]),
        ("eq-field", ["pkg.theory.laws:Large"]),
        ("eq-method", ["pkg.theory.laws:Large._run"]),
        ("eq-comment", ["pkg.theory.laws:Large._run"]),
        ("eq-both", ["pkg.theory.laws:derive", "pkg.theory.laws:Large._run", "pkg.uses:use"]),
        ("eq-only", ["pkg.uses:use"]),
    ],
)
def test_each_label_has_the_definitions_that_cite_it_derivations_first(library, label, cited_by):
    assert names(citations(library)[label]) == cited_by


def test_what_is_claimed_goes_before_what_is_mentioned_and_public_before_private():
    def place(module, name, claims, line):
        return Place(f"pkg.{module}", name, claims, line)

    wanted = [
        place("theory.b", "mentioned", False, 1),
        place("maps", "claimed", True, 9),
        place("maps", "_private", True, 3),
        place("maps", "first", False, 1),
        place("maps", "second", False, 2),
        place("other", "claimed", True, 1),
        Place("companion.maps", "claimed", True, 1),
    ]
    ranks = [each.rank for each in wanted]
    assert ranks == sorted(set(ranks))


def test_only_modules_with_a_page_are_shown(library):
    places = citations(library)
    found = shown(places, {"pkg.uses"})
    assert {label: place.name for label, place in found.items()} == {
        "eq-both": "use",
        "eq-only": "use",
    }
    assert shown(places, set()) == {}


def test_an_equation_with_code_gets_a_link_beside_its_number_and_others_stay():
    places = {"eq-a": Place("pkg.laws", "Large._run", True, 1), "eq-m": Place("pkg.laws", "", 0, 1)}
    body = "<p>text</p>".join(EQUATION.format(label) for label in ("eq-a", "eq-b", "eq-m"))
    linked = beside_equations(body, places, lambda page: f"../{page}.html")
    one = (
        '<a class="equation-code" href="../_modules/pkg/laws.html#Large._run" '
        'title="Large._run" aria-label="Code of equation (1.2): Large._run">code</a>'
    )
    assert f"#</a>{one}</span>\\[x\\]</div>" in linked
    assert linked.count("equation-code") == 2
    assert 'href="../_modules/pkg/laws.html" title="pkg.laws"' in linked
    assert EQUATION.format("eq-b") in linked
    assert linked.replace(one, "").count("<p>text</p>") == 2


def test_definitions_without_an_anchor_get_one():
    body = with_anchors(SOURCE, ["B.run", "A.run", "RATE", "B", ""])
    assert '<span id="A.run" class="nf">run' in body.split("viewcode-block")[0]
    assert '<span id="B.run" class="nf">run' in body.split("viewcode-block")[1]
    assert '\n<span id="RATE" class="n">RATE' in body
    assert body.count(" id=") == SOURCE.count(" id=") + 3
    with pytest.raises(ValueError, match="missing: wanted its definition"):
        with_anchors(SOURCE, ["missing"])


def test_chapters_get_links_and_sources_get_anchors(library, monkeypatch):
    monkeypatch.setattr(equation_code, "LIBRARY", "lib")
    app = SimpleNamespace(
        srcdir=library.parent,
        env=SimpleNamespace(_viewcode_modules={"pkg.theory.laws": ("code",), "pkg.uses": False}),
        builder=SimpleNamespace(get_relative_uri=lambda here, page: f"{here} to {page}"),
    )
    chapter = {"body": EQUATION.format("eq-both")}
    equation_code.add_links(app, "book/a", "", chapter, None)
    assert 'href="book/a to _modules/pkg/theory/laws#derive"' in chapter["body"]
    text = '<span class="n">RATE</span>' + "".join(
        f'<span class="nf">{name}</span>' for name in ("derive", "Large", "_run")
    )
    source = {"body": text}
    equation_code.add_links(app, "_modules/pkg/theory/laws", "", source, None)
    assert 'id="derive"' in source["body"]
    bare = {}
    equation_code.add_links(app, "search", "", bare, None)
    assert bare == {}


def test_every_numbered_equation_of_the_book_has_code_or_a_reason():
    numbered, places = labels(ROOT / "book"), citations(ROOT / "lib")
    assert len(numbered) > 150
    assert {label for label in numbered if label not in places} == set(WITHOUT_CODE)


def test_code_cites_no_equation_that_is_not_there():
    assert set(citations(ROOT / "lib")) <= set(labels(ROOT / "book"))
