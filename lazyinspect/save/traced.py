"""Network -> torch.export's program, with the batch left open; a failure -> the step it is at."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx import traceback
from torch.utils._pytree import tree_leaves

from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.export import Subject
from lazyinspect.network.graph import Graph, Sequential
from lazyinspect.plan.plan import Plan
from lazyinspect.probe.inputs import make_inputs

_STEP = "lazyinspect_step"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def trace(network: nn.Module, subject: Subject, trace_by: Plan | None) -> ExportedProgram:
    """The network as a graph of torch's ops.

    Args:
        trace_by: as of :func:`lazyinspect.save.save`.

    Raises:
        SpecError: torch cannot trace it; names the step.
    """
    try:
        return _traced(network, trace_by or subject.plan, is_open=trace_by is not None)
    except Exception as error:
        refusal = refused(network, subject, "torch.export cannot trace", error)
        if trace_by is None:
            raise refusal from None
        first = error
    try:
        _traced(network, subject.plan, is_open=False)
    except Exception:
        raise refusal from None
    what = "the batch cannot be left open: torch.export fixes its size in"
    path = _fixing_step(network, trace_by)
    (problem,) = refused(network, subject, what, first, path).problems
    raise SpecError(replace(problem, help="--fixed-batch exports it for the planned batch alone"))


def _fixing_step(network: nn.Module, plan: Plan) -> str:
    """Path of the step after which an open batch is one number; empty where none shows it."""
    watch = _Watch()
    handles = []
    graphs = []
    for name, module in network.named_modules():
        if isinstance(module, Graph):
            module._observer = _Watched(watch, name)
            graphs.append(module)
        elif not isinstance(module, nn.Sequential):
            handles.append(module.register_forward_pre_hook(watch.before, with_kwargs=True))
            handles.append(module.register_forward_hook(partial(watch.after, name)))
    try:
        _traced(network, plan, is_open=True)
    except Exception:
        pass  # it is expected to: what was seen until then is the answer
    finally:
        for handle in handles:
            handle.remove()
        for graph in graphs:
            graph._observer = None
    return watch.path


class _Watch:
    """Looks after each step whether the sizes that were open still are."""

    def __init__(self) -> None:
        self.open: list[Any] = []
        self.path = ""

    def before(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self.see((args, kwargs))

    def after(self, path: str, module: nn.Module, args: Any, output: Any) -> None:
        self.judge(path)

    def see(self, values: Any) -> None:
        """Keep the open sizes of the tensors among them."""
        for value in tree_leaves(values):
            if isinstance(value, torch.Tensor):
                shape: Any = value.shape
                sizes = (size for size in shape if isinstance(size, torch.SymInt))
                self.open += [size for size in sizes if size.node.maybe_as_int() is None]

    def judge(self, path: str) -> None:
        """The first step after which one of them is a number is the one that fixed it."""
        if not self.path and any(size.node.maybe_as_int() is not None for size in self.open):
            self.path = path


class _Watched:
    """An observer of a graph: functions are steps too."""

    def __init__(self, watch: _Watch, path: str) -> None:
        self.watch = watch
        self.path = path
        self.steps: list[str] = []

    def enter(self, step: str, operands: tuple[Any, ...]) -> None:
        self.steps.append(step)
        self.watch.see(operands)

    def exit(self, value: Any) -> None:
        self.watch.judge(f"{self.path}.{self.steps.pop()}".lstrip("."))


def _traced(network: nn.Module, plan: Plan, *, is_open: bool) -> ExportedProgram:
    inputs = make_inputs(plan.inputs, torch.device("cpu"))
    shapes: Any = None
    if is_open:
        batch = Dim("batch", min=1)
        shapes = tuple({0: batch} for _ in inputs)
        if isinstance(network, (Graph, Sequential)):  # forward(*args)
            shapes = (shapes,)
    with quiet(), torch.no_grad():
        return torch.export.export(network, inputs, dynamic_shapes=shapes, strict=False)


def trace_with_steps(network: nn.Module, plan: Plan, *, is_open: bool) -> ExportedProgram:
    """The program once more, each node with the path of its step under ``custom``.

    A module's path torch notes by itself; here the functions of a graph are noted as well.
    """
    graphs = {name: m for name, m in network.named_modules() if isinstance(m, Graph)}
    try:
        for name, graph in graphs.items():
            graph._observer = _Annotator(name)
        with keeping_steps():
            return _traced(network, plan, is_open=is_open)
    finally:
        for graph in graphs.values():
            graph._observer = None


def keeping_steps() -> AbstractContextManager[None]:
    """Around passes over a program whose nodes have their steps: what they make has them too."""
    return traceback.preserve_node_meta()


class _Annotator:
    """An observer of a graph that writes each step's path on the nodes it makes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.open: list[Any] = []

    def enter(self, step: str, operands: tuple[Any, ...]) -> None:
        self.open.append(traceback.annotate({_STEP: f"{self.path}.{step}".lstrip(".")}))
        self.open[-1].__enter__()

    def exit(self, value: Any) -> None:
        self.open.pop().__exit__(None, None, None)


@contextmanager
def quiet() -> Iterator[None]:
    """Torch's exporters warn of what is their own affair, and print."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def refused(
    network: nn.Module, subject: Subject, what: str, error: Exception, path: str | None = None
) -> SpecError:
    """The error for a step that a target lacks.

    Args:
        what: ``ONNX has no words for``; goes before the step's type.
        path: of the step; None: it is found in the error's traceback.
    """
    path = _path(network, error) if path is None else path
    rows = [row for row in subject.plan.rows if path and row.path == path]
    notes = (_said(error),)
    if not rows:
        return SpecError(Problem("cannot-export", f"{what} the network", notes=notes))
    declared, place = rows[0].declared, rows[0].place
    line = subject.spec.source.lines[place.line - 1]
    length = len(declared) if line.startswith(declared, place.column - 1) else 1
    mark = Mark(subject.spec.source, place.line, place.column, length)
    return SpecError(Problem("cannot-export", f"{what} `{rows[0].type}`", mark, notes=notes))


def _said(error: BaseException) -> str:
    """The first line of what the first error said, which the others were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(_COLOUR.sub("", str(error)).strip().split("\n", 1)[0].split())
    return f"{type(error).__name__}: {text[:300]}"


def _path(network: nn.Module, error: BaseException) -> str:
    """Of the innermost step that was being traced or translated when an error was raised."""
    names = {id(module): name for name, module in network.named_modules()}
    path = ""
    cause: BaseException | None = error
    while cause is not None:
        for frame in _frames(cause.__traceback__):
            owner = frame.get("self")
            if isinstance(owner, nn.Module) and id(owner) in names:
                path = names[id(owner)]
                step = frame.get("step")
                if isinstance(owner, Graph) and step is not None and step.kind != "module":
                    path = f"{path}.{step.name}".lstrip(".")
            node = frame.get("node")
            if isinstance(node, torch.fx.Node):
                path = step_of(node) or path
        cause = cause.__cause__
    return path


def _frames(traceback: TracebackType | None) -> Iterator[dict[str, Any]]:
    while traceback is not None:
        yield traceback.tb_frame.f_locals
        traceback = traceback.tb_next


def step_of(node: torch.fx.Node) -> str:
    """Path of the step, or at least of the module, that a node comes from."""
    step = node.meta.get("custom", {}).get(_STEP)
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(step or (stack[-1][0] if stack else ""))
