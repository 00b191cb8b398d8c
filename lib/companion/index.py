"""The first page has a figure that computes in the page; here are its networks.

Each small network turns an arrow. One large network holds up to 400 of them, by the post's
formulas for W_in and W_out, at places that are drawn from the points of a plane.
`book/tools/landing.py` writes them to a file. Tests compare these networks with the weights that
the page makes of the file, and with what the page computes.

The README's first screen has a figure, too, which is drawn from stored results: `python -m
companion headline book/_static/gated.svg` draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from companion import figures
from companion.figures.landing import Still
from companion.gated import beside_published
from superposition._check import Floats, Integers, generator, positive_int
from superposition.circuits import ResidualCircuits
from superposition.circuits.inputs import sample_active
from superposition.constructions.post import PostCodes, ResidualConstruction
from superposition.maps import GaussianCode, SparseCode
from superposition.packings import draw_lines
from superposition.results import atomic_write
from superposition.superposition import Superposition

LARGEST = 400  # small networks in the large one
N_LAYERS, N_NEURONS, MARGIN = 5, 4, 1.1  # of a small network, and how far below zero it idles
PRIME, STREAM_SLOTS, CARRIERS = 23, 3, 4  # the plane, and how many of its slopes each code takes
# What the figure shows first is typical: of 3,000 draws, one of those nearest to all medians.
START: dict[str, Any] = {"load": 40, "active": [18, 28, 35], "angles": [30, 125, 95]}
IGNITED = 0.1  # a layer in which so many of the neurons misfire counts as ignited
_WIDTH = 3  # of a small stream with its indicator
_SEED = 9
_LARGE = ResidualConstruction(
    stream_width=PRIME * STREAM_SLOTS * _WIDTH,
    n_neurons=PRIME * CARRIERS * N_NEURONS,
    redundancy=CARRIERS,
    margin=MARGIN,
)
# as many in layers of the same sizes, each with dimensions and neurons of its own
SIDE_BY_SIDE = min(_LARGE.stream_width // (_WIDTH - 1), _LARGE.n_neurons // N_NEURONS)


@dataclass(frozen=True, eq=False)
class Run:
    """What happened inside the large network, for a batch of active sets.

    states: (L+1, batch, D), the stream after 0 … L layers.
    neurons: (L, batch, M), after their ReLUs.
    in_use: (L, batch, M), how many of the active circuits use each neuron.
    vectors: (L+1, batch, k, 2), what the active circuits read: their arrows.
    true: the same, by the small networks themselves.
    """

    states: Floats
    neurons: Floats
    in_use: Integers
    vectors: Floats
    true: Floats

    @property
    def misfiring(self) -> Floats:
        """Of the neurons that no active circuit uses, the share that fires, (L, batch)."""
        idle = self.in_use == 0
        return np.asarray(((self.neurons > 0) & idle).sum(axis=-1) / idle.sum(axis=-1))

    @property
    def distance(self) -> Floats:
        """How far arrows are from the truth, as a share of its length, (L+1, batch).

        This is the root mean square over the active circuits.
        """
        off, long = (np.sum(a**2, axis=-1) for a in (self.vectors - self.true, self.true))
        return np.asarray(np.sqrt(np.mean(off / long, axis=-1)))


def run(large: Superposition, active: Integers, angles: Floats, told: bool) -> Run:
    """Run the active circuits (batch, k) from unit vectors at `angles` (batch, k), in degrees.

    told: whether the network is told, for each neuron and each slot of the stream, how many of the
        active circuits use it. Those that none uses are zero. A neuron that several use has the
        margin as often.
    """
    active = np.asarray(active)
    inputs = unit_vectors(angles)
    network, (stream, carriers) = large.network, large.codes.both
    open_slots = (stream.directions[active] != 0).any(axis=(1, 2)) | (not told)
    in_use = np.stack([_count(code, active) for code in carriers])
    states, neurons = [large.embed(inputs, active)], []
    for layer, count in enumerate(in_use):
        inner = states[-1] @ network.read_in[layer].T + network.bias[layer]
        if told:
            inner = np.where(count > 0, inner - MARGIN * (count - 1), 0)
        neurons.append(np.maximum(inner, 0))
        states.append((states[-1] + neurons[-1] @ network.write_out[layer].T) * open_slots)
    vectors = [large.read(state, active, layer) for layer, state in enumerate(states)]
    true = np.stack(large.circuits.run(inputs, active))
    return Run(np.stack(states), np.stack(neurons), in_use, np.stack(vectors), true)


def unit_vectors(angles: Floats) -> Floats:
    """Return unit vectors (…, 2) at angles in degrees."""
    turns = np.deg2rad(np.asarray(angles, float))
    return np.stack([np.cos(turns), np.sin(turns)], axis=-1)


def _count(code: SparseCode, active: Integers) -> Integers:
    """Return how many active circuits use each slot, (batch, size)."""
    return code.encode(np.ones((*active.shape, code.width)), active).astype(int)


def measured(
    rng: np.random.Generator,
    loads: Sequence[int],
    n_active: Sequence[int] = (1, 2, 3),
    n_samples: int = 200,
) -> pd.DataFrame:
    """Measure misfiring and distance from the truth, over active sets and inputs that `rng` draws.

    There is a row for each load, number active, told or not, and layer 1 … L. `misfiring` is the
    mean share, `distance` the median, `worst` the largest distance.
    """
    generator(rng)
    rows = {}
    for load in loads:
        large = holding(load)
        for k, told in product(n_active, (False, True)):
            active = sample_active(load, k, n_samples, rng)
            found = run(large, active, rng.uniform(0, 360, active.shape), told)
            for layer, (shares, off) in enumerate(
                zip(found.misfiring, found.distance[1:], strict=True), 1
            ):
                numbers = {"misfiring": shares.mean(), "distance": np.median(off)}
                rows[load, k, told, layer] = {**numbers, "worst": off.max()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(["stored", "active", "told", "layer"])


def holding(load: int) -> Superposition:
    """Return the large network that holds the first `load` circuits; ValueError for too many."""
    load = positive_int("load", load, LARGEST, ", the largest load")
    circuits, stream, carriers = _whole()
    first = np.arange(load)
    codes = PostCodes(stream.take(first), [code.take(first) for code in carriers])
    return _LARGE.compress(circuits.take(first), np.random.default_rng(_SEED), codes=codes)


@cache
def _whole() -> tuple[ResidualCircuits, GaussianCode, list[SparseCode]]:
    rng = np.random.default_rng(_SEED)
    return (turning_circuits(LARGEST, rng), *plane_codes(LARGEST, rng))


def turning_circuits(n_circuits: int, rng: np.random.Generator) -> ResidualCircuits:
    """Draw circuits that turn an arrow by .3 to .7 of a radian in each layer, all in one sense.

    In each layer four neurons look in four directions u, a right angle apart, give or take. What a
    neuron sees of the arrow, it turns: it writes (R − 1) u. With right angles and no biases that is
    a + (R − 1) a = R a.
    """
    shape = N_LAYERS, n_circuits
    sense = rng.choice([-1, 1], n_circuits)
    turn = sense * rng.uniform(0.3, 0.7, shape)
    quarter = np.pi / 2 * np.arange(N_NEURONS)
    first = rng.uniform(0, 2 * np.pi, (*shape, 1))
    looks = first + quarter + rng.uniform(-0.35, 0.35, (*shape, N_NEURONS))
    bias = rng.uniform(-0.15, 0.15, looks.shape)
    ahead, now = (
        np.stack([np.cos(angle), np.sin(angle)], axis=-2)
        for angle in (looks + turn[..., None], looks)
    )
    return ResidualCircuits(now.swapaxes(-1, -2), bias, ahead - now)


def plane_codes(n_circuits: int, rng: np.random.Generator) -> tuple[GaussianCode, list[SparseCode]]:
    """Draw a code of the stream and one of each layer's neurons, from points of the plane.

    Each slope of the plane is a set of slots, and a circuit is on one slot of each. Three slopes
    are the stream's: E_t has a random rotation in each slot, over √3. Four more are the neurons' in
    each layer: V_t. So two circuits share one slot at most, of all of these together. The slots of
    each slope are in random order.
    """
    n_slopes = STREAM_SLOTS + CARRIERS * N_LAYERS
    lines = draw_lines(PRIME, n_slopes, n_circuits, rng)
    order = rng.permuted(np.tile(np.arange(PRIME), (n_slopes, 1)), axis=1)
    slots = order[np.arange(n_slopes), lines % PRIME]
    turns = GaussianCode.draw(n_circuits * STREAM_SLOTS, _WIDTH, _WIDTH, rng).directions
    turns = turns.reshape(n_circuits, STREAM_SLOTS, _WIDTH, _WIDTH) / np.sqrt(STREAM_SLOTS)
    directions = np.zeros((n_circuits, _WIDTH, STREAM_SLOTS, PRIME, _WIDTH))
    each, side = np.arange(n_circuits)[:, None], np.arange(STREAM_SLOTS)
    directions[each, :, side, slots[:, :STREAM_SLOTS]] = turns
    stream = GaussianCode(directions.reshape(n_circuits, _WIDTH, -1))
    carriers = []
    for first in range(STREAM_SLOTS, n_slopes, CARRIERS):
        blocks = slots[:, first : first + CARRIERS] + PRIME * np.arange(CARRIERS)
        neurons = N_NEURONS * blocks[:, None] + np.arange(N_NEURONS)[:, None]
        carriers.append(SparseCode(neurons, _LARGE.n_neurons))
    return stream, carriers


def story() -> list[Still]:
    """Return three steps of the figure's story: few inside, too many, and as many, but told."""
    few, many = START["load"], LARGEST
    seen = [_seen(few, False), _seen(many, False), _seen(many, True)]
    near, far = seen[0].distance[-1, 0], seen[1].distance[-1, 0]
    shares = ", ".join(f"{100 * share:.0f}" for share in seen[1].misfiring[:, 0])
    words = (
        f"<b>{few}</b> small networks inside, one runs. Its answer is off by {100 * near:.1f} %.",
        f"<b>{many}</b> inside. Neurons that should be silent fire: {shares} % of them, layer by "
        f"layer. The answer is off by {far:.1f} lengths.",
        f"<b>{many}</b> inside, told which one runs. No other neuron fires. The answer is exact.",
    )
    return [_still(found, said) for found, said in zip(seen, words, strict=True)]


def _seen(load: int, told: bool) -> Run:
    """Return what the figure shows first, with so many inside."""
    active, angles = (np.array([START[name][:1]]) for name in ("active", "angles"))
    return run(holding(load), active, angles, told)


def _still(found: Run, words: str) -> Still:
    shape = N_LAYERS, CARRIERS, PRIME, N_NEURONS
    neurons, in_use = found.neurons[:, 0].reshape(shape), found.in_use[:, 0].reshape(shape)
    return Still(words, neurons, in_use > 0, found.true[-1, 0, 0], found.vectors[-1, 0, 0])


def headline() -> str:
    """Draw the published error and ours by layer, at the published size, as SVG without a date."""
    mpl.use("svg")
    figures.use_style()
    figure = figures.beside_published(beside_published().query("width == 1000"))
    out = StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def draw(path: str | Path) -> None:
    """Draws the figure into a file (.svg)."""
    with atomic_write(path) as out:
        out.write(headline().encode())


MADE = {"headline": draw}
