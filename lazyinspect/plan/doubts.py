"""Rows of a report -> questions about what works, and is seldom meant. No torch here.

Each is raised by shapes alone, and at most once: a note is a question, not a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lazyinspect.report import LayerRow
from lazyinspect.shapes import Shape, format_shape, prod

_COLOURS = (1, 3, 4)
_SIDE = 8
"""A dimension below this is taken for no side of an image."""
_BATCH_SECOND = re.compile(r"(LSTM|GRU|RNN|MultiheadAttention|Transformer\w+Layer)\Z")
_SEVERAL = re.compile(r"(LSTM|GRU|RNN|LSTMCell|MultiheadAttention)\Z")
_MERGES = ("add", "sub", "mul", "div", "cat", "stack")
_CONV = re.compile(r"(FakeQuant)?Conv[23]d\Z")


def doubts(rows: tuple[LayerRow, ...]) -> Iterator[str]:
    """What to ask of a network that works, in the order of its layers."""
    if not rows:
        return
    given = {item.shape for item in rows[0].inputs}
    asked: set[str] = set()
    embedded: set[Shape] = set()
    several: dict[tuple[Shape, ...], LayerRow] = {}
    image: Shape | None = None
    for row in rows[1:]:
        if not row.inputs or row.kind == "container":
            continue
        shape = row.inputs[0].shape
        if row.type == "Embedding" and shape in given and len(shape) == 2:
            embedded.add(row.outputs[0].shape)
        for kind, text in (
            ("layout", _channels_last(row, shape, given)),
            ("batch", _batch_second(row, shape, given | embedded)),
            ("mixed", _mixed(row, shape)),
            ("joined", _joined(row, shape, given)),
            ("flat", _not_flattened(row, shape, image)),
            ("tuple", _all_merged(row, several)),
        ):
            if text and kind not in asked:
                asked.add(kind)
                yield text
        image = _image(row, shape, image)
        if _SEVERAL.match(row.type) and len(row.outputs) > 1:
            several[tuple(item.shape for item in row.outputs)] = row


def _channels_last(row: LayerRow, shape: Shape, given: set[Shape]) -> str:
    """A convolution that takes the height of an image for its channels."""
    if not _CONV.match(row.type) or shape not in given or row.declared == row.type:
        return ""
    if len(shape) < 4 or shape[-1] not in _COLOURS or min(shape[1:-1]) < _SIDE:
        return ""
    turned = format_shape((shape[0], shape[-1], *shape[1:-1]))
    return (
        f"is the input [N, H, W, C]? {row.declared} of line {row.place.line} infers {shape[1]} "
        f"channels of {format_shape(shape)}; layers of images read [N, C, H, W]: {turned}"
    )


def _batch_second(row: LayerRow, shape: Shape, given: set[Shape]) -> str:
    """A sequence with its batch first, read by a layer whose batch is second."""
    if not _BATCH_SECOND.match(row.type) or row.args.get("batch_first"):
        return ""
    if len(shape) != 3 or shape not in given or shape[0] >= shape[1]:
        return ""
    return (
        f"is `batch_first: true` missing? {row.declared} of line {row.place.line} reads "
        f"[length, batch, features], and gets {format_shape(shape)}"
    )


def _mixed(row: LayerRow, shape: Shape) -> str:
    """A view whose rows hold parts of two samples."""
    if row.type not in ("view", "reshape") or len(shape) < 2 or len(row.outputs) != 1:
        return ""
    out = row.outputs[0].shape
    if len(out) != 2 or not all(shape) or not all(out) or out[0] == shape[0]:
        return ""
    each = prod(shape[1:])
    if each % out[1] == 0 or out[1] % each == 0:
        return ""
    return (
        f"{row.type} of line {row.place.line} mixes samples: {format_shape(shape)} has {each} "
        f"elements each, and {format_shape(out)} takes {out[1]}; `Flatten` keeps them apart"
    )


def _joined(row: LayerRow, shape: Shape, given: set[Shape]) -> str:
    """A flatten that takes the batch of images along."""
    images = any(len(item) >= 4 and item[0] == shape[0] for item in given if shape)
    if row.type.lower() != "flatten" or not images or len(shape) < 3:
        return ""
    out = row.outputs[0].shape
    if len(out) != 1:
        return ""
    return (
        f"{row.type} of line {row.place.line} joins the batch with the rest: "
        f"{format_shape(shape)} -> {format_shape(out)}; `flatten: 1` keeps it"
    )


def _image(row: LayerRow, shape: Shape, image: Shape | None) -> Shape | None:
    """The image that a layer of images has just given, or one after it has kept."""
    out = row.outputs[0].shape if len(row.outputs) == 1 else None
    if out is not None and len(out) == 4 and row.type.endswith("2d"):
        return out
    return image if row.kind == "layer" and shape == image == out else None


def _not_flattened(row: LayerRow, shape: Shape, image: Shape | None) -> str:
    """A lazy Linear that reads the last line of an image where it stands."""
    if row.declared != "LazyLinear" or image is None or shape != image:
        return ""
    return (
        f"is a `Flatten` missing before it? {row.declared} of line {row.place.line} reads the last "
        f"dimension of {format_shape(shape)}: {shape[-1]} features, not {prod(shape[1:])}"
    )


def _all_merged(row: LayerRow, several: dict[tuple[Shape, ...], LayerRow]) -> str:
    """A sum that takes the states or weights along, which a layer gives beside its output."""
    if row.type not in _MERGES or not several:
        return ""
    sources: dict[str, list[Shape]] = {}
    for item in row.inputs:
        place, nested, _ = item.name.partition(".")
        if nested:
            sources.setdefault(place, []).append(item.shape)
    for shapes in sources.values():
        maker = several.get(tuple(shapes))
        if maker is not None:
            return (
                f"is `pick: 0` missing? {row.type} of line {row.place.line} takes all "
                f"{len(shapes)} tensors that {maker.declared} of line {maker.place.line} gives"
            )
    return ""
