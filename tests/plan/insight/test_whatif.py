"""What is said to work was planned, and the search for it ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazyinspect import api
from lazyinspect.errors import LazyinspectError
from lazyinspect.plan.insight import slips, whatif
from lazyinspect.plan.insight.edits import find_step, with_step
from lazyinspect.plan.insight.sizes import Grid, grid, smallest
from lazyinspect.plan.insight.whatif import Advice, Case, OutOfTrials, Trials
from lazyinspect.plan.plan import Plan, make_plan
from lazyinspect.plan.tree import InputType
from lazyinspect.shapes import TensorType
from lazyinspect.spec.grammar import parse_spec
from lazyinspect.spec.model import all_steps
from tests.support.diagnoses import advice, problems

CONFIGS = Path(__file__).parents[3] / "configs"

UNET = """
input: [1, 3, {height}, {width}]
blocks:
  Up:
    input: [x, skip]
    layers:
      up: {{LazyConvTranspose2d: [4, 2, 2], from: x}}
      merge: {{cat: [skip, up]}}
      conv: {{LazyConv2d: [4, 3, 1, 1]}}
layers:
  d1: {{LazyConv2d: [4, 3, 1, 1]}}
  p1: {{MaxPool2d: 2}}
  d2: {{LazyConv2d: [4, 3, 1, 1]}}
  p2: {{MaxPool2d: 2}}
  d3: {{LazyConv2d: [4, 3, 1, 1]}}
  p3: {{MaxPool2d: 2}}
  d4: {{LazyConv2d: [4, 3, 1, 1]}}
  p4: {{MaxPool2d: 2}}
  u4: {{Up: , from: [prev, d4]}}
  u3: {{Up: , from: [prev, d3]}}
  u2: {{Up: , from: [prev, d2]}}
  u1: {{Up: , from: [prev, d1]}}
"""


def unet(height: int, width: int) -> str:
    return UNET.format(height=height, width=width)


def works(text: str, shape: list[int]) -> bool:
    try:
        make_plan(parse_spec(text, "spec.yaml"), input=shape, insight=False)
    except LazyinspectError:
        return False
    return True


# -- sizes that meet again --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "rule", "shape"),
    [
        (250, 250, "height and width must be multiples of 16 here", "[1, 3, 256, 256]"),
        (250, 256, "height must be a multiple of 16 here", "[1, 3, 256, 256]"),
        (256, 70, "width must be a multiple of 16 here", "[1, 3, 256, 64]"),
        (250, 300, "height and width must be multiples of 16 here", "[1, 3, 256, 304]"),
        (17, 17, "height and width must be multiples of 16 here", "[1, 3, 16, 16]"),
    ],
)
def test_odd_sizes_at_a_skip_connection_get_the_rule_and_the_nearest(
    height: int, width: int, rule: str, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = advice(unet(height, width), monkeypatch)
    assert rule in said
    assert f"write `input: {shape}`" in said
    assert works(unet(height, width), [int(size) for size in re.findall(r"\d+", shape)])


def test_every_size_around_obeys_the_rule_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = advice(unet(250, 250), monkeypatch)
    assert "of 240 to 272, 240, 256 and 272 work" in said
    for size in range(240, 273):
        assert works(unet(250, 250), [1, 3, size, size]) == (size % 16 == 0), size


def test_sizes_that_are_a_step_apart_and_no_multiples_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """
input: [1, 4, 21]
layers:
  - {LazyConv1d: [4, 3], as: a}
  - MaxPool1d: 4
  - Upsample: {scale_factor: 4}
  - add: [prev, a]
"""
    said = advice(text, monkeypatch)
    assert (
        "length: the sizes that work are 4 apart here: of 18 to 26, 18, 22 and 26 work" not in said
    )
    text = text.replace("22]", "21]")
    said = advice(text, monkeypatch)
    assert "of 18 to 26, length may be 18, 22 or 26 here, 4 apart" in said


def test_a_branch_that_no_size_mends_gets_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
input: [1, 4, 9, 9]
layers:
  - {LazyConv2d: [4, 2], as: a}
  - LazyConv2d: [4, 2]
  - add: [prev, a]
"""
    said = advice(text, monkeypatch)
    assert "work" not in said
    assert "input" not in said


