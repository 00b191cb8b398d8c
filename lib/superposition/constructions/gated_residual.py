"""Gated superposition of residual networks, which is told which circuits are active."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, overload

import numpy as np

from superposition._check import generator, instance, positive_int, positive_real
from superposition.certificate.bounds import ROUNDED
from superposition.circuits import CircuitGraph, ResidualCircuits
from superposition.circuits.moments import Moments
from superposition.constructions.cleaning import cleaners, stream_network
from superposition.constructions.graphs import (
    GatedGraphSuperposition,
    GraphGates,
    draw_graph_codes,
)
from superposition.constructions.needs import check_stream, check_stream_plane
from superposition.constructions.sizing import WIDEST, check_question, smallest_true
from superposition.maps import SparseCode, StreamCodes, draw_stream_codes
from superposition.packings import smallest_plane
from superposition.superposition import GatedResidualSuperposition

if TYPE_CHECKING:
    import pandas as pd

    from superposition.predict.gated import Crosstalk


@dataclass(frozen=True)
class GatedResidualConstruction:
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
    >>> from superposition import GatedResidualConstruction, ResidualCircuits, measure_error
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = ResidualCircuits.random(121, width=2, n_neurons=3, n_layers=2, rng=rng)
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

    def __post_init__(self) -> None:
        if self.stream_width is not None:
            positive_int("stream_width", self.stream_width)
        positive_int("redundancy", self.redundancy)
        positive_int("neuron_redundancy", self.neuron_redundancy)
        positive_real("input_bound", self.input_bound)
        if positive_real("headroom", self.headroom) < 1:
            raise ValueError(f"headroom: wanted at least 1, got {self.headroom}")

    def holds(self, width: int) -> int:
        """Return q², (eq-plane), how many circuits of width d fit, whatever the error.

        Raises ValueError without a `stream_width`, or where it is too small for both codes.
        """
        if self.stream_width is None:
            raise ValueError("stream_width: wanted one, to say how many circuits it holds")
        return self._largest_prime(positive_int("width", width)) ** 2

    def predict_error(self, circuits: ResidualCircuits, n_active: int) -> pd.DataFrame:
        """Predict the errors that `measure_error` finds by layer 0 … L, while they are small.

        The columns are layer, mse, relative_mse and inactive_mse: (eq-residual-law). They follow
        from the geometry of the codes and the circuits' moments, sampled from one fixed seed. They
        are zero for one active circuit, and too low for more if circuits' weights have a mean in
        common.
        Raises ValueError for more circuits than `stream_width` holds, n_active > T.
        """

        from superposition.predict.post import default_moments

        instance("circuits", circuits, ResidualCircuits)
        n = circuits.n_circuits
        n_active = positive_int("n_active", n_active, n, ", the number of circuits")
        prime = self._prime(circuits.width, n)
        return self._law(default_moments(circuits), prime, n, n_active)

    def capacity(self, moments: Moments, n_active: int, tolerance: float) -> int:
        """Return how many circuits fit: the largest T with a predicted error within `tolerance`.

        tolerance: the largest relative_mse after the last layer.

        For one active circuit this is all that `stream_width` holds. Raises ValueError without a
        `stream_width`, or where the active circuits alone have a larger error.
        """
        n_active, tolerance = check_question(moments, n_active, tolerance)
        most = self.holds(moments.width)
        n_active = positive_int("n_active", n_active, most, ", all that the stream holds")
        prime = self._prime(moments.width, 1)

        def exceeds(n_circuits: int) -> bool:
            return self._last_error(moments, prime, n_circuits, n_active) > tolerance

        first = smallest_true(exceeds, n_active, most)
        if first == n_active:
            raise ValueError(
                f"tolerance: wanted one that {n_active} active circuits with no others in "
                f"{self.stream_width} dimensions meet, got {tolerance}"
            )
        return most if first is None else first - 1

    def size_for(
        self, n_circuits: int, moments: Moments, n_active: int, tolerance: float
    ) -> GatedResidualConstruction:
        """Return the narrowest construction in which n_circuits circuits fit, by `predict_error`.

        All but its width stays as it is here. Raises ValueError for n_active > n_circuits, more
        circuits than fit in 2^13 dimensions, or a tolerance that no stream of up to so many
        dimensions meets.
        """

        from sympy import nextprime

        n_active, tolerance = check_question(moments, n_active, tolerance)
        n_circuits = positive_int("n_circuits", n_circuits)
        positive_int("n_active", n_active, n_circuits, ", the number of circuits")
        most = replace(self, stream_width=WIDEST).holds(moments.width)
        positive_int("n_circuits", n_circuits, most, f", all that {WIDEST} dimensions hold")
        per_slope = self._per_slope(moments.width)
        primes = [smallest_plane(n_circuits, sum(self._redundancies))]
        while (larger := int(nextprime(primes[-1]))) * per_slope <= WIDEST:
            primes.append(larger)

        def meets_tolerance(i: int) -> bool:
            return self._last_error(moments, primes[i], n_circuits, n_active) <= tolerance

        if (least := smallest_true(meets_tolerance, 0, len(primes) - 1)) is None:
            raise ValueError(
                f"tolerance: wanted one that up to {WIDEST} dimensions can meet, got {tolerance}"
            )
        return replace(self, stream_width=primes[least] * per_slope)

    @overload
    def compress(
        self, circuits: CircuitGraph, rng: np.random.Generator
    ) -> GatedGraphSuperposition: ...
    @overload
    def compress(
        self,
        circuits: ResidualCircuits,
        rng: np.random.Generator,
        *,
        codes: tuple[SparseCode, SparseCode] | None = None,
    ) -> GatedResidualSuperposition: ...
    def compress(
        self,
        circuits: ResidualCircuits | CircuitGraph,
        rng: np.random.Generator,
        *,
        codes: tuple[SparseCode, SparseCode] | None = None,
    ) -> GatedResidualSuperposition | GatedGraphSuperposition:
        """Return one large network that computes all circuits, exactly while one is active.

        codes: the codes of the stream and of the neurons, of width 1; None: drawn with `rng`.

        The network has 2L − 1 layers. Layers that clean, (eq-cleaning), lie between the layers that
        compute, (eq-residual-gate). With given codes the result is exact if no two circuits share a
        slot in both. A graph's network is exact while one circuit of each stage is active, as
        `gated_graph` describes.
        Raises TypeError for other circuits or codes, ValueError for more circuits than
        `stream_width` holds, or codes that do not fit; MemoryError for a network that does not fit.
        """
        if isinstance(circuits, CircuitGraph):
            return self._graph(circuits, rng)
        instance("circuits", circuits, ResidualCircuits)
        generator(rng)
        if codes is None:
            prime = self._prime(circuits.width, circuits.n_circuits)
            drawn = prime, *self._redundancies, circuits.n_circuits
            check_stream_plane(
                circuits, cleaners(circuits, self.sparing), self.stream_width, drawn[:3]
            )
            both = draw_stream_codes(*drawn, rng, circuits.dtype)
        else:
            both = self._given(circuits, codes)
            check_stream(
                circuits, cleaners(circuits, self.sparing), (both.stream.size, both.neurons.size)
            )
        bound, gates = ROUNDED * self.input_bound, (self.headroom, self.quiet, self.sparing)
        network = stream_network(circuits, both, bound, *gates)
        checkpoints = (0, *range(1, network.n_layers + 1, 2))
        return GatedResidualSuperposition(circuits, self, network, checkpoints, both)

    def _graph(self, graph: CircuitGraph, rng: np.random.Generator) -> GatedGraphSuperposition:
        if self.sparing:
            raise ValueError("sparing: wanted False for a graph, whose edges have no offset")
        codes = draw_graph_codes(graph, self._redundancies, self.stream_width, generator(rng))
        gates = GraphGates(graph, codes, ROUNDED * self.input_bound, self.headroom, self.quiet)
        network, checkpoints = gates.network()
        return GatedGraphSuperposition(graph, self, network, checkpoints, codes)

    def _law(self, moments: Moments, prime: int, n_circuits: int, n_active: int) -> pd.DataFrame:
        from superposition.predict.gated_residual import gated_residual_law

        crosstalk = _crosstalk(prime, *self._redundancies, n_circuits, self.quiet)
        return gated_residual_law(moments, crosstalk, self._redundancies, n_active)

    def _last_error(self, moments: Moments, prime: int, n_circuits: int, n_active: int) -> float:
        from superposition.predict.sequel import last_error

        if n_active == 1:  # crosstalk does not matter to it
            return 0.0
        return last_error(self._law(moments, prime, n_circuits, n_active))

    @property
    def _redundancies(self) -> tuple[int, int]:
        return self.redundancy, self.neuron_redundancy

    def _per_slope(self, width: int) -> int:
        """Return D / q for circuits of that width."""
        return self.redundancy * (width + 1) + self.neuron_redundancy

    def _largest_prime(self, width: int) -> int:
        """Return the prime of the largest plane that `stream_width` dimensions hold."""

        from sympy import prevprime

        lines = (self.stream_width or 0) // self._per_slope(width)
        prime = prevprime(lines + 1) if lines >= 2 else 0
        if prime < (least := smallest_plane(1, sum(self._redundancies))):
            raise ValueError(
                f"stream_width: wanted at least {least * self._per_slope(width)} for codes of "
                f"redundancy {self.redundancy} and {self.neuron_redundancy}, got "
                f"{self.stream_width}"
            )
        return int(prime)

    def _prime(self, width: int, n_circuits: int) -> int:
        """Return the prime of the least plane that holds the circuits, or the largest that fits."""
        if self.stream_width is None:
            return smallest_plane(n_circuits, sum(self._redundancies))
        prime = self._largest_prime(width)
        why = f", all that a plane over {prime} holds, in {self.stream_width} dimensions"
        positive_int("n_circuits", n_circuits, prime**2, why)
        return prime

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
