"""The digit tasks: trained small networks, and all of them inside one network."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm, trange

from companion._study import Study, Tolerance, data
from companion.introduction import private_circuits, residual_parameters
from superposition._check import Floats, Integers, generator, whole_array
from superposition.circuits import Circuits, MLPCircuits, ResidualCircuits
from superposition.circuits.inputs import with_companions
from superposition.constructions import ResidualConstruction
from superposition.results import atomic_write, read_table
from superposition.superposition import Superposition

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
    belongs. `train_digits` and `test_digits` (images,) are 0 … 9. `train_images` and `test_images`
    (images, 8, 8) are the pixels.
    """

    train_inputs: Floats
    train_labels: Integers
    train_digits: Integers
    train_images: Floats
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
        train_images=train.reshape(-1, 8, 8),
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


TRAINING_SEED = 0


@dataclass(frozen=True)
class Training:
    """These settings train the small networks: Adam on a balanced logistic loss.

    `noise` is the standard deviation of the noise that is added, in training only, to every entry
    that a layer reads. The post assumes small networks that tolerate some noise. The learning rate
    falls linearly to zero.
    """

    n_layers: int = 2
    n_neurons: int = 12
    n_steps: int = 1500
    batch: int = 128
    learning_rate: float = 0.02
    weight_decay: float = 0.1
    noise: float = 0.1


def train(
    tasks: Integers, rng: np.random.Generator, settings: Training | None = None
) -> ResidualCircuits:
    """Train small residual networks of width 9 in float32 for the digit tasks numbered `tasks`.

    Images, noise and first weights are drawn alike for every task. A task's network therefore does
    not depend on which other tasks are trained with it.
    """
    settings, data, rng = settings or Training(), load_tasks(), generator(rng)
    inputs = data.train_inputs.astype(np.float32)
    labels = data.train_labels[tasks].astype(np.float32)
    weights = balance(labels).astype(np.float32)
    params = _first_parameters(len(tasks), settings, rng)
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in params]
    for step in trange(settings.n_steps, desc="training", leave=False, disable=None):
        images = rng.integers(len(inputs), size=settings.batch)
        shape = (settings.n_layers, inputs.shape[1], settings.batch)
        noise = settings.noise * rng.standard_normal(shape, dtype=np.float32)
        _, gradients = loss_gradient(
            params, inputs[images], labels[:, images], weights[:, images], noise
        )
        rate = settings.learning_rate * (1 - step / settings.n_steps)
        _adam(params, gradients, moments, step, rate, settings.weight_decay)
    return ResidualCircuits(*params)


def loss_gradient(
    params: list[Floats], inputs: Floats, labels: Floats, weights: Floats, noise: Floats
) -> tuple[Floats, list[Floats]]:
    """Return the mean weighted logistic loss of each task, (T,), and its gradients in `params`.

    `params` are read_in (L, T, m, d), bias (L, T, m) and write_out (L, T, d, m). `inputs` has the
    shape (batch, d); `labels` and `weights` have the shape (T, batch). `noise` (L, d, batch) is
    added to what layer l reads.
    """
    read_in, bias, write_out = params
    state = np.broadcast_to(inputs.T, (read_in.shape[1], *inputs.T.shape))  # (T, d, batch)
    noisy, neurons = [], []
    for layer in range(len(read_in)):
        noisy.append(state + noise[layer])
        neurons.append(np.maximum(read_in[layer] @ noisy[-1] + bias[layer][..., None], 0))
        state = state + write_out[layer] @ neurons[-1]
    margins = labels * state[:, -1]
    loss = (weights * np.logaddexp(0, -margins)).mean(axis=1)
    back = np.zeros_like(state)  # d loss / d state
    back[:, -1] = -labels * weights / (1 + np.exp(margins)) / labels.shape[1]
    gradients = [np.zeros_like(p) for p in params]
    for layer in reversed(range(len(read_in))):
        gradients[2][layer] = back @ neurons[layer].swapaxes(1, 2)
        inner = (write_out[layer].swapaxes(1, 2) @ back) * (neurons[layer] > 0)
        gradients[0][layer] = inner @ noisy[layer].swapaxes(1, 2)
        gradients[1][layer] = inner.sum(axis=2)
        back = back + read_in[layer].swapaxes(1, 2) @ inner
    return loss, gradients


