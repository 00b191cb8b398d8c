"""Adders and lookup tables modulo p: every case, noise below the tolerance, refusals."""

import numpy as np
import pytest

from companion.generalising import (
    Calculator,
    adder_circuits,
    lookup_circuits,
    nearest_residue,
    residues,
)
from superposition import GatedResidualConstruction
from superposition.circuits.graph import sample_paths


def run(circuits, inputs):
    """Last states (T, n, d) of every circuit on every input (n, d)."""
    n = circuits.n_circuits
    states = [
        circuits.run(np.broadcast_to(x, (1, n, len(x))), np.arange(n)[None])[-1][0] for x in inputs
    ]
    return np.stack(states, axis=1)


def test_residues_by_hand():
    assert residues(4) == pytest.approx(np.array([[1, 0], [0, 1], [-1, 0], [0, -1]]))
    assert nearest_residue(np.array([[0.1, 0.9], [-2, 1.5], [0.1, -0.05]]), 4).tolist() == [1, 2, 0]


@pytest.mark.parametrize("tolerance", [0, 0.25, 0.5])
@pytest.mark.parametrize("modulus", [3, 5, 7])
def test_lookups_give_every_entry_of_their_tables(modulus, tolerance, rng):
    tables = rng.integers(modulus, size=(4, modulus))
    circuits = lookup_circuits(tables, tolerance=tolerance)
    assert (circuits.n_layers, circuits.width) == (1, 4)
    assert circuits.n_neurons == (2 * modulus if tolerance else modulus)
    points = residues(modulus)
    inputs = np.concatenate([points, np.zeros_like(points)], axis=1)
    found = run(circuits, inputs)
    assert found[..., :2] == pytest.approx(np.broadcast_to(points, found[..., :2].shape))
    assert found[..., 2:] == pytest.approx(points[tables], abs=1e-12)


@pytest.mark.parametrize("tolerance", [0, 0.5])
def test_adders_give_every_sum(tolerance):
    """By plain integer arithmetic."""
    p, coefficients = 5, [[1, 1, 0], [2, 3, 4], [0, 4, 1]]
    circuits = adder_circuits(coefficients, p, tolerance=tolerance)
    assert circuits.n_neurons == p * p * (2 if tolerance else 1)
    points, pairs = residues(p), [(x, y) for x in range(p) for y in range(p)]
    inputs = [np.concatenate([points[x], points[y], [0, 0]]) for x, y in pairs]
    for found, (a, b, c) in zip(run(circuits, inputs), coefficients, strict=True):
        wanted = [points[(a * x + b * y + c) % p] for x, y in pairs]
        assert found[:, 4:] == pytest.approx(np.array(wanted), abs=1e-12)
        assert nearest_residue(found[:, 4:], p).tolist() == [
            (a * x + b * y + c) % p for x, y in pairs
        ]


def test_noise_below_the_tolerance_changes_nothing(rng):
    """A shift of s / gain along any direction of what is heard; above it, something changes."""
    modulus, tolerance = 7, 0.5
    circuits = lookup_circuits(rng.permutation(modulus)[None], tolerance=tolerance)
    gain = (1 + 2 * tolerance) / (1 - np.cos(2 * np.pi / modulus))
    points = residues(modulus)
    clean = run(circuits, np.concatenate([points, 0 * points], axis=1))
    for size, same in ((0.99, True), (1.5, False)):
        shift = size * tolerance / gain
        for angle in np.linspace(0, 2 * np.pi, 50):
            moved = points + shift * np.array([np.cos(angle), np.sin(angle)])
            found = run(circuits, np.concatenate([moved, 0 * points], axis=1))[..., 2:]
            if same:
                assert found == pytest.approx(clean[..., 2:], abs=1e-12)
    assert not np.allclose(found, clean[..., 2:])


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match=r"^tables: wanted entries from 0 to 2, got 0 to 3$"):
        lookup_circuits([[0, 1, 3]])
    with pytest.raises(ValueError, match=r"^tables.shape\[1\]: wanted at least 3, got 2$"):
        lookup_circuits([[0, 1]])
    with pytest.raises(ValueError, match=r"^tables.shape\[1\]: wanted at least 3, got 0$"):
        lookup_circuits([0, 1, 2])
    with pytest.raises(ValueError, match=r"^tolerance: wanted at least 0, got -1$"):
        lookup_circuits([[0, 1, 2]], tolerance=-1)
    with pytest.raises(ValueError, match=r"^coefficients: wanted shape \(circuits, three = 3\)"):
        adder_circuits([[1, 2]], 5)
    with pytest.raises(ValueError, match=r"^modulus: wanted at least 3, got 2$"):
        residues(2)


@pytest.fixture(scope="module")
def calculator():
    return Calculator.draw(40, 50, 5, np.random.default_rng(3), fan_in=2)


def test_a_chain_answers_as_whole_numbers_do(calculator, rng):
    """The graph by itself; and by hand, one chain in plain arithmetic."""
    paths = sample_paths(calculator.graph, 200, rng)
    operands = rng.integers(5, size=(200, 1, 3))
    inputs = calculator.inputs(paths, operands)
    said = calculator.read_answers(calculator.graph.run(inputs, paths))
    assert np.array_equal(said, calculator.answers(paths, operands))
    adder, table, last = (paths[0] - [0, 40, 90]).tolist()
    x, y, z = operands[0, 0].tolist()
    a, b, c = calculator.first[adder].tolist()
    one = (a * x + b * y + c) % 5
    two = int(calculator.tables[table][one])
    a, b, c = calculator.last[last].tolist()
    assert said[0].tolist() == [one, two, (a * two + b * z + c) % 5]
    assert len(np.unique(calculator.first, axis=0)) == 40
    assert (calculator.first[:, :2] > 0).all()


def test_hundreds_in_one_network_answer_without_a_mistake(calculator, rng):
    large = GatedResidualConstruction(input_bound=1.5).compress(calculator.graph, rng)
    paths = sample_paths(calculator.graph, 300, rng)
    operands = rng.integers(5, size=(300, 1, 3))
    states = large.run(calculator.inputs(paths, operands), paths)
    assert np.array_equal(calculator.read_answers(states), calculator.answers(paths, operands))


def test_several_chains_are_asked_at_once(calculator, rng):
    paths = sample_paths(calculator.graph, 50, rng, n_paths=2)
    operands = rng.integers(5, size=(50, 2, 3))
    inputs = calculator.inputs(paths, operands)
    both = calculator.answers(paths, operands)
    for i in range(2):
        part = slice(3 * i, 3 * i + 3)
        one = paths[:, part], operands[:, i : i + 1]
        assert np.array_equal(both[:, part], calculator.answers(*one))
        assert np.array_equal(inputs[:, part], calculator.inputs(*one))
    assert np.array_equal(calculator.read_answers(calculator.graph.run(inputs, paths)), both)


def test_more_adders_than_there_are_are_refused(rng):
    with pytest.raises(ValueError, match=r"^n_adders: wanted at most 80, different ones modulo 5"):
        Calculator.draw(81, 3, 5, rng)