def test_a_grid_is_read_from_what_works() -> None:
    assert grid(lambda size: size % 16 == 0, 250) == Grid((240, 256, 272))
    assert grid(lambda size: size % 16 == 0, 250).step == 16  # type: ignore[union-attr]
    assert grid(lambda size: size in (250 - 3, 250 + 4, 250 + 6), 250).step is None  # type: ignore[union-attr]
    assert grid(lambda size: size > 250, 250) == Grid((251, 252))
    assert grid(lambda size: False, 250) is None
    assert Grid((240, 256, 272)).nearest(248) == 256


# -- the least input --------------------------------------------------------------------------


def test_the_least_size_is_exact_where_larger_is_always_enough() -> None:
    for least in (1, 2, 5, 63, 150):
        for start in (1, 2, 4, 62):
            if start < least:
                assert smallest(lambda size, n=least: size >= n, start) == (least, True)  # type: ignore[misc]


def test_the_least_size_is_exact_where_some_larger_do_not_work() -> None:
    assert smallest(lambda size: size % 32 == 0, 40) == (32, True)
    assert smallest(lambda size: size in (12, 64), 40) == (12, True)
    assert smallest(lambda size: size in (224, 225), 30) == (224, True)
    assert smallest(lambda size: False, 30) == (None, False)


def test_a_size_is_not_called_the_least_where_time_ran_out() -> None:
    tried: list[int] = []

    def budget(size: int) -> bool:
        tried.append(size)
        if len(tried) > 12:
            raise OutOfTrials
        return size >= 63

    assert smallest(budget, 16) == (63, False)


@pytest.mark.parametrize(
    ("config", "variant", "least"),
    [("alexnet", "", 63), ("vgg", "vgg11", 32), ("vgg", "vgg16_bn", 32)],
)
@pytest.mark.parametrize("given", [16, 31])
def test_the_least_input_of_known_networks_is_theirs(
    config: str, variant: str, least: int, given: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whatif, "MOST_SECONDS", 60.0)
    path = CONFIGS / f"{config}.yaml"
    with pytest.raises(LazyinspectError) as caught:
        api.plan(path, variant=variant or None, input=[1, 3, given, given])
    (problem,) = caught.value.problems
    assert problem.notes == (f"this input is too small: {least} x {least} is the least that works",)
    assert problem.help == f"run with --input 1,3,{least},{least}"


