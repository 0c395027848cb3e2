"""Spec -> problems that show without shapes: in every block and variant, used or not. No torch.

Unknown ops and arguments, wrong types of constant arguments, blocks that use themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from lazyinspect import limits
from lazyinspect.codes import worst_first
from lazyinspect.errors import ArgumentError, Mark, Problem, SpecError
from lazyinspect.plan import beside
from lazyinspect.plan.arguments import op_problem
from lazyinspect.plan.habits import call_meant, lazy_instead, together, value_meant
from lazyinspect.plan.meant import unknown_op
from lazyinspect.plan.ops import FALLBACK_LAYERS, signature_of, table
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.ops.signature import Parameter, Signature
from lazyinspect.plan.written import plain_text
from lazyinspect.spec.formula import describe
from lazyinspect.spec.grammar import GrammarError
from lazyinspect.spec.model import OPEN, Expr, LayerExpr, Spec, StepSpec, all_steps
from lazyinspect.spec.names import STRUCTURE, nearest
from lazyinspect.spec.values import no_more


def lint(spec: Spec, allow: Sequence[str] = ()) -> list[Problem]:
    """Every problem, in the order of the file."""
    found: list[Problem] = []
    rows = table()
    for name, block in spec.blocks.items():
        if name in rows or name in FALLBACK_LAYERS:
            found.append(
                Problem(
                    "bad-name",
                    f"a block cannot be called `{name}`: that is a layer",
                    block.mark,
                    help=f"write `My{name}`",
                )
            )
    found.extend(_recursion(spec))
    for body in (*spec.blocks.values(), spec.network):
        for step in all_steps(body.layers):
            found.extend(_step(step, spec, allow))
            if len(found) >= limits.PROBLEMS:
                return no_more(worst_first(found[: limits.PROBLEMS]))
    return worst_first(found)


def with_lint(error: GrammarError) -> SpecError:
    """A grammar's problems together with those that show in the rest of the file."""
    # one mistake may look like several on its own line: an unquoted comma splits a formula
    known = {p.mark.line for p in error.problems if p.mark is not None}
    more = [
        problem
        for problem in lint(error.spec)
        if problem.code != "class-not-allowed"
        and problem.mark is not None
        and problem.mark.line not in known
    ]
    strays = error.strays
    wrong = [
        beside.told(problem, strays[problem], error.spec.blocks) if problem in strays else problem
        for problem in error.problems
    ]
    return SpecError(worst_first([*wrong, *more]))


def _step(step: StepSpec, spec: Spec, allow: Sequence[str]) -> Iterator[Problem]:
    op = step.op
    if step.become is not None and "." in step.become[0] and step.become[0] not in allow:
        yield unknown_op(*step.become, spec)
    if op == "$" or op in STRUCTURE:
        return
    if op in spec.blocks:
        return
    row = table().get(op)
    if row is None:
        if op not in FALLBACK_LAYERS and op not in allow:
            yield unknown_op(op, step.mark, spec, step)
        return
    for expr in (*step.args.positional, *step.args.keywords.values()):
        if isinstance(expr.value, LayerExpr) and expr.value.op not in table():
            yield unknown_op(expr.value.op, expr.value.mark, spec)
    yield from _arguments(step, signature_of(op), row, spec)


