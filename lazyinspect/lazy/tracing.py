"""A function -> the same function, which torch.compile leaves alone.

``torch.compiler.disable`` does the same and imports torch._dynamo, which takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from torch._C._dynamo import eval_frame

Function = TypeVar("Function", bound=Callable[..., Any])


def untraced(function: Function) -> Function:
    """Run the function, and all it calls, in plain Python even below ``torch.compile``."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        callback = eval_frame.set_eval_frame(None)
        try:
            return function(*args, **kwargs)
        finally:
            eval_frame.set_eval_frame(callback)

    run._torchdynamo_disable = True  # type: ignore[attr-defined]  # the sign that it looks for
    return run  # type: ignore[return-value]
