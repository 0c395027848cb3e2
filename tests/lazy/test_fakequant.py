"""FakeQuantConv2d, its lazy form, and conv2d_weight_fake_quant, against a hand computation."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from lazyinspect.lazy import (
    FakeQuantConv2d,
    InferenceError,
    LazyConv2d,
    LazyFakeQuantConv2d,
    conv2d_weight_fake_quant,
    initialisation,
)
from lazyinspect.lazy.fakequant import _composed, fake_quantized

RANGES = [(-128, 127), (-8, 7), (-2, 1), (-127, 127), (0, 3), (-1, 5)]
X = torch.randn(2, 3, 8, 8)


def by_hand(weight: torch.Tensor, low: int, high: int) -> torch.Tensor:
    channels = []
    for channel in weight:
        scale = max(abs(float(v)) for v in channel.flatten()) / high
        grid = [min(max(round(float(v) / scale), low), high) * scale for v in channel.flatten()]
        channels.append(torch.tensor(grid).view_as(channel))
    return torch.stack(channels)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_weights_are_rounded_to_the_grid_of_each_channel(low: int, high: int) -> None:
    torch.manual_seed(1)
    weight = torch.randn(4, 3, 3, 3) * torch.tensor([1.0, 10.0, 0.1, 3.0]).view(4, 1, 1, 1)
    rounded = fake_quantized(weight, (low, high))
    assert torch.allclose(rounded, by_hand(weight, low, high), rtol=1e-5, atol=0)
    for channel, original in zip(rounded, weight, strict=True):
        steps = channel / (original.abs().max() / high)
        assert torch.allclose(steps, steps.round(), atol=1e-4)
        assert steps.min() >= low - 1e-4
        assert steps.max() <= high + 1e-4


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_gradient_passes_straight_through_inside_the_range(low: int, high: int) -> None:
    torch.manual_seed(1)
    weight = torch.randn(4, 3, 3, 3, requires_grad=True)
    rounded = fake_quantized(weight, (low, high))
    upstream = torch.randn_like(rounded)
    (gradient,) = torch.autograd.grad(rounded, weight, upstream)
    scale = weight.detach().abs().amax((1, 2, 3), keepdim=True) / high
    steps = (weight / scale).round()
    inside = (steps >= low) & (steps <= high)
    assert torch.equal(gradient, upstream * inside)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_what_is_exported_equals_torchs_own_operator(low: int, high: int) -> None:
    torch.manual_seed(2)
    weight = torch.randn(16, 3, 5, 5, requires_grad=True)
    scale = weight.detach().abs().amax((1, 2, 3)) / high
    zero = torch.zeros(16, dtype=torch.int32)
    ours = _composed(weight, scale.view(-1, 1, 1, 1), low, high)
    theirs = torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, low, high)
    assert torch.equal(ours, theirs)
    upstream = torch.randn_like(ours)
    assert torch.equal(
        *(torch.autograd.grad(output, weight, upstream)[0] for output in (ours, theirs))
    )


def test_forward_uses_the_rounded_weight_and_keeps_the_full_one() -> None:
    layer = FakeQuantConv2d(3, 4, 3, padding=1, quantize_qrange=(-2, 1))
    full = layer.weight.detach().clone()
    expected = nn.functional.conv2d(X, fake_quantized(full, (-2, 1)), layer.bias, padding=1)
    assert torch.equal(layer(X), expected)
    assert torch.equal(layer.weight, full)


def test_training_moves_the_full_weight() -> None:
    layer = LazyFakeQuantConv2d(4, 3, quantize_qrange=(-8, 7))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    target = torch.randn(2, 4, 6, 6)
    losses = []
    for _ in range(20):
        loss = (layer(X) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_channel_of_zeros_stays_zero() -> None:
    weight = torch.randn(2, 3, 3, 3)
    weight[0] = 0
    rounded = fake_quantized(weight)
    assert bool((rounded[0] == 0).all())
    assert not rounded.isnan().any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_dtype_runs(dtype: torch.dtype) -> None:
    layer = LazyFakeQuantConv2d(4, 3, dtype=dtype)
    assert layer(X.to(dtype)).dtype == dtype


def test_the_lazy_class_passes_its_range_on() -> None:
    layer = LazyFakeQuantConv2d(4, 3, quantize_qrange=[-8, 7])
    assert repr(layer) == (
        "LazyFakeQuantConv2d(0, 4, kernel_size=(3, 3), stride=(1, 1), quantize_qrange=(-8, 7))"
    )
    again = copy.deepcopy(layer)
    again(X)
    assert again.quantize_qrange == (-8, 7)
    assert type(again) is FakeQuantConv2d


def test_padding_modes_and_groups_are_the_convolutions() -> None:
    torch.manual_seed(0)
    layer = FakeQuantConv2d(4, 4, 3, padding=1, groups=2, padding_mode="circular")
    plain = nn.Conv2d(4, 4, 3, padding=1, groups=2, padding_mode="circular")
    plain.weight, plain.bias = nn.Parameter(fake_quantized(layer.weight)), layer.bias
    x = torch.randn(1, 4, 6, 6)
    assert torch.equal(layer(x), plain(x))


@pytest.mark.parametrize(
    "wrong", [(1, 7), (-8, 0), (7, -8), (-8,), (-8, 7, 9), "-8", (-8.0, 7.0), 8, (-(2**40), 7)]
)
def test_a_wrong_range_is_refused_where_it_is_given(wrong: object) -> None:
    for make in (
        lambda: FakeQuantConv2d(3, 4, 3, quantize_qrange=wrong),  # type: ignore[arg-type]
        lambda: LazyFakeQuantConv2d(4, 3, quantize_qrange=wrong),  # type: ignore[arg-type]
        lambda: conv2d_weight_fake_quant(nn.Conv2d(3, 4, 3), X, wrong),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match="quantize_qrange"):
            make()


def test_export_and_compile_take_it() -> None:
    layer = FakeQuantConv2d(3, 4, 3, quantize_qrange=(-2, 1)).eval()
    expected = layer(X)
    exported = torch.export.export(layer, (X,))
    assert torch.equal(exported.module()(X), expected)
    torch._dynamo.reset()
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert torch.equal(compiled(X), expected)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_tracing_takes_it() -> None:
    layer = FakeQuantConv2d(3, 4, 3, quantize_qrange=(-2, 1)).eval()
    assert torch.equal(torch.jit.trace(layer, X)(X), layer(X))


def test_the_function_materialises_a_lazy_convolution_and_leaves_its_weight_rounded() -> None:
    conv = LazyConv2d(4, 3)
    torch.manual_seed(4)
    returned = conv2d_weight_fake_quant(conv, X, (-8, 7))
    assert returned is conv
    assert type(conv) is nn.Conv2d
    assert conv.in_channels == 3
    assert torch.allclose(conv.weight, fake_quantized(conv.weight, (-8, 7)), atol=1e-7)
    torch.manual_seed(4)
    plain = nn.Conv2d(3, 4, 3)
    assert torch.equal(conv.weight, fake_quantized(plain.weight, (-8, 7)))
    assert conv.weight.requires_grad


def test_the_function_takes_an_eager_convolution_and_the_default_range() -> None:
    conv = nn.Conv2d(3, 4, 3)
    full = conv.weight.detach().clone()
    conv2d_weight_fake_quant(conv, X)
    assert torch.equal(conv.weight, fake_quantized(full))


def test_the_function_refuses_what_is_no_convolution() -> None:
    with pytest.raises(TypeError, match="takes a Conv2d, not Linear"):
        conv2d_weight_fake_quant(nn.Linear(3, 4), X)  # type: ignore[arg-type]
    with pytest.raises(InferenceError, match="expects a 3D"):
        conv2d_weight_fake_quant(LazyConv2d(4, 3), X[0, 0])


def test_zeros_of_the_dry_run_do_not_divide_by_zero() -> None:
    with initialisation("zeros"):
        assert bool((LazyFakeQuantConv2d(4, 3, bias=False)(X) == 0).all())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_diverged_shows_in_the_output(value: float) -> None:
    layer = FakeQuantConv2d(3, 2, 3)
    with torch.no_grad():
        layer.weight[0, 0, 0, 0] = value
    output = layer(X)
    assert bool(output[:, 0].isnan().all())
    assert bool(output[:, 1].isfinite().all())
