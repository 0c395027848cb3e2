"""A function -> the same function, which torch.compile leaves alone.

``torch.compiler.disable`` does the same and imports torch._dynamo, which takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch._C import _dynamo

Function = TypeVar("Function", bound=Callable[..., Any])


def untraced(function: Function) -> Function:
    """Mark a function: it and all it calls run in plain Python even below ``torch.compile``."""
    function._torchdynamo_disable = True  # type: ignore[attr-defined]  # where calls are traced
    _skip_frames(function, recursively=True)
    return function


def no_entry(function: Function) -> Function:
    """Mark a function: a graph may run through it, and none begins with it."""
    _skip_frames(function, recursively=False)
    return function


def _skip_frames(function: Any, *, recursively: bool) -> None:
    frames: Any = _dynamo.eval_frame
    if not hasattr(frames, "set_code_exec_strategy"):  # torch before 2.7
        frames.skip_code(function.__code__)
        return
    action = frames._FrameAction
    inner = action.SKIP if recursively else action.DEFAULT
    frames.set_code_exec_strategy(function.__code__, frames._FrameExecStrategy(action.SKIP, inner))
