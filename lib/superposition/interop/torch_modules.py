"""Large networks as PyTorch modules, which need PyTorch to be imported."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from superposition._check import Floats
from superposition.circuits.bounds import ROUNDED
from superposition.interop.arrays import check_sequence
from superposition.interop.trace import NORM, normalising
from superposition.network import MLPNetwork, Network, ResidualNetwork
from superposition.sums import Sum
from superposition.superposition import Superposition


class ResidualBlock(nn.Module):
    """One layer of a residual network, A + write_out(relu(read_in(A))) for states A (batch, D)."""

    def __init__(self, read_in: nn.Module, write_out: nn.Module) -> None:
        super().__init__()
        self.read_in = read_in
        self.relu = nn.ReLU()
        self.write_out = write_out

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Return the next state, (batch, D)."""
        written: torch.Tensor = self.write_out(self.relu(self.read_in(state)))
        return state + written


class Added(nn.Module):
    """A block of a residual network, state + inner(state)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Return the next state, (batch, D)."""
        written: torch.Tensor = state + self.inner(state)
        return written


def stated(label: str, state: Mapping[str, Floats], architecture: Sequence[Any]) -> nn.Sequential:
    """Return the module of a state dict, as `from_torch` says.

    Raises ValueError for a name that is not there, and for entries that are not named.
    """
    used = set[str]()
    module = _stated(label, state, architecture, used)
    if left := sorted(set(state) - used):
        raise ValueError(f"{label}: wanted an architecture of all entries, got none for {left}")
    return module


def _stated(
    label: str, state: Mapping[str, Floats], architecture: Sequence[Any], used: set[str]
) -> nn.Sequential:
    parts: list[nn.Module] = []
    for step in check_sequence("architecture", architecture, "of layers"):
        step, eps = next(iter(step.items())) if isinstance(step, Mapping) else (step, None)
        if isinstance(step, (list, tuple)):
            parts.append(Added(_stated(label, state, step, used)))
            continue
        if isinstance(step, nn.Module) or (step == "relu" and step not in state):
            parts.append(nn.ReLU() if step == "relu" else step)
            continue
        own = {name: state[at] for name in NORM if (at := f"{step}.{name}") in state}
        used |= {step, *(f"{step}.{name}" for name in own)}
        if step in state and state[step].ndim == 2:
            parts.append(_linear(state[step].T))
        elif step in state:
            parts.append(_linear(np.diag(state[step] * 0 + 1), state[step]))
        elif "running_var" in own:
            if eps is None:
                raise ValueError(
                    f"{label}, layer {step}: wanted eps of a normalisation, which no state dict "
                    f"holds; write {{{step!r}: 1e-5}}, PyTorch's default, for example"
                )
            parts.append(_linear(*normalising(own, eps)))
        elif "weight" in own:
            if own["weight"].ndim != 2:
                got = own["weight"].shape
                raise ValueError(f"{label}, layer {step}: wanted a matrix, got weights of {got}")
            parts.append(_linear(own["weight"], own.get("bias")))
        else:
            raise ValueError(f"{label}: wanted a name of its layers, got {step!r}")
    return nn.Sequential(*parts)


