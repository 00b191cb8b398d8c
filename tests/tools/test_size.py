"""The counter of words and displayed equations, and how long the book's pages may be."""

import re
from pathlib import Path

import pytest

from notebooks import code_cells, read_chapter
from size import size

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "book").glob("*.md"))
FOLDED = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
MOST_WORDS, MOST_EQUATIONS, MOST_LINES = 2_500, 12, 15
# Pages to look things up in, and appendices, may be longer.
LONGER = re.compile(r"gated_noise|reference\w*|notation|glossary|ledger|map|bibliography|reproduce")
FENCED = "```{{{}}}\n{}\n```\n"
HEADER = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n  display_name: Python\n---\n\n"


@pytest.mark.parametrize(
    ("source", "words", "equations"),
    [
        ("", 0, 0),
        ("# Two words\n\nand *three* more, **bold**.\n", 6, 0),
        ("---\ntitle: not read\n---\nread\n", 1, 0),
        ("before $x + y$ after, $z$\n", 2, 0),
        ("$$\na b\n$$\nafter $x$ it\n", 2, 1),
        (FENCED.format("math", ":label: eq-a\nx = y"), 0, 1),
        (FENCED.format("glue:math", "name\n:label: eq-a"), 0, 1),
        (FENCED.format("code-cell", "x = 1  # no words"), 0, 0),
        ("```python\nprint(1)\n```\none\n```bash\nls\n```\n", 1, 0),
        (FENCED.format("raw", "<b>no</b> words"), 0, 0),
        ("one <span class='x'>two</span>\n", 2, 0),
        ("see {doc}`chains`, {eq}`eq-a` and {glue:text}`a.md::b:.2f` %\n", 5, 0),
        ("[a link](https://example.org/a_b) ends\n", 3, 0),
        ("call `a.b(c, d)` now\n", 3, 0),
        ("| a | b c |\n| --- | --- |\n| 1 | $x$ |\n", 4, 0),
        (":::{admonition} Read this\n:class: tip\nand this\n:::\n", 5, 0),
        (":::{admonition} Not this\n:class: dropdown\nnor this\n:::\nbut this\n", 2, 0),
        ("````{exercise}\none\n```{math}\nx\n```\ntwo\n````\n", 2, 1),
    ],
)
def test_words_are_counted_that_are_read_and_equations_that_are_displayed(source, words, equations):
    assert size(source) == (words, equations)


def test_a_caption_is_read_and_its_cell_is_not():
    cell = (
        "\n---\nmystnb:\n  figure:\n    name: fig-a\n    caption: |\n      Four words, $x$ aside.\n"
    )
    cell += "      And more.\n  image:\n    alt: Not read.\n---\nfigure = draw()"
    assert size(FENCED.format("code-cell", cell))[0] == 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_chapter_is_no_longer_than_can_be_read_at_once(page):
    words, equations = size(page.read_text(encoding="utf-8"))
    if not LONGER.fullmatch(page.stem):
        assert words <= MOST_WORDS
        assert equations <= MOST_EQUATIONS


def shown(page):
    """The code of each visible cell of a page, as its lines that are not blank."""
    cells = code_cells(read_chapter(page))
    codes = (cell.source for cell in cells if not FOLDED & set(cell.metadata.get("tags", ())))
    return [[line for line in code.splitlines() if line.strip()] for code in codes]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_visible_cell_is_short(page):
    assert max(map(len, shown(page)), default=0) <= MOST_LINES


def test_folded_cells_and_blank_lines_do_not_count(tmp_path):
    cell = "```{{code-cell}} ipython3\n{}x = 1\n\ny = 2\n```\n\n"
    heads = ["", ":tags: [hide-input]\n", "---\ntags: [remove-cell]\n---\n"]
    page = tmp_path / "a.md"
    page.write_text(HEADER + "".join(map(cell.format, heads)), encoding="utf-8")
    assert shown(page) == [["x = 1", "y = 2"]]
