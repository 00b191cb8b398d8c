"""A small sparse autoencoder, which needs PyTorch to be imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from superposition._check import Floats

STEPS, BATCH, RATE = 1000, 128, 1e-3


class SparseAutoencoder(nn.Module):
    """A map x → decode(relu(encode(x − b))) + b, with decoder directions of length one.

    It follows *Towards Monosemanticity* [Bricken et al. 2023], without the resampling of components
    that are never active. It has C components of states (batch, D).
    """

    def __init__(self, n_components: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        start = torch.randn(n_components, width, generator=generator)
        start /= start.norm(dim=1, keepdim=True)
        self.directions = nn.Parameter(start)
        self.encoder = nn.Parameter(start.clone())
        self.thresholds = nn.Parameter(torch.zeros(n_components))
        self.centre = nn.Parameter(torch.zeros(width))

    def activity(self, states: torch.Tensor) -> torch.Tensor:
        """Return activities (batch, C) of states (batch, D), at least zero."""
        return torch.relu((states - self.centre) @ self.encoder.T + self.thresholds)

    def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the reconstructed states, and the activities."""
        active = self.activity(states)
        return active @ self.directions + self.centre, active


def trained(
    states: Floats, n_components: int, penalty: float, rng: np.random.Generator
) -> tuple[Floats, Callable[[Floats], Floats]]:
    """Return directions (C, D) and activities of an autoencoder trained on states (n, D).

    Adam takes `STEPS` steps of `BATCH` states. The loss is |x − x̂|² + penalty · Σ activity, with
    states scaled to mean square length one. Training runs on one thread, in float32.
    """
    scale = float(np.sqrt(np.mean(np.sum(states**2, axis=1))))
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    given = torch.tensor(states / scale, dtype=torch.float32)
    model = SparseAutoencoder(n_components, given.shape[1], generator)
    with _one_thread():
        _fit(model, given, penalty, generator)

    def activity(new: Floats) -> Floats:
        with torch.no_grad(), _one_thread():
            return model.activity(torch.tensor(new / scale, dtype=torch.float32)).numpy()

    return model.directions.detach().numpy().astype(float), activity


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread, so that sums have one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fit(
    model: SparseAutoencoder, given: torch.Tensor, penalty: float, generator: torch.Generator
) -> None:
    with torch.no_grad():
        model.centre.copy_(given.mean(dim=0))
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    for _ in range(STEPS):
        batch = given[torch.randint(len(given), (BATCH,), generator=generator)]
        again, active = model(batch)
        loss = ((again - batch) ** 2).sum(dim=1).mean() + penalty * active.sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            model.directions /= model.directions.norm(dim=1, keepdim=True)
