"""A spec, and names for sizes -> its symbolic plan. Raises what planning raises. No torch here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lazyinspect.errors import LazyinspectError, Problem, SpecError
from lazyinspect.formulas import Symbolic, Unknown
from lazyinspect.measure.memory import activations
from lazyinspect.measure.symbolic.compare import Comparison
from lazyinspect.measure.symbolic.conditions import (
    Clause,
    Conditions,
    Trials,
    condition,
    weight_clauses,
)
from lazyinspect.measure.symbolic.names import Named, guesses, names_of, shapes_at
from lazyinspect.plan.plan import Plan
from lazyinspect.sizes.algebra import named
from lazyinspect.sizes.sets import SizeSet
from lazyinspect.sizes.size import Size
from lazyinspect.sizes.tracing import Tracer, tracing

Shapes = Mapping[str, tuple[int, ...]]
Again = Callable[..., Plan]
"""``again(input=, insight=, tracer=)``: plans the spec for shapes by input."""

_CHECKS = 3
"""Sizes for which every formula is compared with a plan."""
_SECONDS = 2.0
"""What the search for sizes that plan may take."""
_USUAL = (224, 256, 64, 128, 32, 512, 299, 384, 416, 640, 96, 48, 28, 16, 8, 4, 2, 1, 3, 5, 7)
"""Sizes that are tried where those of the file do not plan."""


def symbolic(
    again: Again, planned: Plan | None, given: Named | None, batch: int | None = None
) -> Symbolic:
    """Plan a network with names for sizes.

    Args:
        again: plans the spec.
        planned: its plan for the sizes of the file; None where there is none.
        given: the sizes of each input, numbers and names; None: found out.
        batch: a number for dimension 0 of every input.

    Raises:
        SpecError: no sizes were found for which it plans, or there is nothing to name.
        NetworkError, ExpectationError: as planning.
    """

    def planning(shapes: Shapes, tracer: Tracer | None = None) -> Plan:
        return again(input=shapes, insight=False, tracer=tracer)

    if given is not None:
        given = _with_batch(given, batch)
        return _symbolic(planning, given, _values(planning, given, planned))
    assert planned is not None
    best: Symbolic | None = None
    for guess in guesses(planned.inputs):
        guess = _with_batch(guess, batch)
        if not names_of(guess):
            continue
        shapes = {entry.name: entry.type.shape for entry in planned.inputs}
        found = _symbolic(planning, guess, _read(guess, shapes))
        if best is None or _fixed(found) < _fixed(best):
            best = found
        if _fixed(best) == (0, 0):
            break
    if best is None:
        raise SpecError(
            Problem("no-named-size", "the inputs have no dimension whose size could have a name",
                    help="leave --symbolic out")
        )  # fmt: skip
    return best


def _with_batch(given: Named, batch: int | None) -> Named:
    if batch is None:
        return given
    return {name: (batch, *sizes[1:]) if sizes else () for name, sizes in given.items()}


def _fixed(found: Symbolic) -> tuple[int, int]:
    """How many of its sizes can have one value only, and how many of those for a weight's sake.

    Such are no sizes, but channels or features.
    """
    fixed = [name for name, sizes in found.works.items() if sizes.finite and sizes.period == 1
             and len(sizes.start) == sizes.least]  # fmt: skip
    weights = [each for each in found.conditions if each.kind == "weights" and each.sizes]
    return len(fixed), len(weights)


def _read(named_shapes: Named, shapes: Shapes) -> dict[str, int]:
    """Values of the names in shapes of numbers; of the first place where a name stands."""
    values: dict[str, int] = {}
    for name, sizes in named_shapes.items():
        for size, number in zip(sizes, shapes.get(name, ()), strict=False):
            if isinstance(size, str):
                values.setdefault(size, number)
    return values


def _values(planning: Callable[..., Plan], given: Named, planned: Plan | None) -> dict[str, int]:
    """Sizes for which the spec plans: the file's, or the first found."""
    names = names_of(given)
    if not names:
        raise SpecError(Problem("no-named-size", "no size of --input has a name",
                                help="write --input N,3,H,W"))  # fmt: skip
    known = {} if planned is None else _read(
        given, {entry.name: entry.type.shape for entry in planned.inputs}
    )  # fmt: skip
    refusals: dict[object, tuple[Problem, dict[str, int]]] = {}
    tried = 0
    others = () if planned is None else _others(given, planned)
    for values in _tries(names, known, others):
        try:
            planning(shapes_at(given, values))
        except SpecError:
            if not tried:
                raise  # an input that is none, a parameter: no sizes mend it
        except LazyinspectError as error:
            problem = error.problems[0]
            refusals.setdefault((problem.code, problem.mark), (problem, values))
        else:
            return values
        tried += 1
    raise _none_works(names, tried, list(refusals.values()))


