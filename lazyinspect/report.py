"""The report's frozen data: what the plan computes and what the device shows. No torch here.

The JSON form of these classes (``schema lazyinspect/report/1``) is a public contract. Units are
in the names; an absent figure is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lazyinspect.shapes import Shape

if TYPE_CHECKING:
    from fractions import Fraction  # which a plain run need not load

    from lazyinspect.accounts import Accounts, Top
    from lazyinspect.footprint import Footprint

SCHEMA = "lazyinspect/report/1"

Status = Literal["ok", "failed", "unfinished", "unmet"]
"""Of a row in a partial report. ``failed``: planning or the forward stopped at it.
``unfinished``: a container of such a row; neither has outputs, or figures that mean anything.
``unmet``: its ``expect:`` is not met."""


@dataclass(frozen=True, slots=True)
class NamedTensor:
    """A tensor at an edge: ``name`` is its key path in a nested value, or the input's name."""

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column (from 1) of a step in the spec."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Duration:
    """A measured time with its spread, in nanoseconds."""

    median: int
    p10: int
    p90: int


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The positions of an input that a position of the output depends on, in eval mode.

    One entry for each dimension of the input over which windows slide. Borders are not regarded:
    these are the fields of positions away from them.
    """

    inputs: tuple[str, ...]
    """Names of the inputs that it is of; several have equal ones."""
    dims: tuple[int, ...]
    """The dimensions of the input, from 0."""
    size: tuple[int, ...]
    """From the first position seen to the last; where positions differ, of the one that sees
    most."""
    least: tuple[int, ...]
    """Of the position that sees least; ``size`` where all are alike."""
    jump: tuple[Fraction, ...]
    """Input positions from the field of one output position to that of the next; where they
    differ, on average."""
    start: tuple[int | None, ...]
    """The first position that output position 0 sees; below 0 in padding, None if it sees none."""
    period: tuple[int, ...]
    """After how many output positions the fields repeat, moved on: 1 where all are alike."""

    @property
    def padding(self) -> tuple[int | None, ...]:
        """How far the field of output position 0 reaches before the input."""
        return tuple([None if s is None else -s if s < 0 else 0 for s in self.start])


@dataclass(frozen=True, slots=True)
class NoField:
    """That a row has no receptive field."""

    reason: str


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One call of a module or tensor function, or of a container.

    A container's figures are the sums below it. A tensor counts at the first row that uses it, so
    that rows sum to the totals at every depth: a repeated call and a tied weight add nothing.
    """

    path: str
    """As in ``named_modules``; the network itself is ``""``."""
    call: int
    """0 for the first call of the module at ``path``, then 1, 2, ..."""
    depth: int
    declared: str
    """The name in the spec: ``LazyConv2d``."""
    type: str
    """What it became: ``Conv2d``."""
    args: Mapping[str, Any]
    """Explicit arguments by name, the inferred ones included."""
    inputs: tuple[NamedTensor, ...]
    outputs: tuple[NamedTensor, ...]
    param_count: int
    trainable_param_count: int
    param_bytes: int
    buffer_bytes: int
    macs: int | None
    """None: not known for this op; a container's sum leaves such rows out (see
    ``unknown_macs``)."""
    place: Place
    used_at: tuple[Place, ...] = ()
    """Inside a block: where the block is used, innermost use first."""
    time_ns: Duration | None = None
    unknown_macs: int = 0
    """How many rows at or below this one have no MAC count. Not part of the JSON row."""
    kind: str = "layer"
    """``layer``, ``function``, ``parameter`` or ``container``. Not part of the JSON row."""
    status: Status = "ok"
    """Any other in a partial report alone."""
    receptive_field: ReceptiveField | NoField | None = None
    """Of the output; None where it was not asked for."""

    @property
    def flops(self) -> int | None:
        """2 x MACs."""
        return None if self.macs is None else 2 * self.macs

    @property
    def complete(self) -> bool:
        """Whether its figures and outputs are known, as every row's are but in a partial report."""
        return self.status in ("ok", "unmet")


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures of the whole network; a shared tensor counts once."""

    param_count: int
    trainable_param_count: int
    param_bytes: int
    buffer_bytes: int
    macs: int | None
    """Sum over the rows whose count is known; None where no row's is."""
    rows_without_macs: int = 0
    activation_bytes: int | None = None
    """What autograd keeps of a forward in training for the backward; None where a step is not
    modelled, and of partial reports."""
    peak_inference_bytes: int | None = None
    """The most that is alive at once in a forward without gradients, weights and inputs included;
    None as above."""

    @property
    def flops(self) -> int | None:
        """2 x MACs."""
        return None if self.macs is None else 2 * self.macs


@dataclass(frozen=True, slots=True)
class SpecInfo:
    """Which spec, and what it was resolved with."""

    path: str
    name: str
    variant: str | None
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the figures were taken. ``torch`` is None where torch was not loaded."""

    lazyinspect: str
    torch: str | None
    python: str
    device: str
    device_name: str | None


@dataclass(frozen=True, slots=True)
class Timing:
    """Time of the whole forward, without hooks; and what it was measured under."""

    device: str
    warmup: int
    runs: int
    forward_ns: Duration
    warmed: int | None = None
    """Forwards before those that count: as many as it took until the times were steady."""
    threads: int | None = None
    """Of torch on the CPU."""
    dtype: str | None = None
    """Of the parameters."""
    batch: int | None = None
    """Inputs in one forward; None where it has no batch."""
    training_ns: Duration | None = None
    """Of a forward and a backward together; None outside ``--train``."""
    layers_ns: int | None = None
    """Sum of the layers' medians, each timed by itself; None where none was."""
    hooked_ns: int | None = None
    """Median of the whole forward while its layers were timed."""
    compile_ns: int | None = None
    """Of the first forward of the compiled network; None where it was not compiled."""
    amp: str | None = None
    """The dtype that torch.autocast computed in."""
    channels_last: bool = False

    @property
    def inputs_per_second(self) -> float | None:
        """Inputs in a second; None where there is no batch."""
        if self.batch is None or not self.forward_ns.median:
            return None
        return self.batch * 1e9 / self.forward_ns.median


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared with the plan on the device: ``layers`` rows that are no containers."""

    device: str
    layers: int
    mismatches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """Where a partial report ends, and why there is no more of it."""

    stage: Literal["plan", "forward"]
    """What stopped there."""
    path: str
    """Of the last row, which failed."""
    declared: str
    place: Place
    remaining: int
    """Of planning: how many steps of the spec follow it, a container or block as one. Of the
    forward: how many calls of layers and functions were planned after it."""


@dataclass(frozen=True, slots=True)
class Report:
    """A plan and what was observed. ``timing`` and ``verified`` are None where nothing ran.

    A partial one, of a network that failed midway, ends at the row that failed, and its totals are
    those of the rows before it.
    """

    spec: SpecInfo
    environment: Environment
    inputs: tuple[NamedTensor, ...]
    outputs: tuple[NamedTensor, ...]
    layers: tuple[LayerRow, ...]
    totals: Totals
    timing: Timing | None = None
    verified: Verified | None = None
    notes: tuple[str, ...] = field(default=())
    """Said to the person on standard error; not part of the JSON."""
    stopped: Stopped | None = None
    """Of a partial report alone."""
    memory: Footprint | None = None
    """Where training, an optimizer or a memory to fit into was asked for."""
    accounts: Accounts | None = None
    """Where they were asked for."""
    top: Top | None = None
    """Who spends the most, where that was asked for."""
