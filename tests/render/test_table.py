"""The table: what a person sees, at 100 columns, at 80, and in an odd terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reports import layer, mynet, oddities, report, resnet50
from snapshots import assert_matches

from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import width
from lazyinspect.render.table import COLUMNS, brief, render
from lazyinspect.report import Report, Verified

SNAPSHOTS = Path(__file__).parent / "snapshots"
REPORTS = {
    "mynet": mynet(),
    "resnet50": resnet50(),
    "resnet50-timed": resnet50(timed=True),
    "oddities": oddities(),
}


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("name", REPORTS)
def test_table_is_as_accepted(name: str, columns: int) -> None:
    text = render(REPORTS[name], Layout(width=columns))
    assert_matches(SNAPSHOTS / f"{name}-{columns}.txt", text)


@pytest.mark.parametrize("columns", [80, 100, 140])
@pytest.mark.parametrize("name", REPORTS)
def test_no_line_is_wider_than_asked(name: str, columns: int) -> None:
    text = render(REPORTS[name], Layout(width=columns))
    assert columns >= max(map(width, text.splitlines()))


@pytest.mark.parametrize("columns", [40, 60, 80, 100])
def test_figures_are_never_cut(columns: int) -> None:
    text = render(resnet50(timed=True), Layout(width=columns, fold=False))
    for figure in ("[1, 64, 112, 112]", "25,557,032", "4.09 G", "[1, 1024, 14, 14]"):
        assert figure in text


def test_conversion_is_written_in_full_where_there_is_room() -> None:
    assert "LazyBatchNorm2d -> BatchNorm2d" in render(resnet50(timed=True), Layout(width=100))


def test_conversion_gives_way_before_names_do() -> None:
    text = render(resnet50(), Layout(width=80))
    assert "Lazy -> BatchNorm2d" in text
    assert "downsample" in text


def test_brief_keeps_what_it_cannot_shorten() -> None:
    assert brief("LazyConv2d -> FakeQuantConv2d") == "LazyConv2d -> FakeQuantConv2d"
    assert brief("Conv2d") == "Conv2d"


def test_ascii_layout_draws_with_ascii_alone() -> None:
    assert render(resnet50(), Layout(unicode=False)).isascii()


def test_colour_adds_styles_and_nothing_else() -> None:
    coloured = render(resnet50(timed=True), Layout(color=True))
    assert render(resnet50(timed=True), Layout()) == re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert coloured != render(resnet50(timed=True), Layout())


def column(text: str, title: str) -> list[str]:
    """The right-aligned cells below a title, the network's own first."""
    body = text.splitlines()
    start = next(i for i, line in enumerate(body) if line.startswith("Layer"))
    end = body[start].index(title) + len(title)
    rows = body[start + 2 :]
    return [row[:end].rsplit("  ", 1)[-1].strip() for row in rows[: rows.index("")]]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_rows_sum_to_the_total_at_every_depth(depth: int) -> None:
    text = render(resnet50(), Layout(depth=depth, fold=False))
    assert column(text, "Params")[0] == "25,557,032"
    tops = [
        row.split("[")[1].split("]  ")[1].split()[0]
        for row in text.splitlines()
        if row.startswith(("├ ", "└ "))
    ]
    assert sum(int(cell.replace(",", "")) for cell in tops if cell != "-") == 25_557_032


def test_depth_zero_leaves_the_network_alone() -> None:
    assert column(render(resnet50(), Layout(depth=0)), "Params") == ["25,557,032"]


def test_zero_is_a_dash_and_unknown_a_question_mark() -> None:
    drawn = report(layer("a", "ReLU", (1, 2)), layer("b", "Odd", (1, 2), macs=None))
    assert column(render(drawn, Layout()), "MACs") == ["-", "-", "?"]


def test_a_total_says_what_it_leaves_out() -> None:
    assert "leaving out 2 rows marked ?" in render(oddities(), Layout())
    drawn = report(layer("a", "LazyLinear", (1, 2), macs=7), layer("b", "Odd", (1, 2), macs=None))
    assert "MACs        7, leaving out 1 row marked ?\n" in render(drawn, Layout())


def test_a_total_of_unknown_rows_alone_is_not_known() -> None:
    drawn = report(layer("a", "Odd", (1, 2), macs=None))
    assert "MACs        not known: 1 row marked ?\n" in render(drawn, Layout())


def test_a_class_that_stays_what_it_is_has_no_arrow() -> None:
    drawn = report(
        layer("a", "mypkg.layers.Buf", (1, 2), type="mypkg.layers.Buf"),
        layer("b", "LazyConv2d", (1, 2), type="mypkg.layers.Conv"),
    )
    text = render(drawn, Layout())
    assert "├ a    mypkg.layers.Buf  " in text
    assert "LazyConv2d -> mypkg.layers.Conv" in text


def test_long_parameters_wrap_below_their_label() -> None:
    text = render(mynet(params={f"width{k}": k for k in range(20)}), Layout(width=60))
    head = text[: text.index("Layer")].splitlines()
    assert max(map(len, head)) <= 60
    assert [line[:12].strip() for line in head[1:-1]] == ["params", "", "", "", "", "input"]


def test_a_repeated_call_is_explained() -> None:
    assert "(call N)  used again; parameters count at the first call" in render(
        oddities(), Layout()
    )
    assert "(call N)" not in render(mynet(), Layout())


def test_columns_are_those_asked_for() -> None:
    text = render(resnet50(), Layout(columns=("params", "bytes", "line")))
    assert next(line.split() for line in text.splitlines() if line.startswith("Layer")) == [
        "Layer",
        "Params",
        "Memory",
        "Line",
    ]


def test_every_column_can_be_drawn() -> None:
    text = render(resnet50(timed=True), Layout(columns=tuple(COLUMNS), width=400, fold=False))
    assert "in_channels=3, out_channels=64, kernel_size=[7, 7], stride=[2, 2], bias=false" in text


def test_time_is_a_column_only_where_it_was_measured() -> None:
    assert "Time" not in render(resnet50(), Layout())
    assert column(render(resnet50(timed=True), Layout()), "Time")[0] == "100%"


def test_names_cannot_steer_the_terminal() -> None:
    text = render(report(layer("a\x1b[2J", "ReLU", (1, 2)), name="x\x1b]0;t\x07"), Layout())
    assert "\x1b" not in text and "\x07" not in text


def verdict_of(verified: Verified | bool) -> str:
    drawn: Report = mynet(verified=verified)
    return render(drawn, Layout())


def test_a_verified_run_says_so_with_its_device() -> None:
    text = verdict_of(Verified("cuda:0", 1))
    assert "verified on cuda:0: 1 layer agrees with the plan" in text


def test_a_mismatch_is_never_called_verified() -> None:
    text = verdict_of(Verified("cpu", 8, ("fc: planned [1, 10], observed [1, 11]",)))
    assert "NOT verified on cpu: 1 mismatch\n  fc: planned [1, 10], observed [1, 11]" in text


def test_a_plan_alone_does_not_claim_to_have_run() -> None:
    assert "planned, not run on a device" in verdict_of(False)
