"""Command line -> one call of the API -> rendered text -> exit code.

Nothing here computes. Commands return the text to print, piece by piece; ``main`` writes it, and
is the one boundary where an error becomes an exit code. ``api`` and the formats are imported by
the commands, so that ``--help`` loads neither torch nor yaml.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lazyinspect import options
from lazyinspect._version import __version__
from lazyinspect.errors import (
    ExpectationError,
    InternalError,
    LazyinspectError,
    NetworkError,
    Problem,
    SpecError,
)
from lazyinspect.files import error_stream, printing, replace_file, require_output, say, silence

if TYPE_CHECKING:
    from lazyinspect.report import Report

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


class Format(str, Enum):
    """What the report is printed as."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


class Init(str, Enum):
    """What the weights are filled with."""

    default = "default"
    zeros = "zeros"


class DType(str, Enum):
    """The dtype of the weights and of floating inputs."""

    float32 = "float32"
    float64 = "float64"
    float16 = "float16"
    bfloat16 = "bfloat16"


NoColor = Annotated[bool, typer.Option("--no-color", help="No colour, as NO_COLOR=1 does.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write there, whole or not at all; - is standard output.",
    ),
]


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


@app.command()
def run(
    context: typer.Context,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A YAML file, or - for stdin.")],
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="A variant of the spec, or `all`.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a parameter; repeatable."),
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="SHAPE", help="`8,3,256,256`, or `ids=1,64`; repeatable by name."
        ),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Dimension 0 of every input.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS", help="A class of your own that the spec may import."),
    ] = None,
    device: Annotated[
        str,
        typer.Option(help="cpu, cuda, cuda:1, mps, xpu, auto; `meta` plans and runs nothing."),
    ] = "cpu",
    dtype: Annotated[DType, typer.Option(help="Of weights and inputs.")] = DType.float32,
    train: Annotated[bool, typer.Option("--train/--eval", help="Mode of the forward.")] = False,
    time: Annotated[bool, typer.Option("--time/--no-time", help="Measure the forward.")] = True,
    warmup: Annotated[int, typer.Option(min=0, help="Forwards before measuring.")] = 3,
    runs: Annotated[int, typer.Option(min=1, help="Forwards measured.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the weights and the random input.")] = 0,
    init: Annotated[Init, typer.Option(help="`zeros` skips initialisation.")] = Init.default,
    memory_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Refuse what needs more: `8GiB`.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Levels to draw; sums stay whole.")
    ] = None,
    fold: Annotated[bool, typer.Option("--fold/--no-fold", help="Draw equal blocks once.")] = True,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Of the table, in order: type, args, input, output, params, trainable, bytes, "
            "buffers, macs, flops, time, line.",
        ),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="Of the report.")] = Format.table,
    output: Output = None,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Iterator[str]:
    """Plan a network, build it lazily, run it once on the device, and report every layer."""
    from lazyinspect import api
    from lazyinspect.render import render
    from lazyinspect.render.paint import printable

    shared: dict[str, Any] = {
        "set": dict(map(options.setting, set_ or ())),
        "input": options.shapes(input_ or ()),
        "batch": batch,
        "allow": tuple(allow or ()),
        "dtype": dtype.value,
    }
    limit = None if memory_limit is None else options.size(memory_limit)
    plain = no_color or context.obj
    file = _file(output)
    layout = options.layout(
        sys.stdout,
        plain or file is not None,
        depth=depth,
        fold=fold,
        columns=options.columns(columns),
        array=variant == "all",
    )
    loaded = api.load(spec)
    names = api.variants(loaded) if variant == "all" else []

    def report_of(name: str | None) -> Report:
        what = f"running {printable(spec)} on {device}"
        # a class of the user's own may print: the report is alone on standard output
        with _working(what, layout.width), redirect_stdout(sys.stderr):
            report = api.run(
                loaded,
                variant=name,
                **shared,
                device=device,
                train=train,
                time=time,
                warmup=warmup,
                runs=runs,
                seed=seed,
                init=init.value,
                memory_limit=limit,
            )
        for note in report.notes:
            say(f"note: {printable(note)}\n")
        return report

    def reports() -> Iterator[Report]:
        failed: dict[str, LazyinspectError] = {}
        for name in names:
            try:
                report = report_of(name)
            except LazyinspectError as error:
                failed[name] = error
            else:
                yield report
        if failed:
            raise _together(failed) from next(iter(failed.values()))
        if not names:
            yield report_of(None if variant == "all" else variant)

    return _to(file, render(reports(), format_.value, layout))


