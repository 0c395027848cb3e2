"""Receptive fields, held against what positions of real networks see."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from fields_seen import check, followed
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import plan_of

from lazyinspect import api
from lazyinspect.errors import NetworkError, SpecError
from lazyinspect.measure.axes import Axis, reshaped
from lazyinspect.measure.field import receptive_fields
from lazyinspect.measure.fields import RULES
from lazyinspect.plan.ops import eager, table
from lazyinspect.plan.plan import Plan
from lazyinspect.probe import materialised
from lazyinspect.report import NoField, ReceptiveField

CONFIGS = Path(__file__).parents[2] / "configs"

torch.set_num_threads(1)


def field_of(plan: Plan, path: str = "") -> ReceptiveField | NoField:
    fields = dict(zip([row.path for row in plan.rows], receptive_fields(plan), strict=True))
    return fields[path]


def absence(plan: Plan, path: str = "") -> str:
    field = field_of(plan, path)
    assert isinstance(field, NoField), field
    return field.reason


def image(layers: str, shape: str = "1, 3, 64, 64") -> Plan:
    return plan_of(f"input: [{shape}]\nlayers:\n{layers}")


def seen(layers: str, shape: str = "1, 3, 64, 64", **options: Any) -> int:
    """How many positions' fields the network of these layers confirms."""
    plan = image(layers, shape)
    return check(plan, materialised(plan), **options)


# --- figures that are known


def test_vgg16_has_the_published_fields() -> None:
    plan = api.plan(CONFIGS / "vgg.yaml", variant="vgg16")
    field = field_of(plan, "features.30")
    assert isinstance(field, ReceptiveField)
    # Araujo, Norris, Sim: https://distill.pub/2019/computing-receptive-fields/
    assert (field.size, field.jump, field.padding) == ((212, 212), (32, 32), (90, 90))


@pytest.mark.parametrize(
    ("name", "variant", "path", "size", "jump"),
    [
        ("alexnet", None, "features.12", 195, 32),
        ("resnet_basic", "r18", "layer4", 435, 32),
        ("resnet", "r50", "layer4", 427, 32),
        ("resnet", "r101", "layer4", 971, 32),
    ],
)
def test_configs_have_the_known_fields(
    name: str, variant: str | None, path: str, size: int, jump: int
) -> None:
    field = field_of(api.plan(CONFIGS / f"{name}.yaml", variant=variant), path)
    assert isinstance(field, ReceptiveField)
    assert (field.size, field.jump) == ((size, size), (jump, jump))


# --- against real networks


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel:UserWarning")
@pytest.mark.parametrize(
    "layers",
    [
        "  - LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1}\n"
        "  - LazyConv2d: {out_channels: 4, kernel_size: [3, 5], stride: 2}\n"
        "  - LazyConv2d: {out_channels: 4, kernel_size: 3, dilation: [2, 3]}",
        "  - LazyConv2d: {out_channels: 4, kernel_size: 4, padding: same}\n"
        "  - LazyConv2d: {out_channels: 4, kernel_size: 2, padding: same, dilation: 3}",
        "  - LazyDepthwiseConv2d: {kernel_size: 7, padding: 3, stride: 4}\n"
        "  - LazyConv2d: {out_channels: 6, kernel_size: 3, groups: 3}",
        "  - MaxPool2d: {kernel_size: 3, stride: 2, padding: 1, dilation: 2, ceil_mode: true}\n"
        "  - AvgPool2d: {kernel_size: [3, 2], stride: [2, 1]}\n"
        "  - LPPool2d: {norm_type: 2, kernel_size: 3, stride: 2, ceil_mode: true}",
        "  - ReflectionPad2d: [[1, 2, 3, 4]]\n"
        "  - LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 2, padding_mode: circular}\n"
        "  - ZeroPad2d: [[-3, 1, 0, -5]]",
        "  - LazyConv2d: {out_channels: 4, kernel_size: 3, stride: 4}\n"
        "  - LazyConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 2}\n"
        "  - LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1}",
        "  - LazyConvTranspose2d: {out_channels: 2, kernel_size: 3, stride: 5, dilation: 2, "
        "padding: 1, output_padding: 1}\n"
        "  - MaxPool2d: 2",
        "  - AvgPool2d: 2\n  - Upsample: {scale_factor: 2}\n  - LazyConv2d: [4, 3]",
        "  - AvgPool2d: 2\n  - Upsample: {scale_factor: 3, mode: nearest-exact}\n  - AvgPool2d: 2",
        "  - Upsample: {size: [16, 32], mode: nearest}\n  - AvgPool2d: 2",
        "  - AvgPool2d: 4\n  - Upsample: {scale_factor: 2, mode: bilinear}\n  - MaxPool2d: [3, 1]",
        "  - AvgPool2d: 2\n  - interpolate: {scale_factor: 4.0, mode: bicubic}\n  - AvgPool2d: 1",
        "  - Upsample: {scale_factor: 0.25, mode: bilinear}",
        "  - AvgPool2d: 2\n  - UpsamplingBilinear2d: {size: [48, 40]}",
        "  - AdaptiveAvgPool2d: [[16, 10]]\n  - AdaptiveMaxPool2d: [[7, 5]]",
        "  - LazyConv2d: {out_channels: 8, kernel_size: 3, stride: 2}\n  - PixelShuffle: 2\n"
        "  - PixelUnshuffle: 2",
        "  - LazyConv2d: {out_channels: 4, kernel_size: 3}\n  - LazyBatchNorm2d\n  - ReLU\n"
        "  - Dropout: 0.5\n  - narrow: {dim: 2, start: 5, length: 40}",
        "  - permute: [0, 2, 3, 1]\n  - LazyLinear: 4\n  - LazyLayerNorm\n"
        "  - permute: [0, 3, 1, 2]\n  - LazyConv2d: [4, 3, 2]",
    ],
)
def test_field_is_what_the_network_sees(layers: str) -> None:
    assert seen(layers + "\n  - Identity", margin=8) > 4


