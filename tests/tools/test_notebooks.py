"""The committed notebooks: in step with their chapters, and really compared when they run."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import notebooks

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


@pytest.mark.parametrize(("printed", "status"), [("41\n", 0), ("42\n", 1)])
def test_running_a_notebook_compares_what_it_prints(book, printed, status):
    edit(book / "chapter.ipynb", lambda cell: cell.outputs[0].update(text=printed))
    arguments = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "--rootdir=."]
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, "chapter.ipynb"],
        cwd=book,
        env=outer,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stdout + run.stderr
    assert ("1 failed, 1 passed" if status else "2 passed") in run.stdout


def test_the_makefile_runs_every_notebook_with_its_outputs_compared():
    text = (Path(notebooks.BOOK).parent / "Makefile").read_text(encoding="utf-8")
    assert "--nbval " in text
    assert "--nbval-lax" not in text
