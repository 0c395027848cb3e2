"""Random networks: what a lock says is what was planned, and one edit is one cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from locks import compared, drifts, lock_text, snapshot_of
from plans import plan_of
from random_specs import as_text, specs

from lazyinspect.drift import Comparison
from lazyinspect.errors import LazyinspectError
from lazyinspect.lock.changes import found_out, written
from lazyinspect.lock.text import section
from lazyinspect.spec.reader import read

laws = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)


@given(spec=specs())
@settings(laws, max_examples=60)
def test_a_lock_says_of_each_row_what_the_plan_does(spec: dict[str, Any]) -> None:
    plan = plan_of(as_text(spec))
    found = snapshot_of(as_text(spec))
    assert found.totals == plan.totals
    for row, planned in zip(found.rows, plan.rows[1:], strict=True):
        assert (row.uses or row.path, row.kind, row.declared) == (
            planned.path,
            planned.kind,
            planned.declared,
        )
        assert (row.inputs, row.outputs) == (planned.inputs, planned.outputs)
        if row.kind != "container":
            assert (row.type, row.param_count) == (planned.type, planned.param_count)
            assert {**row.given, **row.inferred} == planned.args


@given(spec=specs())
@settings(laws, max_examples=40)
def test_a_lock_is_the_same_bytes_whoever_writes_it(spec: dict[str, Any]) -> None:
    text = as_text(spec)
    assert lock_text(text) == lock_text(text)
    # with the rows at hand the quick way is not taken
    plan = plan_of(text)
    assert plan.rows and section(plan).text == section(plan_of(text)).text


@given(spec=specs())
@settings(laws, max_examples=40)
def test_a_lock_is_yaml_with_one_line_for_each_layer(spec: dict[str, Any]) -> None:
    text = lock_text(as_text(spec))
    network = read(text, "net.lock.yaml").get("network")  # type: ignore[union-attr]
    layers = network.get("layers")  # type: ignore[union-attr]
    lines = [key.mark.line for key, _ in layers.pairs]  # type: ignore[union-attr]
    assert lines == list(range(lines[0], lines[0] + len(lines))) if lines else True
    assert len(lines) == len(plan_of(as_text(spec)).rows) - 1


@given(spec=specs())
@settings(laws, max_examples=60)
def test_a_fresh_lock_never_drifts(spec: dict[str, Any]) -> None:
    found = compared(as_text(spec), as_text(spec))
    assert found.drifts == ()
    assert {pair.role for pair in found.pairs} <= {"same"}


# one edit


def lists(node: Any) -> Iterator[Any]:
    """Every list of steps in a spec, as a list or a mapping."""
    for name in ("layers",):
        if isinstance(node, dict) and name in node:
            yield node[name]
            yield from inner(node[name])
    if isinstance(node, dict):
        for block in node.get("blocks", {}).values():
            yield from lists(block)


def inner(steps: Any) -> Iterator[Any]:
    for step in steps.values() if isinstance(steps, dict) else steps:
        if isinstance(step, dict):
            for op, body in step.items():
                if op in ("Sequential", "splice") and isinstance(body, (list, dict)):
                    yield body
                    yield from inner(body)


def places(spec: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Lists of steps, and a key or an index in each."""
    found = []
    for steps in lists(spec):
        for key in list(steps) if isinstance(steps, dict) else range(len(steps)):
            found.append((steps, key))
    return found


def replaced(steps: Any, key: Any, *items: tuple[Any, Any]) -> None:
    """Put other steps in the place of one."""
    if isinstance(steps, dict):
        pairs = list(steps.items())
        steps.clear()
        for name, step in pairs:
            steps.update(dict(items) if name == key else {name: step})
    else:
        steps[key : key + 1] = [step for _, step in items]


def edited(spec: dict[str, Any], edit: str, place: int) -> dict[str, Any] | None:
    """The spec with one edit; None where it cannot be made there."""
    new = json.loads(json.dumps(spec))  # nothing in it is shared
    found = places(new)
    steps, key = found[place % len(found)]
    step = steps[key]
    if edit == "insert":
        replaced(steps, key, (key, step), ("fresh", {"Sigmoid": None}))
    elif edit == "remove":
        replaced(steps, key)
    elif edit == "rename":
        if not isinstance(steps, dict) or "{" in key:
            return None
        replaced(steps, key, ("fresh", step))
    else:
        if not isinstance(step, dict) or "LazyLinear" not in step:
            return None
        step["LazyLinear"] = [step["LazyLinear"], False]
    return new