def _none_works(
    names: Sequence[str], tried: int, refusals: list[tuple[Problem, dict[str, int]]]
) -> SpecError:
    """Says what refuses sizes: conditions that cannot be met at once are among it."""

    def told(problem: Problem, values: Mapping[str, int]) -> str:
        at = ", ".join(f"{name} = {values[name]}" for name in names)
        place = f"line {problem.mark.line}: " if problem.mark is not None else ""
        return f"{at}: {place}{problem.message}"

    mark = refusals[0][0].mark if refusals else None
    return SpecError(
        Problem(
            "no-working-size",
            f"the network plans for none of {tried} values of {', '.join(names)} that were tried",
            mark,
            help="conditions on one name may contradict each other: give sizes that differ names "
            "of their own, or a size that works as a number",
            notes=tuple(told(*refusal) for refusal in refusals[:3]),
        )
    )


def _others(given: Named, planned: Plan) -> list[tuple[str, int]]:
    """Every size that the file has where a name stands: a name may stand in several places."""
    shapes = {entry.name: entry.type.shape for entry in planned.inputs}
    return [
        (size, number)
        for name, sizes in given.items()
        for size, number in zip(sizes, shapes.get(name, ()), strict=False)
        if isinstance(size, str)
    ]


def _tries(
    names: Sequence[str], known: Mapping[str, int], others: Sequence[tuple[str, int]]
) -> Iterator[dict[str, int]]:
    """Values to try: those of the file, equal ones, and others for each name."""
    end = time.process_time() + _SECONDS
    seen = set()

    def fresh(values: dict[str, int]) -> bool:
        key = tuple(values.values())
        new = key not in seen
        seen.add(key)
        return new

    base = {name: known.get(name, 1 if name == "N" else _USUAL[0]) for name in names}
    # a batch is seldom in the way, where its name stands for nothing else
    tied = {name for name, number in others if number != known.get(name)}
    free = [name for name in names if name != "N" or name in tied] or list(names)
    candidates = [base, *({**base, name: number} for name, number in others)]
    candidates += [{**base, **dict.fromkeys(free, size)} for size in _USUAL]
    candidates += [{**base, name: size} for name in free for size in _USUAL]
    candidates += [{**base, **dict.fromkeys(free, size)} for size in range(1, 130)]
    for values in candidates:
        if time.process_time() > end:
            return
        if fresh(values):
            yield values


def _symbolic(planning: Callable[..., Plan], given: Named, values: Mapping[str, int]) -> Symbolic:
    names = names_of(given)
    tracer = Tracer()
    sizes = {name: Size(value, named(name)) for name, value in values.items()}
    with tracing(tracer):
        plan = planning(shapes_at(given, sizes), tracer)
    trials = Trials(plan, lambda at: planning(shapes_at(given, at)))
    finder = Conditions(trials, values)
    clauses = finder.find(tracer.guards)
    plans = {name: finder.sizes(name) for name in names}
    kept = [clause for clause in weight_clauses(plan) if _narrows(clause, finder)]
    finder.clauses = [*clauses, *kept]
    works = {name: finder.sizes(name) for name in names}
    unknown, doubtful, checked = _checks(trials, finder, clauses, plans, names)
    held, peak = (None, None) if doubtful else activations(plan)
    report = plan.report()
    totals = replace(report.totals, activation_bytes=held, peak_inference_bytes=peak)
    return Symbolic(
        report=replace(report, totals=totals),
        planned=dict(values),
        plans=plans,
        works=works,
        conditions=tuple(condition(clause, plan.rows) for clause in finder.clauses),
        checked=checked,
        unknown=unknown,
        doubtful=doubtful,
        least=_least(finder, names, trials),
    )


def _narrows(clause: Clause, finder: Conditions) -> bool:
    """Whether a clause says more than those found."""
    if clause.sizes is None:
        return True
    (name,) = clause.names
    before = finder.sizes(name)
    return before & clause.sizes != before


