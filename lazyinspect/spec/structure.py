"""The ops of the language itself: what each says, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StructureOp:
    """One op that is neither a layer nor a function."""

    name: str
    form: str
    """How a step writes it."""
    meaning: str
    """What it does, in a sentence or two."""
    example: str
    """A whole spec."""


STRUCTURE_OPS = (
    StructureOp(
        "Sequential",
        "{Sequential: [STEP, ...]}",
        "Runs its steps one after the other, as nn.Sequential does. A list that stands for a step "
        "is one too. With a mapping below it, its keys are the names of the steps.",
        """\
input: [1, 8]
layers:
  body:
    Sequential:
      fc: {LazyLinear: 16}
      act: ReLU
  head: {LazyLinear: 2}
""",
    ),
    StructureOp(
        "Graph",
        "{Graph: {input: [NAME, ...], layers: ..., output: ...}}",
        "A block written where it is used: it has inputs and an output of its own, and sees "
        "nothing around it. `input:` and `output:` may be left out.",
        """\
input: {left: [1, 8], right: [1, 8]}
layers:
  both:
    Graph:
      input: [a, b]
      layers:
        x: {LazyLinear: 4, from: a}
        y: {LazyLinear: 4, from: b}
        sum: {add: [x, y]}
    from: [left, right]
""",
    ),
    StructureOp(
        "Parameter",
        "{Parameter: [SIZE, ..., {fill: 0.0}]}",
        "A learned tensor of that shape, as a step. `fill` is its initial value. It reads no "
        "tensor; `from:` serves formulas such as `$last`.",
        """\
input: [1, 16, 32]
layers:
  scale: {Parameter: [$last, {fill: 1.0}], from: input}
  scaled: {mul: [input, scale]}
""",
    ),
    StructureOp(
        "use",
        "{use: NAME}",
        "Applies the module of an earlier step again, with the same weights, to as many sources "
        "as it takes.",
        """\
input: {left: [1, 8], right: [1, 8]}
layers:
  tower: {LazyLinear: 4, from: left}
  again: {use: tower, from: right}
  both: {cat: [tower, again]}
""",
    ),
    StructureOp(
        "splice",
        "{splice: [STEP, ...], repeat: N, if: FORMULA}",
        "Puts its steps into the list around it, `repeat:` times, with no module of their own.",
        """\
input: [1, 3, 32, 32]
layers:
  - splice: [{LazyConv2d: [8, 3]}, ReLU]
    repeat: 3
  - Flatten
""",
    ),
)
"""In the order of ``names.STRUCTURE``; a test plans every example."""
