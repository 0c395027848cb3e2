"""Texts of the command line -> values, or a usage error that says what an option takes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from enum import Enum
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, cast

import typer

if TYPE_CHECKING:
    from lazyinspect.render.layout import Layout


_SETTING = ("run", "export", "diff")
"""Commands that take parameters of a spec."""


def without_pydantic(command: Any) -> Any:
    """The command, with its options converted here instead of by typer.

    Typer has pydantic validate each value, and importing pydantic takes as long as planning
    ResNet-50 from start to finish. A typer that does not ask for ``get_runtime_param`` converts
    by itself, as it always did.
    """
    context = typer.Context(command, **command.context_settings)
    for each in (command, *command.commands.values()):
        # the context is for the help option, which is made when first asked for
        for parameter in each.get_params(typer.Context(each, parent=context)):
            parameter.get_runtime_param = _Conversion
    return command


class _Conversion:
    """Strings to what a parameter is annotated as: str, int, Path, an Enum, or a list."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Called by typer with what was given or with the default."""
        kind = param.type_descriptor.annotation
        if value is None or param.multiple or param.nargs != 1:
            return value
        if not isinstance(value, kind):
            try:
                value = kind(value)
            except ValueError:
                refuse(f"`{value}` is not {_expected(kind)}", param.get_error_hint())
        low = getattr(param, "min", None)
        if low is not None and value < low:
            refuse(f"{value} is less than {low}", param.get_error_hint())
        return value


def _expected(kind: type) -> str:
    if issubclass(kind, Enum):
        return "one of " + ", ".join(member.value for member in kind)
    return "a whole number" if kind is int else f"a {kind.__name__}"


def setting(text: str) -> tuple[str, Any]:
    """``k=[1, 7]`` as a name and the value that a spec would hold there."""
    from lazyinspect.spec.reader import Mapping, Node, Scalar, core_value, read

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        refuse(f"`{text}` is not KEY=VALUE", "--set")

    def python(node: Node) -> Any:
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Mapping):
            return {key.text: python(item) for key, item in node.pairs}
        return [python(item) for item in node.items]

    name, value = name.strip(), value.strip()
    if value[:1] in ("[", "{", '"', "'"):
        return name, python(read(value, f"--set {name}"))
    return name, core_value(value) if value else ""


def shapes(texts: Sequence[str]) -> list[int] | dict[str, list[int]] | None:
    """``8,3,256,256`` as a shape, ``ids=1,64`` as a named one."""
    found = named_shapes(texts)
    if has_names(found):
        refuse("names of sizes, as in N,3,H,W, are for `lazyinspect run`", "--input")
    return cast("list[int] | dict[str, list[int]] | None", found)


def named_shapes(texts: Sequence[str]) -> list[int | str] | dict[str, list[int | str]] | None:
    """As :func:`shapes`; sizes may also have names: ``N,3,H,W``."""
    named: dict[str, list[int | str]] = {}
    for text in texts:
        name, equals, sizes = text.rpartition("=")
        parts = [part.strip() for part in sizes.strip().strip("[]").split(",")]
        if not all(map(_is_size, parts)):
            refuse(
                f"`{text}` is no shape: write 8,3,256,256 or ids=1,64, or N,3,H,W for formulas",
                "--input",
            )
        shape: list[int | str] = [int(part) if part.isdecimal() else part for part in parts]
        if not equals:
            if len(texts) > 1:
                refuse("several inputs are given by name: ids=1,64", "--input")
            return shape
        if name in named:
            refuse(f"`{name}` is given twice", "--input")
        named[name] = shape
    return named or None


def batches(text: str | None) -> list[int]:
    """``1,8,32`` as batches; none where nothing is given."""
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 400 for part in parts):
        refuse(f"`{text}` is no batch: write 8, or 1,8,32 for a sweep", "--batch")
    found = [int(part) for part in parts]
    if 0 in found:
        refuse("0 is less than 1", "--batch")
    return found


