"""What tests/mutation is told still fits the library and the tests; it is run by `make mutate`."""

import ast
import re
import tomllib
from pathlib import Path

import mutants
import pytest
import run
import score
from mutants import KILLED, SURVIVED, TIMEOUT, Mutant

ROOT = Path(__file__).parents[2]
GROUPS = tomllib.loads(run.GROUPS.read_text())
MODULES = [module for group in GROUPS.values() for module in group["modules"]]


def functions(path):
    """Each function of a file by its name, methods as Class.method."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner


def path_of(module):
    return ROOT / "lib" / f"{module.replace('.', '/')}.py"


def test_modules_exist_and_are_mutated_once():
    assert all(path_of(module).is_file() for module in MODULES)
    assert len(set(MODULES)) == len(MODULES)


@pytest.mark.parametrize(
    "test", sorted({test for each in GROUPS.values() for test in each["tests"]})
)
def test_tests_exist(test):
    name, _, function = test.partition("::")
    names = [name for name, _ in functions(ROOT / "tests" / name)]
    assert not function or function in names


def test_excused_survivors_are_still_there():
    for module, function, was, _ in mutants.excuses():
        assert module in MODULES
        found = dict(functions(path_of(module)))
        assert function in found, f"{module}: {function}"
        lines = mutants.unparsed(found[function])
        assert set(was.splitlines()) <= set(lines), f"{module}, {function}: {was}"


def test_no_survivor_is_excused_twice_and_none_without_a_reason():
    reasons = tomllib.loads(mutants.SURVIVORS.read_text())["reason"]
    assert all(len(reason["why"].split()) > 2 for reason in reasons)
    changes = [len(each["changes"]) for reason in reasons for each in reason["survivors"]]
    assert sum(changes) == len(mutants.excuses())


def test_the_table_is_of_these_modules():
    rows = re.findall(r"^\| ([\w.]+) \| \d+", score.README.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(MODULES)


def test_the_makefile_runs_it():
    assert "mutate: venv" in (ROOT / "Makefile").read_text()
    assert "tests/mutation/run.py" in (ROOT / "Makefile").read_text()


def test_what_mutmut_is_told_is_toml():
    group = {"modules": ["superposition.codes.a"], "tests": ["test_a.py::test_b"]}
    told = tomllib.loads(run.settings(group))["tool"]["mutmut"]
    assert told["only_mutate"] == ["src/superposition/codes/a.py"]
    assert told["pytest_add_cli_args_test_selection"] == ["tests/test_a.py::test_b"]


def test_properties_are_mutated_as_functions():
    source = '''
class A:
    @property
    def one(self) -> int:
        """A line.

        Another."""
        return 1

    @staticmethod
    def two() -> int:
        return 2
'''
    plain = run.plain_properties(source)
    assert "@property" not in plain
    assert "@staticmethod" in plain
    names: dict = {}
    exec(plain, names)
    assert (names["A"]().one, names["A"].two()) == (1, 2)


MUTATED = """
def x_f__mutmut_orig(a):
    if a < 1:
        raise ValueError('a: small')
    return a + 1

def x_f__mutmut_1(a):
    if a <= 1:
        raise ValueError('a: small')
    return a + 1

def x_f__mutmut_2(a):
    if a < 1:
        raise ValueError('A: SMALL')
    return a + 1

class B:
    def xǁBǁg__mutmut_orig(self):
        return 1
    def xǁBǁg__mutmut_1(self):
        return 2
"""


def test_mutants_are_read_with_their_verdicts(tmp_path):
    folder = tmp_path / "mutants/src/superposition/codes"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text(MUTATED)
    statuses = {"x_f__mutmut_1": 1, "x_f__mutmut_2": 0, "xǁBǁg__mutmut_1": -24}
    names = {f"superposition.codes.a.{name}": status for name, status in statuses.items()}
    (folder / "a.py.meta").write_text(mutants.json.dumps({"exit_code_by_key": names}))
    one, two, three = mutants.read_mutants(
        tmp_path, ["superposition.codes.a", "superposition.codes.untried"]
    )
    assert one.key == ("superposition.codes.a", "f", "if a < 1:", "if a <= 1:")
    assert (one.verdict, two.verdict, three.verdict) == (KILLED, SURVIVED, TIMEOUT)
    assert (one.message, two.message, three.message) == (False, True, False)
    assert three.key == ("superposition.codes.a", "B.g", "return 1", "return 2")
    assert mutants.not_killed(tmp_path, ["superposition.codes.a"]) == [two.name, three.name]


def made(n_killed, n_survived):
    verdicts = [KILLED] * n_killed + [SURVIVED] * n_survived
    return [Mutant(str(i), "a", "f", "x", str(i), False, v) for i, v in enumerate(verdicts)]


def test_too_few_kills_fail_and_so_does_a_survivor_without_an_excuse():
    some = made(9, 1)
    assert score.below(some, {})
    assert "survived: 9" in score.report(some, {})
    assert not score.below(some, {some[9].key: "why"})
    some = made(8, 2)
    assert score.below(some, {mutant.key: "why" for mutant in some})
    assert "| a | 10 | 8 | 0 | 2 | 0 | 80.0% |" in score.table(some, {})


def test_verdicts_outlive_a_run_that_asks_for_others(tmp_path):
    """But not those on a function that has changed."""
    path = tmp_path / "sums.py.meta"
    statuses = {"sums.x_a__mutmut_1": 1, "sums.x_a__mutmut_2": 0, "sums.x_b__mutmut_1": 1}
    before = {"exit_code_by_key": statuses, "hash_by_function_name": {"x_a": "1", "x_b": "1"}}
    after = {
        "exit_code_by_key": {name: 1 if name.endswith("2") else None for name in statuses},
        "hash_by_function_name": {"x_a": "1", "x_b": "2"},
    }
    path.write_text(run.json.dumps(after))
    run.remember(path, before)
    assert list(run.json.loads(path.read_text())["exit_code_by_key"].values()) == [1, 1, None]
