"""Lazy attention: ``embed_dim`` or ``d_model`` from the last dimension of the query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.errors import InferenceError, format_input, name_of
from lazyinspect.lazy.inputs import divisible, rank_in
from lazyinspect.lazy.tensors import uninitialised_like
from lazyinspect.lazy.transplant import forget_sizes


class LazyMultiheadAttention(LazyMixin, nn.MultiheadAttention):
    """A ``MultiheadAttention`` whose ``embed_dim``, ``kdim`` and ``vdim`` the first forward infers.

    Shape: query ``(target, batch, embed_dim)``, key ``(source, batch, kdim)`` and value
    ``(source, batch, vdim)``; batch before length with ``batch_first``; or all unbatched.
    Until the first forward it holds both forms of the projection, ``in_proj_weight`` and
    ``q_proj_weight``, ``k_proj_weight``, ``v_proj_weight``; it keeps the one that the sizes need.

    Raises:
        ValueError: ``num_heads`` below 1.
        InferenceError: at the first forward: another rank, a size of 0, an ``embed_dim`` that
            ``num_heads`` does not divide, or keys and values that differ in length.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyMultiheadAttention
        >>> layer = LazyMultiheadAttention(4, batch_first=True)
        >>> query, memory = torch.randn(2, 5, 16), torch.randn(2, 7, 24)
        >>> output, weights = layer(query, memory, memory)
        >>> tuple(output.shape), layer.embed_dim, layer.kdim, type(layer).__name__
        ((2, 5, 16), 16, 24, 'MultiheadAttention')
    """

    cls_to_become = nn.MultiheadAttention
    infers = ("embed_dim", "kdim", "vdim")
    template_device = "meta"

    def __init__(
        self,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        batch_first: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            embed_dim=num_heads,
            num_heads=num_heads,
            dropout=dropout,
            bias=bias,
            add_bias_kv=add_bias_kv,
            add_zero_attn=add_zero_attn,
            kdim=None,
            vdim=None,
            batch_first=batch_first,
            device=device,
            dtype=dtype,
        )
        for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
            self.register_parameter(name, uninitialised_like(self.in_proj_weight, device, dtype))
        _forget_attention(self)

    def infer(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> Mapping[str, Any]:
        size = rank_in(self, query, (2, 3), "query").size(-1)
        divisible(self, int(size), self.num_heads, "embed_dim", "num_heads", query)
        key_size = rank_in(self, key, (query.dim(),), "key").size(-1)
        value_size = rank_in(self, value, (query.dim(),), "value").size(-1)
        if not key.is_nested and key.shape[:-1] != value.shape[:-1]:
            raise InferenceError(
                f"{name_of(self)} needs a value for each key, and gets keys {format_input(key)} "
                f"and values {format_input(value)}"
            )
        return {
            "embed_dim": size,
            "kdim": None if key_size == size else key_size,
            "vdim": None if value_size == size else value_size,
        }

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        if "in_proj_weight" in shapes:
            return {"embed_dim": shapes["in_proj_weight"][1], "kdim": None, "vdim": None}
        return {
            "embed_dim": shapes["q_proj_weight"][1],
            "kdim": shapes["k_proj_weight"][1],
            "vdim": shapes["v_proj_weight"][1],
        }


def _forget_attention(module: nn.Module) -> None:
    forget_sizes(module, "embed_dim", "kdim", "vdim", "head_dim")
    forget_sizes(module.get_submodule("out_proj"), "in_features", "out_features")


class _LazyTransformerLayer(LazyMixin):
    """Constructor of the lazy transformer layers."""

    infers = ("d_model",)
    template_device = "meta"

    def __init__(
        self,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[torch.Tensor], torch.Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            d_model=nhead,
            nhead=nhead,
            dim_feedforward=dim_feedforward,
            dropout=dropout,
            activation=activation,
            layer_norm_eps=layer_norm_eps,
            batch_first=batch_first,
            norm_first=norm_first,
            bias=bias,
            device=device,
            dtype=dtype,
        )
        forget_sizes(self.get_submodule("linear1"), "in_features")
        forget_sizes(self.get_submodule("linear2"), "out_features")
        for child in self.children():
            if isinstance(child, nn.MultiheadAttention):
                _forget_attention(child)
            elif isinstance(child, nn.LayerNorm):
                forget_sizes(child, "normalized_shape", unknown=(0,))

    def _d_model(self, value: torch.Tensor, argument: str) -> int:
        size = int(rank_in(self, value, (2, 3), argument).size(-1))
        heads = self._lazy.arguments["nhead"]
        return divisible(self, size, heads, "d_model", "nhead", value)

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        if "linear1.weight" in shapes:
            return {"d_model": shapes["linear1.weight"][1]}
        return {"d_model": shapes["norm1.weight"][0]}


class LazyTransformerEncoderLayer(_LazyTransformerLayer, nn.TransformerEncoderLayer):
    """A ``TransformerEncoderLayer`` whose ``d_model`` the first forward infers.

    Shape: src ``(length, batch, d_model)``, batch first with ``batch_first``, or unbatched.

    Raises:
        InferenceError: at the first forward: another rank, or a ``d_model`` that ``nhead`` does
            not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyTransformerEncoderLayer
        >>> layer = LazyTransformerEncoderLayer(4, dim_feedforward=32, batch_first=True)
        >>> tuple(layer(torch.randn(2, 5, 16)).shape)
        (2, 5, 16)
        >>> layer.linear1, type(layer).__name__
        (Linear(in_features=16, out_features=32, bias=True), 'TransformerEncoderLayer')
    """

    cls_to_become = nn.TransformerEncoderLayer

    def infer(self, src: torch.Tensor, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        return {"d_model": self._d_model(src, "src")}


class LazyTransformerDecoderLayer(_LazyTransformerLayer, nn.TransformerDecoderLayer):
    """A ``TransformerDecoderLayer`` whose ``d_model`` the first forward infers.

    Shape: tgt ``(target, batch, d_model)`` and memory ``(source, batch, d_model)``, batch first
    with ``batch_first``, or unbatched.

    Raises:
        InferenceError: at the first forward: another rank, a ``d_model`` that ``nhead`` does not
            divide, or a memory of another size or rank.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyTransformerDecoderLayer
        >>> layer = LazyTransformerDecoderLayer(4, dim_feedforward=32, batch_first=True)
        >>> tuple(layer(torch.randn(2, 5, 16), torch.randn(2, 7, 16)).shape)
        (2, 5, 16)
        >>> type(layer).__name__, type(layer.multihead_attn).__name__
        ('TransformerDecoderLayer', 'MultiheadAttention')
    """

    cls_to_become = nn.TransformerDecoderLayer

    def infer(
        self, tgt: torch.Tensor, memory: torch.Tensor, *args: Any, **kwargs: Any
    ) -> Mapping[str, Any]:
        size = self._d_model(tgt, "tgt")
        if rank_in(self, memory, (tgt.dim(),), "memory").size(-1) != size:
            raise InferenceError(
                f"{name_of(self)} needs tgt and memory of one d_model, and gets "
                f"{format_input(tgt)} and {format_input(memory)}"
            )
        return {"d_model": size}
