"""Predicted errors along the paths of a graph in the post's residual network.

The recursion is that of `prediction`, stage after stage, with `theory.graphs` for what edges
change. A circuit that computes reads all that the stream holds of all stages, along its own
directions and along those of all circuits that lead to it. Errors and garbage are followed with
their directions, as covariances (d, d), since a map may pass on all of them, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import sympy as sp
from numpy.typing import ArrayLike

from superposition._check import Floats, Integers
from superposition.circuits.graph import CircuitGraph, Edges, Stage, sample_paths
from superposition.circuits.moments import Moments, groups, residual_moments
from superposition.predict.post import (
    Sizes,
    active_neuron,
    idle_carrier,
    layer_weights,
    noise_values,
    stream_values,
)
from superposition.theory import generalising, over_layers, symbols
from superposition.theory.derivation import evaluate

Values = dict[sp.Symbol, ArrayLike]
_SAMPLES = 2000


def graph_law(sizes: Sizes, graph: CircuitGraph) -> pd.DataFrame:
    """Predict errors of active circuits when their stage is done, in a row for each stage.

    The columns are stage, layer, mse and relative_mse, for `sizes.n_active` paths. The moments are
    those of sampled paths, from one fixed seed. Paths must pass all stages, one after the other.
    Raises ValueError for graphs of other paths, that compute two stages at once, or in which edges
    lead into one stage from two others.
    """
    into = [_merged(graph.edges_into(layer)) for layer in range(graph.n_layers)]
    walks = _Walks.draw(graph)
    held = {name: walks.begin(name, sizes) for name in graph.stages}
    rows = []
    for layer in range(graph.n_layers):
        for edges in into[layer]:
            held[edges.target].arrive(edges, held[edges.source], walks.sent(edges))
        for name in graph.stages_computing(layer):
            content = sum(each.content() for each in held.values())
            held[name].compute(content)
            if layer + 1 == graph.stages[name].end:
                content = sum(each.content() for each in held.values())
                rows.append([name, layer + 1, *held[name].read_out(content)])
    return pd.DataFrame(rows, columns=["stage", "layer", "mse", "relative_mse"])


@dataclass(frozen=True)
class _Walks:
    """Walks through a graph, (n, length), and the exact states of their circuits."""

    graph: CircuitGraph
    active: Integers
    inputs: Floats
    states: tuple[Floats, ...]

    @classmethod
    def draw(cls, graph: CircuitGraph) -> _Walks:
        for layer in range(graph.n_layers):
            if len(living := graph.stages_computing(layer)) > 1:
                raise ValueError(f"graph: wanted one stage at a time, got {[*living]} at once")
        rng = np.random.default_rng(0)
        active = sample_paths(graph, _SAMPLES, rng)
        inputs = graph.default_inputs(active, rng)
        return cls(graph, active, inputs, graph.run(inputs, active))

    def begin(self, name: str, sizes: Sizes) -> _Held:
        """Return a stage before anything has arrived."""
        stage = self.graph.stages[name]
        rows, columns, own = self._of(name)
        brought = self.inputs[rows, columns, : stage.circuits.width]
        states = [
            s[rows, columns, : brought.shape[1]] for s in self.states[stage.start : stage.end + 1]
        ]
        arrays = stage.circuits.read_in, stage.circuits.bias, stage.circuits.write_out
        moments = residual_moments(*arrays, own, states)
        written = [np.mean(np.sum((s - states[0] + brought) ** 2, axis=-1)) for s in states]
        sized = replace(sizes, n_circuits=stage.circuits.n_circuits)
        return _Held(sized, stage, moments, np.array(written))

    def _of(self, name: str) -> tuple[Integers, Integers, Integers]:
        """Return rows, columns, and numbers of a stage's circuits on the walks."""
        own = self.active - self.graph.first[name]
        rows, columns = np.nonzero((own >= 0) & (own < self.graph.stages[name].circuits.n_circuits))
        if not np.array_equal(rows, np.arange(len(own))):
            raise ValueError(f"graph: wanted one circuit of {name!r} on each path")
        return rows, columns, own[rows, columns]

    def sent(self, edges: Edges) -> tuple[Floats, Integers]:
        """Return C a of all edges of active sources, (n, d), and the numbers of these edges."""
        rows, columns, own = self._of(edges.source)
        state = self.states[self.graph.stages[edges.source].end][rows, columns]
        samples, which = np.nonzero(own[:, None] == edges.pairs[:, 0])
        maps = edges.maps[which]
        return np.einsum("nij,nj->ni", maps, state[samples, : maps.shape[2]]), which


