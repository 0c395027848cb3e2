"""Paths as a command was given them -> paths as a repository has them. Reads no file."""

from __future__ import annotations

import os
from urllib.parse import quote


def in_repository(path: str, root: str | None = None) -> str:
    """The path from the repository's root, with forward slashes; absolute where it is not below.

    Args:
        root: where the repository is; None for the current folder.
    """
    # of the file itself a link stays what it is: its own name is what is in the repository
    folder, name = os.path.split(os.path.abspath(path))
    whole = os.path.join(os.path.realpath(folder), name)
    try:
        found = os.path.relpath(whole, os.path.realpath(root or os.curdir))
    except ValueError:  # another drive
        found = os.pardir
    outside = found == os.pardir or found.startswith(os.pardir + os.sep)
    return (whole if outside else found).replace(os.sep, "/")


def uri(path: str) -> str:
    """A path as :func:`in_repository` gives it, as a URI or a reference relative to the root."""
    try:
        quoted = quote(os.fsencode(path), safe="/")  # a file's name may be bytes that are no text
    except UnicodeEncodeError:  # no file has such a name
        quoted = quote(path, safe="/", errors="replace")
    return f"file://{quoted}" if path.startswith("/") else quoted
