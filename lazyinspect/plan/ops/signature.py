"""Signature text -> parameters with types, and the binding of arguments to them. No torch here.

The text is a Python parameter list. Types:

========================  ==================================================================
``int``                   an integer; a boolean or a float is refused
``float``                 a float or an integer
``bool``                  ``true`` or ``false``; a string is never one
``str``, ``dtype``        a string; the name of a dtype such as ``float32``
``int[2]``                an integer, or a list of exactly two
``int[:]``, ``float[:]``  a number, or a list of any length
``list[int]``             a list of integers; ``list[int, 2]`` of exactly two; ``list[list[int]]``
``Literal['a', 'b']``     one of these strings
``module``                a layer given as an argument: a name, or a mapping with one op
``any``                   anything
``int | None``            a union; ``None`` is YAML's ``null``
========================  ==================================================================
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lazyinspect.errors import ArgumentError
from lazyinspect.shapes import ITEM_BYTES, whole


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()
"""Default of a parameter that must be given."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One alternative of a parameter's type."""

    base: str
    """``int``, ``float``, ``bool``, ``str``, ``dtype``, ``list``, ``Literal``, ``None``,
    ``module`` or ``any``."""
    item: Kind | None = None
    length: int | None = None
    choices: tuple[str, ...] = ()

    def accepts(self, value: Any) -> bool:
        base = self.base
        if base == "int":
            return whole(value)
        if base == "float":
            return isinstance(value, float) or whole(value)
        if base == "bool":
            return type(value) is bool
        if base == "str":
            return type(value) is str
        if base == "dtype":
            return type(value) is str and value in ITEM_BYTES
        if base == "Literal":
            return type(value) is str and value in self.choices
        if base == "None":
            return value is None
        if base == "list":
            return (
                type(value) is tuple
                and self.length in (None, len(value))
                and (self.item is None or all(map(self.item.accepts, value)))
            )
        return True

    def __str__(self) -> str:
        if self.base == "list":
            if self.length == 1:
                return f"a list of {str(self.item).replace('an ', 'one ').replace('a ', 'one ')}"
            size = f"{self.length} " if self.length is not None else ""
            return f"a list of {size}{str(self.item).removeprefix('a ').removeprefix('an ')}s"
        if self.base == "Literal":
            return " or ".join(f"`{choice}`" for choice in self.choices)
        return _NAMES.get(self.base, self.base)


_NAMES = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "dtype": "a dtype such as float32",
    "None": "null",
    "module": "a layer",
    "any": "any value",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a signature."""

    name: str
    kinds: tuple[Kind, ...]
    annotation: str
    default: Any = REQUIRED
    keyword_only: bool = False
    variadic: bool = False

    @property
    def required(self) -> bool:
        return self.default is REQUIRED and not self.variadic

    def check(self, value: Any) -> None:
        """Raises ArgumentError where ``value`` is of none of the types."""
        for kind in self.kinds:
            if kind.accepts(value):
                return
        raise ArgumentError(
            f"`{self.name}` takes {self.expected}, and gets {_show(value)}",
            argument=self.name,
            help=_type_help(self.kinds, value),
        )

    @property
    def expected(self) -> str:
        return " or ".join(str(kind) for kind in self.kinds)


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """Parameters in order. ``text`` is what docs print."""

    text: str
    parameters: tuple[Parameter, ...]
    by_name: Mapping[str, Parameter]
    defaults: Mapping[str, Any]
    open: bool = False
    """``**kwargs``: any further keyword is taken, as nn.Identity does."""
    layers: frozenset[str] = frozenset()
    """Parameters that take a layer."""

    def without(self, names: Iterable[str]) -> Signature:
        """The signature less some parameters: a lazy class's from its eager one's."""
        gone = set(names)
        return _signature((p for p in self.parameters if p.name not in gone), self.open)

    def bind(self, positional: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments given, by name, in the signature's order. Values are type-checked.

        Raises:
            ArgumentError: too many, unknown, given twice, missing, or of a wrong type.
        """
        given: dict[str, Any] = {}
        slots = [p for p in self.parameters if not p.keyword_only]
        variadic = slots[-1] if slots and slots[-1].variadic else None
        if variadic is not None:
            slots.pop()
            rest = tuple(positional[len(slots) :])
            if rest:
                given[variadic.name] = rest
            positional = positional[: len(slots)]
        if len(positional) > len(slots):
            limit = f"at most {len(slots)}" if slots else "no"
            plural = "" if len(slots) == 1 else "s"
            raise ArgumentError(
                f"takes {limit} positional argument{plural}, and gets {len(positional)}",
                help=f"the signature is ({self.text})",
            )
        for parameter, value in zip(slots, positional, strict=False):
            given[parameter.name] = value
        for name, value in keywords.items():
            if name not in self.by_name and not self.open:
                raise unknown_argument(name, self)
            if name in given:
                raise ArgumentError(f"`{name}` is given twice", argument=name)
            given[name] = value
        ordered: dict[str, Any] = {}
        missing = []
        for parameter in self.parameters:
            if parameter.name in given:
                value = given[parameter.name]
                if not parameter.variadic:
                    parameter.check(value)
                ordered[parameter.name] = value
            elif parameter.required:
                missing.append(parameter.name)
        if self.open:
            ordered.update((n, value) for n, value in given.items() if n not in ordered)
        if missing:
            names = " and ".join(f"`{name}`" for name in missing)
            raise ArgumentError(
                f"needs {names}", help=f"the signature is ({self.text})", argument=None
            )
        return ordered


