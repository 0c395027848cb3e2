"""What there is to see of a network that fails midway: the rows before, and where it stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plans import plan_of

from lazyinspect import cli, errors
from lazyinspect.plan import partial
from lazyinspect.render import render
from lazyinspect.render.layout import Layout
from lazyinspect.report import Report

ROOT = Path(__file__).resolve().parents[1]


def part_of(text: str, **options: Any) -> Report | None:
    with pytest.raises(errors.LazyinspectError) as caught:
        plan_of(text, **options)
    part: Report | None = caught.value.partial
    return part


def part(text: str, **options: Any) -> Report:
    found = part_of(text, **options)
    assert found is not None
    return found


def statuses(report: Report) -> dict[str, str]:
    """By path; of a module called again, of its last call."""
    return {row.path: row.status for row in report.layers}


def drawn(report: Report, form: Any = "table", **choices: Any) -> str:
    return "".join(render([report], form, Layout(**choices)))


MYNET = """\
input: [10, 1, 28, 28]
layers:
  - LazyConv2d: [32, 3]
  - MaxPool2d: 2
  - Flatten
  - Linear: [5184, 10]
  - ReLU
  - Softmax
"""

# planning


def test_rows_end_at_the_step_that_fails() -> None:
    report = part(MYNET)
    assert [(row.path, row.status) for row in report.layers] == [
        ("", "unfinished"),
        ("0", "ok"),
        ("1", "ok"),
        ("2", "ok"),
        ("3", "failed"),
    ]
    assert report.stopped is not None
    assert (report.stopped.path, report.stopped.place.line) == ("3", 6)


def test_the_failed_row_says_what_flows_in() -> None:
    (tensor,) = part(MYNET).layers[-1].inputs
    assert tensor.shape == (10, 32 * 13 * 13)


def test_totals_are_sums_of_the_rows_before() -> None:
    totals = part(MYNET).totals
    assert totals.param_count == 32 * 9 + 32
    assert totals.macs == 10 * 32 * 26 * 26 * 9
    assert totals.param_bytes == 4 * totals.param_count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "layers: {stem: ReLU, body: {Sequential: [ReLU, {Linear: [9, 9]}, ReLU]}}",
            "stem body- body.0 body.1!",
            id="inside a Sequential",
        ),
        pytest.param(
            "blocks: {B: {layers: [ReLU, {Linear: [9, 9]}]}}\n"
            "layers: {stem: ReLU, body: {B: , repeat: 3}}",
            "stem body- body.0- body.0.0 body.0.1!",
            id="inside a block",
        ),
        pytest.param(
            "blocks: {B: {params: {k: int}, layers: [ReLU, {Linear: [$k, 8]}]}}\n"
            "layers: {body: {B: $8 - i // 2, repeat: 4}}",
            "body- body.0 body.0.0 body.0.1 body.1 body.1.0 body.1.1 body.2- body.2.0 body.2.1!",
            id="copies before the failing one",
        ),
        pytest.param(
            'layers: {"l{i}": {Linear: [$8 - i, 7], repeat: 3}}',
            "l0 l1 l2!",
            id="copies under templated names",
        ),
        pytest.param(
            "layers: [{splice: [ReLU, {Linear: [$8 - i, 8]}], repeat: 2}]",
            "0 1 2 3!",
            id="copies of a splice",
        ),
        pytest.param(
            "layers: [ReLU, {add: [prev, [ReLU, {Linear: [9, 9]}]]}]",
            "0 1- 1.1- 1.1.0 1.1.1!",
            id="inside a branch",
        ),
        pytest.param(
            "layers: [ReLU, {add: [prev, [{LazyLinear: 7}]]}]",
            "0 1- 1.1 1.1.0 1.add!",
            id="at a merge, after its branches",
        ),
        pytest.param("layers: {a: {LazyLinear: 4}, b: {use: a}}", "a b!", id="a module used again"),
        pytest.param(
            "layers: [ReLU, {chunk: 2, as: [a, b, c]}]", "0 1!", id="labels for another tuple"
        ),
        pytest.param("layers: [ReLU, {chunk: 2, pick: 7}]", "0 1!", id="an element too far"),
        pytest.param(
            "layers: {a: ReLU, b: {Sequential: [ReLU, {chunk: 2, as: [p, q]}]}}",
            "a b! b.0 b.1",
            id="a container that gives no one value",
        ),
        pytest.param("layers: {a: ReLU, b: {add: [a, c]}}", "a b!", id="an unknown label"),
        pytest.param(
            "layers: {a: ReLU, b: {ReLU: , repeat: $0.5 + last}}", "a b!", id="no count of copies"
        ),
        pytest.param(
            "layers: {a: ReLU, b: [{splice: [ReLU], repeat: $-last}]}", "a b- b.0!", id="nor here"
        ),
        pytest.param(
            "params: {act: {Linear: [9, 9]}}\nlayers: {a: ReLU, b: $act}", "a b!", id="a parameter"
        ),
        pytest.param(
            "blocks: {B: {layers: [ReLU, {chunk: 2, as: [p, q]}]}}\nlayers: {a: ReLU, b: B}",
            "a b! b.0 b.1",
            id="a block without an output",
        ),
    ],
)
def test_containers_that_hold_the_failure_stand_open(text: str, expected: str) -> None:
    marks = {"ok": "", "unfinished": "-", "failed": "!"}
    rows = part(f"input: [2, 8]\n{text}\n").layers[1:]
    assert " ".join(row.path + marks[row.status] for row in rows) == expected


def test_a_later_step_that_does_not_depend_on_it_is_left_out() -> None:
    text = "input: [1, 8]\nlayers: {a: ReLU, b: {Linear: [9, 9]}, c: {ReLU: , from: a}, d: ReLU}\n"
    assert list(statuses(part(text))) == ["", "a", "b"]


def test_of_several_failures_the_first_that_would_run_ends_the_table() -> None:
    text = "input: [1, 8]\nlayers: {a: ReLU, b: {Linear: [9, 9]}, c: {Linear: [7, 7], from: a}}\n"
    assert list(statuses(part(text))) == ["", "a", "b"]


@pytest.mark.parametrize(
    ("text", "remaining"),
    [
        ("layers: [ReLU, {Linear: [9, 9]}, ReLU, ReLU]", 2),
        ("layers: [ReLU, {Linear: [9, 9]}]", 0),
        ("layers: [[ReLU, {Linear: [9, 9]}, ReLU], ReLU, [ReLU, ReLU]]", 3),
        ("layers: [{splice: [ReLU, {Linear: [9, 9]}, ReLU], repeat: 9}, ReLU]", 2),
        (
            "blocks: {B: {layers: [ReLU, {Linear: [9, 9]}, ReLU]}}\n"
            "layers: [ReLU, {B: , repeat: 2}, ReLU, B]",
            3,
        ),
        ("layers: [ReLU, {add: [[{Linear: [9, 9]}, ReLU], prev]}, ReLU]", 2),
    ],
)
def test_steps_that_follow_in_the_spec_are_counted(text: str, remaining: int) -> None:
    stopped = part(f"input: [2, 8]\n{text}\n").stopped
    assert stopped is not None
    assert stopped.remaining == remaining


def test_a_name_that_stands_twice_is_no_second_call() -> None:
    last = part('input: [1, 8]\nlayers: {"l{i}": {ReLU: , repeat: 2}, l1: ReLU}\n').layers[-1]
    assert (last.path, last.call, last.status) == ("l1", 0, "failed")


def test_a_tied_tensor_counts_once() -> None:
    text = """