RESIDUAL = """
  stem: {LazyConv2d: {out_channels: 4, kernel_size: 5, stride: 2, padding: 2}}
  sum:
    add:
      - [{LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1, stride: 2}}, ReLU,
         {LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1}}]
      - [{LazyConv2d: {out_channels: 4, kernel_size: 1, stride: 2}}]
  both: {cat: [sum, sum]}
  end: Identity"""


def test_field_of_a_residual_is_that_of_the_longer_path() -> None:
    assert seen(RESIDUAL, margin=2) > 4
    field = field_of(image(RESIDUAL))
    assert isinstance(field, ReceptiveField)
    assert (field.size, field.jump, field.start) == ((17, 17), (4, 4), (-8, -8))


UNET = """
  - {LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1}, as: top}
  - MaxPool2d: 2
  - {LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1}, as: mid}
  - MaxPool2d: 2
  - LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - LazyConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 2}
  - cat: [mid, prev]
  - LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - LazyConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 2}
  - cat: [top, prev]
  - LazyConv2d: {out_channels: 4, kernel_size: 3, padding: 1}"""


def test_field_goes_through_the_skips_of_a_u_net() -> None:
    assert seen(UNET, "1, 1, 96, 64", count=16) == 32
    field = field_of(image(UNET, "1, 1, 96, 64"))
    assert isinstance(field, ReceptiveField)
    assert field.jump == (1, 1)
    assert field.period == (4, 4)
    assert field.least < field.size


@pytest.mark.parametrize(("path", "least"), [("layer2", 8), ("layer4.0.downsample", 2)])
def test_field_of_resnet18_is_what_it_sees(path: str, least: int) -> None:
    plan = api.plan(CONFIGS / "resnet_basic.yaml", variant="r18", input=[1, 3, 288, 32])
    assert check(plan, materialised(plan), path, count=2) >= 1


def _windows(draw: Any, name: str, kernel: int, **more: int) -> str:
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{name}: {{kernel_size: {kernel}{extra}}}"