def unknown_argument(name: str, signature: Signature) -> ArgumentError:
    """The error for a keyword that the signature lacks, with the nearest name."""
    import difflib

    near = difflib.get_close_matches(name, list(signature.by_name), n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`? " if near else ""
    return ArgumentError(
        f"has no argument `{name}`",
        argument=name,
        help=f"{hint}the signature is ({signature.text})",
    )


_CACHE: dict[str, Signature] = {}


def parse_signature(text: str) -> Signature:
    """Parse a signature; each text once per process."""
    signature = _CACHE.get(text)
    if signature is None:
        arguments = _arguments(text)
        signature = _CACHE[text] = _signature(_parse(arguments), arguments.kwarg is not None)
    return signature


def _signature(parameters: Iterable[Parameter], open: bool = False) -> Signature:
    listed = tuple(parameters)
    return Signature(
        text=_text(listed) + (", **kwargs" if open else ""),
        parameters=listed,
        by_name={p.name: p for p in listed},
        defaults={p.name: () if p.variadic else p.default for p in listed if not p.required},
        open=open,
        layers=frozenset(p.name for p in listed if any(k.base == "module" for k in p.kinds)),
    )


def _text(parameters: Sequence[Parameter]) -> str:
    parts: list[str] = []
    starred = False
    for p in parameters:
        if p.keyword_only and not starred:
            parts.append("*")
        starred = starred or p.keyword_only or p.variadic
        star = "*" if p.variadic else ""
        default = "" if p.default is REQUIRED or p.variadic else f"={_yaml(p.default)}"
        parts.append(f"{star}{p.name}{default}")
    return ", ".join(parts)


def _arguments(text: str) -> ast.arguments:
    function = ast.parse(f"def f({text}): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    return function.args


def _parse(arguments: ast.arguments) -> list[Parameter]:
    plain = arguments.args
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    defaults.extend(arguments.defaults)
    found = [
        _parameter(argument, default) for argument, default in zip(plain, defaults, strict=True)
    ]
    if arguments.vararg is not None:
        found.append(_parameter(arguments.vararg, None, variadic=True))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(_parameter(argument, default, keyword_only=True))
    return found


def _parameter(
    argument: ast.arg,
    default: ast.expr | None,
    *,
    keyword_only: bool = False,
    variadic: bool = False,
) -> Parameter:
    annotation = argument.annotation
    return Parameter(
        name=argument.arg,
        kinds=(Kind("any"),) if annotation is None else tuple(_kinds(annotation)),
        annotation="any" if annotation is None else ast.unparse(annotation),
        default=REQUIRED if default is None else ast.literal_eval(default),
        keyword_only=keyword_only,
        variadic=variadic,
    )


def _kinds(node: ast.expr) -> Iterable[Kind]:
    if isinstance(node, ast.BinOp):
        yield from _kinds(node.left)
        yield from _kinds(node.right)
    elif isinstance(node, ast.Constant):
        yield Kind("None")
    elif isinstance(node, ast.Name):
        yield Kind(node.id)
    else:
        assert isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
        yield from _subscript(node.value.id, node.slice)


def _subscript(name: str, index: ast.expr) -> Iterable[Kind]:
    if name == "Literal":
        choices = index.elts if isinstance(index, ast.Tuple) else [index]
        yield Kind("Literal", choices=tuple(ast.literal_eval(choice) for choice in choices))
    elif name == "list":
        if isinstance(index, ast.Tuple):
            item, length = index.elts
            yield Kind("list", next(iter(_kinds(item))), ast.literal_eval(length))
        else:
            yield Kind("list", next(iter(_kinds(index))))
    else:
        yield Kind(name)
        yield Kind(
            "list", Kind(name), None if isinstance(index, ast.Slice) else ast.literal_eval(index)
        )


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    return str(value)


def _show(value: Any) -> str:
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, tuple):
        return f"the list {_yaml(value)}"
    if isinstance(value, float):
        return f"the float {value!r}"
    # a layer as a value, of which the op table knows nothing
    layer = getattr(value, "op", None)
    return f"the layer {layer}" if isinstance(layer, str) else _yaml(value)


def _type_help(kinds: tuple[Kind, ...], value: Any) -> str:
    bases = {kind.base for kind in kinds}
    choices = [choice for kind in kinds for choice in kind.choices]
    if choices and isinstance(value, str):
        import difflib

        near = difflib.get_close_matches(value, choices, n=1)
        if near:
            return f"did you mean `{near[0]}`?"
    if "bool" in bases and isinstance(value, str):
        truth = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false"}
        word = truth.get(value.lower(), "false" if value.lower() == "n" else "")
        return f"write `{word}`" if word else "write `true` or `false`"
    if "int" in bases and isinstance(value, float):
        if value.is_integer() and abs(value) < 2**53:
            return f"write `{int(value)}`; in a formula, divide with `//`"
        return "a size is a whole number; in a formula, divide with `//`"
    return ""
