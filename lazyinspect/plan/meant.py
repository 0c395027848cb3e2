"""A name or value that is wrong -> what was probably meant. No torch here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lazyinspect.errors import Mark, Problem
from lazyinspect.plan.ops import table
from lazyinspect.spec.model import LayerExpr, Spec, StepSpec
from lazyinspect.spec.names import NOT_LAYERS, STRUCTURE, did_you_mean, nearest

_TORCH = re.compile(r"(torch\.)?(nn|F|torch|nn\.functional|nn\.modules\.\w+)\.\w+\Z")
_CALL = re.compile(r"(\w+)\s*\((.*)\)?\Z")
_ALIASES = {
    "Dense": "LazyLinear",
    "FullyConnected": "LazyLinear",
    "Add": "add",
    "Concat": "cat",
    "Concatenate": "cat",
    "concat": "cat",
    "Reshape": "reshape",
    "Residual": "add",
    "GlobalAvgPool2d": "AdaptiveAvgPool2d",
    "Swish": "SiLU",
    "LayerNormalization": "LazyLayerNorm",
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
        return Problem("not-a-layer", f"`{name}` of torch.nn is no layer", mark, help=help)
    if name.startswith("Lazy") and name[4:] in rows:
        message = f"there is no `{name}`: {name[4:]} has nothing to infer"
        return Problem("unknown-op", message, mark, help=f"write {name[4:]}")
    kind = "layer or block" if name[:1].isupper() else "function"
    help = _slip(name, step) or _suggestion(name, spec)
    return Problem("unknown-op", f"there is no {kind} `{name}`", mark, help=help)


def _dotted(name: str, mark: Mark) -> Problem:
    plain = name.rpartition(".")[2]
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
    call = _CALL.match(name)
    if call and call.group(1) in table():
        arguments = call.group(2).rstrip(")")
        return f"arguments stand in brackets: {{{call.group(1)}: [{arguments}]}}"
    if step is not None and step.name is None and not step.args.keywords:
        values = [expr.value for expr in step.args.positional]
        if len(values) == 1 and isinstance(values[0], LayerExpr):
            return (
                f"a list numbers its steps; to call this one `{name}`, write "
                f"{{{values[0].op}: ..., as: {name}}}"
            )
    return ""


def _suggestion(name: str, spec: Spec) -> str:
    rows = table()
    if name in _ALIASES:
        return f"did you mean `{_ALIASES[name]}`?"
    if f"{name}2d" in rows:
        return f"did you mean `{name}2d`?"
    same = [known for known in rows if known.lower() == name.lower()]
    if same:
        return f"did you mean `{same[0]}`?"
    pool = [*rows, *spec.blocks, *STRUCTURE]
    alike = [known for known in pool if known[:1].isupper() == name[:1].isupper()]
    return did_you_mean(
        name,
        alike if nearest(name, alike) else pool,
        "`lazyinspect layers` lists what there is; a block of your own stands under `blocks:`",
    )


def value_meant(value: Any, params: Iterable[str]) -> str:
    """A remedy for a text where a number was expected; empty where none is apparent."""
    if not isinstance(value, str):
        return ""
    if value in set(params):
        return f"did you mean `${value}`?"
    if value.startswith("(") or value.endswith(")"):
        return "a list of sizes stands in brackets: [3, 3]"
    if re.match(r"[-+]?\d+\Z", value):
        return "leave the quotes out"
    match = re.match(r"(\w+)\s*=\s*(.+)\Z", value)
    if match:
        return f"keywords stand in braces at the end: {{{match.group(1)}: {match.group(2)}}}"
    if re.match(r"\d+\s*[x ]\s*\d+\Z", value):
        return "a list of sizes stands in brackets: [3, 3]"
    return ""
