"""Lazy modules beside the eager ones they are to equal: the table that the tests run over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

import lazyinspect.lazy as lazy

Make = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    name: str
    make_lazy: Make
    make_eager: Make
    shapes: tuple[tuple[int, ...], ...]

    def inputs(self, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
        generator = torch.Generator().manual_seed(1)
        return tuple(
            torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)
            for shape in self.shapes
        )


def _case(
    name: str,
    shapes: Any,
    inferred: dict[str, Any],
    own: dict[str, Any],
    *,
    eager: str | None = None,
    eager_own: dict[str, Any] | None = None,
    note: str = "",
) -> Case:
    """``LazyName(**own)`` beside ``eager(**inferred, **own)`` on inputs of these shapes."""
    lazy_class = getattr(lazy, f"Lazy{name}")
    eager_class = getattr(nn, eager or name, None) or getattr(lazy, eager or name)
    rest = own if eager_own is None else eager_own
    written = ",".join(f"{key}={value}" for key, value in own.items())
    shapes = shapes if isinstance(shapes[0], tuple) else (shapes,)
    return Case(
        f"Lazy{name}({written}){note}",
        lambda: lazy_class(**own),
        lambda: eager_class(**inferred, **rest),
        shapes,
    )


def _convolutions() -> Iterator[Case]:
    base = {"out_channels": 6, "kernel_size": 3}
    for n, batch in product((1, 2, 3), ((2,), ())):
        shape = (*batch, 4, *(9, 8, 7)[:n])
        note = "" if batch else " unbatched"
        for own in (
            {},
            {"stride": 2, "padding": 1},
            {"padding": "same"},
            {"groups": 2, "bias": False},
            {"padding": "same", "padding_mode": "circular"},
            {"padding": 1, "padding_mode": "reflect"},
            {"padding": 2, "padding_mode": "replicate", "dilation": 2},
        ):
            yield _case(f"Conv{n}d", shape, {"in_channels": 4}, base | own, note=note)
        for own in (
            {},
            {"stride": 2, "padding": 1, "output_padding": 1},
            {"groups": 2, "bias": False},
        ):
            yield _case(f"ConvTranspose{n}d", shape, {"in_channels": 4}, base | own, note=note)
        yield _case(
            f"DepthwiseConv{n}d",
            shape,
            {"in_channels": 4, "out_channels": 8, "groups": 4},
            {"kernel_size": 3, "multiplier": 2},
            eager=f"Conv{n}d",
            eager_own={"kernel_size": 3},
            note=note,
        )
    yield _case(
        "FakeQuantConv2d", (2, 4, 7, 7), {"in_channels": 4}, base | {"quantize_qrange": [-8, 7]}
    )


def _norms() -> Iterator[Case]:
    inferred = {"num_features": 4}
    for n in (1, 2, 3):
        spatial = (5, 4, 3)[:n]
        for own in (
            {},
            {"affine": False},
            {"track_running_stats": False},
            {"affine": False, "track_running_stats": False},
            {"bias": False},
            {"momentum": None, "eps": 1e-3},
        ):
            yield _case(f"BatchNorm{n}d", (2, 4, *spatial), inferred, own)
        for batch in ((2,), ()):
            for own in ({}, {"affine": True}, {"affine": True, "track_running_stats": True}):
                note = "" if batch else " unbatched"
                shape = (*batch, 4, *spatial)
                yield _case(f"InstanceNorm{n}d", shape, inferred, own, note=note)
    yield _case("BatchNorm1d", (3, 4), inferred, {}, note=" of a matrix")
    yield _case("SyncBatchNorm", (3, 4, 5), inferred, {})
    for own in ({}, {"affine": False}, {"bias": False}):
        yield _case("GroupNorm", (2, 4, 5), {"num_channels": 4}, {"num_groups": 2} | own)
    for dims, own in product((1, 2), ({}, {"elementwise_affine": False}, {"eps": 1e-3})):
        shape = (3, 4, 5)[-dims:]
        for name in ("LayerNorm", "RMSNorm"):
            yield _case(
                name,
                (2, 3, 4, 5),
                {"normalized_shape": shape},
                {"dims": dims} | own,
                eager_own=own,
            )
    yield _case("LayerNorm", (2, 5), {"normalized_shape": 5}, {"bias": False})
    yield _case("PReLU", (2, 4, 5), {"num_parameters": 4}, {"init": 0.1})
    yield _case("PReLU", (4,), {"num_parameters": 1}, {}, note=" of a vector")


def _recurrent() -> Iterator[Case]:
    sizes = {"input_size": 4}
    for name, shape in product(("RNN", "LSTM", "GRU"), ((3, 2, 4), (3, 4))):
        note = "" if len(shape) == 3 else " unbatched"
        options: list[dict[str, Any]] = [
            {},
            {"num_layers": 2, "bidirectional": True},
            {"batch_first": True, "bias": False},
            {"num_layers": 2, "dropout": 0.5},
        ]
        if name == "LSTM":
            options.append({"num_layers": 2, "proj_size": 2})
        if name == "RNN":
            options.append({"nonlinearity": "relu"})
        for own in options:
            yield _case(name, shape, sizes, {"hidden_size": 6} | own, note=note)
    for name, bias in product(("RNNCell", "LSTMCell", "GRUCell"), (True, False)):
        yield _case(name, (2, 4), sizes, {"hidden_size": 6, "bias": bias})


def _attention() -> Iterator[Case]:
    same = ((3, 2, 8), (5, 2, 8), (5, 2, 8))
    for own in (
        {},
        {"bias": False},
        {"add_bias_kv": True, "add_zero_attn": True},
        {"batch_first": True},
    ):
        heads = {"num_heads": 2} | own
        shapes = tuple((s[1], s[0], s[2]) for s in same) if own.get("batch_first") else same
        yield _case("MultiheadAttention", shapes, {"embed_dim": 8}, heads)
        other = (shapes[0], (*shapes[1][:2], 5), (*shapes[2][:2], 6))
        yield _case(
            "MultiheadAttention",
            other,
            {"embed_dim": 8, "kdim": 5, "vdim": 6},
            heads,
            note=" of three sizes",
        )
    for own in ({}, {"bias": False, "norm_first": True}, {"activation": "gelu"}):
        arguments = {"nhead": 2, "dim_feedforward": 16, "dropout": 0.0} | own
        sizes = {"d_model": 8}
        yield _case("TransformerEncoderLayer", (3, 2, 8), sizes, arguments)
        yield _case("TransformerDecoderLayer", ((3, 2, 8), (5, 2, 8)), sizes, arguments)


def _linear() -> Iterator[Case]:
    for shape, bias in product(((4,), (2, 4), (2, 3, 4)), (True, False)):
        own = {"out_features": 5, "bias": bias}
        yield _case("Linear", shape, {"in_features": 4}, own, note=f" on {len(shape)}D")
    features = {"in1_features": 3, "in2_features": 4}
    for bias in (True, False):
        yield _case("Bilinear", ((2, 3), (2, 4)), features, {"out_features": 5, "bias": bias})


CASES = (*_linear(), *_convolutions(), *_norms(), *_recurrent(), *_attention())

ONE_OF_EACH = tuple({case.name.split("(")[0]: case for case in reversed(CASES)}.values())[::-1]
"""One case per lazy class, its first."""

IN_TORCH = tuple(
    {
        case.name.split("(")[0]: case
        for case in reversed(CASES)
        if hasattr(nn, case.name.split("(")[0])
        and (
            "InstanceNorm" not in case.name or "(affine=True,track_running_stats=True)" in case.name
        )
    }.values()
)[::-1]
"""One case per lazy class that torch has too, with something to learn."""


def torch_class(case: Case) -> Any:
    """torch's own lazy class of the same name."""
    return getattr(nn, case.name.split("(")[0])


