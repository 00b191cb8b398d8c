"""The committed notebooks: in step with their chapters, and really compared when they run."""

import logging
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
import pytest
from jupyter_cache import get_cache
from myst_nb.core.config import NbParserConfig
from myst_nb.core.execute import create_client
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig

import fresh
import notebooks

pytest_plugins = ["pytester"]

NBVAL = ("--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-p", "no:xdist")

CHAPTER = """---
file_format: mystnb
kernelspec:
  display_name: Python 3
  name: python3
---

# A chapter

```{code-cell} python
:tags: [hide-input]
total = 20 + 21
print(total)
```

```{code-cell} python
from IPython.display import Image

Image(data=b"not compared", format="png")
```
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The text of a small chapter's notebook, made once."""
    book = tmp_path_factory.mktemp("executed")
    (book / "chapter.md").write_text(CHAPTER, encoding="utf-8")
    assert notebooks.execute(book / "chapter.md") == ""
    return (book / "chapter.ipynb").read_text(encoding="utf-8")


@pytest.fixture
def book(tmp_path, executed):
    """A book of one chapter with code, its notebook, and one page of prose."""
    (tmp_path / "chapter.md").write_text(CHAPTER, encoding="utf-8")
    (tmp_path / "chapter.ipynb").write_text(executed, encoding="utf-8")
    (tmp_path / "prose.md").write_text("# Prose\n\n```python\n1 / 0\n```\n", encoding="utf-8")
    return tmp_path


def edit(path, change):
    """Read a notebook, apply `change` to its first code cell, write it back."""
    notebook = nbformat.read(path, as_version=4)
    change(notebooks.code_cells(notebook)[0])
    nbformat.write(notebook, path)


def test_the_committed_notebooks_are_in_step_with_their_chapters():
    assert notebooks.check(notebooks.BOOK) == []


def test_a_synced_book_has_no_fault_and_prose_has_no_notebook(book):
    assert notebooks.check(book) == []
    assert notebooks.chapters(book) == [book / "chapter.md"]


def test_sync_writes_the_same_bytes_again(book, executed):
    (book / "chapter.ipynb").unlink()
    assert notebooks.sync(book, []) == []
    assert (book / "chapter.ipynb").read_text(encoding="utf-8") == executed


def set_image(cell):
    cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": "AAAA"})]


def set_address(cell):
    cell.outputs = [nbformat.v4.new_output("stream", text="<object at 0x7f43a1b2c3d4>\n")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cell: cell.update(source="total = 42"), "differs from chapter.md in its inputs"),
        (lambda cell: cell.metadata.update(tags=[]), "differs from chapter.md in its inputs"),
        (lambda cell: cell.update(execution_count=None), "code cell 1 ('total = 20 + 21') has no"),
        (set_image, "stores an image"),
        (set_address, "prints a memory address"),
    ],
)
def test_check_names_a_planted_fault(book, change, words):
    edit(book / "chapter.ipynb", change)
    (fault,) = notebooks.check(book)
    assert fault.startswith("chapter.ipynb: ")
    assert words in fault


def test_check_names_a_changed_chapter(book):
    (book / "chapter.md").write_text(CHAPTER.replace("21", "22"), encoding="utf-8")
    (fault,) = notebooks.check(book)
    assert "differs from chapter.md" in fault


def test_check_names_a_notebook_without_a_chapter_and_a_chapter_without_a_notebook(book):
    (book / "chapter.ipynb").rename(book / "orphan.ipynb")
    missing, orphan = sorted(notebooks.check(book))
    assert missing.startswith("chapter.ipynb: missing")
    assert orphan.startswith("orphan.ipynb: no chapter")


def test_a_failing_cell_is_named_and_the_old_notebook_stays(book, executed):
    (book / "chapter.md").write_text(CHAPTER.replace("20 +", "1 / 0 +"), encoding="utf-8")
    fault = notebooks.execute(book / "chapter.md")
    assert fault.startswith("chapter.md: code cell 1 ('total = 1 / 0 + 21') failed:")
    assert "ZeroDivisionError" in fault
    assert (book / "chapter.ipynb").read_text(encoding="utf-8") == executed
    assert not list(book.glob("*.tmp"))


COUNTED = CHAPTER.replace(
    "total = 20 + 21",
    """from pathlib import Path
from thing import TOTAL as total
Path("runs.txt").open("a").write("x")""",
)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A project with code, whose one chapter has run once."""
    root = tmp_path_factory.mktemp("project")
    for name, text in {"lib/thing.py": "TOTAL = 41\n", "book/chapter.md": COUNTED}.items():
        (root / name).parent.mkdir()
        (root / name).write_text(text, encoding="utf-8")
    shutil.copy(notebooks.BOOK / "conftest.py", root / "book")
    committed(root, "41\n")
    fresh.forget(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root / "lib"))
        assert notebooks.ran(root / "book/chapter.md") == ""
    return root


@pytest.fixture
def project(begun, tmp_path):
    """A copy of it."""
    return shutil.copytree(begun, tmp_path / "project")


@pytest.fixture
def compare(pytester, monkeypatch):
    """A call compares a project's notebook with the run that is kept, or makes that run.

    It returns pytest's status and words.
    """

    def call(root):
        monkeypatch.setenv("PYTHONPATH", str(root / "lib"))
        arguments = [*NBVAL, "--nbval-built", f"--rootdir={root}", str(root / "book")]
        run = pytester.runpytest_inprocess(*arguments)
        return run.ret, run.stdout.str() + run.stderr.str()

    return call


def committed(root, printed):
    """Write a notebook as if the chapter had printed this."""
    notebook = notebooks.read_chapter(root / "book/chapter.md")
    for count, cell in enumerate(notebooks.code_cells(notebook), start=1):
        cell.execution_count = count
    first, last = notebooks.code_cells(notebook)
    first.outputs = [nbformat.v4.new_output("stream", text=printed)]
    data = {"text/plain": "<IPython.core.display.Image object>"}
    last.outputs = [nbformat.v4.new_output("execute_result", data, execution_count=2)]
    nbformat.write(notebook, root / "book/chapter.ipynb")


def runs(root):
    """How often the chapter has run."""
    return len((root / "book/runs.txt").read_text())


def built(root):
    """The chapter as the book's build gets it."""
    page, text = root / "book/chapter.md", (root / "book/chapter.md").read_text(encoding="utf-8")
    config = NbParserConfig(
        execution_mode="cache", execution_cache_path=str(root / "_build/.jupyter_cache")
    )
    notebook = create_nb_reader(str(page), MdParserConfig(), config, text).read(text)
    with create_client(notebook, str(page), config, logging.getLogger()) as client:
        return client.notebook, client.exec_metadata["runtime"]


