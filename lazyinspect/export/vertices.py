"""A call of a plan -> the words on a vertex of its graph; a type -> those on an edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from lazyinspect.plan.ops.base import LayerValue, Op
from lazyinspect.plan.ops.signature import REQUIRED
from lazyinspect.plan.tree import Call, Function, Graph, Leaf, ParameterLeaf
from lazyinspect.shapes import TensorType, format_shape

_WIDTH = 36
"""Characters of a line."""
_SHOWN = 3
"""Elements of a tuple that an edge names."""


def kind_of(
    node: Leaf | ParameterLeaf | Function | Graph,
) -> Literal["layer", "parameter", "function", "merge", "block", "container"]:
    """What a vertex is drawn as."""
    if isinstance(node, Graph):
        return "block" if node.is_block else "container"
    if isinstance(node, Leaf):
        return "layer"
    if isinstance(node, ParameterLeaf):
        return "parameter"
    return "merge" if node.op.kind == "merge" else "function"


def described(call: Call, scalars: Sequence[Any] = ()) -> tuple[str, tuple[str, ...]]:
    """What a call applies, and its arguments as Python would write them.

    Args:
        scalars: numbers among what it is applied to, which no edge shows.
    """
    node = call.node
    if isinstance(node, Graph):
        return node.declared, ()
    if isinstance(node, ParameterLeaf):
        return "Parameter", (format_shape(node.shape),)
    if isinstance(node, Leaf):
        return node.type.rpartition(".")[2], tuple(_arguments(node.op, node.args))
    return node.op.name, (*map(_text, scalars), *_arguments(node.op, node.args))


def _arguments(op: Op | None, args: Mapping[str, Any]) -> Iterator[str]:
    signature = op.parameters.by_name if op is not None else {}
    for name, value in args.items():
        parameter = signature.get(name)
        if parameter is None:
            yield f"{name}={_text(value)}"
        elif parameter.variadic:
            yield from map(_text, value)
        elif parameter.default is REQUIRED:
            yield _text(value)
        elif not _equal(parameter.default, value):
            yield f"{name}={_text(value)}"


def _equal(a: Any, b: Any) -> bool:
    # 1 == True, and 1 == 1.0
    return type(a) is type(b) and bool(a == b)


def _text(value: Any) -> str:
    if isinstance(value, LayerValue):
        return f"{value.op}(...)" if value.args else value.op
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_text, value))}]"
    return repr(value) if isinstance(value, str) else str(value)


def flowing(value: Any, dtype: str) -> str:
    """A type on an edge: the shape, and the dtype where it is not the network's."""
    if isinstance(value, TensorType):
        shape = format_shape(value.shape)
        return shape if value.dtype == dtype else f"{shape} {value.dtype}"
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        texts = [flowing(item, dtype) for item in value]
        if len(texts) > 1 and len(set(texts)) == 1:
            return f"{len(texts)} x {texts[0]}"
        more = f", +{len(texts) - _SHOWN}" if len(texts) > _SHOWN else ""
        return f"({', '.join(texts[:_SHOWN])}{more})"
    return str(value)


def titled(name: str, what: str, arguments: Sequence[str], count: int) -> Iterator[str]:
    """A name and a call, in lines of a width that suits a box."""
    if not what:
        yield name
        return
    times = f" × {count}" if count > 1 else ""
    call = (f"{what}({', '.join(arguments)})" if arguments else what) + times
    short = call if name == what else f"{name}: {call}"
    if len(short) <= _WIDTH or not arguments:
        yield short
        return
    if name != what:
        yield name
    line = f"{what}("
    for at, item in enumerate(arguments):
        item += f"){times}" if at == len(arguments) - 1 else ","
        if at and len(line) + 1 + len(item) > _WIDTH:
            yield line
            line = item
        else:
            line += f" {item}" if at else item
    yield line


def parameters(count: int) -> str:
    return f"{count:,} parameter{'s' * (count != 1)}"
