"""Write the networks of `companion.index` to a file that a page can hold.

`python book/tools/landing.py` writes book/_static/explore/landing.safetensors: the small networks'
weights, and where each lies in the stream and among the neurons. The page adds them up:
book/_static/explore/landing_network.js.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from companion.index import (
    CARRIERS,
    IGNITED,
    LARGEST,
    MARGIN,
    N_NEURONS,
    SIDE_BY_SIDE,
    START,
    STREAM_SLOTS,
    holding,
    measured,
)
from superposition import with_indicator
from superposition.superposition import Superposition

FILE = Path(__file__).parents[1] / "_static/explore/landing.safetensors"
LOADS = (5, 20, *range(40, LARGEST + 1, 40))  # for the curve above the slider
_SEED, _SAMPLES = 1, 100


def file() -> bytes:
    """The file: arrays, and as metadata what else the page needs to know."""
    large = holding(LARGEST)
    network = large.network
    about = {
        "start": START,
        "margin": MARGIN,
        "ignited": IGNITED,
        "side_by_side": SIDE_BY_SIDE,
        "stream": network.stream_width,
        "neurons": network.n_neurons,
        "curves": curves(),
    }
    return bytes(save(arrays(large), {"about": json.dumps(about)}))


def arrays(large: Superposition) -> dict[str, NDArray[Any]]:
    """Weights and places of all circuits, in float32 and uint16.

    read (L, T, m, 3) and write (L, T, 2, m): the small networks' weights, with the indicator last.
    turns (T, 3, 3, 3): what each entry writes into each slot of the stream. slots (T, 3): where
    these begin. carriers (L, T, r): the neurons that carry the first of a circuit's neurons; the
    others follow.
    """
    circuits, (stream, neurons) = large.circuits, large.codes.both
    width = stream.width
    per_slot = stream.directions.reshape(LARGEST, width, -1, width)  # circuit, entry, slot, side
    slots = np.nonzero((per_slot != 0).any(axis=(1, 3)))[1].reshape(LARGEST, STREAM_SLOTS)
    turns = np.take_along_axis(per_slot, slots[:, None, :, None], axis=2).swapaxes(1, 2)
    carriers = np.stack([code.slots[:, 0] for code in neurons])
    following = carriers[:, :, None] + np.arange(N_NEURONS)[:, None]
    assert np.array_equal(following, [code.slots for code in neurons])
    assert carriers.shape[-1] == CARRIERS
    found = {
        "read": with_indicator(circuits, MARGIN).read_in,
        "write": circuits.write_out,
        "turns": turns,
    }
    places = {"slots": slots * width, "carriers": carriers}
    return {name: np.ascontiguousarray(a, np.float32) for name, a in found.items()} | {
        name: np.ascontiguousarray(a, np.uint16) for name, a in places.items()
    }


def curves() -> dict[int, list[list[float]]]:
    """Loads and shares that misfire in the last layer, not told, by the number active."""
    table = measured(np.random.default_rng(_SEED), LOADS, n_samples=_SAMPLES)
    last = table["misfiring"].unstack("layer").iloc[:, -1].xs(False, level="told")
    return {
        k: [[load, round(float(share), 4)] for (load, _), share in rows.items()]
        for k, rows in last.groupby(level="active")
    }


if __name__ == "__main__":
    FILE.write_bytes(file())
