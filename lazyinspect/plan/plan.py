"""Spec -> Plan, for one variant and one input. No torch here, but for classes without a row.

Raises SpecError, NetworkError or ExpectationError with every problem found.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from lazyinspect._version import __version__
from lazyinspect.errors import (
    ExpectationError,
    LazyinspectError,
    Mark,
    NetworkError,
    Problem,
    Source,
    SpecError,
)
from lazyinspect.plan import rows as row_builder
from lazyinspect.plan.lint import lint
from lazyinspect.plan.meant import unknown_op
from lazyinspect.plan.ops import FALLBACK_LAYERS
from lazyinspect.plan.planner import Planner
from lazyinspect.plan.quiet import importing_torch
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.scope import LayerArg, Scope, bind_params, evaluate, type_problem
from lazyinspect.plan.tree import Call, Graph, InputType, Leaf, Tie
from lazyinspect.report import (
    Environment,
    LayerRow,
    NamedTensor,
    Report,
    SpecInfo,
    Timing,
    Totals,
    Verified,
)
from lazyinspect.shapes import TensorType, format_shape, tensors_of
from lazyinspect.spec.formula import FormulaError, describe, parse_formula
from lazyinspect.spec.model import OPEN, Expr, Spec, TieSpec
from lazyinspect.spec.names import did_you_mean
from lazyinspect.spec.values import formula_problem

_EXIT_1 = frozenset({"unmet-expect"})
_EXIT_3 = frozenset({"shape-mismatch"})


@dataclass(frozen=True, eq=False)
class Plan:
    """A network with every shape, argument and count explicit. Pure data."""

    root: Graph
    """What is built."""
    call: Call
    """What happens when it runs on the planned inputs."""
    inputs: tuple[InputType, ...]
    ties: tuple[Tie, ...]
    dtype: str
    """Of parameters and of inputs without a dtype of their own."""
    spec_info: SpecInfo
    allow: tuple[str, ...] = ()
    """Classes of the user's own that may be imported."""

    @cached_property
    def rows(self) -> tuple[LayerRow, ...]:
        """One row per call, in execution order; the network's own first."""
        return row_builder.RowBuilder(self.dtype, self.ties).build(self.call)

    @cached_property
    def totals(self) -> Totals:
        return row_builder.totals(self.rows)

    @cached_property
    def outputs(self) -> tuple[NamedTensor, ...]:
        return tuple(NamedTensor(n, t.shape, t.dtype) for n, t in tensors_of(self.call.output))

    @property
    def variant(self) -> str | None:
        return self.spec_info.variant

    @property
    def output_keys(self) -> tuple[str, ...] | None:
        """Keys of a mapping under ``output:``."""
        return tuple(self.root.output) if isinstance(self.root.output, dict) else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know beside the figures."""
        unknown = [row.path for row in self.rows if row.macs is None and row.kind != "container"]
        if not unknown:
            return ()
        named = ", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        rows = "1 row" if len(unknown) == 1 else f"{len(unknown)} rows"
        return (f"MACs leave out {rows} whose count is not known: {named}",)

    def report(
        self,
        device: str = "meta",
        environment: Environment | None = None,
        rows: tuple[LayerRow, ...] | None = None,
        timing: Timing | None = None,
        verified: Verified | None = None,
    ) -> Report:
        """The plan as a report; with what a device showed, where it ran.

        Args:
            device: ``meta`` where nothing ran.
            environment: where it ran.
            rows: the plan's own rows with their times.
        """
        return Report(
            spec=self.spec_info,
            environment=environment or environment_of(device),
            inputs=tuple(NamedTensor(i.name, i.type.shape, i.type.dtype) for i in self.inputs),
            outputs=self.outputs,
            layers=self.rows if rows is None else rows,
            totals=self.totals,
            timing=timing,
            verified=verified,
            notes=self.notes,
        )

    def state_dict(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the built network's ``state_dict`` holds."""
        weights = row_builder.state_dict(self.call)
        return {name: weight.shape for name, weight in weights.items() if weight.persistent}


def environment_of(device: str, name: str | None = None) -> Environment:
    """Versions at hand; torch's only where something has loaded it."""
    torch = sys.modules.get("torch")
    python = ".".join(map(str, sys.version_info[:3]))
    return Environment(__version__, getattr(torch, "__version__", None), python, device, name)


