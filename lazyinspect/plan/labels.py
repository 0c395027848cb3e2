"""Names and labels of steps: what a step is called, and what its labels mean afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.plan.frame import POISON, Val
from lazyinspect.plan.scope import Scope, evaluate_name
from lazyinspect.plan.sources import Walk
from lazyinspect.shapes import format_value
from lazyinspect.spec.model import StepSpec, steps_inside
from lazyinspect.spec.values import name_problem


def next_index(walk: Walk) -> str:
    """The attribute name of the next step of a list."""
    index = walk.frame.index
    walk.frame.index += 1
    return str(index)


def step_name(step: StepSpec, scope: Scope, walk: Walk) -> str:
    """The attribute name: the key, or the next index.

    Raises:
        SpecError: a formula in the key fails, or the name is no step's or stands twice.
    """
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


def bind(step: StepSpec, value: Val, outputs: list[Val], walk: Walk) -> None:
    """Set the step's labels, and `prev`; its key is set by :func:`bind_key`.

    Args:
        value: the output, of a repeated step that of the last copy.
        outputs: those of all copies, for `each:`.

    Raises:
        SpecError: a label stands twice, or unpacks what is no tuple of as many values.
    """
    walk.prev = value
    walk.unpacked = None
    walk.dangling = step if step.condition is not None and step.sources is not None else None
    if step.unpack:
        _unpack(step, value, walk)
    elif step.labels:
        _label(step, *step.labels[0], value, walk)
    if step.each is not None:
        _label(step, *step.each, tuple(outputs), walk)


def bind_key(step: StepSpec, name: str, value: Val, walk: Walk) -> None:
    """Set the label that a step's key is.

    Raises:
        SpecError: it is an input's name, or a label of `as:` in this block.
    """
    frame = walk.frame
    if frame.parent is None and name in frame.inputs:
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
    if name in frame.block.owners:
        raise _twice(name, step.name_mark)
    frame.keys[name] = value


def _label(step: StepSpec, name: str, mark: Mark, value: Any, walk: Walk) -> None:
    block = walk.frame.block
    key_too = name not in block.labels and walk.frame.lookup(name) is not None
    if block.owners.setdefault(name, step.mark) is not step.mark or key_too:
        raise _twice(name, mark)
    block.labels[name] = value


def _twice(name: str, mark: Mark | None) -> SpecError:
    return SpecError(
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
                f"`as:` with {count} labels unpacks a tuple, and `{step.written}` gives "
                f"{format_value(kind)}",
                step.labels[0][1] if step.labels else step.mark,
                help="write `as: name`",
            )
        )
    if len(kind) != count:
        raise SpecError(
            Problem(
                "unpack-count",
                f"`{step.written}` gives {len(kind)} values, and `as:` names {count}",
                step.labels[0][1],
                help=f"name {len(kind)} labels",
            )
        )
    for index, (name, mark) in enumerate(step.labels):
        _label(step, name, mark, value.pick(index), walk)
    walk.unpacked = step


def bind_absent(step: StepSpec, first: Val | None, scope: Scope, walk: Walk) -> None:
    """The step does not exist: its labels mean its first source.

    Raises:
        SpecError: a label stands twice.
    """
    if step.condition is not None and step.sources is not None:
        walk.dangling = step
    leave_out(step, walk)
    if first is None:
        return
    stand_in = replace(first, absent=True)
    # of copies that are not made no name is known
    if isinstance(step.name, str) or (step.name is not None and step.repeat is None):
        bind_key(step, evaluate_name(step.name, scope, step.name_mark), stand_in, walk)
    for name, mark in step.labels:
        _label(step, name, mark, stand_in, walk)
    if step.each is not None:
        _label(step, *step.each, (), walk)


def leave_out(step: StepSpec, walk: Walk) -> None:
    """Note the labels that are not there because a step is not, for the message."""
    for absent in (step, *steps_inside(step)):
        walk.frame.block.absent.update(_labels(absent))


def poison(step: StepSpec, walk: Walk) -> None:
    """After a failure: the step's labels stand for a value that nothing is said about."""
    frame = walk.frame
    value = Val(frame, frame.new_slot(), POISON)
    walk.prev, walk.unpacked, walk.dangling = value, None, None
    for failed in (step, *steps_inside(step)):
        for name, _ in (*failed.labels, *filter(None, [failed.each])):
            frame.block.labels.setdefault(name, value)
        if failed.name is not None and not isinstance(failed.name, str):
            frame.block.failed = True
    if isinstance(step.name, str):
        frame.keys.setdefault(step.name, value)


def _labels(step: StepSpec) -> Iterator[str]:
    if isinstance(step.name, str):
        yield step.name
    yield from (name for name, _ in step.labels)
    if step.each is not None:
        yield step.each[0]
