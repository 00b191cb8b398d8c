"""The seizure of the sequel's network, predicted by following its false indicators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import sympy as sp

from superposition._check import Floats, Integers
from superposition.theory import rectifier, survives, symbols
from superposition.theory.derivation import evaluate


@dataclass(frozen=True, eq=False)
class Sharing:
    """How T circuits share slots, by C classes of slots with equal load.

    redundancy: r, the slots of each circuit.
    n_circuits: T, the number of circuits.
    n_active: k, the number of active circuits.
    loads: (C,), the load of each class.
    counts: (C,), the number of its slots.
    own: (C,), the probability that a circuit's slot is of that class.
    mixing: (C, C), the covariance over circuits of the shares of their slots in two classes.
    density: (C, C), the chance that slots of two classes are connected.
    density_active: (C, C), the same chance where the first slot is on an active circuit.
    chi: χ, the inhibition between slots that are not connected.

    The second class is that of a slot in the layer before, which no active circuit has.
    """

    redundancy: int
    n_circuits: int
    n_active: int
    loads: Floats
    counts: Floats
    own: Floats
    mixing: Floats
    density: Floats
    density_active: Floats
    chi: float

    @property
    def weight(self) -> float:
        """The weight that one connection adds, 1/r + χ."""
        return 1 / self.redundancy + self.chi

    @property
    def shared(self) -> float:
        """The chance p, (eq-sharing), with the loads as they are."""
        if self.n_circuits == 1:
            return 0.0
        values: dict[sp.Symbol, float] = {symbols.r: self.redundancy, symbols.T: self.n_circuits}
        values[survives.own_load] = self.mean(self.loads)
        return float(evaluate(survives.sharing_chance().general, values))

    @property
    def mean_density(self) -> float:
        """The density ρ between slots of random circuits."""
        return float(self.own @ self.density @ self.own)

    def mean(self, values: Floats) -> float:
        """Return the mean over the slots of a random circuit."""
        return float(self.own @ values)

    def mean_square(self, mean: Floats, square: Floats) -> float:
        """Return the mean over circuits of the squared mean of r slots.

        mean: (C,), the mean of a slot of each class.
        square: (C,), its mean square.

        Slots of one circuit are independent, apart from their classes.
        """
        apart = self.mean(square - mean**2) / self.redundancy
        return float(self.mean(mean) ** 2 + apart + mean @ self.mixing @ mean)

    def alike(self, mean: Floats) -> float:
        """Return the covariance of two slots of one circuit that comes from their like loads."""
        spread = self.mean(mean**2) - self.mean(mean) ** 2
        r = self.redundancy
        return float(mean @ self.mixing @ mean - spread / r) * r / max(r - 1, 1)

    def hits(self, others: int) -> Floats:
        """Return P(K, N): of `others` circuits, K share N different slots with a given one.

        Of a slot's circuits, K is distributed as Bin(others, p); then `occupied` follows.
        """
        places, n = self.redundancy, np.arange(self.redundancy + 1)
        table = np.zeros((others + 1, places + 1))
        table[0, 0] = 1
        for hit in range(others):
            table[hit + 1] = table[hit] * n / places
            table[hit + 1, 1:] += table[hit, :-1] * (places - n[:-1]) / places
        from scipy.stats import binom  # slow to load, and seldom needed

        return binom.pmf(np.arange(others + 1), others, self.shared)[:, None] * table


def share(sets: Integers, n_active: int, suppression: float) -> Sharing:
    """Return how circuits with these sets of slots, (T, r), share them; χ is (eq-balance)."""
    n_circuits, redundancy = sets.shape
    slot_loads = np.bincount(sets.ravel())
    found, counts = np.unique(slot_loads[slot_loads > 0], return_counts=True)
    loads, classes = found.astype(float), np.searchsorted(found, slot_loads[sets])
    shares = np.stack([(classes == c).mean(axis=1) for c in range(len(loads))], axis=1)
    own, others = shares.mean(axis=0), loads - 1
    pair = others / max(n_circuits - 1, 1)  # another circuit has this slot, too
    apart = _missed(others, others, n_circuits) * (1 - pair) * (1 - pair[:, None])
    values = {survives.density: 1 - float(own @ apart @ own), symbols.r: redundancy}
    return Sharing(
        redundancy,
        n_circuits,
        n_active,
        loads,
        counts.astype(float),
        own,
        np.cov(shares.T, ddof=0).reshape(len(loads), -1),
        1 - _missed(loads, loads, n_circuits),
        1 - _missed(others, loads, n_circuits),
        suppression * float(evaluate(survives.balanced(), values)),
    )


def _missed(loads: Floats, before: Floats, n_circuits: int) -> Floats:
    """Return the chance (C, C) that slots of two layers have no circuit in common."""
    chance = np.minimum(before / n_circuits, 1 - 1e-9)
    return np.exp(loads[:, None] * np.log1p(-chance))


_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_COSINES = np.cos((np.arange(16) + 0.5) * np.pi / 16)  # an entry of a vector of random direction
_OUTWARD = 0.25  # half of an error of random direction is radial, half of that outward
_RARE = 1e-7  # cases less likely are left out


@dataclass(frozen=True, eq=False)
class Followed:
    """The quantities that are followed, of inactive circuits' slots and active circuits.

    on: (C,), the mean of false indicators.
    on2: (C,), their mean square.
    pairs: the covariance of two false indicators of one circuit.
    vector: (C,), the mean of an entry of the vectors that they let through.
    vector2: (C,), the mean squared length of these vectors.
    living: the share of active circuits whose indicator has not fallen; the others are silent.
    indicator: the mean indicator of living circuits.
    indicator_variance: its variance.
    error: the squared error of living circuits' vectors.
    outward: the part of the error that makes the vector longer.
    """

    on: Floats
    on2: Floats
    pairs: float
    vector: Floats
    vector2: Floats
    living: float
    indicator: float
    indicator_variance: float
    error: float
    outward: float

    @property
    def present(self) -> float:
        """The mean indicator of an active circuit, living or not."""
        return self.living * self.indicator

    @property
    def square(self) -> float:
        """The mean squared vector that an active circuit holds."""
        return self.living * (1 + self.error)


def follow(how: Sharing, n_layers: int, threshold: float, gain: float) -> pd.DataFrame:
    """Predict errors by layer 1 … L, as `MLPConstruction.predict_error` returns them."""
    nothing = np.zeros(len(how.loads))
    first = _overlaps(how, 1.0)
    now = Followed(nothing, nothing, 0.0, nothing, nothing, 1.0, 1.0, 0.0, first, _OUTWARD * first)
    rows = [_row(how, now)]
    for _ in range(n_layers - 1):
        now = _next(how, now, threshold, gain)
        rows.append(_row(how, now))
    return pd.DataFrame(rows)


def _square(how: Sharing) -> float:
    """Return q = p/r², (eq-overlap-square), with the loads as they are."""
    return how.shared / how.redundancy**2


def _overlaps(how: Sharing, present: float) -> float:
    """Return the squared error from neurons shared with other active circuits: (eq-linear-law)."""
    doubled = float(survives.rotation_squares()[survives.doubled2])
    return doubled * (how.n_active - 1) * _square(how) * present


def _row(how: Sharing, now: Followed) -> dict[str, float]:
    """Return read-outs, as means over r slots, some of which are shared with active circuits."""
    r, k = how.redundancy, how.n_active
    apart, touched = 1 - 1 / r, k * how.shared / r
    on = how.mean_square(now.on, now.on2) + apart * now.pairs
    on += touched * now.present * (1 / r + 2 * apart * how.mean(now.on))
    on += k * (k - 1) * (how.shared / r * now.present) ** 2
    false, fallen = _false_vector(how, now), 1 - now.living
    mse = now.living * now.error + fallen * (1 + false)
    wrong = (1 - now.indicator) ** 2 + now.indicator_variance
    return {
        "mse": mse,
        "relative_mse": mse,  # |x|² is 1
        "inactive_mse": k * _square(how) * now.square + false,
        "on_mse": now.living * wrong + fallen,
        "inactive_on_mse": on,
    }


def _false_vector(how: Sharing, now: Followed) -> float:
    """Return the mean squared vector that an inactive circuit reads of falsely active slots."""
    return 2 * how.mean_square(now.vector, now.vector2 / 2)


def _next(how: Sharing, now: Followed, threshold: float, gain: float) -> Followed:
    """Return the quantities one layer further."""
    noise = _false_noise(how, now, how.density)
    slots = [_idle_slot(how, now, c, noise[:, c], threshold, gain) for c in range(len(how.loads))]
    on, on2, slope, vector, vector2 = np.array(slots).T
    noise = _false_noise(how, now, how.density_active)
    active = _active(how, now, noise, threshold, gain)
    return Followed(on, on2, _pairs(how, now, slope), vector, vector2, *active)


def _false_noise(how: Sharing, now: Followed, density: Floats) -> Floats:
    """Return mean and variance of what slots of each class receive from false indicators, (2, C).

    Connections are made at random. Two slots of one circuit go to the same neurons more often.
    """
    r, w = how.redundancy, how.weight
    free = np.maximum(how.counts - r * how.n_active * how.own, 0)
    mean = (w * density - how.chi) @ (free * now.on)
    variance = w**2 * (density * (1 - density)) @ (free * now.on2)
    agree = r * (r - 1) * (now.pairs + how.alike(now.on))
    together = how.loads * agree * (w * (1 - how.mean_density)) ** 2
    return np.stack([mean, np.maximum(variance + together, 0)])


def _pairs(how: Sharing, now: Followed, slope: Floats) -> float:
    """Return the covariance of the indicators of two slots of an inactive circuit."""
    r, k, p = how.redundancy, how.n_active, how.shared
    on, on2 = how.mean(now.on), how.mean(now.on2)
    mean = k * p * now.present + r * on
    second = k * p * now.present + r * on2 + r * (r - 1) * (on**2 + now.pairs)
    variance = (how.weight * (1 - how.mean_density)) ** 2 * (second - mean**2)
    return how.mean(slope) ** 2 * variance


def _idle_slot(
    how: Sharing, now: Followed, c: int, noise: Floats, threshold: float, gain: float
) -> tuple[float, float, float, float, float]:
    """Return on, on2, slope, vector and vector2 of a slot of class c that no active circuit has.

    The slope says how the slot's indicator follows its input, as a regression coefficient.
    """
    from scipy.signal import convolve2d  # slow to load, and seldom needed

    r, k, load = how.redundancy, how.n_active, int(how.loads[c])
    cases = one = how.hits(load)
    for _ in range(k - 1):
        cases = convolve2d(cases, one)
    hits = np.flatnonzero(cases.sum(axis=1) > _RARE)
    cases, connected = cases[hits], np.arange(cases.shape[1])
    inputs = now.present * (how.weight * connected - how.chi * r * k)[:, None]
    inputs = inputs + noise[0] + np.sqrt(noise[1]) * _NODES  # (connections, nodes)
    on, chance = _step(inputs, threshold, gain), cases.sum(axis=0)[:, None] * _WEIGHTS
    mean_on, centred = np.sum(chance * on), inputs - np.sum(chance * inputs)
    slope = np.sum(chance * centred * on) / max(np.sum(chance * centred**2), 1e-30)
    # an entry of the vector: 2y − 1 and the turned vectors of circuits on this slot
    others = np.maximum(load - hits, 0) * _false_vector(how, now)
    spread = (hits * now.square / r**2 + others) / 2
    _, first, second = _relu(2 * inputs - 1, spread[:, None, None])
    joint = cases[:, :, None] * _WEIGHTS
    vector = np.sum(joint * (first - on))
    vector2 = 2 * np.sum(joint * (second - 2 * on * first + on**2))
    return float(mean_on), float(np.sum(chance * on**2)), float(slope), vector, vector2


def _active(
    how: Sharing, now: Followed, noise: Floats, threshold: float, gain: float
) -> tuple[float, float, float, float, float]:
    """Return living, indicator, indicator_variance, error and outward of active circuits.

    Errors that all r slots share stay. Errors of each slot by itself are averaged. An error that
    came in is turned. What lengthens the vector is cut off where an entry falls below −1.
    """
    sums = np.zeros((5, len(how.own), len(_COSINES)))
    for c, load in enumerate(how.loads):
        inputs, chance = _active_inputs(how, now, c, noise[:, c])
        on = _step(inputs, threshold, gain)
        others = how.n_active * _square(how) * now.square + _false_vector(how, now)
        spread = max(load - 1, 0) * others / 2
        firing, first, second = _relu(2 * inputs - 1 + _COSINES[:, None], spread)
        parts = [firing, first - on, second - 2 * on * first + on**2]
        flat = [np.broadcast_to(power, first.shape) for power in (on, on**2)]
        sums[:, c] = np.stack([part @ chance for part in (*parts, *flat)])
    firing, mean, second, on, on2 = sums
    common = (how.own @ mean - _COSINES) ** 2
    squares = [how.mean_square(mean[:, i], second[:, i]) for i in range(len(_COSINES))]
    added = 2 * float(np.mean(common + squares - (how.own @ mean) ** 2))
    passing = float(np.mean((how.own @ firing) ** 2))
    alive = how.mean(on[:, 0])
    variance = how.mean_square(on[:, 0], on2[:, 0]) - alive**2
    added += _overlaps(how, now.present)
    outward = now.outward * passing + _OUTWARD * added
    error = now.error - now.outward * (1 - passing) + added
    stay, indicator, variance = _above(_watershed(threshold, gain), alive, variance)
    return now.living * stay, indicator, variance, error, outward


def _active_inputs(how: Sharing, now: Followed, c: int, noise: Floats) -> tuple[Floats, Floats]:
    """Return inputs of an active circuit's slot of class c, and their chances, (n,) each."""
    r, k = how.redundancy, how.n_active
    one = how.hits(max(int(how.loads[c]) - 1, 0)).sum(axis=0)
    connected = np.ones(1)
    for _ in range(k - 1):
        connected = np.convolve(connected, one)
    others = how.weight * np.arange(len(connected)) - how.chi * r * (k - 1)
    spread = np.sqrt(noise[1] + now.indicator_variance) * _NODES
    inputs = (now.indicator + now.present * others)[:, None] + noise[0] + spread
    chance = connected[:, None] * _WEIGHTS
    kept = chance > _RARE
    return inputs[kept], chance[kept] / chance[kept].sum()


