"""Command line -> one call of the API -> rendered text -> exit code.

Nothing here computes. The commands (one module each in ``commands/``) return the text to print,
piece by piece; ``main`` writes it, and is the one boundary where an error becomes an exit code.
Commands import ``api`` and the formats when called: ``--help`` loads neither torch nor yaml.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Annotated, Any

import typer

from lazyinspect import options
from lazyinspect._version import __version__
from lazyinspect.commands.check import check
from lazyinspect.commands.common import Debug, NoColor
from lazyinspect.commands.diff import diff
from lazyinspect.commands.explain import explain
from lazyinspect.commands.export import export
from lazyinspect.commands.layers import layers
from lazyinspect.commands.lock import lock
from lazyinspect.commands.run import run
from lazyinspect.commands.schema import schema
from lazyinspect.errors import (
    LazyinspectError,
    NetworkError,
    Problem,
    SpecError,
)
from lazyinspect.files import error_stream, printing, say, silence

USAGE = 2
BUG = 70
INTERRUPTED = 130

# typer keeps its usage error to itself and exports the subclass
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="lazyinspect",
    help="PyTorch networks from short YAML specs: layers, shapes, parameters and MACs, verified.",
    # plain help starts in half the time: the rich one loads a Markdown parser
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _global(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Any:
    context.obj = no_color
    if version or context.invoked_subcommand is None:
        print(f"lazyinspect {__version__}" if version else context.get_help())
        raise typer.Exit(0)


for command in (run, check, lock, diff, export, layers, explain, schema):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # importing torch makes a million objects that stay: collecting them again and again takes
    # a tenth of a run, and a command is over before it would pay
    collecting = gc.isenabled()
    gc.disable()
    try:
        with error_stream():
            return _said(given)
    except BrokenPipeError:
        # the reader has gone
        silence(sys.stdout)
        return 0
    finally:
        if collecting:
            gc.enable()


def _said(given: Sequence[str]) -> int:
    """The exit code, also where saying what is wrong fails in its turn."""
    try:
        try:
            return _guarded(given)
        except LazyinspectError as error:
            return _explain(error, given)
    except BrokenPipeError:
        raise
    except MemoryError:
        say("error[out-of-memory]: this machine has not enough memory\n")
        return NetworkError.exit_code
    except Exception as error:
        return _confess(error, given)


def _guarded(given: Sequence[str]) -> int:
    """Every way to fail, and the exit code it has."""
    try:
        return _run(given)
    except BrokenPipeError:
        raise
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # how typer answers a closed pipe
            raise error.__context__ from None
        return _confess(error, given)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except _UsageError as error:
        text = io.StringIO()
        error.show(text)  # type: ignore[attr-defined]
        message = error.format_message()  # type: ignore[attr-defined]
        hint = options.usage_help(given, message)
        _as_data(SpecError(Problem("bad-option", message, help=hint)), given)
        say(text.getvalue() + (f"Help: {hint}\n" if hint else ""))
        return USAGE
    except LazyinspectError as error:
        return _explain(error, given)
    except MemoryError:
        problem = Problem("out-of-memory", "this machine has not enough memory for the network")
        _as_data(NetworkError(problem), given)
        return _explain(NetworkError(problem), given)
    except Exception as error:
        return _confess(error, given)


def _run(given: Sequence[str]) -> int:
    if given == ["--version"]:
        outcome: Any = [f"lazyinspect {__version__}\n"]
    else:
        command = options.without_pydantic(typer.main.get_command(app))
        prints = not given or not {"-h", "--help", "--version"}.isdisjoint(given)
        with printing() if prints else nullcontext():
            outcome = _outcome(command, given)
    pieces = iter(("",) if isinstance(outcome, int) else outcome)
    code = outcome if isinstance(outcome, int) else 0
    while True:
        try:
            text = next(pieces)
        except StopIteration as end:
            # a command whose answer is more than its text returns an exit code
            return code if end.value is None else int(end.value)
        with printing():
            sys.stdout.write(text)
            sys.stdout.flush()


def _outcome(command: Any, given: Sequence[str]) -> Any:
    """What a command returns. Where it fails, it has printed nothing, and no command will."""
    try:
        return command.main(list(given), prog_name="lazyinspect", standalone_mode=False)
    except LazyinspectError as error:
        _as_data(error, given)
        raise


def _as_data(error: LazyinspectError, given: Sequence[str]) -> None:
    """Who asked for JSON gets a document also where the command line is wrong."""
    if "--format=json" not in given and ("--format", "json") not in pairwise(given):
        return
    from lazyinspect.render import problems_json

    with printing():
        sys.stdout.write(problems_json.render(error, None))
        sys.stdout.flush()


def _explain(error: LazyinspectError, given: Sequence[str]) -> int:
    from lazyinspect.render import problems

    _trace(given)
    layout = options.layout(sys.stderr, "--no-color" in given)
    say(problems.render(error.problems, layout))
    if error.exit_code == BUG:
        say(f"{_BUG_REPORT}\n")
    elif sys.stderr.isatty():  # for a person: a log has no use for it
        say(f"\n`lazyinspect explain {error.problems[0].code}` says more\n")
    return error.exit_code


def _confess(error: BaseException, given: Sequence[str]) -> int:
    _trace(given)
    try:
        what = str(error)
    except Exception:  # the text of an error of the user's own class may fail
        what = ""
    text = " ".join(f"{type(error).__name__}: {what}".split())
    say(f"lazyinspect failed with {text[:300]}. {_BUG_REPORT}\n")
    return BUG


_BUG_REPORT = (
    "This is a bug in lazyinspect: --debug shows the traceback; "
    "please report both, with the spec, on the issue tracker."
)


def _trace(given: Sequence[str]) -> None:
    if "--debug" in given:
        import traceback

        say(traceback.format_exc())
