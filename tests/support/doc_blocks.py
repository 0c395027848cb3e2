"""Markdown -> its fenced blocks and marked outputs, for the tests that hold the docs true."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
)

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(
    r"<!-- output: (?P<command>[^\n]+?) -->\n```(?P<language>text|mermaid)\n(?P<text>.*?)```\n"
    r"<!-- end -->",
    re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the options after it, and where it starts."""

    page: str
    line: int
    language: str
    options: dict[str, str]
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Output:
    """What a page claims that a command prints, between markers."""

    page: str
    command: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.command}"


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(language: str) -> list[Block]:
    """All fenced blocks of a language, in all pages."""
    found = []
    for page in PAGES:
        if page == "docs/errors.md":
            continue  # its blocks are those of the pages that it is made of, which code_pages runs
        text = read(page)
        for match in _FENCE.finditer(text):
            words = match["info"].split()
            if words[:1] == [language]:
                options = dict(word.split("=", 1) for word in words[1:])
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(page, line, language, options, match["text"]))
    return found


def outputs() -> list[Output]:
    """All marked outputs, in all pages."""
    return [
        Output(page, match["command"], match["text"])
        for page in PAGES
        for match in _OUTPUT.finditer(read(page))
    ]


def rewrite_output(output: Output, text: str) -> None:
    """Put what the command prints now in the place of what the page says."""
    page = ROOT / output.page
    before = page.read_text(encoding="utf-8")

    def replaced(match: re.Match[str]) -> str:
        if match["command"] != output.command:
            return match[0]
        head = f"<!-- output: {output.command} -->\n```{match['language']}\n"
        return f"{head}{text}```\n<!-- end -->"

    page.write_text(_OUTPUT.sub(replaced, before), encoding="utf-8")
