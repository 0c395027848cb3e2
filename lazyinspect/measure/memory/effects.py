"""An op's call -> what it allocates, what it returns a view of, what autograd keeps. No torch.

One table for all ops, in the kinds that PyTorch's derivatives fall into. What is not in it is not
modelled: a figure leaves such a step out, and says so. The tests hold every row against torch.

Source: PyTorch's tools/autograd/derivatives.yaml, which says what each backward reads, and
https://pytorch.org/docs/stable/tensor_view.html, which lists the views.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

from lazyinspect.shapes import TensorType, ntuple, whole


@dataclass(frozen=True, slots=True)
class Effect:
    """What one call does to memory."""

    view_of: int | None = None
    """The input that its outputs are views of, or the same tensor as; None: they are new."""
    keeps: tuple[str, ...] = ()
    """What autograd keeps until the backward: ``in0``, ``out0``; weights left out."""
    own: tuple[TensorType, ...] = ()
    """What it keeps besides, of its own making: masks, indices, statistics."""
    workspace: int = 0
    """Bytes alive beside its outputs while it runs without gradients."""
    copies: bool = False
    """A reshape: it copies where strides allow no view."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a rule may ask of a call."""

    a: SimpleNamespace
    """Arguments by name, defaults filled in."""
    ins: Sequence[TensorType]
    outs: Sequence[TensorType]
    grads: Sequence[bool]
    """Which inputs need a gradient."""
    sources: Sequence[bool]
    """Of each source whether it is a tensor; others are numbers."""
    train: bool
    alike: bool
    """Whether all inputs are one tensor."""


Rule: TypeAlias = "Callable[[Call], Effect | None]"
"""None: not modelled for these arguments."""


def _new(*keeps: str) -> Rule:
    effect = Effect(keeps=keeps)
    return lambda call: effect


def _view(call: Call) -> Effect:
    return Effect(view_of=0)


def _reshape(call: Call) -> Effect:
    return Effect(view_of=0, copies=True)


def _activation(keeps: str, in_place: str) -> Rule:
    """In place where it says so: the backward then reads the result, or a copy of the input.

    Args:
        in_place: ``out0``, or ``copy``.
    """

    def rule(call: Call) -> Effect:
        if not getattr(call.a, "inplace", False):
            return Effect(keeps=(keeps,))
        if in_place == "out0":
            return Effect(view_of=0, keeps=("out0",))
        return Effect(view_of=0, own=(call.ins[0],))

    return rule


def _convolution(call: Call) -> Effect | None:
    a = call.a
    if getattr(a, "padding_mode", "zeros") != "zeros":
        return None  # the padded input is a tensor of its own
    if a.padding == "same":
        kernel, dilation = ntuple(a.kernel_size, 1), ntuple(a.dilation, 1)
        n = max(len(kernel), len(dilation))
        pairs = zip(ntuple(a.kernel_size, n), ntuple(a.dilation, n), strict=False)
        if any(d * (k - 1) % 2 for k, d in pairs):
            return None  # as is one padded more on one side
    return Effect(keeps=("in0",))


def _adaptive_average(call: Call) -> Effect:
    sizes = call.a.output_size
    everything = all(size == 1 for size in (sizes if isinstance(sizes, tuple) else (sizes,)))
    # over the whole image it is a mean, which needs no more than the sizes
    return Effect(keeps=() if everything else ("in0",))


def _softmin(call: Call) -> Effect:
    return Effect(keeps=("out0",), workspace=call.ins[0].nbytes)


def _softmax(call: Call) -> Effect | None:
    return None if call.a.dtype is not None else Effect(keeps=("out0",))


def _max_pool(call: Call) -> Effect:
    if call.a.return_indices:
        return Effect(keeps=("in0", "out1"))
    indices = TensorType(call.outs[0].shape, "int64")
    return Effect(keeps=("in0",), own=(indices,), workspace=indices.nbytes)


def _batch_norm(call: Call) -> Effect | None:
    if not call.a.track_running_stats:
        return None  # statistics of the batch, and copies of running ones
    channels = call.ins[0].shape[1]
    dtype = _statistics_dtype(call.ins[0])
    statistic = TensorType((channels,), dtype)
    if not call.train:
        # the kernel of evaluation keeps the input alone, and statistics are the buffers
        return Effect(keeps=("in0",))
    return Effect(keeps=("in0",), own=(statistic, statistic), workspace=2 * statistic.nbytes)


