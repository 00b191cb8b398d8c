"""Certificates: bounds on every circuit's error for every active set and input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from superposition._check import Floats, Integers, positive_int
from superposition.constructions.bounds import value_bounds
from superposition.constructions.heard import CrosstalkBounds, ErrorBounds
from superposition.constructions.slots import Gated, slot_weights_of, two_codes

_ROUNDING = 1e-12  # of the values' own size: smaller differences of weights count as none


def gated_certificate(superposition: Gated, n_active: int, n_layers: int | None) -> pd.DataFrame:
    """Return the certificate of a gated network, as `Superposition.certificate` describes it."""
    depth = superposition.circuits.n_layers
    n_layers = depth if n_layers is None else positive_int("n_layers", n_layers, depth, ", all")
    rows: list[list[float]] = []
    for layer, (errors, sizes) in enumerate(error_bounds(superposition, n_active)):
        worst, size = errors.worst(n_active), float(sizes.max())
        if worst.max() >= size:
            raise ValueError(
                f"n_layers: wanted at most {layer - 1}, up to which errors of {n_active} active "
                f"circuits are sure to be below the values' own size, got {n_layers}"
            )
        rows.append([layer, float(worst.max()), size, int(worst.argmax())])
        if layer == n_layers:
            break
    return pd.DataFrame(rows, columns=["layer", "bound", "size", "circuit"])


def error_bounds(superposition: Gated, n_active: int) -> Iterator[tuple[ErrorBounds, Floats]]:
    """Yield bounds on errors, and bounds (T,) on values, after 0, 1, … layers.

    Raises ValueError for n_active > T, and for a network whose gates are not copied exactly, or may
    leave a slot open.
    """
    circuits, two = superposition.circuits, two_codes(superposition)
    n_active = positive_int("n_active", n_active, circuits.n_circuits, ", the number of circuits")
    sizes = value_bounds(circuits, superposition.construction.input_bound)
    errors = _at_the_input(two.sets[0], sizes[0])
    yield errors, sizes[0]
    for layer in range(circuits.n_layers):
        weights = slot_weights_of(superposition, two, layer)
        crosstalk = CrosstalkBounds(weights, sizes[layer], errors if layer else None, n_active)
        _check_closed(crosstalk, layer)
        errors = _after(crosstalk, superposition, layer, sizes[layer + 1])
        yield errors, sizes[layer + 1]


def _at_the_input(sets: Integers, sizes: Floats) -> ErrorBounds:
    """Return bounds for slots that hold the sum of the inputs of all circuits on them."""
    slots = (sets[:, :, None, None] == sets).any(axis=3) * sizes
    circuits = np.arange(len(sets))
    slots[circuits, :, circuits] = 0
    return _bounds(slots, slots.mean(axis=1), np.zeros(sets.shape))


def _check_closed(crosstalk: CrosstalkBounds, layer: int) -> None:
    most, closing = crosstalk.on_unused_slots(), crosstalk.layer.closing
    worst = int((most - closing).argmax())
    if most.flat[worst] > closing.flat[worst]:
        raise ValueError(
            f"network: wanted gates that close slots not in use for sure, by "
            f"{most.flat[worst]:.3g}, got {closing.flat[worst]:.3g} in layer {layer}"
        )


def _after(
    crosstalk: CrosstalkBounds, superposition: Gated, layer: int, sizes: Floats
) -> ErrorBounds:
    """Return bounds after a layer, (eq-certificate), from the crosstalk on its slots."""
    circuits, offset = superposition.circuits, superposition.offsets[layer + 1]
    weight, linear = circuits.weights[layer], circuits.activations[layer] == "linear"
    if linear and offset < sizes.max():
        raise ValueError(
            f"offsets: wanted at least {sizes.max():.3g} after layer {layer}, got {offset}"
        )
    each = crosstalk.own_errors(weight, circuits.biases[layer], offset)
    each[each < _ROUNDING * (sizes.max() + offset)] = 0
    each += crosstalk.own_errors_passed_on(weight)
    slots, mean, size = _from_others(crosstalk, weight)
    if (
        linear
        and offset >= (sizes + _bounds(slots, mean, each).worst_slots(crosstalk.n_active).T).max()
    ):
        return _bounds(slots, mean, each)  # nothing is cut off, so that errors are averaged
    return _bounds(slots, (mean + size) / 2, each)


def _from_others(crosstalk: CrosstalkBounds, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Return `CrosstalkBounds.from_others` of all circuits: (T, r, T), (T, T) and (T, T)."""
    n, r = crosstalk.layer.write.shape
    slots, mean, size = np.zeros((n, r, n)), np.zeros((n, n)), np.zeros((n, n))
    for t in range(n if crosstalk.n_active > 1 else 0):
        slots[t], mean[t], size[t] = crosstalk.from_others(t, weight[t])
        slots[t, :, t] = mean[t, t] = size[t, t] = 0
    return slots, mean, size


def _bounds(slots: Floats, mean: Floats, each: Floats) -> ErrorBounds:
    return ErrorBounds(mean, slots, each.mean(axis=1), each)
