"""What a lazy class infers -> sizes to build its eager class with. Raises InferenceError."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazyinspect.lazy.errors import InferenceError, name_of


def checked_sizes(
    module: Any, sizes: Mapping[str, Any], source: Callable[[], str]
) -> dict[str, Any]:
    """Inferred arguments as plain ints (a traced size is none), zero refused.

    Args:
        module: the lazy module that inferred them.
        source: says where they come from, for the message.

    Raises:
        InferenceError: they are not the arguments in ``infers``, or no sizes.
    """
    plain: dict[str, Any] = {}
    if not isinstance(sizes, Mapping) or not set(sizes) <= set(module.infers):
        wanted = ", ".join(module.infers)
        raise InferenceError(
            f"{name_of(module)}: infer returns a mapping of {wanted}, and not {sizes!r}"
        )
    for name, value in sizes.items():
        if isinstance(value, float):
            raise InferenceError(
                f"{name_of(module)}: infer gives the size {name} as the float {value!r}"
            )
        if isinstance(value, (tuple, list)):
            plain[name] = tuple(map(int, value))
        else:
            plain[name] = None if value is None else int(value)
        if plain[name] == 0 or (isinstance(value, (tuple, list)) and 0 in plain[name]):
            raise InferenceError(
                f"{name_of(module)} needs {name} of at least 1, and gets {plain[name]} "
                f"from {source()}"
            )
    return plain
