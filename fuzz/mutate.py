"""A corpus of specs -> random bytes near them, for where no coverage guides the way."""

from __future__ import annotations

from pathlib import Path
from random import Random

from lazyinspect.plan.ops import table
from lazyinspect.spec.names import SPEC_KEYS, STEP_KEYS, STRUCTURE

ROOT = Path(__file__).parents[1]

# written with backslashes, and parted by blanks
_YAML = r"""
- : ? # & * ! !! | > ' " % @ ` [ ] { } , --- ... << ~ null true False .nan -.inf 0x1F 0o17 1e3 1e-6
010 12:30 yes no 2001-01-01 \t \r \r\n \n \0 \x85 \u2028 \ufeff \x1b[31m \xe9 \U0001f600 \u202e &a
*a !!python/name:os.system !!binary %YAML\x201.1 $$ $ _ -1 0 9007199254740993 99999999999999999999
1_000 +1 0.1 \x20-\x20 :\x20 ,\x20 {\x20 \n\x20\x20
"""
_FORMULAS = """
$cin $last $shape(1) $i $n*2 $c//2 $max(1,2) $divisible(c,8) $-1 $(1) $1/0 $1%0 $a.b $a[0] $2**9
$round(2.5) $abs(-1) $1<2<3 $shape(-9) $min() $(((c))) $"a" $f(c)
"""
_WORDY = ("$1 if i else 2", "$not c", "$c and k", "$max(1, 2)", "$c if", "1 if c else 2")


def dictionary() -> list[bytes]:
    """What specs are made of: tokens of YAML, words of the language, names of ops, formulas."""
    escaped = [part.strip() for part in _YAML.split(" | ") if part.strip()]
    tokens = [
        part.encode("latin-1", "backslashreplace").decode("unicode_escape") for part in escaped
    ]
    words = [*SPEC_KEYS, *STEP_KEYS, *STRUCTURE, *table(), "prev", "shape", "dtype", "high", "fill"]
    return [text.encode() for text in [*tokens, *words, *_FORMULAS.split(), *_WORDY]]


def corpus() -> list[bytes]:
    """Every spec of the repository, good ones and bad ones."""
    folders = ("configs", "tests/golden", "tests/errors")
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.yaml"))
    return [path.read_bytes() for path in paths if ".lock" not in path.name]


class Mutator:
    """Random changes of random members of a corpus, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.corpus = sorted((data for data in corpus() if len(data) < 6000), key=len)
        self.tokens = dictionary()

    def next(self) -> bytes:
        rng = self.rng
        data = bytearray(rng.choice(self.corpus))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5, 9))):
            rng.choice(_CHANGES)(self, data)
        return bytes(data[:20_000])

    def token(self, data: bytearray) -> None:
        at = self.rng.randint(0, len(data))
        data[at:at] = self.rng.choice(self.tokens)

    def word(self, data: bytearray) -> None:
        """Another word in a word's place."""
        spans = _words(data)
        if spans:
            start, end = self.rng.choice(spans)
            data[start:end] = self.rng.choice(self.tokens)

    def swap(self, data: bytearray) -> None:
        """A word of the same text in a word's place."""
        spans = _words(data)
        if spans:
            (start, end), (first, last) = self.rng.choice(spans), self.rng.choice(spans)
            data[start:end] = bytes(data[first:last])

    def number(self, data: bytearray) -> None:
        places = [at for at, byte in enumerate(data) if 48 <= byte < 58]
        if places:
            at = self.rng.choice(places)
            data[at : at + 1] = self.rng.choice((b"0", b"-1", b"1", b"7", b"64", b"1.5", b"99999"))

    def drop(self, data: bytearray) -> None:
        at = self.rng.randint(0, len(data))
        del data[at : at + self.rng.choice((1, 1, 2, 8, 40))]

    def double(self, data: bytearray) -> None:
        lines = bytes(data).split(b"\n")
        at = self.rng.randrange(len(lines))
        lines.insert(self.rng.randint(0, len(lines)), lines[at])
        data[:] = b"\n".join(lines)

    def lose(self, data: bytearray) -> None:
        lines = bytes(data).split(b"\n")
        del lines[self.rng.randrange(len(lines))]
        data[:] = b"\n".join(lines)

    def indent(self, data: bytearray) -> None:
        lines = bytes(data).split(b"\n")
        at = self.rng.randrange(len(lines))
        lines[at] = b"  " + lines[at] if self.rng.random() < 0.5 else lines[at][2:]
        data[:] = b"\n".join(lines)

    def byte(self, data: bytearray) -> None:
        if data:
            data[self.rng.randrange(len(data))] = self.rng.randrange(256)

    def splice(self, data: bytearray) -> None:
        """A piece of another member."""
        other = self.rng.choice(self.corpus)
        start = self.rng.randint(0, len(other))
        at = self.rng.randint(0, len(data))
        data[at:at] = other[start : start + self.rng.choice((10, 60, 300))]


_CHANGES = (
    Mutator.token, Mutator.word, Mutator.word, Mutator.word, Mutator.swap, Mutator.swap,
    Mutator.number, Mutator.number, Mutator.drop, Mutator.double, Mutator.lose, Mutator.indent,
    Mutator.byte, Mutator.splice,
)  # fmt: skip


def _words(data: bytearray) -> list[tuple[int, int]]:
    """Where the words of a text begin and end."""
    spans: list[tuple[int, int]] = []
    start: int | None = None
    for at, byte in enumerate((*data, 32)):
        inside = chr(byte).isalnum() or byte in b"_$."
        if inside and start is None:
            start = at
        elif not inside and start is not None:
            spans.append((start, at))
            start = None
    return spans
