"""A name or value that is wrong -> what was probably meant. No torch here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache

from lazyinspect.errors import Mark, Problem
from lazyinspect.plan.beside import OP_KEYS
from lazyinspect.plan.habits import called, lazy_instead
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.ops.base import Op
from lazyinspect.spec.model import LayerExpr, Spec, StepSpec
from lazyinspect.spec.names import NOT_LAYERS, STEP_KEYS, STRUCTURE

_TORCH = re.compile(r"(torch\.)?(nn|F|torch|nn\.functional|nn\.modules\.\w+)\.\w+\Z")
_CALL = re.compile(r"(?:(?:torch|nn|F|functional)\.)*(\w+)\s*\((.*?)\)?\Z")
_SPACED = re.compile(r"(\w+)(?:,\s*|\s+)(\d[\d\s,]*)\Z")
_BINARY = re.compile(r"([A-Za-z_]\w*)\s*([-+*/@])\s*([A-Za-z_]\w*)\Z")
_OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "@": "matmul"}
_CARRIERS = ("x", "self", "input", "inputs", "out", "output", "tensor", "y")
"""What tensors are called where `x.view(...)` is written."""
_ALIASES = {
    "Dense": "LazyLinear",
    "FC": "LazyLinear",
    "fc": "LazyLinear",
    "FullyConnected": "LazyLinear",
    "Add": "add",
    "Attention": "LazyMultiheadAttention",
    "Concat": "cat",
    "Concatenate": "cat",
    "concat": "cat",
    "multiply": "mul",
    "concatenate": "cat",
    "subtract": "sub",
    "divide": "div",
    "Reshape": "reshape",
    "Residual": "add",
    "Multiply": "mul",
    "GlobalAvgPool2d": "AdaptiveAvgPool2d",
    "GlobalAveragePooling2D": "AdaptiveAvgPool2d",
    "BatchNormalization": "LazyBatchNorm2d",
    "MaxPooling2D": "MaxPool2d",
    "AveragePooling2D": "AvgPool2d",
    "Swish": "SiLU",
    "LayerNormalization": "LazyLayerNorm",
    "bmm": "matmul",
    "mm": "matmul",
    "max": "amax",
    "min": "amin",
    "t": "transpose: [0, 1]",
    "global_avg_pool": "AdaptiveAvgPool2d",
}
"""Names of other libraries, and what they are called here."""


def unknown_op(name: str, mark: Mark, spec: Spec, step: StepSpec | None = None) -> Problem:
    """The problem of a name that is no op here."""
    rows = table()
    if "." in name and "(" not in name and ":" not in name:
        return _dotted(name, mark)
    if name in NOT_LAYERS:
        loss = "a spec holds layers; losses and containers belong to your training code"
        steps = "write a list of steps, `Sequential:` or `Graph:`"
        help = loss if name.endswith("Loss") else steps
        if "Parameter" in name or "Buffer" in name:
            help = "a learned tensor is a step: {Parameter: [SIZE, ...]}"
        return Problem("not-a-layer", f"`{name}` of torch.nn is no layer", mark, help=help)
    if name.startswith("Lazy") and name[4:] in rows:
        message = f"there is no `{name}`: {name[4:]} has nothing to infer"
        return Problem("unknown-op", message, mark, help=f"write {name[4:]}")
    plain = name.partition("(")[0].rpartition(".")[2]
    kind = "layer or block" if plain[:1].isupper() else "function"
    help = _slip(name, step) or _suggestion(name, spec, step)
    return Problem("unknown-op", f"there is no {kind} `{name}`", mark, help=help)


def _dotted(name: str, mark: Mark) -> Problem:
    plain = name.rpartition(".")[2]
    if name.partition(".")[0] in _CARRIERS and plain in table():
        return Problem(
            "unknown-op",
            f"`{name}` is called `{plain}` here",
            mark,
            help=f"write `{plain}`: it reads the step before, or what `from:` names",
        )
    if _TORCH.match(name) and plain in table():
        return Problem(
            "unknown-op",
            f"`{name}` is called `{plain}` here",
            mark,
            help=f"write `{plain}`: a name without a dot is torch's",
        )
    return Problem(
        "class-not-allowed",
        f"`{name}` is a class of your own, and a spec may not import code by itself",
        mark,
        help=f"if you trust it, run with --allow {name}",
    )


def _slip(name: str, step: StepSpec | None) -> str:
    """A slip of YAML or of habit that made ``name`` what it is."""
    if ":[" in name or ":{" in name:
        fixed = re.sub(r":(?=[\[{])", ": ", name, count=1)
        return f"a space is missing after the colon: {fixed}"
    values = [] if step is None else [expr.constant for expr in step.args.positional]
    if name in OP_KEYS and len(values) == 1 and str(values[0]) in table():
        return f"the op itself is the key: write `{values[0]}`"
    call = _CALL.match(name)
    if call and call.group(1) in table():
        fixed = called(*call.groups())
        return f"arguments stand after a colon: `{fixed}`" if ":" in fixed else f"write `{fixed}`"
    spaced = _SPACED.match(name)
    if spaced and spaced[1] in table():
        arguments = ", ".join(re.split(r"[\s,]+", spaced[2]))
        return f"arguments stand after a colon: `{called(spaced[1], arguments)}`"
    alone = step is not None and step.name is None and not step.args.keywords
    if alone and len(values) == 1 and str(values[0]) in table():
        return (
            f"a list numbers its steps; to call this one `{name}`, write "
            f"`{{{values[0]}: , as: {name}}}`"
        )
    binary = _BINARY.match(name)
    if binary:
        left, operator, right = binary.groups()
        return f"write `{{{_OPERATORS[operator]}: [{left}, {right}]}}`"
    if step is not None and step.name in STEP_KEYS:
        return (
            f"`{step.name}:` is read as the name of a step here; it belongs to the op of its step, "
            f"in braces with it: `{{ReLU: , {step.name}: {name}}}`"
        )
    if step is not None and step.name is None and not step.args.keywords:
        values = [expr.value for expr in step.args.positional]
        if len(values) == 1 and isinstance(values[0], LayerExpr):
            return (
                f"a list numbers its steps; to call this one `{name}`, write "
                f"{{{values[0].op}: ..., as: {name}}}"
            )
    return ""


def _suggestion(name: str, spec: Spec, step: StepSpec | None) -> str:
    rows = table()
    if name in _ALIASES:
        return f"did you mean `{_ALIASES[name]}`?"
    plain = _plain(name)
    for pool in (spec.blocks, rows, STRUCTURE):
        same = [known for known in pool if _plain(known) == plain]
        # `relu` is a function and `ReLU` a layer
        same.sort(key=lambda known: known.islower() != name.islower())
        if same:
            return _meant(same[0], step)
    for n in "213":
        if f"{plain}{n}d" in _plain_names():
            return _meant(_plain_names()[f"{plain}{n}d"], step)
    near = _nearest(name, [*rows, *spec.blocks, *STRUCTURE])
    if near:
        return _meant(near, step)
    return "`lazyinspect layers` lists what there is; a block of your own stands under `blocks:`"


def _meant(op: str, step: StepSpec | None) -> str:
    """The op as a question; its lazy form, where the step's arguments fit only that."""
    row = table().get(op)
    if step is not None and isinstance(row, Op):
        needed = [p for p in signature_of(op).parameters if p.required]
        lazy = lazy_instead(step, row) if len(needed) > _given(step) else ""
        if lazy:
            return lazy.partition("?")[0] + "?"
    return f"did you mean `{op}`?"


def _given(step: StepSpec) -> int:
    return len(step.args.positional) + len(step.args.keywords)


def _plain(name: str) -> str:
    """A name without case, underscores and the s of a plural."""
    plain = name.lower().replace("_", "").replace("-", "")
    return plain[:-1] if plain.endswith("s") and not plain.endswith("ss") else plain


@lru_cache(maxsize=1)
def _plain_names() -> dict[str, str]:
    return {_plain(name): name for name in table()}


def _nearest(name: str, pool: Sequence[str]) -> str:
    """The name whose letters are most alike, whatever their case; of equals, one of its case."""
    plain = _plain(name)
    known: dict[str, list[str]] = {}
    for other in pool:
        known.setdefault(_plain(other), []).append(other)
    found = difflib.get_close_matches(plain, known, n=1, cutoff=0.8)
    if not found:
        whole = {other.lower(): other for other in pool}
        close = difflib.get_close_matches(name.lower(), whole, n=1, cutoff=0.8)
        return whole[close[0]] if close else ""
    return min(known[found[0]], key=lambda other: other.islower() != name.islower())