def both_families() -> list[Any]:
    """Each class that torch has: parameters ``case, make, ours``, torch's own and ours."""

    def torch_maker(case: Case) -> Make:
        def make() -> Any:
            given = case.make_lazy()._lazy.arguments
            return torch_class(case)(**{k: v for k, v in given.items() if k != "bias" or not v})

        return make

    return [
        pytest.param(
            case, make, ours, id=f"{case.name.split('(')[0]} {'ours' if ours else 'torch'}"
        )
        for case in IN_TORCH
        for make, ours in ((case.make_lazy, True), (torch_maker(case), False))
    ]


def tensors_of(value: Any) -> list[torch.Tensor]:
    """Every tensor of a module's output."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for item in value if item is not None for tensor in tensors_of(item)]


def same_state(a: nn.Module, b: nn.Module) -> bool:
    """Whether two modules hold the same tensors under the same names."""
    left, right = a.state_dict(), b.state_dict()
    return list(left) == list(right) and all(torch.equal(left[key], right[key]) for key in left)


def attributes(module: nn.Module) -> dict[str, Any]:
    """Everything in a module's ``__dict__`` that can be compared, children included."""
    plain = (int, float, str, bool, tuple, type(None))
    return {
        f"{path}.{name}": value if isinstance(value, plain) else type(value).__name__
        for path, child in module.named_modules()
        for name, value in child.__dict__.items()
    }
