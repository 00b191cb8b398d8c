"""Large networks as PyTorch modules, which need PyTorch to be imported."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from superposition._check import Floats
from superposition.network import MLPNetwork, Network, ResidualNetwork


class ResidualBlock(nn.Module):
    """One layer of a residual network, A + write_out(relu(read_in(A))) for states A (batch, D)."""

    def __init__(self, read_in: nn.Linear, write_out: nn.Linear) -> None:
        super().__init__()
        self.read_in = read_in
        self.relu = nn.ReLU()
        self.write_out = write_out

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Return the next state, (batch, D)."""
        written: torch.Tensor = self.write_out(self.relu(self.read_in(state)))
        return state + written


def module_of(network: Network) -> nn.Sequential:
    """Return a Sequential with the same numbers; raise TypeError unless it is dense."""
    if isinstance(network, MLPNetwork):
        return _mlp(network)
    if isinstance(network, ResidualNetwork):
        return _residual(network)
    raise TypeError(
        f"superposition: wanted one with an MLPNetwork or a ResidualNetwork, got "
        f"{type(network).__name__}"
    )


def _mlp(network: MLPNetwork) -> nn.Sequential:
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    layers = zip(network.weights, network.biases, network.activations, strict=True)
    for i, (weight, bias, name) in enumerate(layers):
        modules[f"layer{i}"] = _linear(weight, bias)
        if name == "relu":
            modules[f"relu{i}"] = nn.ReLU()
    return nn.Sequential(modules)


def _residual(network: ResidualNetwork) -> nn.Sequential:
    layers = enumerate(zip(network.read_in, network.bias, network.write_out, strict=True))
    blocks = {f"block{i}": ResidualBlock(_linear(w, b), _linear(out)) for i, (w, b, out) in layers}
    return nn.Sequential(OrderedDict(blocks))


def _linear(weight: Floats, bias: Floats | None = None) -> nn.Linear:
    after, before = weight.shape
    linear = nn.Linear(before, after, bias is not None, device="meta")
    linear.weight = nn.Parameter(torch.tensor(weight))
    if bias is not None:
        linear.bias = nn.Parameter(torch.tensor(bias))
    return linear
