"""``cls_to_become``: what a lazy module turns into, checked where it is set."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

_PROTOCOL = frozenset(
    {
        *("__module__", "__qualname__", "__doc__", "__annotations__", "__annotate__"),
        *("__annotate_func__", "__annotations_cache__", "__conditional_annotations__"),
        *("__firstlineno__", "__static_attributes__", "__parameters__", "__orig_bases__"),
        *("__init__", "infers", "infer", "infer_from_state", "shapes", "initialize_parameters"),
        *("materialised", "template_device", "cls_to_become"),
    }
)
"""What a lazy subclass may define and still become its parent's target."""


_CHECKED: set[tuple[type, type]] = set()
"""Pairs of a lazy class and a target that were found to fit."""


def eager_class(lazy: type) -> type[nn.Module]:
    """The class whose weights and attributes a lazy class has: its first base that is not lazy.

    ``nn.Module`` where there is none (a base of a family of lazy classes).
    """
    for base in lazy.__mro__:
        if issubclass(base, nn.Module) and not issubclass(base, LazyModuleMixin):
            return base
    raise TypeError(f"{lazy.__name__} is no nn.Module")


def check_target(lazy: type, target: Any) -> None:
    """Refuse a ``cls_to_become`` that instances of ``lazy`` cannot turn into.

    Raises:
        TypeError: with the reason.
    """
    if target is None or (lazy, target) in _CHECKED:
        return
    name = getattr(target, "__name__", repr(target))
    refused = f"{lazy.__name__} cannot become {name}: "
    if not (isinstance(target, type) and issubclass(target, nn.Module)):
        raise TypeError(f"{refused}cls_to_become is a subclass of nn.Module, or None")
    if issubclass(target, LazyModuleMixin):
        raise TypeError(f"{refused}it is lazy itself")
    eager = eager_class(lazy)
    if not issubclass(target, eager):
        raise TypeError(
            f"{refused}it is no subclass of {eager.__name__}, whose weights and attributes it gets"
        )
    overriding = forward_owner(lazy)
    if overriding is not None:
        raise TypeError(
            f"{refused}the forward that {overriding.__name__} defines would run once and then be "
            f"lost; define it in {name}, or leave cls_to_become out to keep the class"
        )
    lost = [name for name in _own_names(lazy) if not hasattr(target, name)]
    if lost:
        raise TypeError(
            f"{refused}`{lost[0]}` would be lost; define it in {name}, or leave cls_to_become out "
            "to keep the class"
        )
    probe: Any = object.__new__(lazy)
    try:
        probe.__class__ = target
    except TypeError as error:
        raise TypeError(f"{refused}{error} (`__slots__` differ)") from None
    _CHECKED.add((lazy, target))


def forward_owner(lazy: type) -> type | None:
    """The class, among the lazy ones and what is mixed into them, that overrides ``forward``."""
    eager = eager_class(lazy)
    for base in lazy.__mro__:
        if base is eager or base.__dict__.get("_dispatches_forward"):
            return None
        if "forward" in base.__dict__:
            return base
    return None


def _own_names(lazy: type) -> list[str]:
    """Public methods and attributes that the lazy classes and what is mixed into them define."""
    eager, names = eager_class(lazy), list[str]()
    for base in lazy.__mro__:
        if base is eager or base.__dict__.get("_dispatches_forward"):
            break
        known = _PROTOCOL.union(getattr(base, "infers", ()))
        names += [name for name in base.__dict__ if name not in known and name[0] != "_"]
    return names


class Become:
    """Data descriptor behind ``cls_to_become``: per class, or set on one instance."""

    def __init__(self, target: type[nn.Module] | None) -> None:
        self.target = target

    def __get__(self, instance: Any, owner: type) -> type[nn.Module] | None:
        if instance is None or "_lazy" not in instance.__dict__:
            return self.target
        own = instance.__dict__["_lazy"].become
        return own[0] if own else self.target

    def __set__(self, instance: Any, target: type[nn.Module] | None) -> None:
        if "_lazy" not in instance.__dict__:
            raise TypeError(
                f"{type(instance).__name__} is materialised already: "
                "cls_to_become is set before the first forward"
            )
        check_target(type(instance), target)
        instance.__dict__["_lazy"].become = (target,)


def inherited_target(cls: type) -> type[nn.Module] | None:
    """What a class without a ``cls_to_become`` of its own becomes."""
    eager = eager_class(cls)
    if eager is nn.Module:
        return None
    passed: list[type] = []
    for base in cls.__mro__:
        declared = base.__dict__.get("cls_to_become")
        if isinstance(declared, Become) and eager_class(base) is not nn.Module:
            keeps_class = any(set(own.__dict__) - _PROTOCOL for own in passed)
            return None if keeps_class else declared.target
        passed.append(base)
    return eager
