"""A condition on one size -> the sizes that satisfy it, exactly. Raises Unsolved otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, lcm

from lazyinspect.sizes.algebra import Atom, Floor, Name, Poly
from lazyinspect.sizes.extremes import Extreme
from lazyinspect.sizes.tracing import Guard

MOST = 100_000
"""Of sizes that are looked at one by one, and of a period."""


class Unsolved(Exception):
    """A condition repeats itself too late, or not at all, or reads several sizes."""


@dataclass(frozen=True, slots=True)
class SizeSet:
    """Sizes from 1 on: one by one at first, then by their remainders."""

    start: tuple[bool, ...]
    """Whether 1, 2, ... belong to it."""
    period: int
    remainders: frozenset[int]
    """Of the sizes after those, divided by the period, which belong to it."""

    def __contains__(self, size: object) -> bool:
        if not isinstance(size, int) or size < 1:
            return False
        if size <= len(self.start):
            return self.start[size - 1]
        return size % self.period in self.remainders

    def __and__(self, other: SizeSet) -> SizeSet:
        period = lcm(self.period, other.period)
        length = max(len(self.start), len(other.start))
        if period + length > MOST:
            raise Unsolved
        return _reduced(
            tuple([k in self and k in other for k in range(1, length + 1)]),
            period,
            frozenset(
                r
                for r in range(period)
                if r % self.period in self.remainders and r % other.period in other.remainders
            ),
        )

    def __iter__(self) -> Iterator[int]:
        """Its sizes from the least on; endless where it is."""
        for index, belongs in enumerate(self.start):
            if belongs:
                yield index + 1
        size = len(self.start) + 1
        while self.remainders:
            if size % self.period in self.remainders:
                yield size
            size += 1

    @property
    def finite(self) -> bool:
        return not self.remainders

    @property
    def least(self) -> int | None:
        """None where it is empty."""
        return next(iter(self), None)

    @property
    def everything(self) -> bool:
        return not self.start and self.period == 1 and bool(self.remainders)

    @property
    def multiple(self) -> int:
        """The number whose multiples hold all of it, as far as remainders tell; 1 where none."""
        if len(self.remainders) == 1 and 0 in self.remainders and not any(
            belongs and (k + 1) % self.period for k, belongs in enumerate(self.start)
        ):  # fmt: skip
            return self.period
        return 1


EVERY = SizeSet((), 1, frozenset((0,)))


def _reduced(start: tuple[bool, ...], period: int, remainders: frozenset[int]) -> SizeSet:
    """The same set with the shortest period and the fewest sizes told one by one."""
    for shorter in range(1, period):
        if period % shorter == 0:
            kept = frozenset(r % shorter for r in remainders)
            if len(kept) * (period // shorter) == len(remainders):
                period, remainders = shorter, kept
                break
    length = len(start)
    while length and start[length - 1] == (length % period in remainders):
        length -= 1
    return SizeSet(start[:length], period, remainders)


def solve(guard: Guard) -> SizeSet:
    """The sizes for which a guard of one size holds.

    Its formula repeats itself: from some size on, adding a period adds a fixed number to it.
    Then each remainder is decided by a line.

    Raises:
        Unsolved: it reads more than one size, or does not repeat itself soon.
    """
    if len(guard.formula.names) != 1:
        raise Unsolved
    (name,) = guard.formula.names
    rising = _rising(guard)
    if rising is not None:
        return rising
    period, settled = _behaviour(guard.formula)
    if period + settled > MOST:
        raise Unsolved

    def at(size: int) -> int:
        return guard.formula.evaluate({name: size})

    def holds(value: int) -> bool:
        if guard.relation == ">=":
            return value >= 0
        return (value == 0) is (guard.relation == "==")

    # per remainder: the value just after the settled sizes, and what a period adds
    last = settled
    remainders = set()
    for size in range(settled + 1, settled + period + 1):
        value, step = at(size), at(size + period) - at(size)
        if step == 0:
            final = holds(value)
        elif guard.relation == ">=":
            final = step > 0
            # periods until the sign is that of the step
            while holds(value) is not final:
                last = max(last, size)
                size, value = size + period, value + step
                if size > MOST:
                    raise Unsolved
        else:
            final = guard.relation == "!="
            if value % step == 0 and value // -step >= 0:
                last = max(last, size + period * (value // -step))
        if final:
            remainders.add(size % period)
    if last > MOST:
        raise Unsolved
    start = tuple([holds(at(size)) for size in range(1, last + 1)])
    return _reduced(start, period, frozenset(remainders))


def _rising(guard: Guard) -> SizeSet | None:
    """The sizes, where the formula is a product of floors and the like that only grows.

    None where it is none.
    """
    (name,) = guard.formula.names
    if all(len(monomial) < 2 for monomial, _ in guard.formula.terms):
        return None  # a line, which has its own way
    atoms = {atom for monomial, _ in guard.formula.terms for atom in monomial}
    if not all(c > 0 for monomial, c in guard.formula.terms if monomial):
        return None
    if not all(map(_grows, atoms)):
        return None
    held = []
    for size in range(1, MOST):
        values = {name: size}
        held.append(guard.holds(values))
        # from here on no factor is negative, and none becomes smaller
        if guard.formula.evaluate(values) > 0 and all(a.evaluate(values) >= 0 for a in atoms):
            final = guard.relation != "=="
            return _reduced(tuple(held), 1, frozenset((0,) if final else ()))
    raise Unsolved


def _grows(atom: Atom) -> bool:
    """Whether it never becomes smaller with its size."""
    if isinstance(atom, Name):
        return True
    if not isinstance(atom, Floor):
        return False
    return all(
        c > 0 and all(map(_grows, monomial)) and len(monomial) == 1
        for monomial, c in atom.numerator.terms
        if monomial
    )


def _behaviour(poly: Poly) -> tuple[int, int]:
    """Period of a formula of one size, and the size after which it keeps to it."""
    period, settled = 1, 0
    for monomial, _ in poly.terms:
        if len(monomial) > 1:
            raise Unsolved  # it grows faster than a line
        for atom in monomial:
            own, after = _atom_behaviour(atom)
            period, settled = lcm(period, own), max(settled, after)
            if period + settled > MOST:
                raise Unsolved
    return period, settled


def _atom_behaviour(atom: Atom) -> tuple[int, int]:
    if isinstance(atom, Name):
        return 1, 0
    if isinstance(atom, Floor):
        period, settled = _behaviour(atom.numerator)
        step = _step(atom.numerator, period, settled)
        return period * (atom.divisor // gcd(step, atom.divisor)), settled
    if isinstance(atom, Extreme):
        period, settled = 1, 0
        for poly in atom.of:
            own, after = _behaviour(poly)
            period, settled = lcm(period, own), max(settled, after)
        return period, max(settled, _crossed(atom, period, settled))
    raise Unsolved


def _step(poly: Poly, period: int, settled: int) -> int:
    (name,) = poly.names
    return poly.evaluate({name: settled + 1 + period}) - poly.evaluate({name: settled + 1})


def _crossed(atom: Extreme, period: int, settled: int) -> int:
    """The size after which the same of its formulas is the extreme for ever, per remainder."""
    (name,) = atom.names
    furthest = settled
    for size in range(settled + 1, settled + period + 1):
        lines = []
        for poly in atom.of:
            value = poly.evaluate({name: size})
            lines.append((poly.evaluate({name: size + period}) - value, value))
        sign = 1 if atom.greatest else -1
        step, value = max(lines, key=lambda line: (sign * line[0], sign * line[1]))
        for other_step, other in lines:
            ahead = sign * (other - value)
            if ahead > 0 and other_step != step:
                periods = -(-ahead // (sign * (step - other_step)))
                furthest = max(furthest, size + period * periods)
        if furthest > MOST:
            raise Unsolved
    return furthest
