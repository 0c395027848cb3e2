"""The verbs: everything that the command line does, from Python.

This module alone knows the order of the pipeline, and alone defers the imports of torch:
planning needs none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union, overload

from lazyinspect import limits
from lazyinspect.codes import error_of
from lazyinspect.errors import LazyinspectError, Problem, SpecError
from lazyinspect.files import called, read_bytes
from lazyinspect.plan.lint import with_lint
from lazyinspect.plan.ops import table
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.plan import Plan, environment_of, make_plan
from lazyinspect.plan.quiet import importing_torch
from lazyinspect.report import LayerRow, Report
from lazyinspect.spec.grammar import GrammarError, parse_spec
from lazyinspect.spec.model import Spec
from lazyinspect.spec.names import did_you_mean, nearest
from lazyinspect.spec.reader import MAX_BYTES, decode
from lazyinspect.spec.structure import STRUCTURE_OPS, StructureOp

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Unpack

    from lazyinspect.accounts import By
    from lazyinspect.drift import CheckReport, Comparison, Drift, Locked
    from lazyinspect.export.asked import Asked, BinaryFormat, TextFormat
    from lazyinspect.footprint import Measured
    from lazyinspect.formulas import Symbolic
    from lazyinspect.lock.networks import Options
    from lazyinspect.probe.calls import Calls

FLOATS = ("float32", "float64", "float16", "bfloat16")
"""Dtypes that parameters may have."""
INITS = ("default", "zeros")

Source: TypeAlias = Union[str, "PathLike[str]", Spec]
"""A path, ``-`` for standard input, or a spec that :func:`load` gave."""


def load(source: Source) -> Spec:
    """Read and parse a spec.

    Args:
        source: a path, or ``-`` for standard input; a Spec is returned as it is.

    Raises:
        SpecError: the file cannot be read, is no YAML, or breaks the grammar.
    """
    if isinstance(source, Spec):
        return source
    path = str(source)
    try:
        data = read_bytes(path, MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        message = f"{called(path)} cannot be read: {reason[0].lower()}{reason[1:]}"
        raise SpecError(Problem("unreadable", message, help=_file_help(path))) from None
    try:
        return parse_spec(decode(data, path), path)
    except GrammarError as error:
        raise with_lint(error) from None


def _file_help(path: str) -> str:
    if path == "-":
        return ""
    here = Path(path)
    # a path that is too long, or in a folder that may not be listed
    with suppress(OSError, ValueError):
        if here.is_dir():
            return "name a file; `run` takes one spec"
        beside = [p.name for p in islice(here.parent.glob("*.y*ml"), 1000)]
        # by what their names are without the ending, which all specs share
        stems = {Path(name).stem: name for name in beside}
        near = here.name if here.name in stems else nearest(here.stem, stems)
        if near:
            return f"did you mean `{here.with_name(stems[near])}`?"
    if path.startswith("~"):
        return "`~` is not expanded here: leave it unquoted, or write the folder out"
    return "check the path"


def variants(spec: Source) -> list[str]:
    """Names of a spec's variants, in the order of the file."""
    return list(load(spec).variants)


