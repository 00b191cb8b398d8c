"""The 511 tasks split the ten digit classes in two, in every possible way.

The images are those of scikit-learn's `load_digits` (1,797 of 8 × 8 pixels; UCI's optical
recognition of handwritten digits, Alpaydin & Kaynak 1998). A network's input consists of a few
whitened principal components and one more entry, which starts at zero. That entry is the answer:
after the last layer its sign names the side. `superposition.training` trains a small residual
network for each task. `superposition.digit_mlps` trains a small MLP, which reads the components
alone.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, generator, whole_array
from superposition._files import atomic_write
from superposition.circuits import Circuits, MLPCircuits, ResidualCircuits
from superposition.constructions.compiled import Superposition
from superposition.inputs import with_companions

N_TASKS = 511
N_COMPONENTS = 8
_SPLIT_SEED = 0  # of the train/test split: fixed, so that test images are never trained on
_CHUNK = 512  # samples in memory at once


@dataclass(frozen=True, eq=False)
class DigitTasks:
    """The 511 tasks consist of inputs and labels.

    `train_inputs` and `test_inputs` (images, 9) hold principal components, scaled to a mean squared
    length of 1 over the training images, and then a zero for the answer. `train_labels` and
    `test_labels` (511, images) are +1 or −1: the side of each task to which an image's digit
    belongs. `train_digits` and `test_digits` (images,) are 0 … 9. `test_images` (images, 8, 8) are
    the pixels.
    """

    train_inputs: Floats
    train_labels: Integers
    train_digits: Integers
    test_inputs: Floats
    test_labels: Integers
    test_digits: Integers
    test_images: Floats


def sides() -> Integers:
    """Return the side on which each task puts each digit, +1 or −1, (511, 10).

    Task t puts digit j on the + side where bit j of t + 1 is set; digit 9 is always on the − side.
    So every way to split ten classes into two non-empty sides occurs exactly once.
    """
    bits = (np.arange(1, N_TASKS + 1)[:, None] >> np.arange(10)) & 1
    return 2 * bits - 1


@cache
def load_tasks() -> DigitTasks:
    """Load the tasks with a fixed split of the images.

    Three quarters of the images are for training, a quarter for tests. The split keeps the
    proportions of the digits. The components and their scale come from the training images alone.
    """
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA
    from sklearn.model_selection import train_test_split

    images, digits = load_digits(return_X_y=True)
    train, test, train_digits, test_digits = train_test_split(
        images, digits, test_size=0.25, random_state=_SPLIT_SEED, stratify=digits
    )
    components = PCA(N_COMPONENTS, whiten=True, svd_solver="full").fit(train)

    def inputs(pixels: Floats) -> Floats:
        scaled = components.transform(pixels) / np.sqrt(N_COMPONENTS)
        return np.column_stack([scaled, np.zeros(len(scaled))])

    return DigitTasks(
        train_inputs=inputs(train),
        train_labels=sides()[:, train_digits],
        train_digits=train_digits,
        test_inputs=inputs(test),
        test_labels=sides()[:, test_digits],
        test_digits=test_digits,
        test_images=test.reshape(-1, 8, 8),
    )


def answers(states: Floats) -> Integers:
    """Return the sides that final states (…, d) name, +1 or −1, (…): the last entries' signs."""
    return np.where(states[..., -1] > 0, 1, -1)


def balance(labels: Integers | Floats) -> Floats:
    """Return weights under which both sides of each task count alike, in the shape (tasks, images).

    The weights have mean 1 in each task. The weighted share of right answers is then the balanced
    accuracy, and any fixed answer scores 0.5. Raises ValueError where a side has no image.
    """
    positive = (labels > 0).mean(axis=1, keepdims=True)
    if (positive * (1 - positive) == 0).any():
        raise ValueError("labels: wanted images on both sides of each task")
    return np.where(labels > 0, 0.5 / positive, 0.5 / (1 - positive))


def circuit_inputs(circuits: Circuits, inputs: Floats) -> Floats:
    """Return the part of the tasks' inputs (…, 9) that these circuits read.

    Residual circuits read all of it. MLPs read the first 8 entries: they have an output of their
    own, and need no entry for the answer. Raises ValueError for circuits of another input width.
    """
    width = N_COMPONENTS if isinstance(circuits, MLPCircuits) else N_COMPONENTS + 1
    if circuits.widths[0] != width:
        raise ValueError(f"circuits: wanted inputs of width {width}, got {circuits.widths[0]}")
    return inputs[..., :width]


