"""Networks that are followed until they are a list of matrices, biases and ReLUs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from superposition._check import Floats
from superposition.interop.arrays import Layer, product


class Trace:
    """What a network computes: each value is linear in the neurons of the last layer of ReLUs.

    label: what messages call the network.
    layers: the layers so far, each followed by a ReLU.
    values: by name, weight and bias of each value; None for the input, of unknown width.
    """

    def __init__(self, label: str, start: Any) -> None:
        self.label, self.layers = label, list[Layer]()
        self.values: dict[Any, Layer | None] = {start: None}

    def linear(self, source: Any, target: Any, weight: Floats, bias: Floats, name: str) -> None:
        """Follow weight · value + bias, which is multiplied into what comes before."""
        before, layer = self.values[source], (weight, bias)
        if before is not None and weight.shape[1] != len(before[1]):
            got = f"{weight.shape[1]}, after a layer of {len(before[1])}"
            raise ValueError(
                f"{self.label}, layer {name}: wanted layers that fit, got inputs {got}"
            )
        self.values[target] = layer if before is None else product([before, layer])

    def add(self, one: Any, other: Any, target: Any) -> None:
        """Follow the sum of two values, as a block adds to a stream."""
        known = self.values[one] or self.values[other]
        if known is None:
            raise ValueError(f"{self.label}: wanted a layer before sums, got the input twice")
        (w, b), (v, c) = self._of(one, known), self._of(other, known)
        if len(b) != len(c):
            raise ValueError(f"{self.label}: wanted sums of one width, got {len(b)} and {len(c)}")
        self.values[target] = w + v, b + c

    def relu(self, source: Any, target: Any, slope: float, alive: Iterable[Any]) -> None:
        """Follow ReLU(x) − slope · ReLU(−x), a layer of neurons.

        alive: values that are needed later. They are carried as ReLU(x) − ReLU(−x), which is x.
        """
        known = self.values[source]
        if known is None:
            raise ValueError(f"{self.label}: wanted a Linear before the first ReLU")
        kept = [(target, self._of(source, known), slope)]
        kept += [(name, self._of(name, known), 1.0) for name in alive]
        rows, reads = list[Layer](), list[list[float]]()
        for _, (weight, bias), under in kept:
            never = self.layers and min(weight.min(), bias.min()) >= 0  # below zero
            reads.append([1.0] if never or not under else [1.0, -under])
            rows += [(sign * weight, sign * bias) for sign in (1, -1)[: len(reads[-1])]]
        self.layers.append((np.vstack([w for w, _ in rows]), np.hstack([b for _, b in rows])))
        unit, start = np.eye(len(self.layers[-1][1]), dtype=known[0].dtype), 0
        for (name, (_, bias), _), signs in zip(kept, reads, strict=True):
            size, end = len(bias), start + len(bias) * len(signs)
            parts = unit[start:end].reshape(len(signs), size, -1)
            read = np.tensordot(np.array(signs, unit.dtype), parts, 1)
            self.values[name], start = (read, np.zeros(size, unit.dtype)), end

    def _of(self, name: Any, like: Layer) -> Layer:
        """Return a value's weight and bias; those of the input, if it is the input."""
        width, dtype = like[0].shape[1], like[0].dtype
        return self.values[name] or (np.eye(width, dtype=dtype), np.zeros(width, dtype))


NORM = ("running_mean", "running_var", "weight", "bias")


def normalising(arrays: Mapping[str, Floats], eps: float) -> Layer:
    """Return weight and bias of a batch normalisation that has stopped learning.

    arrays: by the names in NORM; the last two may be missing.
    """
    mean, variance = (arrays[name].astype(float) for name in NORM[:2])
    scale = arrays.get("weight", np.ones(len(mean))) / np.sqrt(variance + eps)
    shift, dtype = arrays.get("bias", 0.0) - mean * scale, arrays[NORM[0]].dtype
    return np.diag(scale).astype(dtype), shift.astype(dtype)
