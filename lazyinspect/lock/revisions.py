"""A git revision and the path of a spec -> the spec as it was. Git is asked, never a shell.

Raises SpecError where git, the revision or the repository is missing.
"""

from __future__ import annotations

import os
import subprocess

from lazyinspect.errors import Problem, SpecError
from lazyinspect.lock.find import may_be_spec
from lazyinspect.plan.lint import with_lint
from lazyinspect.spec.grammar import GrammarError, parse_spec
from lazyinspect.spec.model import Spec
from lazyinspect.spec.reader import decode

_TIMEOUT_S = 30


def spec_at(path: str, revision: str) -> Spec | None:
    """The spec that a file held at a revision; None where there was no such file.

    Raises:
        SpecError: git cannot say, or what it held is no spec.
    """
    folder, name = os.path.split(os.path.abspath(path))
    commit = _commit(folder, revision)
    found = _git(folder, "cat-file", "blob", f"{commit}:./{name}")
    if found.returncode:
        return None
    called = f"{revision}:{path}"
    try:
        return parse_spec(decode(found.stdout, called), called)
    except GrammarError as error:
        raise with_lint(error) from None


def specs_at(folder: str, revision: str) -> list[str]:
    """Paths of the YAML files below a folder at a revision, joined to the folder.

    Raises:
        SpecError: git cannot say.
    """
    commit = _commit(folder, revision)
    found = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit, "./")
    names = found.stdout.decode("utf-8", "surrogateescape").split("\0")
    return [os.path.normpath(os.path.join(folder, name)) for name in names if may_be_spec(name)]


def _commit(folder: str, revision: str) -> str:
    """The full name of a commit."""
    if not revision or revision.startswith("-") or not revision.isprintable():
        raise _refuse(f"`{revision}` is no name of a revision", "name a commit, a branch or a tag")
    asked = f"{revision}^{{commit}}"
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", asked)
    name = found.stdout.decode("ascii", "replace").strip().splitlines()
    if found.returncode == 0 and name:
        return name[-1]
    inside = _git(folder, "rev-parse", "--is-inside-work-tree")
    if inside.returncode:
        reason = inside.stderr.decode("utf-8", "replace").strip().splitlines()
        text = reason[0].removeprefix("fatal: ") if reason else "no repository"
        raise _refuse(f"{folder} is in no git repository that can be read", f"git says: {text}")
    raise _refuse(
        f"git has no revision `{revision}`",
        "a shallow clone lacks older ones: `git fetch --unshallow`",
    )


def _git(folder: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    # nothing that a repository's configuration names is run
    command = ["git", "--no-pager", "-c", "core.fsmonitor=false", "-C", folder, *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            command, capture_output=True, timeout=_TIMEOUT_S, env=environment,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        if not os.path.isdir(folder):
            raise _refuse(f"there is no folder {folder}", "check the path") from None
        raise _refuse("git is not installed, or not on the PATH", "install git") from None
    except subprocess.TimeoutExpired:
        raise _refuse(f"git did not answer in {_TIMEOUT_S} s", "try `git status` there") from None
    except OSError as error:
        raise _refuse(f"git cannot be run: {error.strerror}", "try `git status`") from None


def _refuse(message: str, help: str) -> SpecError:
    return SpecError(Problem("no-revision", message, help=help))
