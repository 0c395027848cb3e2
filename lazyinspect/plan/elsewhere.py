"""A label or parameter that is not known here -> where the file has it, and how to reach it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lazyinspect.errors import Mark, Problem
from lazyinspect.plan.ops import table
from lazyinspect.plan.written import listed
from lazyinspect.spec.formula import Formula
from lazyinspect.spec.model import (
    Branch,
    Expr,
    GraphSpec,
    Label,
    LayerExpr,
    ParamSpec,
    Sources,
    Spec,
    StepSpec,
    all_steps,
)

Lines = dict[str, list[int]]
_OWN = "and a block knows its own"


class Elsewhere:
    """Looks a spec's names up; each body is read once, after something failed."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._labels: dict[int, Lines] = {}

    def told(self, problem: Problem, bodies: Sequence[GraphSpec]) -> Problem:
        """The problem; of a name that is unknown here and known elsewhere, with where.

        Args:
            bodies: those in hand, the innermost last.
        """
        mark = problem.mark
        if mark is None or problem.code not in ("unknown-label", "formula"):
            return problem
        text = mark.source.lines[mark.line - 1][mark.column - 1 :][: mark.length].strip("'\"")
        if problem.code == "unknown-label":
            before = mark.source.lines[mark.line - 1][: mark.column - 1]
            module = before.rstrip(" \"'").endswith("use:")
            help = self._label(text, bodies, mark.line, module)
            if not help and not problem.help.startswith("did you mean"):
                help = self._no_label(text, bodies[-1], mark)
        else:
            help = self._parameter(text, bodies[-1]) if "no parameter" in problem.message else ""
        return replace(problem, help=help or problem.help)

    def _label(self, name: str, bodies: Sequence[GraphSpec], line: int, module: bool) -> str:
        """Where the file has a label. ``module``: it is wanted for `use:`."""
        here = self._lines(bodies[-1]).get(name, ())
        below = [number for number in here if number > line]
        if below:
            return f"it stands at line {below[0]}: a step reads what is above it"
        if here:
            return (
                f"a name is known in its own mapping: `as: {name}` on the step of line "
                f"{here[0]} makes it known in the whole block"
            )
        for around in reversed(bodies[:-1]):
            outside = self._lines(around).get(name)
            if outside:
                what = "Graph" if bodies[-1].name == "Graph" else "block"
                instead = (
                    f"`use:` applies a module of the same {what}"
                    if module
                    else "make it one of its `input:`"
                )
                return f"line {outside[0]} is outside this {what}: {instead}"
        for block in self.spec.blocks.values():
            inside = () if block in bodies else self._lines(block).get(name)
            if inside:
                return (
                    f"line {inside[0]} is inside the block `{block.name}`, of which nothing but "
                    "its output is known outside"
                )
        return ""

    def _no_label(self, name: str, body: GraphSpec, mark: Mark) -> str:
        """What else the file or the language calls by this name."""
        params = body.params if body.name and body.name != "Graph" else self.spec.params
        if name in params:
            return f"`{name}` is a parameter: ${name} is its value"
        before, _, index = name.rpartition(".")
        if index.isdigit() and before in self._lines(body):
            return f"`pick: {index}` at `{before}` takes an element; `as: [a, b]` there names all"
        if name not in table() and name not in self.spec.blocks:
            return ""
        if any(step.merge is not None and _reads(step.merge, mark) for step in _steps(body)):
            return f"`{name}` is an op: an inline branch stands in brackets, [{name}: ...]"
        return f"`{name}` is an op, and a source a label: give it a step of its own above this one"

    def _parameter(self, name: str, body: GraphSpec) -> str:
        known = self.spec.params
        if not body.name or name not in known:
            return ""
        read = (each for step in all_steps(body.layers) for each in _names(step))
        outer = [each for each in read if each in known and each not in body.params]
        names = list(dict.fromkeys([*outer, name]))
        declared = ", ".join(f"{each}: {_type(known[each])}" for each in names)
        given = ", ".join(f"{each}: ${each}" for each in names)
        what, them = ("it is a parameter", "it") if len(names) == 1 else (
            listed([f"`{each}`" for each in names]) + " are parameters", "them"
        )  # fmt: skip
        return (
            f"{what} of the network, {_OWN}: declare {them} in the block, "
            f"`params: {{{declared}}}`, and give {them} where it is used, `{{{given}}}`"
        )

    def _lines(self, body: GraphSpec) -> Lines:
        """Lines at which a body sets each label, less those of a `Graph:` in it."""
        found = self._labels.get(id(body))
        if found is None:
            found = self._labels[id(body)] = {}
            for step in _steps(body):
                if isinstance(step.name, str) and step.name_mark is not None:
                    found.setdefault(step.name, []).append(step.name_mark.line)
                for name, mark in (*step.labels, *filter(None, [step.each])):
                    found.setdefault(name, []).append(mark.line)
        return found


def once(problems: Sequence[Problem]) -> list[Problem]:
    """Less what an earlier problem has said: all parameters that a block lacks, with the first."""
    said: set[tuple[str, tuple[Mark, ...]]] = set()
    left = []
    for problem in problems:
        key = (problem.help, problem.used_at)
        if problem.code == "formula" and _OWN in problem.help:
            if key in said:
                continue
            said.add(key)
        left.append(problem)
    return left


def _steps(body: GraphSpec) -> Iterator[StepSpec]:
    stack = [iter(body.layers.steps)]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            continue
        yield step
        if step.body is not None and step.op != "Graph":
            stack.append(iter(step.body.layers.steps))
        branches = () if step.merge is None else step.merge.positional
        stack.extend(iter(each.layers.steps) for each in branches if isinstance(each, Branch))


def _reads(sources: Sources, mark: Mark) -> bool:
    return any(isinstance(each, Label) and each.mark == mark for each in sources.positional)


def _names(step: StepSpec) -> Iterator[str]:
    """Names that a step's formulas read."""
    args = step.args
    values: list[Any] = [*args.positional, *args.keywords.values(), step.layer, step.condition]
    values += [step.repeat, *(step.expect or ())]
    while values:
        value = values.pop(0)
        if isinstance(value, Expr):
            values.insert(0, value.value)
        elif isinstance(value, tuple):
            values[:0] = value
        elif isinstance(value, LayerExpr):
            values[:0] = (*value.args.positional, *value.args.keywords.values())
        elif isinstance(value, Formula):
            yield from sorted(value.names, key=value.text.find)


def _type(param: ParamSpec) -> str:
    """What a parameter is declared as where it must be given."""
    if param.default is None:
        return str(param.required)
    kind = type(param.default.constant)
    if isinstance(param.default.value, LayerExpr):
        return "layer"
    return kind.__name__ if kind in (bool, float, str) else "int"
