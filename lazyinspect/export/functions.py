"""A tensor function or merge of a plan -> the expression of torch that computes it.

The same computations as ``lazyinspect.network.functions``, written out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lazyinspect.export.code import Expr, Group, Sum, call, flat, listed, literal, string
from lazyinspect.plan.tree import Function
from lazyinspect.shapes import TensorType, is_complex, is_float

_FUNCTIONAL = ("gelu", "silu", "one_hot", "pad", "interpolate", "scaled_dot_product_attention")
_METHODS = {"reshape": "shape", "view": "size", "expand": "size", "repeat": "repeats",
            "permute": "dims"}  # fmt: skip
_SIZES = {"tile": "dims", "flip": "dims"}
_RENAMED = {"multiply": "mul"}
_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@"}
_DIM = {"chunk": 1, "split": 1, "unbind": 1, "cat": 1, "stack": 1}
"""Functions whose default dimension differs from torch's."""


class Operand(NamedTuple):
    """What a function reads: its expression and its type; a number stands for itself."""

    text: str
    type: Any


def expression(node: Function, operands: Sequence[Operand]) -> Expr:
    """The call that a step makes, operands in the order of the op's own."""
    name = node.op.name
    args = {key: _argument(key, value) for key, value in node.args.items()}
    if name in _DIM:
        args.setdefault("dim", str(_DIM[name]))
    special = _SPECIAL.get(name)
    if special is not None:
        return special(node, list(operands), args)
    texts = [operand.text for operand in operands]
    while texts and texts[-1] == "None":
        texts.pop()
    if name in _METHODS:
        sizes = _integers(node.args[_METHODS[name]])
        return call(f"{texts[0]}.{name}", *map(str, sizes))
    if name in _SIZES:
        return call(f"torch.{name}", texts[0], literal(_integers(node.args[_SIZES[name]])))
    room = "F" if name in _FUNCTIONAL else "torch"
    for parameter in node.op.parameters.parameters:
        if not parameter.required or parameter.keyword_only or len(texts) != len(operands):
            break
        operands = [*operands, Operand(args[parameter.name], None)]
        texts.append(args.pop(parameter.name))
    return call(f"{room}.{_RENAMED.get(name, name)}", *texts, **args)


def _argument(name: str, value: Any) -> str:
    return f"torch.{value}" if name == "dtype" and isinstance(value, str) else literal(value)


def _integers(value: Any) -> tuple[int, ...]:
    """``(2, 3)``, ``((2, 3),)`` and ``2`` as torch's variadic sizes read them."""
    if isinstance(value, int):
        return (value,)
    if len(value) == 1 and isinstance(value[0], tuple):
        return value[0]
    return tuple(value)


def _flattened(operands: Sequence[Operand]) -> list[Operand]:
    """Operands with tuples among them taken apart."""
    found: list[Operand] = []
    for text, kind in operands:
        if isinstance(kind, tuple):
            inner = [Operand(f"{text}[{k}]", item) for k, item in enumerate(kind)]
            found.extend(_flattened(inner))
        else:
            found.append(Operand(text, kind))
    return found


def _scalar(number: Operand, like: Operand) -> str:
    """A number as a tensor that promotes as the number itself would beside ``like``."""
    value, dtype = number.type, like.type.dtype
    if isinstance(value, float) and not (is_float(dtype) or is_complex(dtype)):
        dtype = "float32"
    elif isinstance(value, int) and not isinstance(value, bool) and dtype == "bool":
        dtype = "int64"
    written = call(
        "torch.full", "()", number.text, dtype=f"torch.{dtype}", device=f"{like.text}.device"
    )
    return flat(written)


def _is_tensor(operand: Operand) -> bool:
    return isinstance(operand.type, TensorType)


def _arithmetic(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    name = node.op.name
    found = _flattened(operands) if name in ("add", "mul") else operands
    rest = {key: value for key, value in args.items() if value not in ("1", "None")}
    if not rest:
        return Sum(_OPERATORS[name], tuple(operand.text for operand in found))
    if name == "div":
        x, y = found
        first = x.text if _is_tensor(x) else _scalar(x, y)
        return call("torch.div", first, y.text, **rest)
    x, *others = found
    result: Expr = x.text if _is_tensor(x) else _scalar(x, others[0])
    for other in others:
        result = call(f"torch.{name}", result, other.text, **rest)
    return result


def _joined(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    """``cat`` and ``stack``."""
    expanded = [
        _over_batch(operand, operands, node) if place in node.expand_batch else operand
        for place, operand in enumerate(operands)
    ]
    texts = [operand.text for operand in _flattened(expanded)]
    return call(f"torch.{node.op.name}", listed(texts), **args)


def _over_batch(operand: Operand, operands: list[Operand], node: Function) -> Operand:
    others = [o for place, o in enumerate(operands) if place not in node.expand_batch]
    batch = next(o for o in _flattened(others) if o.type.rank)
    kept = ", ".join(["-1"] * (operand.type.rank - 1))
    text = f"{operand.text}.expand({batch.text}.shape[0], {kept})"
    return Operand(text, operand.type)


def _extremum(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    x, y = _with_other(node, operands)
    return call(f"torch.{node.op.name}", x.text, y.text if _is_tensor(y) else _scalar(y, x))


def _where(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    x, condition, other = _with_other(node, operands)
    return call("torch.where", condition.text, x.text, other.text)


def _with_other(node: Function, operands: list[Operand]) -> list[Operand]:
    """Operands, the last of which may be an argument instead."""
    if "other" not in node.args:
        return operands
    number = node.args["other"]
    return [*operands, Operand(literal(number), number)]


def _gather(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    x, index = operands
    return call("torch.gather", x.text, args["dim"], index.text)


def _einsum(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    texts = [operand.text for operand in _flattened(operands)]
    return call("torch.einsum", string(node.args["equation"]), *texts)


def _positions(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    (x,) = operands
    made = call("torch.arange", f"{x.text}.shape[{args['dim']}]", device=f"{x.text}.device")
    return Group(f"{flat(made)}.unsqueeze(", (("", "0"),), ")")


def _split(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    size = args["split_size"]
    if not isinstance(node.args["split_size"], int):
        size = f"[{', '.join(map(str, node.args['split_size']))}]"
    return call("torch.split", operands[0].text, size, dim=args["dim"])


def _squeeze(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    given = {key: value for key, value in args.items() if value != "None"}
    return call("torch.squeeze", operands[0].text, **given)


def _roll(node: Function, operands: list[Operand], args: Mapping[str, str]) -> Expr:
    given = {key: value for key, value in args.items() if value != "None"}
    return call("torch.roll", operands[0].text, **given)


_SPECIAL: dict[str, Callable[[Function, list[Operand], Mapping[str, str]], Expr]] = {
    **dict.fromkeys(_OPERATORS, _arithmetic),
    "cat": _joined,
    "stack": _joined,
    "maximum": _extremum,
    "minimum": _extremum,
    "where": _where,
    "gather": _gather,
    "einsum": _einsum,
    "positions": _positions,
    "split": _split,
    "squeeze": _squeeze,
    "roll": _roll,
}
