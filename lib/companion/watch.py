"""A figure runs two compressed networks in the page; this makes them.

Both hold rotations. The sequel's network finds out again in each layer which circuits are on; the
gated network is told. `book/tools/watched.py` writes them to a file. Tests compare these networks
with the weights that the page makes of the file, and with what the page computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from superposition._check import Floats, Integers, generator, positive_int
from superposition.circuits import MLPCircuits, rotation_circuits, rotation_vector
from superposition.circuits.conditional import on_neurons
from superposition.circuits.inputs import sample_active
from superposition.circuits.rotations import PlaneDirections, on_indicator, rotation_step
from superposition.constructions import GatedConstruction, MLPConstruction
from superposition.superposition import Superposition

LOADS = (60, 125, 250, 400, 557)  # circuits stored; the last is all that the sequel's code holds
N_LAYERS = 6
START = {"load": 400, "active": [17], "angles": [40]}  # which circuits, and degrees of their inputs
WORDS = {
    "sequel": "The sequel's network: finds out again, in each layer, who is on",
    "gated": "A gated network: is told who is on",
}
HALF = 0.5 - 1e-4  # an indicator is the mean of six: half of them may be on, to rounding
_SEED, _ROUNDING = 11, 1e-9
_SEQUEL = MLPConstruction(width=1000, redundancy=6)
_GATED = GatedConstruction(width=1000, redundancy=2, quiet=False)


@dataclass(frozen=True, eq=False)
class Watched:
    """The same rotations are in two networks: the sequel's with indicators, a gated one without.

    Both networks have the same angles by circuit; see `rotation_circuits`.
    """

    sequel: Superposition
    gated: Superposition

    def run(self, active: Integers, angles: Floats) -> dict[str, Floats]:
        """Compute rotation vectors (L+1, k, 2): the "true" ones, and those of "sequel" and "gated".

        `active` (k,) are circuits, and `angles` (k,) those of their inputs, in degrees.
        """
        x, which = _inputs(active, angles)
        found = {
            "true": self.gated.circuits.run(x, which),
            "sequel": [rotation_vector(a) for a in self.sequel.run(self.conditional(x), which)],
            "gated": self.gated.run(x, which),
        }
        return {name: np.concatenate(states) for name, states in found.items()}

    def count_false_indicators(self, active: Integers, angles: Floats) -> Integers:
        """Count the other circuits with an indicator of ½ or more, (L+1,), by the sequel."""
        x, which = _inputs(active, angles)
        states = self.sequel.network.run(self.sequel.embed(self.conditional(x), which))
        counts = []
        for layer, state in enumerate(states):
            on = on_indicator(self.sequel.read_all(state, layer))[0, :, 0] > HALF
            counts.append(on.sum() - on[which[0]].sum())
        return np.array(counts)

    def conditional(self, x: Floats) -> Floats:
        """Return inputs of conditional rotations: the indicator's neurons while on, and x + 1."""
        on = on_neurons(*rotation_step(self.sequel.circuits))
        return np.concatenate([np.broadcast_to(on, x.shape), x + 1], axis=-1)


def last_errors(
    rng: np.random.Generator, n_active: Sequence[int] = (1, 2, 3), n_samples: int = 500
) -> pd.DataFrame:
    """Measure errors after the last layer, for each of LOADS and number of active circuits.

    `sequel` and `gated` are errors of rotation vectors, as root mean squares over active sets and
    inputs that `rng` draws. `exact` is the share of these sets on which the gated network errs by
    rounding only.
    """
    rows = {}
    for load, k in product(LOADS, n_active):
        both = watched(load)
        which = sample_active(load, k, n_samples, generator(rng))
        x = PlaneDirections()(which, rng)
        true = both.gated.circuits.run(x, which)[-1]
        found = rotation_vector(both.sequel.run(both.conditional(x), which)[-1])
        off = both.gated.run(x, which)[-1] - true
        exact = np.all(np.abs(off) < _ROUNDING, axis=(1, 2))
        rows[load, k] = {"sequel": _rms(found - true), "gated": _rms(off), "exact": exact.mean()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["stored", "active"])


def _rms(off: Floats) -> float:
    return float(np.sqrt(np.mean(np.sum(off**2, axis=-1))))


def _inputs(active: Integers, angles: Floats) -> tuple[Floats, Integers]:
    turns = np.deg2rad(np.asarray(angles, float))
    x = np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    return x[None], np.asarray(active)[None]


def watched(load: int) -> Watched:
    """Return the networks that hold the first `load` circuits; ValueError for more than LOADS."""
    load = positive_int("load", load, LOADS[-1], ", the largest of LOADS")
    whole, first, rng = _whole(), np.arange(load), _rng()  # of which nothing is drawn
    codes = [code.take(first) for code in whole.sequel.codes]
    both = tuple(whole.gated.codes.slots(i).take(first) for i in (0, 1))
    return Watched(
        _SEQUEL.compress(whole.sequel.circuits.take(first), rng, codes=codes),
        _GATED.compress(whole.gated.circuits.take(first), rng, codes=both),
    )


@cache
def _whole() -> Watched:
    rng = _rng()
    with_on = rotation_circuits(LOADS[-1], N_LAYERS, rng)
    return Watched(_SEQUEL.compress(with_on, rng), _GATED.compress(_without_on(with_on), rng))


def _without_on(circuits: MLPCircuits) -> MLPCircuits:
    """Return the same rotations, linear and of width 2."""
    turns = [weight[:, 2:, 2:] for weight in circuits.weights]
    biases = [np.zeros((circuits.n_circuits, 2))] * N_LAYERS
    return MLPCircuits(turns, biases, "linear", PlaneDirections())


def _rng() -> np.random.Generator:
    return np.random.default_rng(_SEED)
