"""What differs between a lock and its spec, as frozen data; lock/ makes it, render/drift/ shows it.

::

    CheckReport          what `check` found, in the order of the files
    └── Checked          one network (a spec, one of its variants), or a file that cannot be checked
        ├── Drift        one cause, with what follows from it
        └── Problem      why it could not be compared (errors.py)

    Comparison           what `diff` found: two Snapshots, their Drifts, their rows side by side

Nothing here computes, and nothing is rendered: texts are names and values, never sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from lazyinspect.errors import Mark, Problem
from lazyinspect.report import NamedTensor, Totals

Kind: TypeAlias = Literal[
    "changed",
    "inserted",
    "removed",
    "renamed",
    "moved",
    "param",
    "input",
    "output",
    "tie",
    "totals",
    "new-variant",
    "lost-variant",
    "text",
    "over-budget",
    "no-expect",
]
"""What sort of cause a drift is.

================  ============================================================================
kind              meaning
================  ============================================================================
``changed``       a layer is where it was, and something of it differs: see ``changes``
``inserted``      a layer, or a container with all it holds, is new at ``path``
``removed``       the one that was at ``before_path`` is gone
``renamed``       the same layer has another name: ``before_path`` -> ``path``
``moved``         the same layer stands elsewhere in the order of execution
``param``         a parameter of the spec has another value; planning with the old one shows
                  that ``followers`` follow from it
``input``         an input of the network has another name, shape or dtype
``output``        the network returns something else, and no layer's change explains it
``tie``           two names for one tensor where there were none, or no longer
``totals``        no layer differs, and a total does: the lock was edited, or figures are counted
                  in another way
``new-variant``   the spec has a network that the lock does not have
``lost-variant``  the lock has a network that the spec does not have any more
``text``          the lock says the same in other words: it was edited by hand
``over-budget``   a figure is above what a policy allows: see ``spenders``
``no-expect``     a policy asks for an ``expect:`` at ``path``, where there is none
================  ============================================================================
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs, and its value before and after."""

    field: str
    """What it is of: an argument's name (``out_channels``) where ``part`` is ``argument`` or
    ``inferred``, a parameter's or an input's name, else the part's own name."""
    before: Any
    """None: it was not there (an argument that was left out, a tie)."""
    after: Any
    """None: it is not there any more."""
    part: Literal[
        "type", "argument", "inferred", "input", "output", "params", "uses", "reads", "returns",
        "name", "order", "param", "tie", "total", "budget",
    ] = "argument"  # fmt: skip
    """``argument``: written in the spec; ``inferred``: found out at the first forward;
    ``input`` and ``output``: a tensor, written ``float32[1, 64, 56, 56]``; ``params``: the layer's
    parameter count; ``uses``: the module that is applied again; ``reads``: the steps that it
    reads; ``returns``: what a container hands on; ``name`` and ``order``: of its path;
    ``param``: of the spec; ``tie``: what a tensor is tied to; ``total``: of the network;
    ``budget``: ``max_params`` and its like, what is allowed and what there is."""


@dataclass(frozen=True, slots=True)
class Spender:
    """Layers of one line of a spec that take the same part of a budget each."""

    path: str
    """The first of them."""
    type: str
    """As the spec names it."""
    value: int
    """What each of them takes."""
    count: int
    total: int
    """Of the network."""
    mark: Mark | None = None

    @property
    def share(self) -> float:
        """What all of them take, of the network's."""
        return self.value * self.count / self.total