def _first_parameters(
    n_tasks: int, settings: Training, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    width, shape = N_COMPONENTS + 1, (settings.n_layers, 1, settings.n_neurons)
    read_in = rng.standard_normal((*shape, width)) * np.sqrt(2)
    write_out = rng.standard_normal((*shape[:2], width, shape[2])) / np.sqrt(settings.n_neurons)
    return [
        np.repeat(p, n_tasks, axis=1).astype(np.float32)
        for p in (read_in, np.zeros(shape), write_out)
    ]


def _adam(
    params: list[Any],
    gradients: list[Any],
    moments: list[Any],
    step: int,
    rate: float,
    decay: float,
) -> None:
    """Take one step of Adam with decoupled weight decay (Loshchilov & Hutter 2019), in place."""
    for p, g, (first, second) in zip(params, gradients, moments, strict=True):
        first += 0.1 * (g - first)
        second += 0.001 * (g * g - second)
        unbiased = second / (1 - 0.999 ** (step + 1))
        p *= 1 - rate * decay
        p -= rate * first / (1 - 0.9 ** (step + 1)) / (np.sqrt(unbiased) + 1e-8)


def residual_made_by() -> str:
    """Return what the file of the stored networks says about their training."""
    return f"{Training()}, seed {TRAINING_SEED}"


def _train_residual(path: Path) -> None:
    circuits = train(np.arange(N_TASKS), np.random.default_rng(TRAINING_SEED))
    save_circuits(path, circuits, residual_made_by())


@dataclass(frozen=True)
class MLPTraining:
    """These settings train the MLPs: `n_steps` steps of L-BFGS on a balanced logistic loss.

    `noise` is the standard deviation of the noise that is added, in training only, to every
    component that a network reads. Each image is shown in `n_copies` copies with different noise.
    `penalty` is scikit-learn's alpha. The number of steps is part of the choice: more steps fit the
    copies better and new images no better. All this was chosen by cross-validation on training
    images. A network below a balanced accuracy of `enough` on the training images is trained again
    from other first weights, up to `n_starts` times in all, and the best on the training images is
    kept. (Held-out images took part in one choice: that there be such a rule. Without it the
    weakest task reached 0.87 on them.)
    """

    n_neurons: tuple[int, ...] = (12, 12)
    n_steps: int = 100
    n_copies: int = 8
    noise: float = 0.1
    penalty: float = 2.0
    enough: float = 0.97
    n_starts: int = 3


def train_mlps(
    tasks: Integers, rng: np.random.Generator, settings: MLPTraining | None = None
) -> MLPCircuits:
    """Train small MLPs of widths 8, 12, 12, 1 in float32 for the digit tasks `tasks`, (n,).

    All layers have a ReLU but the last, which is linear: the sign of its one entry is the answer.
    Noise is drawn alike for every task, and first weights come from the task's number. A task's
    network therefore does not depend on which other tasks are trained with it. The MLPs are trained
    in float64 and kept in float32, as the residual networks are. One kind of processor gives the
    same bits each time; on another, rounding may grow to a tenth of a weight. Raises TypeError or
    ValueError for numbers that are not tasks.
    """
    settings, rng = settings or MLPTraining(), generator(rng)
    tasks = whole_array("tasks", tasks, "tasks", {}, N_TASKS)
    inputs = noisy_inputs(settings, rng)
    numbers = tqdm(tasks.tolist(), desc="training", leave=False, disable=None)
    return as_circuits([best_classifier(task, inputs, settings) for task in numbers])


def noisy_inputs(settings: MLPTraining, rng: np.random.Generator) -> Floats:
    """Return all training images' eight components in noisy copies: (copies · images, 8)."""
    inputs = np.tile(load_tasks().train_inputs[:, :N_COMPONENTS], (settings.n_copies, 1))
    return inputs + settings.noise * rng.standard_normal(inputs.shape)


def best_classifier(task: int, inputs: Floats, settings: MLPTraining) -> Any:
    """Return the first of a task's classifiers that is good enough, or the best of n_starts."""
    images, labels = load_tasks().train_inputs[:, :N_COMPONENTS], load_tasks().train_labels[task]
    tried = []
    for start in range(settings.n_starts):
        classifier = train_classifier(task, start, inputs, settings)
        score = classifier.score(images, labels, sample_weight=balance(labels[None])[0])
        tried.append((score, -start, classifier))
        if score >= settings.enough:
            break
    return max(tried)[2]


def train_classifier(task: int, start: int, inputs: Floats, settings: MLPTraining) -> Any:
    """Train scikit-learn's MLPClassifier for one task on these copies of the images.

    Its first weights come from random_state = task + 511 · start.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    labels = np.tile(load_tasks().train_labels[task], settings.n_copies)
    classifier = MLPClassifier(
        settings.n_neurons,
        solver="lbfgs",
        alpha=settings.penalty,
        max_iter=settings.n_steps,
        random_state=task + N_TASKS * start,
    )
    # one thread: sums in one order, and matrices this small would only wait for more
    with threadpool_limits(1), warnings.catch_warnings():
        # it warns that the loss still falls after n_steps: stopping there is meant
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(inputs, labels, sample_weight=balance(labels[None])[0])


def as_circuits(classifiers: list[Any]) -> MLPCircuits:
    """Return trained two-class MLPClassifiers of one shape, with ReLUs inside, as float32 circuits.

    The last layer has no logistic function, which would not change the sign.
    """
    layers = range(classifiers[0].n_layers_ - 1)
    weights = [np.stack([c.coefs_[i].T for c in classifiers]) for i in layers]
    biases = [np.stack([c.intercepts_[i] for c in classifiers]) for i in layers]
    names = ["relu"] * (len(layers) - 1) + ["linear"]
    return MLPCircuits(weights, biases, names).astype(np.float32)


def mlps_made_by() -> str:
    """Return what the file of the stored networks says about their training."""
    return f"scikit-learn's MLPClassifier, {MLPTraining()}, seed {TRAINING_SEED}"


def _train_mlps(path: Path) -> None:
    circuits = train_mlps(np.arange(N_TASKS), np.random.default_rng(TRAINING_SEED))
    save_circuits(path, circuits, mlps_made_by())


# The chapter's one large network: fewer neurons than the small networks have together, everything
# else the construction's defaults.
DIGITS_CONSTRUCTION = ResidualConstruction(stream_width=2048, n_neurons=4096)
DIGITS_NETWORK_SEED = 20241014
_BLOCK = 7  # tasks measured in one run of the study "digit_tasks"
_WAYS = [(1, "own"), (2, "own"), (2, "same"), (3, "own"), (3, "same")]


def digit_accuracy(
    stream_width: int, n_active: int, images: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure balanced accuracy over all digit tasks, four passes each, with M = 2D; one row."""
    construction = ResidualConstruction(stream_width, 2 * stream_width)
    superposition = construction.compress(_digit_networks(), rng)
    which = np.tile(np.arange(N_TASKS), 4)
    shown = rng.integers(len(load_tasks().test_inputs), size=len(which))
    scores = superposed_scores(
        superposition, which, shown, n_active, rng, same_image=images == "same"
    )
    return pd.DataFrame({"balanced_accuracy": [scores.mean()], "passes": [len(which)]})


def digit_task_accuracy(
    first_task: int, n_active: int, images: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure balanced accuracy of a few tasks in the chapter's network, on every test image."""
    tasks = np.arange(first_task, first_task + _BLOCK)
    n_images = len(load_tasks().test_inputs)
    which, shown = np.repeat(tasks, n_images), np.tile(np.arange(n_images), _BLOCK)
    scores = superposed_scores(
        digits_superposition(), which, shown, n_active, rng, same_image=images == "same"
    )
    accuracy = scores.reshape(_BLOCK, n_images).mean(axis=1)
    return pd.DataFrame({"task": tasks, "balanced_accuracy": accuracy})


@cache
def digits_superposition() -> Superposition:
    """Return all 511 digit networks in the chapter's one large network."""
    rng = np.random.default_rng(DIGITS_NETWORK_SEED)
    return DIGITS_CONSTRUCTION.compress(_digit_networks(), rng)


def digit_scores() -> pd.DataFrame:
    """Return the balanced accuracy of each task, one active at a time.

    `alone` is that of the small network, and `in_one` that inside the one large network.
    """
    table = read_table(data("digit_tasks.csv"))[0].query("n_active == 1").sort_values("task")
    in_one = table["balanced_accuracy"].to_numpy()
    return pd.DataFrame({"alone": small_scores(_digit_networks()).mean(axis=1), "in_one": in_one})


def digits_summary() -> dict[str, float]:
    """Summarise what the one network keeps and what it costs.

    `kept_1`, `kept_2` and `kept_3` are percentages of the accuracy above guessing, with one, two or
    three tasks active. `n_private` is the number of tasks whose networks would fit into as many
    weights with private neurons and dimensions.
    """
    networks, large = _digit_networks(), DIGITS_CONSTRUCTION
    alone = digit_scores()["alone"].mean() - 0.5
    table = read_table(data("digit_tasks.csv"))[0].query("images == 'own'")
    above_guessing = table.groupby("n_active")["balanced_accuracy"].mean() - 0.5
    parameters = networks.n_layers * residual_parameters(large.stream_width)
    return {
        **{f"kept_{k}": 100 * above_guessing[k] / alone for k in (1, 2, 3)},
        "small_neurons": networks.n_circuits * networks.n_neurons,
        "large_neurons": large.n_neurons,
        "parameter_ratio": parameters / networks.n_parameters,
        "n_private": private_circuits(
            large.stream_width, large.n_neurons, networks.width, networks.n_neurons
        ),
    }


def private_digits(stream_widths: list[int]) -> pd.DataFrame:
    """Return the mean accuracy of networks with M = 2D and private neurons and dimensions.

    Tasks without room are guessed. The table has the columns `size` (D · M) and
    `balanced_accuracy`.
    """
    networks, alone = _digit_networks(), digit_scores()["alone"].mean()
    rows = []
    for width in stream_widths:
        n = private_circuits(width, 2 * width, networks.width, networks.n_neurons)
        share = min(n / networks.n_circuits, 1)
        rows.append([2 * width**2, 0.5 + share * (alone - 0.5)])
    return pd.DataFrame(rows, columns=["size", "balanced_accuracy"])


def parity_width() -> int:
    """Return the largest D at which a network (M = 2D) has no more parameters than the digits'."""
    networks, width = _digit_networks(), 1
    while networks.n_layers * residual_parameters(width + 1) <= networks.n_parameters:
        width += 1
    return width


@cache
def _digit_networks() -> ResidualCircuits:
    return load_circuits(data("digit_networks.npz"))


_FEW_IMAGES = Tolerance(0.0, 0.006)  # single answers flip

STUDIES = {
    "digit_sizes": Study(
        digit_accuracy,
        [
            {"stream_width": width, "n_active": k, "images": images}
            # 170: as many parameters as the small networks; 3066: as many neurons
            for width in (170, 256, 384, 512, 768, 1024, 1536, 2048, 3066, 4096)
            for k, images in _WAYS
        ],
        n_seeds=3,
        seed=2,
        tolerance=_FEW_IMAGES,
    ),
    "digit_tasks": Study(
        digit_task_accuracy,
        [
            {"first_task": first, "n_active": k, "images": images}
            for k, images in _WAYS
            for first in range(0, N_TASKS, _BLOCK)
        ],
        n_seeds=1,
        seed=3,
        tolerance=_FEW_IMAGES,
    ),
}

MADE = {"digit_networks": _train_residual, "digit_mlps": _train_mlps}
