"""Builds Reports by hand, for tests that need one and no planner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lazyinspect.report import (
    Duration,
    Environment,
    LayerRow,
    NamedTensor,
    Place,
    Report,
    SpecInfo,
    Timing,
    Totals,
    Verified,
)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """A layer, a function or a container of a network that exists on paper alone."""

    name: str
    declared: str
    shape: Shape
    params: int = 0
    macs: int | None = 0
    args: dict[str, Any] = field(default_factory=dict)
    children: tuple[Node, ...] = ()
    kind: str = "layer"
    type: str = ""
    time: int | None = None
    buffers: int = 0
    dtype: str = "float32"
    path: str | None = None
    call: int = 0
    outputs: tuple[NamedTensor, ...] | None = None


def layer(name: str, declared: str, shape: Shape, **more: Any) -> Node:
    """``LazyX`` becomes ``X`` unless ``type`` says otherwise; lowercase names are functions."""
    more.setdefault("type", declared.removeprefix("Lazy"))
    more.setdefault("kind", "function" if declared[0].islower() else "layer")
    return Node(name, declared, shape, **more)


def block(name: str, declared: str, *children: Node, **more: Any) -> Node:
    """A container; its output is its last child's."""
    more.setdefault("type", "Sequential")
    return Node(name, declared, children[-1].shape, children=children, kind="container", **more)


def report(
    *children: Node,
    name: str = "net",
    variant: str | None = None,
    params: dict[str, Any] | None = None,
    inputs: Sequence[NamedTensor] = (NamedTensor("input", (1, 3, 224, 224), "float32"),),
    verified: bool | Verified = True,
    timed: bool = False,
    **more: Any,
) -> Report:
    """The report of a network with these children, its sums worked out."""
    root = block("", "Graph", *children, type="Graph")
    rows = tuple(_rows(root, "", 0))
    total = rows[0]
    values: dict[str, Any] = {
        "spec": SpecInfo(f"configs/{name}.yaml", name, variant, params or {}),
        "environment": Environment("0.1.0", "2.13.0", "3.11.7", "cpu", "a processor"),
        "inputs": tuple(inputs),
        "outputs": tuple(replace(each, name="") for each in total.outputs),
        "layers": rows,
        "totals": Totals(
            total.param_count,
            total.trainable_param_count,
            total.param_bytes,
            total.buffer_bytes,
            total.macs,
            rows_without_macs=total.unknown_macs,
        ),
        "timing": Timing("cpu", 3, 20, Duration(21_312_000, 20_900_000, 22_400_000))
        if timed
        else None,
        "verified": verified if isinstance(verified, Verified) else _agrees(rows, verified),
    }
    return Report(**(values | more))


def _agrees(rows: Sequence[LayerRow], ran: bool) -> Verified | None:
    return Verified("cpu", sum(row.kind != "container" for row in rows)) if ran else None


