"""Accounts and top spenders -> lines below the table, and JSON's own types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lazyinspect.accounts import Accounts, By, Top
from lazyinspect.render import figures
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, cut, pad, printable, width

_TITLES: dict[By, str] = {
    "macs": "MACs", "params": "parameters", "time": "time", "memory": "memory",
}  # fmt: skip
_CELLS = 10
"""Of a bar."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, *, unicode: bool) -> str:
    """A share as a bar of ten cells: ``████▌     ``."""
    share = min(max(share, 0.0), 1.0)
    if not unicode:
        return ("#" * round(share * _CELLS)).ljust(_CELLS)
    full, rest = divmod(round(share * _CELLS * 8), 8)
    text = "█" * full + (_EIGHTHS[rest] if rest else "")
    return text.ljust(_CELLS)


def figure(value: int, by: By) -> str:
    """What a row spends, with its unit."""
    if by == "time":
        return figures.duration(value)
    if by == "memory":
        return figures.size(value)
    return figures.scaled(value) if by == "macs" else figures.count(value)


def top_lines(top: Top, layout: Layout) -> Iterator[Line]:
    """``top 5 by MACs``: a line for each row."""
    yield []
    yield [(f"top {len(top.rows)} by {_TITLES[top.by]}", "bold")]
    texts = [
        [
            printable(row.path) + (f" (call {row.call + 1})" if row.call else ""),
            printable(row.type),
            f"line {row.place.line}",
            figure(row.spent, top.by),
            figures.share(row.share),
            bar(row.share, unicode=layout.unicode),
            figures.share(row.together),
        ]
        for row in top.rows
    ]
    yield from _columns(
        ["Layer", "Type", "Line", _TITLES[top.by].capitalize() if top.by != "macs" else "MACs",
         "Share", "", "Together"], texts, (3, 4, 6), layout,
    )  # fmt: skip
    if top.left_out:
        yield [(f"left out: {top.left_out:,} rows whose figure is not known", "dim")]


def account_lines(accounts: Accounts, layout: Layout) -> Iterator[Line]:
    """By kind of op, by dtype, what is shared, and what is not known."""
    macs = sum(kind.macs or 0 for kind in accounts.kinds)
    yield []
    yield [("by kind", "bold")]
    texts = []
    for kind in accounts.kinds:
        share = (kind.macs or 0) / macs if macs else 0.0
        known = "?" if kind.macs is None else figures.scaled(kind.macs) if kind.macs else "-"
        texts.append(
            [
                printable(kind.type),
                f"{kind.calls:,}",
                figures.count(kind.params) if kind.params else "-",
                known,
                figures.share(share) if share else "",
                bar(share, unicode=layout.unicode) if share else "",
            ]
        )
    titles = ["Type", "Calls", "Params", "MACs", "Share", ""]
    yield from _columns(titles, texts, (1, 2, 3, 4), layout)
    yield []
    yield [("tensors", "bold")]
    texts = [
        [
            "buffers" if each.buffers else "parameters",
            each.dtype,
            f"{each.tensors:,}",
            figures.count(each.elements),
            "-" if each.buffers else figures.count(each.trainable),
            figures.size(each.bytes),
        ]
        for each in accounts.tensors
    ]
    titles = ["", "dtype", "Tensors", "Elements", "Trainable", "Bytes"]
    yield from _columns(titles, texts, (2, 3, 4, 5), layout)
    names = ", ".join(f"{printable(n)} {figures.count(v)}" for n, v in accounts.names.items())
    yield [(f"by name: {names}" if names else "no parameters", "")]
    yield from _sharing(accounts)
    for each in accounts.without_macs:
        place = printable(f"{each.path} ({each.type}, line {each.place.line})")
        yield [(f"no MACs: {place}: {each.reason}", "yellow")]


def _sharing(accounts: Accounts) -> Iterator[Line]:
    if accounts.named != accounts.unique:
        once, named = figures.count(accounts.unique), figures.count(accounts.named)
        yield [(f"shared: {once} unique parameters, {named} by name", "")]
    for tie in accounts.ties:
        size = f"{figures.count(tie.elements)} parameters counted once"
        text = f"{tie.path} = {tie.source}, {size}, line {tie.place.line}"
        yield [(f"tied: {printable(text)}", "")]
    for module in accounts.shared:
        if module.params:
            size = f"{figures.count(module.params)} parameters counted once"
            text = f"{module.path} ({module.type}), {module.calls} calls, {size}"
            yield [(f"called again: {printable(text)}", "")]
    others = sum(not module.params for module in accounts.shared)
    if others:
        yield [(f"called again: {others:,} without parameters", "")]


def _columns(
    titles: Sequence[str], texts: Sequence[Sequence[str]], right: Sequence[int], layout: Layout
) -> Iterator[Line]:
    widths = [
        max([width(title), *(width(row[k]) for row in texts)]) for k, title in enumerate(titles)
    ]
    excess = sum(widths) + 2 * (len(widths) - 1) - layout.width
    if excess > 0:
        widths[0] = max(widths[0] - excess, 12)
    for index, row in enumerate([titles, *texts]):
        cells = [
            pad(cut(text, size, middle=k == 0), size, right=k in right)
            for k, (text, size) in enumerate(zip(row, widths, strict=True))
        ]
        yield [("  ".join(cells).rstrip(), "" if index else "dim")]


def account_data(accounts: Accounts) -> dict[str, Any]:
    """The accounts as JSON's own types."""
    return {
        "kinds": [
            {"type": k.type, "calls": k.calls, "params": k.params, "macs": k.macs,
             "without_macs": k.without_macs}
            for k in accounts.kinds
        ],
        "names": dict(accounts.names),
        "tensors": [
            {"dtype": t.dtype, "buffers": t.buffers, "tensors": t.tensors, "elements": t.elements,
             "trainable": t.trainable, "bytes": t.bytes}
            for t in accounts.tensors
        ],
        "unique": accounts.unique,
        "named": accounts.named,
        "ties": [
            {"path": t.path, "source": t.source, "elements": t.elements, "line": t.place.line}
            for t in accounts.ties
        ],
        "shared": [
            {"path": s.path, "type": s.type, "calls": s.calls, "params": s.params}
            for s in accounts.shared
        ],
        "without_macs": [
            {"path": u.path, "type": u.type, "line": u.place.line, "reason": u.reason}
            for u in accounts.without_macs
        ],
    }  # fmt: skip


def top_data(top: Top) -> dict[str, Any]:
    """The top spenders as JSON's own types."""
    return {
        "by": top.by,
        "total": top.total,
        "left_out": top.left_out,
        "rows": [
            {"path": r.path, "call": r.call, "type": r.type, "line": r.place.line,
             "spent": r.spent, "share": r.share, "together": r.together}
            for r in top.rows
        ],
    }  # fmt: skip
