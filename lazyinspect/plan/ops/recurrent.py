"""Recurrent layers.

Arguments and input types -> output types, weights and MACs. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#recurrent-layers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, LazyOp, Op, Weight, require_at_least, require_few_layers
from lazyinspect.plan.ops.layers import (
    floats,
    inferred,
    last,
    probability,
    ranks,
    same_dtype,
)
from lazyinspect.plan.ops.operands import tensor
from lazyinspect.shapes import Shape, TensorType, Value, format_shape, format_value, prod

_GATES = {"RNN": 1, "LSTM": 4, "GRU": 3, "RNNCell": 1, "LSTMCell": 4, "GRUCell": 3}
"""Rows of the weights per hidden unit."""


def _projection(a: Args) -> int:
    """``proj_size``, which only an LSTM has."""
    size: int = vars(a).get("proj_size", 0)
    return size


def _require_state(x: TensorType, found: Value, shape: Shape, name: str) -> None:
    state = tensor(found, name)
    if state.shape != shape:
        raise ShapeError(f"expects {name} of {format_shape(shape)}, and gets {state}")
    same_dtype(state, x.dtype, name)


def _pair(hx: Value) -> tuple[Value, Value]:
    if not isinstance(hx, tuple) or len(hx) != 2:
        raise ShapeError(
            f"expects the pair (h, c) as hx, and gets {format_value(hx)}",
            help="a nested list of sources makes a tuple: `from: [x, [h, c]]`",
        )
    return hx[0], hx[1]


# --- layers over a sequence


def _check(a: Args) -> None:
    require_at_least(a, 1, "input_size", "hidden_size", "num_layers")
    require_few_layers(a, "num_layers")
    probability(a, "dropout")
    projected = _projection(a)
    if not 0 <= projected < a.hidden_size:
        raise ArgumentError(
            f"expects proj_size of at least 0 and below hidden_size, and gets {projected} "
            f"of {a.hidden_size}",
            argument="proj_size",
        )


def _batch_and_length(a: Args, x: TensorType) -> tuple[int | None, int]:
    """Batch size, None for an unbatched input, and length of the sequences."""
    if len(x.shape) == 2:
        return None, x.shape[0]
    first, second = x.shape[:2]
    return (first, second) if a.batch_first else (second, first)


def _outputs(name: str) -> Callable[..., tuple[Value, ...]]:
    lstm = name == "LSTM"

    def outputs(a: Args, x: Value, hx: Value = None) -> tuple[Value, ...]:
        x = floats(x)
        ranks(x, 2, 3)
        last(x, a.input_size, "input_size", f"Lazy{name} infers it")
        batch, length = _batch_and_length(a, x)
        if length < 1:
            raise ShapeError(f"expects sequences of at least one step, and gets {x}")
        directions = 2 if a.bidirectional else 1
        features = _projection(a) or a.hidden_size
        lead = (directions * a.num_layers,) if batch is None else (directions * a.num_layers, batch)
        hidden, cell = (*lead, features), (*lead, a.hidden_size)
        if hx is not None:
            h, c = _pair(hx) if lstm else (hx, None)
            _require_state(x, h, hidden, "hx")
            if lstm:
                _require_state(x, c, cell, "the cell state")
        y = TensorType((*x.shape[:-1], directions * features), x.dtype)
        state = TensorType(hidden, x.dtype)
        return (y, (state, TensorType(cell, x.dtype))) if lstm else (y, state)

    return outputs


def _weights(name: str) -> Callable[[Args], tuple[Weight, ...]]:
    gates = _GATES[name]

    def weights(a: Args) -> tuple[Weight, ...]:
        projected = _projection(a)
        hidden = projected or a.hidden_size
        rows = gates * a.hidden_size
        found: list[Weight] = []
        for layer in range(a.num_layers):
            size = hidden * (2 if a.bidirectional else 1) if layer else a.input_size
            for suffix in ("", "_reverse") if a.bidirectional else ("",):
                end = f"_l{layer}{suffix}"
                found.append(Weight(f"weight_ih{end}", (rows, size)))
                found.append(Weight(f"weight_hh{end}", (rows, hidden)))
                if a.bias:
                    found.append(Weight(f"bias_ih{end}", (rows,)))
                    found.append(Weight(f"bias_hh{end}", (rows,)))
                if projected:
                    found.append(Weight(f"weight_hr{end}", (projected, a.hidden_size)))
        return tuple(found)

    return weights


def _macs(name: str) -> Callable[..., int]:
    """Every matrix meets every step of every sequence once, the first step's zeros included."""
    gates = _GATES[name]

    def macs(a: Args, x: TensorType, hx: Value = None) -> int:
        projected = _projection(a)
        hidden = projected or a.hidden_size
        directions = 2 if a.bidirectional else 1
        above = (a.num_layers - 1) * (directions + 1) * hidden
        products = gates * a.hidden_size * (a.input_size + hidden + above)
        products += a.num_layers * projected * a.hidden_size
        macs: int = prod(x.shape[:-1]) * directions * products
        return macs

    return macs


