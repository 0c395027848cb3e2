"""Plan -> one file of Python that needs torch alone: a class for each block. No torch here.

Containers inside a block are plain holders of modules, so that the names in the ``state_dict``
are the network's; their steps stand in the block's own ``forward``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from lazyinspect.errors import Problem, SpecError
from lazyinspect.export.classes import Classes, Family, camel
from lazyinspect.export.code import hint, lines, listed, literal
from lazyinspect.export.constructor import Constructor
from lazyinspect.export.decisions import authored
from lazyinspect.export.forward import Forward
from lazyinspect.export.subject import Subject
from lazyinspect.plan.rows import place_of
from lazyinspect.plan.tree import Call, Leaf
from lazyinspect.shapes import TensorType

FIRST_LINE = "# Written by lazyinspect export: needs PyTorch alone."
_TAKEN = frozenset("Tensor OrderedDict F torch nn".split())


def write(subject: Subject) -> str:
    """A module of Python.

    Raises:
        SpecError: a layer is not torch's.
    """
    plan = subject.plan
    _require_torch(plan.call, subject.spec.source.path)
    tied = frozenset(name for tie in plan.ties for name in (tie.path, tie.source))
    types = tuple(entry.type for entry in plan.inputs)
    classes = Classes(plan.root, plan.call, types, subject.options.lazy, tied)
    name = camel(subject.spec.name)
    _name_classes(classes, name if name.isascii() else "Network")
    known = authored(subject.spec)
    bodies: list[str] = []
    for family in classes.families:
        is_root = family is classes.root.family
        constructor = Constructor(family, plan.ties if is_root else ())
        bodies += ["", "", f"class {family.name}({constructor.base}):"]
        bodies += _docstring(_described(family, subject if is_root else None), 4)
        if constructor.is_needed:
            bodies += ["", *_signature(family, constructor)]
        if not constructor.is_sequential:
            forward = Forward(family.first, constructor, known)
            bodies += ["", *forward.lines()]
    head = _docstring(_summary(subject), 0)
    return "\n".join([FIRST_LINE, *head, "", *_imports(bodies, classes), *bodies]) + "\n"


def _require_torch(call: Call, path: str) -> None:
    """Refuse layers that torch does not have, each with its line."""
    problems: dict[tuple[int, int], Problem] = {}

    def look(call: Call) -> None:
        node = call.node
        for inner in call.calls:
            look(inner)
        if isinstance(node, Leaf) and node.op is not None and node.op.owner != "torch.nn":
            place = place_of(node.mark)
            problems.setdefault(
                (place.line, place.column),
                Problem(
                    "cannot-export",
                    f"`{node.type}` is a layer of lazyinspect's own, and Python needs torch alone",
                    node.mark,
                    help="export `resolved`, or leave the layer out",
                ),
            )

    look(call)
    if problems:
        raise SpecError([problems[place] for place in sorted(problems)])


def _name_classes(classes: Classes, root: str) -> None:
    """A name of its own for each class; the network's is the spec's."""
    root = f"{root}Network" if root in _TAKEN else root
    taken = {*_TAKEN, root}
    for family in classes.families:
        base = family.name or root
        if family is classes.root.family:
            family.name = root
            continue
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}{number}"
        taken.add(name)
        family.name = name


# -- what is said beside the code ---------------------------------------------------------


def _summary(subject: Subject) -> list[str]:
    plan = subject.plan
    variant = f", variant {plan.variant}" if plan.variant else ""
    totals = plan.totals
    macs = "" if totals.macs is None else f", {totals.macs:,} multiply-accumulates"
    text = [f"{subject.spec.name}{variant}: {totals.param_count:,} parameters{macs}."]
    if subject.spec.description:
        text += ["", *subject.spec.description.splitlines()]
    return text


def _described(family: Family, subject: Subject | None) -> list[str]:
    """What a class is, and the shapes of its first use."""
    scope = family.first
    call = scope.call
    if subject is not None:
        found = ["The network.", ""]
    else:
        count = f"used {family.uses} times" if family.uses > 1 else "used once"
        declared = scope.frame.graph.declared
        what = f"The block {declared}" if declared != "Graph" else "A part of the network"
        found = [f"{what}, {count}.", ""]
    inputs = scope.frame.graph.inputs
    shapes = ", ".join(f"{n} {shape(t)}" for n, t in zip(inputs, scope.types, strict=True))
    first = ", at its first use" if family.uses > 1 else ""
    return [*found, f"Shapes{first}: {shapes} -> {shape(call.output)}."]


def shape(kind: object) -> str:
    """A value's shape as Python shows one; of several values, each."""
    if isinstance(kind, TensorType):
        return literal(kind.shape)
    if isinstance(kind, tuple):
        return f"({', '.join(map(shape, kind))})"
    if isinstance(kind, dict):
        return ", ".join(f"{key} {shape(item)}" for key, item in kind.items())
    return repr(kind)


def _docstring(text: list[str], indent: int) -> list[str]:
    space = " " * indent
    wrapped: list[str] = []
    for line in text:
        safe = line.replace("\\", "/").replace('"""', "'''").rstrip()
        # a shape stays in one piece
        safe = re.sub(r"\((?:\d+, )*\d+,?\)", lambda m: m.group().replace(" ", "\0"), safe)
        found = textwrap.wrap(safe, 88 - indent - 3, break_long_words=False) or [""]
        wrapped += [part.replace("\0", " ") for part in found]
    while wrapped and not wrapped[-1]:
        wrapped.pop()
    if len(wrapped) == 1 and not wrapped[0].endswith('"'):
        return [f'{space}"""{wrapped[0]}"""']
    body = [space + line if line else "" for line in wrapped[1:]]
    return [f'{space}"""{wrapped[0]}', *body, f'{space}"""']


def _signature(family: Family, constructor: Constructor) -> list[str]:
    """``__init__``, its body included."""
    given = [f"{name}: {hint(values)}" for name, values in family.parameters.items()]
    call = listed(["self", *given])
    head = lines(call, indent=4)
    # the brackets are those of a `def`
    head[0] = head[0].replace("[", "def __init__(", 1)
    head[-1] = head[-1].rstrip("]") + ") -> None:"
    if len(head) == 1 and len(head[0]) > 88:
        head = ["    def __init__("]
        head += [f"        {item}," for item in ["self", *given]]
        head.append("    ) -> None:")
    return [*head, *constructor.lines()]


def _imports(bodies: Iterable[str], classes: Classes) -> list[str]:
    text = "\n".join(bodies)
    found = ["from __future__ import annotations", ""]
    if "OrderedDict(" in text:
        found += ["from collections import OrderedDict", ""]
    if "torch." in text:
        found.append("import torch")
    found.append("from torch import Tensor, nn" if "Tensor" in text else "from torch import nn")
    if " F." in text or "(F." in text:
        found.append("from torch.nn import functional as F")
    own = {
        layer.name.rpartition(".")[0]
        for family in classes.families
        for layer in family.first.layers.values()
        if "." in layer.name
    }
    if own:
        found += ["", *(f"import {module}" for module in sorted(own))]
    return found
