"""Two operands of `diff` -> their networks, pair by pair, compared. No torch here.

An operand is a spec, a lock or a JSON report, with ``@VARIANT`` where one of its networks is meant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from lazyinspect.codes import error_of
from lazyinspect.drift import Comparison, Drift, Snapshot
from lazyinspect.errors import LazyinspectError, Problem, SpecError
from lazyinspect.lock.causes import Computed
from lazyinspect.lock.check import read_text
from lazyinspect.lock.computed import FromShapes
from lazyinspect.lock.experiment import Replan, explain_with
from lazyinspect.lock.explain import explain
from lazyinspect.lock.find import LOCK_SUFFIX, find, spec_of
from lazyinspect.lock.networks import Options, networks, replanner, snapshot
from lazyinspect.lock.parse import split
from lazyinspect.lock.reports import read_reports, without_wiring
from lazyinspect.lock.revisions import spec_at, specs_at
from lazyinspect.lock.text import section
from lazyinspect.spec.model import Spec
from lazyinspect.spec.names import did_you_mean

Load: TypeAlias = Callable[[str], Spec]


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is planned or read when it is asked for."""

    make: Callable[[], Snapshot]
    spec: Spec | None = None
    """None: a lock's, or a report's."""
    replan: Replan | None = None

    def computed(self) -> Computed | None:
        return None if self.spec is None else FromShapes(self.spec)


@dataclass(frozen=True, slots=True)
class Side:
    """The networks of one operand."""

    name: str
    networks: Mapping[str | None, Network]
    plain: Network | None = None
    """Of a spec that has variants: what it is without one, as `run` plans it."""

    def only(self, variant: str) -> Side:
        """One of them.

        Raises:
            SpecError: there is none of that name.
        """
        if variant not in self.networks:
            names = [name for name in self.networks if name is not None]
            otherwise = "it has " + " ".join(names) if names else "it has no variants"
            help = did_you_mean(variant, names, otherwise)
            raise SpecError(
                Problem("unknown-variant", f"{self.name} has no variant `{variant}`", help=help)
            )
        return Side(self.name, {variant: self.networks[variant]})


def compare(a: str | Spec, b: str | Spec, load: Load, options: Options) -> Iterator[Comparison]:
    """Compare two operands, network by network.

    Args:
        a, b: paths, with ``@VARIANT`` for one network; ``@VARIANT`` alone is of the other's file.
        load: reads and parses a spec; raises SpecError.
        options: what both are planned with.

    Raises:
        LazyinspectError: an operand cannot be read, or a network does not plan.
    """
    one, other = _sides(a, b, load, options)
    yield from paired(_beside(one, other), _beside(other, one))


def _beside(side: Side, other: Side) -> Side:
    """The side; beside a spec without variants, what `run` plans of it where none is named."""
    alone = other.networks.get(None) if len(other.networks) == 1 else None
    if alone is None or alone.spec is None or other.plain is not None or side.plain is None:
        return side
    if None not in side.networks and len(side.networks) == 1:
        return side  # named, or the only one
    return replace(side, networks={None: side.plain})


def compare_with(path: str, revision: str, load: Load, options: Options) -> Iterator[Comparison]:
    """Compare a spec as it was at a git revision with the file as it is.

    Args:
        path: of the spec, with ``@VARIANT`` for one network.

    Raises:
        LazyinspectError: as :func:`compare`; git has no such revision.
    """
    path, variant = operand(path)
    now = spec_side(load(path), path, options)
    was = spec_at(path, revision)
    before = Side(f"{revision}:{path}", {})
    if was is not None:
        before = spec_side(was, before.name, replace(options, path=path))
    if variant is not None:
        now = now.only(variant)
        before = before.only(variant) if variant in before.networks else Side(before.name, {})
    yield from paired(before, now)


def compare_bases(
    paths: Sequence[str], revision: str, load: Load, options: Options
) -> Iterator[Comparison]:
    """Compare specs, and those in folders, with what they were at a git revision.

    Raises:
        LazyinspectError: of all that cannot be compared, once the others have been.
    """
    names = [operand(path) for path in paths]
    whole = [path for path, variant in names if variant is None]
    gone = [path for path in whole if not os.path.lexists(path) and spec_at(path, revision)]
    found = find([path for path in whole if path not in gone])
    for path in filter(os.path.isdir, whole):
        then = specs_at(path, revision)
        gone += [each for each in then if not os.path.lexists(each) and each not in gone]
    problems: list[Problem] = []
    every = [*found.specs, *(path for path, (_, v) in zip(paths, names, strict=True) if v)]
    for path in (*every, *gone):
        try:
            if path in gone:
                yield from _gone(path, revision, options)
            else:
                yield from compare_with(path, revision, load, options)
        except LazyinspectError as error:
            problems.extend(error.problems)
    if problems:
        raise error_of(problems)


