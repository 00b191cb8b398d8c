"""The post's construction, residual circuits in one residual network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import generator, instance, positive_int, positive_real
from superposition._memory import check_memory, layers_in_words
from superposition.circuits import CircuitGraph, ResidualCircuits
from superposition.circuits.inputs import NumberActive
from superposition.circuits.moments import Moments
from superposition.constructions.sizing import LARGEST, Meets, Sized, fewest_parameters
from superposition.constructions.stages import (
    Step,
    as_graph,
    circuits_in,
    code_of,
    linked,
    started,
    step_weights,
    steps_of,
)
from superposition.maps import Code, GaussianCode, SparseCode
from superposition.network import residual_of
from superposition.predict.by_circuit import over_numbers
from superposition.sums import Layer, Part, Sum
from superposition.superposition import Gate, InputMap, ReadMap, Superposition

if TYPE_CHECKING:
    import pandas as pd

    from superposition.predict.post import Sizes


@dataclass(frozen=True, eq=False)
class PostCodes:
    """The codes of the post's construction.

    stream: a code of T circuits of width d + 1 in D dimensions; None: one is drawn.
    neurons: one code for each layer, of width m in M slots; None: they are drawn.
    """

    stream: Code | None = None
    neurons: Sequence[Code] | None = None

    @property
    def both(self) -> tuple[Code, Sequence[Code]]:
        """Both kinds, of which none is left to be drawn."""
        assert self.stream is not None
        assert self.neurons is not None
        return self.stream, self.neurons


@dataclass(frozen=True)
class ResidualConstruction(Sized[Moments]):
    """The sizes of the post's construction (section *The construction*).

    stream_width: D, the dimensions of the large residual stream.
    n_neurons: M, the large neurons in each layer.
    redundancy: r, how many large neurons carry each small one; None: round(ln M), at least 1.
    margin: β, how far below its threshold an inactive circuit's neuron is kept.
    orthonormal: whether embeddings are orthonormal within each circuit, or N(0, 1/D) as in the
        post.
    disjoint_carriers: whether no large neuron carries two neurons of one circuit (not in the post).

    Raises TypeError or ValueError for sizes ≤ 0, r > M, a margin ≤ 0 or not finite.

    >>> import numpy
    >>> from superposition import ResidualCircuits, ResidualConstruction
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = ResidualCircuits.random(
    ...     100, width=2, n_neurons=3, n_layers=2, rng=rng
    ... )
    >>> construction = ResidualConstruction(stream_width=256, n_neurons=512)
    >>> large = construction.compress(circuits, rng)
    >>> large.network
    ResidualNetwork(2 layers, stream 256, neurons 512)
    >>> large.construction.n_carriers  # round(ln 512)
    6
    """

    stream_width: int
    n_neurons: int
    redundancy: int | None = None
    margin: float = 1.0
    orthonormal: bool = True
    disjoint_carriers: bool = False

    _kind, sampled = Moments, True
    _size = "{0.stream_width} dimensions and {0.n_neurons} neurons"
    _limit = f"{LARGEST} dimensions and neurons"

    def __post_init__(self) -> None:
        positive_int("stream_width", self.stream_width)
        positive_int("n_neurons", self.n_neurons)
        positive_int("redundancy", self.n_carriers, self.n_neurons, ", the number of neurons")
        positive_real("margin", self.margin)
        instance("orthonormal", self.orthonormal, bool)
        instance("disjoint_carriers", self.disjoint_carriers, bool)

    @property
    def n_carriers(self) -> int:
        """The redundancy r as used: `redundancy`, or the default round(ln M)."""
        if self.redundancy is not None:
            return self.redundancy
        return max(1, round(np.log(self.n_neurons)))

    def compress(
        self,
        circuits: ResidualCircuits | CircuitGraph,
        rng: np.random.Generator,
        *,
        codes: PostCodes | None = None,
    ) -> Superposition:
        """Return one large network that computes all circuits, up to interference.

        codes: codes of the stream and of the neurons of each layer; what is None is drawn with
            `rng`, the stream's code first.

        In each layer W_in = Σ_t V_t w_t E_t^T and W_out = Σ_t E_t w'_t V_t^+, for circuits that are
        given an indicator first. The large bias is −margin once for each neuron. For a graph, each
        layer has the circuits that compute in it, and reads with (eq-linked) in place of E_t.
        Raises ValueError where sizes or codes do not fit the circuits, MemoryError for sizes that
        do not fit in memory.
        """
        graph = as_graph(circuits)
        generator(rng)
        steps, checkpoints = steps_of(graph)
        self._check_memory(graph, steps)
        given = PostCodes() if codes is None else codes
        instance("codes", given, PostCodes)
        stream = given.stream if given.stream is not None else self._stream_code(graph, rng)
        _fit("codes.stream", stream, graph.n_circuits, graph.width + 1, self.stream_width)
        neurons = given.neurons
        if neurons is None:
            neurons = tuple(self._neuron_code(step, graph.dtype, rng) for step in steps)
        self._check_neuron_codes(steps, neurons)
        every = (_in_precision(code, graph.dtype) for code in (stream, *neurons))
        codes = PostCodes(next(every), tuple(every))
        network = residual_of(self.layers(circuits, codes), len(steps))
        return Superposition(circuits, self, network, checkpoints, codes)

    def layers(
        self, circuits: ResidualCircuits | CircuitGraph, codes: PostCodes
    ) -> Iterator[Layer]:
        """Yield the large layers, reading and writing as sums: (eq-weights), (eq-linked)."""
        graph, (size, neurons) = as_graph(circuits), (self.stream_width, self.n_neurons)
        stream, carriers = codes.both
        reader, sizes = linked(graph, stream), (graph.dtype, graph.n_circuits)
        for i, (step, carrier) in enumerate(zip(steps_of(graph)[0], carriers, strict=True)):
            owners = circuits_in(graph, step)
            read, write = step_weights(graph, step, self.margin)
            to, of = (code_of(code, owners) for code in (stream, reader))
            read_part = Part(carrier, read, of, owners)
            write_part = Part(to, write, carrier, owners)
            sums = (
                Sum((neurons, size), (read_part,), None, *sizes, f"read_in[{i}]"),
                Sum((size, neurons), (write_part,), None, *sizes, f"write_out[{i}]"),
            )
            yield Layer(sums, np.full(neurons, -self.margin, graph.dtype))

    def input_map(self, circuits: ResidualCircuits | CircuitGraph, codes: PostCodes) -> InputMap:
        """Return how inputs are written, with an indicator of 1 for each active circuit."""
        return InputMap(codes.both[0], indicator=True)

    def read_map(
        self, circuits: ResidualCircuits | CircuitGraph, codes: PostCodes, layer: int
    ) -> ReadMap:
        """Return how states are read, without indicators.

        Circuits of a graph are read with what edges lead to them, once they have started.
        """
        graph, stream = as_graph(circuits), codes.both[0]
        return ReadMap(started(graph, stream, layer), graph.width)

    def gates(self, circuits: object, codes: object, layer: int) -> tuple[Gate, ...]:
        """Return no gates, for there are none."""
        return ()

    def predict_paths(self, graph: CircuitGraph, n_paths: int) -> pd.DataFrame:
        """Predict what `path_errors` finds of a graph, without building a large network.

        The columns are stage, layer, mse and relative_mse, in a row for each stage when it is done.
        The prediction is derived in `theory.graphs`, from moments of sampled paths of one fixed
        seed. Raises ValueError for graphs that do not have one circuit of each stage on a path, or
        compute two stages at once.
        """

        from superposition.predict.graphs import graph_law

        instance("graph", graph, CircuitGraph)
        return graph_law(self.sizes(0, positive_int("n_paths", n_paths)), graph)

    def predict_error(
        self, circuits: ResidualCircuits, n_active: NumberActive, law: str | None = None
    ) -> pd.DataFrame:
        """Predict what `measure_error` finds, without building a large network.

        Two laws are known:

        "derived" follows mean squares from layer to layer, in `theory.over_layers` and
        `theory.one_neuron`, without a fitted constant. It holds for circuits that are much alike,
        with as little in common as random ones.

        "sampled" follows random active sets, with the circuits' own weights and inputs, overlaps of
        the variance (eq-overlap-variance), and carriers that are drawn. It holds for circuits of
        any kind, and takes seconds.

        None: the derived law where it holds, by the circuits' moments, else the sampled one.

        The columns are layer, mse, relative_mse, inactive_mse and firing, in rows for layers 0 … L.
        From samples there are also low and high, between which a measured relative_mse lies in
        95 %, and circuit_median, circuit_worst and circuit_lost, as of `measure_error`. Both laws
        hold for random codes and the circuits' default inputs. Random numbers are of one fixed
        seed.
        Raises TypeError or ValueError for anything but residual circuits, another law, or n_active
        > T; MemoryError for circuits of which no sample fits.
        """

        from superposition.predict.post import (
            chosen_law,
            default_moments,
            predict_layers,
            stream_law,
        )

        instance("circuits", circuits, ResidualCircuits)
        if isinstance(n_active, Mapping):
            each, n = self.predict_error, circuits.n_circuits
            law = chosen_law(law, circuits)
            return over_numbers(lambda k: each(circuits, k, law), n_active, n)
        because = ", the number of circuits"
        n_active = positive_int("n_active", n_active, circuits.n_circuits, because)
        sizes = self.sizes(circuits.n_circuits, n_active)
        if chosen_law(law, circuits) == "sampled":
            return stream_law(sizes, circuits)
        return predict_layers(sizes, default_moments(circuits))

    def predicted(self, moments: Moments, n_circuits: float, n_active: int) -> float:
        """Return the predicted relative_mse after the last layer, infinite where it overflows."""

        from superposition.predict.post import predict_layers

        with np.errstate(over="ignore", invalid="ignore"):
            table = predict_layers(self.sizes(n_circuits, n_active), moments)
        return float(np.nan_to_num(table["relative_mse"].iloc[-1], nan=np.inf))

    def resized(self, moments: Moments, n_circuits: int, meets: Meets) -> Self | None:
        """Return the construction of fewest parameters that meets the tolerance, or None.

        Stream width and neurons are chosen.
        """
        lowest = self.redundancy or 1
        if self.disjoint_carriers:
            lowest *= moments.n_neurons

        def fits(width: int, neurons: int) -> bool:
            return meets(replace(self, stream_width=width, n_neurons=neurons))

        size = fewest_parameters(fits, moments.width + 1, lowest)
        return size and replace(self, stream_width=size[0], n_neurons=size[1])

    def sizes(self, n_circuits: float, n_active: int) -> Sizes:
        """Return what predictions know of this construction with so many circuits."""

        from superposition.predict.post import Sizes

        return Sizes(
            n_circuits=n_circuits,
            n_active=n_active,
            stream_width=self.stream_width,
            n_neurons=self.n_neurons,
            redundancy=self.n_carriers,
            margin=self.margin,
            orthonormal=self.orthonormal,
            disjoint=self.disjoint_carriers,
        )

    def _check_neuron_codes(self, steps: Sequence[Step], codes: Sequence[Code]) -> None:
        instance("codes.neurons", codes, Sequence)
        if len(codes) != len(steps):
            raise ValueError(f"codes.neurons: wanted {len(steps)}, one per layer, got {len(codes)}")
        for i, (step, code) in enumerate(zip(steps, codes, strict=True)):
            name = f"codes.neurons[{i}]"
            _fit(name, code, step.n_circuits, step.n_neurons, self.n_neurons)
            if getattr(code, "redundancy", self.n_carriers) != self.n_carriers:
                raise ValueError(f"{name}: wanted redundancy {self.n_carriers}, as constructed")

    def _check_memory(self, graph: CircuitGraph, steps: Sequence[Step]) -> None:
        """Raise MemoryError unless all layers and all directions of the stream fit."""
        item, width, neurons = graph.dtype.itemsize, self.stream_width, self.n_neurons
        entries = graph.n_circuits * (graph.width + 1)
        spread = max(step.n_circuits * step.n_neurons for step in steps)  # each reads the stream

        def beside(stream: int) -> int:
            return -(-neurons * stream // width)

        def needs(stream: int) -> float:
            matrix, directions = beside(stream) * stream, entries * stream
            made = item * ((2 * len(steps) + 1) * matrix + directions + spread * stream)
            # directions are drawn in float64, then made orthonormal
            return max(made, 3 * 8 * directions)

        def fits(stream: int) -> str:
            return f"a stream width of {stream:,} with {beside(stream):,} neurons"

        made = layers_in_words(len(steps), 2 * neurons, width, graph.dtype)
        name = "stream_width, n_neurons"
        check_memory(name, width, needs, fits=fits, kind="a network", made=made)

    def _stream_code(self, graph: CircuitGraph, rng: np.random.Generator) -> GaussianCode:
        return GaussianCode.draw(
            graph.n_circuits,
            graph.width + 1,
            self.stream_width,
            rng,
            orthonormal=self.orthonormal,
            dtype=graph.dtype,
        )

    def _neuron_code(self, step: Step, dtype: DTypeLike, rng: np.random.Generator) -> SparseCode:
        return SparseCode.draw(
            "disjoint" if self.disjoint_carriers else "random",
            step.n_circuits,
            step.n_neurons,
            self.n_neurons,
            self.n_carriers,
            rng,
            dtype=dtype,
        )


def _in_precision(code: Code, dtype: DTypeLike) -> Code:
    """Return a given code with numbers in the circuits' precision."""
    if code.dtype == dtype:
        return code
    if isinstance(code, SparseCode):
        return replace(code, dtype=np.dtype(dtype))
    if isinstance(code, GaussianCode):
        return GaussianCode(code.directions.astype(dtype))
    return code


def _fit(name: str, code: Code, n_circuits: int, width: int, size: int) -> None:
    instance(name, code, Code)
    got = (code.n_circuits, code.width, code.size)
    if got != (n_circuits, width, size):
        raise ValueError(
            f"{name}: wanted (circuits, width, size) = {(n_circuits, width, size)}, got {got}"
        )
