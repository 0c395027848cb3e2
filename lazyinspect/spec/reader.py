"""Text -> nodes with positions: YAML 1.2 core scalars, and nothing that YAML can hide.

Raises SpecError for what is no YAML, or is YAML that a spec may not use: tags, anchors, aliases,
merge keys, duplicate keys, several documents, too much text, too deep a nesting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from lazyinspect.errors import Mark, Problem, Source, SpecError

MAX_BYTES = 1 << 20
MAX_DEPTH = 64

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
# libyaml, where PyYAML was built with it, reads five times faster; the events are the same.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A leaf: its value by YAML 1.2's core schema, and its text as written."""

    value: Any
    text: str
    mark: Mark
    plain: bool
    """False: it stands in quotes or is a block scalar, and is a string."""


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A mapping, in the order of the file."""

    pairs: tuple[tuple[Scalar, Node], ...]
    mark: Mark

    def get(self, key: str) -> Node | None:
        for name, value in self.pairs:
            if name.text == key:
                return value
        return None


Node: TypeAlias = "Scalar | Sequence | Mapping"


def decode(data: bytes, path: str) -> str:
    """UTF-8, with or without a BOM.

    Raises:
        SpecError: another encoding, or more than 1 MiB.
    """
    if len(data) > MAX_BYTES:
        raise SpecError(
            Problem(
                "spec-too-large",
                f"{path} has {len(data):,} bytes, and a spec at most {MAX_BYTES:,}",
                help="a spec names layers; `repeat` and `blocks` say what is alike once",
            )
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SpecError(
            Problem(
                "spec-encoding",
                f"{path} is not UTF-8: byte {error.start} (line {line}) is "
                f"0x{data[error.start]:02x}",
                help="save the file as UTF-8",
            )
        ) from None


def read(text: str, path: str) -> Node:
    """Parse one document.

    Raises:
        SpecError: with one problem, at its line; YAML is read no further than that.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        decode(text.encode("utf-8", "surrogatepass"), path)
    source = Source(path, tuple(text.split("\n")))
    try:
        return _Builder(source).build(text)
    except yaml.MarkedYAMLError as error:
        raise SpecError(_syntax_problem(error, source)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        mark = Mark(source, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        code = error.character if isinstance(error.character, int) else ord(error.character)
        what = f"the character U+{code:04X}"
        raise SpecError(
            Problem("yaml-syntax", f"{what} is not allowed in YAML", mark, help="remove it")
        ) from None


class _Builder:
    def __init__(self, source: Source) -> None:
        self.source = source

    def build(self, text: str) -> Node:
        root: Node | None = None
        # one frame per open collection: (is_mapping, children, mark)
        stack: list[tuple[bool, list[Node], Mark]] = []
        documents = 0
        events: Any = yaml.parse(text, Loader=_LOADER)
        for event in events:
            kind = type(event)
            node: Node
            if kind is yaml.ScalarEvent:
                node = self._scalar(event)
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                self._plain_node(event)
                if len(stack) >= MAX_DEPTH:
                    raise self._error(
                        event,
                        "yaml-depth",
                        f"nested deeper than {MAX_DEPTH} levels",
                        "name parts of the network in `blocks:`",
                    )
                stack.append((kind is yaml.MappingStartEvent, [], self._mark(event)))
                continue
            elif kind is yaml.SequenceEndEvent:
                _, children, mark = stack.pop()
                node = Sequence(tuple(children), mark)
            elif kind is yaml.MappingEndEvent:
                _, children, mark = stack.pop()
                node = Mapping(self._pairs(children), mark)
            elif kind is yaml.AliasEvent:
                raise self._error(
                    event,
                    "yaml-alias",
                    f"the alias `*{event.anchor}` is not allowed in a spec",
                    "name what is shared in `params:` or `blocks:`",
                )
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise self._error(
                        event,
                        "yaml-documents",
                        "a second document starts here",
                        "one file, one spec",
                    )
                continue
            else:
                continue
            if stack:
                stack[-1][1].append(node)
            else:
                root = node
        if root is None or (isinstance(root, Scalar) and root.value is None):
            raise SpecError(
                Problem(
                    "spec-empty",
                    f"{self.source.path} is empty",
                    help="a spec needs `input:` and `layers:`",
                )
            )
        return root

    def _mark(self, event: Any) -> Mark:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return Mark(self.source, start.line + 1, start.column + 1, max(length, 1))

    def _error(self, event: Any, code: str, message: str, help: str) -> SpecError:
        return SpecError(Problem(code, message, self._mark(event), help=help))

    def _plain_node(self, event: Any) -> None:
        """No tag and no anchor."""
        if event.anchor is not None:
            raise self._error(
                event,
                "yaml-anchor",
                f"the anchor `&{event.anchor}` is not allowed in a spec",
                "name what is shared in `params:` or `blocks:`",
            )
        if event.tag is not None:
            raise self._error(
                event,
                "yaml-tag",
                f"the tag `{event.tag}` is not allowed in a spec",
                "remove it; quote a text that starts with `!`",
            )

    def _scalar(self, event: Any) -> Scalar:
        self._plain_node(event)
        text = event.value
        plain = bool(event.implicit[0])
        return Scalar(core_value(text) if plain else text, text, self._mark(event), plain)

    def _pairs(self, children: list[Node]) -> tuple[tuple[Scalar, Node], ...]:
        pairs = []
        seen: dict[str, Scalar] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise SpecError(
                    Problem(
                        "yaml-key",
                        "a key is a name, not a list or a mapping",
                        key.mark,
                        help="quote a name that starts with `[` or `{`",
                    )
                )
            if key.plain and key.text == "<<":
                raise SpecError(
                    Problem(
                        "yaml-merge-key",
                        "the merge key `<<` is not allowed in a spec",
                        key.mark,
                        help="write the keys out, or use `params:` and `blocks:`",
                    )
                )
            if key.text in seen:
                first = seen[key.text].mark
                raise SpecError(
                    Problem(
                        "duplicate-key",
                        f"the key `{key.text}` stands here twice",
                        key.mark,
                        found=f"first at line {first.line}",
                        help="YAML would keep the last one silently; rename or remove one",
                    )
                )
            seen[key.text] = key
            pairs.append((key, value))
        return tuple(pairs)


def core_value(text: str) -> Any:
    """The value of a plain scalar by the core schema of YAML 1.2.

    Source: https://yaml.org/spec/1.2.2/#103-core-schema
    """
    first = text[:1]
    if first.isalpha() or first == "$" or first == "_":
        return _WORDS.get(text, text)
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text) if len(text) < 400 else text
    if text.startswith("0o") and re.match(r"0o[0-7]+\Z", text):
        return int(text[2:], 8)
    if text.startswith("0x") and re.match(r"0x[0-9a-fA-F]+\Z", text):
        return int(text[2:], 16)
    if _FLOAT.match(text):
        return float(text)
    return text


def _syntax_problem(error: yaml.MarkedYAMLError, source: Source) -> Problem:
    where = error.problem_mark or error.context_mark
    if error.problem and "expected ',' or" in error.problem and error.context_mark is not None:
        # the end of the file is where it shows, the opening bracket is where it is wrong
        start = error.context_mark
        opened = Mark(source, start.line + 1, start.column + 1)
        what = "list" if "sequence" in (error.context or "") else "mapping"
        missed = "" if where is None else f", seen at line {where.line + 1}"
        return Problem(
            "yaml-syntax",
            f"this {what} is not closed, or lacks a comma{missed}",
            opened,
            help=f"close it with `{']' if what == 'list' else '}'}`",
        )
    mark = None
    if where is not None:
        line = min(where.line + 1, len(source.lines))
        mark = Mark(source, line, where.column + 1)
    message = error.problem or "not YAML"
    if error.context:
        message = f"{message} {error.context}"
    return Problem("yaml-syntax", message, mark, help=_syntax_help(message, mark))


def _syntax_help(message: str, mark: Mark | None) -> str:
    line = mark.source.lines[mark.line - 1] if mark is not None else ""
    if "\t" in line and ("token" in message or "tab" in message):
        return "indent with spaces: YAML allows no tab there"
    if "mapping values are not allowed" in message:
        return (
            "put braces around a step under a name, conv: {LazyConv2d: [16, 3]}; quote a text "
            "that contains `: `"
        )
    if "expected" in message and "block" in message and ", " in line and "- " in line:
        return "put braces around a step with further keys: - {LazyConv2d: [16, 3], as: x}"
    if "could not find expected ':'" in message:
        return "a `:` is missing after a key, or the line is indented too little"
    return "check the indentation and the brackets above this place"
