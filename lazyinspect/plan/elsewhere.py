"""A label or parameter that is not known here -> where the file has it, and how to reach it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lazyinspect.errors import Problem
from lazyinspect.plan.ops import table
from lazyinspect.spec.model import Branch, GraphSpec, Spec, StepSpec

Lines = dict[str, list[int]]


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
                help = self._no_label(text, bodies[-1])
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

    def _no_label(self, name: str, body: GraphSpec) -> str:
        """What else the file or the language calls by this name."""
        params = body.params if body.name and body.name != "Graph" else self.spec.params
        if name in params:
            return f"`{name}` is a parameter: ${name} is its value"
        if name in table() or name in self.spec.blocks:
            return f"`{name}` is an op: an inline branch stands in brackets, [{name}: ...]"
        return ""

    def _parameter(self, name: str, body: GraphSpec) -> str:
        if not body.name or name not in self.spec.params:
            return ""
        return (
            "it is a parameter of the network, and a block knows its own: declare it in the "
            "block's `params:`, and give it where the block is used"
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
