"""Steps on storages -> the most that is alive at once, in inference and in training. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lazyinspect.measure.memory.trace import Step, Trace
from lazyinspect.shapes import largest


@dataclass(frozen=True, slots=True)
class Peak:
    """The most bytes that are alive at once, and where."""

    bytes: int
    row: int | None
    """The plan's row at which that is; None for a network without steps, or a formula."""


def inference(trace: Trace) -> Peak:
    """The peak of a forward without gradients: inputs, and every buffer from the step that makes
    it to the last that refers to it. Weights are not in it.
    """
    return _largest(_alive(trace))


def _alive(trace: Trace) -> Iterator[tuple[int, int]]:
    """Row and bytes alive while each step runs."""
    dying: dict[int, list[int]] = {}
    end = len(trace.steps)
    for storage, last in enumerate(trace.last):
        held = storage in trace.inputs or storage in trace.outputs
        dying.setdefault(end if held else last, []).append(storage)
    now = sum([trace.sizes[storage] for storage in trace.inputs])
    for at, step in enumerate(trace.steps):
        now = now + sum([trace.sizes[storage] for storage in step.fresh])
        yield step.row, now + step.workspace
        now = now - sum([trace.sizes[storage] for storage in dying.get(at, ())])
    if not trace.steps:
        yield -1, now


def kept(trace: Trace) -> dict[str, int]:
    """Bytes of what autograd keeps for the backward, by dtype: storages once, inputs left out."""
    found: dict[str, int] = {}
    for storage in _kept_storages(trace):
        kind = trace.kinds[storage]
        found[kind] = found.get(kind, 0) + trace.sizes[storage]
    for step in trace.steps:
        for own in step.own:
            found[own.dtype] = found.get(own.dtype, 0) + own.nbytes
    return found


def _kept_storages(trace: Trace) -> dict[int, None]:
    return dict.fromkeys(
        storage for step in trace.steps for storage in step.keeps if storage not in trace.inputs
    )


@dataclass(frozen=True, slots=True)
class Training:
    """Peaks of one step of training, weights and optimizer state left out."""

    forward: Peak
    backward: Peak
    """Kept activations, gradients of activations, and those of weights so far."""


def training(trace: Trace) -> Training:
    """Peaks of the forward with gradients and of the backward.

    In the backward a gradient lives from the step that makes it to the step whose output it is
    of; a sum and a view give it on as it is. Where several steps read a value their gradients
    are added into the first. What the kernels of the backward take inside is left out.
    """
    forward = list(_forward(trace))
    return Training(_largest(iter(forward)), _largest(_backward(trace)))


def _forward(trace: Trace) -> Iterator[tuple[int, int]]:
    end = len(trace.steps)
    stays = {*trace.inputs, *trace.outputs, *_kept_storages(trace)}
    dying: dict[int, list[int]] = {}
    for storage, last in enumerate(trace.last):
        dying.setdefault(end if storage in stays else last, []).append(storage)
    now = sum([trace.sizes[storage] for storage in trace.inputs])
    for at, step in enumerate(trace.steps):
        now = now + sum([trace.sizes[storage] for storage in step.fresh])
        owned = sum([kind.nbytes for kind in step.own])
        # what is in the workspace of inference is kept here
        yield step.row, now + (owned if step.own else step.workspace)
        now = now + owned - sum([trace.sizes[storage] for storage in dying.get(at, ())])


def _backward(trace: Trace) -> Iterator[tuple[int, int]]:
    keepers: dict[int, int] = {}
    for step in trace.steps:
        for storage in step.keeps:
            keepers[storage] = keepers.get(storage, 0) + 1
    held = {*trace.inputs, *trace.outputs}
    now = sum([trace.sizes[storage] for storage in (*trace.inputs, *trace.outputs)])
    now = now + sum([trace.sizes[s] for s in keepers if s not in held])
    now = now + sum([kind.nbytes for step in trace.steps for kind in step.own])
    trained: dict[str, bool] = {}
    gradients: dict[int, list[int]] = {}
    """By value, as its identity: the buffer that holds its gradient."""
    buffers: dict[int, tuple[int, int]] = {}
    """By buffer: its bytes, and how many values refer to it."""

    def start(value: int, size: int) -> int:
        """A new gradient; how many bytes it adds for good."""
        if value in gradients:
            return 0  # added into the one that is there
        number = len(buffers)
        buffers[number] = (size, 1)
        gradients[value] = [number]
        return size

    for tensor in trace.results:
        if tensor.grad:
            now = now + start(id(tensor), tensor.kind.nbytes)
    yield (trace.steps[-1].row if trace.steps else -1), now
    for step in reversed(trace.steps):
        mine = [id(tensor) for tensor in step.outs if id(tensor) in gradients]
        if not mine:
            now = now - _released(trace, step, keepers, held)
            continue
        made, transient = 0, 0
        needing = [tensor for tensor in step.ins if tensor.grad]
        if step.passes and len(mine) == 1:
            (number,) = gradients[mine[0]]
            for tensor in needing:
                if id(tensor) in gradients:
                    continue
                size, count = buffers[number]
                buffers[number] = (size, count + 1)
                gradients[id(tensor)] = [number]
        else:
            for tensor in needing:
                size = tensor.kind.nbytes
                added = start(id(tensor), size)
                made = made + added
                transient = transient + (size if not added else 0)
        for name, size, plain in step.weights:
            if name in trained:
                # the gradients of both uses, and their sum where it is added into neither
                transient = transient + (size if plain or trained[name] else 2 * size)
                trained[name] = True
            else:
                made = made + size
                trained[name] = plain
        now = now + made
        yield step.row, now + transient
        for value in mine:
            (number,) = gradients.pop(value)
            size, count = buffers[number]
            buffers[number] = (size, count - 1)
            if count == 1:
                now = now - size
        now = now - _released(trace, step, keepers, held)


def _released(trace: Trace, step: Step, keepers: dict[int, int], held: set[int]) -> int:
    """Bytes of what only this step's backward still kept."""
    freed = sum([kind.nbytes for kind in step.own])
    for storage in step.keeps:
        keepers[storage] -= 1
        if not keepers[storage] and storage not in held:
            freed = freed + trace.sizes[storage]
    return freed


def _largest(alive: Iterator[tuple[int, int]]) -> Peak:
    listed = list(alive)
    if not listed:
        return Peak(0, None)
    most = largest(size for _, size in listed)
    row = next((row for row, size in listed if type(most) is int and size == most), None)
    return Peak(most, row if row is not None and row >= 0 else None)
