"""One method on one target: how much of the truth it finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from superposition._check import Floats, Integers, generator, instance
from superposition.bench.known import known_activity
from superposition.bench.methods import Found, Given, Method
from superposition.bench.scores import Booleans, active_sets_found, cosines, match, mmcs
from superposition.bench.truth import Batch, GroundTruth, TrueMatrix

N_GIVEN, N_SCORED = 4096, 2048  # states: to find components in, and to tell active sets from


@dataclass(frozen=True, eq=False)
class Contest:
    """A target taken apart after its middle layer.

    truth: of the target. n_active: k. layer: the small layer; matrix: the weights that wrote last.
    """

    truth: GroundTruth
    n_active: int
    layer: int
    matrix: TrueMatrix

    @classmethod
    def of(cls, truth: GroundTruth, n_active: int) -> Contest:
        """After half of the layers, rounded up."""
        large = truth.superposition
        layer = (large.circuits.n_layers + 1) // 2
        last = large.checkpoints[layer] - 1
        names = {matrix.name for matrix in truth.matrices}
        name = next(n for n in (f"weights[{last}]", f"write_out[{last}]") if n in names)
        return cls(truth, n_active, layer, truth[name])

    def states(self, n_samples: int, rng: np.random.Generator) -> tuple[Floats, Batch]:
        """Large states (n, D) on labelled inputs."""
        large = self.truth.superposition
        batch = self.truth.batch(self.n_active, n_samples, rng)
        state = batch.first
        for i in range(large.checkpoints[self.layer]):
            state = large.network.step(state, i)[0]
        return state, batch

    def given(self, states: Floats) -> Given:
        """What a method sees of it."""
        circuits = self.truth.superposition.circuits
        weight = self.matrix.total()
        return Given(states, weight, circuits.n_circuits, circuits.widths[self.layer])

    def score(
        self, found: Found, states: Floats, known: Batch, rng: np.random.Generator
    ) -> pd.DataFrame:
        """One row: mmcs, mmcs_found, weight_mmcs, weight_ml2r, precision, recall.

        Of directions, true ones being those that circuits are read along; of rank-one pieces
        against the circuits' components of the weight; of active sets: each circuit is given the
        one component that goes best with it on `states`, whose labels `known` are used for that,
        and counts as active on new inputs where that component is above a threshold, likewise fit.
        """
        true = self.truth.directions(self.layer)
        true = true.reshape(-1, true.shape[2])
        row = {
            "mmcs": mmcs(true, found.directions, signed=found.signed),
            "mmcs_found": mmcs(true, found.directions, signed=found.signed, over="found"),
            "weight_mmcs": np.nan,
            "weight_ml2r": np.nan,
        }
        if found.pieces is not None:
            row["weight_mmcs"], row["weight_ml2r"] = self._of_weights(*found.pieces)
        told = _Detector.fit(found.activity(states), known.on)
        fresh, batch = self.states(N_SCORED, rng)
        active = active_sets_found(told.on(found.activity(fresh)), batch.on)
        return pd.DataFrame([{**row, "precision": active.precision, "recall": active.recall}])

    def _of_weights(self, left: Floats, right: Floats) -> tuple[float, float]:
        """MMCS and ML2R of rank-one pieces, unsigned, without making any of them dense."""
        cosine, ratio = [], []
        sizes = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
        for circuit in np.unique(self.matrix.owners):
            write, read = self.matrix.factors(int(circuit))
            size = np.sqrt(np.sum((write.T @ write) * (read @ read.T)))
            like = np.abs(np.sum((left @ write) * (right @ read.T), axis=1)) / (sizes * size)
            best = int(like.argmax())
            cosine.append(float(like[best]))
            ratio.append(float(sizes[best] / size))
        return float(np.mean(cosine)), float(np.mean(ratio))


@dataclass(frozen=True, eq=False)
class _Detector:
    """which: (T,), the component of each circuit, or −1. least: (T,), activity that counts."""

    which: Integers
    least: Floats

    @classmethod
    def fit(cls, activity: Floats, on: Booleans) -> _Detector:
        """Components by correlation, one for each circuit; thresholds of the best F1 score."""
        together = cosines((on - on.mean(axis=0)).T, (activity - activity.mean(axis=0)).T)
        which = match(together)
        least = np.full(len(which), np.inf)
        for circuit, component in enumerate(which):
            if component >= 0 and on[:, circuit].any():
                least[circuit] = _best_threshold(activity[:, component], on[:, circuit])
        return cls(which, least)

    def on(self, activity: Floats) -> Booleans:
        """(batch, T)."""
        return np.asarray(activity[:, self.which] >= self.least)


def _best_threshold(activity: Floats, on: Booleans) -> float:
    """The least activity (n,) to count as on (n,), for the best F1 score."""
    order = np.argsort(-activity, kind="stable")
    values, hits = activity[order], np.cumsum(on[order])
    named = np.arange(1, len(values) + 1)
    f1 = 2 * hits / (named + on.sum())
    f1[:-1][values[1:] == values[:-1]] = -1  # equal activities are told apart by nothing
    return float(values[f1.argmax()])


def score(
    method: Method, setting: str, truth: GroundTruth, n_active: int, rng: np.random.Generator
) -> pd.DataFrame:
    """What `method` finds of a network whose truth is known, in one row: `Contest.score`.

    Raises TypeError for another kind of method, KeyError for a setting that it has not.
    """
    instance("method", method, Method)
    contest, rng = Contest.of(truth, n_active), generator(rng)
    states, known = contest.states(N_GIVEN, rng)
    found = method.find(contest.given(states), rng, **method.settings[setting])
    return contest.score(found, states, known, rng)


def told(truth: GroundTruth, n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """The same row for one who is told the truth: `known_activity`, and the true directions."""
    contest, rng = Contest.of(truth, n_active), generator(rng)
    states, known = contest.states(N_GIVEN, rng)
    directions = truth.directions(contest.layer)
    found = Found(
        directions.reshape(-1, directions.shape[2]),
        lambda new: known_activity(truth.superposition, new, contest.layer),
    )
    return contest.score(found, states, known, rng)