@st.composite
def chains(draw: Any) -> str:
    """Layers over one dimension, each made to fit whatever goes in."""
    lines = []
    small = lambda least, most: draw(st.integers(least, most))  # noqa: E731
    for _ in range(small(1, 5)):
        kind = draw(st.sampled_from(["conv", "pool", "pad", "up", "spread", "adaptive", "crop"]))
        kernel, stride = small(1, 4), small(1, 3)
        if kind == "conv":
            padding, dilation = small(0, 3), small(1, 3)
            line = _windows(draw, "LazyConv1d", kernel, stride=stride, padding=padding,
                            dilation=dilation, out_channels=2)  # fmt: skip
        elif kind == "pool":
            name = draw(st.sampled_from(["MaxPool1d", "AvgPool1d"]))
            line = _windows(draw, name, kernel, stride=stride, padding=small(0, kernel // 2))
        elif kind == "pad":
            name = draw(st.sampled_from(["ZeroPad1d", "ReplicationPad1d", "CircularPad1d"]))
            line = f"{name}: [[{small(0, 3)}, {small(0, 3)}]]"
        elif kind == "up":
            dilation = small(1, 2)
            extra = small(0, max(stride, dilation) - 1)
            line = _windows(draw, "LazyConvTranspose1d", kernel, stride=stride, out_channels=2,
                            padding=small(0, 1), dilation=dilation, output_padding=extra,
                            )  # fmt: skip
        elif kind == "spread":
            line = f"Upsample: {{scale_factor: {small(2, 4)}}}"
        elif kind == "adaptive":
            line = f"AdaptiveAvgPool1d: {small(9, 40)}"
        else:
            line = f"ZeroPad1d: [[-{small(0, 3)}, -{small(0, 3)}]]"
        lines.append(f"  - {line}")
    return "\n".join([*lines, "  - Identity"])


@settings(max_examples=60, deadline=None)
@given(chains())
def test_field_of_any_chain_is_what_it_sees(layers: str) -> None:
    try:
        plan = image(layers, "1, 2, 90")
        net = materialised(plan)
    except (NetworkError, SpecError):
        return  # one of the layers has no room left
    if isinstance(followed(plan, "").axes[2], Axis):
        check(plan, net, margin=24, count=8)


# --- where there is none


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (
            "  - {LazyConv2d: [4, 3]}\n  - {AdaptiveAvgPool2d: 1}\n  - Sigmoid",
            "after `1` (AdaptiveAvgPool2d, line 4) every position sees all positions before it",
        ),
        (
            "  - {LazyConv2d: [4, 3]}\n  - Flatten",
            "`1` (Flatten, line 4) lays out the positions anew",
        ),
        (
            "  - {LazyConv2d: [4, 3]}\n  - {LazyGroupNorm: 2}",
            "after `1` (GroupNorm, line 4) every position sees all positions before it",
        ),
        (
            "  - {LazyConv2d: [4, 3]}\n  - {InstanceNorm2d: 4}",
            "after `1` (InstanceNorm2d, line 4) every position sees all positions before it",
        ),
        (
            "  - {LazyConv2d: [4, 3]}\n  - {BatchNorm2d: {num_features: 4, "
            "track_running_stats: false}}",
            "after `1` (BatchNorm2d, line 4) every position sees all positions before it",
        ),
        (
            "  - {LazyConv2d: [4, 3]}\n  - {mean: {dim: [2, 3]}}",
            "after `1` (mean, line 4) every position sees all positions before it",
        ),
        (
            "  - {LazyConv2d: [4, 3]}\n  - {Upsample: {size: [50, 70]}}",
            "`1` (Upsample, line 4) resamples by a factor that is not whole",
        ),
        (
            "  - {LazyConv2d: [4, 3], as: a}\n  - {transpose: [2, 3]}\n  - {add: [a, prev]}",
            "`2` (add, line 5) joins a dimension of the input with another",
        ),
        (
            "  - {LazyConv2d: [4, 1], as: a}\n  - {AvgPool2d: [2, 2]}\n"
            "  - {pad: [[16, 16, 16, 16]]}\n  - {add: [a, prev]}",
            "`3` (add, line 6) joins paths whose jumps differ, 1 and 2",
        ),
        ("  - {flatten: 1}\n  - {LazyLinear: 3}", "no window slides over a dimension of the input"),
        (
            "  - {flatten: 2}\n  - {LazyConv1d: [3, 3]}",
            "`0` (flatten, line 3) lays out the positions anew",
        ),
    ],
)  # fmt: skip
def test_absent_field_says_why(layers: str, reason: str) -> None:
    assert absence(image(layers)) == reason


def test_own_class_ends_the_field_and_is_named() -> None:
    text = (
        "input: [1, 3, 32, 32]\nlayers:\n  - LazyConv2d: [4, 3]\n"
        "  - docs.examples.swish.Swish: {}\n  - ReLU"
    )
    plan = plan_of(text, allow=["docs.examples.swish.Swish"])
    reason = absence(plan, "2")
    assert reason.startswith("`1` (docs.examples.swish.Swish, line 4) is a class of your own")


def test_squeeze_and_excitation_sees_everything() -> None:
    plan = image(
        "  - {LazyConv2d: [4, 3], as: x}\n  - {AdaptiveAvgPool2d: 1}\n  - {LazyConv2d: [4, 1]}\n"
        "  - Sigmoid\n  - {mul: [x, prev]}\n  - {LazyConv2d: [4, 3]}"
    )
    assert absence(plan).startswith("after `1` (AdaptiveAvgPool2d, line 4) every position")
    assert isinstance(field_of(plan, "0"), ReceptiveField)