def _gone(path: str, revision: str, options: Options) -> Iterator[Comparison]:
    """Networks of a file that is there no more; nothing where it was no spec."""
    try:
        was = spec_at(path, revision)
    except SpecError:
        return
    if was is not None:
        before = spec_side(was, f"{revision}:{path}", replace(options, path=path))
        yield from paired(before, Side(path, {}))


def paired(a: Side, b: Side) -> Iterator[Comparison]:
    """The networks of two sides that belong together: of one name, or the only ones.

    Raises:
        SpecError: which belong together is not clear.
    """
    if len(a.networks) == len(b.networks) == 1:
        yield _compared(next(iter(a.networks.values())), next(iter(b.networks.values())))
        return
    if a.networks and b.networks and not a.networks.keys() & b.networks.keys():
        one, many = (a, b) if len(a.networks) < len(b.networks) else (b, a)
        names = " ".join(str(name) for name in many.networks if name is not None)
        raise SpecError(
            Problem(
                "bad-operand",
                f"{one.name} and {many.name} have no network in common",
                help=f"name one, as {many.name}@VARIANT: {names}",
            )
        )
    for name in dict.fromkeys((*b.networks, *a.networks)):
        if name not in a.networks:
            after = b.networks[name].make()
            drift = Drift(
                after.file, name, "new-variant", mark=after.marks.get("variant"),
                totals_after=after.totals,
            )  # fmt: skip
            yield Comparison(None, after, (drift,), ())
        elif name not in b.networks:
            before = a.networks[name].make()
            drift = Drift(b.name, name, "lost-variant", totals_before=before.totals)
            yield Comparison(before, None, (drift,), ())
        else:
            yield _compared(a.networks[name], b.networks[name])


def _compared(a: Network, b: Network) -> Comparison:
    before, after = a.make(), b.make()
    if not (before.wired and after.wired):
        return explain(without_wiring(before), without_wiring(after), b.computed())
    if b.replan is None:
        return explain(before, after, b.computed())
    return explain_with(before, after, b.replan, b.computed())


def _sides(a: str | Spec, b: str | Spec, load: Load, options: Options) -> tuple[Side, Side]:
    one: tuple[str | Spec, str | None] = (a, None) if isinstance(a, Spec) else operand(a)
    other: tuple[str | Spec, str | None] = (b, None) if isinstance(b, Spec) else operand(b)
    if one[0] == "":
        raise SpecError(
            Problem("bad-operand", f"`{a}` names no file", help="write FILE@VARIANT @VARIANT")
        )
    if other[0] == "":
        other = (one[0], other[1])
    first = _side(one[0], load, options)
    second = first if other[0] == one[0] else _side(other[0], load, options)
    return (
        first if one[1] is None else first.only(one[1]),
        second if other[1] is None else second.only(other[1]),
    )


def operand(text: str) -> tuple[str, str | None]:
    """``FILE@VARIANT`` in two; a file that has an ``@`` in its name is itself."""
    path, at, variant = text.rpartition("@")
    if not at or os.path.exists(text):
        return text, None
    return path, variant


def _side(source: str | Spec, load: Load, options: Options) -> Side:
    if isinstance(source, Spec):
        return spec_side(source, source.source.path, options)
    if source.endswith(LOCK_SUFFIX):
        text = read_text(source)
        if text is None:
            raise SpecError(
                Problem("unreadable", f"{source} cannot be read: no such file or directory",
                        help="check the path")
            )  # fmt: skip
        lock = split(text, source, os.path.basename(spec_of(source)))
        return Side(
            source, {v: Network(_locked(lock.snapshot, v, _name(source, v))) for v in lock.sections}
        )
    if source.endswith(".json"):
        text = read_text(source)
        if text is None:
            raise SpecError(
                Problem("unreadable", f"{source} cannot be read: no such file or directory",
                        help="check the path")
            )  # fmt: skip
        return Side(source, {v: Network(_given(s)) for v, s in read_reports(text, source).items()})
    return spec_side(load(source), source, options)


def spec_side(spec: Spec, name: str, options: Options) -> Side:
    """The networks of a spec."""
    names = networks(spec)
    if None in names and len(names) > 1:
        try:
            options.plan(spec, None)
        except LazyinspectError:
            names.remove(None)  # it is meant to be run with a variant

    def network(v: str | None) -> Network:
        make = _planned(spec, v, _name(name, v), options)
        return Network(make, spec, replanner(spec, v, options))

    return Side(name, {v: network(v) for v in names}, network(None) if spec.variants else None)


def _name(path: str, variant: str | None) -> str:
    return path if variant is None else f"{path}@{variant}"


def _planned(
    spec: Spec, variant: str | None, name: str, options: Options
) -> Callable[[], Snapshot]:
    def make() -> Snapshot:
        plan = options.plan(spec, variant)
        return snapshot(plan, section(plan), spec, name)

    return make


def _locked(
    make: Callable[[str | None, str], Snapshot], variant: str | None, name: str
) -> Callable[[], Snapshot]:
    return lambda: make(variant, name)


def _given(snapshot: Snapshot) -> Callable[[], Snapshot]:
    return lambda: snapshot
