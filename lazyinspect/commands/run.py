"""``lazyinspect run``: plan, build, run once on the device, and report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lazyinspect import limits, options
from lazyinspect.commands.common import (
    Allow,
    Batch,
    Debug,
    Inputs,
    MaxSteps,
    NoColor,
    Output,
    Settings,
    Spec,
    Variant,
    report_file,
    working,
)
from lazyinspect.commands.outcomes import Outcome, printed
from lazyinspect.errors import LazyinspectError
from lazyinspect.files import say

if TYPE_CHECKING:
    from lazyinspect.report import Report
    from lazyinspect.spec.model import Spec as LoadedSpec


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


def run(
    context: typer.Context,
    spec: Spec,
    variant: Variant = None,
    set_: Settings = None,
    input_: Inputs = None,
    batch: Batch = None,
    allow: Allow = None,
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
    max_steps: MaxSteps = limits.STEPS,
    depth: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Levels to draw; sums stay whole.")
    ] = None,
    fold: Annotated[bool, typer.Option("--fold/--no-fold", help="Draw equal blocks once.")] = True,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Of the table, in order: type, args, input, output, params, trainable, bytes, "
            "buffers, macs, flops, time, line, rf, jump, start.",
        ),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="Of the report.")] = Format.table,
    output: Output = None,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Iterator[str]:
    """Plan a network, build it lazily, run it once on the device, and report every layer."""
    from lazyinspect import api
    from lazyinspect.render.paint import printable

    shared: dict[str, Any] = {
        "set": dict(map(options.setting, set_ or ())),
        "input": options.shapes(input_ or ()),
        "batch": batch,
        "allow": tuple(allow or ()),
        "dtype": dtype.value,
        "max_steps": max_steps,
    }
    limit = None if memory_limit is None else options.size(memory_limit)
    plain = no_color or context.obj
    file = report_file(output, spec)
    layout = options.layout(
        sys.stdout,
        plain or file is not None,
        depth=depth,
        fold=fold,
        columns=options.columns(columns),
        array=variant == "all",
    )

    fields = format_ in (Format.json, Format.csv) or bool(
        layout.columns and {"rf", "jump", "start"} & {*layout.columns}
    )

    def report_of(loaded: LoadedSpec, name: str | None) -> Report:
        what = f"running {printable(spec)} on {device}"
        # a class of the user's own may print: the report is alone on standard output
        with working(what, layout.width), redirect_stdout(sys.stderr):
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
                receptive_field=fields,
            )
        for note in report.notes:
            say(f"note: {printable(note)}\n")
        return report

    def outcomes() -> Iterator[Outcome]:
        loaded = api.load(spec)
        names = api.variants(loaded) if variant == "all" else [variant]
        # a spec without variants has one report whatever is asked for
        for name in names or [None]:
            outcome: Report | LazyinspectError
            try:
                outcome = report_of(loaded, name)
            except LazyinspectError as error:
                outcome = error
            yield name, outcome

    return printed(outcomes(), format_.value, layout, file, spec)
