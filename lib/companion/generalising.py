"""Circuits that feed each other: random graphs, adders, tables, and a calculator of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from superposition._check import (
    Floats,
    Integers,
    positive_int,
    real_array,
    whole_array,
    whole_number,
)
from superposition.circuits import CircuitGraph, Edges, ResidualCircuits, Stage
from superposition.circuits.graph import sample_paths
from superposition.constructions import GatedResidualConstruction, ResidualConstruction
from superposition.constructions.graphs import undisturbed
from superposition.measure import path_errors
from superposition.theory import chains, generalising, symbols
from superposition.theory.derivation import evaluate


def residues(modulus: int) -> Floats:
    """Return the points that stand for 0 … p − 1, (p, 2). Raises ValueError for p < 3."""
    angles = 2 * np.pi * np.arange(whole_number("modulus", modulus, 3)) / modulus
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def nearest_residue(points: Floats, modulus: int) -> Integers:
    """Return the residues (…) that are nearest to points (…, 2)."""
    return np.asarray((points @ residues(modulus).T).argmax(axis=-1))


def lookup_circuits(tables: Integers, *, tolerance: float = 0.5) -> ResidualCircuits:
    """Make T networks of one layer and width 4, each of which looks x up in a table f_t.

    tables: (T, p), the values f_t(0) … f_t(p − 1).
    tolerance: s, the noise in a neuron's input that changes nothing, in units of the step's height.

    The first two entries of the state hold x, and f_t(x) is put into the other two. Each residue
    has two neurons, (eq-residue). With s = 0 one of the two is enough, and noise is passed on.
    Raises ValueError for entries beyond 0 … p − 1, p < 3, or a tolerance below 0.
    """
    tables = np.asarray(tables)
    modulus = whole_number("tables.shape[1]", tables.shape[1] if tables.ndim > 1 else 0, 3)
    tables = whole_array("tables", tables, "circuits residues", {}, modulus)
    points = residues(modulus)
    inputs = np.concatenate([points, np.zeros_like(points)], axis=1)
    return _circuits(inputs, points[tables], np.cos(2 * np.pi / modulus), 1.0, tolerance)


def adder_circuits(
    coefficients: Integers, modulus: int, *, tolerance: float = 0.5
) -> ResidualCircuits:
    """Make T networks of one layer and width 6, which compute α_t x + β_t y + γ_t mod p.

    coefficients: (T, 3), each circuit's α, β and γ.
    modulus: p.
    tolerance: the noise that changes nothing, as in `lookup_circuits`.

    The first two entries of the state hold x, the next two hold y, and the sum is put into the last
    two. Each pair of residues has two neurons, as in `lookup_circuits`. Raises ValueError for
    coefficients beyond 0 … p − 1, p < 3, or a tolerance below 0.
    """
    points = residues(modulus)
    coefficients = whole_array(
        "coefficients", coefficients, "circuits three", {"three": 3}, modulus
    )
    x, y = np.divmod(np.arange(modulus**2), modulus)
    sums = (coefficients[:, :2] @ np.stack([x, y]) + coefficients[:, 2:]) % modulus
    inputs = np.concatenate([points[x], points[y], np.zeros((modulus**2, 2))], axis=1)
    return _circuits(inputs, points[sums], 1 + np.cos(2 * np.pi / modulus), 2.0, tolerance)


def _circuits(
    inputs: Floats, answers: Floats, next_best: float, best: float, tolerance: float
) -> ResidualCircuits:
    """Make circuits of steps ReLU(z) − ReLU(z − 1), one step for each case.

    In its own case z is 1 + s, and at most −s in all others.

    inputs: (n, d), z without its bias and up to scale.
    answers: (T, n, 2), what each case adds to the last two entries.
    next_best: the largest product of `inputs` with a state of another case.
    best: the product of `inputs` with a state of its own case.
    """
    s = float(real_array("tolerance", tolerance, "", {}))
    if s < 0:
        raise ValueError(f"tolerance: wanted at least 0, got {tolerance}")
    gain = (1 + 2 * s) / (best - next_best)
    bias = np.full(len(inputs), 1 + s - gain * best)
    read, write, biases = (
        gain * inputs,
        np.zeros((len(answers), inputs.shape[1], len(inputs))),
        bias,
    )
    write[:, -2:] = answers.swapaxes(1, 2)
    if s > 0:  # the step's upper end
        read, biases = np.concatenate([read, read]), np.concatenate([bias, bias - 1])
        write = np.concatenate([write, -write], axis=2)
    shape = 1, len(answers)
    return ResidualCircuits(
        np.broadcast_to(read, (*shape, *read.shape)),
        np.broadcast_to(biases, (*shape, len(biases))),
        write[None],
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


def random_graph(
    n_circuits: int,
    rng: np.random.Generator,
    *,
    widths: Sequence[int] = (4, 4, 4),
    n_neurons: int = 8,
    n_layers: int = 1,
    fan_in: int = 2,
) -> CircuitGraph:
    """Return a graph of random circuits in stages.

    Each circuit may be fed by `fan_in` circuits of the stage before. A state consists of an input
    of width d and an output of width d. Circuits write to the output alone, and edges turn outputs
    into inputs.
    """
    stages = {
        f"stage {i + 1}": Stage(_with_ports(n_circuits, d, n_neurons, n_layers, rng), i * n_layers)
        for i, d in enumerate(widths)
    }
    edges = []
    for (source, target), (before, after) in zip(pairwise(stages), pairwise(widths), strict=True):
        targets = np.repeat(np.arange(n_circuits), fan_in)
        sources = np.concatenate([rng.permutation(n_circuits)[:fan_in] for _ in range(n_circuits)])
        maps = np.zeros((len(targets), 2 * after, 2 * before))
        maps[:, :after, before:] = _turns(len(targets), after, before, rng)
        edges.append(Edges(source, target, np.stack([sources, targets], axis=1), maps))
    return CircuitGraph(stages, edges)


def _with_ports(
    n_circuits: int, width: int, n_neurons: int, n_layers: int, rng: np.random.Generator
) -> ResidualCircuits:
    """Return random circuits of twice that width, scaled for states half of which are zero."""
    drawn = ResidualCircuits.random(n_circuits, 2 * width, n_neurons, n_layers, rng)
    write = np.sqrt(2) * drawn.write_out
    write[:, :, :width] = 0
    return ResidualCircuits(np.sqrt(2) * drawn.read_in, drawn.bias, write)


def _turns(n: int, after: int, before: int, rng: np.random.Generator) -> Floats:
    """Return random maps (n, after, before): the part of a random rotation that has room."""
    most = max(after, before)
    return np.linalg.qr(rng.standard_normal((n, most, most))).Q[:, :after, :before]


def along_paths(
    n_circuits: int,
    rng: np.random.Generator,
    *,
    n_paths: int = 1,
    fan_in: int = 2,
    margin: float = 1.0,
    stream_width: int = 1024,
    n_samples: int = 300,
) -> pd.DataFrame:
    """Measure and predict the errors of a random graph in the post's network with M = 2D.

    The table is that of `path_errors`, with a row for each stage. `predicted` is the relative_mse
    of `predict_paths`.
    """
    graph = random_graph(n_circuits, rng, fan_in=fan_in)
    construction = ResidualConstruction(stream_width, 2 * stream_width, margin=margin)
    errors = path_errors(construction.compress(graph, rng), n_paths, n_samples, rng)
    predicted = construction.predict_paths(graph, n_paths)["relative_mse"]
    return errors.assign(predicted=predicted)


def undisturbed_paths(
    stream_width: int, rng: np.random.Generator, *, n_paths: int = 2, n_circuits: int = 100
) -> pd.DataFrame:
    """Measure the share of circuits that nothing disturbs while several paths are active, by stage.

    The random graph is in gated superposition. `prime` belongs to the stages' planes, `free` is
    measured on 2,000 samples, and `predicted` is (eq-path-undisturbed).
    """
    graph = random_graph(n_circuits, rng)
    large = GatedResidualConstruction(stream_width).compress(graph, rng)
    active = sample_paths(graph, 2000, rng, n_paths=n_paths)
    free = undisturbed(large, active).reshape(-1, len(graph.stages)).mean(axis=0)
    prime, edges = large.codes.stages["stage 1"].stream.size, graph.edges[0]
    sizes = {
        symbols.T: n_circuits,
        symbols.k: n_paths,
        chains.side: prime,
        generalising.n_edges: len(edges.pairs),
        generalising.edge_slots: large.codes.edges[0][1],
        generalising.stream_slots: prime,
    }
    places = range(1, len(graph.stages) + 1)
    chance = generalising.path_undisturbed()
    chances = [float(evaluate(chance, {**sizes, generalising.stages: n})) for n in places]
    table = {"stage": list(graph.stages), "prime": prime, "free": free, "predicted": chances}
    return pd.DataFrame(table)
