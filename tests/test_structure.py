"""The project: two houses, imports one way, a small public surface, no hidden randomness."""

import ast
import graphlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import superposition
from tests import size

ROOT = Path(__file__).parents[1]
LIB = ROOT / "lib"
SLOW = ("sympy", "matplotlib", "pandas", "sklearn", "torch", "scipy.stats", "scipy.optimize")
SLOW += ("distributed", "IPython", "tqdm")


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(LIB).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_name(path): path for path in size.modules(LIB)}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
CHAPTERS = [
    name.removeprefix("companion.")
    for name in MODULES
    if re.fullmatch(r"companion\.[a-z]\w+", name) and name != "companion.figures"
]


def only_for_types(node: ast.AST) -> bool:
    """Whether this is `if TYPE_CHECKING:`, which no program runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def running(tree: ast.AST):
    """All nodes of a tree that a program may run."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not only_for_types(child):
            yield from running(child)


def imports(name: str) -> set[str]:
    """Modules of either house that this one imports, also inside functions."""
    found = set()
    for node in running(TREES[name]):
        if isinstance(node, ast.ImportFrom) and node.module:
            within = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (within | {node.module}) & set(MODULES)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & set(MODULES)
    return found - {name}


def functions() -> list:
    return [
        pytest.param(node, id=f"{name}.{node.name}")
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]


def draws(tree: ast.AST) -> list[ast.Call]:
    """The calls that make a generator."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func).endswith("default_rng")]


def test_modules_import_one_way():
    """No module needs itself, however long the way: there is an order in which each comes later.

    A package counts as a module of its own, which imports what its __init__.py does.
    """
    order = graphlib.TopologicalSorter({name: imports(name) for name in MODULES})
    assert list(order.static_order())


def test_a_circle_would_be_found():
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())


def test_the_library_knows_nothing_of_the_book():
    library = [name for name in MODULES if name.split(".")[0] == "superposition"]
    assert len(library) > 50
    for name in library:
        assert not [other for other in imports(name) if other.startswith("companion")]


def test_theory_stands_by_itself():
    """Predictions must not see the code that they predict."""
    theory = [name for name in MODULES if name.startswith("superposition.theory")]
    assert len(theory) > 10
    for name in theory:
        assert all(other.startswith("superposition.theory") for other in imports(name))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_module_of_the_book_is_a_chapters(chapter):
    assert f"book/{chapter}\n" in (ROOT / "_toc.yml").read_text(encoding="utf-8") + "\n"


@pytest.mark.parametrize("node", functions())
def test_functions_stay_short_and_public_ones_are_documented(node):
    docstring = ast.get_docstring(node) or ""
    body = node.end_lineno - node.body[0].lineno + 1 - len(docstring.splitlines())
    assert body <= 40
    if not node.name.startswith("_") and node.body[0].col_offset == 4:
        assert docstring


def test_the_public_surface_is_small_sorted_and_there():
    assert superposition.__all__ == sorted(superposition.__all__)
    assert len(superposition.__all__) <= 22
    for name in superposition.__all__:
        assert getattr(superposition, name).__doc__


@pytest.mark.parametrize("name", MODULES)
def test_randomness_comes_only_through_a_generator(name):
    """Nothing draws from NumPy's global state, and who makes a generator says from which seed."""
    text = MODULES[name].read_text(encoding="utf-8")
    assert not re.search(r"random\.(seed|RandomState|rand|randn|normal|choice)\(", text)
    for call in draws(TREES[name]):
        assert [ast.unparse(argument) for argument in call.args] not in ([], ["None"])


@pytest.mark.parametrize("node", functions())
def test_a_generator_is_asked_for_and_never_made_up(node):
    """An argument named rng has no default: a result without a seed cannot be had by accident."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    n_required = len(arguments) - len(node.args.defaults)
    assert all(argument.arg != "rng" for argument in arguments[n_required:])
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        assert argument.arg != "rng" or default is None


def test_importing_the_library_loads_nothing_slow():
    """What is slow to load is loaded where it is used."""
    code = f"import sys, superposition; print([n for n in {SLOW} if n in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert run.stdout.decode().strip() == "[]", run.stderr.decode()


def test_the_installed_library_is_superposition_alone():
    """The wheel's packages, as pyproject.toml finds them."""
    import tomllib

    from setuptools import find_packages

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = project["tool"]["setuptools"]["packages"]["find"]
    packages = find_packages(str(ROOT / found["where"][0]), include=found["include"])
    assert {name.split(".")[0] for name in packages} == {"superposition"}
    assert set(packages) == {n for n in MODULES if (LIB / n.replace(".", "/")).is_dir()} - {
        "companion",
        "companion.figures",
    }


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("", 0),
        ('"""Words\nand words."""\n\nX = 1  # why\n', 1),
        ("# only words\n\ndef f():\n    '''Claim.'''\n    return (\n        1,\n    )\n", 4),
        ('X = """a\nb"""\n', 2),
        ("class A:\n    pass\n", 2),
    ],
)
def test_lines_of_code_are_counted_without_words(source, lines):
    assert size.code_lines(source) == lines


def test_sizes_are_within_budgets_that_are_no_larger_than_needed():
    found = size.budgeted()
    assert found.keys() == size.BUDGETS.keys()
    for name, lines in found.items():
        assert 0.97 * size.BUDGETS[name] <= lines <= size.BUDGETS[name], name


def adds(node):
    """Whether a node of a syntax tree adds to places of an array, or makes a network's weights."""
    if isinstance(node, ast.AugAssign):
        return isinstance(node.target, ast.Subscript)
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func)
    dense = name.endswith(".dense") and bool(node.args or node.keywords)
    makes = name in ("MLPNetwork", "ResidualNetwork", "superpose")
    return dense or makes or name.endswith((".add.at", ".add.reduceat"))


def test_large_weights_are_made_by_sums_alone():
    """Elsewhere no construction adds anything to places, but to states, bounds and directions."""
    found = {
        (name.removeprefix("superposition."), node.name)
        for name in MODULES
        if name.startswith("superposition.") and "interop" not in name
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.FunctionDef) and any(map(adds, ast.walk(node)))
    }
    of_weights = {(name, function) for name, function in found if name in ("sums", "network")}
    assert of_weights == {
        *(("sums", name) for name in ("dense", "_add_rows", "_scatter")),
        *(("network", name) for name in ("mlp_of", "residual_of")),
    }
    heart = ("constructions", "superposition", "readers")
    assert {pair for pair in found if pair[0].split(".")[0] in heart} == {
        ("constructions.gated_residual", "_bounds"),
        ("constructions.graphs", "encode"),
        ("constructions.stages", "linked"),
    }


def test_sizes_are_of_every_folder_and_add_up(monkeypatch):
    found = size.sizes()
    assert list(found) == list(size.FOLDERS)
    counted = sum(size.code_lines(path.read_text()) for path in size.modules(LIB / "companion"))
    assert found["lib/companion"].total() == counted > 1000
    monkeypatch.setattr(size, "sizes", lambda root: found)
    assert any("lib/superposition" in line for line in size.table())
