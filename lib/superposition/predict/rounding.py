"""About how much rounding there is in networks that are exact but for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from superposition._check import Floats, Integers
from superposition.circuits import Circuits, MLPCircuits
from superposition.circuits.inputs import sample_active
from superposition.circuits.normal import held_states, scaled

_SAMPLES = 300


def rounding_estimate(
    circuits: Circuits,
    offsets: Sequence[float] | Floats = (),
    sample: tuple[Floats, Integers] | None = None,
) -> Floats:
    """Return estimates of relative errors by rounding after 0 … L layers, (L+1,).

    offsets: (L+1,), how many times as long as states the offsets are with which they are held.
    sample: inputs (batch, k, d_0) and active sets (batch, k), of which 300 are looked at; None: the
        circuits' own inputs, of one fixed seed.

    It is the root of a relative mean square. An active circuit alone is computed by about the same
    sums as by itself. How these are rounded is measured in single precision, and scales with the
    precision. An offset is rounded, too, in its layer.
    """
    if sample is None:
        rng = np.random.default_rng(0)
        which = sample_active(circuits.n_circuits, 1, _SAMPLES, rng)
        sample = circuits.default_inputs(which, rng), which
    inputs, which, kept = sample[0][:_SAMPLES], sample[1][:_SAMPLES], circuits
    if isinstance(circuits, MLPCircuits):  # numbers of about one, which do not overflow
        inputs, kept = held_states(circuits, inputs, which, 0), scaled(circuits)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs = np.asarray(inputs, np.float32)
        single = kept.astype(np.float32).run(inputs, which)
        double = kept.astype(np.float64).run(inputs.astype(float), which)
        wrong = [np.mean(np.square(a - b)) for a, b in zip(single, double, strict=True)]
        size = [np.mean(np.square(state)) for state in double]
    units = np.divide(wrong, size, out=np.zeros(len(size)), where=np.array(size) > 0)
    units = np.nan_to_num(units) / float(np.finfo(np.float32).eps) ** 2 + 1 / 12
    if len(offsets):
        units += np.cumsum(np.square(offsets)) / 12
    return np.sqrt(units) * float(np.finfo(circuits.dtype).eps)