def plan(
    spec: Source,
    *,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    batch: int | None = None,
    dtype: str = "float32",
    allow: Sequence[str] = (),
    max_steps: int = limits.STEPS,
) -> Plan:
    """Plan a network without building it. Loads no torch where every op is in the table.

    Args:
        spec: a path, ``-``, or a Spec.
        variant: which of its ``variants:``.
        set: overrides of its ``params:``, applied after the variant.
        input: the first input's shape, or shapes by name, instead of the file's.
        batch: size of dimension 0 of every input.
        dtype: of parameters, and of inputs without one of their own.
        allow: full names of your own classes that the spec may use.
        max_steps: that the network may have, copies counted.

    Raises:
        SpecError: the spec or an argument is wrong (exit code 2).
        NetworkError: shapes do not fit each other (3).
        ExpectationError: an ``expect:`` is unmet (1).
    """
    _require("dtype", dtype, FLOATS)
    if batch is not None and (type(batch) is not int or batch < 1):
        raise _bad_option(f"`batch` takes an integer of 1 or more, and gets {batch!r}")
    if isinstance(allow, str):
        raise _bad_option("`allow` takes a list of names, and gets one text", f"[{allow!r}]")
    for name in set or ():
        if not isinstance(name, str):
            raise _bad_option(f"`set` takes names of parameters, and gets {name!r}")
    if type(max_steps) is not int or max_steps < 1:
        raise _bad_option(f"`max_steps` takes an integer of 1 or more, and gets {max_steps!r}")
    return make_plan(
        load(spec), variant=variant, set=set, input=input, batch=batch, dtype=dtype, allow=allow,
        max_steps=max_steps,
    )  # fmt: skip