def _checks(
    trials: Trials,
    finder: Conditions,
    clauses: list[Clause],
    plans: Mapping[str, SizeSet],
    names: Sequence[str],
) -> tuple[tuple[Unknown, ...], frozenset[int], tuple[Mapping[str, int], ...]]:
    """Hold every formula against plans of numbers.

    Returns:
        Steps whose formulas do not hold, the rows that they spoil, and the sizes compared.
    """
    differing: set[int] = set()
    first: dict[int, Any] = {}
    checked = []
    for values in _samples(finder, clauses, plans, names):
        found = trials.at(values)
        if isinstance(found, Problem):
            continue
        compared = Comparison(trials.plan.call, found.call, values)
        if compared.alike and not compared.differing:
            checked.append(values)
        differing |= compared.differing
        if compared.first is not None:
            first[compared.first[0]] = compared.first[1]
    rows = trials.plan.rows
    unknown = tuple(
        Unknown(rows[index].path, rows[index].declared, rows[index].place, len(differing))
        for index in sorted(first)
    )
    return unknown, frozenset(differing), tuple(checked)


def _samples(
    finder: Conditions, clauses: list[Clause], plans: Mapping[str, SizeSet], names: Sequence[str]
) -> list[dict[str, int]]:
    """Sizes that keep to the conditions of planning: small, odd, and far from those in hand."""
    found: list[dict[str, int]] = []
    joint = [clause for clause in clauses if clause.sizes is None]
    lists = {}
    for name in names:
        sizes = []
        for size in plans[name]:
            sizes.append(size)
            # far from those in hand as well: what decides there may be otherwise
            if size > 3 * finder.planned[name] and len(sizes) >= 40:
                break
        lists[name] = sizes
    last = max((len(sizes) for sizes in lists.values()), default=1) - 1
    for step in (0, 1, last, 2, 4, 7, 12, 20, 30):
        values = {}
        for offset, name in enumerate(names):
            sizes = lists[name]
            if sizes:
                values[name] = sizes[min(step + offset * (step > 0), len(sizes) - 1)]
        if len(values) == len(names) and values not in found and all(
            clause.guard.holds(values) for clause in joint
        ):  # fmt: skip
            found.append(values)
        if len(found) == _CHECKS:
            break
    if len(found) < _CHECKS and joint:
        for candidate in finder.candidates(names):
            values = dict(candidate)
            if values not in found and all(clause.guard.holds(values) for clause in clauses):
                found.append(values)
            if len(found) == _CHECKS:
                break
    return found


def _least(finder: Conditions, names: Sequence[str], trials: Trials) -> Mapping[str, int] | None:
    """The smallest sizes that keep to every condition."""
    joint = [clause for clause in finder.clauses if clause.sizes is None]
    single = {}
    for name in names:
        least = finder.sizes(name).least
        if least is None:
            return None
        single[name] = least
    if all(clause.guard.holds(single) for clause in joint):
        return single
    bound = {name for clause in joint for name in clause.names}
    free = [name for name in names if name in bound]
    best: dict[str, int] | None = None
    lists = []
    for name in free:
        sizes = []
        for size in finder.sizes(name):
            if size > max(finder.planned[name], single[name]):
                break
            sizes.append(size)
        lists.append(sizes)
    for values in _rising(free, lists, single):
        if all(clause.guard.holds(values) for clause in joint):
            best = values
            break
    return best


def _rising(
    names: Sequence[str], lists: Sequence[Sequence[int]], base: Mapping[str, int]
) -> Iterator[dict[str, int]]:
    """Combinations by their largest size, then by their sum."""
    if len(names) == 1:
        for size in lists[0]:
            yield {**base, names[0]: size}
        return
    every = sorted({size for sizes in lists for size in sizes})
    for largest in every:
        # the largest stands somewhere; the others go up to it
        combinations = []
        below = [[size for size in sizes if size <= largest] for sizes in lists]
        for place in range(len(names)):
            if largest not in below[place]:
                continue
            others = [b for k, b in enumerate(below) if k != place]
            if len(others) > 1:
                others = [b[-8:] for b in others]
            for rest in _product(others):
                values = [*rest[:place], largest, *rest[place:]]
                combinations.append(values)
        combinations.sort(key=sum)
        for values in combinations:
            yield {**base, **dict(zip(names, values, strict=True))}


def _product(lists: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    if not lists:
        yield []
        return
    for first in lists[0]:
        for rest in _product(lists[1:]):
            yield [first, *rest]
