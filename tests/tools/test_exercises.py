"""Each chapter of the post, and of what fixes it, has exercises with solutions that are run."""

import re
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[2] / "book"
CHAPTERS = [
    "introduction",
    "construction",
    "embedding",
    "reading",
    "neurons",
    "writing_back",
    "read_in",
    "read_out",
    "over_layers",
    "how_many",
    "generalising",
    "implications",
    "gated",
    "chains",
]
PARTS = ("The post", "What fixes it")  # whose chapters all have exercises
DROPDOWN = "```{admonition} Solution\n:class: dropdown\n"
FOLDED = ("tags: [hide-cell]", "code_prompt_show: Solution, computed")


def exercises(text):
    """The questions of a page's section of exercises, each with the solution below it."""
    _, found, rest = text.partition("\n## Exercises\n")
    section, following, _ = rest.partition("\n## ")
    assert found, "no section of exercises"
    assert following, "no section after the exercises"
    parts = re.split(r"^\*\*(\d+)\.\*\* ", section, flags=re.MULTILINE)
    numbers = [int(number) for number in parts[1::2]]
    assert numbers == list(range(1, len(numbers) + 1)), "not numbered in order"
    return parts[2::2]


def faults(text):
    """What is wrong with a page's exercises, in words."""
    found = exercises(text)
    said = [] if 2 <= len(found) <= 4 else [f"{len(found)} exercises"]
    for number, exercise in enumerate(found, 1):
        question, dropdown, solution = exercise.partition(DROPDOWN)
        cells = re.findall(r"^```{code-cell}.*?^```$", exercise, re.MULTILINE | re.DOTALL)
        if not dropdown or not solution.partition("```")[0].strip():
            said.append(f"{number}: no solution in words")
        if "```" in question:
            said.append(f"{number}: a block within the question")
        if not cells:
            said.append(f"{number}: no solution in code")
        if not all(fold in cell for cell in cells for fold in FOLDED):
            said.append(f"{number}: an open cell")
        if not any(re.search(r"^ *assert ", cell, re.MULTILINE) for cell in cells):
            said.append(f"{number}: nothing asserted")
    return said


CELL = """```{{code-cell}} ipython3
---
tags: [{tag}]
mystnb:
  code_prompt_show: Solution, computed
---
{code}
```
"""
GOOD = f"Why?\n\n{DROPDOWN}Therefore.\n```\n\n" + CELL.format(tag="hide-cell", code="assert True")


def page(*parts):
    """A page with these exercises."""
    numbered = "\n".join(f"**{number}.** {part}" for number, part in enumerate(parts, 1))
    return f"# A page\n\n## Exercises\n\n{numbered}\n## Claimed, predicted, measured\n"


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_two_to_four_exercises_with_folded_solutions(name):
    assert faults((BOOK / f"{name}.md").read_text(encoding="utf-8")) == []


def test_all_chapters_of_these_parts_are_tried():
    parts = (BOOK.parent / "_toc.yml").read_text(encoding="utf-8").split("- caption: ")
    tried = [part for part in parts if part.startswith(PARTS)]
    assert len(tried) == len(PARTS)
    assert re.findall(r"- file: book/(\w+)", "".join(tried)) == CHAPTERS


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((GOOD, GOOD), []),
        ((GOOD,), ["1 exercises"]),
        ((GOOD,) * 5, ["5 exercises"]),
        ((GOOD, GOOD.replace("Therefore.\n", "")), ["2: no solution in words"]),
        ((GOOD, GOOD.replace(":class: dropdown\n", "")), ["2: no solution in words"]),
        ((GOOD, GOOD.partition("```{code-cell}")[0]), ["no solution in code", "asserted"]),
        ((GOOD.replace("hide-cell", "hide-input"), GOOD), ["1: an open cell"]),
        ((GOOD.replace("assert True", "True"), GOOD), ["1: nothing asserted"]),
        ((GOOD.replace("Why?", "```\nopen\n```"), GOOD), ["1: a block within the question"]),
    ],
)
def test_a_planted_fault_is_found(parts, words):
    found = " ".join(faults(page(*parts)))
    assert all(word in found for word in words)
    assert bool(found) == bool(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (page(GOOD).replace("## Exercises", "## Questions"), "no section of exercises"),
        (page(GOOD).replace("## Claimed", "Claimed"), "no section after"),
        (page(GOOD, GOOD).replace("**2.**", "**3.**"), "not numbered"),
    ],
)
def test_a_section_that_is_not_one_is_refused(text, words):
    with pytest.raises(AssertionError, match=words):
        exercises(text)
