"""Specs, locks and what can be wrong between them: exit codes, messages, what is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lazyinspect
from lazyinspect import cli
from lazyinspect.api import check_all
from lazyinspect.drift import CheckReport
from lazyinspect.files import replace_file

ROOT = Path(cli.__file__).parents[1]
NET = "input: [1, 8]\nlayers: [LazyLinear: 4, ReLU]\n"
WIDER = NET.replace("4", "5")
VARIANTS = """\
input: [1, 8]
params: {width: 4}
variants: {small: {}, large: {width: 16}}
layers: [LazyLinear: $width, ReLU, LazyLinear: 2]
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CI", raising=False)


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def locked(name: str = "net.yaml", text: str = NET) -> Path:
    """A spec with a fresh lock; the path of the lock."""
    write(name, text)
    assert cli.main(["lock", name]) == 0
    return Path(name).with_suffix(".lock.yaml")


def code_of(report: CheckReport) -> list[str]:
    return [problem.code for problem in report.problems]


# what cannot be compared


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda text: text.replace("lock: 1", "<<<<<<< HEAD\nlock: 1"), "lock-conflict"),
        (lambda text: text.replace("lock: 1", "=======\nlock: 1"), "lock-conflict"),
        (lambda text: text.replace("lock: 1", "lock: 2"), "lock-version"),
        (lambda text: text.replace("lock: 1", "lock: one"), "lock-version"),
        (lambda text: text.replace("lock: 1\n", ""), "damaged-lock"),
        (lambda text: text.replace("network:", "networks:"), "damaged-lock"),
        (lambda text: text.replace("{layer: ReLU", "{ReLU"), "damaged-lock"),
        (lambda text: text.replace("float32 1x4}", "float32 1xfour}"), "damaged-lock"),
        (lambda text: text.replace("float32 1x4}", "float32 1x4"), "damaged-lock"),
        (lambda text: text.replace("    1: ", "    0: "), "damaged-lock"),
        (lambda text: text.replace("  inputs:", "  output:"), "damaged-lock"),
        (lambda text: text.replace("    params: 36\n", "    params: many\n"), "damaged-lock"),
        (lambda text: text.partition("  layers:")[0], "damaged-lock"),
        (lambda text: "", "damaged-lock"),
        (lambda text: "\x00\n", "damaged-lock"),
    ],
)
def test_a_lock_that_is_not_as_written_is_a_problem_at_its_line(
    damage: Callable[[str], str], code: str
) -> None:
    lock = locked()
    text = damage(lock.read_text(encoding="utf-8"))
    write("net.lock.yaml", text)
    report = check_all(["net.yaml"])
    assert code_of(report) == [code]
    assert report.exit_code == 2
    assert report.problems[0].mark is not None
    assert report.problems[0].mark.source.path == "net.lock.yaml"
    assert cli.main(["lock", "net.yaml"]) == 0
    assert check_all(["net.yaml"]).exit_code == 0


def test_a_lock_in_another_encoding_is_damaged() -> None:
    lock = locked()
    lock.write_bytes(lock.read_text(encoding="utf-8").encode("utf-16"))
    assert code_of(check_all(["net.yaml"])) == ["damaged-lock"]


def test_line_ends_of_another_system_are_no_drift() -> None:
    lock = locked()
    lock.write_bytes(lock.read_bytes().replace(b"\n", b"\r\n"))
    assert check_all(["net.yaml"]).exit_code == 0


def test_a_lock_that_says_the_same_in_other_words_is_a_drift_of_its_text() -> None:
    lock = locked()
    write(
        "net.lock.yaml", lock.read_text(encoding="utf-8").replace("{layer: ReLU", "{layer:  ReLU")
    )
    (drift,) = lazyinspect.check("net.yaml")
    assert drift.kind == "text"
    assert drift.mark is not None and drift.mark.source.path == "net.lock.yaml"


def test_a_head_that_names_another_spec_is_a_drift_of_the_text() -> None:
    locked("old.yaml")
    Path("old.yaml").rename("new.yaml")
    Path("old.lock.yaml").rename("new.lock.yaml")
    (drift,) = lazyinspect.check("new.yaml")
    assert (drift.kind, drift.mark.line if drift.mark else 0) == ("text", 1)


