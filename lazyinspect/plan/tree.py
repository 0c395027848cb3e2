"""The plan's frozen data: modules, the program that wires them, and its typed calls. No torch.

A network is a tree of nodes. A :class:`Graph` is a container with a small program: its steps
call child nodes or tensor functions on values held in slots. Slots ``0 .. n-1`` are the
graph's inputs, then come its captures (values of an enclosing graph that something inside
reads), then what the steps yield. A repeated block is planned once and its nodes are shared, so
names here are relative: absolute paths appear when the tree is walked (rows.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lazyinspect.errors import Mark
from lazyinspect.plan.ops.base import Op, Weight
from lazyinspect.shapes import Shape, TensorType, Value


@dataclass(frozen=True, slots=True)
class Ref:
    """A value at run time: what ``slot`` holds, then keys into a tuple or dict."""

    slot: int
    path: tuple[int | str, ...] = ()


Operand: TypeAlias = Any
"""What a step is applied to: a Ref, a number, a boolean, None, or a tuple of operands."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A module of a torch.nn class, of a bundled class, or of an allowed class of the user's."""

    declared: str
    """The name in the spec: ``LazyConv2d``, ``Conv2d``, ``mypkg.layers.Swish``."""
    type: str
    """What it becomes: ``Conv2d``."""
    given: Mapping[str, Any]
    """The author's arguments by name, as ``declared`` takes them. A layer given as an argument
    is a LayerValue."""
    args: Mapping[str, Any]
    """Explicit arguments by name, as ``type`` takes them: the given and the inferred ones."""
    weights: tuple[Weight, ...]
    mark: Mark
    become: str | None = None
    """Set by ``become:``, the class that replaces the lazy class's own target."""
    op: Op | None = None
    """The row of ``type``; None where the class runs through torch's meta device."""


@dataclass(frozen=True, slots=True, eq=False)
class ParameterLeaf:
    """A learned tensor as a step, registered under the step's name."""

    shape: Shape
    fill: float
    mark: Mark

    @property
    def weights(self) -> tuple[Weight, ...]:
        return (Weight("", self.shape),)


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A tensor function or a merge: no module, no weights."""

    op: Op
    args: Mapping[str, Any]
    mark: Mark
    expand_batch: tuple[int, ...] = ()
    """Of ``cat``: which operands are Parameters of leading size 1, to expand over the batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A module of the enclosing block, applied again."""

    target: tuple[str, ...]
    """Attribute names from the block's root (the network's, outside blocks) to the module."""
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One line of a graph's program: ``slots[slot] = node(*operands, **keywords)``."""

    name: str
    """The attribute name in the graph: a key, or an index."""
    node: Node
    operands: tuple[Operand, ...]
    keywords: Mapping[str, Operand]
    slot: int
    export_slots: tuple[int, ...] = ()
    """Where a child graph's exports go: it then returns ``(output, *exports)``."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A container: the network, a block, a Sequential, an inline branch."""

    declared: str
    """``Sequential``, ``Graph``, or the block's name."""
    inputs: tuple[str, ...]
    """Names of its own inputs (slots 0 ..); the forward takes them in this order."""
    captures: int
    """How many values of the enclosing graph follow as further positional inputs."""
    steps: tuple[Step, ...]
    output: Operand
    """A Ref, or a tuple or dict of Refs."""
    mark: Mark
    exports: tuple[Ref, ...] = ()
    """Values that something outside reads besides the output."""
    is_block: bool = False
    """A scope of its own: ``Use.target`` of the steps inside starts here."""

    @property
    def is_sequential(self) -> bool:
        """Nothing but one module after the other: built as a plain ``nn.Sequential``."""
        if len(self.inputs) != 1 or self.captures or self.exports or not self.steps:
            return False
        previous = Ref(0)
        for step in self.steps:
            if not isinstance(step.node, (Leaf, Graph)) or step.export_slots or step.keywords:
                return False
            if step.operands != (previous,):
                return False
            previous = Ref(step.slot)
        return bool(self.output == previous)

    @property
    def type(self) -> str:
        """Name of the class it is built as."""
        return "Sequential" if self.is_sequential else "Graph"

    def children(self) -> Iterator[tuple[str, Leaf | ParameterLeaf | Graph]]:
        """The nodes that are attributes of the built module, by name, in order.

        An inline branch of a merge sits one level lower, at ``<step>.<k>``, in the Graph that
        the planner makes for the merge's branches.
        """
        for step in self.steps:
            if isinstance(step.node, (Leaf, ParameterLeaf, Graph)):
                yield step.name, step.node


Node: TypeAlias = "Leaf | ParameterLeaf | Function | Use | Graph"


@dataclass(slots=True, eq=False)
class Call:
    """One application of a node to typed values: a row of the report in the making."""

    name: str
    node: Leaf | ParameterLeaf | Function | Graph
    """Of a ``use``: the node that is used."""
    inputs: tuple[tuple[str, TensorType], ...]
    """Every input tensor with its key path, ``""`` for the only one."""
    output: Value
    macs: int | None
    """Own multiply-accumulates; 0 for a container, None where they are not known."""
    mark: Mark
    """Of the step, which for a block is the place of use."""
    calls: tuple[Call, ...] = ()
    """Of a container: what happened inside, in order."""
    target: tuple[str, ...] | None = None
    """Of a ``use``: path of the module from the enclosing block's root."""
    size: int = field(init=False)
    """Rows that this call and those inside it make."""
    edges: int = field(init=False)
    """Tensors that those rows read and give."""
    reach: int = field(init=False)
    """Characters of the longest path below the enclosing call's."""

    def __post_init__(self) -> None:
        calls = self.calls
        output = self.output
        self.size = 1
        self.edges = len(self.inputs) + (len(output) if type(output) is tuple else 1)
        self.reach = len(self.name)
        if calls:
            self.size += sum([call.size for call in calls])
            self.edges += sum([call.edges for call in calls])
            self.reach += 1 + max([call.reach for call in calls])


def calls(call: Call) -> Iterator[Call]:
    """A call and those inside it, in the order of the rows."""
    yield call
    for inner in call.calls:
        yield from calls(inner)


@dataclass(frozen=True, slots=True)
class InputType:
    """An input of the network. ``high``: random integers are drawn below it."""

    name: str
    type: TensorType
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Tie:
    """Two names for one tensor: ``path`` is replaced by the tensor at ``source``."""

    path: str
    source: str
    mark: Mark
