"""The examples in the docstrings of public names run, and print what they say."""

import doctest
import importlib
import re
from pathlib import Path
from pkgutil import iter_modules

import pytest

PUBLIC = [
    pytest.param(package, name, id=f"{package}.{name}")
    for package in ("superposition", "superposition.bench", "superposition.interop")
    for name in importlib.import_module(package).__all__
]


def docstring(package: str, name: str) -> str:
    """The text that documents a name: its own docstring, or the package's for a constant."""
    module = importlib.import_module(package)
    thing = getattr(module, name)
    return (thing if callable(thing) else module).__doc__


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_each_public_name_has_an_example_that_runs(package, name):
    text = docstring(package, name)
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    sources = "".join(example.source for example in test.examples)
    assert name in sources if name.isupper() else sources  # constants share one docstring
    if "import torch" in sources:
        pytest.importorskip("torch", reason="PyTorch, an extra, is not installed")
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_each_public_name_is_described_in_a_sentence(package, name):
    claim = docstring(package, name).strip().split("\n\n")[0]
    assert claim[0].isupper()
    assert claim.endswith(".")


def test_the_reference_lists_modules_that_exist_and_all_that_predict_or_certify():
    """A page that named a module that is gone would fail only where the book is built."""
    pages = sorted((Path(__file__).parents[1] / "book").glob("reference*.md"))
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    listed = re.findall(r"automodule:: (superposition[\w.]*)", text)
    assert len(listed) == len(set(listed)) > 40
    for name in listed:
        importlib.import_module(name)
    for package in ("superposition.predict", "superposition.certificate"):
        path = importlib.import_module(package).__path__
        assert {f"{package}.{found.name}" for found in iter_modules(path)} <= set(listed)
