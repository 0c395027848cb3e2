"""Decisions that planning took -> the conditions that sizes have to satisfy. No torch here.

A decision under which the network plans is no condition yet: another one may do as well. So each
is broken by sizes that keep to all others, and the spec is planned for them: where that fails the
decision is required, with the step's own words for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from math import lcm

from lazyinspect.errors import LazyinspectError, Mark, Problem
from lazyinspect.formulas import Condition, Kind
from lazyinspect.measure.symbolic.compare import Comparison
from lazyinspect.plan.ops.base import Weight
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.rows import place_of
from lazyinspect.plan.tree import Function, Graph, calls
from lazyinspect.report import LayerRow, Place
from lazyinspect.shapes import format_shape
from lazyinspect.sizes.algebra import Poly, number
from lazyinspect.sizes.sets import EVERY, SizeSet, Unsolved, solve
from lazyinspect.sizes.size import plain, poly_of
from lazyinspect.sizes.tracing import Guard

Again = Callable[[Mapping[str, int]], Plan]
"""Plans the spec for values of the names; raises LazyinspectError."""

_SAMPLES = 6
"""Sizes that break a decision and are planned."""
_LOOKED = 4_096
"""Sizes among which such are looked for."""
_GRID = 400
"""Combinations of several sizes among which such are looked for."""


@dataclass(eq=False)
class Clause:
    """A decision on the way from a guard to a condition."""

    guard: Guard
    sizes: SizeSet | None
    """What it leaves of its one size; None where that has no closed form."""
    kind: Kind | None = None
    """None until it was tried."""
    reason: str = ""
    place: Place | None = None
    used_at: tuple[Place, ...] = ()
    path: str = ""
    op: str = ""
    example: Mapping[str, int] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.guard.formula.names))


@dataclass(eq=False)
class Trials:
    """Plans of the spec for other sizes, each made once."""

    plan: Plan
    """Of formulas."""
    again: Again
    known: dict[tuple[tuple[str, int], ...], Plan | Problem] = field(default_factory=dict)

    def at(self, values: Mapping[str, int]) -> Plan | Problem:
        key = tuple(sorted(values.items()))
        if key not in self.known:
            try:
                self.known[key] = self.again(values)
            except LazyinspectError as error:
                self.known[key] = error.problems[0]
        return self.known[key]


class Conditions:
    """The conditions of a plan.

    Args:
        trials: plans for other sizes.
        planned: the sizes in hand.
    """

    def __init__(self, trials: Trials, planned: Mapping[str, int]) -> None:
        self.trials = trials
        self.planned = planned
        self.clauses: list[Clause] = []

    def find(self, guards: Sequence[Guard]) -> list[Clause]:
        """Those of the decisions that matter, in the order in which they were taken."""
        every = [clause for guard in guards if (clause := _clause(guard)) is not None]
        irrelevant: list[Clause] = []
        while True:
            # what one clause made superfluous may matter where that one turns out not to
            self.clauses = [clause for clause in every if clause not in irrelevant]
            self._drop_implied()
            open_ = [clause for clause in self.clauses if clause.kind is None]
            if not open_:
                return self.clauses
            irrelevant += [clause for clause in open_ if not self._try(clause)]

    def _drop_implied(self) -> None:
        """Leave out what the others say already, the earlier of two that say the same."""
        for clause in list(self.clauses):
            if clause.kind is not None:
                continue
            if clause.sizes is None:
                implied = not clause.guard.pinned and next(self._breaking(clause), None) is None
            else:
                (name,) = clause.names
                others = self.sizes(name, without=clause)
                implied = others & clause.sizes == others
            if implied:
                self.clauses.remove(clause)

    def sizes(self, name: str, without: Clause | None = None) -> SizeSet:
        """What the clauses leave of one size."""
        found = EVERY
        for clause in self.clauses:
            if clause is not without and clause.sizes is not None and clause.names == (name,):
                found = found & clause.sizes
        return found

    def _try(self, clause: Clause) -> bool:
        """Plan for sizes that break a clause alone; whether it is a condition."""
        fails = differs = agrees = False
        for values in self._breaking(clause):
            found = self.trials.at(values)
            if isinstance(found, Problem):
                if not fails:
                    clause.reason, clause.example = found.message, values
                    clause.place = None if found.mark is None else place_of(found.mark)
                    clause.used_at = tuple(map(place_of, found.used_at))
                fails = True
            elif agree(self.trials.plan, found, values):
                agrees = True
            else:
                differs = True
        if not fails and not differs and (agrees or not clause.guard.pinned):
            return False
        if clause.guard.pinned:
            clause.kind = "pinned"
            clause.reason = clause.reason or "the step counts by it"
        elif fails and not differs and not agrees:
            clause.kind = "required"
            return True
        else:
            clause.kind = "assumed"
            clause.reason = "other sizes may work, and have other formulas"
        # what decides is where the comparison was made, not where some sizes fail
        if isinstance(clause.guard.place, Mark):
            clause.place, clause.used_at = place_of(clause.guard.place), ()
        return True

    def _breaking(self, clause: Clause) -> Iterator[Mapping[str, int]]:
        """Sizes that break a clause and keep to all others, from both ends."""
        if clause.sizes is not None:
            (name,) = clause.names
            others = self.sizes(name, without=clause)
            sizes = clause.sizes
            # beyond that both repeat themselves
            settled = max(len(sizes.start), len(others.start), self.planned[name])
            most = settled + 2 * lcm(sizes.period, others.period)
            found = [
                size
                for size in islice(_upto(others, most), _LOOKED)
                if size not in sizes and self._kept({**self.planned, name: size}, clause)
            ]
            # the nearest says best what breaks: far from here, much does
            here = self.planned[name]
            near = sorted(found, key=lambda size: abs(size - here))[:1]
            for size in dict.fromkeys((*near, *found[:1], *found[len(found) // 2 :][:1])):
                yield {**self.planned, name: size}
            for size in near:
                # where the others are as large, another branch may be taken
                alike = {**dict.fromkeys(self.planned, size), name: size}
                if len(alike) > 1 and self._kept(alike, clause) and self._single(alike, clause):
                    yield alike
            return
        breaking = [
            values
            for values in self.candidates(clause.names, clause)
            if not clause.guard.holds(values) and self._kept(values, clause)
        ]
        # the nearest, and others from all over: where a size is 1 much is different
        breaking.sort(key=lambda values: sum(abs(values[n] - self.planned[n]) for n in values))
        step = max(len(breaking) // _SAMPLES, 1)
        yield from breaking[::step][:_SAMPLES]

    def candidates(
        self, names: Sequence[str], without: Clause | None = None
    ) -> Iterator[Mapping[str, int]]:
        """Sizes that the clauses of one size leave for some names, the others as planned."""
        each = max(int(_GRID ** (1 / max(len(names), 1))), 2)
        lists = []
        for name in names:
            sizes = self.sizes(name, without)
            near = [size for size in _upto(sizes, self.planned[name] + each) if size in sizes]
            around = [size for size in near if abs(size - self.planned[name]) <= each // 4]
            lists.append(list(dict.fromkeys((*near[: each // 2], *around)))[:each])
        for combination in product(*lists):
            yield {**self.planned, **dict(zip(names, combination, strict=True))}

    def _single(self, values: Mapping[str, int], without: Clause) -> bool:
        """Whether the conditions on one size hold, but for one."""
        return all(
            values[clause.names[0]] in clause.sizes
            for clause in self.clauses
            if clause is not without and clause.sizes is not None
        )

    def _kept(self, values: Mapping[str, int], without: Clause) -> bool:
        """Whether the conditions on several sizes hold, but for one."""
        return all(
            clause.guard.holds(values, undefined=True)
            for clause in self.clauses
            if clause is not without and clause.sizes is None
        )


def _clause(guard: Guard) -> Clause | None:
    """None where it always holds."""
    try:
        sizes = solve(guard)
    except Unsolved:
        return Clause(guard, None)
    return None if sizes.everything else Clause(guard, sizes)


def _upto(sizes: SizeSet, most: int) -> Iterator[int]:
    for size in sizes:
        if size > most:
            return
        yield size


def weight_clauses(plan: Plan) -> list[Clause]:
    """What the shapes of weights fix: a network that is built keeps them."""
    found: dict[Poly, Clause] = {}
    for row, call in zip(plan.rows, calls(plan.call), strict=True):
        node = call.node
        if isinstance(node, (Graph, Function)) or call.target is not None:
            continue
        for weight in node.weights:
            for size in weight.shape:
                formula = poly_of(size) - number(plain(size))
                if formula.terms and formula not in found:
                    found[formula] = _weight_clause(row, weight, formula)
    return list(found.values())


def _weight_clause(row: LayerRow, weight: Weight, formula: Poly) -> Clause:
    guard = Guard(formula, "==", None)
    shape = format_shape([plain(size) for size in weight.shape])
    owner = f"`{row.path}.{weight.name}`" if weight.name else f"the Parameter `{row.path}`"
    clause = _clause(guard) or Clause(guard, None)
    clause.kind, clause.reason = "weights", f"{owner} is {shape}"
    clause.path, clause.op = row.path, row.declared
    clause.place, clause.used_at = row.place, row.used_at
    return clause


def agree(formulas: Plan, numbers: Plan, values: Mapping[str, int]) -> bool:
    """Whether every formula has the value that the other plan has."""
    compared = Comparison(formulas.call, numbers.call, values)
    return compared.alike and not compared.differing


def condition(clause: Clause, rows: Sequence[LayerRow]) -> Condition:
    """A clause as data, with the row that it comes from."""
    assert clause.kind is not None
    path, op = clause.path, clause.op
    if clause.place is not None and not op:
        here = [row for row in rows if row.place == clause.place]
        exact = [row for row in here if row.used_at == clause.used_at] or here
        if exact:
            path, op = exact[0].path, exact[0].declared
    return Condition(
        clause.kind, clause.names, clause.guard.formula, clause.guard.relation, clause.sizes,
        clause.reason, path, op, clause.place, clause.used_at, clause.example,
    )  # fmt: skip
