"""Plan -> nn.Module in its lazy form, on a device. Allocates what is not lazy."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache, partial
from inspect import signature
from typing import Any, Literal, Protocol, TypeAlias, cast

import torch
from torch import nn

from lazyinspect import lazy
from lazyinspect.errors import NetworkError, Problem
from lazyinspect.lazy.tensors import is_uninitialised
from lazyinspect.network.classes import layer_class
from lazyinspect.network.draws import Draws
from lazyinspect.network.graph import Graph, Sequential, link
from lazyinspect.network.program import compile_graph
from lazyinspect.network.zeros import ZeroInitialised
from lazyinspect.plan import tree
from lazyinspect.plan.ops.base import LayerValue

Init: TypeAlias = Literal["default", "zeros"]


class Plan(Protocol):
    """What is built of a plan."""

    @property
    def root(self) -> tree.Graph: ...
    @property
    def ties(self) -> tuple[tree.Tie, ...]: ...
    @property
    def dtype(self) -> str: ...


def build(plan: Plan, *, device: torch.device | str = "cpu", init: Init = "default") -> nn.Module:
    """The network in its lazy form: what is declared ``LazyX`` materialises at the first forward.

    Under one seed its weights are then those of the same network with all sizes given. What the
    first forward itself gives is for its shapes alone: a tied layer may run before the layer that
    draws the values of both.

    Args:
        device: where parameters are, and will be, allocated.
        init: ``default`` draws torch's own initialisation; ``zeros`` leaves it out, for the
            lazy layers as well if the first forward runs under
            ``lazyinspect.lazy.initialisation("zeros")``.

    Raises:
        SpecError: a class of the user's own does not import.
        NetworkError: a class refuses its arguments.
    """
    builder = _Builder(torch.device(device), getattr(torch, plan.dtype))
    with ZeroInitialised() if init == "zeros" else nullcontext():
        network = builder.graph(plan.root, root=True)
        # eager parameters first: a lazy one that several share is theirs before the others follow
        for tied in sorted(plan.ties, key=lambda tied: _is_lazy(network, tied.path)):
            builder.tie(network, tied, drawn=init == "default")
    return network


def _is_lazy(network: nn.Module, path: str) -> bool:
    owner, name = _owner(network, path)
    return is_uninitialised(owner.get_parameter(name))


def _owner(network: nn.Module, path: str) -> tuple[nn.Module, str]:
    module, _, name = path.rpartition(".")
    return network.get_submodule(module), name


class _Builder:
    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self.dtype = dtype
        self.pending: list[tuple[Graph, list[tuple[str, ...]]]] = []
        """Graphs of the scope in hand, with the modules they use and do not own."""
        self.draws = Draws(device)
        self.leaves: dict[nn.Module, tree.Leaf] = {}
        """What each lazy module is made of."""
        self.tied: dict[nn.Module, set[str]] = {}
        """Lazy modules with tied parameters, and which of these have the values that it draws."""

    def graph(self, graph: tree.Graph, *, root: bool = False) -> nn.Module:
        scope = graph.is_block or root
        outer, self.pending = self.pending, [] if scope else self.pending
        built = self._container(graph, root)
        if scope:
            for user, targets in self.pending:
                owners = [built.get_submodule(".".join(path[:-1])) for path in targets]
                names = [path[-1] for path in targets]
                link(user, tuple(zip(owners, names, strict=True)))
            self.pending = outer
        return built

    def tie(self, network: nn.Module, tied: tree.Tie, *, drawn: bool) -> None:
        """Make ``tied.path`` and ``tied.source`` one Parameter object, with the source's values.

        Of a lazy and an eager layer the eager one's object serves both: it has its shape, and a
        lazy layer accepts an initialised parameter, while an eager one cannot wait for a shape.
        """
        source_owner, source_name = _owner(network, tied.source)
        path_owner, path_name = _owner(network, tied.path)
        source = source_owner.get_parameter(source_name)
        replaced = path_owner.get_parameter(path_name)
        if is_uninitialised(source) and not is_uninitialised(replaced):
            setattr(source_owner, source_name, replaced)
        else:
            setattr(path_owner, path_name, source)
        if drawn:
            if not is_uninitialised(replaced):
                self.draws.leave(replaced)
            self._draw_tied(source_owner, {source_name})
            self._draw_tied(path_owner, set())

    def _draw_tied(self, owner: nn.Module, names: set[str]) -> None:
        leaf = self.leaves.get(owner)
        if owner in self.tied:
            self.tied[owner] |= names
        elif leaf is not None:
            self.tied[owner] = names
            cls = layer_class(leaf.become or leaf.type, leaf.mark)
            self.draws.draw_in_turn(owner, partial(self._construct, cls, leaf.args), names)

    def _container(self, graph: tree.Graph, root: bool) -> nn.Module:
        modules: dict[str, nn.Module] = {}
        parameters: dict[str, nn.Parameter] = {}
        for name, node in graph.children():
            if isinstance(node, tree.ParameterLeaf):
                fill = torch.full(node.shape, node.fill, device=self.device, dtype=self.dtype)
                parameters[name] = nn.Parameter(fill)
            else:
                modules[name] = self._node(node)
        if graph.is_sequential:
            sequence = nn.Sequential()
            if root and graph.inputs[0] != "input":
                sequence = Sequential()
                sequence._input = graph.inputs[0]
            for name, module in modules.items():
                sequence.add_module(name, module)
            return sequence
        outside: dict[int, str | int] = {}
        targets: list[tuple[str, ...]] = []
        for at, step in enumerate(graph.steps):
            if isinstance(step.node, tree.Use):
                target = step.node.target
                if (root or graph.is_block) and len(target) == 1:
                    outside[at] = target[0]
                else:
                    outside[at] = len(targets)
                    targets.append(target)
        built = Graph(compile_graph(graph, outside), modules, parameters)
        if targets:
            self.pending.append((built, targets))
        return built

    def _node(self, node: tree.Leaf | tree.Graph) -> nn.Module:
        return self.graph(node) if isinstance(node, tree.Graph) else self._leaf(node)

    def _leaf(self, leaf: tree.Leaf) -> nn.Module:
        cls = layer_class(leaf.declared, leaf.mark)
        try:
            if not issubclass(cls, lazy.LazyMixin):
                return self.draws.made(partial(self._construct, cls, leaf.args))
            module: Any = self._construct(cls, leaf.given)
            self.draws.lazy_seen = True
            self.leaves[module] = leaf
            if leaf.become is not None:
                module.cls_to_become = layer_class(leaf.become, leaf.mark)
            return cast(nn.Module, module)
        except (TypeError, ValueError, SystemExit) as error:
            raise NetworkError(
                Problem(
                    "cannot-build",
                    f"{leaf.declared} cannot be built with these arguments",
                    leaf.mark,
                    notes=(f"{type(error).__name__}: {error}",),
                )
            ) from error

    def _construct(self, cls: type[nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
        given = {name: self._argument(value) for name, value in arguments.items()}
        if _takes_factory(cast(Any, cls)):
            return cls(**given, device=self.device, dtype=self.dtype)
        if cls.__module__.startswith("torch.nn"):
            return cls(**given)
        # A class of the user's own: it may allocate what it likes, where the context says
        with self.device:
            return cls(**given).to(self.device, self.dtype)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, LayerValue):
            return self._construct(layer_class(value.op), value.args)
        if isinstance(value, tuple):
            return tuple(map(self._argument, value))
        return value


@cache
def _takes_factory(cls: type[Any]) -> bool:
    names = signature(cls.__init__).parameters
    return "device" in names and "dtype" in names
