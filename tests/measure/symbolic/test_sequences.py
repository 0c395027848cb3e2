"""Random sequence networks: what is said of their lengths is what planning them shows."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lazyinspect import api
from lazyinspect.errors import LazyinspectError
from lazyinspect.formulas import Condition
from lazyinspect.measure.memory import activations
from lazyinspect.measure.symbolic.compare import Evaluator
from lazyinspect.plan.plan import Plan, make_plan
from lazyinspect.sizes.size import Size
from lazyinspect.spec.grammar import parse_spec
from lazyinspect.spec.model import Spec

WIDTH = 8
STEPS: dict[str, list[Any]] = {
    "linear": [{"LazyLinear": WIDTH}],
    "norm": ["LazyLayerNorm"],
    "attention": [{"LazyMultiheadAttention": [2, {"batch_first": True}],
                   "from": ["prev", "prev", "prev"], "pick": 0}],
    "recurrent": [{"LazyGRU": [WIDTH, {"batch_first": True}], "pick": 0}],
    "along": [{"transpose": [1, 2]}, {"LazyConv1d": [WIDTH, 3, 2, 1]}, {"transpose": [1, 2]}],
    "pool": [{"transpose": [1, 2]}, {"AvgPool1d": [2, {"ceil_mode": True}]}, {"transpose": [1, 2]}],
    "heads": [{"unflatten": [2, [2, -1]]}, {"transpose": [1, 2]}, {"transpose": [1, 2]},
              {"flatten": 2}],
    "pairs": [{"view": [-1, 2, WIDTH]}, {"mean": 1}, {"unsqueeze": 0}],
    "fold": [{"reshape": ["$shape(0)", -1, 4]}, {"LazyLinear": WIDTH}],
    "halve": [{"narrow": [1, 0, "$shape(1)//2"]}],
    "pad": [{"pad": [[0, 0, 1, 2]]}],
    "twice": [{"repeat": [1, 2, 1]}],
    "short": [{"splice": ["LazyLayerNorm"], "if": "$shape(1) > 5"}],
}  # fmt: skip


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    kinds = draw(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5))
    layers: list[Any] = []
    for kind in kinds:
        if kind == "short":
            layers.append({"LazyLayerNorm": None, "if": "$shape(1) > 5", "from": "prev"})
        else:
            layers += STEPS[kind]
    text = json.dumps({"input": [2, draw(st.sampled_from([6, 8, 12])), WIDTH], "layers": layers})
    spec = parse_spec(text, "net.yaml")
    assume(_planned(spec) is not None)
    return spec


def _planned(spec: Spec, shape: tuple[int, ...] | None = None) -> Plan | None:
    try:
        return make_plan(spec, input=shape, insight=False)
    except LazyinspectError:
        return None


def _holds(each: Condition, values: dict[str, int]) -> bool:
    value = each.formula.evaluate(values)
    return value >= 0 if each.relation == ">=" else (value == 0) is (each.relation == "==")


@given(spec=specs(), batch=st.integers(1, 5), length=st.integers(1, 30))
@settings(
    deadline=None, derandomize=True, max_examples=150, suppress_health_check=list(HealthCheck)
)
def test_lengths_plan_where_the_conditions_hold_and_formulas_have_their_figures(
    spec: Spec, batch: int, length: int
) -> None:
    found = api.symbolic(spec, input=["N", "T", WIDTH])
    values = {"N": batch, "T": length}
    plan = _planned(spec, (batch, length, WIDTH))
    by_kind = {kind: [c for c in found.conditions if c.kind == kind]
               for kind in ("required", "assumed", "pinned", "weights")}  # fmt: skip
    if not all(_holds(each, values) for each in by_kind["required"]):
        assert plan is None
        return
    if not all(_holds(each, values) for each in [*by_kind["assumed"], *by_kind["pinned"]]):
        return
    assert plan is not None and not found.unknown
    value = Evaluator(values)
    for formulas, numbers in zip(found.report.layers, plan.rows, strict=True):
        for a, b in zip(formulas.outputs, numbers.outputs, strict=True):
            assert tuple(map(value, a.shape)) == b.shape
        assert value(formulas.macs) == numbers.macs
        assert value(formulas.param_count) == numbers.param_count
    # a tensor with a size of 1 lies in order where others are copied: less is alive then
    sizes = [size for row in found.report.layers for t in row.outputs for size in t.shape]
    inside = [value(size) for size in sizes if isinstance(size, Size)]
    if 0 in inside:
        return  # nothing is anywhere
    ordinary = 1 not in (batch, length, *inside)
    totals = found.report.totals
    told = totals.activation_bytes, totals.peak_inference_bytes
    for formula, real in zip(told, activations(plan), strict=True):
        if formula is not None and real is not None:
            assert value(formula) == real if ordinary else (value(formula) or 0) >= real
