"""What a row of the op table is. No torch here.

A row holds an op's name, its signature as torch's, and three pure functions: the output of
(arguments, inputs), the parameters and buffers of the arguments, and the multiply-accumulates
of (arguments, inputs). Everything else (planner, argument checks, schema, ``lazyinspect
layers``, docs/ops.md) is derived from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Literal, TypeAlias

from lazyinspect import limits
from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.operands import tensor
from lazyinspect.plan.ops.signature import Signature, parse_signature
from lazyinspect.shapes import Shape, TensorType, Value, is_float

_FAR = 1_000
"""How far from a number its neighbours are looked for."""

Args: TypeAlias = SimpleNamespace
"""Bound arguments, defaults filled in, lists as tuples: ``a.kernel_size``."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor that a layer owns, named as in its ``state_dict``."""

    name: str
    shape: Shape
    buffer: bool = False
    dtype: str | None = None
    """None: the network's dtype."""
    trainable: bool = True
    persistent: bool = True
    """False: a buffer that ``state_dict`` leaves out."""


@dataclass(frozen=True, slots=True)
class LayerValue:
    """A layer given as an argument: ``{TransformerEncoderLayer: [512, 8]}`` of TransformerEncoder.

    It holds no input, so a ``LazyX`` cannot be one.
    """

    op: str
    """Name of the row."""
    args: Mapping[str, Any]
    """Arguments by name, LayerValues among them."""
    weights: tuple[Weight, ...] = ()


def network_dtype(a: Args) -> str:
    """The dtype of the weights, for layers whose input does not tell it (an embedding's).

    The planner puts it into the arguments as ``network_dtype`` where it is not float32.
    """
    return str(vars(a).get("network_dtype", "float32"))


def same_shape(a: Args, x: Value, *rest: Value) -> Value:
    """Output function of every elementwise layer: the first input's type."""
    return x


def no_weights(a: Args) -> tuple[Weight, ...]:
    return ()


def no_macs(a: Args, *values: Value) -> int | None:
    """Counts nothing, as PyTorch's FLOP counter does for all but convolutions and products."""
    return 0


def accept(a: Args) -> None:
    """Check function of an op whose every well-typed argument is legal."""


@dataclass(frozen=True, eq=False)
class Op:
    """One row: a layer of torch.nn or a tensor function.

    ``outputs`` and ``macs`` are called as ``outputs(a, *values)``: the arguments with defaults
    filled in, then the values of ``forward``'s names in order (absent ones as their default).
    """

    name: str
    signature: str
    """The constructor's (a function's: the non-tensor) parameters in Python's own syntax, with
    the types of signature.py: ``"in_channels: int, kernel_size: int[2], bias: bool = True"``."""
    outputs: Callable[..., Value] = same_shape
    """Raises ShapeError where torch's forward fails on these inputs."""
    weights: Callable[[Args], tuple[Weight, ...]] = no_weights
    macs: Callable[..., int | None] = no_macs
    """None where the count is not known; never a guess."""
    check: Callable[[Args], None] = accept
    """Raises ArgumentError where torch's constructor (or any call) fails."""
    forward: str = "input"
    """What a step's sources are bound to, in Python's syntax: ``"query, key, value,
    attn_mask=None"``; ``"*tensors"`` for any number."""
    kind: Literal["layer", "function", "merge"] = "layer"
    owner: Literal["torch.nn", "lazyinspect"] = "torch.nn"
    """Where the class is defined; FakeQuantConv2d is lazyinspect's own."""
    family: str = ""
    """Heading in docs; filled in from the module that holds the row."""

    @cached_property
    def parameters(self) -> Signature:
        return parse_signature(self.signature)

    @cached_property
    def inputs(self) -> Signature:
        return parse_signature(self.forward)


@dataclass(frozen=True, eq=False)
class LazyOp:
    """The row of a ``LazyX``: X's signature less what the first forward infers."""

    name: str
    becomes: str
    infers: tuple[str, ...]
    """Names of X's parameters that the first forward finds out, as documented."""
    infer: Callable[..., Mapping[str, Any]]
    """``infer(a, *values)``: the inferred arguments of X. Raises ShapeError on a wrong rank."""
    signature: str | None = None
    """None: X's signature without ``infers``."""
    drops: tuple[str, ...] = ()
    """Parameters of the lazy class that X does not take (``multiplier``)."""
    family: str = ""


def channels(value: Value, batched_rank: int, *, unbatched: bool = True) -> int:
    """Size of the channel dimension: 1, or 0 of an unbatched input where that is legal.

    Raises:
        ShapeError: the rank is neither ``batched_rank`` nor (if ``unbatched``) one less, or it
            is no tensor.
    """
    x = tensor(value)
    if x.rank == batched_rank:
        return x.shape[1]
    if unbatched and x.rank == batched_rank - 1:
        return x.shape[0]
    allowed = f"{batched_rank - 1} or {batched_rank}" if unbatched else str(batched_rank)
    raise ShapeError(f"expects an input of {allowed} dimensions, and gets {x}")


def require_at_least(a: Args, least: int, *names: str) -> None:
    """Hold arguments, and each element of a list, to a smallest value.

    Raises:
        ArgumentError: one is below ``least``. ``None`` and strings pass.
    """
    for name in names:
        value = getattr(a, name)
        for item in value if isinstance(value, tuple) else (value,):
            if item is not None and not isinstance(item, str) and item < least:
                raise ArgumentError(
                    f"expects {name} of at least {least}, and gets {item}", argument=name
                )


def require_few_layers(a: Args, *names: str) -> None:
    """Hold the count of layers inside one, each of which is described, to what a network has.

    Raises:
        ArgumentError: one is above the limit.
    """
    for name in names:
        if getattr(a, name) > limits.TENSORS:
            raise ArgumentError(
                f"expects {name} of at most {limits.TENSORS:,}, and gets {getattr(a, name):,}",
                argument=name,
            )


def divisors_near(count: int, *sizes: int) -> str:
    """The nearest numbers to ``count`` that divide all sizes: ``8 and 12 divide 768``."""
    below = range(count - 1, max(count - _FAR, 0), -1)
    above = range(count + 1, min(count + _FAR, *sizes) + 1)
    found = (next((d for d in side if not any(s % d for s in sizes)), 0) for side in (below, above))
    fits = [str(d) for d in found if d]
    if not fits:
        return ""
    verb = "divide" if len(fits) > 1 else "divides"
    only = "only " if fits == ["1"] else ""
    return f"{only}{' and '.join(fits)} {verb} {' and '.join(map(str, dict.fromkeys(sizes)))}"


def require_floats(x: TensorType, *besides: str) -> None:
    """Raises ShapeError where ``x`` is neither of floats nor of a dtype in ``besides``."""
    if not is_float(x.dtype) and x.dtype not in besides:
        raise ShapeError(f"expects an input of floats, and gets {x.dtype}")
