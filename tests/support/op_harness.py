"""Op table rows, held against torch by hypothesis: outputs, weights, MACs, and which calls fail.

A test module of a family declares, for each of its rows, a strategy of calls that mostly work,
and the harness turns half of them into calls that mostly do not::

    from op_harness import Case, check_row, register

    @st.composite
    def linear(draw):
        features = draw(sizes())
        x = TensorType((*draw(st.lists(sizes(), max_size=2)), features))
        return Case("Linear", (features, draw(sizes())), {"bias": draw(st.booleans())}, (x,))

    register("Linear", linear())

    @pytest.mark.parametrize("name", [row.name for row in ROWS])
    def test_row_agrees_with_torch(name):
        check_row(name)

The truth about validity, shapes, dtypes and weights is torch on the CPU with the tiny tensors
drawn; about multiply-accumulates it is ``FlopCounterMode`` on the meta device.
``LAZYINSPECT_HYPOTHESIS=500`` sets the number of examples per row.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Literal

import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from op_mutations import mutated
from torch.utils.flop_counter import FlopCounterMode

from lazyinspect.errors import ArgumentError, OpError
from lazyinspect.plan import ops
from lazyinspect.plan.ops.base import LazyOp, Op, Weight
from lazyinspect.shapes import TensorType, Value, tensors_of

EXAMPLES = int(os.environ.get("LAZYINSPECT_HYPOTHESIS", "40"))

torch.set_num_threads(1)


@dataclass(frozen=True)
class Case:
    """One call of a row: what a spec would write, and what flows in."""

    op: str
    args: tuple[Any, ...] = ()
    """Positional arguments; lists as tuples, dtypes as names, layers as LayerValue."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[Value, ...] = ()
    """The forward's positional values: TensorTypes, Python scalars, nested tuples of them."""
    keyword_values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Deviation:
    """A documented class of calls on which a row and torch disagree about validity."""

    reason: str
    when: Callable[[Case], bool]
    ours: Literal["refuses", "accepts"] = "refuses"


def has_elements(value: Value) -> bool:
    """Whether no tensor of ``value`` is empty."""
    return all(tensor.numel for _, tensor in tensors_of(value))


EMPTY = Deviation(
    "an empty tensor never reaches the kernel of torch's that refuses; the row refuses always",
    lambda case: not has_elements((case.values, dict(case.keyword_values))),
)
"""For rows whose checks are in the kernel."""

NOTHING_LEFT = Deviation(
    "some of torch's kernels let an output without elements through where their siblings refuse",
    lambda case: not has_elements(_execute(case).output),
)
"""For rows that may leave no position of an image: kernels differ by dtype, groups and rank."""


@dataclass(frozen=True)
class Declaration:
    """What a family's test module says about one row."""

    strategy: st.SearchStrategy[Case]
    deviations: tuple[Deviation, ...] = ()
    macs: Callable[[Case], int | None] | None = None
    mutate: bool = True


STRATEGIES: dict[str, Declaration] = {}
"""Every row's declaration, filled in by the test modules of the families."""


def register(
    name: str,
    strategy: st.SearchStrategy[Case],
    deviations: Sequence[Deviation] = (),
    *,
    macs: Callable[[Case], int | None] | None = None,
    mutate: bool = True,
) -> None:
    """Declare a row.

    Args:
        strategy: calls that mostly work.
        deviations: where the row and torch knowingly disagree, with the reason.
        macs: the expected count where FlopCounterMode on meta is not the truth; say why beside it.
        mutate: False where a wrong call crashes torch rather than raising.
    """
    STRATEGIES[name] = Declaration(strategy, tuple(deviations), macs, mutate)


def sizes(low: int = 1, high: int = 4) -> st.SearchStrategy[int]:
    """A small dimension."""
    return st.integers(low, high)


def real_dtypes() -> st.SearchStrategy[str]:
    """Mostly float32; for layers without weights, which may take others."""
    others = "float16 bfloat16 float64 int64 int32 int16 int8 uint8 bool"
    return st.just("float32") | st.just("float32") | st.sampled_from(others.split())