def test_a_size_that_something_else_needs_is_found_among_the_usual(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """
input: [1, 3, 5, 5]
layers: [LazyConv2d: [4, 7, 7], Flatten, Linear: [4096, 10]]
"""
    said = advice(text, monkeypatch)
    assert "this input is too small: 224 x 224 works" in said
    assert "least" not in said


def test_an_override_is_sent_back_to_the_specs_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
input: [1, 3, 75, 77]
layers: [LazyConv2d: [4, 7, 7], Flatten, Linear: [440, 10]]
"""
    said = advice(text, monkeypatch, input=[1, 3, 5, 5])
    assert said == "the spec's own input works: [1, 3, 75, 77]"


def test_a_step_that_later_ones_forbid_any_size_is_passed_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """
input: [1, 3, 8, 8]
layers:
  - {LazyConv2d: [8, 2], as: a}
  - LazyConv2d: [8, 8]
  - add: [prev, a]
"""
    said = advice(text, monkeypatch)
    assert said == "this input is too small: 9 x 9 is the least that gets past this step"


def test_a_rectangle_keeps_the_side_that_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "input: [1, 3, 4, 32]\nlayers: [LazyConv2d: [8, 7]]\n"
    said = advice(text, monkeypatch)
    assert "write `input: [1, 3, 7, 32]`" in said
    assert "7 x 7 is the least that works" in said


# -- steps written otherwise ------------------------------------------------------------------


def test_padding_that_keeps_the_size_is_found_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """
input: [1, 8, 56, 56]
layers:
  - LazyConv2d: [8, 1]
  - LazyConv2d: [8, {kernel}, {{stride: 1}}]
  - ReLU
  - add: [prev, input]
"""
    said = advice(text.format(kernel=3), monkeypatch)
    assert said == "`padding: 1` at line 5 keeps 56 x 56"
    said = advice(text.format(kernel=5), monkeypatch)
    assert said == "`padding: 2` at line 5 keeps 56 x 56"
    said = advice(text.format(kernel="[3, 1]"), monkeypatch)
    assert said == "`padding: [1, 0]` at line 5 keeps 56 x 56"


def test_padding_is_found_inside_a_block_and_for_several_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """
input: [1, 8, 56, 56]
blocks:
  Unit:
    params: {c: int, k: 3}
    layers:
      a: {LazyConv2d: [$c, $k]}
      b: {LazyConv2d: [$c, $k]}
      sum: {add: [b, input]}
layers:
  - Unit: 8
"""
    said = advice(text, monkeypatch)
    assert said == "`padding: 1` at lines 7 and 8 keeps 56 x 56"


def test_no_padding_is_said_where_the_stride_is_what_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """
input: [1, 8, 56, 56]
layers:
  - LazyConv2d: [8, 3, 2]
  - add: [prev, input]
"""
    assert "padding" not in advice(text, monkeypatch)


def test_output_padding_is_found_where_a_transposed_convolution_is_one_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """
input: [1, 4, 10, {width}]
layers:
  - LazyConv2d: [4, 3, 2, 1]
  - LazyConvTranspose2d: [4, 3, 2, 1]
  - add: [prev, input]
"""
    assert advice(text.format(width=10), monkeypatch) == (
        "`output_padding: 1` at line 5 makes it 10 x 10"
    )
    said = advice(text.format(width=9), monkeypatch)
    assert said == "`output_padding: [1, 0]` at line 5 makes it 10 x 9"


def test_a_shortcut_of_other_channels_is_bridged(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
input: [1, 16, 8, 8]
layers:
  - LazyConv2d: [64, 3, {stride}, 1]
  - ReLU
  - add: [prev, input]
"""
    for stride, args in ((1, "[64, 1]"), (2, "[64, 1, 2]")):
        remedy = f"add: [prev, [{{LazyConv2d: {args}, from: input}}]]"
        said = advice(text.format(stride=stride), monkeypatch)
        assert said == f"bring the shortcut to 64 channels: `{remedy}`"
        mended = text.format(stride=stride).replace("add: [prev, input]", remedy)
        assert make_plan(parse_spec(mended, "spec.yaml")).outputs[0].shape[1] == 64


def test_a_parameter_of_positions_takes_the_length_that_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """
input: [1, 197, 64]
layers:
  seq: {LazyLinear: 64}
  pos: {Parameter: [1, 196, 64]}
  sum: {add: [seq, pos]}
"""
    remedy = "{Parameter: [1, $shape(1), 64], from: seq}"
    said = advice(text, monkeypatch)
    assert f"`{remedy}` at line 5 takes the size from `seq`" in said
    assert "it was written for 196, and 197 arrive" in said
    make_plan(parse_spec(text.replace("{Parameter: [1, 196, 64]}", remedy), "spec.yaml"))


def test_a_factor_that_fits_transposed_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
input: [1, 10, 64]
layers:
  q: {LazyLinear: 32}
  k: {LazyLinear: 32, from: input}
  qk: {matmul: [q, k]}
"""
    remedy = "matmul: [q, [{transpose: [-2, -1], from: k}]]"
    assert advice(text, monkeypatch) == f"did you mean `{remedy}`?"
    mended = make_plan(parse_spec(text.replace("matmul: [q, k]", remedy), "spec.yaml"))
    assert mended.outputs[0].shape == (1, 10, 10)


def test_factors_that_fit_neither_way_are_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
input: [1, 10, 64]
layers:
  q: {LazyLinear: 32}
  k: [{transpose: [1, 2], from: input}, LazyLinear: 31]
  qk: {matmul: [q, k]}
"""
    assert "did you mean" not in advice(text, monkeypatch)


# -- the engine -------------------------------------------------------------------------------

SMALL = "input: [1, 3, 4, 4]\nlayers:\n  - LazyConv2d: [8, 7]\n  - ReLU\n"


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def trials(text: str, clock: Clock) -> tuple[Trials, list[int]]:
    spec = parse_spec(text, "spec.yaml")
    calls: list[int] = []

    def again(*, most: int, **options: object) -> Plan:
        calls.append(1)
        return make_plan(**{"spec": spec, "insight": False, "max_steps": most, **options})  # type: ignore[arg-type]

    with pytest.raises(LazyinspectError) as caught:
        make_plan(spec)
    inputs = (InputType("input", TensorType((1, 3, 4, 4)), None),)
    return Trials(again, spec, inputs, list(caught.value.problems), clock), calls


def test_a_trial_is_planned_once() -> None:
    tried, calls = trials(SMALL, Clock())
    assert not tried.works()
    assert not tried.works({"input": (1, 3, 4, 4)})
    assert tried.works({"input": (1, 3, 7, 7)})
    assert tried.works({"input": (1, 3, 7, 7)})
    assert len(calls) == tried.count == 2


def test_trials_end_when_their_time_is_over_and_keep_what_is_known() -> None:
    clock = Clock()
    tried, _ = trials(SMALL, clock)
    assert tried.works({"input": (1, 3, 7, 7)})
    clock.now = 1.0
    with pytest.raises(OutOfTrials):
        tried.works({"input": (1, 3, 8, 8)})
    assert tried.works({"input": (1, 3, 7, 7)})


def test_trials_end_after_their_number() -> None:
    tried, calls = trials(SMALL, Clock())
    with pytest.raises(OutOfTrials):
        for size in range(1, 1_000):
            tried.works({"input": (1, 3, size, size)})
    assert len(calls) == whatif.MOST_TRIALS


def test_a_trial_that_would_make_a_far_larger_network_tells_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whatif, "MOST_TRIAL_STEPS", 50)
    text = """
input: [1, 3, 6, 6]
layers:
  - {LazyConv2d: [8, 7]}
  - Sequential: [{ReLU: , repeat: $100*shape(2)}]
"""
    (problem,) = problems(text, monkeypatch)
    assert problem.notes == ()
    monkeypatch.setattr(whatif, "MOST_TRIAL_STEPS", 20_000)
    (problem,) = problems(text, monkeypatch)
    assert problem.notes == ("this input is too small: 7 x 7 is the least that works",)