def alternatives(texts: Sequence[str]) -> list[list[str]]:
    """``--input`` with several shapes for one input, ``1,3,64,64;1,3,96,96``, one by one."""
    several = [k for k, text in enumerate(texts) if ";" in text]
    if len(several) > 1:
        refuse("one input may have several shapes, and the others one each", "--input")
    if not several:
        return [list(texts)]
    (place,) = several
    name, equals, shapes_ = texts[place].rpartition("=")
    choices = [part.strip() for part in shapes_.split(";") if part.strip()]
    return [[*texts[:place], f"{name}{equals}{choice}", *texts[place + 1 :]] for choice in choices]


def picture(path: Path | None) -> Path | None:
    """A file that is to be a plot."""
    if path is not None and path.suffix.lower() not in (".svg", ".png"):
        refuse(f"`{path}` is neither .svg nor .png", "--plot")
    return path


def _is_size(part: str) -> bool:
    """A number, or a name for one."""
    if not part.isascii() or len(part) >= 400:
        return False
    if part.isdecimal():
        return True
    return part.isidentifier() and part[0].isalpha() and not iskeyword(part) and (
        part not in _FUNCTIONS
    )  # fmt: skip


_FUNCTIONS = ("floor", "ceil", "int", "round", "min", "max")
"""Of formulas: no size may have such a name."""


def has_names(found: list[int | str] | dict[str, list[int | str]] | None) -> bool:
    """Whether a size of ``--input`` has a name instead of a number."""
    several = found.values() if isinstance(found, dict) else [found or []]
    return any(isinstance(size, str) for shape in several for size in shape)


def size(text: str, option: str = "--memory-limit") -> int:
    """``8GiB`` in bytes."""
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    units |= {f"{letter}IB": 2 ** (10 * power) for power, letter in enumerate("KMGT", start=1)}
    number = text.strip().rstrip("BbKkMmGgTtIi ")
    if number[:1] == "-":
        refuse(f"`{text}` is less than 0", option)
    unit = text.strip()[len(number) :].strip().upper()
    try:
        return int(float(number) * units[unit])
    except (KeyError, ValueError, OverflowError):
        refuse(f"`{text}` is no size: write 8GiB, 500MB or a number of bytes", option)


def columns(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    from lazyinspect.render.table import COLUMNS

    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or not names:
        refuse(f"`{', '.join(unknown)}`: the columns are {', '.join(COLUMNS)}", "--columns")
    return names


def layout(stream: TextIO | None, plain: bool, **choices: Any) -> Layout:
    """What the stream shows; ``choices`` are the Layout's other fields."""
    from lazyinspect.render.layout import Layout

    shown = not plain and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Layout(
        # a pipe has no width: a hundred columns fit every network of configs/
        width=shutil.get_terminal_size((100, 24)).columns,
        color=shown and stream is not None and stream.isatty(),
        unicode=(getattr(stream, "encoding", None) or "").lower().startswith("utf"),
        **choices,
    )


def usage_help(given: Sequence[str], message: str) -> str:
    """What a command line that is refused was probably meant to be; empty where nobody knows."""
    command = re.search(r"No such command '([^']+)'", message)
    if command and (command[1].endswith((".yaml", ".yml")) or os.path.isfile(command[1])):
        return f"lazyinspect run {shlex.join(given)}"
    if command and command[1] == "help":
        return "lazyinspect --help"
    option = re.search(r"No such option: --([\w-]+)", message)
    if option and given[0] in _SETTING and f"--{option[1]}" not in message[option.end() :]:
        written = f"--{option[1]}="
        value = next((text for text in given if text.startswith(written)), "")
        setting = f"{option[1].replace('-', '_')}={value.removeprefix(written) or 'VALUE'}"
        return f"a parameter of the spec is set with --set {setting}"
    return _spaced_setting(given) if "unexpected extra" in message else ""


def _spaced_setting(given: Sequence[str]) -> str:
    """`--set width 3`, which lacks the `=`."""
    for option, name, value in zip(given, given[1:], given[2:], strict=False):
        if option == "--set" and name.isidentifier() and not value.startswith("-"):
            return f"--set {name}={value}"
    return ""


def refuse(message: str, option: str) -> NoReturn:
    raise typer.BadParameter(message, param_hint=option)
