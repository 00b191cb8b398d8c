"""How large the project is: lines of code by folder, without blanks, comments and docstrings.

`python tests/size.py` prints a table. A line counts if it holds code, whatever its length.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("lib/superposition", "lib/companion", "tests", "book/tools")
HEART = (
    "maps",
    "chain_maps",
    "readers",
    "sums",
    "network",
    "superposition",
    "constructions",
)  # of the library: what makes large networks
# What each may hold. The aims were 6,500 for the library and 1,800 for its heart. Of the heart
# nearly half is what constructions say beside their weights: refusals, memory, sizes, predictions.
# Of the rest of the library 1,200 lines are derivations, 1,000 predictions, 1,000 circuits. Before
# the sums were kept, the heart alone had 3,200, and four other modules derived them anew. Then 850
# lines came for what had been silently wrong: the form in which circuits are held, bounds on
# rounding, sampled predictions of three constructions, errors and sizes circuit by circuit. The
# told network took 60 of the heart. Of the companion's last 300 lines a third judges claims by data
# at several sizes, a third tunes the scoreboard's rows by one rule, and the rest draws for phones
# and computes what is said of the field. Tests that killed the last unexcused mutants took 120
# lines, words that pages may not use 40, the sample of stored rows 200 (for 140 that went), runs
# of chapters that the build and the comparison share 100. The book's tools have 110 lines more for
# these runs, for builds after small changes, and for links to a repository. Other people's models,
# from pipelines and modules of many kinds, which answer in their own shapes, took 570 lines of the
# library and as many of its tests.
BUDGETS = {
    "heart": 3_200,
    "lib/superposition": 10_760,
    "lib/companion": 7_100,
    "tests": 20_450,
    "book/tools": 1_290,
}
_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(source: str) -> int:
    """The number of lines of a module that hold code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {
        line
        for token in tokens
        if token.type not in _SILENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        lines -= set(_docstring(node))
    return len(lines)


def _docstring(node: ast.AST) -> Iterable[int]:
    """The lines of a definition's or a module's docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if not isinstance(node, kinds) or ast.get_docstring(node, clean=False) is None:
        return ()
    first = node.body[0]
    return range(first.lineno, (first.end_lineno or first.lineno) + 1)


def modules(folder: Path) -> Iterator[Path]:
    """The Python files below a folder, in order."""
    return (path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts)


def sizes(root: Path = ROOT) -> dict[str, Counter[str]]:
    """Of each folder, and of each folder or module right below it: its lines of code."""
    found = {}
    for name in FOLDERS:
        found[name] = Counter[str]()
        for path in modules(root / name):
            below = path.relative_to(root / name).parts[0].removesuffix(".py")
            found[name][below] += code_lines(path.read_text(encoding="utf-8"))
    return found


def budgeted(root: Path = ROOT) -> dict[str, int]:
    """The lines of everything that has a budget."""
    found = sizes(root)
    heart = sum(found["lib/superposition"][name] for name in HEART)
    return {"heart": heart} | {name: parts.total() for name, parts in found.items()}


def table(root: Path = ROOT) -> Iterator[str]:
    """The lines of the printed table."""
    for name, parts in sizes(root).items():
        n_modules = sum(1 for _ in modules(root / name))
        yield f"{parts.total():7,}  {name}, {n_modules} modules"
        yield from (f"{lines:15,}  {part}" for part, lines in sorted(parts.items()))
    yield from (f"{n:7,}  {name}, of {BUDGETS[name]:,}" for name, n in budgeted(root).items())


if __name__ == "__main__":
    print("\n".join(table()))
