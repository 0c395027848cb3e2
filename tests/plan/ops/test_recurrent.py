"""Recurrent layers and cells against torch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from op_harness import Case, Deviation, check_row, register, sizes

from lazyinspect.plan.ops.recurrent import ROWS
from lazyinspect.shapes import TensorType, Value


@st.composite
def layer(draw: st.DrawFn, name: str) -> Case:
    kind = name.removeprefix("Lazy")
    size, hidden = draw(sizes()), draw(sizes(2, 4))
    layers, directions = draw(sizes(1, 3)), draw(sizes(1, 2))
    keywords: dict[str, Any] = {
        "num_layers": layers,
        "bidirectional": directions == 2,
        "batch_first": draw(st.booleans()),
    }
    if draw(st.booleans()):
        keywords["bias"] = draw(st.booleans())
    if draw(st.booleans()):
        keywords["dropout"] = draw(st.sampled_from([0, 0.5, 1.0]))
    projected = 0
    if kind == "LSTM" and draw(st.booleans()):
        keywords["proj_size"] = projected = draw(sizes(0, hidden - 1))
    if kind == "RNN" and draw(st.booleans()):
        keywords["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    length, batch = draw(sizes(1, 3)), draw(sizes(0, 3))
    lead: tuple[int, ...] = (directions * layers,)
    if draw(st.booleans()):
        x = TensorType((length, size))
    else:
        first = keywords["batch_first"]
        x = TensorType((batch, length, size) if first else (length, batch, size))
        lead = (*lead, batch)
    values: tuple[Value, ...] = (x,)
    if draw(st.booleans()):
        state = TensorType((*lead, projected or hidden))
        values = (x, (state, TensorType((*lead, hidden))) if kind == "LSTM" else state)
    args = (hidden,) if name.startswith("Lazy") else (size, hidden)
    return Case(name, args, keywords, values)


@st.composite
def cell(draw: st.DrawFn, name: str) -> Case:
    kind = name.removeprefix("Lazy")
    # larger than the sizes that the harness inserts: torch takes a state of (hidden, hidden)
    # beside an unbatched input, and crashes
    size, hidden = draw(sizes()), draw(sizes(4, 5))
    keywords: dict[str, Any] = {"bias": draw(st.booleans())}
    if kind == "RNNCell" and draw(st.booleans()):
        keywords["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    lead = draw(st.just(()) | st.tuples(sizes(0, 3)))
    values: tuple[Value, ...] = (TensorType((*lead, size)),)
    if draw(st.booleans()):
        state = TensorType((*lead, hidden))
        values = (*values, (state, state) if kind == "LSTMCell" else state)
    args = (hidden,) if name.startswith("Lazy") else (size, hidden)
    return Case(name, args, keywords, values)


def odd_cell_state(case: Case) -> bool:
    if not case.op.endswith("LSTMCell") or not isinstance(case.values[-1], tuple):
        return False
    cell_state = case.values[-1][1]
    return cell_state.dtype != "float32" or len(cell_state.shape) != len(case.values[0].shape)


EMPTY_FEATURES = Deviation(
    "a lazy layer infers no empty dimension",
    lambda case: case.op.startswith("Lazy") and case.values[0].shape[-1:] == (0,),
)

CELL_STATE = Deviation(
    "a cell meets its cell state in elementwise products only: torch on the CPU promotes another "
    "dtype, and broadcasts one of another rank",
    odd_cell_state,
)

for row in ROWS:
    strategy = cell(row.name) if row.name.endswith("Cell") else layer(row.name)
    register(row.name, strategy, [EMPTY_FEATURES, CELL_STATE])


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
