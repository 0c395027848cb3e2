"""A spec run by the letter of the language, on the weights of a network that was built of it.

It shares nothing with the planner: no shapes, no slots, no captures. It walks the spec's own data
with a dictionary of labels, and finds each weight by the path that the language gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch.nn import functional as F

Steps = list[Any] | dict[str, Any]
Module = Callable[..., Any]
WORDS = ("from", "as", "if", "repeat", "each", "pick")
MERGES: dict[str, Callable[[list[torch.Tensor]], torch.Tensor]] = {
    "add": lambda values: sum(values[1:], values[0]),
    "sub": lambda values: values[0] - values[1],
    "mul": lambda values: values[0] * values[1],
    "cat": lambda values: torch.cat(values, 1),
}


@dataclass
class Here:
    """Where a step stands: its block's labels, the keys around it, and what was read last."""

    weights: Mapping[str, torch.Tensor]
    blocks: Mapping[str, Any]
    path: str
    prev: Any
    input: Any
    labels: dict[str, Any]
    modules: dict[str, Module]
    keys: list[dict[str, Any]]
    indices: Iterator[int] = field(default_factory=count)

    def inside(self, name: str, prev: Any) -> Here:
        """In a container of this block."""
        return Here(
            self.weights, self.blocks, f"{self.path}{name}.", prev, self.input, self.labels,
            self.modules, [{}, *self.keys],
        )  # fmt: skip

    def block(self, name: str, inputs: dict[str, Any]) -> Here:
        """In a block, which sees its own inputs alone."""
        first = next(iter(inputs.values()))
        path = f"{self.path}{name}."
        return Here(self.weights, self.blocks, path, first, first, {}, {}, [inputs])

    def read(self, source: Any) -> list[Any]:
        if not isinstance(source, str):
            return [source]
        if source == "prev":
            return [self.prev]
        for scope in (*self.keys, self.labels):
            if source in scope:
                found = scope[source]
                return found if isinstance(found, list) else [found]
        assert source == "input", source
        return [self.input]


def forward(spec: Mapping[str, Any], weights: Mapping[str, torch.Tensor], x: torch.Tensor) -> Any:
    """Output of the network that ``spec`` describes.

    Args:
        spec: with one input and these ops: LazyLinear, Tanh, Parameter, merges, chunk, Sequential,
            use, and blocks. Its ``if`` and ``repeat`` are constants.
        weights: the network's ``state_dict``.
        x: ``(batch, features)``.
    """
    here = Here(weights, spec["blocks"], "", x, x, {}, {}, [{}])
    return run(spec["layers"], here)


def run(steps: Steps, here: Here) -> Any:
    for name, step in steps.items() if isinstance(steps, dict) else ((None, s) for s in steps):
        _step(name, step, here)
    return here.prev


def _step(name: str | None, step: Any, here: Here) -> None:
    if isinstance(step, list):
        step = {"Sequential": step}
    if isinstance(step, str):
        step = {step: None}
    words = {key: value for key, value in step.items() if key in WORDS}
    (op, argument), *_ = (item for item in step.items() if item[0] not in WORDS)
    if op == "splice":
        for _ in range(words.get("repeat", 1) if words.get("if", True) else 0):
            run(argument, here)
        return
    sources = _sources(op, argument, words, here)
    repeat = words.get("repeat")
    copies = 1 if repeat is None else repeat
    if not words.get("if", True) or not copies:
        first = next((s for s in sources if isinstance(s, torch.Tensor)), None)
        for label in (name, words.get("as")):
            if isinstance(label, str) and first is not None:
                (here.keys[0] if label == name else here.labels)[label] = first
        return
    module: Module
    outputs: list[Any]
    if repeat is not None and name is not None and "{" not in name:
        inside = here.inside(name, here.prev)
        names = [str(i) for i in range(copies)]

        def module(*values: Any) -> Any:
            return _copies(op, argument, words, names, list(values), inside)[-1]

        outputs = _copies(op, argument, words, names, sources, inside)
        here.prev = outputs[-1]
    else:
        made = []
        for i in range(copies):
            made.append(str(next(here.indices)) if name is None else name.replace("{i}", str(i)))
        last = made[-1]

        def module(*values: Any) -> Any:
            return _apply(op, argument, last, list(values), here)

        outputs = _copies(op, argument, words, made, sources, here)
        if name is not None:
            here.keys[0].update(zip(made, outputs, strict=True))
    if name is not None and "{" not in name:
        here.keys[0][name] = here.prev
        here.modules[name] = module
    label = words.get("as")
    if isinstance(label, list):
        here.labels.update(zip(label, here.prev, strict=True))
    elif label is not None:
        here.labels[label] = here.prev
        here.modules[label] = module
    if "each" in words:
        here.labels[words["each"]] = outputs


def _sources(op: str, argument: Any, words: Mapping[str, Any], here: Here) -> list[Any]:
    """Values; of an inline branch its steps."""
    if op == "Parameter":
        return []
    listed = argument if op in MERGES else words.get("from", "prev")
    found: list[Any] = []
    for source in listed if isinstance(listed, list) else [listed]:
        found.extend([source] if isinstance(source, list) else here.read(source))
    return found


def _copies(
    op: str, argument: Any, words: Mapping[str, Any], names: list[str], sources: list[Any],
    here: Here,
) -> list[Any]:  # fmt: skip
    outputs: list[Any] = []
    for name in names:
        if outputs and sources and not isinstance(sources[0], list):
            sources = [outputs[-1], *sources[1:]]
        value = _apply(op, argument, name, sources, here)
        here.prev = value[words["pick"]] if "pick" in words else value
        outputs.append(here.prev)
    return outputs


def _apply(op: str, argument: Any, name: str, sources: list[Any], here: Here) -> Any:
    path = f"{here.path}{name}"
    if op == "LazyLinear":
        weight, bias = here.weights[f"{path}.weight"], here.weights[f"{path}.bias"]
        return F.linear(sources[0], weight, bias)
    if op == "Tanh":
        return sources[0].tanh()
    if op == "Parameter":
        return here.weights[path]
    if op == "chunk":
        return sources[0].chunk(argument, 1)
    if op == "use":
        return here.modules[argument](*sources)
    if op == "Sequential":
        return run(argument, here.inside(name, sources[0]))
    if op in MERGES:
        values = []
        for place, source in enumerate(sources):
            if isinstance(source, list):
                below = here.inside(name, here.prev).inside(str(place), here.prev)
                source = run(source, below)
            values.append(source)
        return MERGES[op](values)
    block = here.blocks[op]
    names = block.get("input", ["input"])
    return run(block["layers"], here.block(name, dict(zip(names, sources, strict=True))))