def _require(option: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        listed = ", ".join(choices)
        raise _bad_option(f"`{option}` takes one of {listed}, and gets {value!r}")


def _require_seed(seed: int) -> None:
    if not -(2**63) <= seed < 2**64:
        raise SpecError(
            Problem("bad-seed", f"the seed {seed} is out of range", help="from -2^63 to 2^64 - 1")
        )


def _bad_option(message: str, instead: str = "") -> SpecError:
    return SpecError(Problem("bad-option", message, help=instead and f"write {instead}"))


def build(
    spec: Source,
    *,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    batch: int | None = None,
    dtype: str = "float32",
    allow: Sequence[str] = (),
    device: str = "cpu",
    init: Literal["default", "zeros"] = "default",
    memory_limit: int | str | None = None,
    max_steps: int = limits.STEPS,
) -> nn.Module:
    """A materialised network in eval mode: ordinary layers of torch.nn, weights drawn.

    It is called as any module: positional inputs in the spec's order, or by name. Several
    outputs come as a tuple, or as a dict where ``output:`` is a mapping.

    Args:
        init: ``default`` draws torch's own initialisation; ``zeros`` skips it.
        memory_limit: refuse what needs more than this many bytes, or ``"8GiB"``.

    Raises:
        SpecError, NetworkError, ExpectationError: as :func:`plan`; NetworkError also for a device
            that is not there or has too little memory.
        InternalError: the device disagrees with the plan.
    """
    _require("init", init, INITS)
    planned = plan(
        spec, variant=variant, set=set, input=input, batch=batch, dtype=dtype, allow=allow,
        max_steps=max_steps,
    )  # fmt: skip
    with importing_torch():
        from lazyinspect.probe import materialised
    return materialised(planned, device=device, init=init, memory_limit=memory_limit)


def run(
    spec: Source,
    *,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    batch: int | None = None,
    dtype: str = "float32",
    allow: Sequence[str] = (),
    device: str = "cpu",
    train: bool = False,
    time: bool = True,
    warmup: int = 3,
    runs: int = 20,
    seed: int = 0,
    init: Literal["default", "zeros"] = "default",
    memory_limit: int | str | None = None,
    max_steps: int = limits.STEPS,
    optimizer: str | None = None,
    memory: int | None = None,
    accounting: bool = False,
    top: int | None = None,
    by: By = "macs",
    min_time: float = 0.0,
    compile: bool = False,
    amp: bool = False,
    channels_last: bool = False,
    receptive_field: bool = True,
    activations: bool = True,
) -> Report:
    """Plan a network, build it from lazy modules, run it once on the device, and compare.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``xpu``, ``auto``; ``meta`` plans only.
        train: run in training mode, and time a backward as well.
        time: measure the whole forward, and each layer's share.
        warmup, runs: forwards before measuring, and measured, at least: warming up goes on until
            the times are steady.
        min_time: seconds that the measured forwards are to take together, at least.
        compile: time the network as ``torch.compile`` makes it.
        amp: time it under ``torch.autocast``.
        channels_last: time it with the channels of images last in memory.
        seed: of weights and random inputs, from -2**63 to 2**64 - 1; torch's generators are left
            as they were.
        optimizer: ``sgd``, ``sgd-momentum``, ``adam`` or ``adamw``, whose state is counted in
            ``memory`` of the report, which is there with ``train`` as well.
        memory: bytes, for which the report tells the largest batch that fits.
        accounting: whether the report tells who has the parameters and MACs: by kind of op, by
            dtype, what is tied and shared.
        top, by: how many rows it names that spend the most, and of what: ``macs``, ``params``,
            ``time``, ``memory``.
        receptive_field: find the field of every row.
        activations: find what autograd keeps and the peak of inference, for the totals.

    Raises:
        SpecError, NetworkError, ExpectationError, InternalError: as :func:`build`; SpecError also
            for a seed out of range, or an optimizer that is not known.
    """
    if not 0 <= min_time < 1e6:
        raise _bad_option(f"`min_time` is seconds, 0 or more, not {min_time}")
    if warmup < 0 or runs < 1:
        raise _bad_option(f"`warmup` is 0 or more and `runs` 1 or more, not {warmup} and {runs}")
    _require_seed(seed)
    _require("init", init, INITS)
    _require("by", by, ("macs", "params", "time", "memory"))
    if top is not None and (type(top) is not int or top < 1):
        raise _bad_option(f"`top` takes an integer of 1 or more, and gets {top!r}")
    if by == "time" and (not time or device.startswith("meta")):
        raise _bad_option("`by` is time, and nothing is timed", "--time, and a device that runs")
    if optimizer is not None:
        from lazyinspect.measure.memory.memory import require_optimizer

        require_optimizer(optimizer)
    again = partial(
        plan, spec, variant=variant, set=set, input=input, dtype=dtype, allow=allow,
        max_steps=max_steps,
    )  # fmt: skip
    planned = again(batch=batch)
    asked = train or optimizer is not None or memory is not None

    def remembered(report: Report, measured: Measured | str | None = None) -> Report:
        if asked or activations:
            from lazyinspect.measure.memory.report import with_memory

            report = with_memory(
                report, plan=planned, again=lambda size: again(batch=size), train=train,
                optimizer=optimizer, memory=memory, measured=measured,
            )  # fmt: skip
        return _accounted(planned, report, accounting=accounting, top=top, by=by)

    if re.fullmatch(r"meta(:\d+)?", device):
        return remembered(planned.report(rows=_fielded(planned, planned.rows, receptive_field)))
    with importing_torch():
        from lazyinspect.probe import How, probe

    probed = probe(
        planned,
        device=device,
        train=train,
        time=time,
        warmup=warmup,
        runs=runs,
        seed=seed,
        init=init,
        memory_limit=memory_limit,
        memory=asked,
        how=How(min_time, compile, amp, channels_last),
    )
    report = planned.report(
        environment=environment_of(probed.device, probed.device_name),
        rows=_fielded(planned, probed.rows, receptive_field),
        timing=probed.timing,
        verified=probed.verified,
    )
    if amp and probed.memory is not None:
        note = "memory is planned without autocast, which keeps some tensors in 16 bits"
        report = replace(report, notes=(*report.notes, note))
    return remembered(report, measured=probed.memory)


def _accounted(
    planned: Plan, report: Report, *, accounting: bool, top: int | None, by: By
) -> Report:
    """The report with its accounts and top spenders, where they are asked for."""
    if not accounting and top is None:
        return report
    from lazyinspect.measure import accounting as measure

    return replace(
        report,
        accounts=measure.accounts(planned) if accounting else None,
        top=None if top is None else measure.top(report.layers, by, top),
    )


def _fielded(plan: Plan, rows: tuple[LayerRow, ...], wanted: bool) -> tuple[LayerRow, ...]:
    if not wanted:
        return rows
    from lazyinspect.measure.field import with_fields

    return with_fields(plan, rows)


def call(
    module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], *, train: bool = False
) -> Calls:
    """Run any module once, and tell what each call in it was given and returned.

    Args:
        args, kwargs: for its forward; a TensorType stands for a tensor of zeros.
        train: in training mode; otherwise in eval mode. The modes are as before afterwards.

    Raises:
        NetworkError: torch cannot be imported. An error of the forward is in what is returned.
    """
    with importing_torch():
        from lazyinspect.probe.calls import call as listen
    return listen(module, args, kwargs, train=train)