def check_row(name: str) -> None:
    """Hold one row against torch over its strategy and mutations of it."""
    declaration = STRATEGIES[name]
    worked = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(declaration.strategy) if declaration.mutate else declaration.strategy)
    def agrees(case: Case) -> None:
        nonlocal worked
        note(repr(case))
        worked += compare(case)

    agrees()
    assert worked >= min(5, EXAMPLES // 5), f"{name}: hardly a call of its strategy works"


def compare(case: Case) -> bool:
    """Assert that the row and torch agree on one call; True if the call works.

    Raises:
        AssertionError: they do not.
    """
    declaration = STRATEGIES.get(case.op)
    deviations = declaration.deviations if declaration else ()
    mine = _plan(case)
    truth = _execute(case)
    if mine.error is not None or truth.error is not None:
        if mine.error is None:
            allowed = any(d.ours == "accepts" and d.when(case) for d in deviations)
            assert allowed, f"torch refuses ({truth.error!r}), the row gives {mine.output}: {case}"
        elif truth.error is None:
            allowed = any(d.ours == "refuses" and d.when(case) for d in deviations)
            assert allowed, f"the row refuses ({mine.error.message}), torch does not: {case}"
        elif not truth.constructed and isinstance(ops.table()[case.op], Op):
            assert isinstance(mine.error, ArgumentError), (
                f"torch's constructor refuses ({truth.error!r}), the row only "
                f"its inputs ({mine.error.message}): {case}"
            )
        if mine.error is not None:
            _assert_message(mine.error, case)
        return False
    assert mine.output == truth.output, f"{mine.output} instead of {truth.output}: {case}"
    assert mine.weights == truth.weights, f"{mine.weights} instead of {truth.weights}: {case}"
    expected = declaration.macs(case) if declaration and declaration.macs else truth.macs()
    assert mine.macs == expected, f"{mine.macs} MACs instead of {expected}: {case}"
    return True


def counted_macs(case: Case) -> int | None:
    """What FlopCounterMode counts, as the expected count of another row."""
    return _execute(case).macs()


def _assert_message(error: OpError, case: Case) -> None:
    """A refusal says something, and blames an argument that exists."""
    assert error.message and not error.message.endswith("."), f"{error.message!r}: {case}"
    if error.argument is not None:
        row = ops.table()[case.op]
        known = {*ops.signature_of(case.op).by_name, *ops.eager(row).parameters.by_name}
        known |= set(ops.eager(row).inputs.by_name)
        assert error.argument in known, f"{error.argument!r} is no argument: {case}"


# --- the row's side


@dataclass
class _Planned:
    error: OpError | None = None
    output: Value = None
    weights: tuple[Weight, ...] = ()
    macs: int | None = None


def _plan(case: Case) -> _Planned:
    row = ops.table()[case.op]
    try:
        signature = ops.signature_of(case.op)
        given = signature.bind(case.args, case.keywords)
        op = ops.eager(row)
        bound = op.inputs.bind(case.values, case.keyword_values)
        values: list[Value] = []
        for parameter in op.inputs.parameters:
            value = bound.get(parameter.name, op.inputs.defaults.get(parameter.name))
            values.extend(value) if parameter.variadic else values.append(value)
        if isinstance(row, LazyOp):
            lazy = SimpleNamespace(**{**signature.defaults, **given})
            inferred = row.infer(lazy, *values)
            kept = {name: value for name, value in given.items() if name not in row.drops}
            given = {**kept, **inferred}
            given = op.parameters.bind((), given)
        arguments = SimpleNamespace(**{**op.parameters.defaults, **given})
        op.check(arguments)
        return _Planned(
            None,
            op.outputs(arguments, *values),
            tuple(
                replace(
                    weight,
                    dtype=weight.dtype or "float32",
                    trainable=weight.trainable or weight.buffer,
                )
                for weight in op.weights(arguments)
            ),
            op.macs(arguments, *values),
        )
    except OpError as error:
        return _Planned(error)


# --- torch's side


@dataclass
class _Executed:
    error: Exception | None = None
    constructed: bool = False
    output: Value = None
    weights: tuple[Weight, ...] = ()
    macs: Callable[[], int | None] = lambda: None


def _execute(case: Case) -> _Executed:
    row = ops.table()[case.op]
    truth = _Executed(constructed=ops.eager(row).kind != "layer")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        module: torch.nn.Module | None = None
        try:
            if ops.eager(row).kind == "layer":
                module = _class(row)(
                    *map(_argument, case.args),
                    **{name: _argument(value) for name, value in case.keywords.items()},
                ).eval()
                truth.constructed = True
            output = _call(case, module, "cpu")
        except Exception as error:
            truth.error = error
            return truth
    if module is not None:
        if isinstance(row, LazyOp):
            assert type(module).__name__ == row.becomes
        truth.weights = tuple(_weights(module))
    truth.output = _type_of(output)
    truth.macs = lambda: _macs(case, module)
    return truth


def _class(row: Op | LazyOp) -> type[torch.nn.Module]:
    home: Any = torch.nn
    if isinstance(row, LazyOp) or row.owner == "lazyinspect":
        import lazyinspect.lazy as home
    found: type[torch.nn.Module] = getattr(home, row.name)
    return found


def _argument(value: Any) -> Any:
    """A bound argument as torch takes it: a layer value becomes a module."""
    if hasattr(value, "op") and hasattr(value, "args"):
        return getattr(torch.nn, value.op)(
            **{name: _argument(item) for name, item in value.args.items()}
        )
    return value


def _call(case: Case, module: torch.nn.Module | None, device: str) -> Any:
    values = tuple(_tensor(value, device) for value in case.values)
    keywords = {name: _tensor(value, device) for name, value in case.keyword_values.items()}
    if module is not None:
        return module(*values, **keywords)
    from lazyinspect.network.functions import call_function

    given = ops.signature_of(case.op).bind(case.args, case.keywords)
    return call_function(case.op, values, keywords, given)


def _tensor(value: Value, device: str) -> Any:
    """A tensor of the type: noise, or zeros where it may be an index."""
    if isinstance(value, TensorType):
        dtype = getattr(torch, value.dtype)
        if device == "meta":
            return torch.empty(value.shape, dtype=dtype, device="meta")
        if dtype.is_floating_point:
            return torch.rand(value.shape, dtype=dtype)
        return torch.zeros(value.shape, dtype=dtype)
    if isinstance(value, tuple):
        return tuple(_tensor(item, device) for item in value)
    if isinstance(value, dict):
        return {name: _tensor(item, device) for name, item in value.items()}
    return value


def _type_of(output: Any) -> Value:
    if isinstance(output, torch.Tensor):
        return TensorType(tuple(output.shape), str(output.dtype).removeprefix("torch."))
    if isinstance(output, (tuple, list)):
        return tuple(_type_of(item) for item in output)
    if isinstance(output, dict):
        return {name: _type_of(item) for name, item in output.items()}
    return output


def _weights(module: torch.nn.Module) -> Iterator[Weight]:
    """Parameters and buffers as ``state_dict`` orders them, then what it leaves out."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    buffers = dict(module.named_buffers(remove_duplicate=False))
    stored = list(module.state_dict())
    for name in [*stored, *(name for name in buffers if name not in stored)]:
        tensor = parameters[name] if name in parameters else buffers[name]
        yield Weight(
            name,
            tuple(tensor.shape),
            buffer=name in buffers,
            dtype=str(tensor.dtype).removeprefix("torch."),
            trainable=tensor.requires_grad or name in buffers,
            persistent=name in stored,
        )


def _macs(case: Case, module: torch.nn.Module | None) -> int:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if module is not None:
            module = module.to("meta")
        with FlopCounterMode(display=False) as counter:
            _call(case, module, "meta")
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2
