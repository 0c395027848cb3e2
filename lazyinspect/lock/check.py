"""A spec and its lock -> what differs, network by network. Reads no torch where the table suffices.

Texts are compared first. Only where they differ is the lock read, and the difference explained.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lazyinspect.drift import Change, Checked, CheckReport, Comparison, Drift, Snapshot
from lazyinspect.errors import LazyinspectError, Mark, Problem, Source, SpecError
from lazyinspect.lock.computed import FromShapes
from lazyinspect.lock.experiment import explain_with
from lazyinspect.lock.find import LOCK_SUFFIX, find, lock_of, spec_of
from lazyinspect.lock.judge import judged
from lazyinspect.lock.networks import Options, Planned, plan_all, replanner, snapshot
from lazyinspect.lock.parse import Lock, split
from lazyinspect.lock.policies import require_projects
from lazyinspect.lock.pool import Progress, cores, run_all
from lazyinspect.lock.text import Section
from lazyinspect.spec.model import Spec

Runner: TypeAlias = Callable[[Spec, str | None, tuple[str, ...]], None]
"""Builds and runs a network of a spec, with the classes it may import."""

_BYTES_EACH = 2_000_000
"""Bytes of locks from which another process pays for its start."""


def check_file(path: str, load: Callable[[str], Spec], options: Options) -> tuple[Checked, ...]:
    """Hold every network of a spec against its lock and its policies.

    Args:
        load: reads and parses a spec; raises SpecError.
    """
    try:
        spec = load(path)
    except LazyinspectError as error:
        return (_failed(path, lock_of(path), None, error),)
    return judged(compared(path, spec, options), spec, path, options)


def compared(path: str, spec: Spec, options: Options) -> tuple[Checked, ...]:
    """Hold every network of a spec against its lock, whatever policies say."""
    lock_path = lock_of(path)
    try:
        text = read_text(lock_path)
    except SpecError as error:
        return (_failed(path, lock_path, None, error), *_errors(path, spec, options))
    if text is None:
        problem = Problem(
            "missing-lock",
            f"{path} has no lock",
            help=f"run `lazyinspect lock {shlex.quote(path)}`, and commit {lock_path}",
        )
        missing = Checked(path, lock_path, problems=(problem,), problem_code=2)
        return (missing, *_errors(path, spec, options))
    name = os.path.basename(path)
    planned = plan_all(spec, options, [None] if "\nnetwork:" in text else [])
    if not planned.errors and planned.text(name) == text:
        return tuple(
            [Checked(path, lock_path, v, totals=s.totals) for v, s in planned.sections.items()]
        )
    try:
        lock = split(text, lock_path, name)
    except SpecError as error:
        return (_failed(path, lock_path, None, error), *_errors(path, spec, options, planned))
    return tuple(_Compared(path, spec, lock, planned, options).results(text))


def check_paths(
    paths: Sequence[str],
    load: Callable[[str], Spec],
    options: Options,
    jobs: int | None = 1,
    progress: Progress | None = None,
    run: Runner | None = None,
) -> CheckReport:
    """Check every spec among files and folders.

    Args:
        jobs: processes; None for as many as pay.
        run: also builds and runs each network; raises LazyinspectError.

    Raises:
        SpecError: a path does not exist, there is no spec in a folder, or a project's policies
            are wrong.
    """
    found = find(paths)
    require_projects(found.specs)
    work = partial(_one, load=load, options=options, run=run, twins=frozenset(sum(found.twins, ())))
    if run is not None:
        jobs = 1  # the networks share a device
    results: list[Checked] = []
    for checked in run_all(work, found.specs, jobs or worthwhile(found.specs), progress):
        results.extend(checked)
    for lock in found.orphans:
        problem = Problem(
            "lock-without-spec",
            f"{lock} has no spec beside it",
            help=f"delete it, or bring {spec_of(lock)} back",
        )
        results.append(Checked(spec_of(lock), lock, problems=(problem,), problem_code=2))
    # a folder's locks without a spec stand where the spec would
    order = sorted(range(len(results)), key=lambda k: results[k].spec)
    return CheckReport(tuple([results[k] for k in order]))


def worthwhile(specs: Sequence[str]) -> int:
    """How many processes to check specs with: what a network takes goes with its lock's length."""
    total = 0
    for spec in specs:
        try:
            total += 20_000 + os.path.getsize(lock_of(spec))
        except OSError:
            total += 100_000
    return min(cores(), 1 + total // _BYTES_EACH)


def _one(
    path: str,
    load: Callable[[str], Spec],
    options: Options,
    run: Runner | None,
    twins: frozenset[str],
) -> tuple[Checked, ...]:
    if path in twins:
        return (_twin(path),)
    results = check_file(path, load, options)
    if run is None:
        return results
    return tuple([_observed(result, load, options, run) for result in results])


def _observed(
    result: Checked, load: Callable[[str], Spec], options: Options, run: Runner
) -> Checked:
    """The same, and what running the network shows."""
    if result.problems or result.totals is None:
        return result
    try:
        run(load(result.spec), result.variant, options.allow)
    except LazyinspectError as error:
        return replace(result, problems=error.problems, problem_code=error.exit_code)
    return result


def _twin(path: str) -> Checked:
    stem, end = os.path.splitext(path)
    one, other = (stem + each for each in (end, ".yml" if end == ".yaml" else ".yaml"))
    one, other = sorted((one, other))  # the same of both, and said once
    problem = Problem(
        "two-specs",
        f"{one} and {other} would share {lock_of(path)}",
        help="rename one of them",
    )
    return Checked(path, lock_of(path), problems=(problem,), problem_code=2)


def read_text(path: str) -> str | None:
    """The text of a file, with one kind of line end; None where there is none.

    Raises:
        SpecError: it cannot be read, or is not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SpecError(Problem("unreadable", f"{path} cannot be read: {reason}")) from None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        if not path.endswith(LOCK_SUFFIX):
            raise SpecError(Problem("bad-report", f"{path} is not UTF-8")) from None
        help = "run `lazyinspect lock` on its spec: it writes the lock anew"
        raise SpecError(Problem("damaged-lock", f"{path} is not UTF-8", help=help)) from None


def accept_command(path: str, variant: str | None) -> str:
    """What to type to take a network as it is now."""
    name = path if variant is None else f"{path}@{variant}"
    return f"lazyinspect lock --accept {shlex.quote(name)}"


def _failed(path: str, lock: str, variant: str | None, error: LazyinspectError) -> Checked:
    return Checked(
        path, lock, variant, problems=error.problems, problem_code=error.exit_code
    )  # fmt: skip


def _errors(
    path: str, spec: Spec, options: Options, planned: Planned | None = None
) -> list[Checked]:
    """Networks that do not plan, beside a lock that cannot be compared."""
    planned = planned or plan_all(spec, options)
    return [_failed(path, lock_of(path), name, e) for name, e in planned.errors.items()]


class _Compared:
    def __init__(
        self, path: str, spec: Spec, lock: Lock, planned: Planned, options: Options
    ) -> None:
        self.path, self.spec, self.lock = path, spec, lock
        self.planned, self.options = planned, options
        self.lock_path = lock.source.path
        self._computed = FromShapes(spec)

    def results(self, text: str) -> list[Checked]:
        found = []
        for name in dict.fromkeys((*self.planned.sections, *self.planned.errors)):
            if name in self.planned.errors:
                error = self.planned.errors[name]
                found.append(_failed(self.path, self.lock_path, name, error))
            else:
                found.append(self._network(self.planned.sections[name]))
        for name in self.lock.sections:
            if name not in self.planned.sections and name not in self.planned.errors:
                found.append(self._result(name, self._lost(name)))
        if all(result.status == "ok" for result in found):
            first = self.planned.text(os.path.basename(self.path)).split("\n")
            lines = text.split("\n")
            line = next((k for k, (x, y) in enumerate(zip(first, lines, strict=False)) if x != y),
                        min(len(first), len(lines)))  # fmt: skip
            mark = Mark(Source(self.lock_path, tuple(lines)), line + 1, 1)
            drift = self._drift(found[0].variant, "text", mark=mark)
            found[0] = replace(found[0], drifts=(drift,))
        return found

    def _network(self, part: Section) -> Checked:
        name = part.variant
        locked = self.lock.sections.get(name)
        if locked is None:
            marks = self.spec.variant_marks
            first = next(iter(marks.values()), self.spec.network.mark)
            mark = first if name is None else marks[name]
            drift = self._drift(name, "new-variant", mark=mark)
            return self._result(name, replace(drift, totals_after=part.totals), part)
        if locked.text == part.text:
            return Checked(self.path, self.lock_path, name, totals=part.totals)
        try:
            before = self.lock.snapshot(name, self._name(name))
        except SpecError as error:
            return _failed(self.path, self.lock_path, name, error)
        compared = self.explain(before, part)
        drifts = compared.drifts
        if not drifts:
            line = locked.line + next(
                k
                for k, (x, y) in enumerate(
                    zip([*locked.text.split("\n"), ""], [*part.text.split("\n"), ""], strict=False)
                )
                if x != y
            )
            drifts = (self._drift(name, "text", mark=Mark(self.lock.source, line, 1)),)
        command = accept_command(self.path, name)
        return Checked(
            self.path, self.lock_path, name,
            tuple([replace(drift, spec=self.path, accept=command) for drift in drifts]),
            totals=part.totals, param_changes=compared.param_changes,
        )  # fmt: skip

    def explain(self, before: Snapshot, part: Section) -> Comparison:
        """Compare, and try what the parameters that differ explain."""
        name = part.variant
        after = snapshot(self.options.plan(self.spec, name), part, self.spec, self._name(name))
        replan = replanner(self.spec, name, self.options)
        return explain_with(before, after, replan, self._computed)

    def _name(self, variant: str | None) -> str:
        return self.path if variant is None else f"{self.path}@{variant}"

    def _lost(self, variant: str | None) -> Drift:
        section = self.lock.sections[variant]
        mark = Mark(self.lock.source, max(section.line - 1, 1), 1)
        return self._drift(variant, "lost-variant", mark=mark)

    def _drift(
        self, variant: str | None, kind: str, *, mark: Mark | None, changes: tuple[Change, ...] = ()
    ) -> Drift:
        return Drift(
            self.path, variant, kind,  # type: ignore[arg-type]
            mark=mark, changes=changes, accept=accept_command(self.path, variant),
        )  # fmt: skip

    def _result(self, variant: str | None, drift: Drift, part: Section | None = None) -> Checked:
        totals = None if part is None else part.totals
        return Checked(self.path, self.lock_path, variant, (drift,), totals=totals)