@given(
    spec=specs(),
    edit=st.sampled_from(["insert", "remove", "rename", "change"]),
    place=st.integers(0, 60),
)
@settings(laws, max_examples=120)
def test_one_edit_is_one_cause(spec: dict[str, Any], edit: str, place: int) -> None:
    new = edited(spec, edit, place)
    assume(new is not None)
    before, after = as_text(spec), json.dumps(new, indent=1)
    note(f"--- {edit}\n{after}")
    try:
        assume(lock_text(before) != lock_text(after))
    except LazyinspectError:
        assume(False)
    found = drifts(before, after)
    note("\n".join(f"{d.kind} {d.path} {d.before_path} {d.changes} {d.also}" for d in found))
    assert len(found) == 1
    kinds = {"insert": "inserted", "remove": "removed", "rename": "renamed", "change": "changed"}
    assert found[0].kind == kinds[edit]


# any two networks


@given(before=specs(), after=specs())
@settings(laws, max_examples=40)
def test_any_two_networks_are_compared_row_by_row(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = compared(as_text(before), as_text(after))
    whole(found)
    assert bool(found.drifts) == (lock_text(as_text(before)) != lock_text(as_text(after)))


def whole(found: Comparison) -> None:
    """Every row of both is there once; what differs has a cause, and what has none is the same."""
    assert found.before is not None and found.after is not None
    older = [pair.before.path for pair in found.pairs if pair.before is not None]
    newer = [pair.after.path for pair in found.pairs if pair.after is not None]
    assert sorted(older) == sorted(row.path for row in found.before.rows)
    assert newer == [row.path for row in found.after.rows]
    for pair in found.pairs:
        if pair.role == "same":
            assert pair.before is not None and pair.after is not None
            assert written(pair.before, pair.after) == []
            assert found_out(pair.before, pair.after) == []
        else:
            assert pair.drift is not None
            told = found.drifts[pair.drift]
            row = pair.after or pair.before
            assert row is not None
            if pair.role == "follows":
                assert row.path in told.followers


# networks whose widths matter

LAYERS = st.sampled_from(
    [
        "{LazyConv2d: [4, 3, 1, 1]}",
        "{LazyConv2d: [6, 3]}",
        "{LazyConv2d: [5, 1], from: input}",
        "LazyBatchNorm2d",
        "ReLU",
        "{MaxPool2d: 2}",
        "{Down: 5}",
        "{Res: $cin}",
        "[{LazyConv2d: [7, 1]}, Dropout]",
    ]
)
BLOCKS = """\
input: [1, 3, 64, 64]
blocks:
  Down: {params: {c: int}, layers: {conv: {LazyConv2d: [$c, 3, 2, 1]}, bn: LazyBatchNorm2d}}
  Res:
    params: {c: int}
    layers:
      conv: {LazyConv2d: [$c, 3, 1, 1]}
      sum: {add: [conv, input]}
"""


def image_net(layers: list[str]) -> str:
    return BLOCKS + "layers:\n" + "".join(f"  - {layer}\n" for layer in layers) + "  - Flatten\n"


@given(
    layers=st.lists(LAYERS, min_size=1, max_size=8),
    width=st.integers(8, 11),
    place=st.integers(0, 8),
    edit=st.sampled_from(["insert", "replace", "remove"]),
)
@settings(laws, max_examples=120)
def test_what_follows_from_an_edit_has_it_for_its_cause(
    layers: list[str], width: int, place: int, edit: str
) -> None:
    place %= len(layers)
    wider = f"{{LazyConv2d: [{width}, 3, 1, 1]}}"
    new = list(layers)
    new[place : place + (edit != "insert")] = [] if edit == "remove" else [wider]
    assume(new and new != layers)
    before, after = image_net(layers), image_net(new)
    note(f"{before}\n{after}")
    try:
        found = compared(before, after)
    except LazyinspectError:
        assume(False)
    note("\n".join(f"{d.kind} {d.path} {d.before_path} {d.changes} {d.also}" for d in found.drifts))
    whole(found)
    assert len(found.drifts) == 1
