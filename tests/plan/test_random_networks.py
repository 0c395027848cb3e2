"""Random networks: the plan, the built network and the letter of the language agree on each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from plans import plan_of
from random_specs import WIDTH, as_text, specs
from reference import forward

from lazyinspect.errors import NetworkError
from lazyinspect.probe import materialised

networks = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@given(spec=specs(), seed=st.integers(0, 2**16))
@settings(networks, max_examples=60)
def test_a_network_computes_what_its_spec_says(spec: dict[str, Any], seed: int) -> None:
    torch.manual_seed(seed)
    network = materialised(plan_of(as_text(spec)), device="cpu")
    x = torch.randn(3, WIDTH)
    with torch.no_grad():
        torch.testing.assert_close(network(x), forward(spec, network.state_dict(), x))


@given(spec=specs())
@settings(networks, max_examples=40)
def test_the_planned_state_dict_is_the_networks_in_names_shapes_and_order(
    spec: dict[str, Any],
) -> None:
    plan = plan_of(as_text(spec))
    found = materialised(plan, device="cpu").state_dict()
    assert [(name, tuple(t.shape)) for name, t in found.items()] == [*plan.state_dict().items()]


@given(spec=specs())
@settings(networks, max_examples=60)
def test_rows_sum_to_their_container_at_every_depth(spec: dict[str, Any]) -> None:
    rows = plan_of(as_text(spec)).rows
    for at, row in enumerate(rows):
        if row.kind != "container":
            continue
        below = []
        for other in rows[at + 1 :]:
            if other.depth <= row.depth:
                break
            if other.depth == row.depth + 1:
                below.append(other)
        assert row.param_count == sum(r.param_count for r in below)
        assert row.param_bytes == sum(r.param_bytes for r in below)
        assert row.macs == sum(r.macs or 0 for r in below)


@given(spec=specs(), place=st.integers(0, 30))
@settings(networks, max_examples=120)
def test_rows_before_a_failure_are_those_of_the_network_without_it(
    spec: dict[str, Any], place: int
) -> None:
    before, *after = as_text(spec).split('"Tanh": null')
    assume(after)
    place %= len(after)

    def with_linear(features: int) -> str:
        steps = ['"Tanh": null'] * len(after)
        steps[place] = f'"Linear": [{features}, {WIDTH}]'
        return before + "".join(step + text for step, text in zip(steps, after, strict=True))

    good = plan_of(with_linear(WIDTH)).rows
    failing = next((k for k, row in enumerate(good) if row.declared == "Linear"), None)
    assume(failing is not None)
    assert failing is not None
    try:
        plan_of(with_linear(WIDTH + 1), insight=False)
    except NetworkError as error:
        part = error.partial
    done = [row for row in good[:failing] if row.kind != "container"]
    if not done:
        assert part is None
        return
    *rows, last = part.layers
    assert [(row.path, row.depth, row.place) for row in part.layers] == [
        (row.path, row.depth, row.place) for row in good[: failing + 1]
    ]
    assert (last.status, last.inputs) == ("failed", good[failing].inputs)
    for row, whole in zip(rows, good, strict=False):
        if row.status == "ok":
            # a label that is read later makes a Graph of a Sequential
            assert replace(row, type=whole.type) == whole
        else:
            assert (row.status, row.kind) == ("unfinished", "container")
            assert row.inputs == whole.inputs
    assert part.totals.param_count == sum(row.param_count for row in done)
    assert part.totals.macs == sum(row.macs or 0 for row in done)
