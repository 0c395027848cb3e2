"""A plan -> its steps in order, each with the storages that it reads, makes and keeps. No torch.

A storage is what is allocated: views and in-place results share their input's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from lazyinspect.measure.memory import strides as lay
from lazyinspect.measure.memory.effects import Effect, effect, modelled
from lazyinspect.plan.flow import Flow, Node, Read, all_reads, flow
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.tree import Call, Function, Graph, Leaf, ParameterLeaf, calls
from lazyinspect.shapes import TensorType, tensors_of

_LIKE_INPUT = frozenset(
    "ELU LeakyReLU Hardshrink Hardsigmoid Hardtanh Hardswish ReLU ReLU6 SELU CELU GELU SiLU Mish "
    "Sigmoid Tanh Softplus Softshrink Threshold Dropout relu gelu silu sigmoid tanh exp log sqrt "
    "rsqrt sin cos square neg abs add sub mul multiply div".split()
)
"""Ops whose output lies as their input does, where that is a permutation of a contiguous one."""
_ANY_LAYOUT = _LIKE_INPUT | frozenset(
    "Identity permute transpose movedim squeeze unsqueeze expand select narrow chunk split unbind "
    "view unflatten Unflatten Flatten flatten reshape cat stack scaled_dot_product_attention mean "
    "sum var Embedding Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout eq ne gt ge "
    "lt le positions".split()
)
"""Ops that read an input as it lies; others copy one that is not contiguous first."""
_COPYING = frozenset("Conv1d Conv2d Conv3d".split())
"""Ops that copy it for as long as they run, and of which autograd keeps the input as it was."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor at run time."""

    kind: TensorType
    storage: int
    strides: lay.Strides
    grad: bool
    """Whether it needs a gradient."""


@dataclass(slots=True)
class Step:
    """One call of a layer or function."""

    row: int
    """Its place among the plan's rows."""
    ins: tuple[Tensor, ...]
    outs: tuple[Tensor, ...]
    fresh: tuple[int, ...]
    """Storages that it makes."""
    keeps: tuple[int, ...]
    """Storages that autograd keeps for its backward."""
    own: tuple[TensorType, ...]
    """Tensors that only autograd has."""
    workspace: int
    passes: bool
    """Its backward gives the gradient on as it is: a view, a sum."""
    weights: tuple[tuple[str, int, bool], ...]
    """Weights that it uses and that train: name, bytes of the gradient, and whether another use's
    can be added into it; that of a Linear's weight is a transposed view, and cannot."""


@dataclass(slots=True)
class Trace:
    """A network as steps on storages."""

    steps: list[Step]
    sizes: list[int]
    """Bytes of each storage."""
    kinds: list[str]
    """Dtype of each."""
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    results: tuple[Tensor, ...]
    """What the network returns."""
    last: list[int]
    """By storage: the step after which nothing refers to it any more."""
    unmodelled: list[int] = field(default_factory=list)
    """Rows whose op is not modelled, or not for such arguments."""


def trace(plan: Plan, *, train: bool) -> Trace:
    """Follow every storage of a plan.

    Args:
        train: in training mode, as autograd sees it.
    """
    return _Tracer(plan, train).run()


