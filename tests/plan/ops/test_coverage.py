"""Every row of the table is held against torch."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from op_harness import STRATEGIES

from lazyinspect.plan.ops import table


def test_every_row_has_a_strategy() -> None:
    # the families' test modules fill the registry as they are imported, and pytest may have
    # been asked for this module alone
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path != Path(__file__):
            spec = spec_from_file_location(f"strategies_of_{path.stem}", path)
            assert spec is not None and spec.loader is not None
            spec.loader.exec_module(module_from_spec(spec))
    assert sorted(STRATEGIES) == sorted(table())
