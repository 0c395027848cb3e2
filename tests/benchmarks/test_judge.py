"""The comparison with peers: how results made up here are judged."""

from __future__ import annotations

from benchmarks.peers.judge import Exact, Findings, Result, better, cell, page, score

TOOLS = ["lazyinspect", "lazyinspect --device meta", "right", "wrong", "broken"]


def findings(**ours: float) -> Findings:
    mine = Result(100, 1000, seconds=ours.get("seconds", 2.0), mib=ours.get("mib", 300.0))
    return Findings(
        [("net", "nothing")],
        TOOLS,
        {"net": Exact(100, 1000, "by hand")},
        {
            ("lazyinspect", "net"): mine,
            ("lazyinspect --device meta", "net"): Result(100, 1000, seconds=0.2, mib=30.0),
            ("right", "net"): Result(100, 1000, seconds=1.0, mib=200.0),
            ("wrong", "net"): Result(110, None, seconds=9.0, mib=900.0),
            ("broken", "net"): Result(error="ValueError: no", seconds=0.1, mib=10.0),
        },
        {"right": "1.0"},
        "a machine",
    )


def test_a_figure_is_right_to_the_last_digit_or_has_its_deviation() -> None:
    assert cell(100, 100, None) == "right"
    assert cell(101, 100, None) == "101 (+1.00%)"
    assert cell(None, 100, None) == "none"
    assert cell(None, 100, "TypeError: x") == "fails: TypeError: x"


def test_scores_tell_wrong_from_absent_and_from_failing() -> None:
    found = findings()
    assert score(found, "right", "macs") == (1, 0, 0, 0)
    assert score(found, "wrong", "params") == (0, 1, 0, 0)
    assert score(found, "wrong", "macs") == (0, 0, 1, 0)
    assert score(found, "broken", "macs") == (0, 0, 0, 1)


def test_losses_are_told_and_a_peer_that_fails_is_no_winner() -> None:
    lines = better(findings())
    assert lines == [
        "net: right takes 1.00 s, this tool 2.00",
        "net: right takes 200.00 MiB, this tool 300.00",
    ]
    assert better(findings(seconds=0.5, mib=100.0)) == []


def test_the_page_has_a_row_for_each_network_and_tool() -> None:
    text = page(findings())
    assert "| right | 1.0 | 1 right, 0 wrong, 0 none, 0 fail |" in text
    assert "| net | 100 | right | right | right | 110 (+10.00%) | fails: ValueError: no |" in text
    assert "fails, 0.10" in text and "a machine" in text