def test_what_the_tests_ran_the_build_shows_with_its_images_and_its_time(project):
    (_, first, *_, last), seconds = built(project)[0].cells, built(project)[1]
    assert first.outputs[0].text == "41\n"
    assert "image/png" in last.outputs[0].data
    assert 0 < seconds < 100
    assert runs(project) == 1


def test_a_run_that_is_kept_is_compared_and_not_repeated(compare, project):
    status, words = compare(project)
    assert (status, runs(project)) == (0, 1), words
    committed(project, "42\n")
    status, words = compare(project)
    assert (status, runs(project)) == (1, 1)
    assert "Cell outputs differ" in words
    assert "1 failed, 1 passed" in words


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("book/chapter.md", "print(total)", "print(total + 1)"), ("lib/thing.py", "41", "42")],
)
def test_a_changed_page_and_a_changed_library_run_again(compare, project, name, old, new):
    text = (project / name).read_text(encoding="utf-8")
    (project / name).write_text(text.replace(old, new), encoding="utf-8")
    committed(project, "41\n")
    status, words = compare(project)
    assert (status, runs(project)) == (1, 2)
    assert "Cell outputs differ" in words
    assert built(project)[0].cells[1].outputs[0].text == "42\n"


@pytest.mark.parametrize(("printed", "status"), [("41\n", 0), ("42\n", 1)])
def test_without_the_option_each_notebook_runs_and_no_run_is_kept(project, printed, status):
    """In a process of its own: nbval's kernel leaves a file open."""
    shutil.rmtree(project / "_build")
    committed(project, printed)
    paths = [str(Path(notebooks.__file__).parent), str(project / "lib")]
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *NBVAL, "--rootdir=.", "book"],
        cwd=project,
        env={**outer, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, runs(project)) == (status, 2), run.stdout + run.stderr
    assert ("1 failed, 1 passed" if status else "2 passed") in run.stdout
    assert not (project / "_build").exists()


def test_a_cell_that_fails_and_those_after_it_fail_and_no_run_is_kept(compare, project):
    page = project / "book/chapter.md"
    page.write_text(COUNTED.replace("print(total)", "print(total)\n1 / 0"), encoding="utf-8")
    committed(project, "41\n")
    for n_runs in (2, 3):
        status, words = compare(project)
        assert (status, runs(project)) == (1, n_runs)
        assert "2 failed" in words
        assert "chapter.md: code cell 1 ('from pathlib import Path') failed:" in words
        assert "ZeroDivisionError" in words


def test_a_notebook_that_is_not_its_page_s_fails(compare, project):
    edit(project / "book/chapter.ipynb", lambda cell: cell.update(source="total = 41"))
    status, words = compare(project)
    assert status == 1
    assert "no such cell in the page" in words


def keep(page):
    """Let a chapter be run and kept, without a kernel."""
    notebooks.run = lambda notebook, page: ""
    return notebooks.ran(page)


def test_processes_may_fill_the_cache_at_once(tmp_path):
    (tmp_path / "book").mkdir()
    fresh.forget(tmp_path)
    pages = [tmp_path / f"book/{number}.md" for number in range(40)]
    for page in pages:
        page.write_text(CHAPTER.replace("20", page.stem), encoding="utf-8")
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as pool:
        assert [*pool.map(keep, pages)] == [""] * len(pages)
    records = get_cache(tmp_path / fresh.CACHE).list_cache_records()
    assert {Path(record.uri) for record in records} == {*pages}


def test_a_change_while_a_chapter_runs_is_not_kept(project, monkeypatch):
    def run(notebook, page):
        (project / "lib/thing.py").write_text("TOTAL = 43\n", encoding="utf-8")
        return ""

    (project / "lib/thing.py").write_text("TOTAL = 42\n", encoding="utf-8")
    fresh.forget(project)
    monkeypatch.setattr(notebooks, "run", run)
    assert notebooks.ran(project / "book/chapter.md") == ""
    assert get_cache(project / fresh.CACHE).list_cache_records() == []


def test_the_makefile_compares_every_notebook_and_runs_all_of_them_where_it_says_so():
    text = (Path(notebooks.BOOK).parent / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"^(\w+):.*\n\t@(?:\$\(TWO\) )?\$\(PYTEST\)(.*)", text, re.MULTILINE)
    built = {name: "--nbval-built" in words for name, words in commands if "$(NBVAL)" in words}
    assert built == {"test": True, "compare": False}
    assert "NBVAL := --nbval " in text
    assert "--nbval-lax" not in text
