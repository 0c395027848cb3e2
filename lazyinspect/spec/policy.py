"""Nodes -> Policy: what may change without failing, and what a network may cost.

The same keys stand under ``check:`` in a spec and under ``[tool.lazyinspect]`` in pyproject.toml,
whose values lock/project.py makes nodes of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from lazyinspect.limits import INTEGER
from lazyinspect.spec.model import Policy, Rule
from lazyinspect.spec.names import did_you_mean
from lazyinspect.spec.reader import Mapping, Node, Scalar, Sequence
from lazyinspect.spec.values import Problems

ALLOWED = ("names", "batch")
"""What may change: names of layers, the size of dimension 0 of the inputs."""
BUDGETS = ("max_params", "max_macs", "max_param_bytes")
RULES = ("allow", *BUDGETS, "require_expect")
CHECK_KEYS = (*RULES, "variants")
PLANNED_KEYS = ("input", "batch")
"""What specs are planned with, which pyproject.toml alone may say."""

COUNT = re.compile(r"^([0-9][\d_]*(?:\.\d+)?) ?([kKMGBT]?)\Z")
BYTES = re.compile(r"^([0-9][\d_]*(?:\.\d+)?) ?(?:([kKMGT])(i?)B|B)?\Z")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "B": 3, "T": 4}


def parse_policy(
    problems: Problems, node: Mapping, where: str, known: Iterable[str] = CHECK_KEYS
) -> Policy:
    """The policy that a mapping holds; what is wrong with it is noted.

    Args:
        where: what messages call the mapping.
        known: its keys, of which those that are no policy's are left to the caller.
    """
    known = tuple(known)
    rules: dict[str, Rule] = {}
    variants: dict[str, dict[str, Rule]] = {}
    for key, value in node.pairs:
        name = key.text
        if name not in known:
            problems.unknown_key(key, known, where)
        elif name == "variants":
            variants = _variants(problems, value, where)
        elif name in _PARSERS:
            found = _PARSERS[name](problems, name, value)
            if found is not _WRONG:
                rules[name] = Rule(found, key.mark)
    return Policy(rules, variants)


def _variants(problems: Problems, node: Node, where: str) -> dict[str, dict[str, Rule]]:
    if not isinstance(node, Mapping):
        _refuse(problems, node, "`variants` takes a mapping of their names",
                "write {large: {max_params: 100M}}")  # fmt: skip
        return {}
    found: dict[str, dict[str, Rule]] = {}
    for key, value in node.pairs:
        if isinstance(value, Mapping):
            inner = parse_policy(problems, value, f"`{key.text}` in {where}", RULES)
            found[key.text] = dict(inner.rules)
        else:
            _refuse(problems, value, f"`{key.text}` takes a mapping of rules",
                    "write {max_params: 100M}")  # fmt: skip
    return found


_WRONG: Any = object()


def _allow(problems: Problems, name: str, node: Node) -> Any:
    texts = strings(problems, name, node, "[names]")
    for text in texts or ():
        if text not in ALLOWED:
            help = did_you_mean(text, ALLOWED, "what may change is " + " or ".join(ALLOWED))
            _refuse(problems, node, f"`allow` has no `{text}`", help)
            return _WRONG
    return _WRONG if texts is None else texts


def _expects(problems: Problems, name: str, node: Node) -> Any:
    texts = strings(problems, name, node, "[fc]")
    return _WRONG if texts is None else texts


def strings(problems: Problems, name: str, node: Node, example: str) -> tuple[str, ...] | None:
    """A list of texts, or one text; None where it is neither, which is noted."""
    items = node.items if isinstance(node, Sequence) else (node,)
    # a step may be called 3
    texts = [
        i.text for i in items if isinstance(i, Scalar) and i.text and type(i.value) in (str, int)
    ]
    if len(texts) == len(items):
        return tuple(texts)
    _refuse(problems, node, f"`{name}` takes a list of texts", f"write {example}")
    return None


def _count(problems: Problems, name: str, node: Node) -> Any:
    return _amount(problems, name, node, COUNT, "25000000 or 25M")


def _bytes(problems: Problems, name: str, node: Node) -> Any:
    return _amount(problems, name, node, BYTES, "104857600 or 100MiB")


def _amount(
    problems: Problems, name: str, node: Node, pattern: re.Pattern[str], example: str
) -> Any:
    """A number, or None for ``false``: no limit."""
    value = node.value if isinstance(node, Scalar) else None
    if value is False:
        return None
    number: Decimal | None = None
    if isinstance(value, (int, float)) and value is not True and 0 <= value <= INTEGER:
        number = Decimal(value)
    elif isinstance(value, str):
        match = pattern.match(value)
        if match is not None:
            groups = [group or "" for group in match.groups()]
            base = 1024 if groups[2:] == ["i"] else 1000
            number = Decimal(groups[0].replace("_", "")) * base ** _POWERS[groups[1]]
    if number is None or number > INTEGER:
        shown = f"`{node.text}`" if isinstance(node, Scalar) and node.text else "no number"
        help = f"write a number such as {example}, or false for no limit"
        _refuse(problems, node, f"`{name}` takes a number, and gets {shown}", help)
        return _WRONG
    return int(number)


def _input(problems: Problems, name: str, node: Node) -> Any:
    if isinstance(node, Mapping) and node.pairs:
        shapes = {key.text: _shape(value) for key, value in node.pairs}
        if None not in shapes.values():
            return shapes
    shape = _shape(node)
    if shape is None:
        _refuse(problems, node, "`input` takes a shape, or shapes by name",
                "write [1, 3, 224, 224], or {ids = [1, 64]}")  # fmt: skip
        return _WRONG
    return shape


def _shape(node: Node) -> list[int] | None:
    if not isinstance(node, Sequence):
        return None
    sizes = [item.value for item in node.items if isinstance(item, Scalar)]
    whole = all(type(size) is int and size >= 0 for size in sizes)
    return sizes if whole and len(sizes) == len(node.items) else None


def _batch(problems: Problems, name: str, node: Node) -> Any:
    value = node.value if isinstance(node, Scalar) else None
    if type(value) is int and 1 <= value <= INTEGER:
        return value
    _refuse(problems, node, "`batch` takes a size of 1 or more", "write 8")
    return _WRONG


def _refuse(problems: Problems, node: Node, message: str, help: str) -> None:
    problems.add("bad-policy", message, node.mark, help=help)


_PARSERS: dict[str, Callable[[Problems, str, Node], Any]] = {
    "allow": _allow,
    "max_params": _count,
    "max_macs": _count,
    "max_param_bytes": _bytes,
    "require_expect": _expects,
    "input": _input,
    "batch": _batch,
}