class _Held:
    """What the stream holds of a stage's circuits at some layer, and what the circuits read.

    brought: (L+1,), |·|² of what an active circuit brings and writes itself, without what edges
        add.
    error: the covariance (d, d) of errors, with what edges add.
    garbage: the covariance (d, d) of garbage, with what edges add.
    drift: c, with what edges add.
    came: error, garbage and drift as they were when edges had added to them.
    reads: (T, d, d), Σ C R R' C' over all circuits that lead to a circuit.
    done: how many layers are done.
    edges: the numbers of edges that lead here.
    woken: what neurons receive along edges while their circuit is not active but a source is.
    """

    def __init__(self, sizes: Sizes, stage: Stage, moments: Moments, brought: Floats) -> None:
        self.sizes, self.stage, self.moments, self.brought = sizes, stage, moments, brought
        nothing: Floats = np.zeros((stage.circuits.width,) * 2)
        self.error = self.garbage = nothing
        self.drift, self.done = 0.0, 0
        self.came = self.error, self.garbage, self.drift
        self.reads = np.zeros((stage.circuits.n_circuits, *nothing.shape))
        self.woken: Floats = np.zeros(1)
        self.edges: Values = {
            generalising.fan_in: 0,
            generalising.fan_out: 1,
            generalising.n_targets: max(sizes.n_circuits, sizes.n_active + 1),
            generalising.mapped_state: nothing,
        }

    def arrive(self, edges: Edges, source: _Held, sent: tuple[Floats, Integers]) -> None:
        """Add what comes along edges: (eq-arriving). `sent` is C a of active sources, and edges."""
        maps, (come, go), (states, which) = edges.maps, edges.pairs.T, sent
        read = np.eye(maps.shape[2]) + source.reads[come]
        np.add.at(self.reads, go, maps @ read @ maps.swapaxes(1, 2))
        self.edges |= {
            generalising.fan_in: len(maps) / self.sizes.n_circuits,
            generalising.fan_out: len(maps) / source.sizes.n_circuits,
            generalising.mapped_state: states.T @ states / len(states),
            generalising.mapped_error: _mapped(maps, source.error),
            generalising.mapped_garbage: _mapped(maps, source.garbage),
        }
        self.error = evaluate(generalising.arriving_error(), self.edges)
        self.garbage = evaluate(generalising.arriving_garbage(), self.edges)
        kept = np.mean(np.sum(states**2, axis=1)) / source.moments.state2[-1]
        self.drift = source.drift * float(kept)  # an error along a is C's along C a
        self.came = self.error, self.garbage, self.drift
        first = self.stage.circuits.read_in[0][go[which]]
        self.woken = groups(np.einsum("nmd,nd->nm", first, states))

    def content(self) -> float:
        """Return all that the stream holds of the stage, (eq-content), with indicators."""
        sizes = {symbols.T: self.sizes.n_circuits, symbols.k: self.sizes.n_active}
        return float(evaluate(over_layers.stream_content(), {**self._alone(), **sizes}))

    def compute(self, content: float) -> None:
        """Apply one layer, (eq-next-error) and the like, to covariances, with (eq-woken)."""
        sizes, m, values = self.sizes, self.moments.n_neurons, self._values(content)
        received = evaluate(generalising.mean_garbage(), {**values, symbols.garbage: self.garbage})
        values |= noise_values(sizes, {**values, symbols.garbage: self._by_neurons(received)})
        values |= active_neuron(sizes, self.moments, self.done, values)
        for symbol, level in (
            (symbols.estimate_square, 0),
            (generalising.woken_square, self.woken),
        ):
            carrier = idle_carrier(sizes, m, values, level - sizes.margin)
            values[symbol] = np.mean(np.asarray(carrier[symbols.estimate_square]))
        self._write(values)

    def read_out(self, content: float) -> tuple[float, float]:
        """Return mse and relative_mse of active circuits: (eq-active-read-out)."""
        values = self._stream(content)
        rows = self.stage.circuits.width + float(np.trace(self.reads, axis1=1, axis2=2).mean())
        values |= {symbols.delta2: np.trace(self.error), symbols.d: rows}
        mse = float(evaluate(over_layers.active_read_out(self.sizes.embedding), values))
        return mse, mse / self.moments.state2[self.done]

    def _alone(self) -> Values:
        """Return what the stream holds of one circuit, active or not, without what edges add."""
        error, garbage, drift = self.came
        held: Values = {
            symbols.a2: self.brought[self.done] + 1,
            symbols.delta2: np.trace(self.error - error),
            symbols.drift: self.drift - drift,
            symbols.garbage: np.trace(self.garbage - garbage),
        }
        return held | {symbols.state2: evaluate(over_layers.active_state(), held)}

    def _stream(self, content: float) -> Values:
        """Return what is known of the stream when it holds `content`."""
        held = {symbols.delta2: 0.0, symbols.drift: self.drift, symbols.garbage: 0.0}
        values = stream_values(self.sizes, self.moments, self.done, held) | self.edges
        alone = {symbols.state2: self._alone()[symbols.state2], symbols.content: content}
        return values | alone

    def _values(self, content: float) -> Values:
        """Return the stream's values with the neurons' own weights: (eq-linked-weights)."""
        values = self._stream(content) | layer_weights(self.sizes, self.moments, self.done)
        read = self.stage.circuits.read_in[self.done]
        for symbol, weights in (
            (generalising.through, read),
            (generalising.through_sum, read.sum(axis=1)[:, None]),
        ):
            squares = np.einsum("tmi,tij,tmj->tm", weights, self.reads, weights)
            values[symbol] = squares.mean()
        square, of_sum = generalising.linked_weights()
        return values | {
            symbols.w2: evaluate(square, values),
            symbols.sum2: evaluate(of_sum, values),
            symbols.delta2: self._by_neurons(self.error),
            symbols.garbage: self._by_neurons(self.garbage),
        }

    def _by_neurons(self, covariance: Floats) -> float:
        """Return the square of an isotropic vector that neurons would read as much of."""
        read = self.stage.circuits.read_in[self.done]
        received = np.einsum("tmi,ij,tmj->tm", read, covariance, read).mean()
        return float(received / self.moments.weight2[self.done] * self.moments.width)

    def _write(self, values: Values) -> None:
        """Add to the stream what a layer's neurons write."""
        write = self.stage.circuits.write_out[self.done]
        drift = evaluate(over_layers.next_drift(), {**values, symbols.drift: self.drift})
        one = {symbols.m: 1, symbols.write2: np.einsum("tim,tjm->ij", write, write) / len(write)}
        before = {symbols.delta2: self.error, symbols.garbage: self.garbage}
        values = {**values, **one, **before}
        self.error = evaluate(over_layers.next_error(), values)
        self.garbage = evaluate(generalising.woken_garbage(), values)
        self.drift, self.done = float(drift), self.done + 1


def _merged(edges: Sequence[Edges]) -> list[Edges]:
    """Return one group of edges into each stage; raise ValueError for edges from several."""
    groups: dict[str, list[Edges]] = {}
    for each in edges:
        groups.setdefault(each.target, []).append(each)
    merged = []
    for target, group in groups.items():
        if len(sources := {each.source for each in group}) > 1:
            raise ValueError(
                f"graph: wanted edges into {target!r} from one other stage, got some from "
                f"{sorted(sources)}"
            )
        pairs, maps = ([getattr(e, name) for e in group] for name in ("pairs", "maps"))
        merged.append(Edges(group[0].source, target, np.concatenate(pairs), np.concatenate(maps)))
    return merged


def _mapped(maps: Floats, covariance: Floats) -> Floats:
    """Return what maps (n, d, d') make of a covariance, on average."""
    return np.asarray(np.mean(maps @ covariance @ maps.swapaxes(1, 2), axis=0))
