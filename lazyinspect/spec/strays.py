"""A step written as in Python, or with more than one key that may be its op -> what is wrong.

Which of the keys are arguments the op table knows, a floor above: ``plan/beside.py`` says more.
"""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass

from lazyinspect.errors import Problem
from lazyinspect.spec.names import MERGES, STEP_KEYS, nearest
from lazyinspect.spec.reader import Mapping, Node, Scalar, Sequence
from lazyinspect.spec.texts import flow, flow_list

Pair = tuple[Scalar, Node]


@dataclass(frozen=True, slots=True)
class Stray:
    """A step as written: its op with the argument, the other keys that are none, and the rest."""

    op: Pair
    others: tuple[Pair, ...]
    known: tuple[Pair, ...]
    """``from:``, ``repeat:`` and so on."""


def stray(ops: list[Pair], known: list[Pair]) -> tuple[Problem, Stray | None]:
    """The problem, and what the step holds where one of the keys is likely to be the op.

    Args:
        ops: two or more pairs whose keys are none of a step's own.
    """
    capitals = [pair for pair in ops if pair[0].text[:1].isupper()]
    merges = [pair for pair in ops if pair[0].text in MERGES]
    op = (capitals or merges or ops)[0]
    others = [pair for pair in ops if pair is not op]
    found = Stray(op, tuple(others), tuple(known))
    several = len(capitals) > 1 or any(key.text in MERGES for key, _ in others)
    if several or not (capitals or merges):
        help = "steps under names stand below `Sequential:`; in a list each has its own dash"
        if len(capitals) == len(ops):
            help = dashes(ops)
        names = ", ".join(f"`{key.text}`" for key, _ in ops[:3])
        problem = Problem(
            "bad-step",
            f"a step has one op, and this has {len(ops)}: {names}",
            ops[1][0].mark,
            help=help,
        )
        return problem, None if several else found
    key = others[0][0]
    near = nearest(key.text, STEP_KEYS) if len(key.text) > 2 else None
    help = f"did you mean `{near}`?" if near else "the keys are " + " ".join(STEP_KEYS)
    return Problem("unknown-key", f"a step has no key `{key.text}`", key.mark, help=help), found


def dashes(ops: Several[Pair]) -> str:
    """How several ops in one step are written as a list of steps."""
    steps = [
        key
        if isinstance(value, Scalar) and value.value is None
        else Mapping(((key, value),), key.mark)
        for key, value in ops
    ]
    return (
        "in a list each has its own dash; under one name they are a list: "
        f"`{flow(Sequence(tuple(steps), ops[0][0].mark))}`"
    )


def call(items: Several[Node]) -> tuple[Scalar | None, str, Scalar] | None:
    """`[Conv2d, 3, 8, 3]`, an op and its arguments where steps stand.

    Returns:
        The op's name, its arguments as they should stand, and the first number; None where the
        list holds no numbers.
    """
    last = items[-1].items if items and isinstance(items[-1], Sequence) else ()
    named = next((k for k, item in enumerate(items) if _is_name(item)), None)
    numbers = [item for item in items if _is_number(item)]
    if not numbers and named is not None and all(map(_is_number, last)):
        numbers = list(last)
    first = next((item for item in numbers if isinstance(item, Scalar)), None)
    if first is None:
        return None
    name = None if named is None else items[named]
    after = items[named + 1 :] if named is not None else ()
    arguments = flow(after[0]) if len(after) == 1 else flow_list(after)
    return name if after and isinstance(name, Scalar) else None, arguments, first


def missing_dash(node: Mapping) -> Scalar | None:
    """The first key of a mapping that was meant to be a list: layers' names with arguments."""
    if not all(key.text[:1].isupper() for key, _ in node.pairs):
        return None
    for key, value in node.pairs:
        items = value.items if isinstance(value, Sequence) else (value,)
        if not all(isinstance(item, Scalar) for item in items):
            continue
        if any(not isinstance(item.value, str) for item in items if isinstance(item, Scalar)):
            return key
    return None


def _is_name(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str) and node.text.isidentifier()


def _is_number(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, (int, float))
