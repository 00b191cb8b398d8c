"""Methods that take a network apart, with what they are given and what they return."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from superposition._check import Floats
from superposition.network import Network

MAX_COMPONENTS = 2048  # components that any method is given room for
PASSES = 30  # over all states, of NMF
_BATCH = 256  # states at a time


@dataclass(frozen=True, eq=False)
class Given:
    """What a method is given: states and weights without labels, and the circuits' sizes.

    states: (n, D), the network's states after one small layer, on n random inputs; read-only.
    weight: (D, D_in), the matrix that wrote to the states last.
    n_circuits: T, the number of circuits.
    width: d, the width of a circuit's state.
    network: the whole large network.
    after: how many of the network's layers come before the states.

    >>> import numpy
    >>> from superposition import MLPNetwork
    >>> from superposition.bench import Given
    >>> network = MLPNetwork([numpy.eye(4)], [numpy.zeros(4)])
    >>> given = Given(numpy.ones((10, 4)), numpy.eye(4), 3, 2, network, after=1)
    >>> given.n_components(per_circuit=2)  # for three circuits
    6
    """

    states: Floats
    weight: Floats
    n_circuits: int
    width: int
    network: Network
    after: int

    def n_components(self, per_circuit: int) -> int:
        """Return per_circuit times the number of circuits, at most `MAX_COMPONENTS`."""
        return min(per_circuit * self.n_circuits, MAX_COMPONENTS)


@dataclass(frozen=True, eq=False)
class Found:
    """What a method returns.

    directions: (C, D), the directions along which states are taken apart.
    activity: (n, D) → (n, C'), how active each component is on each state.
    signed: whether a direction's sign means something.
    pieces: components of the weight as factors, (C, D, R) and (C, R, D_in); or None.

    >>> import numpy
    >>> from superposition.bench import Found
    >>> found = Found(numpy.eye(3), activity=numpy.abs, signed=False)
    >>> found.activity(numpy.array([[0.0, -2.0, 1.0]])).tolist()
    [[0.0, 2.0, 1.0]]
    """

    directions: Floats
    activity: Callable[[Floats], Floats]
    signed: bool = True
    pieces: tuple[Floats, Floats] | None = None


@dataclass(frozen=True)
class Method:
    """A method that can be scored: one of the book's, in `METHODS`, or any other.

    find: (given, rng, **setting) → Found.
    settings: the settings that were tried, by name.

    >>> import numpy
    >>> from superposition.bench import Found, Method
    >>> def largest_states(given, rng, n):
    ...     order = numpy.argsort(-numpy.linalg.norm(given.states, axis=1))
    ...     rows = given.states[order[:n]]
    ...     return Found(rows, activity=lambda states: states @ rows.T)
    >>> Method(largest_states, {"a few": {"n": 10}}).settings["a few"]
    {'n': 10}
    """

    find: Callable[..., Found]
    settings: dict[str, dict[str, Any]] = field(default_factory=lambda: {"only": {}})


def neurons(given: Given, rng: np.random.Generator) -> Found:
    """Return the dimensions of the state one by one, so that nothing is found."""
    return Found(np.eye(given.states.shape[1]), np.abs, False)


def random_directions(given: Given, rng: np.random.Generator) -> Found:
    """Return directions drawn at random, which score by chance."""
    drawn = rng.standard_normal((given.n_components(given.width), given.states.shape[1]))
    mean = given.states.mean(axis=0)
    return Found(drawn, lambda states: np.abs((states - mean) @ drawn.T), False)


def samples(given: Given, rng: np.random.Generator) -> Found:
    """Return some of the states themselves, less their mean, as a baseline for any method."""
    mean = given.states.mean(axis=0)
    n = min(given.n_components(given.width), len(given.states))
    chosen = given.states[rng.choice(len(given.states), n, replace=False)] - mean
    return Found(chosen, lambda states: (states - mean) @ chosen.T)


def svd(given: Given, rng: np.random.Generator) -> Found:
    """Return singular vectors of the weight, with orthogonal rank-one pieces σ u vᵀ."""
    left, sizes, right = np.linalg.svd(given.weight, full_matrices=False)
    kept = sizes > 1e-10 * sizes[0]
    left, sizes, right = left.T[kept], sizes[kept], right[kept]
    pieces = (sizes[:, None] * left)[:, :, None], right[:, None]
    return Found(left, lambda states: np.abs(states @ left.T), False, pieces)


def nmf(given: Given, rng: np.random.Generator, per_dimension: bool) -> Found:
    """Return scikit-learn's MiniBatchNMF of how states differ from their medians.

    per_dimension: whether there is a component for each dimension of each circuit, or one a
    circuit.

    The median of each dimension is taken off first. Gates of slots not in use are nearly always 1,
    and would be all that is found. Training stops after `PASSES` over the states. Raises
    ImportError without scikit-learn.
    """
    from sklearn.decomposition import MiniBatchNMF
    from sklearn.exceptions import ConvergenceWarning

    usual = np.median(given.states, axis=0)
    width = len(usual)
    both = np.hstack([given.states > usual, given.states < usual]).any(axis=0)

    def parts(states: Floats) -> Floats:
        up, down = np.maximum(states - usual, 0), np.maximum(usual - states, 0)
        return np.hstack([up, down])[:, both]

    model = MiniBatchNMF(
        given.n_components(given.width if per_dimension else 1),
        init="random",
        batch_size=_BATCH,
        max_iter=PASSES,
        random_state=int(rng.integers(2**31)),
    )
    with warnings.catch_warnings():
        # it warns that the loss still falls after so many passes: stopping there is meant
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(parts(given.states))
    found = np.zeros((len(model.components_), 2 * width))
    found[:, both] = model.components_
    return Found(found[:, :width] - found[:, width:], lambda states: model.transform(parts(states)))


def autoencoder(given: Given, rng: np.random.Generator, penalty: float) -> Found:
    """Return a sparse autoencoder's components, from `bench.autoencoder`, which needs PyTorch."""
    from superposition.bench.autoencoder import trained

    directions, activity = trained(given.states, given.n_components(given.width), penalty, rng)
    return Found(directions, activity)


METHODS = {
    "random directions": Method(random_directions),
    "single dimensions": Method(neurons),
    "random states": Method(samples),
    "SVD of the weight": Method(svd),
    "NMF of states": Method(
        nmf,
        {"one a circuit": {"per_dimension": False}, "one a dimension": {"per_dimension": True}},
    ),
    "sparse autoencoder": Method(
        autoencoder, {f"penalty {p}": {"penalty": p} for p in (0.03, 0.1, 0.3)}
    ),
}