@dataclass(frozen=True, slots=True)
class Drift:
    """One cause of a difference."""

    spec: str
    """Path of the spec as it was given: the older side's name for `diff`, where it has none."""
    variant: str | None
    """None: the spec without a variant."""
    kind: Kind
    path: str = ""
    """The row that differs, as in ``named_modules``; a step that applies a module again has its
    own. Where it was, if it is gone; ``""`` where no layer is concerned."""
    before_path: str = ""
    """Where it was, if it has another path now or is gone; else ``""``."""
    type: str = ""
    """What stands there, as the spec names it (``LazyConv2d``, ``Bottleneck``); what stood there,
    if it is gone."""
    changes: tuple[Change, ...] = ()
    """What differs, the likeliest to be what somebody wrote first."""
    mark: Mark | None = None
    """Its place in the spec: of the container, the parameter or the variant where the layer is
    gone. None where the older or newer side has no text (a lock, a JSON report)."""
    used_at: tuple[Mark, ...] = ()
    """Inside a block: where the block is used, innermost use first."""
    also: tuple[str, ...] = ()
    """Further rows with the same cause: a block's line is changed once, and meets every use."""
    followers: tuple[str, ...] = ()
    """Paths of the rows that differ because of this one and for no reason of their own, in order;
    containers included."""
    shifted: int = 0
    """Rows of which nothing but the path differs: steps after it in its list have other indices,
    and their tensors other names in the ``state_dict``. Not among ``followers``."""
    totals_before: Totals | None = None
    """Of the whole network, all causes together."""
    totals_after: Totals | None = None
    batch_only: bool = False
    """Of an ``input``: nothing but dimension 0 of tensors differs, here and in what follows."""
    accept: str = ""
    """The command that takes the network as it is now, quoted for a shell; ``""`` for `diff`, and
    for what no lock takes: a budget, an ``expect:``."""
    words_only: bool = False
    """The spec says the same network in other words: ``Conv2d: [1, 32, 3]`` for ``LazyConv2d: [32,
    3]``, a default written out, another name of a block, a parameter that nothing reads. No type,
    shape, figure or name differs, and nothing fails."""
    policy: Mark | None = None
    """Where the policy stands that is broken, or that lets this pass."""
    spenders: tuple[Spender, ...] = ()
    """Of ``over-budget``: what spends the most, most first."""

    @property
    def follows(self) -> int:
        """How many rows follow from it."""
        return len(self.followers)

    @property
    def change(self) -> Change | None:
        """The change to name where there is room for one."""
        return self.changes[0] if self.changes else None


@dataclass(frozen=True, slots=True)
class Checked:
    """One network held against its lock, or a file for which that is impossible."""

    spec: str
    """Path as given or found. Of a lock without a spec: the spec it would belong to."""
    lock: str
    """Path of its lock."""
    variant: str | None = None
    drifts: tuple[Drift, ...] = ()
    """Causes in the order of execution, then policies that are broken. Empty: nothing differs, or
    see ``problems``."""
    allowed: tuple[Drift, ...] = ()
    """Causes that a policy lets pass, or that change no network (``words_only``): the lock is older
    than the spec, and nothing fails."""
    problems: tuple[Problem, ...] = ()
    """Why it could not be compared: the spec no longer plans, the lock is missing or unreadable.
    Codes of locks: ``missing-lock``, ``lock-without-spec``, ``lock-conflict``, ``damaged-lock``,
    ``lock-version``, ``two-specs``."""
    problem_code: int = 0
    """Exit code of ``problems``: 2 or 3, 1 for an unmet ``expect:``, 70 for a bug."""
    totals: Totals | None = None
    """Of the network as the spec has it now; None where it does not plan."""
    param_changes: tuple[Change, ...] = ()
    """Parameters of the spec whose values differ, whether or not they explain anything."""

    @property
    def name(self) -> str:
        """``configs/resnet.yaml@r50``."""
        return self.spec if self.variant is None else f"{self.spec}@{self.variant}"

    @property
    def status(self) -> Literal["ok", "drift", "failed"]:
        if self.problems:
            return "failed"
        return "drift" if self.drifts else "ok"

    @property
    def exit_code(self) -> int:
        return self.problem_code if self.problems else int(bool(self.drifts))


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All that one `check` looked at."""

    results: tuple[Checked, ...]
    """By path, then in the order of a spec's variants."""

    @property
    def drifts(self) -> tuple[Drift, ...]:
        return tuple(drift for result in self.results for drift in result.drifts)

    @property
    def allowed(self) -> tuple[Drift, ...]:
        return tuple(drift for result in self.results for drift in result.allowed)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for result in self.results for problem in result.problems)

    @property
    def spec_count(self) -> int:
        return len({result.spec for result in self.results})

    def count(self, status: Literal["ok", "drift", "failed"]) -> int:
        """How many networks came out so."""
        return sum(result.status == status for result in self.results)

    @property
    def exit_code(self) -> int:
        """A bug, then a wrong spec or lock (2), then a network that fails (3), then drift (1)."""
        codes = {result.exit_code for result in self.results}
        return next((code for code in (70, 2, 3, 1) if code in codes), 0)


