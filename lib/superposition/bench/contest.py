"""One method on one target, and a score of how much of the truth it finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from superposition._check import Floats, Integers, generator, instance
from superposition.bench.known import known_activity
from superposition.bench.methods import Found, Given, Method
from superposition.bench.scores import (
    Booleans,
    active_sets_found,
    component_scores,
    cosines,
    match,
    mmcs,
)
from superposition.bench.truth import Batch, GroundTruth
from superposition.constructions.chains import ChainRead
from superposition.sums import Sum

N_GIVEN, N_SCORED = 4096, 2048  # states: to find components in, and to tell active sets from
_ITERATIONS = 50  # of an F1 that rises; a few do


@dataclass(frozen=True, eq=False)
class Contest:
    """A target that methods take apart after its middle layer.

    truth: the ground truth of the target.
    n_active: k, how many circuits are active at once.
    layer: the small layer after which the states are taken.
    matrix: the weights that wrote to those states last.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.bench import Contest, ground_truth
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> contest = Contest.of(ground_truth(large), n_active=1)
    >>> contest.layer, contest.matrix.name
    (1, 'weights[0]')
    >>> states, labels = contest.states(6, rng)
    >>> states.shape, labels.on.sum(axis=1).tolist()
    ((6, 20), [1, 1, 1, 1, 1, 1])
    """

    truth: GroundTruth
    n_active: int
    layer: int
    matrix: Sum

    @classmethod
    def of(cls, truth: GroundTruth, n_active: int) -> Contest:
        """Return the contest after half of the target's layers, rounded up."""
        large = truth.superposition
        layer = (large.circuits.n_layers + 1) // 2
        last = large.checkpoints[layer] - 1
        names = {matrix.name for matrix in truth.matrices}
        name = next(n for n in (f"weights[{last}]", f"write_out[{last}]") if n in names)
        return cls(truth, n_active, layer, truth[name])

    def states(self, n_samples: int, rng: np.random.Generator) -> tuple[Floats, Batch]:
        """Return large states (n, D), read-only, and the labelled inputs that lead to them."""
        large = self.truth.superposition
        batch = self.truth.batch(self.n_active, n_samples, rng)
        state = batch.first
        for i in range(large.checkpoints[self.layer]):
            state = large.network.step(state, i)[0]
        state.flags.writeable = False
        return state, batch

    def given(self, states: Floats) -> Given:
        """Return what a method may see of the target."""
        large = self.truth.superposition
        sizes = large.circuits.n_circuits, large.circuits.widths[self.layer]
        after = large.checkpoints[self.layer]
        return Given(states, self.matrix.dense(), *sizes, large.network, after)

    @property
    def directions(self) -> Floats:
        """The true directions (J, D) of each entry of each circuit; for chains, of each copy."""
        large = self.truth.superposition
        read = large.read_maps[self.layer]
        each = read.copies if isinstance(read, ChainRead) else read
        unit = np.eye(self.truth.width(self.layer), dtype=large.circuits.dtype)
        found = each.read_all(unit).transpose(1, 2, 0)
        return np.ascontiguousarray(found.reshape(-1, found.shape[2]))

    def score(
        self,
        found: Found,
        states: Floats,
        known: Batch,
        rng: np.random.Generator,
        *,
        together: bool = False,
    ) -> pd.DataFrame:
        """Score what a method found, in one row.

        found: what the method returned.
        states: the states that the method was given.
        known: the labels of these states.
        together: whether thresholds are fit for the best F1 of all circuits, by `thresholds`.

        The columns mmcs and mmcs_found compare the directions with the true ones, along which
        circuits are read. The columns weight_mmcs and weight_ml2r compare components of the weight
        with the circuits' components, by `component_scores`; they are NaN without components.

        The columns precision and recall say how well active sets are found. Each circuit is given
        the one component that goes best with it on `states`. It counts as active on new inputs
        where that component is above a threshold. The threshold is fit on the labels for the
        circuit's best F1. A component that carries no information then names every circuit active,
        which costs precision. With `together` such a component names no circuit.
        """
        instance("found", found, Found)
        true = self.directions
        row = {
            "mmcs": mmcs(true, found.directions, signed=found.signed),
            "mmcs_found": mmcs(true, found.directions, signed=found.signed, over="found"),
            "weight_mmcs": np.nan,
            "weight_ml2r": np.nan,
        }
        if found.pieces is not None:
            scores = component_scores(self.matrix, *found.pieces)
            row["weight_mmcs"], row["weight_ml2r"] = scores
        detector = _Detector.fit(_activity(found, states), known.on, together)
        fresh, batch = self.states(N_SCORED, rng)
        active = active_sets_found(detector.on(_activity(found, fresh)), batch.on)
        return pd.DataFrame([{**row, "precision": active.precision, "recall": active.recall}])