def _infer(a: Args, x: Value, hx: Value = None) -> Mapping[str, Any]:
    return {"input_size": inferred(x, least=2, most=3)}


# --- cells


def _cell_check(a: Args) -> None:
    require_at_least(a, 0, "input_size", "hidden_size")


def _cell_outputs(name: str) -> Callable[..., Value]:
    lstm = name == "LSTMCell"

    def outputs(a: Args, x: Value, hx: Value = None) -> Value:
        x = floats(x)
        ranks(x, 1, 2)
        last(x, a.input_size, "input_size", f"Lazy{name} infers it")
        shape = (*x.shape[:-1], a.hidden_size)
        if hx is not None:
            for state in _pair(hx) if lstm else (hx,):
                _require_state(x, state, shape, "hx")
        y = TensorType(shape, x.dtype)
        return (y, y) if lstm else y

    return outputs


def _cell_weights(name: str) -> Callable[[Args], tuple[Weight, ...]]:
    gates = _GATES[name]

    def weights(a: Args) -> tuple[Weight, ...]:
        rows = gates * a.hidden_size
        matrices = (
            Weight("weight_ih", (rows, a.input_size)),
            Weight("weight_hh", (rows, a.hidden_size)),
        )
        if not a.bias:
            return matrices
        return (*matrices, Weight("bias_ih", (rows,)), Weight("bias_hh", (rows,)))

    return weights


def _cell_macs(name: str) -> Callable[..., int]:
    gates = _GATES[name]

    def macs(a: Args, x: TensorType, hx: Value = None) -> int:
        products = gates * a.hidden_size * (a.input_size + a.hidden_size)
        macs: int = prod(x.shape[:-1]) * products
        return macs

    return macs


def _cell_infer(a: Args, x: Value, hx: Value = None) -> Mapping[str, Any]:
    return {"input_size": inferred(x, most=2)}


_NONLINEARITY = "nonlinearity: Literal['tanh', 'relu'] = 'tanh'"
_COMMON = (
    "bias: bool = True, batch_first: bool = False, dropout: float = 0.0, "
    "bidirectional: bool = False"
)
_SIZES = "input_size: int, hidden_size: int"

# torch hides these signatures behind *args and **kwargs; its docs give them
_LAYERS = {
    "RNN": f"{_SIZES}, num_layers: int = 1, {_NONLINEARITY}, {_COMMON}",
    "LSTM": f"{_SIZES}, num_layers: int = 1, {_COMMON}, proj_size: int = 0",
    "GRU": f"{_SIZES}, num_layers: int = 1, {_COMMON}",
}
_CELLS = {
    "RNNCell": f"{_SIZES}, bias: bool = True, {_NONLINEARITY}",
    "LSTMCell": f"{_SIZES}, bias: bool = True",
    "GRUCell": f"{_SIZES}, bias: bool = True",
}


def _rows() -> tuple[Op | LazyOp, ...]:
    rows: list[Op | LazyOp] = []
    for name, signature in _LAYERS.items():
        rows += (
            Op(
                name,
                signature,
                _outputs(name),
                _weights(name),
                _macs(name),
                _check,
                forward="input, hx=None",
            ),
            LazyOp(f"Lazy{name}", name, ("input_size",), _infer),
        )
    for name, signature in _CELLS.items():
        rows += (
            Op(
                name,
                signature,
                _cell_outputs(name),
                _cell_weights(name),
                _cell_macs(name),
                _cell_check,
                forward="input, hx=None",
            ),
            LazyOp(f"Lazy{name}", name, ("input_size",), _cell_infer),
        )
    return tuple(rows)


ROWS: tuple[Op | LazyOp, ...] = _rows()
