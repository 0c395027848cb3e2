"""``lazyinspect schema``: the JSON Schema of the language."""

from __future__ import annotations

from collections.abc import Iterator

from lazyinspect.commands.common import Debug, Output, report_file, to


def schema(output: Output = None, debug: Debug = False) -> Iterator[str]:
    """Print the JSON Schema of the spec language, for editors."""
    import json

    from lazyinspect import api

    return to(report_file(output), [json.dumps(api.schema(), indent=2, ensure_ascii=False) + "\n"])