def _rows(node: Node, parent: str, depth: int) -> Iterator[LayerRow]:
    path = node.path if node.path is not None else f"{parent}.{node.name}".strip(".")
    below: list[LayerRow] = []
    direct: list[LayerRow] = []
    for child in node.children:
        rows = list(_rows(child, path, depth + 1))
        direct.append(rows[0])
        below.extend(rows)
    outputs = node.outputs or (NamedTensor("", node.shape, node.dtype),)
    unknown = sum(row.unknown_macs for row in direct) + (node.macs is None)
    known = [row.macs for row in direct if row.macs is not None]
    times = [row.time_ns.median for row in direct if row.time_ns is not None]
    time = sum(times) if times else node.time
    own: Callable[[str], int] = lambda figure: sum(getattr(row, figure) for row in direct)  # noqa: E731
    yield LayerRow(
        path=path,
        call=node.call,
        depth=depth,
        declared=node.declared,
        type=node.type,
        args=node.args,
        inputs=(NamedTensor("", node.shape, "float32"),),
        outputs=outputs,
        param_count=node.params + own("param_count"),
        trainable_param_count=node.params + own("trainable_param_count"),
        param_bytes=4 * node.params + own("param_bytes"),
        buffer_bytes=node.buffers + own("buffer_bytes"),
        macs=(sum(known) if known or not node.children else None) if node.children else node.macs,
        place=Place(7 + depth, 3),
        time_ns=None if time is None else Duration(time, time - time // 10, time + time // 10),
        unknown_macs=unknown,
        kind=node.kind,
    )
    yield from below


def resnet50(*, timed: bool = False) -> Report:
    """ResNet-50 as configs/resnet.yaml describes it, with its true figures."""
    clock = iter(range(90_000, 10**9, 1_000))

    def tick() -> int | None:
        return next(clock) if timed else None

    def conv(name: str, cin: int, cout: int, kernel: int, side: int, stride: int = 1) -> Node:
        count = cin * cout * kernel * kernel
        return layer(
            name,
            "LazyConv2d",
            (1, cout, side, side),
            params=count,
            macs=count * side * side,
            args={
                "in_channels": cin,
                "out_channels": cout,
                "kernel_size": (kernel, kernel),
                "stride": (stride, stride),
                "bias": False,
            },
            time=tick(),
        )

    def norm(name: str, channels: int, side: int) -> Node:
        return layer(
            name,
            "LazyBatchNorm2d",
            (1, channels, side, side),
            params=2 * channels,
            buffers=8 * channels + 8,
            args={"num_features": channels},
            time=tick(),
        )

    def bottleneck(name: str, cin: int, width: int, side: int, stride: int) -> Node:
        out = 4 * width
        inner = side * stride
        shape = (1, out, side, side)
        steps = [
            conv("conv1", cin, width, 1, inner),
            norm("bn1", width, inner),
            layer("relu1", "ReLU", (1, width, inner, inner), time=tick()),
            conv("conv2", width, width, 3, side, stride),
            norm("bn2", width, side),
            layer("relu2", "ReLU", (1, width, side, side), time=tick()),
            conv("conv3", width, out, 1, side),
            norm("bn3", out, side),
        ]
        if stride != 1 or cin != out:
            steps.append(
                block(
                    "downsample", "Sequential", conv("0", cin, out, 1, side), norm("1", out, side)
                )
            )
        steps += [layer("sum", "add", shape), layer("relu", "ReLU", shape, time=tick())]
        return block(name, "Bottleneck", *steps, type="Graph")

    stages = []
    channels = 64
    for index, (copies, width, side) in enumerate(
        [(3, 64, 56), (4, 128, 28), (6, 256, 14), (3, 512, 7)], start=1
    ):
        blocks = []
        for copy in range(copies):
            stride = 2 if copy == 0 and index > 1 else 1
            blocks.append(bottleneck(str(copy), channels, width, side, stride))
            channels = 4 * width
        stages.append(block(f"layer{index}", "Sequential", *blocks))
    return report(
        conv("conv1", 3, 64, 7, 112, 2),
        norm("bn1", 64, 112),
        layer("relu", "ReLU", (1, 64, 112, 112), time=tick()),
        layer("maxpool", "MaxPool2d", (1, 64, 56, 56), time=tick()),
        *stages,
        layer("avgpool", "AdaptiveAvgPool2d", (1, 2048, 1, 1), time=tick()),
        layer("flat", "Flatten", (1, 2048), time=tick()),
        layer(
            "fc",
            "LazyLinear",
            (1, 1000),
            params=2_049_000,
            macs=2_048_000,
            args={"in_features": 2048, "out_features": 1000, "bias": True},
            time=tick(),
        ),
        name="resnet",
        variant="r50",
        params={"n2": 4, "n3": 6, "classes": 1000},
        timed=timed,
    )


def mynet(**more: Any) -> Report:
    """The small network of the first example: no containers, nothing folded."""
    return report(
        layer("0", "LazyConv2d", (1, 32, 26, 26), params=320, macs=194_688),
        layer("1", "ReLU", (1, 32, 26, 26)),
        layer("2", "MaxPool2d", (1, 32, 13, 13)),
        layer("3", "LazyConv2d", (1, 64, 11, 11), params=18_496, macs=2_230_272),
        layer("4", "ReLU", (1, 64, 11, 11)),
        layer("5", "MaxPool2d", (1, 64, 5, 5)),
        layer("6", "Flatten", (1, 1600)),
        layer("7", "LazyLinear", (1, 10), params=16_010, macs=16_000),
        inputs=(NamedTensor("input", (1, 1, 28, 28), "float32"),),
        **({"name": "mynet"} | more),
    )


def oddities(**more: Any) -> Report:
    """Everything that a table must cope with at once: long names, tuples, unknown counts."""
    shape = (1, 197, 768)
    halves = tuple(NamedTensor(str(k), (1, 16, 80, 80), "float32") for k in range(2))
    states = (
        NamedTensor("0", (1, 12, 256), "float32"),
        NamedTensor("1.0", (2, 1, 256), "float32"),
        NamedTensor("1.1", (2, 1, 256), "float32"),
    )
    encoder_layers = [
        block(
            f"encoder_layer_{index}",
            "EncoderBlock",
            layer(
                "self_attention",
                "LazyMultiheadAttention",
                shape,
                params=2_362_368,
                macs=524_000_000,
                args={"embed_dim": 768, "num_heads": 12},
            ),
            layer("mlp_1", "LazyLinear", (1, 197, 3072), params=2_362_368, macs=464_781_312),
        )
        for index in range(12)
    ]
    return report(
        layer("class_token", "Parameter", (1, 1, 768), params=768, kind="parameter"),
        block("encoder", "Sequential", *encoder_layers),
        layer("up", "LazyConvTranspose2d", (1, 64, 160, 160), params=1_000, macs=25_600_000),
        layer("split", "chunk", (1, 16, 80, 80), outputs=halves),
        layer("lstm", "LazyLSTM", (1, 12, 256), params=10_000, macs=None, outputs=states),
        layer("mine", "mypkg.layers.Swish", (1, 64), type="Swish", macs=None),
        layer("quantised", "LazyConv2d", (1, 8, 9, 9), type="FakeQuantConv2d", params=80, macs=7),
        layer("indices", "positions", (1, 197), dtype="int64"),
        layer("pool", "MaxPool2d", (1, 64, 5, 5)),
        layer("again", "MaxPool2d", (1, 64, 3, 3), path="pool", call=1),
        layer("q", "LazyLinear", (1, 64), params=4_160, macs=4_096),
        layer("k", "LazyLinear", (1, 64), params=4_160, macs=4_096),
        inputs=(
            NamedTensor("image", (1, 3, 224, 224), "float32"),
            NamedTensor("ids", (1, 12), "int64"),
        ),
        **({"name": "oddities", "verified": False} | more),
    )