def test_an_insight_that_fails_leaves_the_problem_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(case: Case) -> Advice | None:
        raise ZeroDivisionError

    monkeypatch.setattr(slips, "SLIPS", (broken,))
    with pytest.raises(LazyinspectError) as caught:
        make_plan(parse_spec(SMALL, "spec.yaml"))
    (problem,) = caught.value.problems
    assert problem.message.startswith("LazyConv2d has a kernel of 7")
    assert problem.notes == ()


def test_a_large_network_is_not_planned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatif, "MOST_STEPS", 1)
    text = "input: [1, 3, 4, 4]\nlayers:\n  - ReLU\n  - ReLU\n  - LazyConv2d: [8, 7]\n"
    (problem,) = problems(text, monkeypatch)
    assert problem.notes == ()


def test_an_edit_changes_one_step_and_leaves_the_spec_alone() -> None:
    text = """
input: [1, 3, 8, 8]
blocks: {B: {layers: [ReLU, [Tanh]]}}
layers:
  - B
  - Sequential: [Sigmoid]
  - add: [prev, [LazyConv2d: [3, 1]]]
"""
    spec = parse_spec(text, "spec.yaml")
    for op in ("ReLU", "Tanh", "Sigmoid", "LazyConv2d"):
        bodies = (*spec.blocks.values(), spec.network)
        step = next(s for body in bodies for s in all_steps(body.layers) if s.op == op)
        assert find_step(spec, step.mark) is step
        changed = with_step(spec, step, lambda old: old.__class__("Identity", old.mark))
        assert len(make_plan(changed).rows) == len(make_plan(spec).rows)
        found = find_step(changed, step.mark)
        assert found is not None
        assert found.op == "Identity"
        assert find_step(spec, step.mark) is step