def _layer_norm(call: Call) -> Effect:
    x = call.ins[0]
    shape = call.a.normalized_shape
    count = 1 if whole(shape) else len(shape)
    lead = x.shape[: len(x.shape) - count]
    statistic = TensorType((*lead, *(1,) * count), _statistics_dtype(x))
    return Effect(keeps=("in0",), own=(statistic, statistic), workspace=2 * statistic.nbytes)


def _group_norm(call: Call) -> Effect:
    x = call.ins[0]
    statistic = TensorType((x.shape[0], call.a.num_groups), _statistics_dtype(x))
    return Effect(keeps=("in0",), own=(statistic, statistic), workspace=2 * statistic.nbytes)


def _statistics_dtype(x: TensorType) -> str:
    return "float64" if x.dtype == "float64" else "float32"


def _dropout(call: Call) -> Effect | None:
    a = call.a
    if not call.train or a.p == 0:
        return Effect(view_of=0)
    if getattr(a, "inplace", False) or a.p == 1:
        return None
    # on the CPU a mask of the input's dtype; kernels of accelerators keep one of booleans
    return Effect(own=(call.ins[0],), workspace=call.ins[0].nbytes)


def _unless_train(call: Call) -> Effect | None:
    """Dropouts whose masks are not modelled."""
    return None if call.train and call.a.p != 0 else Effect(view_of=0)


def _interpolated(call: Call) -> Effect | None:
    a = call.a
    # by area it is an adaptive pool
    return None if a.mode == "area" else Effect()


def _padded(call: Call) -> Effect:
    return Effect(keeps=("in0",) if call.a.mode in ("reflect", "replicate") else ())


def _sum_of(call: Call) -> Effect | None:
    """Of several, one after the other: the sum so far is alive while the next is made."""
    if len(call.sources) < 3:
        return Effect() if call.sources[0] else None
    if not all(call.sources) or any(x != call.outs[0] for x in call.ins):
        return None  # sums of other sizes stand between
    return Effect(workspace=call.outs[0].nbytes)


def _product(call: Call) -> Effect | None:
    if len(call.sources) > 2 or not call.sources[0]:
        return None  # the products between are kept as well
    keeps = []
    if len(call.ins) == 2:
        keeps = [f"in{1 - k}" for k in (0, 1) if call.grads[k]]
    return Effect(keeps=tuple(sorted(keeps)))


def _quotient(call: Call) -> Effect | None:
    if len(call.ins) != 2 or len(call.sources) > 2:
        return None
    keeps = {"in1"} if any(call.grads) else set()
    if call.grads[1]:
        keeps.add("in0")
    return Effect(keeps=tuple(sorted(keeps)))


def _matmul(call: Call) -> Effect | None:
    if len(call.sources) != 2 or any(len(x.shape) < 2 for x in call.ins):
        return None
    if any(len(x.shape) > 2 for x in call.ins) and call.ins[0].shape[:-2] != call.ins[1].shape[:-2]:
        return None  # what is broadcast is copied first
    return Effect(keeps=tuple(f"in{1 - k}" for k in (1, 0) if call.grads[k]))


def _attention(call: Call) -> Effect | None:
    """The fused kernel: of (batch, heads, tokens, size), without a mask or dropout.

    It keeps query, key, value, output and a log-sum-exp for each query, float32.
    """
    query = call.ins[0]
    if len(call.ins) != 3 or call.a.dropout_p or any(len(x.shape) != 4 for x in call.ins):
        return None
    key, value = call.ins[1], call.ins[2]
    heads = 1 if call.a.enable_gqa else 2
    if query.shape[:heads] != key.shape[:heads] or query.shape[3] != value.shape[3]:
        return None
    sums = TensorType(query.shape[:3], "float32")
    return Effect(keeps=("in0", "in1", "in2", "out0"), own=(sums,), workspace=sums.nbytes)


def _self_attention(call: Call) -> Effect | None:
    """One tensor as query, key and value, without masks: five products of its size or scores.

    In evaluation torch has a kernel of its own, which tells nothing of what it takes.
    """
    a, x = call.a, call.ins[0]
    if not call.alike or len(call.sources) != 3 or not call.train or len(x.shape) != 3:
        return None
    if a.dropout or a.add_bias_kv or a.add_zero_attn or a.kdim is not None or a.vdim is not None:
        return None
    batch, tokens = x.shape[:2] if a.batch_first else (x.shape[1], x.shape[0])
    # the first product reads a batch that comes first in a copy with the tokens first
    own = [x] if a.batch_first and batch != 1 else []
    # query, key and value in one; the scaled query; the scores; what the last product reads
    own += [TensorType((3, *x.shape), x.dtype), x]
    own += [TensorType((batch * a.num_heads, tokens, tokens), x.dtype), x]
    return Effect(keeps=() if a.batch_first and batch != 1 else ("in0",), own=tuple(own))