@dataclass(frozen=True, slots=True)
class Locked:
    """What `lock` did with one spec."""

    spec: str
    lock: str
    outcome: Literal["created", "written", "unchanged", "failed", "unused"]
    """``unused``: it has no spec beside it, and was left as it is."""
    accepted: tuple[Checked, ...] = ()
    """Networks whose drifts were accepted: what the older lock said otherwise."""
    problems: tuple[Problem, ...] = ()
    """Why nothing was written."""
    problem_code: int = 0
    broken: tuple[Drift, ...] = ()
    """Policies that its networks break, which keeps no lock from being written."""

    @property
    def exit_code(self) -> int:
        return self.problem_code


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a lock: a call of a layer or a function, or a container."""

    path: str
    """As in ``named_modules``; of a step that applies a module again, its own: each row has
    another."""
    kind: str
    """``layer``, ``function``, ``parameter`` or ``container``."""
    declared: str
    """The name in the spec: ``LazyConv2d``, ``Bottleneck``."""
    type: str
    """What it becomes: ``Conv2d``; of a container the same as ``declared``."""
    given: Mapping[str, Any]
    """Arguments as the spec gives them, by name."""
    inferred: Mapping[str, Any]
    """Arguments that the first forward finds out."""
    inputs: tuple[NamedTensor, ...]
    outputs: tuple[NamedTensor, ...]
    param_count: int | None
    """None for a container: what it holds is said of its layers."""
    uses: str = ""
    """Path of the module that is applied again; ``""`` where it is the row's own."""
    reads: tuple[str, ...] | None = None
    """What it reads, where that is not just the step before it; None also where it is not known
    (a JSON report). Relative to the container it stands in, as file systems do it: ``conv1``,
    ``../skip``, ``split#0`` for an element of a tuple, ``=2`` for a number, ``mask=m`` by keyword,
    ``input``."""
    returns: tuple[str, ...] | None = None
    """Of a container: what it returns, where that is not just the output of its last step."""
    mark: Mark | None = None
    used_at: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a lock holds of one network. Equal snapshots have equal text."""

    name: str
    """For a heading: ``configs/resnet.yaml@r50``."""
    variant: str | None
    params: Mapping[str, Any]
    """Values of the spec's parameters."""
    inputs: tuple[NamedTensor, ...]
    outputs: tuple[NamedTensor, ...]
    totals: Totals
    rows: tuple[Row, ...]
    """In the order of execution, without the network's own."""
    ties: Mapping[str, str] = field(default_factory=dict)
    """Name of a tensor -> the tensor that it is."""
    returns: tuple[str, ...] | None = None
    """As of a container's row."""
    wired: bool = True
    """False: what its rows read is not known (a JSON report does not say)."""
    marks: Mapping[str, Mark] = field(default_factory=dict)
    """Places in the spec of what is no row: ``network``, ``variant``, ``input NAME``,
    ``param NAME``, ``tie NAME``."""

    @property
    def file(self) -> str:
        """``configs/resnet.yaml``."""
        return self.name if self.variant is None else self.name.removesuffix(f"@{self.variant}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A row before and after, for a table side by side; one of them is None where it has no
    counterpart.
    """

    before: Row | None
    after: Row | None
    role: Literal["same", "cause", "follows"]
    drift: int | None = None
    """Index of the drift that it is a cause or a follower of."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two networks side by side."""

    before: Snapshot | None
    """None: only the newer side has this network."""
    after: Snapshot | None
    drifts: tuple[Drift, ...]
    pairs: tuple[Pair, ...]
    """Every row of both, in the order of execution."""
    param_changes: tuple[Change, ...] = ()

    @property
    def exit_code(self) -> int:
        return int(not all(drift.words_only for drift in self.drifts))