def test_several_mistakes_each_get_their_own_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
input: [1, 3, 8, 8]
layers:
  a: {LazyConv2d: [8, 9]}
  b: {Linear: [7, 2], from: input}
"""
    first, second = problems(text, monkeypatch)
    assert "9 x 9 is the least" not in second.help
    assert second.help == "`LazyLinear: 2` counts by itself; by hand it is `Linear: [8, 2]`"
    assert first.notes == ("this input is too small: 9 x 9 is the least that gets past this step",)


# -- laws -------------------------------------------------------------------------------------


@st.composite
def networks(draw: st.DrawFn) -> str:
    """Convolutions and poolings with a skip connection around some of them, or a Linear behind."""
    height, width = draw(st.integers(4, 40)), draw(st.integers(4, 40))
    kernel, pad = draw(st.integers(1, 5)), draw(st.integers(0, 2))
    pool, depth = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    lines = [f"input: [1, 2, {height}, {width}]", "layers:"]
    lines.append(f"  a: {{LazyConv2d: [4, {kernel}, 1, {pad}]}}")
    lines.extend(f"  p{n}: {{MaxPool2d: {pool}}}" for n in range(depth))
    lines.extend(f"  u{n}: {{Upsample: {{scale_factor: {pool}}}}}" for n in range(depth))
    if draw(st.booleans()):
        lines.append("  join: {cat: [a, prev]}")
    else:
        lines += ["  flat: Flatten", f"  fc: {{Linear: [{4 * draw(st.integers(1, 12)) ** 2}, 3]}}"]
    return "\n".join(lines)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(networks())
def test_every_input_that_is_said_to_work_works_and_every_rule_holds(text: str) -> None:
    spec = parse_spec(text, "spec.yaml")

    def plans(*sizes: int) -> bool:
        try:
            make_plan(spec, input=[1, 2, *sizes], insight=False)
        except LazyinspectError:
            return False
        return True

    try:
        make_plan(spec)
    except LazyinspectError as error:
        (problem,) = error.problems
        said = "\n".join((problem.help, *problem.notes))
    else:
        return
    for shape in re.findall(r"write `input: \[1, 2, (\d+), (\d+)\]`", said):
        assert plans(*map(int, shape)), said
    for low, high in re.findall(r"an input of (\d+) x \d+ (?:to (\d+) x \d+ )?would", said):
        for size in range(int(low), int(high or low) + 1):
            assert plans(size, size), said
    for least in re.findall(r"too small: (\d+) x \d+ is the least that works", said):
        assert plans(int(least), int(least)), said
        assert not any(plans(size, size) for size in range(1, int(least))), said
    height, width = map(int, re.findall(r"\d+", text.splitlines()[0])[2:])
    for axes, step, low, high in re.findall(
        r"(.*) must be (?:a multiple|multiples) of (\d+) here: of (\d+) to (\d+)", said
    ):
        for size in range(int(low), int(high) + 1):
            both = "and" in axes
            sizes = (size if both or axes == "height" else height,
                     size if both or axes == "width" else width)  # fmt: skip
            assert plans(*sizes) == (size % int(step) == 0), said
