"""Spec -> the same spec with one step or input written otherwise, to be planned as a trial.

Positions stay those of the file, so that the problems of a trial can be compared with the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lazyinspect.errors import Mark
from lazyinspect.spec.model import (
    ArgsExpr,
    Branch,
    Expr,
    GraphSpec,
    Layers,
    Sources,
    Spec,
    StepSpec,
    all_steps,
)

Change = Callable[[StepSpec], StepSpec]


def find_step(spec: Spec, mark: Mark) -> StepSpec | None:
    """The step whose op stands at a mark."""
    for body in (*spec.blocks.values(), spec.network):
        for step in all_steps(body.layers):
            if same_place(step.mark, mark) and step.op not in ("splice", "Sequential", "Graph"):
                return step
    return None


def same_place(a: Mark | None, b: Mark | None) -> bool:
    """Whether two marks start at one character of one file."""
    if a is None or b is None:
        return a is b
    return a.line == b.line and a.column == b.column and a.source is b.source


def with_step(spec: Spec, step: StepSpec, change: Change) -> Spec:
    """The spec with one of its steps changed."""
    for name, body in spec.blocks.items():
        changed = _body(body, step, change)
        if changed is not body:
            return replace(spec, blocks={**spec.blocks, name: changed})
    return replace(spec, network=_body(spec.network, step, change))


def _body(body: GraphSpec, step: StepSpec, change: Change) -> GraphSpec:
    layers = _layers(body.layers, step, change)
    return body if layers is body.layers else replace(body, layers=layers)


def _layers(layers: Layers, step: StepSpec, change: Change) -> Layers:
    for index, inner in enumerate(layers.steps):
        changed = change(inner) if inner is step else _inside(inner, step, change)
        if changed is not inner:
            steps = (*layers.steps[:index], changed, *layers.steps[index + 1 :])
            return replace(layers, steps=steps)
    return layers


def _inside(outer: StepSpec, step: StepSpec, change: Change) -> StepSpec:
    if outer.body is not None:
        body = _body(outer.body, step, change)
        if body is not outer.body:
            return replace(outer, body=body)
    if outer.merge is not None:
        merge = _sources(outer.merge, step, change)
        if merge is not outer.merge:
            return replace(outer, merge=merge)
    if outer.sources is not None:
        sources = _sources(outer.sources, step, change)
        if sources is not outer.sources:
            return replace(outer, sources=sources)
    return outer


def _sources(sources: Sources, step: StepSpec, change: Change) -> Sources:
    for index, source in enumerate(sources.positional):
        if isinstance(source, Branch):
            layers = _layers(source.layers, step, change)
            if layers is not source.layers:
                branch = replace(source, layers=layers)
                listed = (*sources.positional[:index], branch, *sources.positional[index + 1 :])
                return replace(sources, positional=listed)
    return sources


def with_keyword(step: StepSpec, names: Sequence[str], name: str, value: Any) -> StepSpec:
    """The step with one argument set: where it stands already, else as a keyword.

    Args:
        names: of the op's positional arguments, in order.
    """
    expr = Expr(value, step.mark, value)
    args = step.args
    place = names.index(name) if name in names else len(names)
    if place < len(args.positional):
        positional = (*args.positional[:place], expr, *args.positional[place + 1 :])
        return replace(step, args=replace(args, positional=positional))
    return replace(step, args=replace(args, keywords={**args.keywords, name: expr}))


def without_argument(step: StepSpec, names: Sequence[str], name: str) -> ArgsExpr:
    """The step's arguments less one, as for the class that infers it."""
    args = step.args
    if name in args.keywords:
        keywords = {key: expr for key, expr in args.keywords.items() if key != name}
        return replace(args, keywords=keywords)
    place = names.index(name)
    return replace(args, positional=(*args.positional[:place], *args.positional[place + 1 :]))


def after(step: StepSpec, op: str, args: ArgsExpr | None = None) -> Change:
    """A change that puts another step in front of the one step, which reads what that gives."""
    first = StepSpec(op, step.mark, args or ArgsExpr())

    def change(old: StepSpec) -> StepSpec:
        bare = StepSpec(
            old.op, old.mark, old.args, layer=old.layer, body=old.body, pick=old.pick,
            become=old.become,
        )  # fmt: skip
        body = GraphSpec(Layers((first, bare), False, old.mark), old.mark)
        return replace(
            old, op="Sequential", args=ArgsExpr(), layer=None, body=body, pick=None, become=None
        )

    return change


def with_dtype(spec: Spec, name: str, dtype: str) -> Spec:
    """The spec with another dtype for one of its inputs."""
    inputs = tuple(
        replace(entry, dtype=dtype) if entry.name == name else entry for entry in spec.inputs
    )
    return replace(spec, inputs=inputs)
