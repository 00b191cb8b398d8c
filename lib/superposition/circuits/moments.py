"""Moments are the few numbers of circuits that predictions of their errors need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from superposition._check import Floats, Integers, positive_int, real_array
from superposition.circuits.normal import Form
from superposition.network import activate

AT_LAYERS = ("own2", "itself2", "own_bias2", "own_growth")
AT_STATES = ("arrived", "arrived_apart", "both2", "alike")


@dataclass(frozen=True)
class _Arrived:
    """What has arrived at each of n circuits from two other circuits and from third ones.

    on_top: (2, n, d), the change of its state where the other's state is added.
    last: (2, 2, n, d), what arrived by the mean of all weights 1, 3 … layers ago.
    before: (2, 2, n, d), what arrived by the mean of all weights 2, 4 … layers ago.
    by_own: (n, d), what arrived by the own parts of third circuits' weights.

    In `last` and `before` the first axis is for weights and biases, and for biases alone.
    """

    on_top: Floats
    last: Floats
    before: Floats
    by_own: Floats


def arrivals(
    weights: Sequence[Floats],
    biases: Sequence[Floats],
    activations: tuple[str, ...],
    which: Integers,
    states: Sequence[Floats],
    thirds: Sequence[Integers],
) -> dict[str, Floats]:
    """Return the entries of `MLPMoments` that gated superposition needs: (eq-gated-law).

    which: (n, 2), a circuit and another circuit.
    states: their states after 0 … L layers, (n, 2, d) each.
    thirds: a third circuit for each pair and layer, (n,) each.

    The arrays have shapes (L, …) or (L+1, …). A second other circuit is the one of the next pair.
    """
    start = np.asarray(states[0], float)
    nothing = np.zeros_like(start[:, 0])
    of_means = np.zeros((2, 2, *nothing.shape))
    arrived = _Arrived(_with_next(start[:, 1]), of_means, of_means, nothing)
    by_layer, by_state = [], [_products(start, arrived)]
    for layer, third in enumerate(thirds):
        small = weights[layer], biases[layer], activations[layer]
        squares, arrived = _after(arrived, *small, which, third, states[layer])
        by_layer.append(squares)
        by_state.append(_products(states[layer + 1], arrived))
    found = dict(zip(AT_LAYERS, np.array(by_layer).T, strict=True))
    return found | {
        name: np.array([row[i] for row in by_state]) for i, name in enumerate(AT_STATES)
    }


def _after(
    arrived: _Arrived,
    weight: Floats,
    bias: Floats,
    name: str,
    which: Integers,
    third: Integers,
    states: Floats,
) -> tuple[list[float], _Arrived]:
    """Return the `AT_LAYERS` of one layer, for states (n, 2, d), and what has arrived after it."""
    mean, mean_bias, (here, other) = weight.mean(axis=0), bias.mean(axis=0), which.T
    state, elsewhere = states[:, 0], states[:, 1]
    inner = _apply(weight[here], state) + bias[here]
    on = inner > 0 if name == "relu" else np.ones_like(inner)
    slope = on[:, :, None] * weight[here]
    by_mean = elsewhere @ mean.T + mean_bias
    by_own = on * (_apply(weight[third], elsewhere) + bias[third] - by_mean)
    by_itself = _apply(slope - on[:, :, None] * mean, arrived.on_top[0])
    passed = _apply(slope, arrived.by_own)
    growth = _mean_square_of_rows(passed) / (_mean_square_of_rows(arrived.by_own) or 1.0)
    own_bias = on * (bias[here] - mean_bias)
    squares = [
        _mean_square_of_rows(by_own),
        _mean_square_of_rows(by_itself),
        _mean_square_of_rows(own_bias),
        growth,
    ]
    added = np.stack([_with_next(by_mean), np.broadcast_to(mean_bias, (2, *by_mean.shape))])
    top = _with_next(_apply(weight[other], elsewhere) + bias[other])
    return squares, replace(
        arrived,
        on_top=activate(inner + top, name) - activate(inner.copy(), name),
        last=_apply(slope, arrived.before) + on * added,
        before=_apply(slope, arrived.last),
        by_own=passed + by_own,
    )


def _apply(weights: Floats, vectors: Floats) -> Floats:
    """Multiply matrices (n, d', d) and vectors (…, n, d) to (…, n, d')."""
    return np.einsum("nij,...nj->...ni", weights, vectors)


def _with_next(vectors: Floats) -> Floats:
    """Stack the vectors (n, d) of each pair and of the next pair to (2, n, d)."""
    return np.stack([vectors, np.roll(vectors, -1, axis=0)])


def _products(states: Floats, arrived: _Arrived) -> list[Floats]:
    """Return the `AT_STATES` of one layer, mean inner products, for states (n, 2, d) after it."""
    n, states = len(states), np.asarray(states, float)
    (before, bias_before), (last, bias_last) = arrived.before, arrived.last
    vectors = [arrived.on_top, before, last, bias_before, bias_last]
    of_one, of_second = np.stack(vectors, axis=1)
    return [
        np.einsum("and,bnd->ab", of_one, of_one) / n,
        np.einsum("and,bnd->ab", of_one, of_second) / n,
        np.asarray(_mean_square_of_rows(states[:, 0] + arrived.on_top[0])),
        np.asarray(np.einsum("nd,nd->", states[:, 0], states[:, 1]) / n),
    ]


def _mean_square_of_rows(vectors: Floats) -> float:
    """Return the mean squared length of vectors (n, d)."""
    return float(np.mean(np.sum(np.asarray(vectors, float) ** 2, axis=-1)))


LAYER_SQUARES = ("difference2", "mean2", "doubled2", "growth")
N_NODES = 64  # equally likely values that stand for all pre-activations of a layer


@dataclass(frozen=True, eq=False)
class Moments:
    """Means over circuits, neurons and inputs of residual circuits, layer by layer.

    width: d, the width of a circuit's state.
    n_neurons: m, the neurons of one circuit in one layer.
    state2: (L+1,), |a|² of states after 0 … L layers.
    weight2: (L,), |w|² of one neuron's input weights.
    weight_sum2: (L,), |Σw|² of the sum of the input weights of a circuit's m neurons.
    bias: (L,), the mean of b.
    bias2: (L,), the mean of b².
    bias_sum2: (L,), the mean of (Σb)², summed over a circuit's m neurons.
    write2: (L,), |w'|² of one neuron's write-out vector.
    pre_activations: (L, n), w·a + b of all neurons, as the means of n equally large quantile
        groups.
    feedback: (L+1,), Σ E[tr J] E[a·a' + 1] over the layers before: (eq-feedback).
    self_feedback: (L+1,), Σ E[tr J (a·a' + 1) + a·J a'] over the layers before: (eq-feedback).
    inequality: over circuits, the mean square of what they write over the square of its mean, in
        the layer where that is largest; 1 if all write as much.
    in_common: the square of the mean of all that is written over its mean square, likewise, less
        what it would be by chance.

    J is the Jacobian of what a layer adds, a the state before that layer, and a' the state now. In
    `feedback` J and a belong to two different circuits, in `self_feedback` to one.

    Raises TypeError or ValueError for arrays of other kinds or shapes.

    >>> import numpy
    >>> from superposition import ResidualCircuits
    >>> rng = numpy.random.default_rng(0)
    >>> moments = ResidualCircuits.random(
    ...     5, width=2, n_neurons=4, n_layers=3, rng=rng
    ... ).moments(rng)
    >>> moments.n_layers, moments.pre_activations.shape
    (3, (3, 64))
    >>> round(float(moments.state2[0]), 6)  # the inputs are unit vectors
    1.0
    """

    width: int
    n_neurons: int
    state2: Floats
    weight2: Floats
    weight_sum2: Floats
    bias: Floats
    bias2: Floats
    bias_sum2: Floats
    write2: Floats
    pre_activations: Floats
    feedback: Floats
    self_feedback: Floats
    inequality: float = 1.0
    in_common: float = 0.0

    def __post_init__(self) -> None:
        positive_int("width", self.width)
        positive_int("n_neurons", self.n_neurons)
        sizes: dict[str, int] = {}
        for name in ("weight2", "weight_sum2", "bias", "bias2", "bias_sum2", "write2"):
            self._keep(name, "layers", sizes)
        self._keep("pre_activations", "layers groups", sizes)
        sizes["states"] = sizes["layers"] + 1
        for name in ("state2", "feedback", "self_feedback"):
            self._keep(name, "states", sizes)

    def _keep(self, name: str, axes: str, sizes: dict[str, int]) -> None:
        object.__setattr__(self, name, real_array(name, getattr(self, name), axes, sizes))

    @property
    def n_layers(self) -> int:
        """The number of layers, L."""
        return len(self.weight2)


@dataclass(frozen=True, eq=False)
class MLPMoments:
    """Means over pairs of MLP circuits and their inputs, layer by layer.

    widths: d_0 … d_L, the widths of states.
    state2: (L+1,), |a|² of states after 0 … L layers.
    difference2: (L,), |Δw a'|² of another circuit's state a', where the circuit's neurons are on.
    mean2: (L,), |w̄ a'|² of the same.
    doubled2: (L,), the squared change of a layer's state where a' comes with a.
    growth: (L,), the factor by which a small error's square is multiplied in the layer.
    own2: (L,), the square of what the own part of a third circuit's weights and bias makes of a'.
    itself2: (L,), the square of what the own part of the circuit's weights makes of an added a'.
    own_bias2: (L,), the square of the own part of the circuit's bias.
    own_growth: (L,), the factor by which the square of such errors, of all layers before, is
        multiplied.
    arrived: (L+1, 5, 5), the mean products of five vectors of one other circuit.
    arrived_apart: (L+1, 5, 5), the mean products of vectors of two other circuits.
    both2: (L+1,), |a|² where a' has been added.
    alike: (L+1,), the mean product of two circuits' states.
    activations: the activations of the layers.
    step: threshold and gain of conditional rotations, or None.
    form: how networks hold the circuits; None: as they are, linear layers with an offset.
    given2: (L+1,), |a|² in the circuits' own units; None: `state2`.

    An own part is what differs from the mean over circuits. Squares of own parts count neurons that
    are on. The first of the five vectors is the change of a state where a' is added. The second and
    third are what has arrived of a' by the mean of all weights and biases, 2, 4 … and 1, 3 … layers
    ago. The last two are the same for the mean bias alone.

    Raises TypeError or ValueError for arrays of other kinds or shapes.
    """

    widths: tuple[int, ...]
    state2: Floats
    difference2: Floats
    mean2: Floats
    doubled2: Floats
    growth: Floats
    own2: Floats
    itself2: Floats
    own_bias2: Floats
    own_growth: Floats
    arrived: Floats
    arrived_apart: Floats
    both2: Floats
    alike: Floats
    activations: tuple[str, ...]
    step: tuple[float, float] | None = None
    form: Form | None = None
    given2: Floats | None = None

    def __post_init__(self) -> None:
        if self.given2 is None:
            object.__setattr__(self, "given2", self.state2)
        sizes = {"layers": len(self.widths) - 1, "states": len(self.widths)}
        axes = dict.fromkeys(LAYER_SQUARES + AT_LAYERS, "layers")
        axes |= dict.fromkeys(("state2", "both2", "alike", "given2"), "states")
        axes |= dict.fromkeys(("arrived", "arrived_apart"), "states five five")
        sizes["five"] = 5
        for name, wanted in axes.items():
            object.__setattr__(self, name, real_array(name, getattr(self, name), wanted, sizes))

    def neurons(self, input_bound: float, *, room: bool = True) -> tuple[int, ...]:
        """Return how many neurons hold a state after 0 … L layers, as `Form.neurons` does."""
        return self.widths if self.form is None else self.form.neurons(input_bound, room=room)


def mlp_moments(
    weights: Sequence[Floats],
    biases: Sequence[Floats],
    activations: tuple[str, ...],
    which: Integers,
    states: Sequence[Floats],
    step: tuple[float, float] | None,
    rng: np.random.Generator,
    form: Form | None = None,
    given: Sequence[Floats] | None = None,
) -> MLPMoments:
    """Return moments of MLP circuits (arrays as in `MLPCircuits`) from sampled states of pairs.

    which: (n, 2), a circuit and another circuit.
    states: their states after 0 … L layers, (n, 2, d) each.
    given: the same in the circuits' own units; None: these.
    """
    squares, thirds = [], []
    for w, b, name, state in zip(weights, biases, activations, states, strict=False):
        squares.append(_layer_squares(w, b, name, which, state, rng))
        thirds.append(rng.permutation(which[:, 1]))  # hardly ever one of the two
    widths = tuple(state.shape[-1] for state in states)
    state2 = np.array([_square(state) for state in states])
    by_name = {name: np.array([layer[name] for layer in squares]) for name in LAYER_SQUARES}
    by_name |= arrivals(weights, biases, activations, which, states, thirds)
    by_name |= {} if given is None else {"given2": np.array([_square(state) for state in given])}
    return MLPMoments(widths, state2, **by_name, activations=activations, step=step, form=form)


def _layer_squares(
    weights: Floats,
    bias: Floats,
    name: str,
    which: Integers,
    states: Floats,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return the `LAYER_SQUARES` of one layer, for states (n, 2, d) before it."""
    mean = weights.mean(axis=0)
    weighted = np.einsum("nkij,nkj->nki", weights[which], states)
    own, other = weighted[:, 0] + bias[which[:, 0]], weighted[:, 1]
    shared = states[:, 1] @ mean.T
    on = own > 0 if name == "relu" else np.ones_like(own)
    error = rng.standard_normal(states[:, 0].shape)
    passed = on * np.einsum("nij,nj->ni", weights[which[:, 0]], error)
    return {
        "difference2": _square(on * (other - shared)),
        "mean2": _square(on * shared),
        "doubled2": _square(activate(own + other, name) - activate(own.copy(), name)),
        "growth": _square(passed) / _square(error),
    }


def residual_moments(
    read_in: Floats, bias: Floats, write_out: Floats, which: Integers, states: Sequence[Floats]
) -> Moments:
    """Return moments of residual circuits (arrays as in `ResidualCircuits`) from sampled states.

    which: (n,), the circuits.
    states: their states after 0 … L layers, (n, d) each.
    """
    feedback, self_feedback = _feedbacks(read_in, bias, write_out, which, states)
    grouped = [
        groups(_pre_activations(read_in[i], bias[i], which, states[i])) for i in range(len(bias))
    ]
    return Moments(
        width=read_in.shape[3],
        n_neurons=read_in.shape[2],
        state2=np.array([_square(state) for state in states]),
        weight2=np.array([_square(w) for w in read_in]),
        weight_sum2=np.array([_square(w.sum(axis=1)) for w in read_in]),
        bias=bias.mean(axis=(1, 2), dtype=float),
        bias2=np.mean(bias**2, axis=(1, 2), dtype=float),
        bias_sum2=np.mean(bias.sum(axis=2) ** 2, axis=1, dtype=float),
        write2=np.array([_square(np.swapaxes(w, -1, -2)) for w in write_out]),
        pre_activations=np.array(grouped),
        feedback=feedback,
        self_feedback=self_feedback,
        **_unlike(which, states),
    )


def _unlike(which: Integers, states: Sequence[Floats]) -> dict[str, float]:
    """Return `inequality` and `in_common`, from states (n, d) of circuits `which`."""
    _, place = np.unique(which, return_inverse=True)
    counts, largest = np.bincount(place), {"inequality": 1.0, "in_common": 0.0}
    for before, after in pairwise(states):
        written = np.asarray(after, float) - before
        squares = np.sum(written**2, axis=1)
        each = np.bincount(place, squares) / counts
        if not (mean := float(each.mean())) > 0:
            continue
        alike, few = float(np.sum(written.mean(axis=0) ** 2)) / mean, 1 / len(counts)
        common = (alike - few) / (1 - few) if few < 1 else 0.0  # few have a mean by chance
        found = float(np.mean(each**2)) / mean**2, common
        for name, value in zip(largest, found, strict=True):
            largest[name] = max(largest[name], value)
    return largest


def _square(vectors: Floats) -> float:
    """Return the mean squared length of vectors (…, d)."""
    return float(np.mean(np.sum(np.asarray(vectors, float) ** 2, axis=-1)))


def _pre_activations(weights: Floats, bias: Floats, which: Integers, states: Floats) -> Floats:
    """Return pre-activations (n, m) of the circuits `which` in one layer."""
    return np.einsum("nmd,nd->nm", weights[which], states) + bias[which]


def groups(values: Floats) -> Floats:
    """Return means of equally large groups of the sorted values, without a few values at random."""
    flat = np.sort(values, axis=None)
    kept = np.linspace(0, flat.size - 1, flat.size // N_NODES * N_NODES).round().astype(int)
    return np.asarray(flat[kept].reshape(N_NODES, -1).mean(axis=1), float)


def _feedbacks(
    read_in: Floats, bias: Floats, write_out: Floats, which: Integers, states: Sequence[Floats]
) -> tuple[Floats, Floats]:
    """Return `feedback` and `self_feedback`, (L+1,) each."""
    jacobians = []
    for layer, state in enumerate(states[:-1]):
        on = _pre_activations(read_in[layer], bias[layer], which, state) > 0
        # (n, d, m) by (n, m, d)
        jacobians.append((write_out[layer][which] * on[:, None]) @ read_in[layer][which])
    others, itself = np.zeros(len(states)), np.zeros(len(states))
    for now, later in enumerate(states):
        for jacobian, before in zip(jacobians[:now], states, strict=False):
            product = np.einsum("nd,nd->n", before, later) + 1
            trace = np.einsum("ndd->n", jacobian)
            turn = np.sum(before * (jacobian @ later[..., None])[..., 0], axis=-1)
            others[now] += trace.mean() * product.mean()
            itself[now] += np.mean(trace * product + turn)
    return others, itself