def _watershed(threshold: float, gain: float) -> float:
    """Return the indicator that its step leaves as it is; lower ones fall to 0 in the end."""
    return (gain * threshold - 0.5) / (gain - 1) if gain > 1 else threshold


def _above(least: float, mean: float, variance: float) -> tuple[float, float, float]:
    """Return the share of a Gaussian above `least`, with mean (at most 1) and variance."""
    from scipy.stats import norm  # slow to load, and seldom needed

    spread = max(float(np.sqrt(max(variance, 0))), 1e-9)
    cut = (least - mean) / spread
    share = float(norm.sf(cut))
    if share < _RARE:
        return 0.0, least, 0.0
    tilt = float(norm.pdf(cut)) / share
    kept = variance * max(1 + cut * tilt - tilt**2, 0)
    return share, min(mean + spread * tilt, 1.0), kept


def _step(inputs: Floats, threshold: float, gain: float) -> Floats:
    return np.clip(gain * (inputs - threshold) + 0.5, 0, 1)


def _relu(mean: Floats, variance: Floats) -> list[Floats]:
    """Return P(z > 0), E ReLU(z) and E ReLU(z)² of Gaussians."""
    values = {symbols.pre_mean: mean, symbols.pre_variance: np.maximum(variance, 1e-12)}
    return [evaluate(formula, values) for formula in _rectified()]


@cache
def _rectified() -> list[sp.Expr]:
    moments = rectifier.relu_on, rectifier.relu_mean, rectifier.relu_second
    return [moment(symbols.pre_mean, symbols.pre_variance) for moment in moments]