def test_learned_tensor_sees_no_input_and_changes_no_field() -> None:
    plan = image(
        "  conv: {LazyConv2d: [4, 3]}\n  scale: {Parameter: [1, 4, 1, 1]}\n"
        "  out: {mul: [conv, scale]}"
    )
    assert absence(plan, "scale") == "it does not depend on the input"
    assert field_of(plan, "out") == field_of(plan, "conv")


def test_fields_of_several_inputs_are_given_where_they_are_equal() -> None:
    text = (
        "input: {a: [1, 3, 32, 32], b: [1, 3, 32, 32], t: [1, 4]}\nlayers:\n"
        "  x: {LazyConv2d: [4, 3], from: a}\n  y: {LazyConv2d: [4, 3, 1, 0], from: b}\n"
        "  g: {LazyLinear: 8, from: t}\n  s: {view: [1, 8, 1, 1]}\n"
        "  out: {cat: [x, y]}\n  film: {mul: [out, s]}"
    )
    same = field_of(plan_of(text), "film")
    assert isinstance(same, ReceptiveField)
    assert (same.inputs, same.size) == (("a", "b"), (3, 3))
    other = plan_of(text.replace("[4, 3, 1, 0]", "[4, 5, 1, 1]"))
    assert absence(other, "out") == "its fields with regard to `a` and `b` differ"


def test_tokens_have_a_field_through_their_embedding() -> None:
    plan = plan_of(
        "input: {shape: [1, 40], dtype: int64, high: 9}\nlayers:\n  - Embedding: [9, 6]\n"
        "  - transpose: [1, 2]\n  - LazyConv1d: [4, 3, 2]\n  - LazyConv1d: [4, 3]"
    )
    field = field_of(plan)
    assert isinstance(field, ReceptiveField)
    assert (field.dims, field.size, field.jump) == ((1,), (7,), (2,))


def test_pieces_of_a_split_have_fields_of_their_own() -> None:
    plan = image("  - {split: [32, 2], as: [a, b]}\n  - {LazyConv2d: [4, 3], from: b}")
    field = field_of(plan, "1")
    assert isinstance(field, ReceptiveField)
    assert field.start == (32, 0)
    assert absence(plan, "0") == "its outputs have different fields"


def test_jump_of_an_upsampling_is_a_fraction() -> None:
    field = field_of(image("  - {Upsample: {scale_factor: 3}}"))
    assert isinstance(field, ReceptiveField)
    assert field.jump == (Fraction(1, 3), Fraction(1, 3))
    assert (field.period, field.size, field.start) == ((3, 3), (1, 1), (0, 0))


def test_long_period_is_absent_with_its_reason() -> None:
    reason = absence(image("  - {Upsample: {scale_factor: 2000}}", "1, 1, 4"))
    assert "repeat over more than 1,024 positions" in reason


# --- laws


def test_every_row_of_the_op_table_has_a_rule() -> None:
    assert {eager(row).name for row in table().values()} == set(RULES)


def test_op_without_a_rule_is_absent_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, "ReLU")
    reason = absence(image("  - {LazyConv2d: [4, 3]}\n  - ReLU"))
    assert reason == "there is no rule for `1` (ReLU, line 4)"


def test_no_rule_fails_on_a_network_of_the_zoo() -> None:
    for path in sorted(CONFIGS.glob("*.yaml")):
        if path.name.endswith(".lock.yaml"):
            continue
        spec = api.load(path)
        for variant in [*api.variants(spec), None][:2]:
            plan = api.plan(path, variant=variant)
            assert len(receptive_fields(plan)) == len(plan.rows)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_reshape_keeps_dimensions_that_stand_alone(sizes: list[int], data: st.DataObject) -> None:
    """A kept dimension has its size, and as many elements before it and behind it."""
    flat = 1
    for size in sizes:
        flat *= size
    after: list[int] = []
    rest = flat
    while rest > 1:
        size = data.draw(st.sampled_from([d for d in range(2, rest + 1) if rest % d == 0]))
        after.append(size)
        rest //= size
    after = after or [1]

    def stride(shape: list[int], dim: int) -> int:
        found = 1
        for size in shape[dim + 1 :]:
            found *= size
        return found

    for dim, place in reshaped(tuple(sizes), tuple(after)).items():
        if sizes[dim] != 1:
            assert sizes[dim] == after[place]
            assert stride(sizes, dim) == stride(after, place)
