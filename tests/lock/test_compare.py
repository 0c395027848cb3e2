"""`diff`: specs, variants, locks, JSON reports and git revisions, through one engine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import lazyinspect
from lazyinspect import cli
from lazyinspect.api import diff_all

NET = "input: [1, 8]\nlayers: {a: {LazyLinear: 4}, b: ReLU, c: {LazyLinear: 2}}\n"
WIDER = NET.replace("4", "5")
VARIANTS = """\
input: [1, 8]
params: {width: 4}
variants: {small: {}, large: {width: 16}}
layers: [LazyLinear: $width, ReLU, LazyLinear: 2]
"""
CONFIGS = Path(cli.__file__).parents[1] / "configs"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CI", raising=False)


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def git(*arguments: str) -> None:
    who = ["-c", "user.name=me", "-c", "user.email=me@example.com"]
    subprocess.run(["git", *who, *arguments], check=True, timeout=60, capture_output=True)


def committed(text: str, name: str = "net.yaml") -> None:
    git("init", "-q", ".")
    write(name, text)
    git("add", name)
    git("commit", "-q", "-m", "net")


def test_two_specs() -> None:
    (drift,) = lazyinspect.diff(write("a.yaml", NET), write("b.yaml", WIDER))
    assert (drift.kind, drift.path, drift.changes[0].after) == ("changed", "a", 5)
    assert drift.followers == ("b", "c")
    assert drift.mark is not None and drift.mark.source.path == "b.yaml"


def test_two_specs_of_the_same_shapes_do_not_differ_by_their_parameters() -> None:
    same = NET.replace(
        "layers: {a: {LazyLinear: 4}", "params: {w: 4}\nlayers: {a: {LazyLinear: $w}"
    )
    assert lazyinspect.diff(write("a.yaml", NET), write("b.yaml", same)) == ()


@pytest.mark.parametrize(
    ("a", "b"),
    [("net.yaml@small", "net.yaml@large"), ("net.yaml@small", "@large")],
)
def test_two_variants_differ_by_the_parameter_that_makes_them(a: str, b: str) -> None:
    write("net.yaml", VARIANTS)
    (drift,) = lazyinspect.diff(a, b)
    assert (drift.kind, drift.variant) == ("param", "large")
    assert [(c.field, c.before, c.after) for c in drift.changes] == [("width", 4, 16)]
    assert drift.followers == ("0", "1", "2")
    assert drift.mark is not None and drift.mark.line == 3


def test_networks_of_one_name_belong_together() -> None:
    write("a.yaml", VARIANTS)
    write("b.yaml", VARIANTS.replace("large:", "huge:").replace("LazyLinear: 2", "LazyLinear: 3"))
    found = list(diff_all(["a.yaml", "b.yaml"]))
    assert [
        (c.before and c.before.variant, c.after and c.after.variant, [d.kind for d in c.drifts])
        for c in found
    ] == [
        ("small", "small", ["changed"]),
        (None, "huge", ["new-variant"]),
        ("large", None, ["lost-variant"]),
    ]


def test_a_spec_with_variants_is_what_run_plans_of_it_beside_one_without() -> None:
    write("a.yaml", VARIANTS)
    write("b.yaml", "input: [1, 8]\nlayers: [LazyLinear: 5, ReLU, LazyLinear: 2]\n")
    ((drift,), (back,)) = lazyinspect.diff("a.yaml", "b.yaml"), lazyinspect.diff("b.yaml", "a.yaml")
    assert (drift.path, drift.changes[0].before, drift.changes[0].after) == ("0", 4, 5)
    assert (back.path, back.changes[0].before, back.changes[0].after) == ("0", 5, 4)


IN_OTHER_WORDS = {
    "explicit": NET.replace("LazyLinear: 4", "Linear: [8, 4]"),
    "default": NET.replace("LazyLinear: 4", "LazyLinear: [4, true]"),
    "parameter": "params: {spare: 1}\n" + NET,
    "block": NET.replace("b: ReLU", "b: B") + "blocks: {B: {layers: [ReLU]}}\n",
}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (NET, IN_OTHER_WORDS["explicit"]),
        (NET, IN_OTHER_WORDS["default"]),
        (NET, IN_OTHER_WORDS["parameter"]),
        (IN_OTHER_WORDS["block"], IN_OTHER_WORDS["block"].replace("B", "Act")),
    ],
    ids=["explicit", "default", "parameter", "block"],
)
def test_the_same_network_in_other_words_is_told_and_fails_nothing(
    a: str, b: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.yaml", a)
    write("b.yaml", b)
    for one, other in (("a.yaml", "b.yaml"), ("b.yaml", "a.yaml")):
        assert cli.main(["diff", one, other]) == 0
        out = capsys.readouterr().out
        assert "the network is the same" in out and "no difference but in words" in out
        assert lazyinspect.diff(one, other) == ()
    lazyinspect.lock("a.yaml")
    write("a.yaml", b)
    assert cli.main(["check", "a.yaml"]) == 0
    out = capsys.readouterr().out
    assert "0 of 1 network as locked, 1 in other words" in out
    assert "lazyinspect lock a.yaml" in out
    assert lazyinspect.check("a.yaml") == ()


def test_other_words_do_not_hide_what_differs() -> None:
    before = NET
    after = NET.replace("LazyLinear: 4", "Linear: [8, 4]").replace("LazyLinear: 2", "LazyLinear: 3")
    write("a.yaml", before)
    lazyinspect.lock("a.yaml")
    write("a.yaml", after)
    (drift,) = lazyinspect.check("a.yaml")
    assert (drift.path, drift.words_only) == ("c", False)


def test_a_spec_and_its_resolved_form_differ_in_words_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = str(CONFIGS / "resnet.yaml")
    assert cli.main(["export", spec, "-o", "resolved.yaml"]) == 0
    assert cli.main(["diff", spec, "resolved.yaml"]) == 0
    assert "type LazyConv2d -> Conv2d" in capsys.readouterr().out


def test_beside_a_spec_without_variants_stands_what_run_plans() -> None:
    write("many.yaml", NET + "params: {w: 1}\nvariants: {big: {w: 2}}\n")
    write("one.yaml", NET)
    assert lazyinspect.diff("many.yaml", "one.yaml") == ()
    assert lazyinspect.diff("one.yaml", "many.yaml") == ()


@pytest.mark.parametrize(
    ("a", "b", "code"),
    [
        ("plain.yaml", "net.lock.yaml", "bad-operand"),
        ("@small", "net.yaml", "bad-operand"),
        ("net.yaml@tiny", "plain.yaml", "unknown-variant"),
        ("plain.yaml@small", "net.yaml", "unknown-variant"),
        ("plain.yaml", "missing.lock.yaml", "unreadable"),
        ("missing.json", "plain.yaml", "unreadable"),
        ("broken.json", "plain.yaml", "bad-report"),
        ("other.json", "plain.yaml", "bad-report"),
        ("part.json", "plain.yaml", "bad-report"),
    ],
)
def test_what_cannot_be_compared_is_said(
    a: str, b: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("plain.yaml", NET)
    write("net.yaml", VARIANTS)
    lazyinspect.lock("net.yaml")
    write("broken.json", "{")
    write("other.json", '{"schema": "lazyinspect/report/2"}')
    write("part.json", '{"schema": "lazyinspect/report/1", "spec": {"variant": null}}')
    assert cli.main(["diff", a, b]) == 2
    assert f"error[{code}]" in capsys.readouterr().err


def test_a_lock_stands_for_the_spec_as_it_was() -> None:
    write("net.yaml", NET)
    lazyinspect.lock("net.yaml")
    assert lazyinspect.diff("net.lock.yaml", "net.yaml") == ()
    write("net.yaml", WIDER)
    (drift,) = lazyinspect.diff("net.lock.yaml", "net.yaml")
    (back,) = lazyinspect.diff("net.yaml", "net.lock.yaml")
    assert (drift.changes[0].before, drift.changes[0].after) == (4, 5)
    assert (back.changes[0].before, back.changes[0].after) == (5, 4)
    assert back.mark is None


NAMES = sorted(path.name for path in CONFIGS.glob("*.yaml") if ".lock." not in path.name)


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in ("llama3.yaml", "efficientnet.yaml")]
)
def test_a_report_of_a_network_does_not_differ_from_its_spec(name: str) -> None:
    spec = str(CONFIGS / name)
    variants = lazyinspect.api.variants(spec)[:2]  # type: ignore[attr-defined]
    for variant in variants or [None]:
        chosen = [] if variant is None else ["--variant", variant]
        command = ["run", spec, "--device", "meta", "--format", "json", "-o", "net.json"]
        assert cli.main([*command, *chosen]) == 0
        whole = spec if variant is None else f"{spec}@{variant}"
        assert lazyinspect.diff("net.json", whole) == ()
        assert lazyinspect.diff(whole, "net.json") == ()


def test_a_report_of_a_network_with_shared_containers_does_not_differ_from_its_spec() -> None:
    write(
        "net.yaml", "input: [2, 8]\nlayers: {a: [LazyLinear: 8, ReLU], b: {use: a}, c: {use: a}}\n"
    )
    cli.main(["run", "net.yaml", "--device", "meta", "--format", "json", "-o", "net.json"])
    assert lazyinspect.diff("net.json", "net.yaml") == ()


def test_a_report_shows_one_cause_with_all_that_follows() -> None:
    write("net.yaml", NET)
    cli.main(["run", "net.yaml", "--device", "meta", "--format", "json", "-o", "net.json"])
    write("net.yaml", WIDER)
    (drift,) = lazyinspect.diff("net.json", "net.yaml")
    assert (drift.path, drift.followers) == ("a", ("b", "c"))


def test_options_apply_to_both() -> None:
    write("a.yaml", VARIANTS)
    write("b.yaml", VARIANTS.replace("LazyLinear: 2", "LazyLinear: 3"))
    (found,) = diff_all(["a.yaml@small", "b.yaml@small"], set={"width": 7}, batch=5)
    assert found.before is not None and found.after is not None
    assert found.before.inputs == found.after.inputs
    assert found.before.inputs[0].shape == (5, 8)
    assert found.before.rows[0].outputs == found.after.rows[0].outputs
    assert [d.path for d in found.drifts] == ["2"]


def test_a_spec_is_compared_with_what_it_was_at_a_revision() -> None:
    committed(NET)
    assert cli.main(["diff", "--base", "HEAD", "net.yaml"]) == 0
    write("net.yaml", WIDER)
    (drift,) = lazyinspect.diff("net.yaml", base="HEAD")
    assert (drift.path, drift.changes[0].before, drift.changes[0].after) == ("a", 4, 5)
    assert cli.main(["diff", "--base", "HEAD", "net.yaml"]) == 1
    assert cli.main(["diff", "--base", "HEAD"]) == 1


def test_a_spec_in_a_folder_is_found_at_the_revision(tmp_path: Path) -> None:
    Path("nets").mkdir()
    committed(NET, "nets/net.yaml")
    write("nets/net.yaml", WIDER)
    (drift,) = lazyinspect.diff("nets/net.yaml", base="HEAD")
    assert drift.path == "a"


def test_a_spec_that_the_revision_lacks_is_new() -> None:
    committed(NET)
    write("b.yaml", VARIANTS)
    found = list(diff_all(["."], base="HEAD"))
    assert [(d.spec, d.variant, d.kind) for c in found for d in c.drifts] == [
        ("b.yaml", "small", "new-variant"),
        ("b.yaml", "large", "new-variant"),
    ]


def test_a_spec_that_is_there_no_more_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("nets").mkdir()
    write("nets/notes.yaml", "title: no spec\n")
    write("nets/kept.yaml", NET)
    write("nets/net.yaml", VARIANTS)
    git("init", "-q", ".")
    git("add", "nets")
    git("commit", "-q", "-m", "nets")
    for name in ("net", "notes"):
        Path(f"nets/{name}.yaml").unlink()
    gone = [("nets/net.yaml", v, "lost-variant") for v in ("small", "large")]
    for path in ("nets", ".", "nets/net.yaml"):
        found = lazyinspect.diff(path, base="HEAD")
        assert [(d.spec, d.variant, d.kind) for d in found] == gone
    assert cli.main(["diff", "--base", "HEAD", "nets"]) == 1
    out = capsys.readouterr().out
    assert "drift[lost-variant]: nets/net.yaml@small is gone" in out
    assert out.endswith("\n2 of 3 networks differ\n")
    assert cli.main(["diff", "--base", "HEAD", "nets/never.yaml"]) == 2


def test_variants_that_a_change_meets_alike_are_shown_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("a.yaml", VARIANTS)
    write("b.yaml", VARIANTS.replace("LazyLinear: 2", "LazyLinear: 3"))
    assert cli.main(["diff", "a.yaml", "b.yaml"]) == 1
    out = capsys.readouterr().out
    assert out.count("drift[changed]: 2 (LazyLinear): out_features 2 -> 3") == 1
    assert "and alike, with rows of their own (-v): large" in out
    assert out.endswith("2 of 2 networks differ\n")
    assert cli.main(["diff", "a.yaml", "b.yaml", "-v"]) == 1
    assert capsys.readouterr().out.count("drift[changed]: 2 (LazyLinear)") == 2


def test_one_variant_is_compared_with_what_it_was() -> None:
    committed(VARIANTS)
    write("net.yaml", VARIANTS.replace("width: 16", "width: 32"))
    assert lazyinspect.diff("net.yaml@small", base="HEAD") == ()
    (drift,) = lazyinspect.diff("net.yaml@large", base="HEAD")
    assert drift.kind == "param"


@pytest.mark.parametrize(
    "revision", ["HEAD~3", "no-such", "-p", "--help", "", "HEAD:net.yaml", "a b"]
)
def test_a_revision_that_is_none_is_said(revision: str, capsys: pytest.CaptureFixture[str]) -> None:
    committed(NET)
    assert cli.main(["diff", f"--base={revision}", "net.yaml"]) == 2
    assert "error[no-revision]" in capsys.readouterr().err


def test_a_folder_outside_a_repository_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write("net.yaml", NET)
    assert cli.main(["diff", "--base", "HEAD", "net.yaml"]) == 2
    assert "is in no git repository" in capsys.readouterr().err


def test_a_machine_without_git_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    write("net.yaml", NET)
    assert cli.main(["diff", "--base", "HEAD", "net.yaml"]) == 2
    assert "git is not installed" in capsys.readouterr().err


def test_a_revision_whose_spec_is_broken_leaves_the_others_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    committed("input: [1, 8]\nlayers: [Linaer: 4]\n", "a.yaml")
    write("b.yaml", NET)
    git("add", ".")
    git("commit", "-q", "-m", "b")
    write("a.yaml", NET)
    write("b.yaml", WIDER)
    assert cli.main(["diff", "--base", "HEAD", "."]) == 2
    out, err = capsys.readouterr()
    assert "out_features 4 -> 5" in out
    assert "--> HEAD:a.yaml:2:10" in err


@pytest.mark.parametrize("arguments", [[], ["a.yaml"], ["a.yaml", "b.yaml", "c.yaml"]])
def test_diff_takes_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diff", *arguments]) == 2
    assert "two are compared" in capsys.readouterr().err
