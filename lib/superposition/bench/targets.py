"""Named networks with known circuits, easy to hard: the same for everybody, from fixed seeds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from superposition._check import instance
from superposition.circuits import MLPCircuits, ResidualCircuits, rotation_circuits
from superposition.codes import SparseCode
from superposition.constructions import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    MLPConstruction,
    ResidualConstruction,
    Superposition,
)
from superposition.interop.trees import packed
from superposition.measure import measure_error
from superposition.network import MLPNetwork, Network, ResidualNetwork

_SAMPLES = 300  # of active sets, by which a target's own error is measured
_EXACT = 1e-20  # relative_mse below which nothing but rounding is left


@dataclass(frozen=True)
class Target:
    """One network to decompose. `TARGETS` has the suite.

    name:     by which results refer to it.
    make:     the superposition, from a generator; `build` gives it that of `seed`.
    n_active: k, how many circuits are active at once.
    seed:     of circuits and codes.
    checksum: of the integers of its codes, which are the same on any machine.
    hard:     what makes it hard.
    """

    name: str
    make: Callable[[np.random.Generator], Superposition]
    n_active: int
    seed: int
    checksum: str
    hard: str

    def build(self) -> Superposition:
        """The superposition. Raises ValueError where its codes are not those of the suite."""
        superposition = self.make(np.random.default_rng(self.seed))
        if (found := code_checksum(superposition)) != self.checksum:
            raise ValueError(
                f"{self.name}: wanted codes of checksum {self.checksum}, got {found}: another "
                "version of the library or of NumPy draws others"
            )
        return superposition

    def card(self, superposition: Superposition | None = None) -> pd.DataFrame:
        """What it is, in one row, from the network as it is built (or is given).

        Columns circuits (T), layers (L), widths (of a circuit's states), large_width (the widest
        large state), weights (of the large network), per_parameter (those over the circuits' own),
        load (directions of circuits for each dimension of the large state), n_active, error
        (relative_mse after the last layer, measured; 0 where only rounding is left), hard.
        """
        large = self.build() if superposition is None else superposition
        instance("superposition", large, Superposition)
        circuits, network = large.circuits, large.network
        rng = np.random.default_rng(self.seed)
        errors = measure_error(large, self.n_active, _SAMPLES, rng)
        error, width = float(errors["relative_mse"].iloc[-1]), large_width(network)
        row = {
            "circuits": circuits.n_circuits,
            "layers": circuits.n_layers,
            "widths": "–".join(map(str, sorted(set(circuits.widths)))),
            "large_width": width,
            "weights": network.n_parameters,
            "per_parameter": network.n_parameters / circuits.n_parameters,
            "load": circuits.n_circuits * max(circuits.widths) / width,
            "n_active": self.n_active,
            "error": 0.0 if error < _EXACT else error,
            "hard": self.hard,
        }
        return pd.DataFrame([row], index=pd.Index([self.name], name="target"))


def large_width(network: Network) -> int:
    """D: dimensions of the widest state of a large network."""
    if isinstance(network, ResidualNetwork):
        return network.stream_width
    if isinstance(network, MLPNetwork):
        return max(network.widths)
    raise TypeError(f"network: wanted a dense one, got {type(network).__name__}")


def code_checksum(superposition: Superposition) -> str:
    """The first 12 hexadecimal digits of SHA-256 of all integers of a superposition: its codes'."""
    arrays: dict[str, np.ndarray] = {}
    packed(superposition, "", arrays)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if arrays[name].dtype.kind in "iu":
            digest.update(np.ascontiguousarray(arrays[name], "<i8").tobytes())
    return digest.hexdigest()[:12]


def _mlps(n_circuits: int, n_layers: int, rng: np.random.Generator) -> MLPCircuits:
    return MLPCircuits.random(n_circuits, [4] * (n_layers + 1), rng)


def _private(rng: np.random.Generator) -> Superposition:
    """Each circuit has slots to itself, in both codes."""
    own = SparseCode(np.arange(64)[:, None, None], 64)
    return GatedConstruction().compress(_mlps(64, 3, rng), rng, codes=(own, own))


def _ping_pong(rng: np.random.Generator) -> Superposition:
    return GatedConstruction().compress(_mlps(64, 3, rng), rng)


def _chains(rng: np.random.Generator) -> Superposition:
    return ChainConstruction(3).compress(_mlps(121, 4, rng), rng)


def _residual(rng: np.random.Generator) -> Superposition:
    circuits = ResidualCircuits.random(121, 4, 8, 3, rng)
    return GatedResidualConstruction().compress(circuits, rng)


def _gated(rng: np.random.Generator) -> Superposition:
    return GatedConstruction(1128, redundancy=4).compress(_mlps(529, 4, rng), rng)


def _sequel(rng: np.random.Generator) -> Superposition:
    circuits = rotation_circuits(250, 3, rng, threshold=0.75, gain=4.0)
    return MLPConstruction(1000, 3, code="finite_plane").compress(circuits, rng)


def _post(rng: np.random.Generator) -> Superposition:
    circuits = ResidualCircuits.random(200, 4, 8, 2, rng)
    return ResidualConstruction(768, 1536).compress(circuits, rng)


def _deep(rng: np.random.Generator) -> Superposition:
    return GatedConstruction(2988, redundancy=6).compress(_mlps(1681, 6, rng), rng)


_HARD = {
    "private": "nothing: each circuit has neurons to itself",
    "ping-pong": "circuits share neurons, a slot each; one active at a time",
    "chains": "two active, each in one of three places, chosen for the whole set",
    "residual": "a residual stream, cleaned after each layer",
    "gated": "four slots each, two active, with noise",
    "sequel": "nobody tells which are active; indicators find it again in each layer",
    "post": "dense random directions in a residual stream, with noise",
    "deep": "1,681 circuits over six layers, three active",
}
TARGETS = {
    target.name: target
    for target in (
        Target("private", _private, 3, 1, "e013f1df8a84", _HARD["private"]),
        Target("ping-pong", _ping_pong, 1, 2, "83104b934163", _HARD["ping-pong"]),
        Target("chains", _chains, 2, 3, "7371adc65141", _HARD["chains"]),
        Target("residual", _residual, 1, 4, "9c08a1d738d4", _HARD["residual"]),
        Target("gated", _gated, 2, 5, "765cfbf524ed", _HARD["gated"]),
        Target("sequel", _sequel, 2, 6, "a52b7d8c974a", _HARD["sequel"]),
        Target("post", _post, 1, 7, "591a93821a89", _HARD["post"]),
        Target("deep", _deep, 3, 8, "482c75433a79", _HARD["deep"]),
    )
}
