"""Names and labels of steps: what a step is called, and what its labels mean afterwards."""

from __future__ import annotations

from typing import Any

from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.plan.frame import Val
from lazyinspect.plan.scope import Scope, evaluate_name
from lazyinspect.plan.sources import Walk
from lazyinspect.shapes import format_value
from lazyinspect.spec.model import StepSpec
from lazyinspect.spec.values import name_problem


def next_index(walk: Walk) -> str:
    index = walk.frame.index
    walk.frame.index += 1
    return str(index)


def step_name(step: StepSpec, scope: Scope, walk: Walk) -> str:
    """The attribute name: the key, or the next index."""
    if step.name is None:
        return next_index(walk)
    name = evaluate_name(step.name, scope, step.name_mark)
    if not isinstance(step.name, str):
        problem = name_problem(name)
        if problem is not None:
            raise SpecError(Problem("bad-name", problem[0], step.name_mark, help=problem[1]))
    if name in walk.names:
        raise SpecError(
            Problem(
                "duplicate-name",
                f"two steps are called `{name}`",
                step.name_mark,
                help='a templated name tells copies apart by {i}: "layer{i}"',
            )
        )
    walk.names.add(name)
    return name


def bind(step: StepSpec, value: Val, outputs: list[Val], first: Val | None, walk: Walk) -> None:
    """Set the step's labels, and `prev`."""
    frame = walk.frame
    walk.prev = value
    walk.unpacked = None
    walk.dangling = step if step.condition is not None and step.sources is not None else None
    if isinstance(step.name, str):
        _set_key(step, step.name, value, walk)
    if step.unpack:
        _unpack(step, value, walk)
    elif step.labels:
        _label(step, *step.labels[0], value, walk)
    if step.each is not None:
        _label(step, *step.each, tuple(outputs), walk)
    for label in (step.name, *(text for text, _ in step.labels)):
        if isinstance(label, str):
            frame.block.ghosts.discard(label)


def _set_key(step: StepSpec, name: str, value: Any, walk: Walk) -> None:
    frame = walk.frame
    if frame.parent is None and name in frame.inputs and len(frame.inputs) > 0:
        known = frame.keys.get(name)
        if isinstance(known, Val) and known.frame is frame and known.slot < len(frame.inputs):
            raise SpecError(
                Problem(
                    "duplicate-label",
                    f"`{name}` names an input of this block and this step",
                    step.name_mark,
                    help="rename one of the two",
                )
            )
    if name in frame.block.owners and frame.block.owners[name] is not step:
        _twice(name, step.name_mark)
    frame.keys[name] = value


def _label(step: StepSpec, name: str, mark: Mark, value: Any, walk: Walk) -> None:
    block = walk.frame.block
    owner = block.owners.setdefault(name, step)
    taken = walk.frame.lookup(name) is not None and name not in block.labels
    if (owner is not step and owner != step) or taken:
        _twice(name, mark)
    block.labels[name] = value


def _twice(name: str, mark: Mark | None) -> None:
    raise SpecError(
        Problem(
            "duplicate-label",
            f"the label `{name}` is set twice in this block",
            mark,
            help="rename one of the two: a label names one value",
        )
    )


def _unpack(step: StepSpec, value: Val, walk: Walk) -> None:
    kind = value.type
    count = len(step.labels)
    if not isinstance(kind, tuple):
        raise SpecError(
            Problem(
                "not-a-tuple",
                f"`as:` with {count} labels unpacks a tuple, and `{step.op}` gives "
                f"{format_value(kind)}",
                step.labels[0][1] if step.labels else step.mark,
                help="write `as: name`",
            )
        )
    if len(kind) != count:
        raise SpecError(
            Problem(
                "unpack-count",
                f"`{step.op}` gives {len(kind)} values, and `as:` names {count}",
                step.labels[0][1],
                help=f"name {len(kind)} labels",
            )
        )
    for index, (name, mark) in enumerate(step.labels):
        _label(step, name, mark, value.pick(index), walk)
    walk.unpacked = step


def bind_absent(step: StepSpec, first: Val | None, walk: Walk) -> None:
    """The step does not exist: its labels mean its first source."""
    block = walk.frame.block
    walk.dangling = step if step.condition is not None and step.sources is not None else None
    block.ghosts.update(name for name, _ in step.labels)
    if isinstance(step.name, str):
        block.ghosts.add(step.name)
    if first is None:
        return
    if isinstance(step.name, str):
        _set_key(step, step.name, first, walk)
        block.ghosts.add(step.name)
    for name, mark in step.labels:
        _label(step, name, mark, first, walk)
    if step.each is not None:
        _label(step, *step.each, (), walk)