class _Tracer:
    def __init__(self, plan: Plan, train: bool) -> None:
        self.plan = plan
        self.train = train
        self.flow: Flow = flow(plan)
        self.calls: list[Call] = list(calls(plan.call))
        self.values: list[Any] = [None] * len(self.calls)
        self.group: dict[int, tuple[int, ...]] = {}
        """Storages that live as long as any of a row's outputs is referred to."""
        self.trace = Trace([], [], [], (), (), (), [])
        self.inputs: dict[str, Tensor] = {}
        self.ties = {tie.path: tie.source for tie in plan.ties}

    def run(self) -> Trace:
        for entry in self.plan.inputs:
            storage = self._storage(entry.type)
            self.inputs[entry.name] = Tensor(
                entry.type, storage, lay.contiguous(entry.type.shape), False
            )
        found = self.trace
        found.inputs = tuple(tensor.storage for tensor in self.inputs.values())
        ends: list[tuple[int, int]] = []  # containers that are open: their last row, their row
        holds: dict[int, list[Any]] = {}
        for index, (node, call) in enumerate(zip(self.flow.nodes, self.calls, strict=True)):
            while ends and ends[-1][0] < index:
                self._close(holds.pop(ends.pop()[1]))
            if isinstance(call.node, Graph):
                ends.append((index + call.size - 1, index))
                # the caller has what it passes in its hands until the container returns
                holds[index] = [value for _, value in node.reads] + list(node.captured)
                continue
            self._leaf(index, node, call)
        while ends:
            self._close(holds.pop(ends.pop()[1]))
        result = self._read(self.flow.output)
        found.results = tuple(_tensors(result))
        found.outputs = tuple(dict.fromkeys(tensor.storage for tensor in found.results))
        return found

    def _storage(self, kind: TensorType) -> int:
        self.trace.sizes.append(kind.nbytes)
        self.trace.kinds.append(kind.dtype)
        self.trace.last.append(len(self.trace.steps))
        return len(self.trace.sizes) - 1

    def _close(self, values: Sequence[Any]) -> None:
        """A container returned after the step before: until then its inputs lived."""
        for value in values:
            self._touch(value, len(self.trace.steps) - 1)

    def _touch(self, value: Any, at: int) -> None:
        for read in all_reads(value):
            storages = [tensor.storage for tensor in _tensors(self._read(read))]
            if read.node is not None:
                storages += self.group.get(read.node, ())
            for storage in storages:
                self.trace.last[storage] = max(self.trace.last[storage], at)

    def _read(self, value: Any) -> Any:
        if isinstance(value, Read):
            found: Any = (
                self.inputs[value.input or ""] if value.node is None else self.values[value.node]
            )
            for key in value.key:
                found = found[key]
            return found
        if isinstance(value, tuple):
            return tuple(self._read(item) for item in value)
        if isinstance(value, dict):
            return {key: self._read(item) for key, item in value.items()}
        return value

    def _leaf(self, index: int, node: Node, call: Call) -> None:
        at = len(self.trace.steps)
        if isinstance(call.node, ParameterLeaf):
            # the tensor itself, which is counted among the weights
            storage = self._storage(TensorType((0,), self.plan.dtype))
            kind = call.output
            self.values[index] = Tensor(kind, storage, lay.contiguous(kind.shape), True)
            self.trace.steps.append(
                Step(index, (), (self.values[index],), (storage,), (), (), 0, True,
                     tuple(self._weights(index, call)))
            )  # fmt: skip
            return
        sources = [self._read(value) for _, value in node.reads]
        ins = tuple(_tensors(tuple(sources)))
        kinds = [kind for _, kind in tensors_of(call.output)]
        grad_in = any(tensor.grad for tensor in ins)
        weights = tuple(self._weights(index, call))
        needs = grad_in or bool(weights)
        rule = self._effect(call, ins, kinds, sources)
        known = Effect() if rule is None else rule
        if rule is None:
            self.trace.unmodelled.append(index)
        outs, fresh = self._outputs(call, ins, kinds, known, needs)
        self.values[index] = _rebuilt(call.output, iter(outs))
        if len(outs) > 1:
            self.group[index] = tuple(tensor.storage for tensor in outs)
        keeps: list[int] = []
        own: tuple[TensorType, ...] = ()
        if needs and self.train and any(tensor.grad for tensor in outs):
            for name in known.keeps:
                side = ins if name.startswith("in") else outs
                place = int(name.lstrip("inout"))
                if place < len(side):
                    keeps.append(side[place].storage)
            own = known.own
        self.trace.steps.append(
            Step(index, ins, tuple(outs), tuple(fresh), tuple(dict.fromkeys(keeps)), own,
                 known.workspace, _passes(call, known), weights)
        )  # fmt: skip
        for _, value in node.reads:
            self._touch(value, at)

    def _effect(
        self, call: Call, ins: Sequence[Tensor], kinds: Sequence[TensorType], sources: Sequence[Any]
    ) -> Effect | None:
        node = call.node
        op = node.op if isinstance(node, (Leaf, Function)) else None
        if op is None or not modelled(op.name):
            return None
        # a product of matrices reads rows wherever they lie
        any_layout = op.name in _ANY_LAYOUT or (op.name == "Linear" and ins[0].kind.rank == 2)
        ordered = any_layout or all(lay.in_order(t.kind.shape, t.strides) for t in ins)
        if not ordered and op.name not in _COPYING:
            return None
        assert isinstance(node, (Leaf, Function))
        arguments = {**op.parameters.defaults, **node.args}
        flat = [isinstance(item, Tensor) for item in _flat(tuple(sources))]
        found = effect(
            op.name, arguments, [t.kind for t in ins], kinds, [t.grad for t in ins],
            sources=flat, train=self.train, alike=len({t.storage for t in ins}) == 1,
        )  # fmt: skip
        if ordered or found is None:
            return found
        return replace(found, workspace=found.workspace + ins[0].kind.nbytes)

    def _outputs(
        self,
        call: Call,
        ins: Sequence[Tensor],
        kinds: Sequence[TensorType],
        known: Effect,
        needs: bool,
    ) -> tuple[list[Tensor], list[int]]:
        node = call.node
        op = node.op if isinstance(node, (Leaf, Function)) else None
        name = op.name if op is not None else ""
        if known.view_of is not None and known.view_of < len(ins):
            base = ins[known.view_of]
            assert op is not None and isinstance(node, (Leaf, Function))
            a = SimpleNamespace(**{**op.parameters.defaults, **node.args})
            shapes = [kind.shape for kind in kinds]
            found = lay.of_view(name, a, base.kind.shape, base.strides, shapes)
            if found is not None:
                pairs = zip(kinds, found, strict=True)
                return [Tensor(kind, base.storage, s, base.grad) for kind, s in pairs], []
            if not known.copies:
                plain = [lay.contiguous(kind.shape) for kind in kinds]
                pairs = zip(kinds, plain, strict=True)
                return [Tensor(kind, base.storage, s, base.grad) for kind, s in pairs], []
        outs, fresh = [], []
        for kind in kinds:
            storage = self._storage(kind)
            fresh.append(storage)
            order = self._order(name, ins, kind)
            outs.append(Tensor(kind, storage, order, (needs and kind.dtype.startswith("float"))
                               or (needs and kind.dtype == "bfloat16")))  # fmt: skip
        return outs, fresh

    def _order(self, name: str, ins: Sequence[Tensor], kind: TensorType) -> lay.Strides:
        if name in _LIKE_INPUT:
            like = next((t for t in ins if t.kind.shape == kind.shape), None)
            if like is not None and lay.dense(kind.shape, like.strides):
                return like.strides
        if name == "scaled_dot_product_attention" and ins:
            return lay.like(kind.shape, ins[0].strides)  # in the order of the query
        return lay.contiguous(kind.shape)

    def _weights(self, index: int, call: Call) -> Iterator[tuple[str, int, bool]]:
        """Those of a call that train, tied ones under one name."""
        node = call.node
        if isinstance(node, (Graph, Function)):
            return
        path = self.plan.rows[index].path
        for weight in node.weights:
            if weight.trainable and not weight.buffer:
                name = f"{path}.{weight.name}" if weight.name else path
                kind = TensorType(weight.shape, weight.dtype or self.plan.dtype)
                plain = not (isinstance(node, Leaf) and node.type == "Linear" and kind.rank == 2)
                yield self.ties.get(name, name), kind.nbytes, plain


def _passes(call: Call, known: Effect) -> bool:
    """Whether a backward needs no new tensor for the gradient of its first input."""
    node = call.node
    name = node.op.name if isinstance(node, (Leaf, Function)) and node.op is not None else ""
    if name in ("select", "narrow", "chunk", "split", "unbind"):
        return False  # the gradient of the whole is made of that of its parts
    if name == "add":
        shapes = {kind.shape for _, kind in call.inputs}
        return len(shapes) == 1
    return known.view_of is not None and not known.own and not known.keeps


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, Mapping):
        yield from _flat(tuple(value.values()))
    else:
        yield value


def _rebuilt(value: Any, tensors: Iterator[Tensor]) -> Any:
    """A nested value of types as one of tensors."""
    if isinstance(value, TensorType):
        return next(tensors)
    if isinstance(value, tuple):
        return tuple([_rebuilt(item, tensors) for item in value])
    if isinstance(value, dict):
        return {key: _rebuilt(item, tensors) for key, item in value.items()}
    return value