class Split(nn.Module):
    """A matrix as two parallel Linears: the circuits' parts, and the rest, with the bias."""

    def __init__(self, one: Sum, bias: Floats | None) -> None:
        super().__init__()
        parts = tuple(part for part in one.parts if part.owners is not None)
        self.circuits = _linear(replace(one, parts=parts, rest=None).dense())
        self.rest = _linear(one.of_no_circuit().dense(), bias)

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Return the product, (batch, D_out), of a state (batch, D_in)."""
        product: torch.Tensor = self.circuits(state) + self.rest(state)
        return product


class ActiveEnds(nn.Module):
    """A large network with its ends: inputs of active circuits in, their answers out.

    embed: a Linear from all circuits' inputs, one after the other, to the first state.
    known: a Linear from which circuits are active to the indicators or gates of the first state.
    network: the large network.
    read: a Linear from the last state to all circuits' outputs, one after the other.
    """

    def __init__(self, superposition: Superposition, network: nn.Module) -> None:
        super().__init__()
        embed, known, empty, read = end_maps(superposition)
        self.embed, self.known, self.read = _linear(embed.T), _linear(known.T), _linear(read)
        self.network, self.n_circuits = network, superposition.circuits.n_circuits
        self.bound = getattr(superposition.construction, "input_bound", np.inf)
        self.gated = not getattr(superposition.input_map, "indicator", False)
        self.register_buffer("empty", torch.tensor(empty))

    def forward(self, inputs: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
        """Return answers (batch, k, d_L) to inputs (batch, k, d_0) of circuits (batch, k).

        Raises ValueError for inputs of another shape, or longer than the construction's
        `input_bound`, and for circuits that do not exist or come twice in a row.
        """
        active = torch.as_tensor(active, device=inputs.device)
        self._check(inputs.detach(), active)
        places = torch.arange(len(active), device=inputs.device)[:, None], active
        wide = inputs.new_zeros(len(active), self.n_circuits, inputs.shape[-1])
        on = self.known(inputs.new_zeros(wide.shape[:2]).index_put(places, inputs.new_ones(())))
        state = self.embed(wide.index_put(places, inputs).flatten(1)) + self.empty
        last = self.network(state + (on.clamp(-1, 1) if self.gated else on))
        answers: torch.Tensor = self.read(last).unflatten(1, (self.n_circuits, -1))[places]
        return answers

    def _check(self, inputs: torch.Tensor, active: torch.Tensor) -> None:
        width = self.embed.in_features // self.n_circuits
        if active.ndim != 2 or inputs.shape != (*active.shape, width):
            wanted = f"(batch, k, {width}), with active sets (batch, k)"
            raise ValueError(
                f"inputs: wanted shape {wanted}, got {(*inputs.shape,)}, with {(*active.shape,)}"
            )
        if not active.numel():
            return
        ordered = active.sort(dim=1).values
        known = active.dtype in (torch.int32, torch.int64)
        apart = bool((ordered[:, 1:] != ordered[:, :-1]).all())
        if not (known and apart and ordered.min() >= 0 and ordered.max() < self.n_circuits):
            raise ValueError(
                f"active: wanted whole numbers below {self.n_circuits}, distinct in each row"
            )
        longest = inputs.norm(dim=-1).amax()
        if not longest <= self.bound * ROUNDED:  # nor NaN
            raise ValueError(f"inputs: wanted none longer than {self.bound}, got {longest:g}")


def with_ends(superposition: Superposition, network: nn.Sequential, ends: str) -> nn.Module:
    """Return the network with its ends as layers, as `to_torch` says.

    Raises TypeError where a first state is not a sum of what each circuit writes, or for
    "features" where it says who is active; ValueError for other ends.
    """
    if ends not in ("active", "features"):
        raise ValueError(f"ends: wanted None, 'active' or 'features', got {ends!r}")
    if getattr(superposition.input_map, "coordinated", False):
        raise TypeError(
            "ends: wanted circuits that are not placed by looking at the whole active set; take "
            "embedding='local', or embed outside, with ends=None"
        )
    if ends == "active":
        return ActiveEnds(superposition, network)
    embed, known, empty, read = end_maps(superposition)
    if known.any() or empty.any():
        raise TypeError(
            "ends: wanted 'active', since the first state says by gates or indicators who is "
            "active, so that it is no linear map of features; got 'features'"
        )
    return nn.Sequential(OrderedDict(embed=_linear(embed.T), network=network, read=_linear(read)))


def end_maps(superposition: Superposition) -> tuple[Floats, Floats, Floats, Floats]:
    """Return what circuits write and read as matrices, in the circuits' precision.

    These are what inputs write, (T · d_0, D); what being active adds, (T, D), to a first state
    without any circuit, (D,); and what all circuits read of the last state, (T · d_L, D).
    """
    circuits = superposition.circuits
    n, width, dtype = circuits.n_circuits, circuits.widths[0], circuits.dtype
    bound = getattr(superposition.construction, "input_bound", 1.0)
    size = 2.0 ** min(0, int(np.floor(np.log2(bound))))  # of probes; a power of two rounds nothing
    each, none = np.arange(n)[:, None], np.zeros((n, 1, width), dtype)
    empty = superposition.embed(none[:1, :0], each[:1, :0])[0]
    on = superposition.embed(none, each)
    probes = [superposition.embed(none + size * unit, each) - on for unit in np.eye(width)]
    unit = np.eye(superposition.network.widths[-1], dtype=dtype)
    read = superposition.read_all(unit, circuits.n_layers).reshape(len(unit), -1).T
    found = np.stack(probes, 1).reshape(n * width, -1) / size, on - empty, empty, read
    embed, known, first, last = (np.asarray(array, dtype) for array in found)
    return embed, known, first, last


def module_of(network: Network, sums: Sequence[Sum] = ()) -> nn.Sequential:
    """Return a Sequential with the same numbers; raise TypeError unless it is dense.

    sums: the network's matrices, which are to be split; none to leave them whole.
    """
    parts = iter(sums)
    if isinstance(network, MLPNetwork):
        return _mlp(network, parts)
    if isinstance(network, ResidualNetwork):
        return _residual(network, parts)
    raise TypeError(
        f"superposition: wanted one with an MLPNetwork or a ResidualNetwork, got "
        f"{type(network).__name__}"
    )


def _mlp(network: MLPNetwork, parts: Iterator[Sum]) -> nn.Sequential:
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    layers = zip(network.weights, network.biases, network.activations, strict=True)
    for i, (weight, bias, name) in enumerate(layers):
        modules[f"layer{i}"] = _linear(weight, bias, parts)
        if name == "relu":
            modules[f"relu{i}"] = nn.ReLU()
    return nn.Sequential(modules)


def _residual(network: ResidualNetwork, parts: Iterator[Sum]) -> nn.Sequential:
    layers = enumerate(zip(network.read_in, network.bias, network.write_out, strict=True))
    blocks = {
        f"block{i}": ResidualBlock(_linear(w, b, parts), _linear(out, None, parts))
        for i, (w, b, out) in layers
    }
    return nn.Sequential(OrderedDict(blocks))


def _linear(
    weight: Floats, bias: Floats | None = None, parts: Iterator[Sum] | None = None
) -> nn.Module:
    """Return a Linear, or the next of the parts, split."""
    if parts and (one := next(parts, None)):
        return Split(one, bias)
    after, before = weight.shape
    linear = nn.Linear(before, after, bias is not None, device="meta")
    linear.weight = nn.Parameter(torch.tensor(weight))
    if bias is not None:
        linear.bias = nn.Parameter(torch.tensor(bias))
    return linear