def test_a_missing_lock_says_the_command_that_writes_it() -> None:
    write("my nets/net.yaml", NET)
    report = check_all(["my nets"])
    assert code_of(report) == ["missing-lock"]
    assert report.problems[0].help == (
        "run `lazyinspect lock 'my nets/net.yaml'`, and commit my nets/net.lock.yaml"
    )
    assert report.exit_code == 2


def test_a_lock_without_a_spec_is_named_and_the_rest_is_checked() -> None:
    locked("a/one.yaml")
    locked("a/two.yaml")
    Path("a/one.yaml").unlink()
    report = check_all(["a"])
    assert [(r.spec, r.status) for r in report.results] == [
        ("a/one.yaml", "failed"),
        ("a/two.yaml", "ok"),
    ]
    assert code_of(report) == ["lock-without-spec"]


def test_a_lock_of_another_tool_is_not_looked_at() -> None:
    locked()
    write("environment.lock.yaml", "packages: [torch]\n")
    assert check_all(["."]).exit_code == 0


def test_two_specs_for_one_lock_are_named_both() -> None:
    locked()
    write("net.yml", NET)
    report = check_all(["."])
    assert code_of(report) == ["two-specs", "two-specs"]
    assert cli.main(["lock", "."]) == 2


def test_a_spec_that_no_longer_plans_is_reported_and_the_others_are_checked() -> None:
    locked("a.yaml")
    locked("b.yaml")
    write("a.yaml", "input: [1, 8]\nlayers: [Linear: [9, 4]]\n")
    write("b.yaml", WIDER)
    report = check_all(["."])
    assert [(r.spec, r.status, r.exit_code) for r in report.results] == [
        ("a.yaml", "failed", 3),
        ("b.yaml", "drift", 1),
    ]
    assert report.exit_code == 3


def test_a_wrong_spec_outranks_a_failing_network_and_both_outrank_drift() -> None:
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        locked(name)
    write("a.yaml", "input: [1, 8]\nlayers: [Linear: [9, 4]]\n")
    write("b.yaml", "input: [1, 8]\nlayers: [Linaer: 4]\n")
    write("c.yaml", WIDER)
    assert check_all(["a.yaml", "b.yaml", "c.yaml"]).exit_code == 2
    assert check_all(["a.yaml", "c.yaml"]).exit_code == 3
    assert check_all(["c.yaml"]).exit_code == 1


def test_a_network_that_fails_leaves_the_other_variants_compared() -> None:
    locked(text=VARIANTS)
    write("net.yaml", VARIANTS.replace("{width: 16}", "{width: 0}"))
    report = check_all(["net.yaml"])
    assert [(r.variant, r.status) for r in report.results] == [("small", "ok"), ("large", "failed")]


def test_check_raises_what_cannot_be_compared() -> None:
    write("net.yaml", NET)
    with pytest.raises(lazyinspect.SpecError, match="missing-lock"):
        lazyinspect.check("net.yaml")


# networks of a spec


def test_every_variant_is_locked_and_the_spec_itself_where_no_variant_is_the_same() -> None:
    locked(text=VARIANTS)
    assert [r.variant for r in check_all(["net.yaml"]).results] == ["small", "large"]
    locked(text=VARIANTS.replace("small: {}", "small: {width: 2}"))
    assert [r.variant for r in check_all(["net.yaml"]).results] == [None, "small", "large"]


def test_a_spec_that_needs_a_variant_is_locked_by_its_variants() -> None:
    locked(
        text=VARIANTS.replace("width: 4", "width: int").replace("small: {}", "small: {width: 2}")
    )
    assert [r.variant for r in check_all(["net.yaml"]).results] == ["small", "large"]


def test_variants_that_come_and_go_are_drifts() -> None:
    locked(text=VARIANTS)
    write("net.yaml", VARIANTS.replace("large:", "huge:"))
    drifts = lazyinspect.check("net.yaml")
    assert [(d.variant, d.kind) for d in drifts] == [
        ("huge", "new-variant"),
        ("large", "lost-variant"),
    ]


