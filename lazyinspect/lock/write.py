"""Specs -> locks, written whole or not at all, and only what is accepted.

Raises SpecError where nothing may be written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from lazyinspect.drift import Locked
from lazyinspect.errors import LazyinspectError, Problem, SpecError
from lazyinspect.files import replace_file
from lazyinspect.lock.check import compared, read_text, worthwhile
from lazyinspect.lock.find import Found, find, lock_of, spec_of
from lazyinspect.lock.judge import broken
from lazyinspect.lock.networks import Options, plan_all
from lazyinspect.lock.parse import split
from lazyinspect.lock.policies import require_projects, rules_of
from lazyinspect.lock.pool import Progress, run_all
from lazyinspect.lock.text import assemble
from lazyinspect.spec.model import Spec


def require_writing() -> None:
    """Raises SpecError under continuous integration, where a lock that is written is lost."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false", "no"):
        raise SpecError(
            Problem(
                "ci-writes",
                "no lock is written where CI is set",
                help="run it on your machine and commit the lock; here, run `lazyinspect check`",
            )
        )


def lock_paths(
    paths: Sequence[str],
    accept: Sequence[str],
    load: Callable[[str], Spec],
    options: Options,
    jobs: int | None = 1,
    progress: Progress | None = None,
) -> tuple[Locked, ...]:
    """Write the locks of specs, and of single networks.

    Args:
        accept: ``SPEC`` or ``SPEC@VARIANT``.

    Raises:
        SpecError: ``CI`` is set, a path does not exist, or there is no spec in a folder.
    """
    require_writing()
    found = find(paths) if paths else Found(())
    require_projects(found.specs)
    if found.twins:
        raise SpecError(
            [
                Problem("two-specs", f"{one} and {other} would share {lock_of(one)}",
                        help="rename one of them")
                for one, other in found.twins
            ]
        )  # fmt: skip
    single: dict[str, list[str | None] | None] = {}
    for text in accept:
        path, variant = _operand(text)
        known = single.get(path, [])
        single[path] = None if variant is None or known is None else [*known, variant]
    work = partial(_one, load=load, options=options, single=single)
    every = tuple(dict.fromkeys((*found.specs, *find(list(single)).specs)))
    done = run_all(work, every, jobs or worthwhile(every), progress)
    unused = [Locked(spec_of(lock), lock, "unused") for lock in found.orphans]
    return (*done, *unused)


def _one(
    path: str,
    load: Callable[[str], Spec],
    options: Options,
    single: Mapping[str, Sequence[str | None] | None],
) -> Locked:
    return lock_file(path, load, options, single.get(path))


def _operand(text: str) -> tuple[str, str | None]:
    """``SPEC@VARIANT`` in two; a file that has an ``@`` in its name is itself."""
    path, at, variant = text.rpartition("@")
    if not at or os.path.exists(text):
        return text, None
    return path, variant


def lock_file(
    path: str,
    load: Callable[[str], Spec],
    options: Options,
    accept: Sequence[str | None] | None = None,
) -> Locked:
    """Write the lock of one spec.

    Args:
        load: reads and parses a spec; raises SpecError.
        accept: the networks to take as they are now; the others keep what the lock says of them.
            None accepts all.
    """
    lock_path = lock_of(path)
    try:
        return _lock(path, lock_path, load(path), options, accept)
    except LazyinspectError as error:
        return Locked(
            path, lock_path, "failed", problems=error.problems, problem_code=error.exit_code
        )


def _lock(
    path: str,
    lock_path: str,
    spec: Spec,
    options: Options,
    accept: Sequence[str | None] | None,
) -> Locked:
    name = os.path.basename(path)
    try:
        before = read_text(lock_path)
    except SpecError:
        if accept is not None:
            raise
        before = ""
    planned = plan_all(spec, options)
    text = planned.text(name)
    if accept is not None:
        text = _spliced(path, before, spec, options, accept)
    elif planned.errors:
        error = next(iter(planned.errors.values()))
        raise type(error)([p for e in planned.errors.values() for p in e.problems])
    against = tuple(
        [
            drift
            for variant, part in planned.sections.items()
            for drift in broken(
                rules_of(spec, path, variant), part.totals, spec, path, variant, options
            )
        ]
    )
    if text == before:
        return Locked(path, lock_path, "unchanged", broken=against)
    results = () if before is None else compared(path, spec, options)
    if accept is not None:
        results = tuple([result for result in results if result.variant in accept])
    replace_file(Path(lock_path), [text])
    accepted = tuple([result for result in results if result.drifts])
    return Locked(
        path, lock_path, "created" if before is None else "written", accepted, broken=against
    )


def _spliced(
    path: str, before: str | None, spec: Spec, options: Options, accept: Sequence[str | None]
) -> str:
    """The lock with some networks as they are now.

    Raises:
        LazyinspectError: there is no lock to keep the others from, no such network, or one that
            does not plan.
    """
    name = os.path.basename(path)
    if before is None:
        raise SpecError(
            Problem(
                "missing-lock", f"{path} has no lock yet", help=f"run `lazyinspect lock {path}`"
            )
        )
    lock = split(before, lock_of(path), name)
    planned = plan_all(spec, options, tuple(lock.sections))
    parts: dict[str | None, str] = {}
    for network in dict.fromkeys((*planned.sections, *planned.errors, *lock.sections)):
        known = network in planned.sections or network in planned.errors
        if network in accept and network in planned.errors:
            raise planned.errors[network]
        if network in accept and known:
            parts[network] = planned.sections[network].text
        elif network in lock.sections and network not in accept:
            parts[network] = lock.sections[network].text
    for network in accept:
        if network not in parts and network not in lock.sections:
            what = "by itself" if network is None else f"a variant `{network}`"
            names = " ".join(str(v) for v in planned.sections if v is not None)
            raise SpecError(
                Problem("unknown-variant", f"{path} is no network {what}" if network is None
                        else f"{path} has no variant `{network}`",
                        help=f"it has {names}" if names else f"accept {path}")
            )  # fmt: skip
    return assemble(name, parts)
