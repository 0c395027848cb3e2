"""Callables of the tensor functions: what compiles, exports and keeps its inputs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lazyinspect.network.functions import call_function, function, names
from lazyinspect.plan.ops import eager, table
from lazyinspect.plan.ops.base import Op

X = torch.arange(1.0, 25.0).reshape(2, 3, 4) / 7
MASK = X > 1
INDEX = torch.zeros(2, 3, 1, dtype=torch.int64)
IMAGE = X.reshape(2, 1, 3, 4)

CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "add": ((X, 1, (X, X)), {"alpha": 2}),
    "sub": ((1, X), {}),
    "mul": ((2, X, X), {}),
    "div": ((1, X), {"rounding_mode": "floor"}),
    "matmul": ((X, X.transpose(1, 2)), {}),
    "cat": ((X, (X, X)), {}),
    "stack": ((X, X), {"dim": 0}),
    "scaled_dot_product_attention": ((X, X, X), {"is_causal": True}),
    "einsum": ((X, X), {"equation": "bij,bkj->bik"}),
    "gelu": ((X,), {"approximate": "tanh"}),
    "softmax": ((X,), {"dim": 1, "dtype": "float64"}),
    "log_softmax": ((X,), {"dim": -1}),
    "clamp": ((X,), {"min": 1.0, "max": 2}),
    "pow": ((X,), {"exponent": 2}),
    "multiply": ((X, X), {}),
    "floor_divide": ((X,), {"other": 2}),
    "remainder": ((X,), {"other": 0.5}),
    "maximum": ((X,), {"other": 1}),
    "minimum": ((X, 2 - X), {}),
    **{name: ((X,), {"other": 1.0}) for name in ("eq", "ne", "gt", "ge", "lt", "le")},
    "where": ((X, MASK), {"other": 0}),
    "mean": ((X,), {"dim": (1, 2), "keepdim": True}),
    "sum": ((X,), {"dim": 1, "dtype": "float64"}),
    "amax": ((X,), {"dim": 1}),
    "var": ((X,), {"dim": 1, "correction": 0}),
    "norm": ((X,), {"p": 1, "dim": 2}),
    "cumsum": ((X,), {"dim": 1}),
    "unflatten": ((X,), {"dim": 2, "sizes": (2, -1)}),
    "reshape": ((X,), {"shape": (2, -1)}),
    "view": ((X,), {"size": ((6, 4),)}),
    "permute": ((X,), {"dims": (2, 0, 1)}),
    "transpose": ((X,), {"dim0": 1, "dim1": 2}),
    "movedim": ((X,), {"source": 0, "destination": -1}),
    "unsqueeze": ((X,), {"dim": 1}),
    "expand": ((X,), {"size": (5, -1, -1, -1)}),
    "repeat": ((X,), {"repeats": (2, 1, 1)}),
    "tile": ((X,), {"dims": (2,)}),
    "select": ((X,), {"dim": 1, "index": 0}),
    "narrow": ((X,), {"dim": 1, "start": 1, "length": 2}),
    "chunk": ((X,), {"chunks": 2}),
    "split": ((X,), {"split_size": (1, 2)}),
    "gather": ((X, INDEX), {"dim": 2}),
    "flip": ((X,), {"dims": (1,)}),
    "roll": ((X,), {"shifts": 1}),
    "one_hot": ((INDEX,), {"num_classes": 3}),
    "positions": ((X,), {"dim": 1}),
    "pad": ((X,), {"pad": (1, 2)}),
    "interpolate": ((IMAGE,), {"scale_factor": 2, "mode": "bilinear"}),
}
"""Sources and arguments by function; any other takes one tensor and no argument."""


class Step(nn.Module):
    """What the network's step does: it holds a name, not a callable."""

    def __init__(self, name: str, args: dict[str, Any]) -> None:
        super().__init__()
        self.name, self.args = name, args

    def forward(self, *sources: Any) -> Any:
        return function(self.name)(*sources, **self.args)


def tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in tensors(item)]
    return []


def same(actual: Any, expected: Any) -> bool:
    pairs = zip(tensors(actual), tensors(expected), strict=True)
    return all(a.dtype == b.dtype and torch.allclose(a, b, equal_nan=True) for a, b in pairs)


def step_of(name: str) -> tuple[Step, tuple[Any, ...]]:
    sources, args = CALLS.get(name, ((X,), {}))
    return Step(name, args), sources


def test_every_function_of_the_op_table_can_run_and_no_other() -> None:
    rows = {name for name, row in table().items() if isinstance(row, Op) and row.kind != "layer"}
    assert names() == rows


@pytest.mark.parametrize("name", sorted(names()))
def test_function_exports_with_the_same_result(name: str) -> None:
    step, sources = step_of(name)
    exported = torch.export.export(step, sources, strict=False).module()
    assert same(exported(*sources), step(*sources))


def test_functions_compile_without_a_graph_break() -> None:
    steps = [step_of(name) for name in sorted(names())]

    def network() -> list[Any]:
        return [step(*sources) for step, sources in steps]

    assert same(torch.compile(network, backend="eager", fullgraph=True)(), network())


@pytest.mark.parametrize("name", sorted(names()))
def test_function_leaves_its_sources_as_they_were(name: str) -> None:
    step, sources = step_of(name)
    before = copy.deepcopy(sources)
    step(*sources)
    assert same(sources, before)


@pytest.mark.parametrize("name", sorted(names()))
def test_sources_may_go_by_the_names_that_the_table_gives_them(name: str) -> None:
    sources, args = CALLS.get(name, ((X,), {}))
    parameters = eager(table()[name]).inputs.parameters
    if not parameters[0].variadic:
        by_name = {p.name: value for p, value in zip(parameters, sources, strict=False)}
        assert same(call_function(name, (), by_name, args), call_function(name, sources, {}, args))


@pytest.mark.parametrize("name", ["add", "maximum", "pow", "where", "permute"])
def test_gradients_flow_through(name: str) -> None:
    step, (first, *others) = step_of(name)
    x = first.clone().requires_grad_()
    step(x, *others).sum().backward()
    assert x.grad is not None and x.grad.shape == x.shape


def test_positions_follow_the_device_and_number_the_dimension() -> None:
    assert function("positions")(X, dim=2).tolist() == [[0, 1, 2, 3]]
    assert function("positions")(X.to("meta"), dim=-1).device.type == "meta"
