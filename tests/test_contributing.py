"""The construction that CONTRIBUTING shows is one, in a file of at most 100 lines."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from superposition import MLPCircuits, measure_error
from superposition.bench import ground_truth

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL).group(1)


@pytest.fixture
def large(rng, monkeypatch):
    module = ModuleType("private")
    monkeypatch.setitem(sys.modules, "private", module)  # dataclasses look for it
    exec(compile(CODE, "CONTRIBUTING.md", "exec"), vars(module))
    circuits = MLPCircuits.random(9, [2, 3, 2], rng)
    return module.PrivateConstruction().compress(circuits, rng)


def test_it_fits_a_page():
    assert len(CODE.splitlines()) <= 100


def test_it_computes_all_circuits_at_once(large, rng):
    table = measure_error(large, 9, 50, rng)
    assert table["worst"].max() < 1e-12


def test_everything_else_is_read_off_its_sums(large, rng):
    first = large.embed(rng.standard_normal((4, 2, 2)), np.array([[0, 3]] * 4))
    wanted, found = large.network.run(first)[-1], large.in_factors().network.run(first)[-1]
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    truth = ground_truth(large)
    for matrix, weights in zip(truth.matrices, large.network.weights, strict=True):
        total = sum(matrix.component(t) for t in range(9))
        np.testing.assert_array_equal(total, weights)
