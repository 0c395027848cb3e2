"""The op table -> docs/ops.md."""

from __future__ import annotations

from itertools import groupby

from lazyinspect.plan.ops import FALLBACK_LAYERS, eager, signature_of, table
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.spec.structure import STRUCTURE_OPS

HEADER = """\
# Ops

What a spec may name, generated from the op table (`make docs`). `lazyinspect layers` prints the
same in the terminal, and `lazyinspect layers NAME` one of them. [spec.md](spec.md) says how
arguments and sources are written.

Arguments without a default must be given. What a lazy layer infers is left out of its arguments.
"""

FALLBACK = """\
## Run through torch

These layers of `torch.nn` have no row of their own. They work, and so do allowed classes of your
own: the planner runs them through torch on its meta device, which is slower and loads torch.
"""


def render() -> str:
    """The page."""
    parts = [HEADER, "## The spec language\n"]
    parts += [f"- `{op.form}`: {op.meaning}" for op in STRUCTURE_OPS]
    parts.append("")
    for family, rows in groupby(table().values(), key=lambda row: row.family):
        parts.append(f"## {family}\n")
        parts.append("| op | arguments | takes |\n|---|---|---|")
        parts.extend(map(_line, rows))
        parts.append("")
    if FALLBACK_LAYERS:
        parts.append(FALLBACK)
        parts.append(" ".join(f"`{name}`" for name in sorted(FALLBACK_LAYERS)))
        parts.append("")
    return "\n".join(parts)


def _line(row: Op | LazyOp) -> str:
    signature = signature_of(row.name).text
    arguments = f"`{signature}`" if signature else ""
    takes = f"`{eager(row).inputs.text}`"
    if isinstance(row, LazyOp):
        inferred = ", ".join(f"`{name}`" for name in row.infers)
        takes += f"; infers {inferred} and becomes `{row.becomes}`"
    return f"| `{row.name}` | {arguments} | {takes} |"
