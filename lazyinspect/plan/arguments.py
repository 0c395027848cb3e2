"""Arguments and inputs of blocks, and the places of what an op refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazyinspect.errors import ArgumentError, Mark, OpError, Problem, SpecError
from lazyinspect.plan.frame import Val
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.scope import LayerArg, type_problem
from lazyinspect.plan.sources import Sourced
from lazyinspect.shapes import TensorType
from lazyinspect.spec.model import ArgsExpr, Expr, GraphSpec, Label, StepSpec
from lazyinspect.spec.names import did_you_mean, listed


def op_problem(error: OpError, step: StepSpec, found: str = "") -> Problem:
    """An OpError at the step's place: a wrong argument at the argument, a shape at the op."""
    message = error.message
    help = error.help.replace("the signature is (", f"the signature is {step.op}(")
    read = step.sources.positional if step.sources is not None else ()
    if len(read) == 1 and isinstance(read[0], Label) and "from: [prev" in help:
        help = help.replace("prev", read[0].name)
    if message[:1].islower():
        message = f"{step.op} {message}"
    elif message[:1] == "`":
        message = f"{step.op}: {message}"
    if isinstance(error, ArgumentError):
        mark = step.mark
        if error.argument is not None:
            mark = argument_mark(step.args, error.argument, step.op) or mark
        return Problem("bad-argument", message, mark, help=help)
    return Problem("shape-mismatch", message, step.mark, found, help)


def flowing(first: Val | None) -> str:
    """What flows into a step that refuses it; of a flattened input, what it was before."""
    if first is None or not isinstance(first.type, TensorType):
        return ""
    text = f"input is {first.type}"
    made = first.frame.block.maker(first.frame, first.slot)
    if made is None or first.path:
        return text
    call = made[1]
    node = call.node
    name = str(getattr(node, "type", "") or getattr(getattr(node, "op", None), "name", ""))
    if name.lower() != "flatten" or len(call.inputs) != 1:
        return text
    before = call.inputs[0][1].shape
    start = node.args.get("start_dim", 1 if name == "Flatten" else 0)
    if start == 1 and node.args.get("end_dim", -1) == -1 and len(before) > 2:
        sizes = " x ".join(map(str, before[2:]))
        text += f": {before[1]} channels x {sizes}, flattened at line {call.mark.line}"
    return text


def argument_mark(args: ArgsExpr, argument: str, op: str) -> Mark | None:
    """Where an argument stands: its keyword's value, or its place in the list."""
    if argument in args.keywords:
        if argument in args.keyword_marks:
            found = args.keywords[argument].mark
            return found if args.keywords[argument].value is not None else (
                args.keyword_marks[argument]
            )  # fmt: skip
        return args.keywords[argument].mark
    if argument.isdigit():
        place = int(argument)
        return args.positional[place].mark if place < len(args.positional) else None
    if op not in table():
        return None
    parameters = signature_of(op).parameters
    place = next((k for k, p in enumerate(parameters) if p.name == argument), len(parameters))
    if place >= len(args.positional):
        return None
    last = -1 if parameters[place].variadic else place
    return args.positional[place].mark.to(args.positional[last].mark)


def block_arguments(
    step: StepSpec, body: GraphSpec, positional: tuple[Any, ...], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments of a block by name, with their types checked.

    Raises:
        SpecError: too many, unknown, given twice, missing, or of a wrong type.
    """
    names = list(body.params)

    def fail(message: str, mark: Mark, help: str = "") -> SpecError:
        text = ", ".join(
            name if p.required else f"{name}={_default_text(p.default)}"
            for name, p in list(body.params.items())[:20]
        ) + ", ..." * (len(names) > 20)
        return SpecError(
            Problem("bad-argument", f"{step.op} {message}", mark,
                    help=help or f"its parameters are ({text})")
        )  # fmt: skip

    if len(positional) > len(names):
        limit = f"at most {len(names)}" if names else "no"
        raise fail(
            f"takes {limit} argument{'s' * (len(names) != 1)}, and gets {len(positional)}",
            step.args.positional[len(names)].mark,
        )
    given = dict(zip(names, positional, strict=False))
    for name, value in keywords.items():
        mark = step.args.keyword_marks.get(name, step.mark)
        if name not in body.params:
            raise fail(f"has no parameter `{name}`", mark, did_you_mean(name, names))
        if name in given:
            raise fail(f"gets `{name}` twice", mark)
        given[name] = value
    missing = [name for name, p in body.params.items() if p.required and name not in given]
    if missing:
        raise fail("needs " + " and ".join(f"`{name}`" for name in missing), step.mark)
    for name, value in given.items():
        required = body.params[name].required
        problem = type_problem(required, value) if required else None
        if problem:
            mark = argument_mark(step.args, name, "") or step.mark
            if name in names[: len(positional)]:
                mark = step.args.positional[names.index(name)].mark
            raise fail(f"parameter `{name}` {problem}", mark)
    return given


def block_inputs(step: StepSpec, body: GraphSpec, sourced: Sourced) -> list[Any]:
    """Operands in the order of the block's inputs. Raises SpecError."""
    names = tuple(label for label, _ in body.inputs or ()) or ("input",)
    return inputs_in_order(step, names, sourced)


def inputs_in_order(step: StepSpec, names: tuple[str, ...], sourced: Sourced) -> list[Any]:
    """Operands in the order of a graph's inputs.

    Raises:
        SpecError: too many, too few, or an unknown name.
    """
    found = dict(zip(names, sourced.positional, strict=False))
    extra = len(sourced.positional) - len(names)
    for key, value in sourced.keywords.items():
        if key not in names:
            help = did_you_mean(key, names, "its inputs are " + listed(names))
            raise SpecError(
                Problem("unknown-input", f"`{step.op}` has no input `{key}`", step.mark,
                        help=help)
            )  # fmt: skip
        found[key] = value
    missing = [label for label in names if label not in found]
    if extra > 0 or missing:
        raise SpecError(
            Problem(
                "bad-source",
                f"`{step.op}` takes {len(names)} source{'s' * (len(names) > 1)} "
                f"({', '.join(names)}), and gets {len(sourced.positional) + len(sourced.keywords)}",
                step.mark,
                help=f"write from: [{', '.join(names)}] with the labels of the sources",
            )
        )
    return [found[label] for label in names]


def _default_text(expr: Expr | None) -> str:
    mark = None if expr is None else expr.mark
    if mark is None:
        return ""
    line = mark.source.lines[mark.line - 1]
    return line[mark.column - 1 : mark.column - 1 + mark.length]


def plan_key(value: Any) -> Any:
    """A dictionary key for what a block is planned with: parameters, types, numbers.

    It tells `1` from `true` and `1.0`, which Python holds equal.
    """
    if isinstance(value, Mapping):
        return (Mapping, *((key, plan_key(item)) for key, item in value.items()))
    if isinstance(value, tuple):
        return tuple(plan_key(item) for item in value)
    if isinstance(value, LayerArg):
        return (value.op, plan_key(value.positional), plan_key(value.keywords))
    return (type(value), value)