@app.command()
def layers(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One op, with all it takes.")
    ] = None,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Iterator[str]:
    """List the ops that a spec may use: signatures, what is inferred, what each becomes."""
    from lazyinspect import api
    from lazyinspect.render import ops

    layout = options.layout(sys.stdout, no_color or context.obj)
    rows = api.layers(name)
    yield ops.render(rows, layout) if name is None else ops.render_one(rows[0], layout)


@app.command()
def schema(output: Output = None, debug: Debug = False) -> Iterator[str]:
    """Print the JSON Schema of the spec language, for editors."""
    import json

    from lazyinspect import api

    return _to(_file(output), [json.dumps(api.schema(), indent=2, ensure_ascii=False) + "\n"])


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
            return _guarded(given)
    except BrokenPipeError:
        # the reader has gone
        silence(sys.stdout)
        return 0
    finally:
        if collecting:
            gc.enable()


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
        say(text.getvalue())
        return USAGE
    except LazyinspectError as error:
        return _explain(error, given)
    except MemoryError:
        problem = Problem("out-of-memory", "this machine has not enough memory for the network")
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
            outcome = command.main(list(given), prog_name="lazyinspect", standalone_mode=False)
    code = outcome if isinstance(outcome, int) else 0
    for text in ("",) if isinstance(outcome, int) else outcome:
        with printing():
            sys.stdout.write(text)
            sys.stdout.flush()
    return code


def _together(failed: Mapping[str, LazyinspectError]) -> LazyinspectError:
    """One error for the variants that failed: the gravest kind, each problem once."""
    whose: dict[Problem, list[str]] = {}
    for name, error in failed.items():
        for problem in error.problems:
            whose.setdefault(problem, []).append(name)
    noted = [
        replace(
            problem,
            notes=(f"variant{'s' * (len(names) > 1)} {', '.join(names)}", *problem.notes),
        )
        for problem, names in whose.items()
    ]
    for kind in (InternalError, SpecError, NetworkError, ExpectationError):
        if any(isinstance(error, kind) for error in failed.values()):
            return kind(noted)
    return LazyinspectError(noted)


def _explain(error: LazyinspectError, given: Sequence[str]) -> int:
    from lazyinspect.render import problems

    _trace(given)
    layout = options.layout(sys.stderr, "--no-color" in given)
    say(problems.render(error.problems, layout))
    if error.exit_code == BUG:
        say(f"{_BUG_REPORT}\n")
    return error.exit_code


def _confess(error: BaseException, given: Sequence[str]) -> int:
    _trace(given)
    text = " ".join(f"{type(error).__name__}: {error}".split())
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


@contextmanager
def _working(what: str, columns: int) -> Iterator[None]:
    """Say on a terminal what takes its time. No spinner: its thread would disturb the timing."""
    from lazyinspect.render.paint import cut, width

    text = cut(f"{what} ...", columns - 1)
    terminal = sys.stderr.isatty()
    if terminal:
        say(text)
    try:
        yield
    finally:
        if terminal:
            # blanks rather than an escape code, which no colour and dumb terminals rule out
            say(f"\r{' ' * width(text)}\r")


def _file(output: Path | None) -> Path | None:
    """Where else than to standard output."""
    return None if output is None or str(output) in ("-", "/dev/stdout") else output


def _to(file: Path | None, pieces: Iterable[str]) -> Iterator[str]:
    """The pieces for standard output, or none of them: they go to the file."""
    if file is None:
        require_output()
        yield from pieces
    else:
        replace_file(file, pieces)
