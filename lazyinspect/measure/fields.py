"""The rule of every row of the op table: what one application of it makes of axes. No torch here.

An op that is not there has no field, and its reason says so. All is of eval mode: dropout passes
through, and batch normalisation uses its running statistics.
"""

from __future__ import annotations

from collections.abc import Mapping

from lazyinspect.measure import dims, windows
from lazyinspect.measure.axes import Rule
from lazyinspect.measure.dims import elementwise, lose_all
from lazyinspect.measure.reasons import ATTENTION, FLAT, INDICES, STATE


def _each(names: str, rule: Rule) -> Mapping[str, Rule]:
    return dict.fromkeys(names.split(), rule)


RULES: dict[str, Rule] = {
    **{f"Conv{n}d": windows.convolution(n) for n in (1, 2, 3)},
    "FakeQuantConv2d": windows.convolution(2),
    **{f"ConvTranspose{n}d": windows.transposed_convolution(n) for n in (1, 2, 3)},
    **_each("Linear Bilinear", dims.last_dimension),
    **_each("Flatten Unflatten flatten unflatten reshape view", dims.reshape),
    **_each("BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm", dims.batch_norm),
    **{f"InstanceNorm{n}d": dims.instance_norm(n) for n in (1, 2, 3)},
    "GroupNorm": dims.over_all_but_channels,
    **_each("LayerNorm RMSNorm", dims.layer_norm),
    **_each("LocalResponseNorm CrossMapLRN2d", dims.response_norm),
    **{f"{kind}Pool{n}d": windows.pooling(n) for kind in ("Max", "Avg", "LP") for n in (1, 2, 3)},
    **{
        f"Adaptive{kind}Pool{n}d": windows.adaptive_pooling(n)
        for kind in ("Avg", "Max")
        for n in (1, 2, 3)
    },
    **_each("MaxUnpool1d MaxUnpool2d MaxUnpool3d", lose_all("{} puts values where indices say")),
    **_each("FractionalMaxPool2d FractionalMaxPool3d", lose_all("{} places its windows at random")),
    **{
        f"{kind}Pad{n}d": windows.pad_layer(n)
        for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")
        for n in (1, 2, 3)
    },
    "pad": windows.pad_function,
    **_each("Upsample interpolate", windows.upsample),
    "UpsamplingNearest2d": windows.upsample_nearest,
    "UpsamplingBilinear2d": windows.upsample_bilinear,
    "PixelShuffle": windows.pixel_shuffle,
    "PixelUnshuffle": windows.pixel_unshuffle,
    "ChannelShuffle": dims.channels_shuffled,
    **_each("Fold Unfold", lose_all(FLAT)),
    **_each(
        "Identity ELU Hardshrink Hardsigmoid Hardtanh Hardswish LeakyReLU LogSigmoid PReLU ReLU "
        "ReLU6 RReLU SELU CELU GELU Sigmoid SiLU Mish Softplus Softshrink Softsign Tanh Tanhshrink "
        "Threshold Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
        elementwise,
    ),
    **_each(
        "add sub mul div relu gelu silu sigmoid tanh exp log sqrt rsqrt sin cos square neg abs "
        "clamp pow multiply floor_divide remainder maximum minimum eq ne gt ge lt le where "
        "triu tril",
        elementwise,
    ),
    **_each("GLU Softmin Softmax LogSoftmax softmax log_softmax cumsum", dims.along),
    "Softmax2d": dims.third_last,
    **_each("Embedding one_hot", dims.embedding),
    "EmbeddingBag": lose_all("{} sums over bags of positions"),
    **_each("RNN LSTM GRU RNNCell LSTMCell GRUCell", lose_all(STATE)),
    **_each(
        "MultiheadAttention TransformerEncoderLayer TransformerDecoderLayer TransformerEncoder "
        "TransformerDecoder Transformer scaled_dot_product_attention",
        lose_all(ATTENTION),
    ),
    "CosineSimilarity": dims.cosine_similarity,
    "PairwiseDistance": dims.pairwise_distance,
    "cat": dims.cat,
    "stack": dims.stack,
    "matmul": dims.matmul,
    "einsum": lose_all("{} contracts dimensions, which are not followed through it"),
    **_each("mean sum amax amin var std norm", dims.reduction),
    "permute": dims.permute,
    "transpose": dims.transpose,
    "movedim": dims.movedim,
    "squeeze": dims.squeeze,
    "unsqueeze": dims.unsqueeze,
    **_each("expand repeat tile", dims.larger),
    "select": dims.select,
    "unbind": dims.unbind,
    "narrow": dims.narrow,
    **_each("chunk split", dims.pieces),
    "gather": lose_all(INDICES),
    **_each("flip roll", dims.reordered),
    "positions": dims.nothing,
}
"""By the names of the op table's eager rows."""

WINDOWS = frozenset(
    [name for name in RULES if "Conv" in name or "Pool" in name or "Pad" in name]
    + "Upsample interpolate UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle "
    "PixelUnshuffle".split()
)
"""Ops that slide windows: without one, no dimension of an input is spatial."""
