"""A drift -> the words for it, which every format shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lazyinspect.drift import Change, Drift, Spender
from lazyinspect.render import figures
from lazyinspect.report import Totals

_WORDS = {
    "param_count": "parameters",
    "trainable_param_count": "trainable parameters",
    "param_bytes": "bytes of parameters",
    "buffer_bytes": "bytes of buffers",
    "macs": "MACs",
    "rows_without_macs": "layers without MACs",
}
BUDGETS = {
    "max_params": "parameters",
    "max_macs": "MACs",
    "max_param_bytes": "bytes of parameters",
}


def network(drift: Drift) -> str:
    """``configs/resnet.yaml@r50``."""
    return drift.spec if drift.variant is None else f"{drift.spec}@{drift.variant}"


def rule(drift: Drift) -> str:
    """What stands in brackets and names a rule: ``drift[changed]``, ``policy[max_params]``."""
    if drift.kind == "over-budget":
        return f"policy[{drift.changes[0].field}]"
    if drift.kind == "no-expect":
        return "policy[require_expect]"
    return f"drift[{drift.kind}]"


def headline(drift: Drift) -> str:
    """What happened, in one sentence."""
    more = f" and {len(drift.also)} more" if drift.also else ""
    kind = f" ({drift.type})" if drift.type else ""
    if drift.kind == "inserted":
        return f"{drift.path}{more}{kind} inserted"
    if drift.kind == "removed":
        return f"{drift.before_path or drift.path}{more}{kind} removed"
    if drift.kind == "renamed":
        return f"{drift.before_path}{more}{kind} renamed to {drift.path}"
    if drift.kind == "moved":
        where = next((c for c in drift.changes if c.part == "order"), None)
        places = f" from place {where.before} to {where.after}" if where else ""
        return f"{drift.path}{kind} moved{places} among its siblings"
    if drift.kind == "new-variant" and not drift.accept:  # of a comparison, which has no lock
        return f"{network(drift)} is new"
    if drift.kind == "lost-variant" and not drift.accept:
        return f"{network(drift)} is gone"
    if drift.kind == "new-variant":
        return f"the lock does not have {network(drift)} yet"
    if drift.kind == "lost-variant":
        return f"the spec does not have {network(drift)} any more"
    if drift.kind == "text":
        return "the lock says the same in other words: it was edited, or its spec was renamed"
    if drift.kind == "totals":
        return "no layer differs, and the totals do: " + changed(drift.changes)
    if drift.kind == "over-budget":
        return _over_budget(drift)
    if drift.kind == "no-expect":
        if not drift.type:
            whose = network(drift)
            return f"a policy asks for `expect:` at `{drift.path}`, and {whose} has no such step"
        return f"{drift.path}{more}{kind} has no `expect:`, and a policy asks for one"
    what = {"param": "parameter ", "tie": "tie "}.get(drift.kind, "")
    if drift.path and not what:
        return f"{drift.path}{more}{kind}: {changed(main_changes(drift))}"
    return what + changed(main_changes(drift))


def _over_budget(drift: Drift) -> str:
    (change,) = drift.changes
    over = percent(change.after - change.before, change.before)
    return (
        f"{network(drift)} has {figures.count(change.after)} {BUDGETS[change.field]}, and its "
        f"budget is {figures.count(change.before)}{f' ({over} over)' if over else ''}"
    )


def spent(spender: Spender) -> str:
    """``34.3%: layer3.1.conv2 and 34 more, 589,824 each``."""
    more = f" and {spender.count - 1} more" if spender.count > 1 else ""
    each = " each" if spender.count > 1 else ""
    share = figures.share(spender.share)
    return f"{share}: {spender.path}{more}, {figures.count(spender.value)}{each}"


def found(drift: Drift) -> str:
    """What stands beside the caret."""
    if drift.spenders:
        return spent(drift.spenders[0])
    if drift.kind == "no-expect":
        return ", ".join(f"its output is {value(change.after)}" for change in drift.changes)
    return changed(main_changes(drift))


def main_changes(drift: Drift) -> Sequence[Change]:
    """What somebody wrote; what a forward finds out only where nothing was written."""
    written = [c for c in drift.changes if c.part not in ("inferred", "input", "output", "params")]
    return written or drift.changes[:2] if drift.kind not in ("input", "output") else drift.changes


def changed(changes: Sequence[Change]) -> str:
    """``out_channels 64 -> 96, bias true -> (default)``."""
    return ", ".join([f"{name(c)} {value(c.before)} -> {value(c.after)}" for c in changes])


def name(change: Change) -> str:
    """What a change is of."""
    if change.part == "total":
        return _WORDS.get(change.field, change.field)
    if change.part in ("input", "output") and change.field != change.part:
        return f"{change.part} {change.field}"
    return {"params": "parameters", "uses": "uses module"}.get(change.field, change.field)


def value(given: Any) -> str:
    """A value before or after; ``(none)`` where there was none."""
    if given is None:
        return "(none)"
    return figures.count(given) if type(given) is int and abs(given) > 99999 else (
        figures.scalar(given)
    )  # fmt: skip


def totals(before: Totals | None, after: Totals | None) -> list[str]:
    """Totals that differ: ``parameters 25,557,032 -> 26,001,000 (+443,968, +1.7%)``."""
    if before is None or after is None:
        return []
    found = []
    for field in ("param_count", "macs", "buffer_bytes"):
        one, other = getattr(before, field), getattr(after, field)
        if one != other and one is not None and other is not None:
            share = percent(other - one, one)
            found.append(
                f"{_WORDS[field]} {figures.count(one)} -> {figures.count(other)} "
                f"({other - one:+,}{f', {_signed(other - one)}{share}' if share else ''})"
            )
    return found


def _signed(difference: int) -> str:
    return "+" if difference > 0 else "-"


def percent(difference: int, of: int) -> str:
    """``1.7%`` or ``1,200%``; ``""`` of nothing, and where it would round to nothing."""
    share = 100 * abs(difference) / of if of else 0.0
    if share < 0.01:
        return ""
    return f"{share:.2g}%" if share < 10 else f"{share:,.0f}%"
