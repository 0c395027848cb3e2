"""Attention and transformers against torch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from op_harness import Case, Deviation, check_row, register, sizes

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan import ops
from lazyinspect.plan.ops.attention import ROWS
from lazyinspect.plan.ops.base import Args, LayerValue, Op
from lazyinspect.shapes import TensorType, Value

MASKS = st.sampled_from(["bool", "float32"])


def axes(batch: int | None, length: int, size: int, batch_first: bool) -> TensorType:
    if batch is None:
        return TensorType((length, size))
    return TensorType((batch, length, size) if batch_first else (length, batch, size))


@st.composite
def attention_mask(
    draw: st.DrawFn, batch: int | None, heads: int, length: int, source: int
) -> TensorType:
    shape: tuple[int, ...] = (length, source)
    if draw(st.booleans()):
        shape = ((batch or 1) * heads, *shape)
    return TensorType(shape, draw(MASKS))


@st.composite
def padding_mask(draw: st.DrawFn, batch: int | None, source: int) -> TensorType:
    return TensorType((source,) if batch is None else (batch, source), draw(MASKS))


@st.composite
def attention(draw: st.DrawFn, name: str) -> Case:
    heads = draw(sizes(1, 2))
    size = heads * draw(sizes(1, 2))
    kdim, vdim = (draw(sizes()), draw(sizes())) if draw(st.booleans()) else (size, size)
    keywords: dict[str, Any] = {"batch_first": draw(st.booleans())}
    for flag in ("bias", "add_bias_kv", "add_zero_attn"):
        if draw(st.booleans()):
            keywords[flag] = draw(st.booleans())
    if draw(st.booleans()):
        keywords["dropout"] = draw(st.sampled_from([0, 0.5, 1.0]))
    args: tuple[Any, ...] = (heads,)
    if not name.startswith("Lazy"):
        args = (size, heads)
        if draw(st.booleans()) or kdim != size:
            keywords["kdim"] = kdim
        if draw(st.booleans()) or vdim != size:
            keywords["vdim"] = vdim
    batch = draw(st.none() | sizes(1, 3))
    length, source = draw(sizes()), draw(sizes())
    first = keywords["batch_first"]
    values: tuple[Value, ...] = (
        axes(batch, length, size, first),
        axes(batch, source, kdim, first),
        axes(batch, source, vdim, first),
    )
    given: dict[str, Value] = {}
    if draw(st.booleans()):
        given["key_padding_mask"] = draw(padding_mask(batch, source))
    if draw(st.booleans()):
        given["attn_mask"] = draw(attention_mask(batch, heads, length, source))
        given["is_causal"] = draw(st.booleans())
    if draw(st.booleans()):
        given["need_weights"] = draw(st.booleans())
    if draw(st.booleans()):
        given["average_attn_weights"] = draw(st.booleans())
    return Case(name, args, keywords, values, given)


def layer_arguments(draw: st.DrawFn, heads: int, size: int) -> dict[str, Any]:
    keywords: dict[str, Any] = {
        "d_model": size,
        "nhead": heads,
        "dim_feedforward": draw(sizes(0, 3)),
        "batch_first": draw(st.booleans()),
    }
    if draw(st.booleans()):
        keywords["activation"] = draw(st.sampled_from(["relu", "gelu"]))
    for flag in ("norm_first", "bias"):
        if draw(st.booleans()):
            keywords[flag] = draw(st.booleans())
    return keywords


def masks(
    draw: st.DrawFn, side: str, batch: int | None, heads: int, length: int, source: int
) -> dict[str, Value]:
    """Masks of one attention, by the names that a transformer gives them."""
    given: dict[str, Value] = {}
    padding = f"{side}_key_padding_mask" if side else "src_key_padding_mask"
    if draw(sizes(0, 2)) == 0:
        given[padding] = draw(padding_mask(batch, source))
    if draw(sizes(0, 2)) == 0:
        given[f"{side}_mask" if side else "mask"] = draw(
            attention_mask(batch, heads, length, source)
        )
        # a causal mask is told by its values, which meta tensors have none of
        given[f"{side}_is_causal" if side not in ("", "src") else "is_causal"] = False
    return given


@st.composite
def encoder_layer(draw: st.DrawFn, name: str) -> Case:
    heads = draw(sizes(1, 2))
    size = heads * draw(sizes(1, 2))
    keywords = layer_arguments(draw, heads, size)
    if name.startswith("Lazy"):
        del keywords["d_model"]
    batch, length = draw(st.none() | sizes(1, 3)), draw(sizes())
    x = axes(batch, length, size, keywords["batch_first"])
    return Case(name, (), keywords, (x,), masks(draw, "src", batch, heads, length, length))


def decoder_inputs(
    draw: st.DrawFn, heads: int, size: int, first: bool
) -> tuple[tuple[Value, ...], dict[str, Value]]:
    batch, length, source = draw(st.none() | sizes(1, 3)), draw(sizes()), draw(sizes())
    given = masks(draw, "tgt", batch, heads, length, length)
    given |= masks(draw, "memory", batch, heads, length, source)
    return (axes(batch, length, size, first), axes(batch, source, size, first)), given


@st.composite
def decoder_layer(draw: st.DrawFn, name: str) -> Case:
    heads = draw(sizes(1, 2))
    size = heads * draw(sizes(1, 2))
    keywords = layer_arguments(draw, heads, size)
    first = keywords["batch_first"]
    if name.startswith("Lazy"):
        del keywords["d_model"]
    return Case(name, (), keywords, *decoder_inputs(draw, heads, size, first))


def layer_value(name: str, args: dict[str, Any]) -> LayerValue:
    row = ops.table()[name]
    assert isinstance(row, Op)
    return LayerValue(name, args, row.weights(Args(**{**row.parameters.defaults, **args})))


def norm(draw: st.DrawFn, size: int) -> LayerValue | None:
    bias = draw(st.booleans())
    return draw(
        st.sampled_from(
            [
                None,
                layer_value("LayerNorm", {"normalized_shape": (size,), "bias": bias}),
                layer_value("Linear", {"in_features": size, "out_features": 3, "bias": bias}),
            ]
        )
    )


@st.composite
def encoder(draw: st.DrawFn) -> Case:
    heads = draw(sizes(1, 2))
    size = heads * draw(sizes(1, 2))
    keywords = layer_arguments(draw, heads, size)
    # the fused path makes nested tensors of values that a padding mask holds
    stack = {"norm": norm(draw, size), "enable_nested_tensor": False}
    batch, length = draw(st.none() | sizes(1, 3)), draw(sizes())
    x = axes(batch, length, size, keywords["batch_first"])
    args = (layer_value("TransformerEncoderLayer", keywords), draw(sizes(1, 2)))
    return Case(
        "TransformerEncoder", args, stack, (x,), masks(draw, "", batch, heads, length, length)
    )


@st.composite
def decoder(draw: st.DrawFn) -> Case:
    heads = draw(sizes(1, 2))
    size = heads * draw(sizes(1, 2))
    keywords = layer_arguments(draw, heads, size)
    args = (layer_value("TransformerDecoderLayer", keywords), draw(sizes(1, 2)))
    inputs = decoder_inputs(draw, heads, size, keywords["batch_first"])
    return Case("TransformerDecoder", args, {"norm": norm(draw, size)}, *inputs)


@st.composite
def transformer(draw: st.DrawFn) -> Case:
    heads = draw(sizes(1, 2))
    size = heads * draw(sizes(1, 2))
    keywords = layer_arguments(draw, heads, size)
    keywords |= {"num_encoder_layers": draw(sizes(1, 2)), "num_decoder_layers": draw(sizes(1, 2))}
    if draw(st.booleans()):
        inner = layer_value(
            "TransformerEncoderLayer",
            {"d_model": size, "nhead": 1, "dim_feedforward": 2,
             "batch_first": keywords["batch_first"]},
        )  # fmt: skip
        keywords["custom_encoder"] = layer_value(
            "TransformerEncoder",
            {"encoder_layer": inner, "num_layers": 1, "enable_nested_tensor": False},
        )
    (tgt, src), given = decoder_inputs(draw, heads, size, keywords["batch_first"])
    return Case("Transformer", (), keywords, (src, tgt), given)


DROPOUT = Deviation(
    "an impossible dropout passes in evaluation and fails in training",
    lambda case: not 0 <= case.keywords.get("dropout", 0) <= 1,
)
EMPTY_FEATURES = Deviation(
    "a lazy layer infers no empty dimension",
    lambda case: case.op.startswith("Lazy") and any(x.shape[-1:] == (0,) for x in case.values),
)
EMPTY_INPUT = Deviation(
    "torch's fused path gives an empty input back unlooked at",
    lambda case: ("Encoder" in case.op or "Multihead" in case.op) and 0 in case.values[0].shape,
)

STRATEGIES = {
    "MultiheadAttention": attention("MultiheadAttention"),
    "LazyMultiheadAttention": attention("LazyMultiheadAttention"),
    "TransformerEncoderLayer": encoder_layer("TransformerEncoderLayer"),
    "LazyTransformerEncoderLayer": encoder_layer("LazyTransformerEncoderLayer"),
    "TransformerDecoderLayer": decoder_layer("TransformerDecoderLayer"),
    "LazyTransformerDecoderLayer": decoder_layer("LazyTransformerDecoderLayer"),
    "TransformerEncoder": encoder(),
    "TransformerDecoder": decoder(),
    "Transformer": transformer(),
}
for op_name, strategy in STRATEGIES.items():
    register(op_name, strategy, [DROPOUT, EMPTY_FEATURES, EMPTY_INPUT])


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)


def encoder_of(**given: Any) -> Args:
    row = ops.eager(ops.table()["TransformerEncoder"])
    return Args(**{**row.parameters.defaults, "num_layers": 2, **given})


LAYER = layer_value("TransformerEncoderLayer", {"d_model": 8, "nhead": 2})


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"encoder_layer": layer_value("Linear", {"in_features": 8, "out_features": 8})},
         "encoder_layer"),
        ({"encoder_layer": "TransformerEncoderLayer"}, "encoder_layer"),
        ({"encoder_layer": LAYER, "norm": LayerValue("LazyLayerNorm", {})}, "norm"),
        ({"encoder_layer": LAYER, "norm": LayerValue("MultiheadAttention", {})}, "norm"),
        ({"encoder_layer": LAYER, "num_layers": 0}, "num_layers"),
    ],
)  # fmt: skip
def test_a_stack_refuses_what_it_cannot_hold(given: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        ops.eager(ops.table()["TransformerEncoder"]).check(encoder_of(**given))
    assert raised.value.argument == argument


def test_a_refusal_inside_a_stack_blames_the_layer_that_refuses() -> None:
    row = ops.eager(ops.table()["TransformerEncoder"])
    with pytest.raises(ShapeError) as raised:
        row.outputs(encoder_of(encoder_layer=LAYER), TensorType((5, 6)))
    assert raised.value.argument == "encoder_layer"
    norm = layer_value("LayerNorm", {"normalized_shape": (6,)})
    with pytest.raises(ShapeError) as raised:
        row.outputs(encoder_of(encoder_layer=LAYER, norm=norm), TensorType((5, 8)))
    assert raised.value.argument == "norm"


def test_attention_without_weights_gives_a_pair_all_the_same() -> None:
    row = ops.eager(ops.table()["MultiheadAttention"])
    a = Args(**{**row.parameters.defaults, "embed_dim": 8, "num_heads": 2})
    x = TensorType((5, 3, 8))
    assert row.outputs(a, x, x, x, None, False) == (x, None)


def test_a_fused_self_attention_counts_like_a_plain_one() -> None:
    """ViT-B/16's attention: 197 tokens of 768, as the counter gives it on the meta device."""
    row = ops.eager(ops.table()["MultiheadAttention"])
    given = {"embed_dim": 768, "num_heads": 12, "batch_first": True}
    x = TensorType((1, 197, 768))
    assert row.macs(Args(**{**row.parameters.defaults, **given}), x, x, x) == 524_391_936
