"""Text -> nodes with positions: YAML 1.2 core scalars, and nothing that YAML can hide.

Raises SpecError for what is no YAML, or is YAML that a spec may not use: tags, anchors, aliases,
merge keys, duplicate keys, several documents, too much text, too deep a nesting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from lazyinspect import limits
from lazyinspect.errors import Mark, Problem, Source, SpecError
from lazyinspect.files import called
from lazyinspect.spec.syntax import syntax_problem

MAX_BYTES = limits.SPEC_BYTES
MAX_DEPTH = limits.NESTING

_YAML = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_LONGEST_NUMBER = 400
"""Characters; what is longer is a text. Python refuses to print integers of 4,300 digits."""
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
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
# what the loaders count as one line break, so that the lines shown are the lines they number
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


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
                # no more was read of it
                f"{called(path)} has more than {MAX_BYTES:,} bytes",
                help="a spec names layers; `repeat` and `blocks` say what is alike once",
            )
        )
    wide = _wide_encoding(data)
    if wide is not None:
        message = f"{called(path)} is {wide}, and a spec is UTF-8"
        remedy = f"save the file as UTF-8, or convert it: iconv -f {wide} -t UTF-8"
        raise SpecError(Problem("spec-encoding", message, help=remedy))
    nul = data.find(b"\0")
    if nul >= 0:
        line = len(_LINE_BREAK.split(data[:nul].decode("utf-8", "replace")))
        message = f"{called(path)} is no text: byte {nul} (line {line}) is NUL"
        raise SpecError(Problem("spec-encoding", message, help="name a YAML file"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(_not_utf8(data, path, error)) from None


def _wide_encoding(data: bytes) -> str | None:
    """The encoding with several bytes a character that a byte order mark or the NULs show."""
    head = data[:64]
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    # of Latin letters, one byte in two or four is not NUL
    for size, at, name in (
        (4, 0, "UTF-32LE"),
        (4, 3, "UTF-32BE"),
        (2, 0, "UTF-16LE"),
        (2, 1, "UTF-16BE"),
    ):
        whole = head[: len(head) // size * size]
        letters = whole[at::size]
        if len(letters) > 1 and all(letters) and whole.count(0) == len(whole) - len(letters):
            return name
    return None


def _not_utf8(data: bytes, path: str, error: UnicodeDecodeError) -> Problem:
    byte = data[error.start]
    # every byte before it is UTF-8, so a character in its place is found where it stands
    source = Source(path, tuple(_LINE_BREAK.split(data.decode("utf-8-sig", "replace"))))
    *above, before = _LINE_BREAK.split(data[: error.start].decode("utf-8-sig"))
    return Problem(
        "spec-encoding",
        f"{called(path)} is not UTF-8: byte {error.start} (line {len(above) + 1}) is 0x{byte:02x}",
        Mark(source, len(above) + 1, len(before) + 1),
        found=f"`{chr(byte)}` in Latin-1" if byte >= 0xA1 else "",
        help="save the file as UTF-8",
    )


def read(text: str, path: str) -> Node:
    """Parse one document.

    Raises:
        SpecError: with one problem, at its line; YAML is read no further than that.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        decode(text.encode("utf-8", "surrogatepass"), path)
    source = Source(path, tuple(_LINE_BREAK.split(text)))
    try:
        return _Builder(source).build(text)
    except UnicodeEncodeError as error:
        raise SpecError(_forbidden(error.object[error.start], text, source)) from None
    except yaml.MarkedYAMLError as error:
        raise SpecError(syntax_problem(error, source)) from None
    except yaml.reader.ReaderError as error:
        code: int | str = error.character
        raise SpecError(
            _forbidden(chr(code) if isinstance(code, int) else code, text, source)
        ) from None


def _forbidden(char: str, text: str, source: Source) -> Problem:
    """At the first of its kind: one loader counts bytes up to it, the other characters."""
    *above, before = _LINE_BREAK.split(text[: text.find(char)])
    mark = Mark(source, len(above) + 1, len(before) + 1)
    message = f"the character U+{ord(char):04X} is not allowed in YAML"
    return Problem("yaml-syntax", message, mark, help="remove it")


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
                # a description tells as much as it likes
                node = self._scalar(event, long=len(stack) == 1 and _describes(stack[0][1]))
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
                    f"{called(self.source.path)} {'holds no spec' if text.strip() else 'is empty'}",
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
                f"the tag `{event.tag.replace(_YAML, '!!')}` is not allowed in a spec",
                "remove it; quote a text that starts with `!`",
            )

    def _scalar(self, event: Any, *, long: bool) -> Scalar:
        self._plain_node(event)
        text = event.value
        if len(text) > limits.TEXT and not long:
            raise self._error(
                event,
                "text-too-long",
                f"a name or value has at most {limits.TEXT:,} characters, and this one "
                f"{len(text):,}",
                "a quote or a bracket may be open; texts for people stand under `description:`",
            )
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


def _describes(children: list[Node]) -> bool:
    """Whether the next node at the top of a file is its description."""
    key = children[-1] if len(children) % 2 else None
    return isinstance(key, Scalar) and key.text == "description"


def core_value(text: str) -> Any:
    """The value of a plain scalar by the core schema of YAML 1.2.

    Source: https://yaml.org/spec/1.2.2/#103-core-schema
    """
    first = text[:1]
    if first.isalpha() or first == "$" or first == "_":
        return _WORDS.get(text, text)
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INT.match(text):
        return int(text)
    if text.startswith("0o") and re.match(r"0o[0-7]+\Z", text):
        return int(text[2:], 8)
    if text.startswith("0x") and re.match(r"0x[0-9a-fA-F]+\Z", text):
        return int(text[2:], 16)
    if _FLOAT.match(text):
        return float(text)
    return text
