"""The sequel's construction: MLP circuits in one MLP, the shared mean of their weights apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import sympy as sp
from numpy.typing import ArrayLike

from superposition._check import Floats, generator, instance, positive_int, positive_real
from superposition.circuits import MLPCircuits
from superposition.circuits.rotations import rotation_step
from superposition.codes import SparseCode, superpose
from superposition.codes.packings import PACKINGS, packing
from superposition.constructions.compiled import MLPSuperposition
from superposition.constructions.seizure import follow
from superposition.constructions.sharing import share
from superposition.network import MLPNetwork
from superposition.theory import sharing, symbols
from superposition.theory.derivation import evaluate


@dataclass(frozen=True)
class MLPConstruction:
    """Sizes of the sequel's construction (chapter *A construction that survives depth*).

    width:       D, neurons per layer of the large network.
    redundancy:  r, how many of them hold each entry of a circuit's state.
    code:        "prime_step", as published, or "finite_plane": any two circuits share at most one
                 neuron of each entry.
    suppression: how much stronger than balanced circuits inhibit each other (1: (eq-balance)).

    Raises TypeError or ValueError for sizes ≤ 0, r > D, another code, a suppression ≤ 0.
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

    def capacity(self, circuits: MLPCircuits) -> int:
        """How many circuits of these widths the codes can hold, whatever the error."""
        instance("circuits", circuits, MLPCircuits)
        widths = set(circuits.widths[1:])
        return min(SparseCode.capacity(self.code, d, self.width, self.redundancy) for d in widths)

    def compress(
        self,
        circuits: MLPCircuits,
        rng: np.random.Generator,
        *,
        codes: Sequence[SparseCode] | None = None,
    ) -> MLPSuperposition:
        """One large MLP that does what all the circuits do, up to interference: (eq-mlp-weights).

        Codes are drawn with `rng`, one per layer, unless given.
        Raises TypeError for other circuits; ValueError for those that the construction cannot
        hold: more than its codes' capacity, not ReLU, biases that differ between circuits, or
        above zero (then an inactive circuit would not be silent); for codes that do not fit, or
        that leave no pair of slots unconnected.
        """
        instance("circuits", circuits, MLPCircuits)
        generator(rng)
        _check_alike(circuits)
        _check_silent(circuits)
        if codes is None:
            codes = [self._code(circuits, width, rng) for width in circuits.widths[1:]]
        self._check_codes(circuits, codes)
        codes = [replace(code, dtype=circuits.dtype) for code in codes]
        weights = [np.eye(codes[0].size, dtype=circuits.dtype)]
        for layer in range(1, circuits.n_layers):
            weights.append(self._weights(circuits.weights[layer], codes[layer], codes[layer - 1]))
        biases = [_spread(bias[0], self.width, circuits.dtype) for bias in circuits.biases]
        network = MLPNetwork(weights, biases)
        checkpoints = tuple(range(circuits.n_layers + 1))
        return MLPSuperposition(circuits, self, network, checkpoints, tuple(codes))

    def predict_error(
        self, circuits: MLPCircuits, n_active: int, law: str = "followed"
    ) -> pd.DataFrame:
        """Errors of conditional rotations that `measure_error` should find, by layer 1 … L.

        law "followed": false indicators and what they do followed through the layers, in
        `constructions.seizure`; "published": (eq-rotation-law), which takes noise as small.
        Columns layer; mse, relative_mse, inactive_mse of the rotation vector; on_mse,
        inactive_on_mse of the on-indicator.
        Raises ValueError for other circuits, more than the code can hold, n_active > T, or
        another law.
        """
        instance("circuits", circuits, MLPCircuits)
        threshold, gain = rotation_step(circuits)
        because = ", the number of circuits"
        n_active = positive_int("n_active", n_active, circuits.n_circuits, because)
        sizes = circuits.n_circuits, circuits.n_layers
        if law == "published":
            return published_law(*sizes, self.width, self.redundancy, n_active)
        if law != "followed":
            raise ValueError(f"law: wanted 'followed' or 'published', got {law!r}")
        return self.follow(*sizes, n_active, threshold, gain)

    def follow(
        self,
        n_circuits: int,
        n_layers: int,
        n_active: int,
        threshold: float = 0.5,
        gain: float = 2.0,
    ) -> pd.DataFrame:
        """`predict_error` for so many rotations, without making any."""
        sets = packing(self.code, self.width // 4, self.redundancy)
        positive_int("n_circuits", n_circuits, len(sets), f", the capacity of {self.code!r}")
        how = share(sets[:n_circuits], n_active, self.suppression)
        table = follow(how, n_layers, threshold, gain)
        table.insert(0, "layer", np.arange(1, n_layers + 1))
        return table

    def _code(self, circuits: MLPCircuits, width: int, rng: np.random.Generator) -> SparseCode:
        return SparseCode.draw(
            self.code,
            circuits.n_circuits,
            width,
            self.width,
            self.redundancy,
            rng,
            dtype=circuits.dtype,
        )

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

    def _weights(self, small: Floats, write: SparseCode, read: SparseCode) -> Floats:
        """w̄ ⊗ 𝒲 + (1/r) Σ_t Δw_t ⊗ e_t e_t^T: (eq-mlp-weights)."""
        mean = small.mean(axis=0)
        large = superpose(write, small - mean, read)
        blocks = np.kron(mean, shared_weights(write, read, self.suppression))
        large[: blocks.shape[0], : blocks.shape[1]] += blocks
        return large


def published_law(
    n_circuits: int, n_layers: int, width: int, redundancy: int, n_active: int
) -> pd.DataFrame:
    """The published predictions for conditional rotations; columns as `predict_error` returns."""
    layers = np.arange(1, n_layers + 1)
    sizes = {symbols.T: n_circuits, symbols.D: width, symbols.d: 4, symbols.r: redundancy}
    square = evaluate(sharing.overlap_square(), sizes)
    values: dict[sp.Symbol, ArrayLike]
    values = {symbols.T: n_circuits, symbols.k: n_active}
    values |= {sharing.overlap: square, sharing.layer: layers}
    read = evaluate(sharing.inactive_square(), {**values, symbols.a2: 1.0})
    mse = np.broadcast_to(evaluate(sharing.rotation_law(), values), layers.shape)
    table = {"layer": layers, "mse": mse, "relative_mse": mse, "inactive_mse": float(read)}
    return pd.DataFrame({**table, "on_mse": 0.0, "inactive_on_mse": float(read)})


def shared_weights(write: SparseCode, read: SparseCode, suppression: float = 1.0) -> Floats:
    """𝒲, (block, block): 1/r where a circuit connects two slots, −χ elsewhere: (eq-capped).

    χ is balanced so that, on average over pairs, one circuit's slots hear nothing of another's
    (eq-balance), times `suppression`. Raises ValueError as `SparseCode.sets` does.
    """
    r = write.redundancy
    connected = np.minimum((write.set_matrix.T @ read.set_matrix).toarray(), 1.0)
    chi = suppression * balance(connected, write, read)
    return np.asarray(((1 / r + chi) * connected - chi).astype(write.dtype))


def balance(connected: Floats, write: SparseCode, read: SparseCode) -> float:
    """χ of (eq-balance): connections from one circuit's slots to another's, over those missing.

    connected: (block, block), 1 where a circuit connects two slots; divided by r.
    0 for a single circuit. Raises ValueError where all circuits' slots are connected.
    """
    n, r = write.n_circuits, write.redundancy
    if n == 1:  # nobody else to be balanced against
        return 0.0
    load_write, load_read = (code.set_matrix.sum(axis=0) for code in (write, read))
    made = (load_write @ connected @ load_read - n * r**2) / (n * (n - 1))
    if made >= r**2 * (1 - 1e-12):
        raise ValueError(
            f"codes: wanted slots that no circuit connects, to balance those that are; all slots "
            f"of {n} circuits are: use fewer circuits or more neurons"
        )
    return float(made / (r**2 - made) / r)


def _spread(bias: Floats, size: int, dtype: np.dtype[np.floating]) -> Floats:
    """Each entry's bias on all neurons of its block; neurons left over stay silent."""
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
