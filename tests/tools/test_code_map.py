"""The map from the post to the code: its rows, the modules that it names, the built page."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from code_map import PLACES, SECTIONS, home, imported, pages, row, rows, table, without_page

ROOT = Path(__file__).parents[2]
FILES = {
    "_toc.yml": """root: book/index
parts:
  - caption: All
    chapters:
      - file: book/reading
      # - file: book/planned
      - file: book/plain
      - file: book/map
""",
    "book/index.md": "# Start\n\n```{toctree}\n:glob:\n*\n```\n",
    "book/reading.md": "# Reading, and more\n",
    "book/plain.md": "# Plain\n\n```{eval-rst}\n"
    ".. automodule:: superposition.theory.reading\n   :members:\n```\n",
    "book/map.md": "# Map\n\n```{code-map}\n```\n",
    "lib/superposition/__init__.py": "from superposition.parts import Piece\n",
    "lib/superposition/parts/__init__.py": "from superposition.parts.one import One as Piece\n",
    "lib/superposition/parts/one.py": "class One: ...\n",
    "lib/superposition/theory/__init__.py": "",
    "lib/superposition/theory/reading.py": '"""Derived."""\n\ndef f():\n    """A law."""\n',
    "lib/companion/__init__.py": "",
    "lib/companion/_study.py": "",
    "lib/companion/reading.py": "from superposition import Piece\n",
    "tests/companion/test_reading.py": "",
}
CELLS = """---
file_format: mystnb
kernelspec: {display_name: Python 3, name: python3}
---

# Reading

```{code-cell} ipython3
:tags: [hide-input]
import superposition.measure
from superposition.theory import reading
```

```python
from superposition import not_run
```
"""


@pytest.fixture
def tree(tmp_path):
    """A small repository: a page with all that belongs to it, and pages with nothing."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_every_page_of_the_contents_has_a_row_in_their_order(tree):
    assert [each.page for each in rows(tree)] == ["index", "reading", "plain", "map"]


def test_a_row_names_the_files_that_are_there(tree):
    found = row(tree, "reading")
    assert found.section == "Reading from the residual stream"
    assert found.files == {
        "code": "lib/companion/reading.py",
        "derivations": "lib/superposition/theory/reading.py",
        "tests": "tests/companion/test_reading.py",
    }
    assert found.modules == ["superposition.parts.one"]


@pytest.mark.parametrize("place", PLACES)
def test_a_file_that_is_missing_leaves_its_cell_empty(tree, place):
    before = row(tree, "reading").cells
    (tree / row(tree, "reading").files[place]).unlink()
    after = row(tree, "reading").cells
    at = 2 + list(PLACES).index(place)
    assert before[at]
    assert after[at] == ""
    assert row(tree, "plain").cells == ["", "{doc}`/book/plain`", "", "", "", ""]


def test_without_any_of_the_books_own_code_there_is_a_table_all_the_same(tree):
    for path in (tree / "lib/companion").iterdir():
        path.unlink()
    (tree / "lib/companion").rmdir()
    assert row(tree, "reading").files["code"] == ""
    assert without_page(tree) == []
    assert len(table(tree)) == 2 + 4


def test_code_without_a_page_is_found(tree):
    assert without_page(tree) == []
    (tree / "lib/companion/planned.py").write_text("")
    assert without_page(tree) == ["planned"]


def test_modules_are_those_of_cells_too_and_derivations_of_its_own_are_not_named_twice(tree):
    (tree / "book/reading.md").write_text(CELLS)
    assert row(tree, "reading").modules == ["superposition.measure", "superposition.parts.one"]


@pytest.mark.parametrize(
    ("package", "name", "found"),
    [
        ("superposition", "Piece", "superposition.parts.one"),
        ("superposition", "parts", "superposition.parts"),
        ("superposition", "unknown", "superposition"),
        ("superposition.parts", "one", "superposition.parts.one"),
        ("superposition.parts.one", "One", "superposition.parts.one"),
    ],
)
def test_a_name_is_followed_to_the_module_that_defines_it(tree, package, name, found):
    assert home(tree / "lib", package, name) == found


def test_other_packages_are_not_named(tree):
    text = "import numpy, superposition_else\nfrom superpositions import a\nfrom . import b\n"
    assert list(imported(ast.parse(text), tree / "lib")) == []


def test_the_page_is_built_and_leads_to_sources_where_the_site_has_them(tree):
    extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "code_map"]
    (tree / "conf.py").write_text(f"extensions = {extensions}\nroot_doc = 'book/index'\n")
    paths = os.pathsep.join(map(str, (tree / "lib", ROOT / "book/tools")))
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(tree), str(tree / "_build")]
    run = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    page = (tree / "_build/book/map.html").read_text(encoding="utf-8")
    assert re.search(r'<a [^>]*href="reading.html"[^>]*>.*?Reading, and more', page)
    links = re.findall(r'href="(\.\./_modules/[^"]+)"[^>]*><code[^>]*>(.*?)</code>', page)
    assert [where for where, _ in links] == ["../_modules/superposition/theory/reading.html"]
    assert (tree / "_build/book" / links[0][0]).exists()
    assert "derivations" in links[0][1]
    assert "parts.one" in page


def test_the_books_own_map_has_every_page_once_and_sections_only_of_pages():
    names = pages(ROOT)
    assert len(set(names)) == len(names) > 30
    assert all((ROOT / f"book/{name}.md").exists() for name in names)
    assert set(SECTIONS) <= set(names)
    assert len(table(ROOT)) == len(names) + 2


def test_all_of_the_books_own_code_belongs_to_a_page():
    assert without_page(ROOT) == []