def _arguments(
    step: StepSpec, signature: Signature, row: Op | LazyOp, spec: Spec
) -> Iterator[Problem]:
    """Names, count and types of the arguments; formulas fit any type."""
    args, params = step.args, _param_names(spec)
    meant = call_meant(step, signature, params)
    if meant is not None:
        yield Problem(
            "bad-argument",
            f"{row.name} takes its arguments in a list, keywords in braces at the end, and gets "
            f"{describe(meant[1].constant)}",
            meant[1].mark, help=f"write `{meant[0]}`",
        )  # fmt: skip
        return
    slots = [p for p in signature.parameters if not p.keyword_only]
    variadic = bool(slots) and slots[-1].variadic
    if not variadic and len(args.positional) > len(slots):
        limit = f"at most {len(slots)}" if slots else "no"
        extra = args.positional[len(slots)].constant
        if row_kind(row) == "function" and isinstance(extra, str) and extra in table():
            yield Problem(
                "bad-argument",
                f"`{row.name}` is a function here, and no name of a step",
                step.mark,
                help=f"a list numbers its steps: write - {extra}, or {{{extra}: , as: NAME}}",
            )
            return
        yield Problem(
            "bad-argument",
            f"{row.name} takes {limit} positional argument{'s' * (len(slots) != 1)}, and gets "
            f"{len(args.positional)}",
            args.positional[len(slots)].mark,
            help=together(step, signature, row)
            or _source_meant(step, extra, spec)
            or _signature_help(row, signature),
        )
        return
    given: set[str] = set()
    misspelt: set[str] = set()
    pairs: list[tuple[str, Any, Mark]] = []
    for parameter, expr in zip(slots, args.positional, strict=False):
        given.add(parameter.name)
        pairs.append((parameter.name, expr.constant, expr.mark))
    for name, expr in args.keywords.items():
        mark = args.keyword_marks.get(name, expr.mark)
        if name not in signature.by_name:
            if signature.open:
                continue
            near = nearest(name, signature.by_name) or _whole(name, signature.by_name)
            other = beside.OTHER_WORDS.get(name)
            if other in signature.by_name:
                near = other
            hint = f"did you mean `{near}`? " if near else ""
            joined = re.match(r"(\w+)\s*[=:]\s*(\S+)\Z", name)
            if joined and joined[1] in signature.by_name:
                hint = f"a keyword has a colon and a space: `{joined[1]}: {joined[2]}`; "
                near = joined[1]
            if isinstance(row, LazyOp) and name in row.infers:
                hint = f"{row.name} infers it; {row.becomes} takes it. "
            yield Problem(
                "unknown-argument",
                f"{row.name} has no argument `{name}`",
                mark,
                help=hint + _signature_help(row, signature),
            )
            misspelt.update(filter(None, [near]))
            continue
        if name in given:
            yield Problem(
                "bad-argument", f"{row.name} gets `{name}` twice", mark,
                help="it is given by its place in the list, too",
            )  # fmt: skip
        given.add(name)
        pairs.append((name, expr.constant, expr.mark))
    needed = [p.name for p in signature.parameters if p.required and p.name not in given]
    missing = [name for name in needed if name not in misspelt]
    if missing:
        yield Problem(
            "missing-argument",
            f"{row.name} needs " + " and ".join(f"`{name}`" for name in missing),
            step.mark,
            help=lazy_instead(step, row) or _signature_help(row, signature),
        )
    for name, value, mark in pairs:
        parameter = signature.by_name[name]
        if value is OPEN or parameter.variadic or any(k.base == "module" for k in parameter.kinds):
            continue
        try:
            parameter.check(value)
        except ArgumentError as error:
            help = value_meant(value, params, parameter) or error.help
            help = _source_meant(step, value, spec) or help
            help = help or together(step, signature, row) or _switch(value, signature)
            yield Problem("bad-argument", f"{row.name}: {error.message}", mark, help=help)
            given.clear()
    if variadic:
        yield from _variadic(row.name, slots[-1], args.positional[len(slots) - 1 :], params)
    if isinstance(row, Op) and given and not needed:
        yield from _values(step, signature, row, pairs)


def _source_meant(step: StepSpec, value: Any, spec: Spec) -> str:
    """`tanh: x`, where `x` is another step."""
    if not isinstance(value, str) or step.sources is not None:
        return ""
    bodies = (*spec.blocks.values(), spec.network)
    names = {each.name for body in bodies for each in all_steps(body.layers)}
    if value not in names and value not in ("input", "prev"):
        return ""
    whole = (
        f"{{{step.op}: , from: {value}}}" if len(step.args.positional) == 1 else f"from: {value}"
    )
    return f"what an op reads stands in `from:`: `{whole}`"


