"""The activations that networks may have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from superposition._check import Floats, instance

ACTIVATIONS = ("relu", "linear")


def activate(values: Floats, name: str) -> Floats:
    """Apply the named activation to `values` in place, and return them."""
    return np.maximum(values, 0, out=values) if name == "relu" else values


def activation_names(names: str | Sequence[str], n_layers: int) -> tuple[str, ...]:
    """Return one name for each layer.

    Raises ValueError for another number of names, or a name that is not in ACTIVATIONS.
    """
    if isinstance(names, str):
        names = (names,) * n_layers
    instance("activations", names, Sequence)
    names = tuple(names)
    if len(names) != n_layers:
        raise ValueError(f"activations: wanted {n_layers}, one per layer, got {len(names)}")
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(f"activations: wanted one of {ACTIVATIONS}, got {name!r}")
    return names
