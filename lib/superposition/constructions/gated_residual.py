"""Gated superposition of residual networks and their graphs, told which circuits are active."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from superposition._check import Floats, Integers, generator, instance, positive_int, positive_real
from superposition._memory import check_network
from superposition.circuits import CircuitGraph, ResidualCircuits
from superposition.circuits.bounds import ROUNDED, residual_bounds
from superposition.circuits.inputs import NumberActive
from superposition.circuits.moments import Moments
from superposition.constructions.graphs import (
    EdgeGate,
    GraphCodes,
    StageCode,
    StageGate,
    draw_graph_codes,
)
from superposition.constructions.sizing import WIDEST, OnPlane
from superposition.constructions.stages import as_graph
from superposition.maps import SparseCode, StreamCodes, draw_stream_codes
from superposition.network import residual_of
from superposition.predict.by_circuit import over_numbers
from superposition.readers import SlotRows, loudest
from superposition.sums import Layer, Part, Sum, part_of_rows, placed
from superposition.superposition import Gates, InputMap, ReadMap, Superposition

if TYPE_CHECKING:
    import pandas as pd

    from superposition.predict.gated import Crosstalk


class Task(NamedTuple):
    """What some neurons of a large layer do.

    kind: "compute", "clean" or "carry".
    what: the stage, or the number of a group of edges.
    own_layer: the layer of the stage that is computed, or after which its slots are cleaned.
    n_neurons: how many neurons it takes.
    """

    kind: str
    what: Any
    own_layer: int
    n_neurons: int


class Made(NamedTuple):
    """The weights of a task, where its neurons are: parts, and places and values of the rest."""

    read: list[Part]
    write: list[Part]
    read_rest: Sequence[tuple[Integers, Integers, Floats]]
    write_rest: Sequence[tuple[Integers, Integers, Floats]]
    offset: float = 0.0


class GatedStream:
    """The layers of a gated residual network of a graph; plain circuits are one of one stage.

    construction: the sizes.
    graph: the circuits.
    codes: where they lie.

    The neurons of a layer are those of its tasks, one after the other: stages that compute, stages
    that are cleaned, and edges that carry states. `tasks` lists them by layer, and `checkpoints`
    are as of `Superposition`.
    """

    def __init__(
        self, construction: GatedResidualConstruction, graph: CircuitGraph, codes: GraphCodes
    ) -> None:
        self.construction, self.graph, self.codes = construction, graph, codes
        self.tasks: list[list[Task]] = []
        points, computed = [], 0
        for layer in range(graph.n_layers + 1):
            into = [i for i, each in enumerate(graph.edges) if each in graph.edges_into(layer)]
            self._add([self._task("carry", i) for i in into])
            self._add([self._task("clean", graph.edges[i].target) for i in into])
            points.append(len(self.tasks) if into else computed)
            living = graph.stages_computing(layer)
            self._add([self._task("compute", n, layer - s.start) for n, s in living.items()])
            computed = len(self.tasks)
            sources = {edges.source for edges in graph.edges}
            read = [n for n, s in living.items() if layer + 1 < s.end or n in sources]
            self._add([self._task("clean", n, layer + 1 - living[n].start) for n in read])
        self.checkpoints = tuple(points)
        self.n_neurons = max(sum(task.n_neurons for task in tasks) for tasks in self.tasks)
        self._loudest: dict[str, float] = {}

    def layers(self) -> Iterator[Layer]:
        """Yield the large layers in order."""
        size, dtype, n_circuits = self.codes.size, self.graph.dtype, self.graph.n_circuits
        make = {"compute": self._computing, "clean": self._cleaning, "carry": self._carrying}
        for number, tasks in enumerate(self.tasks):
            start, made, bias = 0, [], np.zeros(self.n_neurons, dtype)
            for task in tasks:
                made.append(make[task.kind](task, start))
                bias[start : start + task.n_neurons] = made[-1].offset
                start += task.n_neurons
            sums = []
            for name, shape in (
                ("read", (self.n_neurons, size)),
                ("write", (size, self.n_neurons)),
            ):
                parts = tuple(part for each in made for part in getattr(each, name))
                rest = [place for each in made for place in getattr(each, f"{name}_rest")]
                label = f"{'read_in' if name == 'read' else 'write_out'}[{number}]"
                sums.append(Sum(shape, parts, placed(rest, shape, dtype), dtype, n_circuits, label))
            yield Layer(tuple(sums), bias)

    def _add(self, tasks: list[Task]) -> None:
        if tasks:
            self.tasks.append(list(dict.fromkeys(tasks)))

    def _task(self, kind: str, what: Any, own_layer: int = 0) -> Task:
        if kind == "carry":
            n = 2 * len(self.graph.edges[what].entries) * self.codes.edges[what][1]
        else:
            circuits, codes = self.graph.stages[what].circuits, self.codes.stages[what]
            each = circuits.width + 1 if self.construction.sparing else 2 * circuits.width
            n = circuits.n_neurons * codes.neurons.size
            n = n if kind == "compute" else each * codes.stream.size
        return Task(kind, what, own_layer, n)

    def _computing(self, task: Task, start: int) -> Made:
        """Return one small layer in m·n_B neurons: (eq-residual-gate)."""
        circuits, codes, block = self._stage(task.what)
        layer, quiet = task.own_layer, self.construction.quiet
        d, m, (a, b) = circuits.width, circuits.n_neurons, (codes.stream, codes.neurons)
        owners = self.graph.first[task.what] + np.arange(circuits.n_circuits)
        small = np.concatenate([circuits.read_in[layer], circuits.bias[layer][..., None]], axis=-1)
        stream = block + a.size * np.arange(d + 1)
        neurons = start + b.size * np.arange(m)
        size, n_neurons = self.codes.size, self.n_neurons
        read, times = _between((a, stream, size), (b, neurons, n_neurons), small, quiet, owners)
        written, loudest = _between(
            (b, neurons, n_neurons), (a, stream[:d], size), circuits.write_out[layer], quiet, owners
        )
        self._loudest[task.what] = loudest
        close = times * self.construction.headroom * self._bounds[task.what][1][layer]
        every, gates = np.arange(task.n_neurons), block + codes.gates(d)[1].start
        closed = start + every, gates + every % b.size, np.full(len(every), -close)
        return Made([read], [written], [closed], [])

    def _cleaning(self, task: Task, start: int) -> Made:
        """Return neurons that set slots not in use to zero, (eq-cleaning) or (eq-sparing)."""
        circuits, codes, block = self._stage(task.what)
        headroom, n = self.construction.headroom, codes.stream.size
        rows = circuits.width * n
        entries, one = np.arange(rows), np.ones(rows)
        slots = rows + entries % n
        bounds = self._bounds[task.what]
        size = headroom * bounds[0][task.own_layer].max()
        if not self.construction.sparing:
            closing = np.full(rows, -size)
            reads = [(start + entries, block + entries, one)]
            reads += [(start + rows + entries, block + entries, -one)]
            reads += [(start + i * rows + entries, block + slots, closing) for i in (0, 1)]
            writes = [(block + entries, start + entries, -one)]
            writes += [(block + entries, start + rows + entries, one)]
            return Made([], [], reads, writes)
        # more than is on any slot not in use
        offset = self._loudest[task.what] * headroom * bounds[2][task.own_layer - 1]
        gates = rows + np.arange(n)
        reads = [(start + entries, block + entries, one)]
        reads += [(start + entries, block + slots, np.full(rows, -(size + offset)))]
        reads += [(start + gates, block + gates, np.full(n, -offset))]
        writes = [(block + entries, start + entries, -one), (block + entries, start + slots, one)]
        return Made([], [], reads, writes, float(offset))

    def _carrying(self, task: Task, start: int) -> Made:
        """Return neurons with inputs ±C a, two for each entry of an edge: (eq-gated-carry)."""
        edges, (slots, n_slots) = self.graph.edges[task.what], self.codes.edges[task.what]
        dtype, (come, go) = self.graph.dtype, edges.pairs.T
        entries = np.tile(edges.entries, 2)
        n, signs = len(entries), np.repeat([1, -1], len(entries) // 2)
        places = start + slots[:, None, None] + n_slots * np.arange(n)[:, None]
        neurons = SparseCode(places, self.n_neurons, dtype)
        maps = signs[:, None] * edges.maps[:, entries]
        back = np.zeros((len(slots), edges.maps.shape[1], n), dtype)
        back[:, entries, np.arange(n)] = signs
        source, target = (self._entries(name) for name in (edges.source, edges.target))
        read, write = Part(neurons, maps, source.take(come)), Part(target.take(go), back, neurons)
        largest = np.linalg.norm(maps, axis=2).max() * self._bounds[edges.source][0][-1].max()
        every, gates = np.arange(task.n_neurons), self.codes.gates[task.what].start
        closing = np.full(len(every), -self.construction.headroom * largest)
        return Made([read], [write], [(start + every, gates + every % n_slots, closing)], [])

    def _stage(self, name: str) -> tuple[ResidualCircuits, StreamCodes, int]:
        """Return the circuits of a stage, their codes, and where their block starts."""
        circuits, codes = self.graph.stages[name].circuits, self.codes.stages[name]
        return circuits, codes, self.codes.blocks[name].start

    def _entries(self, name: str) -> SparseCode:
        """Return where the entries of a stage's states are in the stream."""
        circuits, codes, block = self._stage(name)
        slots = codes.entries(circuits.width).slots + block
        return SparseCode(slots, self.codes.size, self.graph.dtype)

    @cached_property
    def _bounds(self) -> dict[str, tuple[Floats, Floats, Floats]]:
        """Bounds of each stage on states, (L+1, T), pre-activations and what is written, (L,)."""
        bound = ROUNDED * self.construction.input_bound
        found: dict[str, tuple[Floats, Floats, Floats]] = {}
        for name, stage in sorted(self.graph.stages.items(), key=lambda item: item[1].start):
            first = np.full(stage.circuits.n_circuits, bound)
            for edges in (each for each in self.graph.edges if each.target == name):
                come, go = edges.pairs.T
                norms = np.linalg.norm(edges.maps, 2, axis=(1, 2))
                np.add.at(first, go, norms * found[edges.source][0][-1][come])
            found[name] = residual_bounds(stage.circuits, first)
        return found

    def check_memory(self) -> None:
        """Raise MemoryError unless all layers fit, and pieces as large as two more layers."""
        n_layers, neurons, width = len(self.tasks), self.n_neurons, self.codes.size

        def shapes(size: int) -> list[tuple[int, int]]:
            return [(-(-2 * neurons * size // width), size)] * n_layers

        fits = "a stream width of {:,}".format
        check_network("stream_width", width, shapes, self.graph.dtype, fits=fits, more=2)


# a code of width 1, where its blocks start, and of how many neurons or dimensions
Place = tuple[SparseCode, Integers, int]


def _between(
    read: Place, write: Place, small: Floats, quiet: bool, owners: Integers
) -> tuple[Part, float]:
    """Return circuits' part from the slots of one code to those of another.

    small: (T, d', d), the circuits' matrices.

    The second result says how many times as much as the largest term of one circuit's slots a slot
    can receive from them.
    """
    (source, starts, size), (target, rows, n_rows) = read, write
    if quiet and source.redundancy > 1:
        slots = SlotRows.of(source, target, quiet)
        shape = n_rows, size
        return part_of_rows(slots, small, rows, shape, starts, owners), slots.loudest
    codes = (SparseCode(c.slots + at[:, None], n, small.dtype) for c, at, n in (write, read))
    to, of = codes
    return Part(to, small, of, owners), loudest(source, target)


def cleaners(circuits: ResidualCircuits, sparing: bool) -> int:
    """Return how many neurons clean one slot of the stream."""
    if circuits.n_layers == 1:
        return 0
    return circuits.width + 1 if sparing else 2 * circuits.width


def stream_shapes(
    circuits: ResidualCircuits, cleaners: int, slots: int, neuron_slots: int
) -> list[tuple[int, int]]:
    """Return the shapes of layers' weights, reading and writing as one.

    cleaners: how many neurons clean a slot of the stream.
    """
    neurons = max(circuits.n_neurons * neuron_slots, cleaners * slots)
    width = (circuits.width + 1) * slots + neuron_slots
    return [(2 * neurons, width)] * (2 * circuits.n_layers - 1)


@dataclass(frozen=True)
class GatedResidualConstruction(OnPlane[Moments]):
    """The sizes of gated superposition for residual networks (chapter *Gated superposition*).

    stream_width: D, the most dimensions; None: as many as the circuits need.
    redundancy: how many slots of the stream hold each entry of a circuit's state.
    neuron_redundancy: how many large neurons carry each small one.
    input_bound: the largest length |x| of an input; `embed` refuses longer ones.
    headroom: how many times as large as for one active circuit gates are.
    quiet: whether to use the weights with least crosstalk, (eq-quiet), or equal ones.
    sparing: whether to clean with fewer neurons, up to rounding of the largest bound: (eq-sparing).

    Raises TypeError or ValueError for sizes or bounds ≤ 0, or a headroom below 1.

    >>> import numpy
    >>> from superposition import GatedResidualConstruction, ResidualCircuits
    >>> from superposition import measure_error
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = ResidualCircuits.random(
    ...     121, width=2, n_neurons=3, n_layers=2, rng=rng
    ... )
    >>> large = GatedResidualConstruction().compress(circuits, rng)
    >>> large.network  # a layer that cleans lies between the two that compute
    ResidualNetwork(3 layers, stream 44, neurons 44)
    >>> bool(measure_error(large, 1, 100, rng)["worst"].max() < 1e-9)
    True
    """

    stream_width: int | None = None
    redundancy: int = 1
    neuron_redundancy: int = 1
    input_bound: float = 1.0
    headroom: float = 16.0
    quiet: bool = True
    sparing: bool = False

    _kind, sampled, _field = Moments, True, "stream_width"
    _size = "{0.stream_width} dimensions"
    _all = ", all that the stream holds"
    _limit = f"{WIDEST} dimensions"

    def __post_init__(self) -> None:
        if self.stream_width is not None:
            positive_int("stream_width", self.stream_width)
        positive_int("redundancy", self.redundancy)
        positive_int("neuron_redundancy", self.neuron_redundancy)
        positive_real("input_bound", self.input_bound)
        if positive_real("headroom", self.headroom) < 1:
            raise ValueError(f"headroom: wanted at least 1, got {self.headroom}")

    def predict_error(
        self, circuits: ResidualCircuits, n_active: NumberActive, law: str | None = None
    ) -> pd.DataFrame:
        """Predict the errors that `measure_error` finds by layer 0 … L.

        Two laws are known:

        "derived" is (eq-residual-law), from the geometry of the codes and the circuits' moments. It
        holds while errors are small and circuits are much alike, with little in common.

        "sampled" follows random active sets through the slots that they use, with the circuits' own
        weights and inputs, in codes that are drawn anew. It holds for circuits of any kind and
        errors of any size.

        None: the derived law where circuits are alike, else the sampled one.

        The columns are layer, mse, relative_mse and inactive_mse; from samples also low and high,
        between which a measured relative_mse lies in 95 %, and circuit_median, circuit_worst and
        circuit_lost, as of `measure_error`. Errors are zero for one active circuit, of which
        `rounding` is all that is left: an estimate of the root of its relative mean square. Random
        numbers are of one fixed seed.
        Raises ValueError for another law, more circuits than `stream_width` holds, n_active > T.
        """

        from superposition.predict.on_slots import (
            DRAWINGS,
            gated_residual_errors,
            samples_of,
        )
        from superposition.predict.post import chosen_law, default_moments
        from superposition.predict.rounding import rounding_estimate
        from superposition.predict.sampled import NAMES, Sampled, sampled_law

        instance("circuits", circuits, ResidualCircuits)
        if isinstance(n_active, Mapping):
            each, n = self.predict_error, circuits.n_circuits
            law = chosen_law(law, circuits)
            return over_numbers(lambda k: each(circuits, k, law), n_active, n)
        n = circuits.n_circuits
        n_active = positive_int("n_active", n_active, n, ", the number of circuits")
        prime = self._prime(circuits.width, n)
        law = chosen_law(law, circuits)

        def sample(rng: np.random.Generator) -> Sampled:
            codes = draw_stream_codes(prime, *self._redundancies, n, rng)
            n_samples = samples_of(n_active)
            return gated_residual_errors(circuits, codes, self.quiet, n_active, n_samples, rng)

        if law == "derived" or n_active == 1:
            table = self._law(default_moments(circuits), prime, n, n_active)
            table = table if law == "derived" else table.reindex(columns=NAMES, fill_value=0.0)
        else:
            table = sampled_law(circuits, sample, DRAWINGS)
        return table.assign(rounding=rounding_estimate(circuits))

    def predicted(self, moments: Moments, n_circuits: int, n_active: int) -> float:
        """Return the predicted relative_mse after the last layer, 0 for one active circuit."""

        from superposition.predict.sequel import last_error

        if n_active == 1:  # crosstalk does not matter to it
            return 0.0
        prime = self._prime(moments.width, n_circuits)
        return last_error(self._law(moments, prime, n_circuits, n_active))

    def compress(
        self,
        circuits: ResidualCircuits | CircuitGraph,
        rng: np.random.Generator,
        *,
        codes: tuple[SparseCode, SparseCode] | GraphCodes | None = None,
    ) -> Superposition:
        """Return one large network that computes all circuits, exactly while one is active.

        codes: the codes of the stream and of the neurons, of width 1; for a graph, its
            `GraphCodes`; None: drawn with `rng`.

        The network has 2L − 1 layers. Layers that clean, (eq-cleaning), lie between the layers that
        compute, (eq-residual-gate). With given codes the result is exact if no two circuits share a
        slot in both. A graph's network is exact while one circuit of each stage is active.
        Raises TypeError for other circuits or codes, ValueError for more circuits than
        `stream_width` holds, or codes that do not fit; MemoryError for a network that does not fit.
        """
        graph = as_graph(circuits)
        generator(rng)
        if graph is circuits:
            if self.sparing:
                raise ValueError("sparing: wanted False for a graph, whose edges have no offset")
            if codes is None:
                codes = draw_graph_codes(graph, self._redundancies, self.stream_width, rng)
            instance("codes", codes, GraphCodes)
        else:
            stream = self._plain(graph.stages["circuits"].circuits, rng, codes)
            codes = GraphCodes(graph, {"circuits": stream}, ())
        made = GatedStream(self, graph, cast(GraphCodes, codes))
        if graph is circuits:
            made.check_memory()
        network = residual_of(made.layers(), len(made.tasks))
        return Superposition(circuits, self, network, made.checkpoints, codes)

    def layers(
        self, circuits: ResidualCircuits | CircuitGraph, codes: GraphCodes
    ) -> Iterator[Layer]:
        """Yield the large layers, those that compute and those that clean: (eq-residual-gate)."""
        return GatedStream(self, as_graph(circuits), codes).layers()

    def input_map(self, circuits: ResidualCircuits | CircuitGraph, codes: GraphCodes) -> InputMap:
        """Return how inputs are written, with gates of the stream, of neurons and of edges."""
        edges = (EdgeGate(codes, i) for i in range(len(codes.edges)))
        gates: tuple[Gates, ...] = (*self.gates(circuits, codes, 0), *edges)
        return InputMap(StageCode(codes), gates=gates, bound=self.input_bound)

    def read_map(
        self, circuits: ResidualCircuits | CircuitGraph, codes: GraphCodes, layer: int
    ) -> ReadMap:
        """Return how states are read: as means over slots, at every layer alike.

        Slots not in use may hold what was written for other slots, which the next layer removes.
        """
        return ReadMap(StageCode(codes), circuits.width)

    def gates(
        self, circuits: ResidualCircuits | CircuitGraph, codes: GraphCodes, layer: int
    ) -> tuple[StageGate, ...]:
        """Return the gates of all stages' slots of the stream and of neurons, at every layer."""
        ways = (False, True)
        return tuple(StageGate(codes, name, way) for name in codes.stages for way in ways)

    def _plain(
        self,
        circuits: ResidualCircuits,
        rng: np.random.Generator,
        codes: tuple[SparseCode, SparseCode] | GraphCodes | None,
    ) -> StreamCodes:
        """Return the codes of circuits that are no graph, drawn or as given."""
        many = cleaners(circuits, self.sparing)
        if codes is None:
            prime = self._prime(circuits.width, circuits.n_circuits)
            r, more = self._redundancies

            def shapes(lines: int) -> list[tuple[int, int]]:
                return stream_shapes(circuits, many, r * lines, more * lines)

            self._check_memory(prime, shapes, circuits.dtype, circuits.width)
            n = circuits.n_circuits
            return draw_stream_codes(prime, r, more, n, rng, circuits.dtype)
        both = self._given(circuits, cast(tuple[SparseCode, SparseCode], codes))
        slots, neurons = both.stream.size, both.neurons.size

        def smaller(n: int) -> list[tuple[int, int]]:
            return stream_shapes(circuits, many, n, -(-neurons * n // slots))

        fits = "codes of {:,} slots of the stream".format
        check_network("codes", slots, smaller, circuits.dtype, fits=fits)
        return both

    def _law(self, moments: Moments, prime: int, n_circuits: int, n_active: int) -> pd.DataFrame:
        from superposition.predict.gated_residual import gated_residual_law

        crosstalk = _crosstalk(prime, *self._redundancies, n_circuits, self.quiet)
        return gated_residual_law(moments, crosstalk, self._redundancies, n_active)

    @property
    def _redundancies(self) -> tuple[int, int]:
        return self.redundancy, self.neuron_redundancy

    def _plane(self, width: int) -> tuple[int, int, str]:
        r, more = self._redundancies
        per_line = r * (positive_int("width", width) + 1) + more
        return r + more, per_line, f"codes of redundancy {r} and {more}"

    def _given(
        self, circuits: ResidualCircuits, codes: tuple[SparseCode, SparseCode]
    ) -> StreamCodes:
        instance("codes", codes, Sequence)
        if len(codes) != 2:
            raise ValueError(f"codes: wanted two, got {len(codes)}")
        for i, (code, r) in enumerate(zip(codes, self._redundancies, strict=True)):
            instance(f"codes[{i}]", code, SparseCode)
            wanted = (circuits.n_circuits, 1, r)
            got = (code.n_circuits, code.width, code.redundancy)
            if got != wanted:
                raise ValueError(
                    f"codes[{i}]: wanted (circuits, width, redundancy) = {wanted}, got {got}"
                )
        both = StreamCodes(*(replace(code, dtype=circuits.dtype) for code in codes))
        if self.stream_width is not None and both.size(circuits.width) > self.stream_width:
            raise ValueError(
                f"codes: wanted at most {self.stream_width} dimensions, the stream's width, got "
                f"{both.size(circuits.width)}"
            )
        return both


@cache
def _crosstalk(
    prime: int, redundancy: int, neuron_redundancy: int, n_circuits: int, quiet: bool
) -> tuple[Crosstalk, Crosstalk]:
    """Return crosstalk of drawn codes, on neurons that read the stream, and on the stream."""

    from superposition.predict.gated import crosstalk_between

    rng = np.random.default_rng(0)  # which circuit is which point makes no difference
    codes = draw_stream_codes(prime, redundancy, neuron_redundancy, n_circuits, rng)
    return (
        crosstalk_between(codes.stream, codes.neurons, quiet),
        crosstalk_between(codes.neurons, codes.stream, quiet),
    )