def test_variants_that_replace_a_plain_spec_are_drifts() -> None:
    locked(text=VARIANTS)
    write("net.yaml", NET)
    kinds = [(d.variant, d.kind) for d in lazyinspect.check("net.yaml")]
    assert kinds == [(None, "new-variant"), ("small", "lost-variant"), ("large", "lost-variant")]
    assert cli.main(["lock", "net.yaml"]) == 0
    assert lazyinspect.check("net.yaml") == ()


def test_one_cause_in_a_real_network(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ROOT / "configs" / "resnet.yaml"
    locked("resnet.yaml", source.read_text(encoding="utf-8"))
    text = Path("resnet.yaml").read_text(encoding="utf-8")
    write("resnet.yaml", text.replace("LazyConv2d: [64, 7", "LazyConv2d: [96, 7"))
    report = check_all(["resnet.yaml"])
    assert {len(result.drifts) for result in report.results} == {1}
    assert {drift.path for drift in report.drifts} == {"conv1"}
    assert {(c.field, c.before, c.after) for d in report.drifts for c in d.changes[:1]} == {
        ("out_channels", 64, 96)
    }


# writing


def test_lock_says_what_it_did_and_what_it_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    write("net.yaml", NET)
    (first,) = lazyinspect.lock("net.yaml")
    (second,) = lazyinspect.lock("net.yaml")
    write("net.yaml", WIDER)
    (third,) = lazyinspect.lock("net.yaml")
    assert [r.outcome for r in (first, second, third)] == ["created", "unchanged", "written"]
    assert [d.changes[0].after for c in third.accepted for d in c.drifts] == [5]
    assert lazyinspect.check("net.yaml") == ()


def test_an_accepted_variant_leaves_the_others_as_locked() -> None:
    lock = locked(text=VARIANTS)
    before = lock.read_text(encoding="utf-8")
    write("net.yaml", VARIANTS.replace("LazyLinear: 2", "LazyLinear: 3"))
    drifts = lazyinspect.check("net.yaml")
    assert [d.accept for d in drifts] == [
        "lazyinspect lock --accept net.yaml@small",
        "lazyinspect lock --accept net.yaml@large",
    ]
    assert cli.main(drifts[0].accept.split()[1:]) == 0
    after = lock.read_text(encoding="utf-8")
    assert before.partition("  large:")[2] == after.partition("  large:")[2]
    assert [d.variant for d in lazyinspect.check("net.yaml")] == ["large"]
    assert cli.main(["lock", "--accept", "net.yaml"]) == 0
    assert lazyinspect.check("net.yaml") == ()


def test_a_variant_that_is_gone_is_accepted_by_leaving_it_out() -> None:
    lock = locked(text=VARIANTS)
    write("net.yaml", VARIANTS.replace(", large: {width: 16}", ""))
    (drift,) = lazyinspect.check("net.yaml")
    assert cli.main(drift.accept.split()[1:]) == 0
    assert "large" not in lock.read_text(encoding="utf-8")
    assert lazyinspect.check("net.yaml") == ()


@pytest.mark.parametrize(
    ("accept", "code"),
    [("net.yaml@tiny", "unknown-variant"), ("other.yaml@small", "missing-lock")],
)
def test_what_cannot_be_accepted_is_said(
    accept: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = locked(text=VARIANTS)
    write("other.yaml", VARIANTS)
    before = lock.read_bytes()
    assert cli.main(["lock", "--accept", accept]) == 2
    assert f"error[{code}]" in capsys.readouterr().err
    assert lock.read_bytes() == before
    assert not Path("other.lock.yaml").exists()


def test_nothing_is_written_where_ci_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = locked()
    write("net.yaml", WIDER)
    before = lock.read_bytes()
    monkeypatch.setenv("CI", "true")
    assert cli.main(["lock", "."]) == 2
    assert cli.main(["lock", "--accept", "net.yaml"]) == 2
    assert lock.read_bytes() == before
    monkeypatch.setenv("CI", "false")
    assert cli.main(["lock", "."]) == 0


def test_a_network_that_does_not_plan_keeps_its_old_lock_and_others_are_written() -> None:
    lock = locked("a.yaml")
    before = lock.read_bytes()
    write("a.yaml", "input: [1, 8]\nlayers: [Linear: [9, 4]]\n")
    write("b.yaml", NET)
    assert cli.main(["lock", "."]) == 3
    assert lock.read_bytes() == before
    assert Path("b.lock.yaml").exists()


def test_an_interrupted_write_leaves_the_old_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = locked()
    before = lock.read_bytes()

    def pieces() -> Iterator[str]:
        yield "half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(lock, pieces())
    assert lock.read_bytes() == before
    assert sorted(os.listdir()) == ["net.lock.yaml", "net.yaml"]


# the command


def test_several_processes_find_what_one_does() -> None:
    for k in range(6):
        locked(f"n{k}.yaml", NET.replace("4", str(k + 1)))
    write("n3.yaml", NET.replace("4", "40"))
    Path("n5.lock.yaml").unlink()
    one, two = (check_all(["."], jobs=jobs) for jobs in (1, 2))
    assert [(r.name, r.status, r.exit_code) for r in one.results] == [
        (r.name, r.status, r.exit_code) for r in two.results
    ]
    assert [d.changes for d in one.drifts] == [d.changes for d in two.drifts]


def test_progress_is_told_for_every_spec() -> None:
    for k in range(3):
        write(f"n{k}.yaml", NET)
    told: list[tuple[int, int]] = []
    check_all(["."], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_check_loads_no_torch() -> None:
    locked()
    code = "import sys; from lazyinspect import cli; cli.main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(Path.cwd())],
        check=True, timeout=60, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert "1 network as locked" in done.stdout
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not {"torch", "rich"} & loaded


def test_check_on_a_device_runs_every_network() -> None:
    locked(text=VARIANTS)
    assert check_all(["net.yaml"], device="cpu").exit_code == 0
    report = check_all(["net.yaml"], device="no-such-device")
    assert {result.exit_code for result in report.results} == {2}


def test_figures_observed_otherwise_than_planned_are_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    locked()

    def contradicts(*arguments: object, **options: object) -> None:
        raise lazyinspect.InternalError([])

    monkeypatch.setattr("lazyinspect.api.run", contradicts)
    report = check_all(["net.yaml"], device="cpu")
    assert [result.problem_code for result in report.results] == [70]


def test_the_command_that_mends_a_lock_can_be_pasted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("my nets").mkdir()
    Path("my nets/net.yaml").write_text("input: [1, 8]\nlayers: [ReLU]\n", encoding="utf-8")
    Path("my nets/net.lock.yaml").write_text("<<<<<<< HEAD\nlock: 1\n", encoding="utf-8")
    assert cli.main(["check", "my nets"]) == 2
    assert "run `lazyinspect lock 'my nets/net.yaml'`" in capsys.readouterr().err


def test_lock_leaves_a_lock_without_a_spec_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    write("old.yaml", NET)
    lazyinspect.lock("old.yaml")
    Path("old.yaml").rename("new.yaml")
    assert cli.main(["lock", "."]) == 0
    out = capsys.readouterr().out
    assert "created   new.lock.yaml" in out
    assert "unused    old.lock.yaml" in out and "bring old.yaml back" in out
    assert Path("old.lock.yaml").exists()


def test_two_specs_for_one_lock_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    write("a.yaml", NET)
    write("a.yml", NET)
    assert cli.main(["check", "."]) == 2
    err = capsys.readouterr().err
    assert err.count("error[two-specs]: a.yaml and a.yml would share a.lock.yaml") == 1


def test_lock_counts_what_is_unchanged_in_a_large_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(30):
        write(f"n{number:02}.yaml", NET)
    lazyinspect.lock(".")
    write("n07.yaml", WIDER)
    assert cli.main(["lock", "."]) == 0
    assert capsys.readouterr().out == (
        "written   n07.lock.yaml\n"
        "            0 (LazyLinear): out_features 4 -> 5\n"
        "unchanged 29 locks\n"
    )
