"""This trains the digit tasks' small networks, all side by side.

`python -m superposition.training FILE` trains all 511 networks and writes them to FILE.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

from superposition._check import Floats, Integers, generator
from superposition.circuits import ResidualCircuits
from superposition.digits import N_COMPONENTS, N_TASKS, balance, load_tasks, save_circuits

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


def made_by() -> str:
    """Return what the file of the stored networks says about their training."""
    return f"{Training()}, seed {TRAINING_SEED}"


def _main() -> None:
    parser = argparse.ArgumentParser(description="Train the small networks of all digit tasks.")
    parser.add_argument("file", help="where to write them (.npz)")
    file = parser.parse_args().file
    circuits = train(np.arange(N_TASKS), np.random.default_rng(TRAINING_SEED))
    save_circuits(file, circuits, made_by())


if __name__ == "__main__":
    _main()
