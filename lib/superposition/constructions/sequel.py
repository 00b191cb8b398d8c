"""The sequel's construction: MLP circuits in one MLP, with their weights' mean apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from superposition._check import Floats, generator, instance, positive_int, positive_real
from superposition._memory import check_network
from superposition.circuits import MLPCircuits
from superposition.circuits.inputs import NumberActive
from superposition.circuits.moments import MLPMoments
from superposition.circuits.rotations import rotation_step
from superposition.constructions.sizing import WIDEST, Meets, Sized, first_of
from superposition.maps import SparseCode
from superposition.network import mlp_of
from superposition.packings import PACKINGS, packing
from superposition.predict.by_circuit import over_numbers
from superposition.readers import SlotReader, shared_weights
from superposition.sums import Layer, Part, Sum
from superposition.superposition import Gate, InputMap, ReadMap, Superposition

if TYPE_CHECKING:
    import pandas as pd

LAWS = ("followed", "published", "small noise")


@dataclass(frozen=True)
class MLPConstruction(Sized[MLPMoments]):
    """The sizes of the sequel's construction (chapter *A construction that survives depth*).

    width: D, the neurons in each layer of the large network.
    redundancy: r, how many of them hold each entry of a circuit's state.
    code: "prime_step", as published, or "finite_plane"; two circuits share at most one slot.
    suppression: how much stronger than balanced circuits inhibit each other (1: (eq-balance)).

    Raises TypeError or ValueError for sizes ≤ 0, r > D, another code, a suppression ≤ 0.

    >>> import numpy
    >>> from superposition import MLPConstruction, rotation_circuits
    >>> construction = MLPConstruction(width=400, redundancy=4)
    >>> construction.holds([4, 4, 4])  # circuits; with private neurons 100
    295
    >>> rng = numpy.random.default_rng(0)
    >>> construction.compress(rotation_circuits(200, 2, rng), rng).network
    MLPNetwork(widths 400 → 400 → 400)
    """

    width: int
    redundancy: int
    code: str = "prime_step"
    suppression: float = 1.0

    _all = ", the capacity of {0.code!r}"

    def __post_init__(self) -> None:
        width = positive_int("width", self.width)
        positive_int("redundancy", self.redundancy, width, ", the number of neurons")
        positive_real("suppression", self.suppression)
        if self.code not in PACKINGS:
            raise ValueError(f"code: wanted one of {PACKINGS}, got {self.code!r}")

    def holds(self, widths: Sequence[int]) -> int:
        """Return how many circuits of widths d_0 … d_L the codes can hold, whatever the error."""
        sizes = {positive_int("widths", width) for width in widths[1:]}
        return min(SparseCode.capacity(self.code, d, self.width, self.redundancy) for d in sizes)

    def predicted(self, moments: MLPMoments, n_circuits: int, n_active: int) -> float:
        """Return the predicted relative_mse after the last layer.

        For conditional rotations false indicators are followed. For other circuits only the
        small-noise law is known, so that fewer may fit than it says.
        """

        from superposition.predict.sequel import last_error, small_noise_law

        if moments.step is not None:
            return last_error(self.follow(n_circuits, len(moments.growth), n_active, *moments.step))
        law = small_noise_law(n_circuits, moments, self.width, self.redundancy, n_active)
        return last_error(law)

    def resized(self, moments: MLPMoments, n_circuits: int, meets: Meets) -> Self | None:
        """Return the narrowest construction that meets the tolerance, or None."""
        lowest = self.redundancy * max(moments.widths[1:])
        return first_of([replace(self, width=w) for w in range(lowest, WIDEST + 1)], meets)

    def compress(
        self,
        circuits: MLPCircuits,
        rng: np.random.Generator,
        *,
        codes: Sequence[SparseCode] | None = None,
    ) -> Superposition:
        """Return one large MLP that computes all circuits, up to interference: (eq-mlp-weights).

        codes: one code for each layer; None: codes drawn with `rng`.

        Raises TypeError for other circuits; ValueError for those that the construction cannot hold:
        more than its codes' capacity, not ReLU, biases that differ between circuits, or above zero
        (then an inactive circuit would not be silent); for codes that do not fit, or that leave no
        pair of slots unconnected. MemoryError for a width that does not fit.
        """
        instance("circuits", circuits, MLPCircuits)
        generator(rng)
        check_alike(circuits)
        check_silent(circuits)
        sizes = circuits.n_layers, circuits.dtype
        check_network(
            "width",
            self.width,
            lambda width: [(width, width)] * sizes[0],
            sizes[1],
            fits="a width of {:,}".format,
            more=2 * (sizes[0] > 1),
        )
        if codes is None:
            codes = [self._code(circuits, width, rng) for width in circuits.widths[1:]]
        self._check_codes(circuits, codes)
        codes = tuple(replace(code, dtype=circuits.dtype) for code in codes)
        # one block of memory: the system hands out large ones faster than many of middle size
        network = mlp_of(self.layers(circuits, codes), together=circuits.n_layers)
        return Superposition(circuits, self, network, tuple(range(circuits.n_layers + 1)), codes)

    def layers(self, circuits: MLPCircuits, codes: Sequence[SparseCode]) -> Iterator[Layer]:
        """Yield the large layers, of which the first only adds the bias: (eq-mlp-weights).

        The others are w̄ ⊗ 𝒲, which belongs to no circuit, and circuits' weights less their mean.
        """
        shape, owners = (self.width, self.width), np.arange(circuits.n_circuits)
        for layer, bias in enumerate(circuits.biases):
            parts: tuple[Part, ...] = ()
            rest = sparse.eye_array(self.width, dtype=circuits.dtype, format="csr")
            if layer:
                write, read, small = codes[layer], codes[layer - 1], circuits.weights[layer]
                mean, shared = small.mean(axis=0), shared_weights(write, read, self.suppression)
                own = Part(write, small - mean, read, owners)
                parts, rest = (_of_all(mean, shared, shape), own), None
            sizes = circuits.dtype, circuits.n_circuits
            one = Sum(shape, parts, rest, *sizes, f"weights[{layer}]")
            yield Layer((one,), _spread(bias[0], self.width, circuits.dtype))

    def input_map(self, circuits: MLPCircuits, codes: Sequence[SparseCode]) -> InputMap:
        """Return how inputs are written, after the first layer's weights: (eq-layer-zero)."""
        return InputMap(codes[0], circuits.weights[0])

    def read_map(self, circuits: MLPCircuits, codes: Sequence[SparseCode], layer: int) -> ReadMap:
        """Return how states are read: as means over slots.

        At layer 0 the first layer's weights w_t are undone. This is exact where w_t is injective.
        Otherwise it is the shortest state that w_t maps to what is there.
        """
        if layer == 0:
            undo = np.linalg.pinv(circuits.weights[0])
            return ReadMap(codes[0], circuits.widths[1], undo)
        return ReadMap(codes[layer - 1], circuits.widths[layer])

    def gates(self, circuits: object, codes: object, layer: int) -> tuple[Gate, ...]:
        """Return no gates, for there are none."""
        return ()

    def predict_error(
        self, circuits: MLPCircuits, n_active: NumberActive, law: str = "followed"
    ) -> pd.DataFrame:
        """Predict the errors that `measure_error` finds, by layer 1 … L.

        Three laws are known:

        "followed" is for conditional rotations. False indicators and their effects are followed
        through the layers, in `predict.rotations`.

        "published" is for conditional rotations, too: (eq-rotation-law). It takes noise as small.

        "small noise" is the same law for any circuits, by their moments, in `predict.sequel`.
        The moments are sampled from one fixed seed.

        The columns are layer, mse, relative_mse and inactive_mse. For rotations these are of the
        rotation vector, and on_mse and inactive_on_mse are of the on-indicator.
        Raises ValueError for a law that the circuits do not have, more than the code can hold,
        n_active > T.
        """

        from superposition.predict.sequel import published_law, small_noise_law

        instance("circuits", circuits, MLPCircuits)
        if law not in LAWS:
            raise ValueError(f"law: wanted one of {LAWS}, got {law!r}")
        if isinstance(n_active, Mapping):
            each, n = self.predict_error, circuits.n_circuits
            return over_numbers(lambda k: each(circuits, k, law), n_active, n)
        because = ", the number of circuits"
        n_active = positive_int("n_active", n_active, circuits.n_circuits, because)
        if law == "small noise":
            check_silent(circuits)
            moments = circuits.moments(np.random.default_rng(0))
            shape = self.width, self.redundancy, n_active
            return small_noise_law(circuits.n_circuits, moments, *shape)
        step = rotation_step(circuits)
        if law == "published":
            layers = np.arange(1, circuits.n_layers + 1)
            sizes = circuits.n_circuits, layers, self.width, self.redundancy
            return published_law(*sizes, n_active)
        return self.follow(circuits.n_circuits, circuits.n_layers, n_active, *step)

    def follow(
        self,
        n_circuits: int,
        n_layers: int,
        n_active: int,
        threshold: float = 0.5,
        gain: float = 2.0,
    ) -> pd.DataFrame:
        """Return `predict_error` for n_circuits rotations, without making any circuits."""

        from superposition.predict.rotations import follow, share

        sets = packing(self.code, self.width // 4, self.redundancy)
        positive_int("n_circuits", n_circuits, len(sets), f", the capacity of {self.code!r}")
        how = share(sets[:n_circuits], n_active, self.suppression)
        table = follow(how, n_layers, threshold, gain)
        table.insert(0, "layer", np.arange(1, n_layers + 1))
        return table

    def _question(self, moments: Any, n_active: int, tolerance: float) -> tuple[int, float]:
        question = super()._question(moments, n_active, tolerance)
        if set(moments.activations) != {"relu"}:
            raise ValueError(
                f"moments: wanted those of ReLU circuits, got activations {moments.activations}"
            )
        return question

    def _code(self, circuits: MLPCircuits, width: int, rng: np.random.Generator) -> SparseCode:
        n_circuits = circuits.n_circuits
        return SparseCode.draw(self.code, n_circuits, width, self.width, self.redundancy, rng)

    def _check_codes(self, circuits: MLPCircuits, codes: Sequence[SparseCode]) -> None:
        instance("codes", codes, Sequence)
        if len(codes) != circuits.n_layers:
            raise ValueError(f"codes: wanted {circuits.n_layers}, one per layer, got {len(codes)}")
        for i, code in enumerate(codes):
            instance(f"codes[{i}]", code, SparseCode)
            wanted = (circuits.n_circuits, circuits.widths[i + 1], self.redundancy, self.width)
            got = (code.n_circuits, code.width, code.redundancy, code.size)
            if got != wanted:
                raise ValueError(
                    f"codes[{i}]: wanted (circuits, width, redundancy, size) = {wanted}, got {got}"
                )


def _of_all(mean: Floats, shared: Floats, shape: tuple[int, int]) -> Part:
    """Return w̄ ⊗ 𝒲 as a part: each slot of a block reads the slots before it by a row of 𝒲."""
    (rows, columns), (after, before) = shared.shape, mean.shape
    slots = np.arange(rows)[:, None, None] + rows * np.arange(after)[:, None]
    read = SlotReader(shared, columns * np.arange(before), shape[1], np.arange(rows))
    weights = np.broadcast_to(mean, (rows, after, before))
    return Part(SparseCode(slots, shape[0], mean.dtype), weights, read)


def _spread(bias: Floats, size: int, dtype: np.dtype[np.floating]) -> Floats:
    """Return each entry's bias on all neurons of its block, and 0 on neurons left over."""
    large = np.zeros(size, dtype)
    block = size // len(bias)
    large[: block * len(bias)] = np.repeat(bias, block)
    return large


def check_alike(circuits: MLPCircuits) -> None:
    """Raise ValueError for circuits whose biases differ, since they share neurons."""
    for layer, bias in enumerate(circuits.biases):
        if (spread := float(np.ptp(bias, axis=0).max())) > 0:
            raise ValueError(
                f"biases[{layer}]: wanted one bias vector for all circuits, since they share "
                f"neurons; got biases that differ by up to {spread:.3g}"
            )


def check_silent(circuits: MLPCircuits) -> None:
    """Raise ValueError for circuits that are not silent while they are inactive."""
    for layer, (bias, name) in enumerate(zip(circuits.biases, circuits.activations, strict=True)):
        if name != "relu":
            raise ValueError(
                f"activations: wanted ReLU in every layer, which silences inactive circuits, got "
                f"{name!r} in layer {layer}"
            )
        if (largest := float(bias.max())) > 0:
            raise ValueError(
                f"biases[{layer}]: wanted none above 0, so that inactive circuits stay silent, "
                f"got {largest:.3g}"
            )