def make_plan(
    spec: Spec,
    *,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Any = None,
    batch: int | None = None,
    dtype: str = "float32",
    allow: Sequence[str] = (),
) -> Plan:
    """Plan a spec.

    Args:
        spec: a parsed spec.
        variant: a name of its ``variants:``.
        set: overrides of its ``params:``, after the variant's.
        input: a shape for the first input, or shapes by name, instead of the file's.
        batch: size of dimension 0 of every input, instead of the file's.
        dtype: of the parameters, and of inputs that name none.
        allow: full names of classes of the user's own that may be imported.

    Raises:
        SpecError: the spec or an argument is wrong.
        NetworkError: shapes do not fit each other.
        ExpectationError: an ``expect:`` is not met.
    """
    problems = _lint(spec, tuple(allow))
    if problems:
        raise SpecError(problems)
    params = _params(spec, variant, set or {})
    inputs = _inputs(spec, params, input, batch, dtype)
    resolver = Resolver(dtype, _fallback(dtype, tuple(allow)))

    def known(name: str, mark: Mark) -> None:
        if name not in FALLBACK_LAYERS and name not in allow:
            raise SpecError(unknown_op(name, mark, spec))

    planner = Planner(spec, resolver, known)
    graph, call = planner.network(params, tuple((i.name, i.type) for i in inputs))
    if planner.problems:
        raise _failure(planner.problems)
    if graph is None or call is None:
        raise SpecError(Problem("bad-output", "the network has no output", spec.mark))
    if batch is not None:
        _require_batch(call, inputs)
    ties = _ties(spec, call)
    info = SpecInfo(spec.source.path, spec.name, variant, _plain_params(params))
    return Plan(graph, call, inputs, ties, dtype, info, tuple(allow))


@lru_cache(maxsize=64)
def _lint(spec: Spec, allow: tuple[str, ...]) -> list[Problem]:
    """Once for each spec: what it finds does not depend on variant or input."""
    return lint(spec, allow)


def _failure(problems: list[Problem]) -> LazyinspectError:
    """One error for all problems; a mistake in the spec outranks one of this input."""
    unique: list[Problem] = []
    for problem in problems:
        if problem not in unique:
            unique.append(problem)
    codes = {problem.code for problem in unique}
    if codes <= _EXIT_1:
        return ExpectationError(unique)
    if codes <= _EXIT_1 | _EXIT_3:
        return NetworkError(unique)
    return SpecError(unique)


def _plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        if isinstance(value, LayerArg):
            listed = [plain(item) for item in value.positional]
            if value.keywords:
                listed.append({key: plain(item) for key, item in value.keywords})
            return {value.op: listed}
        return value

    return {name: plain(value) for name, value in params.items()}


def _params(spec: Spec, variant: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    replaced: Mapping[str, Expr] = {}
    if variant is not None:
        if variant not in spec.variants:
            names = list(spec.variants)
            otherwise = "it has " + " ".join(names) if names else "it has no variants"
            raise SpecError(
                Problem(
                    "unknown-variant",
                    f"{spec.source.path} has no variant `{variant}`",
                    help=did_you_mean(variant, names, otherwise),
                )
            )
        replaced = spec.variants[variant]
    names = list(spec.params)
    for name in overrides:
        if name not in spec.params:
            otherwise = "it has " + " ".join(names) if names else "it has no params"
            raise SpecError(
                Problem(
                    "unknown-parameter",
                    f"{spec.source.path} has no parameter `{name}`",
                    help=did_you_mean(name, names, otherwise),
                )
            )
    given: dict[str, Any] = {}
    replaced = dict(replaced)
    for name, value in overrides.items():
        if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
            replaced[name] = _formula(name, value)
        else:
            given[name] = value[1:] if isinstance(value, str) and value[:1] == "$" else (
                _frozen(value)
            )  # fmt: skip
            required = spec.params[name].required
            problem = type_problem(required, given[name]) if required else None
            if problem:
                raise SpecError(
                    Problem("bad-argument", f"the parameter `{name}` {problem}",
                            spec.params[name].mark, help=f"of --set {name}=VALUE")
                )  # fmt: skip
    scope = Scope({}, None, None, "the network's own parameters are bound before any input flows")
    bound = bind_params(spec.params, given, scope, replaced)
    problems = []
    for name, param in spec.params.items():
        if name not in bound:
            problems.append(
                Problem(
                    "missing-parameter",
                    f"the parameter `{name}` has no default and no value",
                    param.mark,
                    help=f"run with --set {name}=VALUE, or choose a variant that sets it",
                )
            )
        elif param.required and type_problem(param.required, bound[name]):
            problems.append(
                Problem(
                    "bad-argument",
                    f"the parameter `{name}` {type_problem(param.required, bound[name])}",
                    param.mark,
                )
            )
    if problems:
        raise SpecError(problems)
    return bound


def _formula(name: str, text: str) -> Expr:
    """A formula given to ``set``: it may read the other parameters, as one in the file."""
    mark = Mark(Source(f"--set {name}", (text,)), 1, 1, len(text))
    try:
        return Expr(parse_formula(text[1:]), mark, OPEN)
    except FormulaError as error:
        raise SpecError(formula_problem(error, mark)) from None


def _frozen(value: Any) -> Any:
    """A Python value given to ``set`` as the planner has it."""
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict) and len(value) == 1:
        (op, args), *_ = value.items()
        if isinstance(args, dict):
            return LayerArg(op, (), tuple((key, _frozen(item)) for key, item in args.items()))
        listed = _frozen(args if isinstance(args, (list, tuple)) else [args])
        return LayerArg(op, () if args is None else listed)
    return value


