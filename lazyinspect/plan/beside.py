"""Keys beside a step's op that mean nothing there -> what they were meant to be. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lazyinspect.errors import Problem
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.spec.model import GraphSpec
from lazyinspect.spec.names import STEP_KEYS, nearest
from lazyinspect.spec.reader import Mapping as MappingNode
from lazyinspect.spec.reader import Scalar, Sequence
from lazyinspect.spec.strays import Stray, dashes
from lazyinspect.spec.texts import flow, flow_list, flow_mapping

OP_KEYS = ("type", "name", "op", "layer", "module", "class", "class_name", "kind")
"""What other formats write before the name of a layer."""
_ACTIVATIONS = ("activation", "act", "nonlinearity")
_WORDS = {
    "input": "from",
    "inputs": "from",
    "source": "from",
    "sources": "from",
    "bottom": "from",
    "in": "from",
    "name": "as",
    "label": "as",
    "id": "as",
    "top": "as",
    "times": "repeat",
    "n": "repeat",
    "count": "repeat",
    "repeats": "repeat",
    "num": "repeat",
    "when": "if",
    "condition": "if",
    "index": "pick",
    "shape": "expect",
}
"""Keys of other formats, and what they are called here."""


def told(problem: Problem, stray: Stray, blocks: Mapping[str, GraphSpec]) -> Problem:
    """The problem with the step as it may have been meant, where that is apparent."""
    (op, argument), others = stray.op, stray.others
    if op.text in OP_KEYS and isinstance(argument, Scalar) and argument.text in table():
        whole = flow_mapping(others) if others else ""
        return replace(
            problem, code="bad-step", message=f"`{op.text}:` names no op", mark=op.mark,
            help=f"the op itself is the key: `{argument.text}: {whole}`",
        )  # fmt: skip
    empty = isinstance(argument, Scalar) and argument.value is None
    if not empty and all(isinstance(v, Scalar) and v.value is None for _, v in others):
        return _split(problem, stray)
    key, value = others[0]
    names = _arguments(op.text, blocks)
    if all(name.text in names for name, _ in others):
        return replace(problem, help=_as_arguments(stray))
    op_known = op.text in table() or op.text in blocks
    if op_known and key.text in table() and not problem.help.startswith("did you mean"):
        return replace(
            problem, code="bad-step",
            message=f"a step has one op, and this has {len(others) + 1}: `{op.text}`, `{key.text}`",
            help=dashes([stray.op, *others]),
        )  # fmt: skip
    if key.text in _ACTIVATIONS and isinstance(value, Scalar) and value.text in table():
        return replace(problem, help=f"an activation is a step of its own: `{value.text}`")
    word = _WORDS.get(key.text)
    if word is not None:
        return replace(problem, help=f"write `{word}: {flow(value)}`")
    near = nearest(key.text, (*names, *STEP_KEYS))
    if near in names and near not in STEP_KEYS:
        fixed = replace(stray, others=((replace(key, text=near), value),))
        return replace(problem, help=_as_arguments(fixed))
    if near is None and op.text in table():
        arguments = f"{op.text}({signature_of(op.text).text})"
        return replace(problem, help=f"{problem.help}, and those of the op {arguments}")
    return problem


def _arguments(op: str, blocks: Mapping[str, GraphSpec]) -> list[str]:
    """Names of an op's or block's arguments; none where it is not known."""
    if op in blocks:
        return list(blocks[op].params)
    return list(signature_of(op).by_name) if op in table() else []


def _split(problem: Problem, stray: Stray) -> Problem:
    """`{Linear: 784, 256}`, where the comma ends the argument."""
    (op, argument), others = stray.op, stray.others
    if isinstance(argument, MappingNode):
        return problem
    first = argument.items if isinstance(argument, Sequence) else (argument,)
    whole = Sequence((*first, *(key for key, _ in others)), op.mark)
    return replace(
        problem, code="bad-step",
        message=f"the arguments of `{op.text}` are more than one, and stand in no list",
        mark=others[0][0].mark,
        help=f"write `{flow_mapping(((op, whole), *stray.known))}`",
    )  # fmt: skip


def _as_arguments(stray: Stray) -> str:
    """The step with the keys among the op's arguments."""
    (op, argument), others = stray.op, stray.others
    keywords = MappingNode(others, op.mark)
    if isinstance(argument, Scalar) and argument.value is None:
        value = flow(keywords)
    elif isinstance(argument, MappingNode):
        value = flow_mapping((*argument.pairs, *others))
    else:
        items = argument.items if isinstance(argument, Sequence) else (argument,)
        if items and isinstance(items[-1], MappingNode):
            keywords = MappingNode((*items[-1].pairs, *others), op.mark)
            items = items[:-1]
        value = flow_list([*items, keywords])
    step = ", ".join([f"{op.text}: {value}", *(f"{k.text}: {flow(v)}" for k, v in stray.known)])
    return f"arguments stand together: `{{{step}}}`"
