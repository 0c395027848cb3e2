"""The rule of each row of the op table, held against what torch does with one NaN at a time.

The calls are those that the row's own tests draw. Wherever a position of the output becomes NaN,
it sees the position that was, and the rule must say so.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from fields_seen import predicted
from hypothesis import HealthCheck, given, settings
from op_harness import STRATEGIES, Case, _argument, _class, _plan

from lazyinspect.measure.axes import Axis, Lost, Seen, Step
from lazyinspect.measure.fields import RULES
from lazyinspect.measure.reach import ONE
from lazyinspect.network.functions import call_function
from lazyinspect.plan import ops
from lazyinspect.plan.ops.operands import flat
from lazyinspect.shapes import TensorType, tensors_of

FAMILIES = Path(__file__).parents[1] / "plan" / "ops"
EXAMPLES = int(os.environ.get("LAZYINSPECT_HYPOTHESIS", "4"))
BORDERS = (*"Reflect Replic Circul UpsamplingBi reflect replic circul lin bi tri".split(),)


def _declared() -> dict[str, Any]:
    sys.path.insert(0, str(FAMILIES))
    try:
        for path in sorted(FAMILIES.glob("test_*.py")):
            if "register(" in path.read_text(encoding="utf-8"):
                importlib.import_module(path.stem)
    finally:
        sys.path.remove(str(FAMILIES))
    return STRATEGIES


NAMES = [name for name in RULES if name in _declared()]


def test_every_rule_is_drawn() -> None:
    assert set(NAMES) == set(RULES)


@pytest.mark.parametrize("name", NAMES)
def test_rule_says_of_every_position_what_it_sees(name: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(STRATEGIES[name].strategy)
    def holds(case: Case) -> None:
        _hold(case)

    holds()


def _hold(case: Case) -> None:
    planned = _plan(case)
    given = [*case.values, *case.keyword_values.values()]
    kinds = [kind for _, kind in tensors_of(tuple(given))]
    if planned.error is not None or any(kind.dtype not in ("float32", "int64") for kind in kinds):
        return
    op = ops.eager(ops.table()[case.op])
    arguments = op.parameters.bind(case.args, case.keywords)
    args = type("Args", (), {**op.parameters.defaults, **arguments})
    modes = (case.op, getattr(args, "padding_mode", ""), getattr(args, "mode", ""))
    if any(mode.startswith(BORDERS) for mode in modes):
        return  # at a border these see other positions of the input
    total = sum(kind.rank for kind in kinds)
    place = 0

    def traced(value: Any) -> Any:
        nonlocal place
        if isinstance(value, TensorType):
            axes: list[Any] = [None] * total
            axes[place : place + value.rank] = [Axis(dim, ONE) for dim in range(value.rank)]
            place += value.rank
            return Seen(value.shape, tuple(axes))
        return tuple(map(traced, value)) if isinstance(value, tuple) else value

    values = [traced(value) for value in case.values]
    named = {key: traced(value) for key, value in case.keyword_values.items()}
    parameters = op.inputs.parameters
    if parameters and parameters[0].variadic:
        sources = tuple(flat(values))
    else:
        sources = (*values, *(named.get(each.name) for each in parameters[len(values) :]))
    outputs = [kind for _, kind in tensors_of(planned.output)]
    step = Step("it", op.name, args, sources, tuple([o.shape for o in outputs]), lambda _: None)
    if not step.tensors:
        return
    axes = RULES[op.name](step)
    every = axes if isinstance(axes, list) else [axes] * len(outputs)
    assert len(every) == len(outputs)
    if all(not isinstance(each, Axis) for found in every for each in found):
        return
    _compare(case, kinds, every)


def _compare(case: Case, kinds: list[TensorType], every: list[Any]) -> None:
    torch.manual_seed(0)
    row = ops.table()[case.op]
    run = None
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if ops.eager(row).kind == "layer":
            module = _class(row)(
                *map(_argument, case.args),
                **{name: _argument(value) for name, value in case.keywords.items()},
            )
            run = module.eval().double()
        index = 0
        for source, kind in enumerate(kinds):
            for dim, size in enumerate(kind.shape):
                if kind.dtype == "float32" and kind.numel:
                    for place in range(size):
                        outputs = _outputs(case, run, source, dim, place)
                        _inside(outputs, [axes[index] for axes in every], place)
                index += 1


def _outputs(case: Case, module: Any, source: int, dim: int, place: int) -> list[torch.Tensor]:
    """What comes out where the sources hold one NaN, across all other dimensions."""
    count = -1

    def filled(value: Any) -> Any:
        nonlocal count
        if isinstance(value, TensorType):
            count += 1
            if value.dtype == "int64":
                return torch.zeros(value.shape, dtype=torch.int64)
            made = torch.rand(value.shape, dtype=torch.float64)
            if count == source:
                made.select(dim, place).fill_(float("nan"))
            return made
        return tuple(map(filled, value)) if isinstance(value, tuple) else value

    values = tuple([filled(value) for value in case.values])
    named = {key: filled(value) for key, value in case.keyword_values.items()}
    if module is not None:
        output = module(*values, **named)
    else:
        given = ops.signature_of(case.op).bind(case.args, case.keywords)
        output = call_function(case.op, values, named, given)
    found: list[torch.Tensor] = []

    def collect(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            for item in value:
                collect(item)

    collect(output)
    return found


def _inside(outputs: list[torch.Tensor], axes: list[Any], place: int) -> None:
    for output, axis in zip(outputs, axes, strict=True):
        if isinstance(axis, Lost) or not output.numel():
            continue
        seen = output.isnan()
        if axis is None:
            assert not seen.any(), "it depends on what it should not"
            continue
        line = seen.movedim(axis.dim, 0).reshape(output.shape[axis.dim], -1).any(1)
        for position, is_seen in enumerate(line.tolist()):
            ends = predicted(axis, position)
            if is_seen:
                assert ends is not None, (position, place)
                assert ends[0] <= place <= ends[1], (position, place, ends)


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be wrong of a mean: that it passes its positions on."""
    monkeypatch.setitem(RULES, "cumsum", lambda step: step.first.axes)
    with pytest.raises(AssertionError):
        test_rule_says_of_every_position_what_it_sees("cumsum")
