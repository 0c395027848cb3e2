"""Keys beside a step's op that mean nothing there -> what they were meant to be. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lazyinspect.errors import Problem
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.spec.model import GraphSpec
from lazyinspect.spec.names import MERGES, STEP_KEYS, nearest
from lazyinspect.spec.reader import Mapping as MappingNode
from lazyinspect.spec.reader import Node, Scalar, Sequence
from lazyinspect.spec.strays import Stray, dashes
from lazyinspect.spec.texts import flow, flow_list, flow_mapping

_KEYS = "the keys are " + " ".join(STEP_KEYS)
_ARGS = ("args", "arguments", "params", "kwargs", "parameters")
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


OTHER_WORDS = {
    "axis": "dim",
    "keepdims": "keepdim",
    "filters": "out_channels",
    "units": "out_features",
    "rate": "p",
    "alpha": "negative_slope",
    "epsilon": "eps",
}
"""Arguments of other libraries, and what torch calls them."""


def told(problem: Problem, stray: Stray, blocks: Mapping[str, GraphSpec]) -> Problem:
    """The problem with the step as it may have been meant, where that is apparent."""
    foreign = _foreign(stray)
    if foreign is not None:
        key, help = foreign
        return replace(
            problem, code="bad-step", message=f"`{key.text}:` names no op", mark=key.mark, help=help
        )
    (op, argument), others = stray.op, stray.others
    empty = isinstance(argument, Scalar) and argument.value is None
    if not empty and all(isinstance(v, Scalar) and v.value is None for _, v in others):
        return _split(problem, stray)
    names = _arguments(op.text, blocks)
    key, value = next((pair for pair in others if pair[0].text not in names), others[0])
    if problem.code == "unknown-key" and key is not others[0][0]:
        problem = Problem("unknown-key", f"a step has no key `{key.text}`", key.mark, help=_KEYS)
    if names and problem.code == "bad-step" and key.text not in table():
        # of a function the grammar cannot know that it is one
        problem = Problem("unknown-key", f"a step has no key `{key.text}`", key.mark, help=_KEYS)
    meant = tuple((_meant_key(name, names), item) for name, item in others)
    if all(name.text in names for name, _ in meant):
        listed = set() if op.text in MERGES else _given(argument, names)
        twice = listed & {name.text for name, _ in meant}
        if twice:
            help = f"it is an argument of {op.text}, and given already, by its place in the list"
            return replace(problem, help=help)
        return replace(problem, help=_as_arguments(replace(stray, others=meant)))
    known = op.text in table() or op.text in blocks
    if known and key.text in table() and not problem.help.startswith("did you mean"):
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
    if problem.help == _KEYS and op.text in table():
        arguments = f"{op.text}({signature_of(op.text).text})"
        return replace(problem, help=f"{_KEYS}, and those of the op {arguments}")
    return problem


def _foreign(stray: Stray) -> tuple[Scalar, str] | None:
    """`{name: conv1, type: Conv2d, args: [3, 8, 3]}`: the key that names an op, and the step."""
    pairs = {key.text: (key, value) for key, value in (stray.op, *stray.others)}
    named = [
        (key, value.text)
        for key, value in pairs.values()
        if key.text in OP_KEYS and isinstance(value, Scalar) and value.text in table()
    ]
    if not named:
        return None
    key, op = named[0]
    listed = next((value for word, (_, value) in pairs.items() if word in _ARGS), None)
    rest = [pair for word, pair in pairs.items() if word not in (*OP_KEYS, *_ARGS)]
    value = flow(listed) if listed is not None else flow_mapping(rest)
    return key, f"the op itself is the key: `{op}: {value}`" if rest or listed else (
        f"the op itself is the key: `{op}`"
    )  # fmt: skip


def _meant_key(key: Scalar, names: list[str]) -> Scalar:
    """The argument whose name a key nearly is."""
    if OTHER_WORDS.get(key.text) in names:
        return replace(key, text=OTHER_WORDS[key.text])
    if key.text in names or key.text in (*_WORDS, *_ACTIVATIONS):
        return key
    near = nearest(key.text, (*names, *STEP_KEYS))
    return replace(key, text=near) if near in names and near not in STEP_KEYS else key


def _given(argument: Node, names: list[str]) -> set[str]:
    """Arguments that are given by their place."""
    if isinstance(argument, MappingNode):
        return set()
    items = argument.items if isinstance(argument, Sequence) else (argument,)
    count = sum(
        not isinstance(item, MappingNode) and not (isinstance(item, Scalar) and item.value is None)
        for item in items
    )
    return set(names[:count])


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
    slots = [p for p in signature_of(op.text).parameters] if op.text in table() else None
    if slots is not None and len(whole.items) > len(slots) and not any(p.variadic for p in slots):
        return problem if op.text not in MERGES else _listed(problem, stray, whole)
    return _listed(problem, stray, whole)


def _listed(problem: Problem, stray: Stray, whole: Sequence) -> Problem:
    op = stray.op[0]
    return replace(
        problem, code="bad-step",
        message=f"the arguments of `{op.text}` are more than one, and stand in no list",
        mark=stray.others[0][0].mark,
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
