"""Do the tests bite? mutmut changes the library's core, one place at a time; some test must fail.

    python tests/mutation/run.py [--left] [GROUP …]

All groups of groups.toml, or those given, each in its own copy of the library in _build/mutation;
with --left, only mutants that were not killed the last time. What is counted, and which survivors
are excused, is told in README.md beside this file; its table is written here.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from mutants import Mutant, excuses, not_killed, read_mutants
from score import below, report, write_table

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build/mutation"
GROUPS = Path(__file__).with_name("groups.toml")
CHILDREN = min(2, os.cpu_count() or 1)
PYTEST = [
    "--hypothesis-profile=mutation",
    *("-p", "no:threadexception"),
    *("-p", "no:unraisableexception"),
]


def main(arguments: list[str]) -> int:
    """Runs mutmut; 1 if too many survive, or one that nobody excuses."""
    groups = tomllib.loads(GROUPS.read_text())
    for name in [argument for argument in arguments if argument != "--left"] or groups:
        copy_all(BUILD / name, groups[name])
        mutmut(BUILD / name, groups[name]["modules"], only_left="--left" in arguments)
    mutants: list[Mutant] = []
    for name, group in groups.items():
        mutants += read_mutants(BUILD / name, group["modules"])
    print(report(mutants, known := excuses()))
    write_table(mutants, known)
    return int(below(mutants, known))


def copy_all(copy: Path, group: dict[str, list[str]]) -> None:
    """The library as src (mutmut knows no other name), without decorators that it leaves alone."""
    for path in (ROOT / "lib").rglob("*.py"):
        copied(copy / "src" / path.relative_to(ROOT / "lib"), plain_properties(path.read_text()))
    for tests in (copy / "tests", copy / "mutants/tests"):
        shutil.rmtree(tests, ignore_errors=True)
    shutil.copytree(ROOT / "tests", copy / "tests")
    copied(copy / "pyproject.toml", (ROOT / "pyproject.toml").read_text() + settings(group))


def settings(group: dict[str, list[str]]) -> str:
    """mutmut's section of pyproject.toml."""
    paths = [f"src/{module.replace('.', '/')}.py" for module in group["modules"]]
    given = {
        "source_paths": ["src"],
        "only_mutate": paths,
        "pytest_add_cli_args": PYTEST,
        "pytest_add_cli_args_test_selection": [f"tests/{test}" for test in group["tests"]],
        "timeout_constant": 5,
        "timeout_multiplier": 4,
        "on_dependency_change": "ignore",
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    return "\n".join(["", "[tool.mutmut]", "use_git_change_detection = false", *lines, ""])


def copied(path: Path, text: str) -> None:
    """Written only where it differs: mutmut keeps the verdicts on files that are as they were."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def plain_properties(source: str) -> str:
    """`@property def f` becomes `def f; f = property(f)`: mutmut passes over what is decorated."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.FunctionDef) and len(node.decorator_list) == 1):
            continue
        if (name := ast.unparse(node.decorator_list[0])) in ("property", "cached_property"):
            lines[node.decorator_list[0].lineno - 1] = "\n"
            after = f"{' ' * node.col_offset}{node.name} = {name}({node.name})\n"
            lines[(node.end_lineno or 0) - 1] += after
    return "".join(lines)


def mutmut(copy: Path, modules: list[str], only_left: bool) -> None:
    """Mutants that have no verdict yet, and once more those that an earlier run has not killed."""
    left = not_killed(copy, modules)
    if not only_left:
        call(copy, [])
    if left:
        before = {path: json.loads(path.read_text()) for path in copy.rglob("*.py.meta")}
        call(copy, left)
        for path, notes in before.items():
            remember(path, notes)


def remember(path: Path, before: dict[str, dict[str, Any]]) -> None:
    """Gives back verdicts that mutmut drops where it is asked for other mutants alone.

    Those on functions that have changed since are of other mutants, and stay away.
    """
    notes = json.loads(path.read_text())
    hashes = [each["hash_by_function_name"] for each in (before, notes)]
    for name, status in notes["exit_code_by_key"].items():
        function = name.rpartition(".")[2].partition("__mutmut_")[0]
        same = hashes[0].get(function) == hashes[1].get(function)
        if status is None and same:
            notes["exit_code_by_key"][name] = before["exit_code_by_key"].get(name)
    path.write_text(json.dumps(notes))


def call(copy: Path, names: list[str]) -> None:
    """One run of mutmut; NumPy on one thread, since it is forked, and pytest without plugins."""
    environment = {
        **os.environ,
        **{f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "_hypothesis_pytestplugin",
        "PYTHONPATH": "",
    }
    command = [str(Path(sys.executable).parent / "mutmut"), "run", f"--max-children={CHILDREN}"]
    subprocess.run([*command, *names], cwd=copy, env=environment, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
