"""Graph: the nn.Module that runs a plan's program, where nn.Sequential does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import nn

from lazyinspect.network.functions import cat_broadcast, function
from lazyinspect.network.program import Instruction, Operand, Program, Slot


class Observer(Protocol):
    """Told of every step that is no module: those have torch's hooks."""

    def enter(self, step: str, operands: tuple[Any, ...]) -> None:
        """A function or a parameter of the graph is about to be read."""

    def exit(self, value: Any) -> None:
        """It gave ``value``."""


class Graph(nn.Module):
    """A container with a program: children in the order of the spec, wired as it says.

    Takes the program's inputs by position, or by name. Returns its output: a tensor, a tuple or
    a dict. Learned tensors of its own stand under the names of their steps.

    Args:
        program: what the forward does.
        children: modules by attribute name, in the order of registration.
        parameters: learned tensors by attribute name.
    """

    _observer: Observer | None = None

    def __init__(
        self,
        program: Program,
        children: Mapping[str, nn.Module],
        parameters: Mapping[str, nn.Parameter] | None = None,
    ) -> None:
        super().__init__()
        self._program = program
        self._functions = _functions(program)
        # Owner and attribute of what is used from outside. In tuples, so that torch registers a
        # module with its owner alone; looked up at each call, so that one which is replaced there
        # (quantised, converted to SyncBatchNorm) is replaced here
        self._outside: tuple[tuple[nn.Module, str], ...] = ()
        for name, module in children.items():
            self.add_module(name, module)
        for name, parameter in (parameters or {}).items():
            self.register_parameter(name, parameter)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        program = self._program
        if kwargs or len(args) != len(program.inputs) + program.captures:
            args = _bind(program.names, args, kwargs)
        slots: list[Any] = [*args, *[None] * (program.size - len(args))]
        for step, call in zip(program.steps, self._functions, strict=True):
            self._step(step, call, slots)
            for slot in step.dead:
                slots[slot] = None
        output = _read(program.output, slots)
        if program.exports:
            return (output, *[_read(slot, slots) for slot in program.exports])
        return output

    def _step(self, step: Instruction, call: Callable[..., Any] | None, slots: list[Any]) -> None:
        # A method of its own so that no local variable keeps a dead value alive
        values = [_read(operand, slots) for operand in step.operands]
        keywords = {name: _read(operand, slots) for name, operand in step.keywords}
        if step.kind == "module":
            value = getattr(self, step.callee)(*values, **keywords)
        elif step.kind == "outside":
            owner, name = self._outside[step.outside]
            value = getattr(owner, name)(*values, **keywords)
        else:
            observer = self._observer
            if observer is not None:
                observer.enter(step.name, (*values, *keywords.values()))
            if call is None:
                value = getattr(self, step.callee)
            else:
                if step.expand_batch:
                    dim = dict(step.arguments).get("dim", 1)
                    own = [at in step.expand_batch for at in range(len(values))]
                    values = list(cat_broadcast(values, dim, own))
                value = call(*values, **keywords, **dict(step.arguments))
            if observer is not None:
                observer.exit(value)
        if step.exports:
            value, *exports = value
            for slot, export in zip(step.exports, exports, strict=True):
                slots[slot] = export
        slots[step.slot] = value

    @property
    def code(self) -> str:
        """The forward in Python's own notation, to read."""
        return self._program.code

    def extra_repr(self) -> str:
        return self._program.wiring

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        del state["_functions"]  # found again by name: not all of them can be pickled
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._functions = _functions(self._program)


class Sequential(nn.Sequential):
    """nn.Sequential for a network whose only input has a name of its own."""

    _input = "input"

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 1:
            args = _bind((self._input,), args, kwargs)
        return super().forward(*args)  # type: ignore[no-untyped-call]


def _functions(program: Program) -> tuple[Callable[..., Any] | None, ...]:
    return tuple(
        function(step.callee) if step.kind == "function" else None for step in program.steps
    )


def _read(operand: Operand, slots: list[Any]) -> Any:
    if isinstance(operand, Slot):
        value = slots[operand.at]
        for key in operand.path:
            value = value[key]
        return value
    if isinstance(operand, tuple):
        return tuple([_read(item, slots) for item in operand])
    if isinstance(operand, dict):
        return {key: _read(item, slots) for key, item in operand.items()}
    return operand


def _bind(
    names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Positional and named inputs in the order of ``names``; TypeError as for any call."""
    given = dict(zip(names, args, strict=False))
    unknown = [name for name in kwargs if name not in names]
    twice = [name for name in kwargs if name in given]
    missing = [name for name in names if name not in given and name not in kwargs]
    if len(args) > len(names) or unknown or twice or missing:
        takes = ", ".join(names)
        if unknown:
            wrong = f"gets an unknown one: {', '.join(unknown)}"
        elif twice:
            wrong = f"gets one twice: {', '.join(twice)}"
        elif missing:
            wrong = f"misses: {', '.join(missing)}"
        else:
            wrong = f"gets {len(args)}"
        raise TypeError(f"forward takes the inputs ({takes}) and {wrong}")
    given.update(kwargs)
    return tuple([given[name] for name in names])


def link(graph: Graph, outside: tuple[tuple[nn.Module, str], ...]) -> None:
    """Tell a graph where the modules are that it uses and another container owns."""
    graph._outside = outside
