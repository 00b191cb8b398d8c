"""The sequel's construction: MLP circuits in one MLP, with their weights' mean apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats, generator, instance, positive_int, positive_real
from superposition.circuits import MLPCircuits
from superposition.circuits.moments import MLPMoments
from superposition.circuits.rotations import rotation_step
from superposition.constructions.needs import check_mlp
from superposition.constructions.sizing import WIDEST, check_question, smallest_true
from superposition.maps import SparseCode
from superposition.network import MLPNetwork
from superposition.packings import PACKINGS, packing
from superposition.readers import mean_apart
from superposition.sums import superpose
from superposition.superposition import MLPSuperposition

if TYPE_CHECKING:
    import pandas as pd

LAWS = ("followed", "published", "small noise")


@dataclass(frozen=True)
class MLPConstruction:
    """The sizes of the sequel's construction (chapter *A construction that survives depth*).

    width: D, the neurons in each layer of the large network.
    redundancy: r, how many of them hold each entry of a circuit's state.
    code: "prime_step", as published, or "finite_plane"; two circuits share at most one slot.
    suppression: how much stronger than balanced circuits inhibit each other (1: (eq-balance)).

    Raises TypeError or ValueError for sizes ≤ 0, r > D, another code, a suppression ≤ 0.

    >>> import numpy
    >>> from superposition import MLPConstruction, rotation_circuits
    >>> construction = MLPConstruction(width=400, redundancy=4)
    >>> construction.holds([4, 4, 4])  # circuits; side by side fit 100
    295
    >>> rng = numpy.random.default_rng(0)
    >>> construction.compress(rotation_circuits(200, 2, rng), rng).network
    MLPNetwork(widths 400 → 400 → 400)
    """

    width: int
    redundancy: int
    code: str = "prime_step"
    suppression: float = 1.0

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

    def capacity(self, moments: MLPMoments, n_active: int, tolerance: float) -> int:
        """Return how many circuits fit: the largest T with a predicted error within `tolerance`.

        tolerance: the largest relative_mse after the last layer.

        The result is never more than the codes hold. For conditional rotations false indicators are
        followed. For other circuits only the small-noise law is known, and the result is an upper
        bound.
        Raises ValueError where the active circuits alone have a larger error.
        """
        n_active, tolerance = self._question(moments, n_active, tolerance)
        most = self.holds(moments.widths)
        n_active = positive_int("n_active", n_active, most, f", the capacity of {self.code!r}")
        if (least := self._last_error(n_active, moments, n_active)) > tolerance:
            raise ValueError(
                f"tolerance: wanted at least {least:.3g}, the relative_mse of {n_active} active "
                f"circuits with no others in {self.width} neurons, got {tolerance}"
            )
        first_over = smallest_true(
            lambda n: self._last_error(n, moments, n_active) > tolerance, n_active + 1, most
        )
        return most if first_over is None else first_over - 1

    def size_for(
        self, n_circuits: int, moments: MLPMoments, n_active: int, tolerance: float
    ) -> MLPConstruction:
        """Return the narrowest construction in which n_circuits circuits fit.

        All but its width stays as it is here.
        Raises ValueError for n_active > n_circuits, or a tolerance that no width up to 2^13 meets.
        """
        n_active, tolerance = self._question(moments, n_active, tolerance)
        n_circuits = positive_int("n_circuits", n_circuits)
        positive_int("n_active", n_active, n_circuits, ", the number of circuits")
        lowest = self.redundancy * max(moments.widths[1:])

        def meets_tolerance(width: int) -> bool:
            sized = replace(self, width=width)
            try:
                if sized.holds(moments.widths) < n_circuits:
                    return False
            except ValueError:  # too narrow for the code's sets
                return False
            return sized._last_error(n_circuits, moments, n_active) <= tolerance

        if (width := smallest_true(meets_tolerance, lowest, WIDEST)) is None:
            raise ValueError(
                f"tolerance: wanted one that up to {WIDEST} neurons can meet, got {tolerance}"
            )
        return replace(self, width=width)

    def compress(
        self,
        circuits: MLPCircuits,
        rng: np.random.Generator,
        *,
        codes: Sequence[SparseCode] | None = None,
    ) -> MLPSuperposition:
        """Return one large MLP that computes all circuits, up to interference: (eq-mlp-weights).

        codes: one code for each layer; None: codes drawn with `rng`.

        Raises TypeError for other circuits; ValueError for those that the construction cannot hold:
        more than its codes' capacity, not ReLU, biases that differ between circuits, or above zero
        (then an inactive circuit would not be silent); for codes that do not fit, or that leave no
        pair of slots unconnected. MemoryError for a width that does not fit.
        """
        instance("circuits", circuits, MLPCircuits)
        generator(rng)
        _check_alike(circuits)
        _check_silent(circuits)
        check_mlp(circuits, self.width)
        if codes is None:
            codes = [self._code(circuits, width, rng) for width in circuits.widths[1:]]
        self._check_codes(circuits, codes)
        codes = [replace(code, dtype=circuits.dtype) for code in codes]
        # one block of memory: the system hands out large ones faster than many of middle size
        weights = np.zeros((circuits.n_layers, self.width, self.width), circuits.dtype)
        np.fill_diagonal(weights[0], 1)
        for layer in range(1, circuits.n_layers):
            small, codes_here = circuits.weights[layer], (codes[layer], codes[layer - 1])
            self._add_weights(weights[layer], small, *codes_here)
        biases = [_spread(bias[0], self.width, circuits.dtype) for bias in circuits.biases]
        network = MLPNetwork(list(weights), biases)
        checkpoints = tuple(range(circuits.n_layers + 1))
        return MLPSuperposition(circuits, self, network, checkpoints, tuple(codes))

    def predict_error(
        self, circuits: MLPCircuits, n_active: int, law: str = "followed"
    ) -> pd.DataFrame:
        """Predict the errors that `measure_error` finds, by layer 1 … L.

        Three laws are known:

        "followed" is for conditional rotations. False indicators and their effects are followed
        through the layers, in `constructions.seizure`.

        "published" is for conditional rotations, too: (eq-rotation-law). It takes noise as small.

        "small noise" is the same law for any circuits, by their moments, in `constructions.laws`.
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
        because = ", the number of circuits"
        n_active = positive_int("n_active", n_active, circuits.n_circuits, because)
        if law == "small noise":
            _check_silent(circuits)
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

    def _question(self, moments: MLPMoments, n_active: int, tolerance: float) -> tuple[int, float]:
        question = check_question(moments, n_active, tolerance, MLPMoments)
        if set(moments.activations) != {"relu"}:
            raise ValueError(
                f"moments: wanted those of ReLU circuits, got activations {moments.activations}"
            )
        return question

    def _last_error(self, n_circuits: int, moments: MLPMoments, n_active: int) -> float:
        from superposition.predict.sequel import last_error, small_noise_law

        if moments.step is not None:
            return last_error(self.follow(n_circuits, len(moments.growth), n_active, *moments.step))
        sizes = self.width, self.redundancy, n_active
        return last_error(small_noise_law(n_circuits, moments, *sizes))

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

    def _add_weights(
        self, large: Floats, small: Floats, write: SparseCode, read: SparseCode
    ) -> None:
        """Add w̄ ⊗ 𝒲 + (1/r) Σ_t Δw_t ⊗ e_t e_t^T, (eq-mlp-weights), to an array of zeros."""
        own, mean, shared = mean_apart(small, write, read, self.suppression)
        rows, columns = shared.shape
        for i, j in np.ndindex(mean.shape):
            block = large[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
            np.multiply(mean[i, j], shared, out=block)
        superpose(*own, onto=large)


def _spread(bias: Floats, size: int, dtype: np.dtype[np.floating]) -> Floats:
    """Return each entry's bias on all neurons of its block, and 0 on neurons left over."""
    large = np.zeros(size, dtype)
    block = size // len(bias)
    large[: block * len(bias)] = np.repeat(bias, block)
    return large


def _check_alike(circuits: MLPCircuits) -> None:
    for layer, bias in enumerate(circuits.biases):
        if (spread := float(np.ptp(bias, axis=0).max())) > 0:
            raise ValueError(
                f"biases[{layer}]: wanted one bias vector for all circuits, since they share "
                f"neurons; got biases that differ by up to {spread:.3g}"
            )


def _check_silent(circuits: MLPCircuits) -> None:
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
