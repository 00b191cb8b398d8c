"""Each input picks a chain of three from hundreds of adders and lookup tables modulo p."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from superposition._check import Floats, Integers, positive_int
from superposition.circuits import CircuitGraph, Edges, Stage
from superposition.circuits.arithmetic import (
    adder_circuits,
    lookup_circuits,
    nearest_residue,
    residues,
)

STAGES = ("adders", "tables", "more adders")
# where each stage's circuits have their answers
_ANSWERS = (slice(4, 6), slice(2, 4), slice(4, 6))


@dataclass(frozen=True, eq=False)
class Calculator:
    """Adders feed tables, and the tables feed more adders.

    `first` and `last` (T, 3) hold α, β and γ of the adders, which compute α x + β y + γ mod p.
    `tables` (T', p) holds the tables. `graph` holds all of them as circuits. An adder of the last
    stage takes a table's answer as its x, and gets its y from the input.
    """

    modulus: int
    first: Integers
    tables: Integers
    last: Integers
    graph: CircuitGraph

    @classmethod
    def draw(
        cls,
        n_adders: int,
        n_tables: int,
        modulus: int,
        rng: np.random.Generator,
        *,
        fan_in: int = 3,
        tolerance: float = 0.5,
    ) -> Calculator:
        """Draw different adders with α and β not zero, and random tables.

        Each table and each adder of the last stage may be fed by `fan_in` circuits. Raises
        ValueError for more adders than exist, (p − 1)² p.
        """
        p = modulus
        most = (p - 1) ** 2 * p
        positive_int("n_adders", n_adders, most, f", different ones modulo {p}")
        a, b, c = np.indices((p - 1, p - 1, p)).reshape(3, -1)
        kinds = np.stack([a + 1, b + 1, c], axis=1)
        first, last = (kinds[rng.permutation(most)[:n_adders]] for _ in range(2))
        tables = rng.integers(p, size=(n_tables, p))
        circuits = (
            adder_circuits(first, p, tolerance=tolerance),
            lookup_circuits(tables, tolerance=tolerance),
            adder_circuits(last, p, tolerance=tolerance),
        )
        stages = {
            name: Stage(each, i)
            for i, (name, each) in enumerate(zip(STAGES, circuits, strict=True))
        }
        edges = [
            _edges(stages, STAGES[i], STAGES[i + 1], _ANSWERS[i], fan_in, rng) for i in range(2)
        ]
        return cls(p, first, tables, last, CircuitGraph(stages, edges))

    def inputs(self, paths: Integers, operands: Integers) -> Floats:
        """Return the circuits' inputs, (n, 3k, 6), for `paths`, (n, 3k), and `operands`, (n, k, 3).

        Paths are circuits of k chains, operands are residues: x and y of the first adder, and y of
        the last.
        """
        points = residues(self.modulus)[operands]
        out = np.zeros((*paths.shape, self.graph.width))
        out[:, ::3, :2], out[:, ::3, 2:4] = points[:, :, 0], points[:, :, 1]
        out[:, 2::3, 2:4] = points[:, :, 2]
        return out

    def answers(self, paths: Integers, operands: Integers) -> Integers:
        """Compute each circuit's right answer, (n, 3k), in whole numbers, without a network."""
        starts = list(self.graph.first.values())
        adder, table, last = (paths[:, i::3] - starts[i] for i in range(3))
        x, y, z = np.moveaxis(operands, -1, 0)
        one = _sum(self.first[adder], x, y) % self.modulus
        two = self.tables[table, one]
        three = _sum(self.last[last], two, z) % self.modulus
        return np.stack([one, two, three], axis=-1).reshape(paths.shape)

    def read_answers(self, states: Sequence[Floats]) -> Integers:
        """Read each circuit's answer, (n, 3k), from its state after its layer.

        `states` are those after 0 … 3 layers. An answer is the residue nearest to what is read.
        """
        read = [states[i + 1][:, i::3, _ANSWERS[i]] for i in range(3)]
        return np.stack([nearest_residue(r, self.modulus) for r in read], axis=-1).reshape(
            states[0].shape[:2]
        )


def _sum(coefficients: Integers, x: Integers, y: Integers) -> Integers:
    a, b, c = np.moveaxis(coefficients, -1, 0)
    return a * x + b * y + c


def _edges(
    stages: dict[str, Stage],
    source: str,
    target: str,
    answer: slice,
    fan_in: int,
    rng: np.random.Generator,
) -> Edges:
    """Connect each circuit of the target to the answers of `fan_in` random circuits, as its x."""
    before, after = stages[source].circuits, stages[target].circuits
    map_ = np.zeros((after.width, before.width))
    map_[:2, answer] = np.eye(2)
    targets = np.repeat(np.arange(after.n_circuits), fan_in)
    sources = [rng.permutation(before.n_circuits)[:fan_in] for _ in range(after.n_circuits)]
    return Edges(source, target, np.stack([np.concatenate(sources), targets], axis=1), map_)