def check(
    path: str | PathLike[str], *, allow: Sequence[str] = (), device: str | None = None
) -> tuple[Drift, ...]:
    """What differs between networks and the locks beside their specs, by cause, or breaks a policy.

    Loads no torch where every op is in the table.

    Args:
        path: a spec, or a folder, searched with all below it.
        allow: full names of your own classes that the specs may use.
        device: also build and run every network there.

    Returns:
        A drift for each cause; empty when nothing differs but what a policy lets pass.

    Raises:
        SpecError, NetworkError, ExpectationError: a lock is missing or unreadable, or a network
            does not plan; what else was found is not told then (see :func:`check_all`).
    """
    report = check_all([path], allow=allow, device=device)
    if report.problems:
        raise error_of(report.problems)
    return report.drifts


def check_all(
    paths: Sequence[str | PathLike[str]],
    *,
    allow: Sequence[str] = (),
    device: str | None = None,
    jobs: int | None = 1,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Hold every network of specs and folders against its lock, whatever is wrong with others.

    Args:
        paths: none: the folders that the project's pyproject.toml names, else the current one.
        device: also build and run every network there, and hold what it shows against the plan.
        jobs: processes; None for as many as pay.
        progress: called with how many specs of how many are done.

    Raises:
        SpecError: a path does not exist, or there is no spec in a folder.
    """
    from lazyinspect.lock.check import check_paths
    from lazyinspect.lock.project import default_paths

    return check_paths(
        [str(path) for path in paths] or default_paths(), load, _lock_options(allow), jobs,
        progress,
        None if device is None else partial(_run_on, device),
    )  # fmt: skip


def _run_on(device: str, spec: Spec, variant: str | None, allow: tuple[str, ...]) -> None:
    """Build and run a network; raises where it cannot, or shows what was not planned."""
    from lazyinspect.lock.policies import planned_with

    run(
        spec, variant=variant, allow=allow, device=device, time=False, init="zeros",
        receptive_field=False, activations=False,
        **planned_with(spec, spec.source.path),
    )  # fmt: skip


def lock(path: str | PathLike[str], *, allow: Sequence[str] = ()) -> tuple[Locked, ...]:
    """Write the lock of a spec, or of every spec in a folder.

    Args:
        path: a spec, or a folder, searched with all below it.
        allow: full names of your own classes that the specs may use.

    Returns:
        What was done with each, and what the lock before said otherwise.

    Raises:
        SpecError, NetworkError, ExpectationError: a network does not plan; locks of other specs
            are written. SpecError also where ``CI`` is set: nothing is written there.
    """
    results = lock_all([path], allow=allow)
    found = [problem for result in results for problem in result.problems]
    if found:
        raise error_of(found)
    return results


def lock_all(
    paths: Sequence[str | PathLike[str]],
    *,
    accept: Sequence[str] = (),
    allow: Sequence[str] = (),
    jobs: int | None = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Locked, ...]:
    """Write locks: of whole specs, and of single networks of others.

    Args:
        paths: none, and nothing to accept: the folders that the project's pyproject.toml names,
            else the current one.
        accept: ``SPEC`` or ``SPEC@VARIANT``: what to take as it is now; what the lock says of
            the spec's other networks stays.
        jobs: processes; None for as many as pay.
        progress: called with how many specs of how many are done.

    Raises:
        SpecError: ``CI`` is set, a path does not exist, or there is no spec in a folder.
    """
    from lazyinspect.lock.project import default_paths
    from lazyinspect.lock.write import lock_paths

    options = _lock_options(allow)
    given = [str(path) for path in paths]
    if not given and not accept:
        given = default_paths()
    return lock_paths(given, accept, load, options, jobs, progress)


def diff(
    a: Source,
    b: Source | None = None,
    *,
    base: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    batch: int | None = None,
    allow: Sequence[str] = (),
) -> tuple[Drift, ...]:
    """What changed between two networks, by cause. Loads no torch where every op is in the table.

    Args:
        a, b: a spec, a lock or a JSON report, with ``@VARIANT`` for one network; ``@VARIANT``
            alone is of a's file. Networks of one name belong together.
        base: instead of ``b``: a git revision, whose ``a`` is compared with the file as it is.
        set, input, batch, allow: as :func:`plan`, for both.

    Returns:
        A drift for each cause; empty when nothing differs but words.

    Raises:
        SpecError, NetworkError, ExpectationError: an operand cannot be read, a network does not
            plan, or git has no such revision.
    """
    given = [a if isinstance(a, Spec) else str(a)]
    if b is not None:
        given.append(b if isinstance(b, Spec) else str(b))
    found = diff_all(given, base=base, set=set, input=input, batch=batch, allow=allow)
    drifts = [drift for comparison in found for drift in comparison.drifts]
    return tuple([drift for drift in drifts if not drift.words_only])


def diff_all(
    operands: Sequence[str | Spec],
    *,
    base: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    batch: int | None = None,
    allow: Sequence[str] = (),
) -> Iterator[Comparison]:
    """Networks side by side, as :func:`diff` compares them, each when it is asked for.

    Args:
        operands: two; with ``base`` any number of specs and folders, ``.`` where there is none.

    Raises:
        SpecError, NetworkError, ExpectationError: as :func:`diff`.
    """
    from lazyinspect.lock.compare import compare, compare_bases

    options = _lock_options(allow, set=set, input=input, batch=batch)
    if base is not None:
        paths = [each.source.path if isinstance(each, Spec) else each for each in operands]
        return compare_bases(paths or ["."], base, load, options)
    if len(operands) != 2:
        raise _bad_option(f"`diff` compares two, and gets {len(operands)}")
    return compare(operands[0], operands[1], load, options)


def _lock_options(allow: Sequence[str], **besides: Any) -> Options:
    from lazyinspect.lock.networks import Options

    if isinstance(allow, str):
        raise _bad_option("`allow` takes a list of names, and gets one text", f"[{allow!r}]")
    given = {name: value for name, value in besides.items() if value is not None}
    return Options(allow=tuple(allow), **given)


@overload
def export(spec: Source, *, to: TextFormat = "resolved", **asked: Unpack[Asked]) -> str: ...
@overload
def export(spec: Source, *, to: BinaryFormat, **asked: Unpack[Asked]) -> bytes: ...
@overload
def export(spec: Source, *, to: str, **asked: Unpack[Asked]) -> str | bytes: ...
def export(
    spec: Source,
    *,
    to: str = "resolved",
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    batch: int | None = None,
    allow: Sequence[str] = (),
    layout: Literal["inline", "blocks"] = "inline",
    lazy: bool = False,
    depth: int | None = None,
    seed: int = 0,
    weights: str | PathLike[str] | None = None,
    fixed_batch: bool = False,
) -> str | bytes:
    """The network in another form; bytes where that is no text.

    Only the forms that hold the weights load torch: ``onnx``, ``torch`` and ``safetensors``.

    Args:
        to: ``resolved``, a spec with nothing left to infer; ``python``, a module that needs torch
            alone; ``json``, the plan as data; ``mermaid``, ``dot``, ``svg``, ``png``, a picture;
            ``onnx``, ``torch`` (a program for ``torch.export.load``), ``safetensors``.
        layout: of ``resolved``: ``inline`` writes a block where it is used, ``blocks`` equal ones
            once.
        lazy: of ``python``: torch's own lazy layers, where the spec has them and torch too.
        depth: of pictures: levels of containers to draw; None for a vertex a block.
        seed: of the weights, where the form holds them.
        weights: a safetensors file to take them from instead.
        fixed_batch: of ``onnx`` and ``torch``: the program serves the planned batch alone;
            otherwise every batch.

    Raises:
        SpecError, NetworkError, ExpectationError: as :func:`plan` and :func:`build`; SpecError
            also where the format has no words for something in the network, a package that it
            needs is not installed, or the weights do not fit.
    """
    from lazyinspect.export import Options, Subject, require_format
    from lazyinspect.export import export as write

    _require("layout", layout, ("inline", "blocks"))
    _require_seed(seed)
    file = None if weights is None else str(weights)
    options = Options(layout, lazy, depth, seed, file, fixed_batch)
    row = require_format(to, options)
    loaded = load(spec)
    again = partial(plan, loaded, variant=variant, set=set, input=input, allow=allow)
    subject = Subject(again(batch=batch), loaded, options)
    if not row.saves:
        return write(subject, to)
    from lazyinspect.export.batch import other_batch

    traced = "fixed_batch" in row.takes and not fixed_batch
    other = other_batch(subject.plan, lambda size: again(batch=size)) if traced else None
    with importing_torch():
        from lazyinspect.save import save
    return save(subject, to, other)


def symbolic(
    spec: Source,
    *,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Sequence[int | str] | Mapping[str, Sequence[int | str]] | None = None,
    batch: int | None = None,
    dtype: str = "float32",
    allow: Sequence[str] = (),
    max_steps: int = limits.STEPS,
) -> Symbolic:
    """A network's shapes and figures as formulas in named sizes, and when they hold.

    Loads no torch where every op is in the table.

    Args:
        input: shapes whose sizes may have names, as ``["N", 3, "H", "W"]``; None: batch, height,
            width and positions get names.
        batch: a number for dimension 0 of every input, which then has no name.

    Raises:
        SpecError, NetworkError, ExpectationError: as :func:`plan`; SpecError also where no sizes
            are found for which the network plans.
    """
    from lazyinspect.measure.symbolic import symbolic as found

    loaded = load(spec)
    again = partial(
        make_plan, loaded, variant=variant, set=set, dtype=dtype, allow=allow, max_steps=max_steps
    )
    if input is None:
        planned = plan(
            loaded, variant=variant, set=set, batch=batch, dtype=dtype, allow=allow,
            max_steps=max_steps,
        )  # fmt: skip
        return found(again, planned, None, batch)
    if not isinstance(input, Mapping):
        input = {loaded.inputs[0].name if loaded.inputs else "input": input}
    given = {name: tuple(sizes) for name, sizes in input.items()}
    of_file = None
    with suppress(LazyinspectError):  # other sizes may do
        of_file = again(insight=False)
    return found(again, of_file, given, batch)


def layers(name: str | None = None) -> list[Op | LazyOp | StructureOp]:
    """The ops of the language and the rows of the op table; one where ``name`` is given.

    Raises:
        SpecError: there is no op of that name.
    """
    rows = {op.name: op for op in STRUCTURE_OPS} | table()
    if name is None:
        return list(rows.values())
    if name in rows:
        return [rows[name]]
    help = did_you_mean(name, rows, "`lazyinspect layers` lists them all")
    raise SpecError(Problem("unknown-op", f"there is no op `{name}`", help=help))


def schema() -> dict[str, Any]:
    """The JSON Schema (draft-07) of the spec language, from the op table."""
    from lazyinspect.plan.schema import schema as build_schema

    return build_schema()
