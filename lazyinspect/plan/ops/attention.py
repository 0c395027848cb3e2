"""Attention and transformers.

Arguments and input types -> output types, weights and MACs. Raises OpError. No torch here.

Rows agree with the plain path of torch's layers. The fused path, which torch takes in evaluation
for self-attention with ``batch_first``, gives the same shapes, and lets pass two things refused
here because they fail in training: ``is_causal`` without a mask, and masks of other shapes.

Source: https://pytorch.org/docs/stable/nn.html#transformer-layers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops import table
from lazyinspect.plan.ops.base import (
    Args,
    LayerValue,
    LazyOp,
    Op,
    Weight,
    divisors_near,
    require_at_least,
    require_few_layers,
)
from lazyinspect.plan.ops.layers import (
    floats,
    inferred,
    last,
    prefixed,
    probability,
    ranks,
    same_dtype,
)
from lazyinspect.plan.ops.operands import tensor
from lazyinspect.shapes import Shape, TensorType, Value, format_shape, is_float, prod

# --- MultiheadAttention


def _check_heads(a: Args, width: str, heads: str) -> None:
    require_at_least(a, 1, width, heads)
    size, count = getattr(a, width), getattr(a, heads)
    if size % count:
        raise ArgumentError(
            f"expects {heads} to divide {width}, and gets {count} heads for {size} features",
            argument=heads,
            help=f"{width} comes first: did you mean {count} features and {size} heads?"
            if count > size and count % size == 0
            else divisors_near(count, size),
        )


def _check(a: Args) -> None:
    _check_heads(a, "embed_dim", "num_heads")
    require_at_least(a, 0, "kdim", "vdim")
    probability(a, "dropout")


def _widths(a: Args) -> tuple[int, int]:
    """Features of the key and of the value."""
    key = a.embed_dim if a.kdim is None else a.kdim
    return key, a.embed_dim if a.vdim is None else a.vdim


def _lengths(x: TensorType, batch_first: bool) -> tuple[int, int]:
    """Batch size and sequence length; an unbatched input is a batch of one."""
    if len(x.shape) == 2:
        return 1, x.shape[0]
    first, second = x.shape[:2]
    return (first, second) if batch_first else (second, first)


def _mask(x: Value, query: TensorType, name: str, *shapes: Shape) -> str | None:
    """The dtype of a mask as it is added to the scores; None for no mask.

    Raises:
        ShapeError: it is of none of the shapes (no shapes: any of its rank will do), or holds
            integers.
    """
    if x is None:
        return None
    x = tensor(x, name)
    if x.dtype != "bool" and not is_float(x.dtype):
        raise ShapeError(f"expects {name} of booleans or floats, and gets {x.dtype}")
    if x.shape not in shapes:
        allowed = " or ".join(map(format_shape, shapes))
        raise ShapeError(f"expects {name} of {allowed}, and gets {x}")
    return query.dtype if x.dtype == "bool" else x.dtype


def _check_masks(
    query: TensorType,
    batch: int,
    length: int,
    source: int,
    heads: int,
    padding: Value,
    mask: Value,
    is_causal: Value,
    names: tuple[str, str] = ("key_padding_mask", "attn_mask"),
    need_weights: bool = False,
) -> None:
    """Raises ShapeError where a mask does not fit (batch, heads, length, source) scores."""
    padding_shape = (source,) if len(query.shape) == 2 else (batch, source)
    dtypes = {
        _mask(padding, query, names[0], padding_shape),
        _mask(mask, query, names[1], (length, source), (batch * heads, length, source)),
    } - {None, query.dtype}
    # the fused product also takes float32 masks beside inputs of half precision
    if dtypes and (need_weights or dtypes != {"float32"} or query.dtype == "float64"):
        raise ShapeError(f"expects masks of booleans or {query.dtype}, and gets {dtypes.pop()}")
    if is_causal and mask is None:
        raise ShapeError(
            f"expects {names[1]} beside is_causal, and gets none",
            help="is_causal only hints that the mask given is causal",
        )


def _attention(
    a: Args,
    query: Value,
    key: Value,
    value: Value,
    key_padding_mask: Value = None,
    need_weights: Value = True,
    attn_mask: Value = None,
    average_attn_weights: Value = True,
    is_causal: Value = False,
) -> tuple[Value, ...]:
    query, key, value = floats(query, "query"), floats(key, "key"), floats(value, "value")
    ranks(query, 2, 3, "query")
    kdim, vdim = _widths(a)
    remedy = "LazyMultiheadAttention infers it"
    if query.shape[-1] % a.num_heads:
        remedy = (
            f"{a.num_heads} heads do not divide {query.shape[-1]} features: `LazyLinear: "
            f"{a.embed_dim}` before it brings them to {a.embed_dim}"
        )
    last(query, a.embed_dim, "embed_dim", remedy, "query")
    for x, name, argument, size in ((key, "key", "kdim", kdim), (value, "value", "vdim", vdim)):
        ranks(x, len(query.shape), len(query.shape), name)
        last(x, size, argument if size != a.embed_dim else "embed_dim", remedy, name)
        same_dtype(x, query.dtype, name)
    if key.shape[:-1] != value.shape[:-1]:
        raise ShapeError(f"expects key and value of one length, and gets {key} and {value}")
    batch, length = _lengths(query, a.batch_first)
    found, source = _lengths(key, a.batch_first)
    if found != batch:
        raise ShapeError(f"expects query and key of one batch size, and gets {query} and {key}")
    flags = {
        "need_weights": need_weights,
        "average_attn_weights": average_attn_weights,
        "is_causal": is_causal,
    }
    for name, flag in flags.items():
        if type(flag) is TensorType:
            raise ShapeError(f"expects true or false as {name}, and gets a tensor")
    _check_masks(
        query, batch, length, source, a.num_heads, key_padding_mask, attn_mask, is_causal,
        need_weights=bool(need_weights),
    )  # fmt: skip
    if not need_weights:
        return query, None
    if a.batch_first and len(query.shape) == 3 and not query.numel:
        # whether torch gives weights then depends on which tensors are one object
        raise ShapeError(
            f"attends over nothing: the query is {query}",
            help="give a sequence and a batch of at least 1, or `need_weights: false`",
        )
    lead = (batch,) if len(query.shape) == 3 else ()
    if not average_attn_weights:
        lead = (*lead, a.num_heads)
    scores = (*lead, length, source + a.add_bias_kv + a.add_zero_attn)
    return query, TensorType(scores, query.dtype)


def _attention_weights(a: Args) -> tuple[Weight, ...]:
    size = a.embed_dim
    kdim, vdim = _widths(a)
    found: list[Weight] = []
    if kdim == vdim == size:
        found.append(Weight("in_proj_weight", (3 * size, size)))
    else:
        found.append(Weight("q_proj_weight", (size, size)))
        found.append(Weight("k_proj_weight", (size, kdim)))
        found.append(Weight("v_proj_weight", (size, vdim)))
    if a.bias:
        found.append(Weight("in_proj_bias", (3 * size,)))
    if a.add_bias_kv:
        found.append(Weight("bias_k", (1, 1, size)))
        found.append(Weight("bias_v", (1, 1, size)))
    found.append(Weight("out_proj.weight", (size, size)))
    if a.bias:
        found.append(Weight("out_proj.bias", (size,)))
    return tuple(found)


def _products(size: int, batch: int, length: int, source: int, keys: int) -> int:
    """MACs of attention less the projections of key and value.

    The query's projection and the output's, then the scores and their sum over ``keys``.
    """
    return batch * length * (2 * size * size + 2 * keys * size)


def _attention_macs(
    a: Args, query: TensorType, key: TensorType, value: TensorType, *rest: Value
) -> int:
    size = a.embed_dim
    batch, length = _lengths(query, a.batch_first)
    _, source = _lengths(key, a.batch_first)
    keys = source + a.add_bias_kv + a.add_zero_attn
    given: int = size * batch * source * sum(_widths(a))
    return _products(size, batch, length, source, keys) + given


def _attention_infer(
    a: Args, query: Value, key: Value, value: Value, *rest: Value
) -> Mapping[str, Any]:
    size = inferred(query, "query", 2, 3)
    found = {"embed_dim": size}
    for name, x in (("kdim", inferred(key, "key", 2, 3)), ("vdim", inferred(value, "value", 2, 3))):
        if x != size:
            found[name] = x
    return found


# --- TransformerEncoderLayer, TransformerDecoderLayer


def _layer_check(a: Args) -> None:
    _check_heads(a, "d_model", "nhead")
    require_at_least(a, 0, "dim_feedforward")
    probability(a, "dropout")


def _sequence(a: Args, x: Value, name: str, lazy: str = "") -> Value:
    x = floats(x, name)
    ranks(x, 2, 3, name)
    last(x, a.d_model, "d_model", f"{lazy} infers it" if lazy else "", name)
    return x


def _encoder_layer(
    a: Args,
    src: Value,
    src_mask: Value = None,
    src_key_padding_mask: Value = None,
    is_causal: Value = False,
) -> Value:
    src = _sequence(a, src, "src", "LazyTransformerEncoderLayer")
    batch, length = _lengths(src, a.batch_first)
    _check_masks(
        src, batch, length, length, a.nhead, src_key_padding_mask, src_mask, is_causal,
        ("src_key_padding_mask", "src_mask"),
    )  # fmt: skip
    return src


def _decoder_layer(
    a: Args,
    tgt: Value,
    memory: Value,
    tgt_mask: Value = None,
    memory_mask: Value = None,
    tgt_key_padding_mask: Value = None,
    memory_key_padding_mask: Value = None,
    tgt_is_causal: Value = False,
    memory_is_causal: Value = False,
) -> Value:
    tgt = _sequence(a, tgt, "tgt", "LazyTransformerDecoderLayer")
    memory = _sequence(a, memory, "memory")
    same_dtype(memory, tgt.dtype, "memory")
    ranks(memory, len(tgt.shape), len(tgt.shape), "memory")
    batch, length = _lengths(tgt, a.batch_first)
    found, source = _lengths(memory, a.batch_first)
    if found != batch:
        raise ShapeError(f"expects tgt and memory of one batch size, and gets {tgt} and {memory}")
    _check_masks(
        tgt, batch, length, length, a.nhead, tgt_key_padding_mask, tgt_mask, tgt_is_causal,
        ("tgt_key_padding_mask", "tgt_mask"),
    )  # fmt: skip
    _check_masks(
        tgt, batch, length, source, a.nhead, memory_key_padding_mask, memory_mask,
        memory_is_causal, ("memory_key_padding_mask", "memory_mask"),
    )  # fmt: skip
    return tgt


def _affine(name: str, out_features: int, in_features: int, bias: bool) -> tuple[Weight, ...]:
    weight = Weight(f"{name}.weight", (out_features, in_features))
    return (weight, Weight(f"{name}.bias", (out_features,))) if bias else (weight,)


def _layer_norm(name: str, size: int, bias: bool) -> tuple[Weight, ...]:
    weight = Weight(f"{name}.weight", (size,))
    return (weight, Weight(f"{name}.bias", (size,))) if bias else (weight,)


def _layer_weights(a: Args, attentions: tuple[str, ...]) -> tuple[Weight, ...]:
    attention = _attention_weights(
        Args(embed_dim=a.d_model, kdim=None, vdim=None, bias=a.bias, add_bias_kv=False)
    )
    found: list[Weight] = []
    for name in attentions:
        found += prefixed(name, attention)
    found += _affine("linear1", a.dim_feedforward, a.d_model, a.bias)
    found += _affine("linear2", a.d_model, a.dim_feedforward, a.bias)
    for index in range(len(attentions) + 1):
        found += _layer_norm(f"norm{index + 1}", a.d_model, a.bias)
    return tuple(found)


def _encoder_layer_weights(a: Args) -> tuple[Weight, ...]:
    return _layer_weights(a, ("self_attn",))


def _decoder_layer_weights(a: Args) -> tuple[Weight, ...]:
    return _layer_weights(a, ("self_attn", "multihead_attn"))


def _feed_forward(a: Args, x: TensorType) -> int:
    macs: int = 2 * prod(x.shape[:-1]) * (a.d_model * a.dim_feedforward)
    return macs


def _inner_attention(a: Args, x: TensorType, memory: TensorType) -> int:
    batch, length = _lengths(x, a.batch_first)
    _, source = _lengths(memory, a.batch_first)
    size: int = a.d_model
    return _products(size, batch, length, source, source) + 2 * batch * source * size * size


def _encoder_layer_macs(a: Args, src: TensorType, *rest: Value) -> int:
    return _inner_attention(a, src, src) + _feed_forward(a, src)


def _decoder_layer_macs(a: Args, tgt: TensorType, memory: TensorType, *rest: Value) -> int:
    return _inner_attention(a, tgt, tgt) + _inner_attention(a, tgt, memory) + _feed_forward(a, tgt)


def _layer_infer(name: str) -> Callable[..., Mapping[str, Any]]:
    def infer(a: Args, x: Value, *rest: Value) -> Mapping[str, Any]:
        return {"d_model": inferred(x, name, 2, 3)}

    return infer


# --- layers that hold layers


def _arguments(layer: LayerValue) -> Args:
    row = table()[layer.op]
    assert isinstance(row, Op)
    return Args(**{**row.parameters.defaults, **layer.args})


def _require_layer(a: Args, argument: str, kind: str) -> None:
    layer = getattr(a, argument)
    if isinstance(layer, LayerValue) and layer.op == kind:
        return
    found = f"`{layer.op}`" if isinstance(layer, LayerValue) else repr(layer)
    raise ArgumentError(
        f"expects a {kind} as {argument}, and gets {found}",
        argument=argument,
        help=f"write `{{{kind}: [...]}}`",
    )


def _inside(argument: str, outputs: Callable[..., Value], *values: Any) -> Value:
    """The output of an inner layer; its refusals blame the argument that holds it.

    Raises:
        ShapeError: as the inner layer does.
    """
    try:
        return outputs(*values)
    except ShapeError as error:
        raise ShapeError(error.message, argument=argument) from None


def _normalised(norm: LayerValue | None, x: Value) -> Value:
    """The output of the norm at the end, which may be any layer of one input."""
    if norm is None:
        return x
    row = table()[norm.op]
    assert isinstance(row, Op)
    return _inside("norm", row.outputs, _arguments(norm), x)


def _norm_macs(norm: LayerValue | None, x: TensorType) -> int | None:
    if norm is None:
        return 0
    row = table()[norm.op]
    assert isinstance(row, Op)
    return row.macs(_arguments(norm), x)


def _stack_check(argument: str, kind: str) -> Callable[[Args], None]:
    def check(a: Args) -> None:
        _require_layer(a, argument, kind)
        # torch builds a stack of none, whose forward then asks for its first layer
        require_at_least(a, 1, "num_layers")
        require_few_layers(a, "num_layers")
        if a.norm is not None:
            row = table().get(a.norm.op) if isinstance(a.norm, LayerValue) else None
            if not isinstance(row, Op) or len(row.inputs.parameters) != 1:
                raise ArgumentError(
                    "expects a layer of one input as norm",
                    argument="norm",
                    help="write `{LayerNorm: 512}`; a lazy layer cannot be an argument",
                )

    return check


def _stack_weights(argument: str) -> Callable[[Args], tuple[Weight, ...]]:
    def weights(a: Args) -> tuple[Weight, ...]:
        layer: LayerValue = getattr(a, argument)
        found: list[Weight] = []
        for index in range(a.num_layers):
            found += prefixed(f"layers.{index}", layer.weights)
        if a.norm is not None:
            found += prefixed("norm", a.norm.weights)
        return tuple(found)

    return weights


def _encoder(
    a: Args,
    src: Value,
    mask: Value = None,
    src_key_padding_mask: Value = None,
    is_causal: Value = None,
) -> Value:
    layer = _arguments(a.encoder_layer)
    values = src, mask, src_key_padding_mask, is_causal
    return _normalised(a.norm, _inside("encoder_layer", _encoder_layer, layer, *values))


def _decoder(a: Args, tgt: Value, memory: Value, *rest: Value) -> Value:
    layer = _arguments(a.decoder_layer)
    y = _inside("decoder_layer", _decoder_layer, layer, tgt, memory, *rest)
    return _normalised(a.norm, y)


def _encoder_macs(a: Args, src: TensorType, *rest: Value) -> int | None:
    norm = _norm_macs(a.norm, src)
    each = _encoder_layer_macs(_arguments(a.encoder_layer), src)
    return None if norm is None else a.num_layers * each + norm


def _decoder_macs(a: Args, tgt: TensorType, memory: TensorType, *rest: Value) -> int | None:
    norm = _norm_macs(a.norm, tgt)
    each = _decoder_layer_macs(_arguments(a.decoder_layer), tgt, memory)
    return None if norm is None else a.num_layers * each + norm


# --- Transformer


def _transformer_check(a: Args) -> None:
    if a.custom_encoder is None or a.custom_decoder is None:
        _layer_check(a)
    for side in ("encoder", "decoder"):
        custom = f"custom_{side}"
        if getattr(a, custom) is None:
            require_at_least(a, 1, f"num_{side}_layers")
            require_few_layers(a, f"num_{side}_layers")
        else:
            _require_layer(a, custom, f"Transformer{side.capitalize()}")
    # the inputs are compared with it, even where neither half is torch's own
    require_at_least(a, 0, "d_model")


def _half(a: Args, side: str) -> Args:
    """Arguments of the encoder or the decoder, as torch builds it where none is given."""
    custom = getattr(a, f"custom_{side}")
    if custom is not None:
        return _arguments(custom)
    kind = f"Transformer{side.capitalize()}Layer"
    names = (
        "d_model", "nhead", "dim_feedforward", "dropout", "activation", "layer_norm_eps",
        "batch_first", "norm_first", "bias",
    )  # fmt: skip
    args = {name: getattr(a, name) for name in names}
    row = table()[kind]
    assert isinstance(row, Op)
    norm = LayerValue(
        "LayerNorm",
        {"normalized_shape": a.d_model, "eps": a.layer_norm_eps, "bias": a.bias},
        tuple(Weight(w.name[5:], w.shape) for w in _layer_norm("norm", a.d_model, a.bias)),
    )
    return Args(
        num_layers=getattr(a, f"num_{side}_layers"),
        norm=norm,
        **{f"{side}_layer": LayerValue(kind, args, row.weights(Args(**args)))},
    )


def _transformer(
    a: Args,
    src: Value,
    tgt: Value,
    src_mask: Value = None,
    tgt_mask: Value = None,
    memory_mask: Value = None,
    src_key_padding_mask: Value = None,
    tgt_key_padding_mask: Value = None,
    memory_key_padding_mask: Value = None,
    src_is_causal: Value = None,
    tgt_is_causal: Value = None,
    memory_is_causal: Value = False,
) -> Value:
    src, tgt = _sequence(a, src, "src"), _sequence(a, tgt, "tgt")
    if len(src.shape) == 3:
        ranks(tgt, 3, 3, "tgt")
        if _lengths(src, a.batch_first)[0] != _lengths(tgt, a.batch_first)[0]:
            raise ShapeError(f"expects src and tgt of one batch size, and gets {src} and {tgt}")
    memory = _inside(
        "d_model" if a.custom_encoder is None else "custom_encoder", _encoder,
        _half(a, "encoder"), src, src_mask, src_key_padding_mask, src_is_causal,
    )  # fmt: skip
    return _inside(
        "d_model" if a.custom_decoder is None else "custom_decoder", _decoder,
        _half(a, "decoder"), tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
        memory_key_padding_mask, tgt_is_causal, memory_is_causal,
    )  # fmt: skip


def _transformer_weights(a: Args) -> tuple[Weight, ...]:
    encoder = _encoder_weights(_half(a, "encoder"))
    decoder = _decoder_weights(_half(a, "decoder"))
    return (*prefixed("encoder", encoder), *prefixed("decoder", decoder))


def _transformer_macs(a: Args, src: TensorType, tgt: TensorType, *rest: Value) -> int | None:
    encoder, decoder = _half(a, "encoder"), _half(a, "decoder")
    below = _encoder_macs(encoder, src)
    above = _decoder_macs(decoder, tgt, _encoder(encoder, src))
    return None if below is None or above is None else below + above


_encoder_weights = _stack_weights("encoder_layer")
_decoder_weights = _stack_weights("decoder_layer")

_ACTIVATION = "activation: Literal['relu', 'gelu'] = 'relu'"
_LAYER = (
    f"d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, {_ACTIVATION}, "
    "layer_norm_eps: float = 1e-05, batch_first: bool = False, norm_first: bool = False, "
    "bias: bool = True"
)
_DECODER_MASKS = "tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, "
_DECODER_MASKS += "memory_key_padding_mask=None"

ROWS: tuple[Op | LazyOp, ...] = (
    Op(
        "MultiheadAttention",
        "embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, "
        "add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None, "
        "vdim: int | None = None, batch_first: bool = False",
        _attention,
        _attention_weights,
        _attention_macs,
        _check,
        forward="query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, "
        "average_attn_weights=True, is_causal=False",
    ),
    LazyOp(
        "LazyMultiheadAttention",
        "MultiheadAttention",
        ("embed_dim", "kdim", "vdim"),
        _attention_infer,
    ),
    Op(
        "TransformerEncoderLayer",
        _LAYER,
        _encoder_layer,
        _encoder_layer_weights,
        _encoder_layer_macs,
        _layer_check,
        forward="src, src_mask=None, src_key_padding_mask=None, is_causal=False",
    ),
    LazyOp(
        "LazyTransformerEncoderLayer",
        "TransformerEncoderLayer",
        ("d_model",),
        _layer_infer("src"),
    ),
    Op(
        "TransformerDecoderLayer",
        _LAYER,
        _decoder_layer,
        _decoder_layer_weights,
        _decoder_layer_macs,
        _layer_check,
        forward=f"tgt, memory, {_DECODER_MASKS}, tgt_is_causal=False, memory_is_causal=False",
    ),
    LazyOp(
        "LazyTransformerDecoderLayer",
        "TransformerDecoderLayer",
        ("d_model",),
        _layer_infer("tgt"),
    ),
    Op(
        "TransformerEncoder",
        "encoder_layer: module, num_layers: int, norm: module | None = None, "
        "enable_nested_tensor: bool = True, mask_check: bool = True",
        _encoder,
        _encoder_weights,
        _encoder_macs,
        _stack_check("encoder_layer", "TransformerEncoderLayer"),
        forward="src, mask=None, src_key_padding_mask=None, is_causal=None",
    ),
    Op(
        "TransformerDecoder",
        "decoder_layer: module, num_layers: int, norm: module | None = None",
        _decoder,
        _decoder_weights,
        _decoder_macs,
        _stack_check("decoder_layer", "TransformerDecoderLayer"),
        forward=f"tgt, memory, {_DECODER_MASKS}, tgt_is_causal=None, memory_is_causal=False",
    ),
    Op(
        "Transformer",
        "d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, "
        f"num_decoder_layers: int = 6, dim_feedforward: int = 2048, dropout: float = 0.1, "
        f"{_ACTIVATION}, custom_encoder: module | None = None, "
        "custom_decoder: module | None = None, layer_norm_eps: float = 1e-05, "
        "batch_first: bool = False, norm_first: bool = False, bias: bool = True",
        _transformer,
        _transformer_weights,
        _transformer_macs,
        _transformer_check,
        forward="src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, "
        "src_key_padding_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None, "
        "src_is_causal=None, tgt_is_causal=None, memory_is_causal=False",
    ),
)
