"""``input:``, ``--input`` and ``--batch`` -> shapes and dtypes of the network's inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lazyinspect.errors import Problem, SpecError
from lazyinspect.plan.parameters import frozen
from lazyinspect.plan.scope import Scope, evaluate
from lazyinspect.plan.tree import Call, InputType, Leaf
from lazyinspect.shapes import TensorType, shape_problem, whole
from lazyinspect.spec.formula import describe
from lazyinspect.spec.model import Expr, Spec
from lazyinspect.spec.names import did_you_mean, listed

_UNBATCHED = re.compile(r"(Conv|ConvTranspose|Pool|Pad|InstanceNorm|MaxUnpool)([123])d\Z")


def network_inputs(
    spec: Spec, params: Mapping[str, Any], shapes: Any, batch: int | None, dtype: str
) -> tuple[InputType, ...]:
    """Shapes and dtypes of all inputs, in order.

    Args:
        params: what formulas in the shapes may read.
        shapes: one for the first input, or by name, instead of the file's.
        batch: size of dimension 0 of every input.
        dtype: of inputs that name none.

    Raises:
        SpecError: there is no input, an unknown one, or what is given is no shape.
    """
    given = _given_shapes(spec, shapes)
    scope = Scope(params, None, None, "an input's shape is known before any input flows")
    inputs = []
    for entry in spec.inputs:
        where: Expr | None = entry.shape
        if entry.name in given:
            shape, where = given[entry.name], None
        else:
            shape = evaluate(entry.shape, scope)
        high = None if entry.high is None else evaluate(entry.high, scope)
        if entry.high is not None and (type(high) is not int or high < 1):
            raise SpecError(
                Problem(
                    "bad-input",
                    f"`high:` takes an integer of 1 or more, and gets {describe(high)}",
                    entry.high.mark,
                    help="random integers are drawn from 0 to `high` - 1",
                )
            )
        inputs.append(_input(entry.name, shape, entry.dtype or dtype, high, batch, where))
    if not spec.inputs:
        for name, shape in given.items():
            inputs.append(_input(name, shape, dtype, None, batch, None))
    if not inputs:
        raise SpecError(
            Problem(
                "missing-input",
                f"{spec.source.path} has no `input:`",
                spec.mark,
                help="write `input: [1, 3, 224, 224]`, or run with --input 1,3,224,224",
            )
        )
    return tuple(inputs)


def _given_shapes(spec: Spec, shapes: Any) -> dict[str, Any]:
    if shapes is None:
        return {}
    names = [entry.name for entry in spec.inputs]
    if not isinstance(shapes, Mapping):
        return {names[0] if names else "input": frozen(shapes)}
    for name in shapes:
        if names and name not in names:
            raise SpecError(
                Problem(
                    "unknown-input",
                    f"{spec.source.path} has no input `{name}`",
                    help=did_you_mean(name, names, "its inputs are " + listed(names)),
                )
            )
    return {name: frozen(shape) for name, shape in shapes.items()}


def _input(
    name: str, shape: Any, dtype: str, high: int | None, batch: int | None, written: Expr | None
) -> InputType:
    if isinstance(shape, tuple) and batch is not None:
        shape = (batch, *shape[1:])
    sizes = shape if isinstance(shape, tuple) else (shape,)
    for place, size in enumerate(sizes):
        if isinstance(shape, tuple) and whole(size) and size >= 0:
            continue
        mark = None if written is None else written.mark
        if written is not None and isinstance(written.value, tuple) and isinstance(shape, tuple):
            mark = written.value[place].mark
        integral = type(size) is float and size.is_integer() and size >= 0
        raise SpecError(
            Problem(
                "bad-input",
                f"a shape is a list of sizes, and that of `{name}` holds {describe(size)}",
                mark,
                help=f"write `{int(size)}`; in a formula, divide with `//`"
                if integral
                else _size_meant(size, place),
            )
        )
    problem = shape_problem(shape)
    if problem is not None:
        # a batch size stands in no file
        mark = written.mark if written is not None and batch is None else None
        raise SpecError(
            Problem(
                "bad-input", f"the shape of `{name}` {problem}", mark,
                help="write for instance [1, 3, 224, 224]",
            )
        )  # fmt: skip
    return InputType(name, TensorType(shape, dtype), high)


def _size_meant(size: Any, place: int) -> str:
    """What to write where a size is none."""
    if isinstance(size, str) and size.isdecimal():
        return "leave the quotes out"
    if isinstance(size, tuple):
        return "several inputs have names: {left: [1, 3, 224, 224], right: [1, 3, 224, 224]}"
    if place == 0 and not isinstance(size, float):
        return "every size is a number: write 1 for the batch, and --batch changes it"
    return "write for instance [1, 3, 224, 224]"


def one_batch(call: Call, inputs: tuple[InputType, ...]) -> int | None:
    """The batch of the inputs.

    None where there is no one batch: an input without dimensions or without a batch, inputs whose
    first sizes differ, a batch of 0.
    """
    sizes = {entry.type.shape[0] if entry.type.shape else 0 for entry in inputs}
    if len(sizes) != 1 or 0 in sizes:
        return None
    try:
        require_batch(call, inputs)
    except SpecError:
        return None
    return sizes.pop()


def require_batch(call: Call, inputs: tuple[InputType, ...]) -> None:
    """Refuse a batch size for an input that its first layer takes without a batch.

    Raises:
        SpecError: there is such an input.
    """
    kinds = {entry.type: entry.name for entry in inputs}

    def look(call: Call) -> None:
        for inner in call.calls:
            look(inner)
        if not isinstance(call.node, Leaf) or not call.inputs:
            return
        found = _UNBATCHED.search(call.node.type)
        kind = call.inputs[0][1]
        if found and kind in kinds and kind.rank == int(found.group(2)) + 1:
            raise SpecError(
                Problem(
                    "no-batch",
                    f"the input `{kinds[kind]}` has no batch dimension to set: "
                    f"{call.node.declared} takes it unbatched",
                    call.mark,
                    help="give the whole shape with --input",
                )
            )

    look(call)