def _switch(value: Any, signature: Signature) -> str:
    """`[3, 8, 3, 1, 1, false]`, where the one argument that is true or false stands further on."""
    names = [p.name for p in signature.parameters if {k.base for k in p.kinds} == {"bool"}]
    if type(value) is not bool or len(names) != 1:
        return ""
    return f"did you mean `{{{names[0]}: {plain_text(value)}}}`?"


def _variadic(
    op: str, parameter: Parameter, exprs: Sequence[Expr], params: frozenset[str]
) -> Iterator[Problem]:
    """What stands among the sizes of `view: [2, 3]` or `view: [[2, 3]]`, and is none."""
    for expr in exprs[0].value if len(exprs) == 1 and type(exprs[0].value) is tuple else exprs:
        if expr.constant is OPEN:
            continue
        try:
            parameter.check(expr.constant)
        except ArgumentError as error:
            help = value_meant(expr.constant, params, parameter) or error.help
            yield Problem("bad-argument", f"{op}: {error.message}", expr.mark, help=help)


def _values(
    step: StepSpec, signature: Signature, row: Op, pairs: list[tuple[str, Any, Mark]]
) -> Iterator[Problem]:
    """What the row says of constant arguments, whatever the input."""
    modules = [p for p in signature.parameters if any(k.base == "module" for k in p.kinds)]
    if modules or any(value is OPEN for _, value, _ in pairs):
        return
    values = {name: value for name, value, _ in pairs if not signature.by_name[name].variadic}
    if len(values) < len(pairs) or any(p.variadic for p in signature.parameters):
        return
    try:
        row.check(SimpleNamespace(**{**signature.defaults, **values, "network_dtype": "float32"}))
    except ArgumentError as error:
        problem = op_problem(error, step)
        meant = problem.help or together(step, signature, row, first=True)
        yield replace(problem, help=meant)


@lru_cache(maxsize=64)
def _param_names(spec: Spec) -> frozenset[str]:
    blocks = (name for block in spec.blocks.values() for name in block.params)
    return frozenset((*spec.params, *blocks))


def _whole(part: str, names: Iterable[str]) -> str | None:
    """The one name that a word is part of: `slope` of `negative_slope`."""
    found = [name for name in names if part in name.split("_")]
    return found[0] if len(found) == 1 else None


def row_kind(row: Op | LazyOp) -> str:
    """``layer``, ``function`` or ``merge``."""
    return row.kind if isinstance(row, Op) else "layer"


def _signature_help(row: Op | LazyOp, signature: Signature) -> str:
    return f"the signature is {row.name}({signature.text})"


def _recursion(spec: Spec) -> Iterator[Problem]:
    uses: dict[str, list[tuple[str, Mark]]] = {
        name: [(s.op, s.mark) for s in all_steps(body.layers) if s.op in spec.blocks]
        for name, body in spec.blocks.items()
    }
    done: set[str] = set()
    for start in uses:
        if start in done:
            continue
        # depth first, without recursion: (block, place among its uses)
        path: list[tuple[str, int]] = [(start, 0)]
        while path:
            name, at = path[-1]
            if at >= len(uses[name]):
                done.add(name)
                path.pop()
                continue
            path[-1] = (name, at + 1)
            target, mark = uses[name][at]
            names = [entry[0] for entry in path]
            if target in names:
                circle = [*names[names.index(target) :], target]
                if len(circle) > 10:
                    circle = [*circle[:5], "...", *circle[-4:]]
                yield Problem(
                    "recursive-block",
                    f"the block `{target}` uses itself: {' -> '.join(circle)}",
                    mark,
                    help="a network is finite: use `repeat:`",
                )
            elif target not in done:
                path.append((target, 0))
