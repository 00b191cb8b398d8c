"""The mutants that mutmut made: what each changes, and what became of it."""

from __future__ import annotations

import ast
import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SURVIVORS = Path(__file__).with_name("survivors.toml")
KILLED, SURVIVED, TIMEOUT = "killed", "survived", "timeout"
# exit statuses of pytest (1, 3: a test failed, or the session broke down) and of signals
_VERDICTS = {
    1: KILLED,
    3: KILLED,
    -24: TIMEOUT,
    24: TIMEOUT,
    152: TIMEOUT,
    -9: TIMEOUT,
    -11: KILLED,
}


@dataclass(frozen=True)
class Mutant:
    """One change in one function, in words that do not depend on mutmut's numbers.

    name:     mutmut's, for `mutmut show`.
    module:   with its package. function: with its class, "SparseCode.draw".
    was, now: the statement, as `ast.unparse` writes it, before and after.
    message:  it changes what an error says, and nothing else.
    verdict:  KILLED, SURVIVED (or no test runs it) or TIMEOUT; None if it was not tried.
    """

    name: str
    module: str
    function: str
    was: str
    now: str
    message: bool
    verdict: str | None

    @cached_property
    def key(self) -> tuple[str, str, str, str]:
        """What it is known by in the list of excused survivors."""
        return self.module, self.function, self.was, self.now


def excuses() -> dict[tuple[str, str, str, str], str]:
    """Reasons for survivors that are left, by `Mutant.key`."""
    return {
        (each["module"], each["function"], was, now): reason["why"]
        for reason in tomllib.loads(SURVIVORS.read_text())["reason"]
        for each in reason["survivors"]
        for was, now in each["changes"]
    }


def read_mutants(copy: Path, modules: Iterable[str]) -> list[Mutant]:
    """The mutants of modules, from the folder in which mutmut ran, with their verdicts."""
    found = []
    for path, statuses in _statuses(copy, modules):
        functions = dict(_functions(ast.parse(path.read_text())))
        found += [_mutant(name, functions, status) for name, status in statuses.items()]
    return found


def not_killed(copy: Path, modules: Iterable[str]) -> list[str]:
    """Names of mutants that survived an earlier run, or ran out of time."""
    statuses = [status for _, each in _statuses(copy, modules) for status in each.items()]
    return [name for name, status in statuses if status is not None and _verdict(status) != KILLED]


def unparsed(function: ast.FunctionDef) -> list[str]:
    """A function's lines, one for each statement."""
    return [line.strip() for line in ast.unparse(function).splitlines()]


def _mutant(name: str, functions: dict[str, ast.FunctionDef], status: int | None) -> Mutant:
    module, _, mangled = name.rpartition(".")
    plain, _, _ = mangled.partition("__mutmut_")
    before, after = functions[f"{plain}__mutmut_orig"], functions[mangled]
    function = plain.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    before.name = after.name = function.rpartition(".")[2]
    lines = list(difflib.ndiff(unparsed(before), unparsed(after)))
    was, now = ("\n".join(line[2:] for line in lines if line[0] == sign) for sign in "-+")
    message = _without_messages(before) == _without_messages(after)
    return Mutant(name, module, function, was, now, message, _verdict(status))


def _verdict(status: int | None) -> str | None:
    return None if status is None else _VERDICTS.get(status, SURVIVED)


def _statuses(copy: Path, modules: Iterable[str]) -> Iterator[tuple[Path, dict[str, int | None]]]:
    """Files with mutants, and mutmut's notes on each: the exit status of its tests."""
    for module in modules:
        path = copy / "mutants/src" / f"{module.replace('.', '/')}.py"
        notes = path.with_suffix(".py.meta")
        if notes.exists():
            yield path, json.loads(notes.read_text())["exit_code_by_key"]


def _functions(module: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in module.body:
        for inner in [node, *(node.body if isinstance(node, ast.ClassDef) else [])]:
            if isinstance(inner, ast.FunctionDef):
                yield inner.name, inner


def _without_messages(function: ast.FunctionDef) -> str:
    """The function, of what it raises only the kinds."""
    copy = deepcopy(function)
    for node in ast.walk(copy):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc.args = []
    return ast.dump(copy)
