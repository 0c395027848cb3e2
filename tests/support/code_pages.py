"""The pages of ``lazyinspect explain``, tried out: each block is run, and gives what it gives.

Blocks run in their order in a folder of their own. ``yaml`` is ``net.yaml``: with ``fails=CODE``
it is planned and fails; without, it is planned and works, unless a ``console`` or ``py`` block
further down says how. ``console`` is commands, ``py`` calls from Python, ``file=NAME`` a file
beside the spec.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from lazyinspect import cli
from lazyinspect.codes import CODES, page
from lazyinspect.errors import LazyinspectError

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Attempt:
    """A block that was run."""

    fails: str | None
    """The code that it is to fail with."""
    exit_code: int
    output: str
    """Standard error, and of what works nothing."""

    @property
    def codes(self) -> set[str]:
        """Codes of all problems that it reported."""
        return set(re.findall(r"^error\[([a-z-]+)\]: ", self.output, re.MULTILINE))


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    options: dict[str, str]
    text: str


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a page."""
    found = []
    for match in _FENCE.finditer(text):
        language, *words = match["info"].split()
        options = dict(word.split("=", 1) for word in words)
        found.append(Block(language, options, match["text"]))
    return found


def attempts(code: str) -> Iterator[tuple[Block, Attempt | None]]:
    """Every block of a code's page; None where there is nothing to run."""
    listed = blocks(page(code))
    with _folder():
        for place, block in enumerate(listed):
            if "file" in block.options:
                Path(block.options["file"]).write_text(block.text, encoding="utf-8")
            elif block.language == "yaml":
                Path("net.yaml").write_text(block.text, encoding="utf-8")
                following = [later.language for later in listed[place + 1 :][:1]]
                if "fails" in block.options or following not in (["console"], ["py"]):
                    command = ["lazyinspect", "run", "net.yaml", "--device", "meta"]
                    yield block, _command(block, command)
                    continue
            elif block.language == "console":
                yield block, _commands(block)
                continue
            elif block.language == "py":
                yield block, _call(block)
                continue
            yield block, None


def _commands(block: Block) -> Attempt:
    lines = [line.removeprefix("$ ") for line in block.text.splitlines()]
    *before, last = lines
    for line in before:
        if line.startswith("lazyinspect "):
            assert _command(block, shlex.split(line)).exit_code == 0
            continue
        subprocess.run(["bash", "-c", line], check=True, timeout=60)
    if not last.startswith("lazyinspect "):
        subprocess.run(["bash", "-c", last], check=True, timeout=60)
        return Attempt(None, 0, "")
    return _command(block, shlex.split(last))


def _command(block: Block, command: list[str]) -> Attempt:
    assert command[0] == "lazyinspect"
    errors = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with redirect_stdout(io.StringIO()), redirect_stderr(errors):
        exit_code = cli.main(command[1:])
    output = errors.buffer.getvalue().decode("utf-8")
    return Attempt(block.options.get("fails"), exit_code, output if exit_code else "")


def _call(block: Block) -> Attempt:
    fails = block.options.get("fails")
    try:
        exec(block.text, {"__name__": "example"})
    except LazyinspectError as error:
        text = f"{type(error).__name__}: {error}\n"
        problems = "".join(f"error[{each.code}]: " for each in error.problems)
        assert problems == f"error[{fails}]: "
        return Attempt(fails, error.exit_code, text)
    return Attempt(fails, 0, "")


@contextmanager
def _folder() -> Iterator[None]:
    """A folder of its own, of whose modules none stays imported."""
    before, modules = Path.cwd(), set(sys.modules)
    environment = {name: os.environ.get(name) for name in ("CI", "COLUMNS", "NO_COLOR")}
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ.update(COLUMNS="100", NO_COLOR="1")
        # a lock is written by a person
        os.environ.pop("CI", None)
        try:
            yield
        finally:
            os.chdir(before)
            for name, value in environment.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
            for name in set(sys.modules) - modules:
                file = getattr(sys.modules[name], "__file__", None) or ""
                if Path(file).parent == Path(folder).resolve():
                    del sys.modules[name]


HEADER = """\
# Errors

Every problem that lazyinspect reports has a code, in brackets after `error`. Here is each: what it
means, why it is refused, an example that fails with what it prints, and its repair. `lazyinspect
explain CODE` prints the same in the terminal, and `lazyinspect.explain(code)` gives it in Python.
This page is made of those pages and of what the commands print (`make docs`).

All problems of a spec are reported at once: those of exit code 2 first, then 3, then 1, each by
its place in the file. A step that cannot be planned takes those that read it out of the report:
one cause, one problem. [Exit codes](report.md#exit-codes) are told apart by who has to act: 2, the
spec or the command is wrong whatever the input; 3, the network does not suit this input or this
machine; 1, a difference from what was claimed.
"""


def render() -> str:
    """docs/errors.md."""
    topics = [(topic, list(codes)) for topic, codes in groupby(CODES.values(), lambda c: c.topic)]
    parts = [HEADER]
    for topic, codes in topics:
        parts.append(f"- {topic}: " + " · ".join(f"[{c.name}](#{c.name})" for c in codes))
    for topic, codes in topics:
        parts.append(f"\n## {topic}")
        for code in codes:
            parts.append("\n#" + "#" + section(code.name).rstrip("\n"))
    return "\n".join(parts) + "\n"


def section(code: str) -> str:
    """A code's page, with what its failing blocks print."""
    outputs = iter([attempt for _, attempt in attempts(code)])

    def shown(match: re.Match[str]) -> str:
        attempt = next(outputs)
        if attempt is None or attempt.fails is None:
            return match[0]
        text = "".join(line.rstrip() + "\n" for line in attempt.output.splitlines())
        # what this machine has besides
        text = re.sub(r"(?<=available here: )cpu\b.*", "cpu", text)
        return f"{match[0]}\n```text\n{text}```\n"

    return _FENCE.sub(shown, page(code))
