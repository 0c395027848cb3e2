"""A plan -> its footprint: weights, gradients, optimizer state, activations, peaks. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from lazyinspect.errors import Problem, SpecError
from lazyinspect.footprint import OPTIMIZERS, Footprint, NotModelled, Peak, total
from lazyinspect.measure.memory import liveness
from lazyinspect.measure.memory.strides import int_of
from lazyinspect.measure.memory.trace import Trace, trace
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.rows import state_dict
from lazyinspect.shapes import TensorType, largest
from lazyinspect.spec.names import did_you_mean


def footprint(plan: Plan, optimizer: str | None = None) -> Footprint:
    """The memory of a network.

    Args:
        optimizer: of ``OPTIMIZERS``, whose state is counted; None: none.

    Raises:
        SpecError: there is no optimizer of that name.
    """
    require_optimizer(optimizer)
    evaluated, trained = trace(plan, train=False), trace(plan, train=True)
    weights, buffers, gradients, tensors = _weights(plan)
    inputs = _by_dtype(entry.type for entry in plan.inputs)
    state = _state(gradients, tensors, optimizer)
    fixed = total(weights) + total(buffers)
    alone = liveness.inference(evaluated)
    passes = liveness.training(trained)
    # foreach, the default on accelerators, makes one list of tensors as large as the parameters
    step = total(gradients) * (2 if OPTIMIZERS[optimizer or "sgd"] > 1 else 1) + total(inputs)
    phases: list[tuple[Literal["forward", "backward", "optimizer"], int, int | None]] = [
        ("forward", passes.forward.bytes, passes.forward.row),
        ("backward", passes.backward.bytes, passes.backward.row),
        ("optimizer", step if optimizer else 0, None),
    ]
    phase, _, row = max(phases, key=lambda each: int_of(each[1]))
    most = largest([size for _, size, _ in phases])
    missing = not evaluated.unmodelled, not trained.unmodelled
    return Footprint(
        parameters=weights,
        buffers=buffers,
        inputs=inputs,
        gradients=gradients,
        optimizer=optimizer,
        optimizer_state=state,
        kept=liveness.kept(trained),
        inference=Peak(fixed + alone.bytes, _path(plan, alone.row), missing[0]),
        training=Peak(fixed + total(state) + most, _path(plan, row), missing[1]),
        phase=phase,
        not_modelled=_not_modelled(plan, evaluated, trained),
    )


def activations(plan: Plan) -> tuple[int | None, int | None]:
    """What autograd keeps, and the peak of inference, weights and inputs included.

    None where a step is not modelled. Formulas where sizes are.
    """
    evaluated, trained = trace(plan, train=False), trace(plan, train=True)
    kept = None if trained.unmodelled else total(liveness.kept(trained))
    if evaluated.unmodelled:
        return kept, None
    weights, buffers, _, _ = _weights(plan)
    return kept, total(weights) + total(buffers) + liveness.inference(evaluated).bytes


def require_optimizer(name: str | None) -> None:
    """Raises SpecError where there is no optimizer of that name."""
    if name is not None and name not in OPTIMIZERS:
        raise SpecError(
            Problem("bad-option", f"there is no optimizer `{name}` here",
                    help=did_you_mean(name, OPTIMIZERS, "one of " + ", ".join(OPTIMIZERS)))
        )  # fmt: skip


def _path(plan: Plan, row: int | None) -> str:
    return "" if row is None else plan.rows[row].path


def _not_modelled(plan: Plan, *traces: Trace) -> tuple[NotModelled, ...]:
    found = sorted({row for each in traces for row in each.unmodelled})
    rows = [plan.rows[index] for index in found]
    return tuple(NotModelled(row.path, row.declared, row.place) for row in rows)


def _by_dtype(kinds: Iterable[TensorType]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind in kinds:
        found[kind.dtype] = found.get(kind.dtype, 0) + kind.nbytes
    return found


def _weights(plan: Plan) -> tuple[dict[str, int], dict[str, int], dict[str, int], int]:
    """Parameters, buffers, those parameters that train, each by dtype; and how many train."""
    tied = {tie.path for tie in plan.ties}
    parameters: list[TensorType] = []
    buffers: list[TensorType] = []
    trained: list[TensorType] = []
    for name, weight in state_dict(plan.call).items():
        if name in tied:
            continue
        kind = TensorType(weight.shape, weight.dtype or plan.dtype)
        if weight.buffer:
            buffers.append(kind)
            continue
        parameters.append(kind)
        if weight.trainable:
            trained.append(kind)
    return _by_dtype(parameters), _by_dtype(buffers), _by_dtype(trained), len(trained)


def _state(gradients: dict[str, int], tensors: int, optimizer: str | None) -> dict[str, int]:
    """Tensors like the parameters, and for Adam a count of steps for each, float32."""
    each = OPTIMIZERS[optimizer] if optimizer else 0
    found = {dtype: each * size for dtype, size in gradients.items()} if each else {}
    if each > 1:
        found["float32"] = found.get("float32", 0) + 4 * tensors
    return found