@dataclass(frozen=True, eq=False)
class _Detector:
    """A rule that tells which circuits are active.

    which: (T,), the component of each circuit, or −1.
    least: (T,), the activity above which the circuit counts as active.
    """

    which: Integers
    least: Floats

    @classmethod
    def fit(cls, activity: Floats, on: Booleans, together: bool = False) -> _Detector:
        """Match components by correlation, and fit thresholds for the best F1 score.

        together: whether the F1 score is of all circuits together, not of each.
        """
        which = match(cosines((on - on.mean(axis=0)).T, (activity - activity.mean(axis=0)).T))
        given = (which >= 0) & on.any(axis=0)
        least, activity, own = np.full(len(which), np.inf), activity[:, which[given]], on[:, given]
        if together:
            least[given] = thresholds(activity, own, int(on.sum()))
        else:
            least[given] = [_best_threshold(*both) for both in zip(activity.T, own.T, strict=True)]
        return cls(which, least)

    def on(self, activity: Floats) -> Booleans:
        """Return whether each circuit is active, (batch, T)."""
        return np.asarray(activity[:, self.which] >= self.least)


def _activity(found: Found, states: Floats) -> Floats:
    """Return a method's activities as real numbers; raise ValueError unless they are (n, C)."""
    activity = np.asarray(found.activity(states))
    if activity.ndim != 2 or len(activity) != len(states) or activity.dtype.kind not in "biuf":
        raise ValueError(
            f"activity: wanted real numbers of shape (n = {len(states)}, C), got "
            f"{activity.dtype} of shape {activity.shape}"
        )
    return activity.astype(float, copy=False)


def _best_threshold(activity: Floats, on: Booleans) -> float:
    """Return the activity above which to count as active, for the best F1 score.

    activity: (n,), the activities.
    on: (n,), whether the circuit is active.

    The threshold is half way between the least activity that counts and the next one that does not,
    since the circuit may be a little less active on new inputs.
    """
    order = np.argsort(-activity, kind="stable")
    values, hits = activity[order], np.cumsum(on[order])
    named = np.arange(1, len(values) + 1)
    f1 = 2 * hits / (named + on.sum())
    f1[:-1][values[1:] == values[:-1]] = -1  # equal activities cannot be told apart
    best = int(f1.argmax())
    return float(values[best : best + 2].mean())


def thresholds(activity: Floats, on: Booleans, n_on: int) -> Floats:
    """Return activities (C,) above which circuits count as active, for the best common F1.

    activity: (n, C), the activities.
    on: (n, C), whether each circuit is active.
    n_on: how many circuits are active in all, those without a component included.

    F1 is 2 Σ hits / (Σ named + n_on). At its largest value F, each column is cut where 2 hits − F
    named is largest. Where that is never above zero, the column names nothing (inf). F is iterated.
    Cuts are half way between the least activity that counts and the next, since circuits may be a
    little less active on new inputs.
    """
    order = np.argsort(-activity, axis=0, kind="stable")
    values = np.take_along_axis(activity, order, axis=0)
    hits = np.cumsum(np.take_along_axis(on, order, axis=0), axis=0)
    named = np.arange(1, len(values) + 1)[:, None]
    tied = values[1:] == values[:-1]  # equal activities cannot be told apart
    best, worth, f1 = np.zeros(values.shape[1], int), np.zeros(values.shape[1], bool), 0.0
    for _ in range(_ITERATIONS):
        gain = 2.0 * hits - f1 * named
        gain[:-1][tied] = -np.inf
        best = gain.argmax(axis=0)
        columns = np.arange(len(best))
        worth = gain[best, columns] > 0
        found, said = hits[best, columns][worth].sum(), (best[worth] + 1).sum()
        if (better := 2 * found / max(said + n_on, 1)) <= f1:
            break
        f1 = float(better)
    after = np.minimum(best + 1, len(values) - 1)
    cuts = (values[best, np.arange(len(best))] + values[after, np.arange(len(best))]) / 2
    return np.where(worth, cuts, np.inf)


def score(
    method: Method,
    setting: str,
    truth: GroundTruth,
    n_active: int,
    rng: np.random.Generator,
    *,
    together: bool = False,
) -> pd.DataFrame:
    """Score what `method` finds of a network whose truth is known, in the row of `Contest.score`.

    setting: the name of one of the method's settings.

    Raises TypeError for another kind of method, KeyError for a setting that the method does not
    have.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.bench import METHODS, ground_truth, score
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> method = METHODS["random directions"]
    >>> row = score(method, "only", ground_truth(large), n_active=1, rng=rng)
    >>> list(row)
    ['mmcs', 'mmcs_found', 'weight_mmcs', 'weight_ml2r', 'precision', 'recall']
    >>> bool(row["mmcs"].item() < 0.7)  # 1 if every direction were found
    True
    """
    instance("method", method, Method)
    contest = Contest.of(truth, n_active)
    for_states, for_method, for_scores = generator(rng).spawn(3)
    states, known = contest.states(N_GIVEN, for_states)
    found = method.find(contest.given(states), for_method, **method.settings[setting])
    return contest.score(found, states, known, for_scores, together=together)


def score_known_truth(truth: GroundTruth, n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the row of one who knows the truth: `known_activity`, and true directions."""
    contest = Contest.of(truth, n_active)
    for_states, _, for_scores = generator(rng).spawn(3)
    states, known = contest.states(N_GIVEN, for_states)
    found = Found(
        contest.directions,
        lambda new: known_activity(truth.superposition, new, contest.layer),
    )
    return contest.score(found, states, known, for_scores)
