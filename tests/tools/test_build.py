"""What makes a build start afresh: the key of the results and the key of the pages."""

import ast
import io
import os
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from myst_nb.ext.glue.crossref import read_glue_cache
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

import fresh
import plain_docstrings

BUILT = ("html", ".doctrees", ".jupyter_cache", "jupyter_execute")


@pytest.fixture
def root(tmp_path):
    """A small project whose last build passed."""
    for name in ("lib/pkg/a.py", "book/data/t.csv", "requirements.txt", "book/c.md", "_toc.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before", encoding="utf-8")
    build(tmp_path)
    fresh.done(tmp_path)
    return tmp_path


def build(root):
    """Pretend to build."""
    fresh.begin(root)
    for name in BUILT:
        (root / "_build" / name).mkdir(exist_ok=True)


def kept(root):
    """Which parts of the last build are left when the next one begins."""
    fresh.begin(root)
    return {name for name in BUILT if (root / "_build" / name).exists()}


@pytest.mark.parametrize("name", ["custom.css", "explore/explore.css"])
def test_styles_close_what_they_open(name, request):
    """A brace that is missing silently takes all that follows into its rule."""
    depth = 0
    for line in (
        (request.config.rootpath / "book/_static" / name).read_text(encoding="utf-8").splitlines()
    ):
        if line.startswith("/* "):
            assert depth == 0, line
        depth += line.count("{") - line.count("}")
    assert depth == 0


def test_a_build_without_a_change_keeps_everything(root):
    assert kept(root) == set(BUILT)


@pytest.mark.parametrize("name", ["lib/pkg/a.py", "book/data/t.csv", "requirements.txt"])
def test_a_change_in_code_data_or_packages_keeps_nothing(root, name):
    (root / name).write_text("after", encoding="utf-8")
    assert kept(root) == set()


@pytest.mark.parametrize("name", ["lib/pkg/new.py", "book/data/deep/new.csv"])
def test_a_new_file_in_code_or_data_keeps_nothing(root, name):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("", encoding="utf-8")
    assert kept(root) == set()


def test_a_renamed_or_removed_file_keeps_nothing(root):
    (root / "lib/pkg/a.py").rename(root / "lib/pkg/b.py")
    assert kept(root) == set()
    build(root)
    (root / "lib/pkg/b.py").unlink()
    assert kept(root) == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("book/c.md", "# after"),
        ("book/c.md", ".. automodule:: pkg.a"),
        ("book/new.md", "before"),
        ("book/_static/a.css", "before"),
        ("_toc.yml", "after"),
    ],
)
def test_a_change_around_pages_keeps_results_only(root, name, text):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")
    assert kept(root) == {".jupyter_cache"}


@pytest.mark.parametrize("address", ["SITE_URL", "REPOSITORY_URL"])
def test_another_commit_and_another_address_keep_results_only(address, root, monkeypatch):
    monkeypatch.setenv(address, "https://example.org")
    assert kept(root) == {".jupyter_cache"}
    build(root)
    fresh.done(root)
    monkeypatch.setattr(fresh, "built_from", lambda root: "commit 1")
    assert kept(root) == {".jupyter_cache"}


def test_a_changed_text_is_read_again_and_all_pages_are_written(root):
    """Though the file is older than what was built."""
    there = ["html/book/c.html", "html/_modules/a.html", ".doctrees/book/c.doctree"]
    for name in (*there, ".doctrees/book/d.doctree"):
        (root / "_build" / name).parent.mkdir(exist_ok=True)
        (root / "_build" / name).touch()
    assert kept(root) == set(BUILT)
    fresh.done(root)
    assert all((root / "_build" / name).exists() for name in there)
    (root / "book/c.md").write_text("after", encoding="utf-8")
    os.utime(root / "book/c.md", (0, 0))
    assert kept(root) == set(BUILT)
    assert [(root / "_build" / name).exists() for name in there] == [False, True, False]
    assert (root / "_build/.doctrees/book/d.doctree").exists()


CELL = """---
file_format: mystnb
kernelspec: {name: python3}
---

# One

(here)=
## Heading {glue:text}`x`

```{code-cell} python
from IPython.display import publish_display_data as publish

mime = "application/papermill.record/"
publish({mime + "text/plain": "73541"}, {"scrapbook": {"name": "x", "mime_prefix": mime}})
```
"""


def sphinx(root):
    """Build a book of two pages as `make book` does. Returns its second page and the warnings."""
    read_glue_cache.cache_clear()  # of another process
    fresh.begin(root)
    warnings, build = io.StringIO(), root / "_build"
    config = {
        "extensions": ["myst_nb"],
        "nb_execution_mode": "cache",
        "nb_execution_cache_path": str(build / ".jupyter_cache"),
        "exclude_patterns": ["_build"],
        "root_doc": "book/two",
        "numfig": True,
    }
    with docutils_namespace():
        folders = str(root), None, str(build / "html"), str(build / ".doctrees")
        Sphinx(*folders, "html", config, status=None, warning=warnings).build()
    (fresh.fail if warnings.getvalue() else fresh.done)(root)
    page = build / "html/book/two.html"
    return page.read_text(encoding="utf-8") if page.exists() else "", warnings.getvalue()