def _rms_norm(call: Call) -> Effect:
    """As on the CPU, several kernels; those of accelerators keep no normalised input."""
    x = call.ins[0]
    shape = call.a.normalized_shape
    lead = x.shape[: len(x.shape) - (1 if whole(shape) else len(shape))]
    scale = TensorType(lead, _statistics_dtype(x))
    if call.a.elementwise_affine:
        return Effect(keeps=("in0",), own=(scale, x), workspace=x.nbytes + scale.nbytes)
    return Effect(keeps=("in0",), own=(scale,), workspace=2 * scale.nbytes)


def _embedding(call: Call) -> Effect | None:
    return None if call.a.max_norm is not None or call.a.sparse else Effect(keeps=("in0",))


def _each(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_RULES: Mapping[str, Rule] = {
    **_each(
        _new("in0"),
        "ConvTranspose1d ConvTranspose2d Linear AvgPool1d AvgPool2d AvgPool3d "
        "ReflectionPad1d ReflectionPad2d ReflectionPad3d "
        "ReplicationPad1d ReplicationPad2d ReplicationPad3d Hardshrink GELU PReLU Softplus "
        "Softshrink GLU gelu silu log sin cos square abs clamp var",
    ),
    **_each(_activation("in0", "copy"), "Hardsigmoid Hardtanh Hardswish ReLU6 SiLU Mish Threshold"),
    **_each(_activation("in0", "out0"), "ELU SELU CELU LeakyReLU"),
    **_each(_activation("out0", "out0"), "ReLU"),
    **_each(
        _new("out0"),
        "Sigmoid Tanh Softmax Softmax2d LogSoftmax relu sigmoid tanh exp sqrt rsqrt",
    ),
    **_each(
        _new(),
        "ConstantPad1d ConstantPad2d ConstantPad3d ZeroPad1d ZeroPad2d ZeroPad3d CircularPad1d "
        "CircularPad2d CircularPad3d UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle "
        "PixelUnshuffle ChannelShuffle cat stack sub neg floor_divide eq ne gt ge lt le "
        "mean sum cumsum repeat tile triu tril flip roll positions",
    ),
    **_each(
        _view,
        "Identity permute transpose movedim squeeze unsqueeze expand select narrow "
        "chunk split unbind view unflatten Unflatten",
    ),
    **_each(_reshape, "Flatten flatten reshape"),
    **_each(
        _max_pool,
        "MaxPool1d MaxPool2d MaxPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d",
    ),
    **_each(_convolution, "Conv1d Conv2d Conv3d"),
    **_each(_adaptive_average, "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d"),
    **_each(_softmax, "softmax log_softmax"),
    **_each(_batch_norm, "BatchNorm1d BatchNorm2d BatchNorm3d"),
    **_each(_dropout, "Dropout"),
    **_each(_unless_train, "Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout"),
    **_each(_interpolated, "Upsample interpolate"),
    "LayerNorm": _layer_norm,
    "GroupNorm": _group_norm,
    "RMSNorm": _rms_norm,
    "MultiheadAttention": _self_attention,
    "Softmin": _softmin,
    "pad": _padded,
    "add": _sum_of,
    "mul": _product,
    "multiply": _product,
    "div": _quotient,
    "matmul": _matmul,
    "scaled_dot_product_attention": _attention,
    "Embedding": _embedding,
}


def effect(
    name: str,
    arguments: Mapping[str, Any],
    ins: Sequence[TensorType],
    outs: Sequence[TensorType],
    grads: Sequence[bool],
    *,
    sources: Sequence[bool],
    train: bool,
    alike: bool = False,
) -> Effect | None:
    """What a call of an op does to memory; None where it is not modelled.

    Args:
        arguments: with their defaults.
        ins: every tensor that flows in, in order.
        grads: which of them need a gradient.
        sources: of each whether it is a tensor; others are numbers.
        train: the mode of the forward.
        alike: whether all inputs are one tensor.
    """
    rule = _RULES.get(name)
    if rule is None:
        return None
    return rule(Call(SimpleNamespace(**arguments), ins, outs, grads, sources, train, alike))


def modelled(name: str) -> bool:
    """Whether an op is in the table."""
    return name in _RULES