input: {ids: {shape: [1, 4], dtype: int64, high: 9}}
tie: {head.weight: embed.weight}
layers:
  embed: {Embedding: [9, 4]}
  head: {Linear: [4, 9, {bias: false}]}
  out: {Linear: [4, 4]}
"""
    assert part(text).totals.param_count == 36


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("layers: [{Linear: [9, 9]}, ReLU]", id="the first step fails"),
        pytest.param("layers: {a: [[{Linear: [9, 9]}]]}", id="the first step of all fails"),
        pytest.param("layers: [ReLU, Reluu]", id="found before planning"),
        pytest.param("layers: {a: ReLU}\noutput: b", id="no step fails"),
        pytest.param("layers: [ReLU, {ReLU: , repeat: $10**6}]", id="grammar"),
        pytest.param("layers: {a: ReLU}\ntie: {a.weight: a.bias}", id="found after planning"),
    ],
)
def test_where_nothing_was_planned_or_no_step_fails_there_is_none(text: str) -> None:
    assert part_of(f"input: [2, 8]\n{text}\n") is None


def test_a_part_that_no_one_reads_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "input: [1, 8]\nlayers: [{ReLU: , repeat: 50}, {Linear: [9, 9]}]\n"
    assert part_of(text) is not None
    monkeypatch.setattr(partial, "MAX_ROWS", 40)
    assert part_of(text) is None


# an unmet expectation


def test_an_unmet_expectation_leaves_the_table_whole() -> None:
    report = part("input: [1, 8]\nlayers: [{LazyLinear: 4, expect: [_, 5]}, {LazyLinear: 3}]\n")
    assert report.stopped is None
    assert statuses(report) == {"": "ok", "0": "unmet", "1": "ok"}
    assert report.totals.param_count == 36 + 15
    assert report.outputs[0].shape == (1, 3)


def test_an_unmet_expectation_in_a_block_marks_each_copy() -> None:
    report = part(
        "input: [1, 8]\nblocks: {B: {layers: [{ReLU: , expect: [_, 7]}]}}\n"
        "layers: [{B: , repeat: 2}, {LazyLinear: 3}]\n"
    )
    assert [path for path, status in statuses(report).items() if status == "unmet"] == [
        "0.0",
        "1.0",
    ]
    assert "2" in statuses(report)


def test_both_are_marked_where_a_step_fails_after_an_unmet_expectation() -> None:
    report = part("input: [1, 8]\nlayers: [{ReLU: , expect: [_, 7]}, {Linear: [9, 9]}]\n")
    assert statuses(report) == {"": "unfinished", "0": "unmet", "1": "failed"}


def test_what_fails_after_an_unmet_expectation_in_a_block_is_reported_too() -> None:
    text = (
        "input: [1, 8]\nblocks: {B: {layers: [{ReLU: , expect: [_, 7]}]}}\n"
        "layers: [B, {Linear: [9, 9]}]\n"
    )
    with pytest.raises(errors.NetworkError) as caught:
        plan_of(text)
    assert [problem.code for problem in caught.value.problems] == ["shape-mismatch", "unmet-expect"]
    assert statuses(caught.value.partial)["1"] == "failed"


# how it is drawn


def test_the_table_marks_the_row_and_says_so_far() -> None:
    assert drawn(part(MYNET)).splitlines()[4:] == [
        "────────────────────────────────────────────────────────────────────",
        "net           Sequential",
        "├ 0           LazyConv2d -> Conv2d  [10, 32, 26, 26]     320  1.95 M",
        "├ 1           MaxPool2d             [10, 32, 13, 13]       -       -",
        "├ 2           Flatten               [10, 5408]             -       -",
        "└ 3 (failed)  Linear",
        "",
        "parameters  320, so far",
        "memory      1.25 KiB of parameters, so far",
        "MACs        1,946,880 (1.95 M), so far",
        "planning stopped at `3` (Linear, line 6): 2 steps of the spec follow",
    ]


def test_a_depth_that_leaves_the_row_out_marks_its_container() -> None:
    report = part("input: [1, 8]\nlayers: {a: ReLU, b: [[ReLU, {Linear: [9, 9]}]]}\n")
    text = drawn(report, depth=1)
    assert "└ b (failed inside)" in text
    assert "planning stopped at `b.0.1` (Linear, line 2)" in text


@pytest.mark.parametrize("columns", [("input",), ("params", "line"), ("macs", "bytes", "args")])
def test_the_mark_stays_whatever_the_columns(columns: tuple[str, ...]) -> None:
    assert "└ 3 (failed)" in drawn(part(MYNET), columns=columns)


def test_a_copy_that_is_unlike_the_others_is_not_folded_with_them() -> None:
    report = part('input: [1, 8]\nlayers: {"l{i}": {Linear: [$8 + i // 2, 8], repeat: 4}}\n')
    text = drawn(report)
    assert "├ l0-1 (x2)" in text
    assert "└ l2 (failed)" in text


def test_sums_that_are_nothing_so_far_are_left_out() -> None:
    text = drawn(part("input: [1, 8]\nlayers: [ReLU, {Linear: [9, 9]}]\n"))
    assert "so far" not in text


def test_macs_that_are_not_known_are_no_zero(moody: str) -> None:
    text = "input: [1, 8]\nlayers: [moody.Moody, {LazyLinear: 4}, {Linear: [9, 9]}]\n"
    report = part(text, allow=["moody.Moody"])
    assert "MACs        32, leaving out 1 row marked ?, so far" in drawn(report)
    alone = part(text.replace(" {LazyLinear: 4},", ""), allow=["moody.Moody"])
    assert "MACs        not known: 1 row marked ?" in drawn(alone)


def test_markdown_marks_it_too() -> None:
    lines = drawn(part(MYNET), "markdown").splitlines()
    assert "| `3` **failed** | Linear |  |  |  |" in lines
    assert "- Parameters: 320, so far" in lines
    assert lines[-1].startswith("- Planning stopped at")


# on a device

MOODY = """
import torch

