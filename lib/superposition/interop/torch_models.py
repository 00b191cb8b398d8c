"""PyTorch modules in and out. PyTorch itself is imported only here, and only when needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from superposition._check import Floats, instance
from superposition.circuits import MLPCircuits
from superposition.interop.arrays import Models, PlainNetwork, checked_network, circuits_of
from superposition.interop.trace import NORM, Trace, normalising
from superposition.superposition import Superposition

if TYPE_CHECKING:
    import torch

_LAYERS = "Linear, ReLU, LeakyReLU, BatchNorm1d, Dropout, Identity, or Flatten(1)"


def torch_or_error(asked_by: str) -> Any:
    """Return the module torch, or raise ImportError that says how to install it."""
    try:
        import torch
    except ImportError as error:
        text = f"{asked_by}: wanted PyTorch, which is not installed; try: pip install torch"
        raise ImportError(text) from error
    return torch


def to_torch(
    superposition: Superposition,
    *,
    ends: str | None = None,
    split: bool = False,
    dtype: torch.dtype | None = None,
) -> torch.nn.Module:
    """Return the large network as a `torch.nn.Module` from the first state to the last.

    ends: None; or "active": inputs (batch, k, d_0) and active sets (batch, k) in, answers (batch,
        k, d_L) out, with what `embed` and `read` do as layers; or "features": all circuits' inputs
        (batch, T · d_0) in, all outputs (batch, T · d_L) out, with a Linear at each end.
    split: whether each matrix is two parallel Linears, `circuits` for the sum of the circuits'
        parts, and `rest`.
    dtype: a torch dtype; None: the precision of the superposition.

    The module holds a copy of the same numbers. An MLP becomes a Sequential of layer0, relu0,
    layer1, …; a residual network becomes one of block0, block1, …, each with read_in, relu and
    write_out. Parameters can be trained, through the ends, too, on any device. Every state after
    the first is the output of a named module, for hooks. Without ends, `superposition.embed` makes
    the module's input, and `superposition.read` reads its output.
    Raises ImportError without PyTorch; TypeError for other objects, a network in factors, another
    dtype, "features" where embedding is not linear, since gates or indicators say who is active, or
    ends where it is no sum over circuits; ValueError for other ends.

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
    >>> whole = to_torch(large, ends="active", dtype=torch.float32)
    >>> tuple(whole(torch.zeros(3, 1, 2), torch.tensor([[0], [7], [7]])).shape)
    (3, 1, 2)
    """
    instance("superposition", superposition, Superposition)
    torch = torch_or_error("to_torch")
    from superposition.interop.torch_modules import module_of, with_ends

    if not (dtype is None or (isinstance(dtype, torch.dtype) and dtype.is_floating_point)):
        raise TypeError(
            f"dtype: wanted a torch dtype of floats, such as torch.float32, got {dtype!r}"
        )
    network = module_of(superposition.network, superposition.sums if split else ())
    module = network if ends is None else with_ends(superposition, network, ends)
    return module if dtype is None else module.to(dtype)


def from_torch(models: Models, *, architecture: Sequence[Any] | None = None) -> MLPCircuits:
    """Make circuits of PyTorch models that are matrices, biases and ReLUs.

    models: modules, in a sequence, a ModuleList, a ModuleDict or a dictionary, whose keys are kept
        as names; with an architecture, state dicts.
    architecture: what state dicts are weights of, in order. A text names a layer by what stands
        before ".weight" in the state dict, or a matrix W (state @ W) or bias by itself. {name: eps}
        is a batch normalisation, whose eps no state dict holds. A module without weights, such as
        ReLU(), stands for itself, and a list for a block that adds to the state what it computes.

    A model is a Linear, a Sequential, or a module with a forward of its own, which is followed once
    by `torch.fx`, without running it. Layers may be Linear, ReLU, LeakyReLU, BatchNorm1d and
    Dropout in eval mode, Identity and Flatten. What a forward adds, or multiplies by a matrix, is
    followed, too, so that residual networks are taken. Layers without a ReLU between are multiplied
    together. A LeakyReLU is two ReLUs, and a stream that is read after a ReLU is carried by two for
    each entry, so a bias of what is written to it becomes one of what reads it. A Sigmoid or
    Softmax at the end is no part of the circuit; `predict` applies it. Shapes may differ, as in
    `from_arrays`.
    Raises ImportError without PyTorch, TypeError for other models, layers or precisions, ValueError
    for layers that do not fit, without values, or that may do something else than their class says:
    the message names model and layer. Otherwise as `from_arrays`.

    >>> import torch
    >>> from superposition.interop import from_torch
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    ... )
    >>> from_torch([model, torch.nn.Linear(3, 1)])
    MLPCircuits(2 circuits, widths 3 → 6 → 2)
    >>> from_torch([model.state_dict()], architecture=["0", "relu", "2"])
    MLPCircuits(1 circuits, widths 3 → 4 → 2)
    """
    torch = torch_or_error("from_torch")
    if isinstance(models, torch.nn.ModuleDict):
        models = dict(models.items())
    if isinstance(models, torch.nn.Module) and not isinstance(models, torch.nn.ModuleList):
        raise TypeError(f"models: wanted a sequence of them, got {type(models).__name__}")

    def network(label: str, model: Any) -> PlainNetwork:
        if architecture is None:
            return _network(label, model, torch)
        from superposition.interop.torch_modules import stated

        instance(label, model, Mapping)
        state = {
            name: _numbers(f"{label}, {name}", torch.as_tensor(value), torch)
            for name, value in model.items()
            if not name.endswith("num_batches_tracked")
        }
        return _network(label, stated(label, state, architecture), torch)

    return circuits_of("models", models, network)


def _network(label: str, model: Any, torch: Any) -> PlainNetwork:
    """Return the layers of a module, found by following it, and what is remembered of it."""
    if not isinstance(model, torch.nn.Module):
        more = "; for state dicts, say their architecture" if isinstance(model, Mapping) else ""
        raise TypeError(f"{label}: wanted a torch.nn.Module, got {type(model).__name__}{more}")
    for name, module in model.named_modules(remove_duplicate=False):
        _check_plain(f"{label}, layer {name}" if name else label, module, torch)
    if type(model).__module__.startswith("torch.nn") and type(model) is not torch.nn.Sequential:
        model = torch.nn.Sequential(model)
    try:
        graph = torch.fx.symbolic_trace(model).graph
    except Exception as error:
        text = f"{label}: wanted a forward that torch.fx can follow, got {type(error).__name__}"
        raise TypeError(f"{text}: {error}; give its state dict with an architecture") from error
    trace, about = _followed(label, graph, model, torch)
    found = trace.values.get(next(iter(graph.find_nodes(op="output"))).args[0])
    if found is None:
        raise ValueError(f"{label}: wanted at least one layer, and one tensor as the answer")
    return checked_network(label, [*trace.layers, found], library="PyTorch", **about)


def _followed(label: str, graph: Any, model: Any, torch: Any) -> tuple[Trace, dict[str, Any]]:
    """Return what a graph computes, and what is to be remembered of its ends."""
    start, *nodes, _ = graph.nodes
    if len(graph.find_nodes(op="placeholder")) != 1:
        raise TypeError(f"{label}: wanted a forward of one argument, the rows, got more")
    trace, about = Trace(label, start), dict[str, Any]()
    places = {node: i for i, node in enumerate(graph.nodes)}
    for i, node in enumerate(nodes, 1):
        alive = [n for n in trace.values if any(places[user] > i for user in n.users)]
        if node.op != "get_attr":
            module, name = _module(node, model, torch)
            if "answer" in about:
                raise TypeError(f"{label}, layer {name}: wanted nothing after {about['answer']}")
            in_place = getattr(module, "inplace", False) or name in ("iadd", "relu_")
            if node.args[0] in alive and in_place:
                raise ValueError(
                    f"{label}, layer {name}: wanted no change in place of what is used again"
                )
            if module is None:
                _operation(trace, node, name, model, torch)
            else:
                about |= _layer(trace, node, name, module, alive, torch)
        trace.values = {n: value for n, value in trace.values.items() if n in alive or n is node}
    return trace, about


def _module(node: Any, model: Any, torch: Any) -> tuple[Any, str]:
    """Return the module that a node runs, or that does what its function does, and its name."""
    if node.op == "call_module":
        return model.get_submodule(node.target), node.target
    nn, given = torch.nn, node.kwargs
    name = str(getattr(node.target, "__name__", node.target))
    if name == "flatten":
        by_place = dict(zip(("start_dim", "end_dim"), node.args[1:], strict=False))
        axes = {
            "start_dim": 0,
            **by_place,
            **{key: n for key, n in given.items() if key != "input"},
        }
        return nn.Flatten(**axes), name
    if name == "dropout":
        return nn.Dropout().train(given.get("training", True)), name
    made = {"relu": nn.ReLU, "relu_": nn.ReLU, "sigmoid": nn.Sigmoid, "leaky_relu": nn.LeakyReLU}
    kept = {key: given[key] for key in ("negative_slope", "inplace") if key in given}
    return made[name](**kept) if name in made else None, name


def _layer(
    trace: Trace, node: Any, name: str, module: Any, alive: list[Any], torch: Any
) -> dict[str, Any]:
    """Follow a module, and return what is to be remembered of it, if it is at an end."""
    nn, kind, source = torch.nn, type(module), node.args[0]
    label = f"{trace.label}, layer {name}"
    if kind is nn.Linear:
        trace.linear(source, node, *_arrays(label, module, torch), name)
        return {}
    if kind in (nn.ReLU, nn.LeakyReLU):
        trace.relu(source, node, getattr(module, "negative_slope", 0.0), alive)
        return {}
    if kind in (nn.Dropout, nn.BatchNorm1d) and module.training:
        raise ValueError(f"{label}: wanted eval mode, got {kind.__name__} in training; call eval()")
    if kind is nn.BatchNorm1d and module.running_mean is not None:
        arrays = {each: getattr(module, each) for each in NORM}
        some = {n: _numbers(label, a, torch) for n, a in arrays.items() if a is not None}
        trace.linear(source, node, *normalising(some, module.eps), name)
        return {}
    flat = kind is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1)
    ends = kind is nn.Sigmoid or (kind is nn.Softmax and module.dim in (1, -1))
    if not (kind in (nn.Identity, nn.Dropout) or flat or ends):
        more = ""
        if "quantized" in kind.__module__:
            more = "; give the model as it was before it was quantised"
        raise TypeError(f"{label}: wanted {_LAYERS}, got {module}{more}")
    trace.values[node] = trace.values[source]
    if ends:
        return {"answer": kind.__name__.lower()}
    return {"flat": True} if flat and trace.values[source] is None else {}


def _operation(trace: Trace, node: Any, name: str, model: Any, torch: Any) -> None:
    """Follow a sum of two values, or of a value and a bias, or a product with a matrix."""
    source, other = (*node.args, None, None)[:2]
    if source in trace.values and not node.kwargs and name in ("add", "iadd", "matmul"):
        if other in trace.values and name != "matmul":
            return trace.add(source, other, node)
        if other is not None and getattr(other, "op", None) == "get_attr":
            where = f"{trace.label}, {other.target}"
            array = _numbers(where, attrgetter(other.target)(model), torch)
            zero = np.zeros(array.shape[-1], array.dtype)
            if name == "matmul" and array.ndim == 2:
                return trace.linear(source, node, array.T, zero, name)
            if name != "matmul" and array.ndim == 1:
                return trace.linear(source, node, np.diag(zero + 1), array, name)
    raise TypeError(
        f"{trace.label}: wanted {_LAYERS}, or sums and products with matrices, got "
        f"{name}; give its state dict with an architecture"
    )


def _check_plain(label: str, module: Any, torch: Any) -> None:
    """Raise ValueError for a module that may do something else than its class says."""
    every, kind = torch.nn.modules.module, type(module)
    hooks = [module._forward_hooks, module._forward_pre_hooks]
    hooks += [every._global_forward_hooks, every._global_forward_pre_hooks]
    own = "forward" in vars(module) or kind.__call__ is not torch.nn.Module.__call__
    if isinstance(module, torch.nn.Sequential):
        own |= kind.forward is not torch.nn.Sequential.forward
    if any(hooks) or own:
        raise ValueError(
            f"{label}: wanted a plain module, got one with hooks or a forward or __call__ of its "
            "own (as weight_norm and prune make them)"
        )


def _arrays(label: str, linear: Any, torch: Any) -> tuple[Floats, Floats]:
    """Return weight and bias of a Linear; a missing bias is zero."""
    weight, bias = _numbers(label, linear.weight, torch), linear.bias
    no_bias = np.zeros(len(weight), weight.dtype)
    return weight, no_bias if bias is None else _numbers(label, bias, torch)


def _numbers(label: str, tensor: Any, torch: Any) -> Floats:
    """Return a copy of a tensor as an array of float32 or float64."""
    if tensor.is_meta:
        raise ValueError(f"{label}: wanted numbers, got a tensor without values")
    if tensor.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{label}: wanted float32 or float64, got {tensor.dtype}")
    return np.asarray(tensor.detach().cpu().numpy().copy())