def small_scores(circuits: Circuits) -> Floats:
    """Score each of the 511 small networks on every test image of its task, (511, images).

    A wrong answer scores 0, and a right answer the image's weight by `balance`. Row means are
    therefore balanced accuracies. Raises ValueError for another number of circuits or another input
    width.
    """
    if circuits.n_circuits != N_TASKS:
        raise ValueError(f"circuits: wanted {N_TASKS}, one per task, got {circuits.n_circuits}")
    tasks = load_tasks()
    active = np.arange(N_TASKS)[:, None]
    given = [
        answers(circuits.run(np.broadcast_to(x, (N_TASKS, 1, len(x))), active)[-1])[:, 0]
        for x in circuit_inputs(circuits, tasks.test_inputs)
    ]
    return (np.stack(given, axis=1) == tasks.test_labels) * balance(tasks.test_labels)


def superposed_scores(
    superposition: Superposition,
    which: Integers,
    images: Integers,
    n_active: int,
    rng: np.random.Generator,
    *,
    same_image: bool = False,
) -> Floats:
    """Score task which[s] on test image images[s] inside the large network; returns (samples,).

    Circuit t of the superposition must be the network of task t; there may be fewer than 511. In
    each pass n_active − 1 other random tasks are active as well. They see random test images, or
    all tasks see the same image if `same_image`. Scores are as in `small_scores`: their means are
    balanced accuracies. Raises TypeError or ValueError for entries out of range, for n_active > T,
    and for circuits with inputs of another width.
    """
    tasks, sizes = load_tasks(), dict[str, int]()
    inputs = circuit_inputs(superposition.circuits, tasks.test_inputs)
    n_circuits = superposition.circuits.n_circuits
    which = whole_array("which", which, "samples", sizes, n_circuits)
    images = whole_array("images", images, "samples", sizes, len(tasks.test_inputs))
    active = with_companions(which, n_circuits, n_active, generator(rng))
    shown = np.repeat(images[:, None], n_active, axis=1)
    if not same_image:
        shown[:, 1:] = rng.integers(len(tasks.test_inputs), size=shown[:, 1:].shape)
    given = np.empty(len(which), dtype=int)
    for start in range(0, len(which), _CHUNK):
        part = slice(start, start + _CHUNK)
        first = superposition.embed(inputs[shown[part]], active[part])
        last = superposition.network.run(first)[-1]
        read = superposition.read(last, active[part, :1], superposition.circuits.n_layers)
        given[part] = answers(read)[:, 0]
    scores = balance(tasks.test_labels)[which, images]
    return scores * (given == tasks.test_labels[which, images])


def save_circuits(path: str | Path, circuits: Circuits, made_by: str = "") -> None:
    """Write circuits to one .npz file, whole or not at all, with a note on how they were made.

    The file does not hold the sampler of the circuits' inputs. Raises OSError if it cannot be
    written.
    """
    if isinstance(circuits, MLPCircuits):
        named = {f"weights_{i}": array for i, array in enumerate(circuits.weights)}
        named |= {f"biases_{i}": array for i, array in enumerate(circuits.biases)}
        arrays: dict[str, Any] = named | {"activations": np.array(circuits.activations)}
    else:
        names = ("read_in", "bias", "write_out")
        arrays = {name: getattr(circuits, name) for name in names}
    with atomic_write(path) as out:
        np.savez_compressed(out, **arrays, made_by=made_by)


def load_circuits(path: str | Path) -> ResidualCircuits:
    """Load residual circuits from a file of `save_circuits`; ValueError for any other file."""
    with _stored(path) as arrays:
        return ResidualCircuits(arrays["read_in"], arrays["bias"], arrays["write_out"])


def load_mlps(path: str | Path) -> MLPCircuits:
    """Load MLP circuits from a file of `save_circuits`; ValueError for any other file."""
    with _stored(path) as arrays:
        names = [str(name) for name in arrays["activations"]]
        weights = [arrays[f"weights_{i}"] for i in range(len(names))]
        return MLPCircuits(weights, [arrays[f"biases_{i}"] for i in range(len(names))], names)


@contextmanager
def _stored(path: str | Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Yield the arrays of a file; any error in reading or using them becomes a ValueError."""
    broken = (KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError, ValueError)
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except broken as error:
        raise ValueError(f"path: wanted a file of circuits, got {path}: {error}") from None
