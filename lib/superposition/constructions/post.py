"""The post's construction, residual circuits in one residual network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import generator, instance, positive_int, positive_real
from superposition.circuits import CircuitGraph, ResidualCircuits
from superposition.circuits.moments import Moments
from superposition.constructions.needs import check_residual
from superposition.constructions.sizing import (
    LARGEST,
    check_question,
    fewest_parameters,
    largest_within,
    smallest_true,
)
from superposition.constructions.stages import Step, as_graph, layer_sums, linked, plan
from superposition.maps import Code, GaussianCode, SparseCode
from superposition.network import ResidualNetwork
from superposition.sums import superpose
from superposition.superposition import GraphSuperposition, ResidualSuperposition

if TYPE_CHECKING:
    import pandas as pd

    from superposition.predict.post import Sizes


@dataclass(frozen=True)
class ResidualConstruction:
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
    >>> circuits = ResidualCircuits.random(100, width=2, n_neurons=3, n_layers=2, rng=rng)
    >>> large = ResidualConstruction(stream_width=256, n_neurons=512).compress(circuits, rng)
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
        stream_code: Code | None = None,
        neuron_codes: Sequence[Code] | None = None,
    ) -> ResidualSuperposition:
        """Return one large network that computes all circuits, up to interference.

        stream_code: a code of T circuits of width d + 1 in D dimensions; None: drawn with `rng`.
        neuron_codes: one for each layer, of width m in M slots; None: drawn after the stream's.

        In each layer W_in = Σ_t V_t w_t E_t^T and W_out = Σ_t E_t w'_t V_t^+, for circuits that are
        given an indicator first. The large bias is −margin once for each neuron. For a graph, each
        layer has the circuits that compute in it, and reads with (eq-linked) in place of E_t.
        Raises ValueError where sizes or codes do not fit the circuits, MemoryError for sizes that
        do not fit in memory.
        """
        graph = as_graph(circuits)
        generator(rng)
        steps, checkpoints = plan(graph)
        check_residual(graph, steps, self.stream_width, self.n_neurons)
        stream = stream_code if stream_code is not None else self._stream_code(graph, rng)
        _fit("stream_code", stream, graph.n_circuits, graph.width + 1, self.stream_width)
        if neuron_codes is None:
            neuron_codes = [self._neuron_code(step, graph.dtype, rng) for step in steps]
        self._check_neuron_codes(steps, neuron_codes)
        reader = linked(graph, stream)
        network = self._network(graph, (stream, reader), neuron_codes)
        codes = stream, tuple(neuron_codes)
        if isinstance(circuits, CircuitGraph):
            return GraphSuperposition(circuits, self, network, checkpoints, *codes, reader)
        return ResidualSuperposition(circuits, self, network, checkpoints, *codes)

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

    def predict_error(self, circuits: ResidualCircuits, n_active: int) -> pd.DataFrame:
        """Predict what `measure_error` finds, without building a large network.

        The columns are layer, mse, relative_mse, inactive_mse and firing, in rows for layers 0 … L.
        The prediction is derived in `theory.over_layers` and `theory.one_neuron`, without a fitted
        constant. It holds for random codes and the circuits' default inputs, whose moments are
        sampled here from one fixed seed.
        Raises TypeError or ValueError for anything but residual circuits, or n_active > T.
        """

        from superposition.predict.post import default_moments, predict_layers

        instance("circuits", circuits, ResidualCircuits)
        because = ", the number of circuits"
        n_active = positive_int("n_active", n_active, circuits.n_circuits, because)
        sizes = self.sizes(circuits.n_circuits, n_active)
        return predict_layers(sizes, default_moments(circuits))

    def capacity(self, moments: Moments, n_active: int, tolerance: float) -> int:
        """Return how many circuits fit: the largest T with a predicted error within `tolerance`.

        tolerance: the largest relative_mse after the last layer.

        The result is at most 2^50.
        Raises ValueError where the active circuits alone, without any others, have a larger error.
        """
        n_active, tolerance = check_question(moments, n_active, tolerance)
        if (least := self._last_error(n_active, moments, n_active)) > tolerance:
            raise ValueError(
                f"tolerance: wanted at least {least:.3g}, the relative_mse of {n_active} active "
                f"circuits with no others in {self.stream_width} dimensions and {self.n_neurons} "
                f"neurons, got {tolerance}"
            )
        return largest_within(lambda n: self._last_error(n, moments, n_active), tolerance, n_active)

    def size_for(
        self, n_circuits: int, moments: Moments, n_active: int, tolerance: float
    ) -> ResidualConstruction:
        """Return the construction of fewest parameters that should hold n_circuits circuits.

        Stream width and neurons are chosen. Everything else (redundancy, if set; margin; codes)
        stays as it is here. Raises ValueError for n_active > n_circuits, or a tolerance that no
        network of up to 2^24 dimensions and neurons meets.
        """
        n_circuits = positive_int("n_circuits", n_circuits)
        n_active, tolerance = check_question(moments, n_active, tolerance)
        positive_int("n_active", n_active, n_circuits, ", the number of circuits")
        lowest = self.redundancy or 1
        if self.disjoint_carriers:
            lowest *= moments.n_neurons

        def sized(width: int, neurons: int) -> ResidualConstruction:
            return replace(self, stream_width=width, n_neurons=neurons)

        def smallest_neurons(width: int) -> int | None:
            def meets_tolerance(neurons: int) -> bool:
                error = sized(width, neurons)._last_error(n_circuits, moments, n_active)
                return error <= tolerance

            return smallest_true(meets_tolerance, lowest, LARGEST)

        size = fewest_parameters(smallest_neurons, moments.width + 1)
        if size is None:
            raise ValueError(
                f"tolerance: wanted one that up to {LARGEST} dimensions and neurons can meet, got "
                f"{tolerance}"
            )
        return sized(*size)

    def _last_error(self, n_circuits: float, moments: Moments, n_active: int) -> float:
        """Return the predicted relative_mse after the last layer, infinite where it overflows."""

        from superposition.predict.post import predict_layers

        with np.errstate(over="ignore", invalid="ignore"):
            table = predict_layers(self.sizes(n_circuits, n_active), moments)
        return float(np.nan_to_num(table["relative_mse"].iloc[-1], nan=np.inf))

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
        instance("neuron_codes", codes, Sequence)
        if len(codes) != len(steps):
            raise ValueError(f"neuron_codes: wanted {len(steps)}, one per layer, got {len(codes)}")
        for i, (step, code) in enumerate(zip(steps, codes, strict=True)):
            name = f"neuron_codes[{i}]"
            _fit(name, code, step.n_circuits, step.n_neurons, self.n_neurons)
            if getattr(code, "redundancy", self.n_carriers) != self.n_carriers:
                raise ValueError(f"{name}: wanted redundancy {self.n_carriers}, as constructed")

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

    def _network(
        self, graph: CircuitGraph, stream: tuple[Code, Code], neuron_codes: Sequence[Code]
    ) -> ResidualNetwork:
        """Return the large network.

        stream: the code by which circuits write, and the code by which they read.
        """
        shape = len(neuron_codes), self.n_neurons, self.stream_width
        read_in = np.empty(shape, graph.dtype)
        write_out = np.empty((shape[0], shape[2], shape[1]), graph.dtype)
        sums = layer_sums(graph, self.margin, stream, neuron_codes)
        for i, (_, read_sum, write_sum) in enumerate(sums):
            read_in[i] = superpose(*read_sum)  # one after the other: in memory there is one copy
            write_out[i] = superpose(*write_sum)
        bias = np.full(shape[:2], -self.margin, graph.dtype)
        return ResidualNetwork(read_in, bias, write_out)


def _fit(name: str, code: Code, n_circuits: int, width: int, size: int) -> None:
    instance(name, code, Code)
    got = (code.n_circuits, code.width, code.size)
    if got != (n_circuits, width, size):
        raise ValueError(
            f"{name}: wanted (circuits, width, size) = {(n_circuits, width, size)}, got {got}"
        )
