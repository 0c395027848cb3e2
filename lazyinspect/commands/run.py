"""``lazyinspect run``: plan, build, run once on the device, and report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lazyinspect import limits, options
from lazyinspect.commands.common import (
    Allow,
    Debug,
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
    from lazyinspect.formulas import Symbolic
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


class By(str, Enum):
    """What rows spend."""

    macs = "macs"
    params = "params"
    time = "time"
    memory = "memory"


def run(
    context: typer.Context,
    spec: Spec,
    variant: Variant = None,
    set_: Settings = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="SHAPE",
            help="`8,3,256,256`, or `ids=1,64`; repeatable by name. `N,3,H,W` for formulas, "
            "`1,3,64,64;1,3,96,96` sweeps.",
        ),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(metavar="N", help="Dimension 0 of every input; 1,8,32 sweeps over several."),
    ] = None,
    allow: Allow = None,
    device: Annotated[
        str,
        typer.Option(help="cpu, cuda, cuda:1, mps, xpu, auto; `meta` plans and runs nothing."),
    ] = "cpu",
    dtype: Annotated[DType, typer.Option(help="Of weights and inputs.")] = DType.float32,
    train: Annotated[
        bool, typer.Option("--train/--eval", help="Mode of the forward; times a backward.")
    ] = False,
    time: Annotated[bool, typer.Option("--time/--no-time", help="Measure the forward.")] = True,
    warmup: Annotated[int, typer.Option(min=0, help="Forwards before measuring.")] = 3,
    runs: Annotated[int, typer.Option(min=1, help="Forwards measured.")] = 20,
    min_time: Annotated[
        float, typer.Option(metavar="S", min=0, help="Seconds to measure for, at least.")
    ] = 0.0,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Time it as torch.compile makes it.")
    ] = False,
    amp: Annotated[bool, typer.Option("--amp", help="Time it under torch.autocast.")] = False,
    channels_last: Annotated[
        bool, typer.Option("--channels-last", help="Time it with channels last in memory.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the weights and the random input.")] = 0,
    init: Annotated[Init, typer.Option(help="`zeros` skips initialisation.")] = Init.default,
    memory_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Refuse what needs more: `8GiB`.")
    ] = None,
    max_steps: MaxSteps = limits.STEPS,
    optimizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Count its state: sgd, sgd-momentum, adam, adamw."),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The largest batch that fits: `24GiB`.")
    ] = None,
    accounting: Annotated[
        bool, typer.Option("--accounting", help="Parameters and MACs by kind, dtype, what is tied.")
    ] = False,
    top: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The rows that spend the most.")
    ] = None,
    by: Annotated[By, typer.Option(help="Of --top, and of the column share.")] = By.macs,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw a sweep: FILE.svg or FILE.png."),
    ] = None,
    symbolic: Annotated[
        bool, typer.Option("--symbolic", help="Formulas in N, H, W; plans alone, runs nothing.")
    ] = False,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="The least and the working input sizes, alone.")
    ] = False,
    depth: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Levels to draw; sums stay whole.")
    ] = None,
    fold: Annotated[bool, typer.Option("--fold/--no-fold", help="Draw equal blocks once.")] = True,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Of the table, in order: type, args, input, output, params, trainable, bytes, "
            "buffers, macs, flops, time, ms, spread, speed, share, line, rf, jump, start.",
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

    batches, inputs = options.batches(batch), options.alternatives(input_ or ())
    sweeps = len(batches) > 1 or len(inputs) > 1 or plot is not None
    picture = options.picture(plot)
    shared: dict[str, Any] = {
        "set": dict(map(options.setting, set_ or ())),
        "input": options.named_shapes(inputs[0]),
        "batch": batches[0] if batches else None,
        "allow": tuple(allow or ()),
        "dtype": dtype.value,
        "max_steps": max_steps,
    }
    limit = None if memory_limit is None else options.size(memory_limit)
    room = None if memory is None else options.size(memory, "--memory")
    plain = no_color or context.obj
    file = report_file(output, spec)
    layout = options.layout(
        sys.stdout,
        plain or file is not None,
        depth=depth,
        fold=fold,
        columns=options.columns(columns),
        by=by.value,
        array=variant == "all",
    )

    if symbolic or sizes or options.has_names(shared["input"]):
        if sweeps:
            option = "--batch" if len(batches) > 1 else "--input" if len(inputs) > 1 else "--plot"
            options.refuse("a sweep needs numbers, and formulas need names", option)
        numbers = {
            "--memory": memory, "--optimizer": optimizer, "--train": train, "--top": top,
            "--accounting": accounting,
        }  # fmt: skip
        for option, given in numbers.items():
            if given:
                options.refuse("it needs sizes that are numbers, and --symbolic names them", option)

        def formulas(loaded: LoadedSpec, name: str | None) -> Symbolic:
            with working(f"planning {printable(spec)}", layout.width):
                return api.symbolic(loaded, variant=name, **shared)

        loaded = api.load(spec)
        names = api.variants(loaded) if variant == "all" else [variant]
        from lazyinspect.commands.symbolic import printed as printed_symbolic

        return printed_symbolic(
            names or [None], partial(formulas, loaded), format_.value, layout, file,
            rows=symbolic or not sizes,
        )  # fmt: skip
    fields = format_ in (Format.json, Format.csv) or bool(
        layout.columns and {"rf", "jump", "start"} & {*layout.columns}
    )

    def report_of(loaded: LoadedSpec, name: str | None, **others: Any) -> Report:
        what = f"running {printable(spec)} on {device}"
        # a class of the user's own may print: the report is alone on standard output
        with working(what, layout.width), redirect_stdout(sys.stderr):
            report = api.run(
                loaded,
                variant=name,
                **{**shared, **others},
                device=device,
                train=train,
                time=time,
                warmup=warmup,
                runs=runs,
                seed=seed,
                init=init.value,
                memory_limit=limit,
                optimizer=optimizer,
                memory=room,
                accounting=accounting,
                top=top,
                by=by.value,
                min_time=min_time,
                compile=compile_,
                amp=amp,
                channels_last=channels_last,
                receptive_field=fields,
                activations=sweeps or format_ is Format.json,
            )
        for note in report.notes:
            say(f"note: {printable(note)}\n")
        return report

    if sweeps:
        from lazyinspect.commands.sweep import swept

        swept_spec = api.load(spec)
        return swept(
            swept_spec,
            (api.variants(swept_spec) if variant == "all" else [variant]) or [None],
            batches or [None],
            [options.named_shapes(texts) for texts in inputs],
            lambda name, size, shape: report_of(swept_spec, name, batch=size, input=shape),
            format_.value,
            layout,
            file,
            picture,
        )

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
