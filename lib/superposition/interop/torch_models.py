"""PyTorch modules in and out. PyTorch itself is imported only here, and only when needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from superposition._check import Floats, instance
from superposition.circuits import MLPCircuits
from superposition.interop.arrays import PlainNetwork, checked_network, circuits_of
from superposition.superposition import Superposition


def torch_or_error(asked_by: str) -> Any:
    """Return the module torch, or raise ImportError that says how to install it."""
    try:
        import torch
    except ImportError as error:
        text = f"{asked_by}: wanted PyTorch, which is not installed; try: pip install torch"
        raise ImportError(text) from error
    return torch


def to_torch(superposition: Superposition) -> Any:
    """Return the large network as a `torch.nn.Module` from the first state to the last.

    The module holds a copy of the same numbers, in the same precision. An MLP becomes a Sequential
    of layer0, relu0, layer1, …; a residual network becomes one of block0, block1, …, each with
    read_in, relu and write_out. Parameters can be trained. Every state after the first is the
    output of a named module, for hooks. `superposition.embed` makes the module's input,
    `superposition.read` reads its output.
    Raises ImportError without PyTorch, TypeError for other objects, or a network in factors.

    >>> import numpy
    >>> import torch
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.interop import to_torch
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> module = to_torch(large)
    >>> [name for name, _ in module.named_children()]
    ['layer0', 'relu0', 'layer1', 'relu1']
    >>> tuple(module(torch.zeros(3, 20, dtype=torch.float64)).shape)
    (3, 20)
    """
    instance("superposition", superposition, Superposition)
    torch_or_error("to_torch")
    from superposition.interop.torch_modules import module_of

    return module_of(superposition.network)


def from_torch(models: Sequence[Any]) -> MLPCircuits:
    """Make circuits of `torch.nn.Sequential` models of Linear and ReLU in turn.

    The models may be nested, on any device, and with or without biases. They may end with either
    module. A model that ends with a ReLU gets a last layer that copies. Shapes may differ, as in
    `from_arrays`.
    Raises ImportError without PyTorch, TypeError for other models, layers or precisions, ValueError
    for layers that are not in turn, without values, or with hooks: the message names model and
    layer. Otherwise as `from_arrays`.

    >>> import torch
    >>> from superposition.interop import from_torch
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    ... )
    >>> from_torch([model, torch.nn.Linear(3, 1)])
    MLPCircuits(2 circuits, widths 3 → 6 → 2)
    """
    torch = torch_or_error("from_torch")
    several = isinstance(models, (torch.nn.ModuleList, torch.nn.ModuleDict))
    if isinstance(models, torch.nn.Module) and not several:
        raise TypeError(f"models: wanted a sequence of them, got {type(models).__name__}")
    return circuits_of("models", models, lambda label, one: _network(label, one, torch))


def _network(label: str, model: Any, torch: Any) -> PlainNetwork:
    single = type(model) is torch.nn.Linear
    if not (single or _plain_sequential(model, torch)):
        raise TypeError(
            f"{label}: wanted torch.nn.Sequential of Linear and ReLU, got {type(model).__name__}"
        )
    named = [("0", model)] if single else _leaves(model, torch)
    if not named:
        raise ValueError(f"{label}: wanted at least one layer, got none")
    layers, names = [], []
    for name, module in model.named_modules(remove_duplicate=False):
        _check_plain(f"{label}, layer {name}" if name else label, module)
    for i, (name, module) in enumerate(named):
        kind, got = (torch.nn.ReLU, torch.nn.Linear)[i % 2 == 0], type(module)
        if got not in (torch.nn.Linear, torch.nn.ReLU):
            raise TypeError(f"{label}, layer {name}: wanted Linear or ReLU, got {got.__name__}")
        if got is not kind:
            raise ValueError(
                f"{label}, layer {name}: wanted Linear and ReLU in turn, so {kind.__name__} here, "
                f"got {got.__name__}"
            )
        if got is torch.nn.Linear:
            layers.append(_arrays(f"{label}, layer {name}", module, torch))
            names.append(name)
    if len(named) % 2 == 0:  # ends with ReLU: copied, since the last layer of a circuit is linear
        width, dtype = len(layers[-1][1]), layers[-1][1].dtype
        layers.append((np.eye(width, dtype=dtype), np.zeros(width, dtype)))
        names.append(f"{named[-1][0]} (ReLU, copied)")
    return checked_network(label, layers, library="PyTorch")


def _leaves(model: Any, torch: Any) -> list[tuple[str, Any]]:
    """Return modules of nested Sequentials in order, with repeats, by names "0", "2.1"."""
    every = model.named_modules(remove_duplicate=False)
    return [(name, module) for name, module in every if not _plain_sequential(module, torch)]


def _plain_sequential(module: Any, torch: Any) -> bool:
    """Return whether a module is a Sequential that does nothing but run its modules."""
    kind = torch.nn.Sequential
    return isinstance(module, kind) and type(module).forward is kind.forward


def _check_plain(label: str, module: Any) -> None:
    """Raise ValueError for a module that may do something else than its class says."""
    hooks = module._forward_hooks, module._forward_pre_hooks
    if any(hooks) or "forward" in vars(module):
        raise ValueError(
            f"{label}: wanted a plain module, got one with hooks or a forward of its own (as "
            "weight_norm and prune make them)"
        )


def _arrays(label: str, linear: Any, torch: Any) -> tuple[Floats, Floats]:
    """Return weight and bias of a Linear; a missing bias is zero."""
    weight = linear.weight
    if weight.is_meta or isinstance(weight, torch.nn.parameter.UninitializedParameter):
        raise ValueError(f"{label}: wanted a Linear with values, got one without")
    if weight.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{label}: wanted float32 or float64, got {weight.dtype}")
    large = weight.detach().cpu().numpy().copy()
    if linear.bias is None:
        return large, np.zeros(len(large), large.dtype)
    return large, linear.bias.detach().cpu().numpy().copy()
