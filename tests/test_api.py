"""The verbs from Python: what they refuse names the argument."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lazyinspect import api
from lazyinspect.errors import SpecError

MYNET = Path(__file__).parent.parent / "configs" / "mynet.yaml"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"dtype": "foo"}, "dtype"),
        ({"dtype": "int64"}, "dtype"),
        ({"batch": 0}, "batch"),
        ({"batch": True}, "batch"),
        ({"allow": "mypkg.layers.Swish"}, "allow"),
        ({"set": {1: 2}}, "set"),
    ],
)
def test_plan_names_the_argument_that_is_wrong(options: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError, match=f"`{named}` takes"):
        api.plan(MYNET, **options)


def test_build_and_run_name_theirs() -> None:
    with pytest.raises(SpecError, match="`init` takes one of default, zeros"):
        api.build(MYNET, init="ones")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="`runs` 1 or more"):
        api.run(MYNET, runs=0)


def test_load_returns_a_spec_as_it_is() -> None:
    spec = api.load(MYNET)
    assert api.load(spec) is spec


def test_load_suggests_the_nearest_file() -> None:
    with pytest.raises(SpecError, match=r"did you mean `\S*mynet\.yaml`"):
        api.load(MYNET.with_name("mynets.yaml"))


def test_report_of_meta_and_of_cpu_have_the_same_rows() -> None:
    planned = api.run(MYNET, device="meta")
    run = api.run(MYNET, time=False)
    assert planned.layers == run.layers and planned.totals == run.totals
    assert planned.verified is None and run.verified is not None
