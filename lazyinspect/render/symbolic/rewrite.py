"""A report with formulas -> the same, each formula as short as its conditions allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lazyinspect.formulas import Symbolic
from lazyinspect.report import LayerRow, NamedTensor, Report
from lazyinspect.shapes import Shape
from lazyinspect.sizes.algebra import Poly
from lazyinspect.sizes.size import Size, sized
from lazyinspect.sizes.words import substituted

_FIGURES = ("param_count", "trainable_param_count", "param_bytes", "buffer_bytes", "macs")


def rewritten(found: Symbolic, *, keys: bool = False) -> Report:
    """The report for sizes that keep to the conditions; what does not hold is absent.

    Args:
        keys: whether formulas are written as Python would, and left as they are.
    """
    write = _Rewriter(found, keys)
    report = found.report
    names = (*_FIGURES, "activation_bytes", "peak_inference_bytes")
    figures: dict[str, Any] = {name: write.size(getattr(report.totals, name)) for name in names}
    if found.doubtful:
        figures["macs"] = None
    return replace(
        report,
        inputs=write.tensors(report.inputs),
        outputs=write.tensors(report.outputs, doubtful=0 in found.doubtful),
        layers=tuple([write.row(k, row) for k, row in enumerate(report.layers)]),
        totals=replace(report.totals, **figures),
    )


class _Unknown(int):
    """A size that is not known: written ``?``."""

    def __str__(self) -> str:
        return "?"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unknown)

    def __hash__(self) -> int:
        return -1


class _Key(Size):
    """A size that is written as its formula in Python."""

    def __str__(self) -> str:
        return self.poly.key


class _Rewriter:
    def __init__(self, found: Symbolic, keys: bool) -> None:
        self._keys = keys
        # what weights fix stays a name: built anew, the network has others
        self._sets = dict(found.plans)
        self._doubtful = found.doubtful
        self._polys: dict[Poly, Poly] = {}
        self._tensors: dict[tuple[NamedTensor, ...], tuple[NamedTensor, ...]] = {}

    def size(self, size: int | None) -> int | None:
        if not isinstance(size, Size):
            return size
        if self._keys:
            return _Key(size.value, size.poly)
        poly = self._polys.get(size.poly)
        if poly is None:
            poly = self._polys[size.poly] = substituted(size.poly, self._sets)
        return sized(size.value, poly)

    def shape(self, shape: Shape) -> Shape:
        """A shape whose sizes are rewritten."""
        return tuple([size for each in shape if (size := self.size(each)) is not None])

    def tensors(
        self, tensors: tuple[NamedTensor, ...], *, doubtful: bool = False
    ) -> tuple[NamedTensor, ...]:
        if doubtful:
            return tuple([replace(t, shape=tuple(_Unknown() for _ in t.shape)) for t in tensors])
        known = self._tensors.get(tensors)
        if known is None:
            known = tuple([replace(t, shape=self.shape(t.shape)) for t in tensors])
            self._tensors[tensors] = known
        return known

    def row(self, index: int, row: LayerRow) -> LayerRow:
        doubtful = index in self._doubtful
        figures: dict[str, Any] = {
            name: None if doubtful else self.size(getattr(row, name)) for name in _FIGURES
        }
        return replace(
            row,
            inputs=self.tensors(row.inputs),
            outputs=self.tensors(row.outputs, doubtful=doubtful),
            **figures,
        )
