"""Plan, network and inputs -> Verified: the dummy forward, compared with the plan.

Raises NetworkError where the forward fails, InternalError where it disagrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import nn

from lazyinspect import lazy
from lazyinspect.errors import InternalError, LazyinspectError, Mark, NetworkError, Problem
from lazyinspect.lazy.tensors import is_uninitialised
from lazyinspect.network import Init
from lazyinspect.plan import tree
from lazyinspect.plan.plan import environment_of
from lazyinspect.probe.compare import mismatches
from lazyinspect.probe.devices import device_name, on_device
from lazyinspect.probe.memory import is_out_of_memory, out_of_memory
from lazyinspect.probe.observe import Recorder, listening, nodes_by_path, untouched_buffers
from lazyinspect.report import Environment, LayerRow, Place, Report, Verified


class Plan(Protocol):
    """What is verified of a plan."""

    @property
    def root(self) -> tree.Graph: ...
    @property
    def ties(self) -> tuple[tree.Tie, ...]: ...
    @property
    def rows(self) -> tuple[LayerRow, ...]: ...
    def report(self, *, environment: Environment | None = None) -> Report: ...


def verify(
    plan: Plan,
    network: nn.Module,
    inputs: Sequence[torch.Tensor],
    device: torch.device,
    *,
    init: Init = "default",
    dry: bool = False,
) -> Verified:
    """Run the network once, which materialises it, and hold every row against the plan.

    Buffers and the training mode are left as they were, and no hook stays, even after a failure.

    Args:
        dry: leave torch's random generators as they were, too, and in evaluation mode every
            module as it was if the forward fails.

    Raises:
        NetworkError: the forward fails; names the layer, with torch's message as a note.
        InternalError: a shape, dtype, count or class is not as planned.
    """
    nodes = nodes_by_path(plan.root)
    recorder = Recorder(nodes)

    def running() -> tuple[str, int]:
        if not recorder.running:
            return "", 0
        return recorder.running[-1].path, recorder.running[-1].call

    with (
        _partial(plan, running, device),
        failures(plan, running),
        torch.no_grad(),
        on_device(device),
        lazy.initialisation(init),
        untouched_buffers(network, nodes),
        listening(network, nodes, recorder),
    ):
        if dry and not network.training:
            lazy.materialise(network, *inputs)
        else:
            network(*inputs)
    wrong = (*mismatches(plan.rows, recorder.rows), *_loose_ends(plan, network))
    if wrong:
        raise InternalError(
            Problem(
                "plan-mismatch",
                f"what ran on {device} is not what was planned: {wrong[0]}",
                notes=wrong[1:],
            )
        )
    layers = sum(row.kind != "container" for row in plan.rows)
    return Verified(device=str(device), layers=layers)


@contextmanager
def _partial(
    plan: Plan, running: Callable[[], tuple[str, int]], device: torch.device
) -> Iterator[None]:
    """Gives an error the rows that ran before it."""
    try:
        yield
    except NetworkError as error:
        # only here: a forward that works need not load it
        from lazyinspect.plan.partial import run_part

        path, call = running()
        environment = environment_of(str(device), device_name(device))
        error.make_partial = lambda: run_part(plan.report(environment=environment), path, call)
        raise


@contextmanager
def failures(
    plan: Plan, running: Callable[[], tuple[str, int]] = lambda: ("", 0)
) -> Iterator[None]:
    """Turns what torch raises into a NetworkError.

    Args:
        running: path and call of the step in hand.
    """
    try:
        yield
    # a class of the user's own may call sys.exit
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            path, _ = running()
            where = f" at `{path}`" if path else ""
            raise out_of_memory(f"the device ran out of memory{where}", (_first(error),)) from error
        if isinstance(error, LazyinspectError):
            raise
        raise _failed(plan, *running(), error) from error


def _failed(plan: Plan, path: str, call: int, error: BaseException) -> NetworkError:
    row = next((row for row in plan.rows if (row.path, row.call) == (path, call)), None)
    what = f"{row.type} at `{path}`" if row is not None and path else "the network"
    mark: Mark | None = None
    used_at: tuple[Mark, ...] = ()
    if row is not None:
        source = nodes_by_path(plan.root)[path].mark.source

        def mark_at(place: Place) -> Mark:
            return Mark(source, place.line, place.column)

        mark = mark_at(row.place)
        used_at = tuple(map(mark_at, row.used_at))
    return NetworkError(
        Problem(
            "forward-failed",
            f"{what} fails in the forward",
            mark,
            notes=(f"{type(error).__name__}: {error}",),
            used_at=used_at,
        )
    )


def _first(error: BaseException) -> str:
    """Torch's message without its advice, which fills a screen."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _loose_ends(plan: Plan, network: nn.Module) -> Iterator[str]:
    for path, parameter in network.named_parameters():
        if is_uninitialised(parameter):
            yield f"{path}: no forward gave it a shape"
    for tied in plan.ties:
        if network.get_parameter(tied.path) is not network.get_parameter(tied.source):
            yield f"{tied.path}: no longer tied to {tied.source}"
