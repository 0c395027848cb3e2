"""Random image networks: what is said of their sizes is what planning them shows."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lazyinspect import api
from lazyinspect.errors import LazyinspectError
from lazyinspect.formulas import Symbolic
from lazyinspect.measure.symbolic.compare import Evaluator
from lazyinspect.plan.plan import Plan, make_plan
from lazyinspect.spec.grammar import parse_spec
from lazyinspect.spec.model import Spec

networks = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def _padded(draw: st.DrawFn) -> dict[str, Any]:
    kernel = draw(st.integers(1, 5))
    stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    return {
        "kernel_size": kernel, "stride": stride, "dilation": dilation,
        "padding": draw(st.integers(0, kernel // 2)),
    }  # fmt: skip


def _step(draw: st.DrawFn, labels: list[str]) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(
            "conv conv pool pool average transposed upsample pad shuffle adaptive merge cat".split()
        )
    )
    if kind == "conv":
        return {"LazyConv2d": {"out_channels": 4, **_padded(draw)}}
    if kind == "pool":
        return {"MaxPool2d": {**_padded(draw), "ceil_mode": draw(st.booleans())}}
    if kind == "average":
        given = _padded(draw)
        del given["dilation"]
        return {"AvgPool2d": {**given, "ceil_mode": draw(st.booleans())}}
    if kind == "transposed":
        given = {"kernel_size": draw(st.integers(1, 4)), "stride": draw(st.integers(1, 3))}
        return {"LazyConvTranspose2d": {"out_channels": 4, **given}}
    if kind == "upsample":
        return {"Upsample": {"scale_factor": draw(st.sampled_from([2, 1.5, 0.5, 0.7]))}}
    if kind == "pad":
        mode = draw(st.sampled_from(["ZeroPad2d", "ReflectionPad2d", "CircularPad2d"]))
        return {mode: draw(st.integers(0, 3))}
    if kind == "shuffle":
        return {"PixelUnshuffle": 2}
    if kind == "adaptive":
        return {"AdaptiveAvgPool2d": draw(st.sampled_from([3, [None, 2]]))}
    if not labels:
        return {"ReLU": None}
    other = draw(st.sampled_from(labels))
    return {"cat": ["prev", other]} if kind == "cat" else {"add": ["prev", other]}


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    layers: dict[str, Any] = {}
    for k in range(draw(st.integers(1, 6))):
        layers[f"s{k}"] = _step(draw, list(layers))
    if draw(st.booleans()):
        layers |= {"flat": {"Flatten": None}, "fc": {"LazyLinear": 3}}
    size = draw(st.sampled_from([16, 21, 32]))
    text = json.dumps({"input": [1, 4, size, size], "layers": layers})
    spec = parse_spec(text, "net.yaml")
    assume(_planned(spec) is not None)
    return spec


def _symbolic(spec: Spec) -> Symbolic:
    return api.symbolic(spec, input=["N", 4, "H", "W"])


def _planned(spec: Spec, shape: tuple[int, ...] | None = None) -> Plan | None:
    try:
        return make_plan(spec, input=shape, insight=False)
    except LazyinspectError:
        return None


def _meets(found: Symbolic, values: dict[str, int], kinds: set[str]) -> bool:
    """Whether sizes keep to the conditions of these kinds."""
    for each in found.conditions:
        if each.kind not in kinds:
            continue
        value = each.formula.evaluate(values)
        holds = value >= 0 if each.relation == ">=" else (value == 0) is (each.relation == "==")
        if not holds:
            return False
    return True


@given(spec=specs(), height=st.integers(1, 50), width=st.integers(1, 50))
@settings(networks, max_examples=250)
def test_sizes_plan_where_the_conditions_hold_and_formulas_have_their_figures(
    spec: Spec, height: int, width: int
) -> None:
    found = _symbolic(spec)
    values = {"N": 2, "H": height, "W": width}
    plan = _planned(spec, (2, 4, height, width))
    if not _meets(found, values, {"required"}):
        assert plan is None, "a required condition is not met, and it plans"
        return
    if not _meets(found, values, {"assumed", "pinned"}):
        return  # other formulas hold there, as the condition says
    assert plan is not None, "all conditions are met, and it does not plan"
    assert not found.unknown
    value = Evaluator(values)
    for formulas, numbers in zip(found.report.layers, plan.rows, strict=True):
        for a, b in zip(formulas.outputs, numbers.outputs, strict=True):
            assert tuple(map(value, a.shape)) == b.shape
        assert value(formulas.macs) == numbers.macs
        assert value(formulas.param_count) == numbers.param_count
    weights = plan.state_dict() == api.plan(spec).state_dict()
    assert _meets(found, values, {"weights"}) is weights


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "a sum of two inputs": (
        "{input: {a: [2, 12, 8], b: [2, 12, 8]}, layers: [{add: [a, b]}]}",
        {"a": ["N", "T", 8], "b": ["N", "S", 8]},
    ),
    "a kernel as large as a size": (
        "{input: [2, 4, 24, 24], layers: [{AvgPool2d: $shape(2)}]}",
        {"input": ["N", 4, "H", "W"]},
    ),
    "a condition with a float on its left": (
        '{input: [2, 12, 8], layers: [{narrow: [1, 0, 2], if: "$20.5 > shape(1)"}]}',
        {"input": ["N", "T", 8]},
    ),
    "arithmetic with a float on its left": (
        '{input: [2, 12, 8], layers: [{narrow: [1, 0, "$int(24.0 / shape(1))"]}]}',
        {"input": ["N", "T", 8]},
    ),
    "a condition on two sizes": (
        '{input: [2, 4, 24, 24], layers: [{MaxPool2d: 2, if: "$shape(2) > shape(3)"}, '
        "{LazyConv2d: [2, 3], from: prev}]}",
        {"input": ["N", 4, "H", "W"]},
    ),
    "a condition on a product": (
        '{input: [2, 4, 24, 24], layers: [{MaxPool2d: 2, if: "$shape(2)*shape(3) > 100"}, '
        "{LazyConv2d: [2, 3], from: prev}]}",
        {"input": ["N", 4, "H", "W"]},
    ),
    "a rescaled image": (
        "{input: [2, 4, 24, 24], layers: [{interpolate: {scale_factor: 0.3, mode: bilinear}}, "
        "{LazyConv2d: [4, 3]}]}",
        {"input": ["N", 4, "H", "W"]},
    ),
    "pieces of a formula": (
        '{input: [2, 12, 8], layers: [{split: ["$shape(1)//2", 1], pick: 1}]}',
        {"input": ["N", "T", 8]},
    ),
}
"""Networks of which something was once said that does not hold."""


@pytest.mark.parametrize("case", CASES)
def test_sizes_that_meet_all_conditions_plan_to_the_formulas(case: str) -> None:
    text, given_ = CASES[case]
    spec = parse_spec(text, "net.yaml")
    found = api.symbolic(spec, input=given_)
    free = [name for name in found.planned if name != "N"]
    met = 0
    for sizes in product(range(1, 30), repeat=len(free)):
        values = {"N": 2, **dict(zip(free, sizes, strict=True))}
        try:
            meets = _meets(found, values, {"required", "assumed", "pinned"})
        except ZeroDivisionError:
            continue
        if not meets:
            continue
        met += 1
        shapes = {
            name: [values[s] if isinstance(s, str) else s for s in shape]
            for name, shape in given_.items()
        }
        plan = make_plan(spec, input=shapes, insight=False)
        value = Evaluator(values)
        for formulas, numbers in zip(found.report.layers, plan.rows, strict=True):
            for a, b in zip(formulas.outputs, numbers.outputs, strict=True):
                assert tuple(map(value, a.shape)) == b.shape
    assert met


@given(spec=specs())
@settings(networks, max_examples=40)
def test_the_sets_of_single_sizes_are_those_for_which_the_network_plans(spec: Spec) -> None:
    found = _symbolic(spec)
    if found.joint or any(each.kind in ("assumed", "pinned") for each in found.conditions):
        return
    width = found.planned["W"]
    for height in range(1, 45):
        works = _planned(spec, (1, 4, height, width)) is not None
        assert (height in found.plans["H"]) is works, height


@given(spec=specs())
@settings(networks, max_examples=40)
def test_no_smaller_sizes_work_than_the_least(spec: Spec) -> None:
    found = _symbolic(spec)
    if found.least is None or any(e.kind in ("assumed", "pinned") for e in found.conditions):
        return
    weights = api.plan(spec).state_dict()
    least = found.least

    def works(height: int, width: int) -> bool:
        plan = _planned(spec, (1, 4, height, width))
        return plan is not None and plan.state_dict() == weights

    assert works(least["H"], least["W"])
    most = max(least["H"], least["W"])
    if most <= 24:
        assert not any(works(h, w) for h in range(1, most) for w in range(1, most))