def _inputs(
    spec: Spec, params: Mapping[str, Any], shapes: Any, batch: int | None, dtype: str
) -> tuple[InputType, ...]:
    given = _given_shapes(spec, shapes)
    scope = Scope(params, None, None, "an input's shape is known before any input flows")
    inputs = []
    for entry in spec.inputs:
        where: Mark | None = entry.shape.mark
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
        return {names[0] if names else "input": _frozen(shapes)}
    for name in shapes:
        if names and name not in names:
            raise SpecError(
                Problem(
                    "unknown-input",
                    f"{spec.source.path} has no input `{name}`",
                    help=did_you_mean(name, names, "its inputs are " + " ".join(names)),
                )
            )
    return {name: _frozen(shape) for name, shape in shapes.items()}


def _input(
    name: str, shape: Any, dtype: str, high: int | None, batch: int | None, mark: Mark | None
) -> InputType:
    if isinstance(shape, tuple) and batch is not None:
        shape = (batch, *shape[1:])
    if not isinstance(shape, tuple) or any(type(s) is not int or s < 0 for s in shape):
        bad = shape if not isinstance(shape, tuple) else next(
            s for s in shape if type(s) is not int or s < 0
        )  # fmt: skip
        raise SpecError(
            Problem(
                "bad-input",
                f"a shape is a list of sizes, and that of `{name}` holds {describe(bad)}",
                mark,
                help="write for instance [1, 3, 224, 224]; in a formula, divide with `//`",
            )
        )
    return InputType(name, TensorType(shape, dtype), high)


_UNBATCHED = re.compile(r"(Conv|ConvTranspose|Pool|Pad|InstanceNorm|MaxUnpool)([123])d\Z")


def _require_batch(call: Call, inputs: tuple[InputType, ...]) -> None:
    """Refuse a batch size for an input that its first layer takes without a batch."""
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


def _ties(spec: Spec, call: Call) -> tuple[Tie, ...]:
    if not spec.ties:
        return ()
    weights = row_builder.state_dict(call)
    problems = []
    found: dict[str, Tie] = {}
    for tie in spec.ties:
        for name, mark in ((tie.path, tie.mark), (tie.source, tie.source_mark)):
            if name not in weights or weights[name].buffer:
                problems.append(
                    Problem(
                        "unknown-tensor",
                        f"the network has no parameter `{name}`",
                        mark,
                        help="it is a buffer, and only parameters can be tied"
                        if name in weights
                        else did_you_mean(name, weights, "names are as in state_dict"),
                    )
                )
        if problems:
            continue
        mine, other = weights[tie.path].shape, weights[tie.source].shape
        source = _end_of_chain(tie, spec)
        if mine != other:
            problems.append(
                Problem(
                    "tie-mismatch",
                    f"`{tie.path}` is {format_shape(mine)}, and `{tie.source}` is "
                    f"{format_shape(other)}",
                    tie.mark,
                    help="only tensors of one shape can be one tensor",
                )
            )
        elif source is None:
            problems.append(Problem("tie-mismatch", f"`{tie.path}` is tied to itself", tie.mark))
        if source is not None:
            found[tie.path] = Tie(tie.path, source, tie.mark)
    if problems:
        raise SpecError(problems)
    return tuple(found.values())


def _end_of_chain(tie: TieSpec, spec: Spec) -> str | None:
    """The tensor that a tie comes to through other ties; None where it comes back to itself."""
    sources = {other.path: other.source for other in spec.ties}
    name, seen = tie.source, {tie.path}
    while name in sources:
        if name in seen:
            return None
        seen.add(name)
        name = sources[name]
    return None if name in seen else name


def _fallback(dtype: str, allow: tuple[str, ...]) -> Any:
    def call(*arguments: Any) -> Any:
        # the one way from a plan to torch: a class without a row
        with importing_torch():
            from lazyinspect.plan import fallback
        return fallback.apply(*arguments, dtype=dtype, allow=allow)

    return call
