"""Lazy modules of the project's own: their sizes come from the first input they see.

A drop-in for torch's lazy modules, and for those that torch lacks. See docs/lazy.md.
"""

from __future__ import annotations

from lazyinspect.lazy.activation import LazyPReLU
from lazyinspect.lazy.attention import (
    LazyMultiheadAttention,
    LazyTransformerDecoderLayer,
    LazyTransformerEncoderLayer,
)
from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.batchnorm import (
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
    LazyInstanceNorm1d,
    LazyInstanceNorm2d,
    LazyInstanceNorm3d,
    LazySyncBatchNorm,
)
from lazyinspect.lazy.conv import (
    LazyConv1d,
    LazyConv2d,
    LazyConv3d,
    LazyConvTranspose1d,
    LazyConvTranspose2d,
    LazyConvTranspose3d,
    LazyDepthwiseConv1d,
    LazyDepthwiseConv2d,
    LazyDepthwiseConv3d,
)
from lazyinspect.lazy.errors import InferenceError
from lazyinspect.lazy.fakequant import (
    FakeQuantConv2d,
    LazyFakeQuantConv2d,
    conv2d_weight_fake_quant,
)
from lazyinspect.lazy.initialisation import initialisation
from lazyinspect.lazy.linear import LazyBilinear, LazyLinear
from lazyinspect.lazy.materialise import Conversion, find_lazy, materialise
from lazyinspect.lazy.norm import LazyGroupNorm, LazyLayerNorm, LazyRMSNorm
from lazyinspect.lazy.recurrent import (
    LazyGRU,
    LazyGRUCell,
    LazyLSTM,
    LazyLSTMCell,
    LazyRNN,
    LazyRNNCell,
)

__all__ = [
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyDepthwiseConv1d",
    "LazyDepthwiseConv2d",
    "LazyDepthwiseConv3d",
    "LazyLinear",
    "LazyBilinear",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazySyncBatchNorm",
    "LazyGroupNorm",
    "LazyLayerNorm",
    "LazyRMSNorm",
    "LazyPReLU",
    "LazyRNN",
    "LazyLSTM",
    "LazyGRU",
    "LazyRNNCell",
    "LazyLSTMCell",
    "LazyGRUCell",
    "LazyMultiheadAttention",
    "LazyTransformerEncoderLayer",
    "LazyTransformerDecoderLayer",
    "LazyFakeQuantConv2d",
    "FakeQuantConv2d",
    "conv2d_weight_fake_quant",
    "materialise",
    "find_lazy",
    "Conversion",
    "initialisation",
    "InferenceError",
    "LazyMixin",
]
