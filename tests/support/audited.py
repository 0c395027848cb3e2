"""Plans specs under an audit hook: `python audited.py < paths > answers`, both JSON.

An answer is the exit code, what was said, and everything that the process did besides reading the
spec: files opened, modules imported, code executed, processes started, and so on.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any

HARMLESS = (
    "object.", "sys._", "sys.unraisablehook", "marshal.loads", "array.", "gc.", "os.fspath",
    "os.getcwd", "code.__new__", "builtins.id",
)  # fmt: skip
"""Prefixes of events that any Python code raises."""
PARTS = ("api", "codes", "plan", "render", "spec")
"""What planning a spec and showing it may import, but for the planner's way to torch."""


class Recorder:
    """What happens while ``on``, but for what running the tool itself takes."""

    def __init__(self) -> None:
        self.on = False
        self.events: list[str] = []
        self.readable: set[str] = set()
        paths = sysconfig.get_paths()
        own = str(Path(import_module("lazyinspect").__file__ or "").parent)
        self.code = tuple({paths["stdlib"], paths["platstdlib"], paths["purelib"], own})

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or event.startswith(HARMLESS):
            return
        self.on = False  # what is done here is not of interest
        try:
            if not self._expected(event, arguments):
                self.events.append(f"{event} {arguments!r:.200}")
        finally:
            self.on = True

    def _expected(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = "r" not in (mode or "r") or bool(flags & (os.O_WRONLY | os.O_RDWR))
            return not writes and (str(path) in self.readable or str(path).startswith(self.code))
        if event == "import":
            name = str(arguments[0]).partition(".")[0]
            return name in sys.stdlib_module_names or name in ("lazyinspect", "rich")
        if event in ("os.listdir", "os.scandir"):
            # how Python looks for its modules, and for the names that stand beside a missing spec
            return str(arguments[0]).startswith(self.code)
        if event == "compile":
            # a formula is parsed, and what is parsed is not run: that would be an "exec"
            return arguments[1] == "<unknown>"
        if event == "exec":
            return str(getattr(arguments[0], "co_filename", "")).startswith(self.code)
        return False


def load_everything() -> None:
    """Import what a plan may need, so that later imports stand out."""
    folder = Path(import_module("lazyinspect").__file__ or "").parent
    for path in folder.rglob("*.py"):
        name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        if name.partition(".")[0] in PARTS and name != "plan.fallback":
            import_module(f"lazyinspect.{name}")


def main() -> None:
    sys.path.insert(0, os.environ["LAZYINSPECT_ROOT"])
    load_everything()
    recorder = Recorder()
    sys.addaudithook(recorder)
    answers = []
    for path in json.load(sys.stdin):
        recorder.events, recorder.readable = [], {path}
        recorder.on = True
        code, text = planned(path)
        recorder.on = False
        torch = "torch" in sys.modules
        answers.append({"code": code, "text": text, "events": recorder.events, "torch": torch})
    json.dump(answers, sys.stdout)


def planned(path: str) -> tuple[int, str]:
    """Exit code and text of every variant of a spec, the worst."""
    from lazyinspect import api
    from lazyinspect.errors import LazyinspectError
    from lazyinspect.render import problems, render
    from lazyinspect.render.layout import Layout

    layout = Layout(width=100, color=False, unicode=True)
    try:
        for variant in api.variants(path) or [None]:
            report = api.run(path, variant=variant, device="meta")
        return 0, "".join(render([report], "table", layout))
    except LazyinspectError as error:
        return error.exit_code, problems.render(error.problems, layout)


if __name__ == "__main__":
    main()
