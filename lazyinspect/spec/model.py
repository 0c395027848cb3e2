"""What a spec says: frozen data with a position for everything. Formulas are unevaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lazyinspect.errors import Mark, Source
from lazyinspect.spec.formula import Formula

REQUIRED_TYPES = ("int", "float", "bool", "str", "layer")
"""What stands for a default where a parameter must be given."""


@dataclass(frozen=True, slots=True, eq=False)
class Expr:
    """A value to be evaluated: a scalar, a formula, a list, or a layer given as a value."""

    value: Any
    """A Python scalar, a Formula, a tuple of Expr, or a LayerExpr."""
    mark: Mark
    constant: Any
    """The evaluated value where it needs no scope, else :data:`OPEN`."""


class _Open:
    def __repr__(self) -> str:
        return "open"


OPEN: Any = _Open()


@dataclass(frozen=True, slots=True, eq=False)
class LayerExpr:
    """``{LeakyReLU: 0.1}`` as a value."""

    op: str
    args: ArgsExpr
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class ArgsExpr:
    """Arguments as written."""

    positional: tuple[Expr, ...] = ()
    keywords: Mapping[str, Expr] = field(default_factory=dict)
    keyword_marks: Mapping[str, Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A name with formulas in braces: ``denselayer{i+1}``."""

    text: str
    parts: tuple[str | Formula, ...]


Name: TypeAlias = "str | Template"


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """A source that names a value."""

    name: str
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A source that is an inline list of steps."""

    layers: Layers
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A nested list of sources in ``from:``, a tuple."""

    items: tuple[SourceExpr, ...]
    mark: Mark


SourceExpr: TypeAlias = "Label | Expr | Branch | Group"


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """``from:``, or the sources of a merge."""

    positional: tuple[SourceExpr, ...]
    keywords: Mapping[str, SourceExpr]
    mark: Mark

    @property
    def is_empty(self) -> bool:
        """``from: []``: the steps of a Sequential each name what they read."""
        return not (self.positional or self.keywords)


@dataclass(frozen=True, slots=True, eq=False)
class StepSpec:
    """One step as written."""

    op: str
    """A layer, function, merge, block or dotted class; ``Sequential``, ``Graph``, ``Parameter``,
    ``use``, ``splice``; or ``$`` where ``layer`` says it."""
    mark: Mark
    """Of the op's name."""
    args: ArgsExpr = ArgsExpr()
    name: Name | None = None
    """The key, in a mapping."""
    name_mark: Mark | None = None
    layer: Formula | None = None
    """``$act``: which parameter holds the layer."""
    body: GraphSpec | None = None
    """Of Sequential, Graph and splice."""
    merge: Sources | None = None
    """A merge's sources as written in its arguments."""
    sources: Sources | None = None
    """``from:``."""
    labels: tuple[tuple[str, Mark], ...] = ()
    """``as:``; several unpack a tuple."""
    unpack: bool = False
    condition: Expr | None = None
    """``if:``."""
    repeat: Expr | None = None
    each: tuple[str, Mark] | None = None
    pick: Expr | None = None
    become: tuple[str, Mark] | None = None
    expect: tuple[Expr | None, ...] | None = None
    """``expect:``; None for ``_``."""
    expect_mark: Mark | None = None

    @property
    def written(self) -> str:
        """The op as the file has it: ``$act`` where a parameter holds the layer."""
        return self.op if self.layer is None else f"${self.layer.text}"


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Steps, as a list or under names."""

    steps: tuple[StepSpec, ...]
    named: bool
    mark: Mark


def all_steps(layers: Layers) -> Iterator[StepSpec]:
    """Steps with those nested in them, in the order of the file."""
    for step in layers.steps:
        yield step
        yield from steps_inside(step)


def steps_inside(step: StepSpec) -> Iterator[StepSpec]:
    """Steps in the body of a step, and in its inline branches."""
    if step.body is not None:
        yield from all_steps(step.body.layers)
    for sources in (step.merge, step.sources):
        for source in sources.positional if sources is not None else ():
            if isinstance(source, Branch):
                yield from all_steps(source.layers)


@dataclass(frozen=True, slots=True, eq=False)
class OutputSpec:
    """``output:``: a label, a list, or a mapping of labels."""

    labels: tuple[tuple[str, Mark], ...]
    keys: tuple[str, ...] | None
    """Of a mapping."""
    single: bool
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class ParamSpec:
    """A parameter of the network or of a block."""

    name: str
    required: str | None
    """One of REQUIRED_TYPES, or None where there is a default."""
    default: Expr | None
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class GraphSpec:
    """Steps with their own inputs and output: a block, ``Graph:``, or (inputs None) a
    Sequential that reads the values around it.
    """

    layers: Layers
    mark: Mark
    inputs: tuple[tuple[str, Mark], ...] | None = None
    output: OutputSpec | None = None
    params: Mapping[str, ParamSpec] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class InputSpec:
    """One input of the network."""

    name: str
    shape: Expr
    dtype: str | None
    high: Expr | None
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class TieSpec:
    """``path: source``: two names for one tensor."""

    path: str
    source: str
    mark: Mark
    source_mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What a policy says under one key; None for ``false``, which lifts a limit."""

    value: Any
    mark: Mark
    """Of the key."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What may change without failing, and what a network may cost. It says nothing of what has
    no key.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict)
    """Of single variants, which outrank ``rules``."""


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """A whole file."""

    source: Source
    name: str
    description: str
    inputs: tuple[InputSpec, ...]
    """Empty where the file has no ``input:``."""
    params: Mapping[str, ParamSpec]
    variants: Mapping[str, Mapping[str, Expr]]
    variant_marks: Mapping[str, Mark]
    blocks: Mapping[str, GraphSpec]
    network: GraphSpec
    ties: tuple[TieSpec, ...]
    mark: Mark
    policy: Policy = field(default_factory=Policy)
    """``check:``."""
