"""Report rows -> the tree that the table and the Markdown draw: nested, cut, folded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lazyinspect.report import LayerRow, NamedTensor, Status

_MARKS: dict[Status, str] = {"ok": "", "unfinished": "", "failed": "failed", "unmet": "unmet"}


@dataclass(slots=True)
class Branch:
    """A row and the rows of what happened inside it, in execution order."""

    row: LayerRow
    name: str
    """The path below the enclosing row's: usually its last component."""
    children: list[Branch] = field(default_factory=list)
    time_ns: int | None = None
    """Its own median, or the sum of what is inside: shares of time then add up."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the drawing: a row, or a run of equal ones."""

    row: LayerRow
    """The first of the run; its figures are those of one copy."""
    label: str
    """The name as drawn: the numbers of a run, how often it stands there, which call it is."""
    path: str
    """The whole path, a run's numbers included: ``layer1.1-2``."""
    level: int
    """0 for the network, 1 for its children."""
    last: tuple[bool, ...]
    """For each level from 1 to this one: whether it is the last of its siblings."""
    count: int
    """How many equal rows this line stands for."""
    time_share: float | None
    """Of the layers' time, one copy; None where there is no time."""
    mark: str = ""
    """What is wrong with it, in a partial report: ``failed``."""


def grow(rows: Sequence[LayerRow]) -> Branch:
    """Nest the rows, which stand in execution order with containers first.

    A row belongs to the nearest container before it that is shallower. A module that is used
    again away from its home keeps its whole path as its name.
    """
    root = Branch(rows[0], rows[0].path)
    open_branches = [root]
    for row in rows[1:]:
        while len(open_branches) > 1 and not _holds(open_branches[-1].row, row):
            open_branches.pop()
        parent = open_branches[-1]
        prefix = f"{parent.row.path}." if parent.row.path else ""
        inside = row.path.startswith(prefix)
        branch = Branch(row, row.path[len(prefix) :] if inside else row.path)
        parent.children.append(branch)
        open_branches.append(branch)
    _add_times(root)
    return root


def _add_times(branch: Branch) -> None:
    if branch.row.time_ns is None and not branch.children:
        return
    for child in branch.children:
        _add_times(child)
    times = [child.time_ns for child in branch.children if child.time_ns is not None]
    if times:
        branch.time_ns = sum(times)
    elif branch.row.time_ns is not None:
        branch.time_ns = branch.row.time_ns.median


def _holds(container: LayerRow, row: LayerRow) -> bool:
    if container.depth >= row.depth:
        return False
    return container.kind == "container" or row.path.startswith(f"{container.path}.")


def lines(rows: Sequence[LayerRow], *, depth: int | None = None, fold: bool = True) -> list[Line]:
    """What to draw, top to bottom.

    Args:
        rows: of one report.
        depth: the deepest level to draw.
        fold: draw consecutive numbered siblings with equal sub-trees once.
    """
    root = grow(rows)
    drawing = _Drawing(root.time_ns, depth, fold)
    return list(drawing.walk([root], root.name, 1))


@dataclass(frozen=True, slots=True)
class _Drawing:
    total_ns: int | None
    depth: int | None
    fold: bool

    def walk(
        self,
        run: Sequence[Branch],
        name: str,
        count: int,
        last: tuple[bool, ...] = (),
        first_call: bool = True,
    ) -> Iterator[Line]:
        """A run of equal branches and what is inside the first; ``count`` of it per copy."""
        row = run[0].row
        label = name if count == 1 else f"{name} (x{count})"
        if row.call and first_call:
            label += f" (call {row.call + 1})"
        cut_off = self.depth is not None and len(last) >= self.depth
        mark = _MARKS[row.status]
        if row.status == "unfinished" and cut_off:
            mark = "failed inside"
        if mark:
            label += f" ({mark})"
        path = row.path.removesuffix(run[0].name) + name
        share = _share(run, self.total_ns)
        yield Line(row, label, path, len(last), last, count, share, mark)
        if cut_off:
            return
        groups = list(_groups([branch.children for branch in run], self.fold))
        for index, (inner, inner_name, inner_count) in enumerate(groups, start=1):
            yield from self.walk(
                inner,
                inner_name,
                inner_count,
                (*last, index == len(groups)),
                first_call and not row.call,
            )


def _groups(
    copies: Sequence[Sequence[Branch]], fold: bool
) -> Iterator[tuple[list[Branch], str, int]]:
    """Runs of equal children of one container, or of equal containers seen as one.

    Yields every branch of a run over all copies (its times are averaged), the run's name, and
    its length within one copy.
    """
    children = copies[0]
    start = 0
    while start < len(children):
        end = start + 1
        number = _NUMBERED.fullmatch(children[start].name) if fold else None
        while (
            number is not None
            and end < len(children)
            and children[end].name == _numbered(number, end - start)
            and _equal(children[start], children[end])
        ):
            end += 1
        name = children[start].name
        if number is not None and end - start > 1:
            following = _numbered(number, end - start - 1)
            tail = following[len(number[1]) :]
            name = f"{number[1]}{number[2]}-{tail}"
        yield [branch for copy in copies for branch in copy[start:end]], name, end - start
        start = end


_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")


def _numbered(number: re.Match[str], offset: int) -> str:
    return f"{number[1]}{int(number[2]) + offset}{number[3]}"


def _equal(a: Branch, b: Branch) -> bool:
    """Whether two sub-trees differ in nothing but their paths and times."""
    if len(a.children) != len(b.children) or not _equal_rows(a.row, b.row):
        return False
    return all(
        x.name == y.name and _equal(x, y) for x, y in zip(a.children, b.children, strict=True)
    )


def _equal_rows(a: LayerRow, b: LayerRow) -> bool:
    return (
        a.declared == b.declared
        and a.status == b.status
        and a.param_count == b.param_count
        and a.macs == b.macs
        and a.type == b.type
        and a.kind == b.kind
        and a.call == b.call
        and a.trainable_param_count == b.trainable_param_count
        and a.param_bytes == b.param_bytes
        and a.buffer_bytes == b.buffer_bytes
        and (a.args is b.args or a.args == b.args)
        and a.receptive_field == b.receptive_field
        and _equal_types(a.outputs, b.outputs)
        and _equal_types(a.inputs, b.inputs)
    )


def _equal_types(a: Sequence[NamedTensor], b: Sequence[NamedTensor]) -> bool:
    """The same shapes and dtypes, whatever the names."""
    if a is b:  # a block planned once shares them between its copies
        return True
    return len(a) == len(b) and all(
        x.shape == y.shape and x.dtype == y.dtype for x, y in zip(a, b, strict=True)
    )


def _share(run: Sequence[Branch], total: int | None) -> float | None:
    times = [branch.time_ns for branch in run if branch.time_ns is not None]
    if not total or not times:
        return None
    return sum(times) / len(times) / total
