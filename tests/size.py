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


def table(root: Path = ROOT) -> Iterator[str]:
    """The lines of the printed table."""
    for name, parts in sizes(root).items():
        n_modules = sum(1 for _ in modules(root / name))
        yield f"{parts.total():7,}  {name}, {n_modules} modules"
        yield from (f"{lines:15,}  {part}" for part, lines in sorted(parts.items()))


if __name__ == "__main__":
    print("\n".join(table()))