def test_numbers_of_a_changed_page_change_on_others_and_what_they_miss_is_said(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book/two.md").write_text(
        "# Two\n\n```{toctree}\none\n```\n\n{ref}`here`, of {glue:text}`one.md::x:.0f`.\n", "utf-8"
    )
    for old, new in (("", ""), ('"73541"', '"73542"'), ("Heading", "Title")):
        (tmp_path / "book/one.md").write_text(CELL.replace(old, new) if old else CELL, "utf-8")
        page, warnings = sphinx(tmp_path)
        assert not warnings
        assert ("73541" in page, "73542" in page) == (new != '"73542"', new == '"73542"')
        assert ("Title" in page) == (new == "Title")
    for lost in ("(here)=", ', {"scrapbook": {"name": "x", "mime_prefix": mime}}'):
        without = CELL.replace(lost, "").replace(" {glue:text}`x`", "")
        (tmp_path / "book/one.md").write_text(without, "utf-8")
        for _ in range(2):
            assert "two.md" in sphinx(tmp_path)[1]
        (tmp_path / "book/one.md").write_text(CELL, "utf-8")
        assert not sphinx(tmp_path)[1]


@pytest.mark.parametrize(
    "name",
    [
        "lib/pkg/__pycache__/a.pyc",
        "lib/pkg.egg-info/PKG-INFO",
        "book/data/t.partial.csv",
        "book/c.ipynb",
        "README.md",
    ],
)
def test_what_no_page_shows_changes_nothing(root, name):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("after", encoding="utf-8")
    assert kept(root) == set(BUILT)


def test_a_failed_build_leaves_no_pages(root):
    fresh.begin(root)
    fresh.fail(root)
    assert kept(root) == {".jupyter_cache"}


def test_a_build_that_was_broken_off_is_not_taken_up(root):
    (root / "book/c.md").write_text("after", encoding="utf-8")
    build(root)
    assert kept(root) == {".jupyter_cache"}


def test_a_change_during_a_build_counts_for_the_next_one(root):
    build(root)
    (root / "lib/pkg/a.py").write_text("after", encoding="utf-8")
    fresh.done(root)
    assert kept(root) == set()


def test_a_damaged_note_keeps_nothing(root):
    (root / "_build/fresh.json").write_text("{", encoding="utf-8")
    assert kept(root) == set()


@pytest.mark.parametrize(
    ("plain", "marked_up"),
    [
        ("mean |w|² of a_t", r"mean \\|w\\|² of a\\_t"),
        ("see `encode`, equation (eq-read)", "see ``encode``, equation :eq:`eq-read`"),
        ("in *The construction*, x*y", r"in *The construction*, x\\*y"),
        ("T.", r"\\T."),
    ],
)
def test_plain_docstrings_show_as_they_stand(plain, marked_up):
    assert plain_docstrings.mark_up(plain) == marked_up.replace("\\\\", "\\")


def test_lines_that_name_arguments_become_a_list():
    lines = ["bias: (L, T, m).", "margin: a number."]
    assert plain_docstrings.paragraph(lines) == [
        "- ``bias``: (L, T, m).",
        "- ``margin``: a number.",
    ]
    assert plain_docstrings.paragraph(["one: alone"]) == ["one: alone"]


def test_indented_lines_continue_what_an_argument_means():
    lines = ["bias: one for", "    each neuron.", "margin: a number."]
    assert plain_docstrings.paragraph(lines) == [
        "- ``bias``: one for each neuron.",
        "- ``margin``: a number.",
    ]


def test_examples_stay_as_they_are():
    lines = [">>> a_b = 2 * 3", ">>> a_b", "6"]
    assert plain_docstrings.paragraph(lines) == lines


def complaints(text: str) -> list[str]:
    """What reStructuredText has against a docstring as the reference sets it.

    It does not know the roles that Sphinx adds.
    """
    lines = text.split("\n")
    plain_docstrings.rewrite(None, "", "", None, None, lines)
    quiet = {"warning_stream": False, "report_level": 2}
    found = publish_doctree("\n".join(lines), settings_overrides=quiet).findall(
        nodes.system_message
    )
    said = [message.astext() for message in found]
    return [one for one in said if "role" not in one and "Unknown target" not in one]


def test_each_docstring_is_text_that_the_reference_can_set():
    """The book's build warns of the others, half a minute before its end."""
    root = Path(__file__).parents[2] / "lib"
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    bad, seen = {}, 0
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = ast.get_docstring(node) if isinstance(node, kinds) else None
            seen += text is not None
            if text and (said := complaints(text)):
                bad[f"{path.relative_to(root)}:{getattr(node, 'name', 'module')}"] = said
    assert seen > 1000
    assert not bad