class Moody(torch.nn.Module):
    def forward(self, x):
        if not x.is_meta:
            raise RuntimeError("not today")
        return x
"""


@pytest.fixture
def moody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "moody", raising=False)
    (tmp_path / "moody.py").write_text(MOODY)
    (tmp_path / "net.yaml").write_text(
        "input: [1, 8]\n"
        "layers: {a: {LazyLinear: 4}, b: [ReLU, moody.Moody, ReLU], c: {LazyLinear: 2}}\n"
    )
    return "moody.Moody"


def test_a_forward_that_fails_shows_what_ran(
    moody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "net.yaml", "--allow", moody]) == 3
    out, err = capsys.readouterr()
    assert [line[:16].rstrip() for line in out.splitlines()[5:10]] == [
        "net",
        "├ a",
        "└ b",
        "  ├ 0",
        "  └ 1 (failed)",
    ]
    assert "parameters  36, so far" in out
    assert "the forward on cpu stopped at `b.1` (moody.Moody, line 2): 2 steps did not run" in out
    assert "not today" in err


def test_what_did_not_fit_was_not_begun_and_has_no_table(
    moody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "net.yaml", "--allow", moody, "--memory-limit", "1"]) == 3
    assert capsys.readouterr().out == ""


# what the command prints


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(MYNET)
    (tmp_path / "many.yaml").write_text(
        "input: [1, 8]\nparams: {f: 8}\nvariants: {good: {}, bad: {f: 9}, fine: {}}\n"
        "layers: [{LazyLinear: 8}, {Linear: [$f, 4]}]\n"
    )
    return tmp_path


def run(*arguments: str) -> int:
    return cli.main(["run", *arguments, "--device", "meta"])


def test_the_table_goes_to_standard_output_and_the_problems_to_standard_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("net.yaml") == 3
    out, err = capsys.readouterr()
    assert out == drawn(part(MYNET))
    assert err.startswith("error[shape-mismatch]")
    assert "error" not in out


def test_csv_says_nothing_of_a_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("net.yaml", "--format", "csv") == 3
    assert capsys.readouterr().out == ""


def test_json_gives_the_problems_in_the_place_of_the_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("net.yaml", "--format", "json") == 3
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["schema"], document["spec"]) == ("lazyinspect/problems/1", "net.yaml")
    assert document["problems"][0]["line"] == 6
    assert document["partial"]["stopped"]["path"] == "3"
    assert err.startswith("error[shape-mismatch]")


@pytest.mark.parametrize("form", ["table", "markdown", "json", "csv"])
def test_a_file_stays_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    (folder / "old").write_text("old")
    assert run("net.yaml", "--format", form, "-o", "old") == 3
    assert (folder / "old").read_text() == "old"
    to_file = capsys.readouterr().out
    assert run("net.yaml", "--format", form) == 3
    assert to_file == capsys.readouterr().out


def test_tables_of_variants_come_in_order_the_failed_one_up_to_its_failure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("many.yaml", "--variant", "all") == 3
    out = capsys.readouterr().out
    assert [line.split()[2] for line in out.splitlines() if line.startswith("many, ")] == [
        "good",
        "bad",
        "fine",
    ]
    assert out.count("(failed)") == out.count("planning stopped") == 1


def test_a_list_of_documents_is_in_the_order_of_the_variants(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("many.yaml", "--variant", "all", "--format", "json") == 3
    documents = json.loads(capsys.readouterr().out)
    assert [document["schema"].split("/")[1] for document in documents] == [
        "report",
        "problems",
        "report",
    ]
    assert documents[1]["variant"] == "bad"


def test_one_variant_that_fails_has_its_problems_as_they_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("many.yaml", "--variant", "bad", "--format", "json") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["variant"] == "bad"
    assert not any("variant" in note for note in document["problems"][0]["notes"])


@pytest.mark.parametrize(
    ("arguments", "spec", "code"),
    [
        (("missing.yaml", "--format", "json"), "missing.yaml", "unreadable"),
        (("net.yaml", "--format", "json", "--variant", "r50"), "net.yaml", "unknown-variant"),
        (("net.yaml", "--format", "json", "--batch", "0"), None, "bad-option"),
        (("net.yaml", "--format=json", "--set", "f"), None, "bad-option"),
        (("net.yaml", "--format=json", "--set", "f=[1,"), None, "yaml-syntax"),
        (("net.yaml", "--format=json", "--bogus"), None, "bad-option"),
        (("net.yaml", "--format", "json", "-o", "no/such/folder"), "net.yaml", "cannot-write"),
    ],
)
def test_whoever_asks_for_json_gets_one_document_whatever_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: Any, spec: str | None, code: str
) -> None:
    assert run(*arguments) == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["spec"]) == ("lazyinspect/problems/1", spec)
    assert (document["problems"][0]["code"], document["exit_code"]) == (code, 2)


def test_a_list_is_asked_for_and_a_list_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("missing.yaml", "--variant", "all", "--format", "json") == 2
    (document,) = json.loads(capsys.readouterr().out)
    assert document["problems"][0]["code"] == "unreadable"


def test_a_failure_while_making_the_table_hides_no_error(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(sys.modules["lazyinspect.plan.plan"], "_planned_part", fail)
    assert run("net.yaml") == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error[shape-mismatch]")


def test_a_network_that_works_loads_nothing_of_this() -> None:
    code = (
        "import sys; from lazyinspect import cli; cli.main(['run', 'configs/mynet.yaml', "
        "'--device', 'meta']); print(*(name for name in sys.modules if 'partial' in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == ""
