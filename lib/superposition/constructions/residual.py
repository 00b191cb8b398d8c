"""The post's construction: residual circuits in one residual network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from superposition._check import generator, instance, positive_int, positive_real
from superposition.circuits import ResidualCircuits, with_indicator
from superposition.codes import Code, GaussianCode, SparseCode, superpose
from superposition.constructions.capacity import (
    LARGEST,
    check_question,
    fewest_parameters,
    largest_within,
    smallest_true,
)
from superposition.constructions.compiled import ResidualSuperposition
from superposition.constructions.needs import check_residual
from superposition.constructions.prediction import Sizes, default_moments, predict_layers
from superposition.moments import Moments
from superposition.network import ResidualNetwork


@dataclass(frozen=True)
class ResidualConstruction:
    """Sizes of the post's construction (section *The construction*).

    stream_width: D, dimensions of the large residual stream.
    n_neurons:    M, large neurons per layer.
    redundancy:   r, how many large neurons carry each small one; None: round(ln M), at least 1.
    margin:       β, how far below its threshold an inactive circuit's neuron is kept.
    orthonormal:  embeddings orthonormal within each circuit, or entries N(0, 1/D) as in the post.
    disjoint_carriers: no large neuron carries two neurons of one circuit (not in the post).

    Raises TypeError or ValueError for sizes ≤ 0, r > M, a margin ≤ 0 or not finite.
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
        """r as used: `redundancy`, or the default round(ln M)."""
        if self.redundancy is not None:
            return self.redundancy
        return max(1, round(np.log(self.n_neurons)))

    def compress(
        self,
        circuits: ResidualCircuits,
        rng: np.random.Generator,
        *,
        stream_code: Code | None = None,
        neuron_codes: Sequence[Code] | None = None,
    ) -> ResidualSuperposition:
        """One large network that does what all the circuits do, up to interference.

        W_in = Σ_t V_t w_t E_t^T and W_out = Σ_t E_t w'_t V_t^+ per layer, for circuits given an
        indicator first; the large bias is −margin once per neuron. Codes are drawn with `rng`
        (first the stream's, then one per layer) unless given: `stream_code` for T circuits of
        width d + 1 in D dimensions, `neuron_codes` one per layer, width m in M slots.
        Raises ValueError where sizes or codes do not fit the circuits, MemoryError for sizes that
        do not fit in memory.
        """
        instance("circuits", circuits, ResidualCircuits)
        generator(rng)
        check_residual(circuits, self.stream_width, self.n_neurons)
        inner = with_indicator(circuits, self.margin)
        stream = stream_code if stream_code is not None else self._stream_code(inner, rng)
        _fit("stream_code", stream, inner.n_circuits, inner.width, self.stream_width)
        if neuron_codes is None:
            neuron_codes = [self._neuron_code(inner, rng) for _ in range(inner.n_layers)]
        self._check_neuron_codes(inner, neuron_codes)
        network = self._network(inner, stream, neuron_codes)
        checkpoints = tuple(range(inner.n_layers + 1))
        return ResidualSuperposition(
            circuits, self, network, checkpoints, stream, tuple(neuron_codes)
        )

    def predict_error(self, circuits: ResidualCircuits, n_active: int) -> pd.DataFrame:
        """What `measure_error` should find, without building a large network.

        Columns layer, mse, relative_mse, inactive_mse, firing; rows for layers 0 … L. Derived in
        `theory.over_layers` and `theory.one_neuron`, with no fitted constant, for random codes and
        the circuits' default inputs, whose moments are sampled here, from one fixed seed.
        Raises TypeError or ValueError for anything but residual circuits, or n_active > T.
        """
        instance("circuits", circuits, ResidualCircuits)
        because = ", the number of circuits"
        n_active = positive_int("n_active", n_active, circuits.n_circuits, because)
        sizes = self.sizes(circuits.n_circuits, n_active)
        return predict_layers(sizes, default_moments(circuits))

    def capacity(self, moments: Moments, n_active: int, tolerance: float) -> int:
        """How many circuits fit: the largest T with a predicted error within `tolerance`.

        tolerance: on relative_mse after the last layer; 2^50 where even so many stay within it.
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
        """The construction of fewest parameters in which so many circuits fit.

        Stream width and neurons are chosen; everything else (redundancy, if set; margin; codes)
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
            def does(neurons: int) -> bool:
                error = sized(width, neurons)._last_error(n_circuits, moments, n_active)
                return error <= tolerance

            return smallest_true(does, lowest, LARGEST)

        size = fewest_parameters(smallest_neurons, moments.width + 1)
        if size is None:
            raise ValueError(
                f"tolerance: wanted one that up to {LARGEST} dimensions and neurons can meet, got "
                f"{tolerance}"
            )
        return sized(*size)

    def _last_error(self, n_circuits: float, moments: Moments, n_active: int) -> float:
        """Predicted relative_mse after the last layer; infinite where it overflows."""
        with np.errstate(over="ignore", invalid="ignore"):
            table = predict_layers(self.sizes(n_circuits, n_active), moments)
        return float(np.nan_to_num(table["relative_mse"].iloc[-1], nan=np.inf))

    def sizes(self, n_circuits: float, n_active: int) -> Sizes:
        """What predictions know of this construction with so many circuits."""
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

    def _check_neuron_codes(self, inner: ResidualCircuits, codes: Sequence[Code]) -> None:
        instance("neuron_codes", codes, Sequence)
        if len(codes) != inner.n_layers:
            raise ValueError(
                f"neuron_codes: wanted {inner.n_layers}, one per layer, got {len(codes)}"
            )
        for layer, code in enumerate(codes):
            name = f"neuron_codes[{layer}]"
            _fit(name, code, inner.n_circuits, inner.n_neurons, self.n_neurons)
            if getattr(code, "redundancy", self.n_carriers) != self.n_carriers:
                raise ValueError(f"{name}: wanted redundancy {self.n_carriers}, as constructed")

    def _stream_code(self, inner: ResidualCircuits, rng: np.random.Generator) -> Code:
        return GaussianCode.draw(
            inner.n_circuits,
            inner.width,
            self.stream_width,
            rng,
            orthonormal=self.orthonormal,
            dtype=inner.dtype,
        )

    def _neuron_code(self, inner: ResidualCircuits, rng: np.random.Generator) -> Code:
        return SparseCode.draw(
            "disjoint" if self.disjoint_carriers else "random",
            inner.n_circuits,
            inner.n_neurons,
            self.n_neurons,
            self.n_carriers,
            rng,
            dtype=inner.dtype,
        )

    def _network(
        self, inner: ResidualCircuits, stream: Code, neuron_codes: Sequence[Code]
    ) -> ResidualNetwork:
        shape = (inner.n_layers, self.n_neurons, self.stream_width)
        read_in = np.empty(shape, inner.dtype)
        write_out = np.empty((shape[0], shape[2], shape[1]), inner.dtype)
        for layer, neurons in enumerate(neuron_codes):
            read_in[layer] = superpose(neurons, inner.read_in[layer], stream)
            write_out[layer] = superpose(stream, inner.write_out[layer], neurons)
        bias = np.full(shape[:2], -self.margin, inner.dtype)
        return ResidualNetwork(read_in, bias, write_out)


def _fit(name: str, code: Code, n_circuits: int, width: int, size: int) -> None:
    instance(name, code, Code)
    got = (code.n_circuits, code.width, code.size)
    if got != (n_circuits, width, size):
        raise ValueError(
            f"{name}: wanted (circuits, width, size) = {(n_circuits, width, size)}, got {got}"
        )
