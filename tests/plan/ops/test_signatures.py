"""Signatures of rows are those of the classes, in order, names and defaults."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import lazyinspect.lazy
from lazyinspect.plan.ops import eager, signature_of, table
from lazyinspect.plan.ops.base import LazyOp
from lazyinspect.plan.ops.signature import REQUIRED, Signature

FACTORY = ("device", "dtype")
"""The run chooses these, not the spec."""

RECURRENT = (
    "num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0"
)
HIDDEN = {
    "RNN": "input_size, hidden_size, num_layers=1, nonlinearity='tanh', bias=True, "
    "batch_first=False, dropout=0.0, bidirectional=False",
    "LSTM": f"input_size, hidden_size, {RECURRENT}",
    "GRU": f"input_size, hidden_size, {RECURRENT}".removesuffix(", proj_size=0"),
}
"""Classes that torch declares as ``(*args, **kwargs)``: their documented signatures.

Source: https://pytorch.org/docs/stable/nn.html#recurrent-layers
"""

LAYERS = [name for name, row in table().items() if eager(row).kind == "layer"]


def described(parameters: list[tuple[str, Any, bool, bool]]) -> list[str]:
    """``"bias=True (keyword)"`` for each parameter (name, default, keyword only, variadic)."""
    return [
        ("*" if variadic else "")
        + name
        + ("" if default is REQUIRED or variadic else f"={default!r}")
        + (" (keyword)" if keyword else "")
        for name, default, keyword, variadic in parameters
    ]


def of_row(signature: Signature) -> list[str]:
    return described(
        [(p.name, p.default, p.keyword_only, p.variadic) for p in signature.parameters]
    )


def of_class(name: str) -> list[str]:
    row = table()[name]
    ours = isinstance(row, LazyOp) or row.owner == "lazyinspect"
    layer = getattr(lazyinspect.lazy if ours else torch.nn, name)
    if name in HIDDEN:
        return HIDDEN[name].split(", ")
    if layer.__init__ is torch.nn.Module.__init__:
        return []  # it is declared to take anything, and refuses it
    return described(list(spec_parameters(inspect.signature(layer))))


def spec_parameters(signature: inspect.Signature) -> Iterator[tuple[str, Any, bool, bool]]:
    """A constructor's parameters, less factory keywords and private ones."""
    for parameter in signature.parameters.values():
        if parameter.name in FACTORY or parameter.name.startswith("_"):
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        default = REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
        if inspect.isfunction(default):
            default = default.__name__  # F.relu, which a spec writes `relu`
        yield (
            parameter.name,
            default,
            parameter.kind is inspect.Parameter.KEYWORD_ONLY,
            parameter.kind is inspect.Parameter.VAR_POSITIONAL,
        )


@pytest.mark.parametrize("name", LAYERS)
def test_signature_is_that_of_the_class(name: str) -> None:
    assert of_row(signature_of(name)) == of_class(name)


@pytest.mark.parametrize(
    "name", [name for name, row in table().items() if not isinstance(row, LazyOp)]
)
def test_a_layers_forward_takes_what_the_row_says(name: str) -> None:
    row = table()[name]
    if eager(row).kind != "layer" or name in HIDDEN:
        return
    ours = lazyinspect.lazy if eager(row).owner == "lazyinspect" else torch.nn
    forward = inspect.signature(getattr(ours, name).forward)
    own = [p for p in forward.parameters.values() if p.name != "self"]
    assert [p.name for p in eager(row).inputs.parameters] == [p.name for p in own]
    assert [p.required for p in eager(row).inputs.parameters] == [
        p.default is inspect.Parameter.empty for p in own
    ]


@pytest.mark.parametrize("name", [name for name, row in table().items() if isinstance(row, LazyOp)])
def test_a_lazy_row_drops_what_the_eager_class_does_not_take(name: str) -> None:
    row = table()[name]
    assert isinstance(row, LazyOp)
    target = eager(row)
    assert row.name == f"Lazy{row.becomes}" or row.becomes in row.name
    assert set(row.infers) <= set(target.parameters.by_name)
    taken = {*target.parameters.by_name} - {*row.infers}
    assert {*signature_of(name).by_name} == taken | {*row.drops}
    assert not {*row.drops} & {*target.parameters.by_name}
