"""Graph -> PNG, drawn by Graphviz's program. No torch here."""

from __future__ import annotations

import struct
import zlib

from lazyinspect.export import dot
from lazyinspect.export.picture import drawn
from lazyinspect.export.subject import SIGN, Subject

_HEADER_BYTES = 33
"""The signature, and the chunk IHDR: the first of every file, of a fixed length."""


def write(subject: Subject) -> bytes:
    """A picture of 120 dots an inch.

    Raises:
        SpecError: as :func:`lazyinspect.export.picture.drawn` and :func:`dot.write`.
    """
    picture = drawn(dot.write(subject), "png", "-Gdpi=120")
    return picture[:_HEADER_BYTES] + _chunk(b"tEXt", b"Software\0" + SIGN) + picture[_HEADER_BYTES:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Source: https://www.w3.org/TR/png-3/#5Chunk-layout"""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
