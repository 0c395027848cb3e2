"""What may change, what a network may cost, and where that is said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazyinspect import api, cli
from lazyinspect.drift import CheckReport, Drift
from lazyinspect.errors import SpecError
from lazyinspect.lock import places
from lazyinspect.lock.project import pattern
from lazyinspect.spec.grammar import parse_spec
from lazyinspect.spec.policy import CHECK_KEYS, PLANNED_KEYS
from lazyinspect.spec.reader import Mapping, Node, Scalar, read

NET = """\
input: [1, 3, 16, 16]
layers:
  stem: {LazyConv2d: [8, 3]}
  act: ReLU
  flat: Flatten
  fc: {LazyLinear: 10}
"""
VARIANTS = """\
input: [1, 8]
params: {width: 8}
variants: {small: {}, large: {width: 64}}
layers: [LazyLinear: $width, ReLU, {LazyLinear: 4, as: head}]
"""
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files of a project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def files(**texts: str) -> None:
        for name, text in texts.items():
            path = Path(name.replace("__", "/").replace("_toml", ".toml"))
            if not path.suffix:
                path = path.with_suffix(".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    return files


def broken(*paths: str) -> list[tuple[str, str | None, str]]:
    """Rules that are broken: spec, variant, rule or path."""
    return [
        (d.spec, d.variant, d.changes[0].field if d.kind == "over-budget" else d.path)
        for d in checked(*paths).drifts
    ]


def checked(*paths: str) -> CheckReport:
    api.lock_all(paths or ["."])
    return api.check_all(paths or ["."])


def problem(*arguments: str) -> tuple[str, str, int]:
    """Code, message and line of the first problem."""
    with pytest.raises(SpecError) as caught:
        api.check_all(list(arguments))
    first = caught.value.problems[0]
    return first.code, first.message, first.mark.line if first.mark else 0


# -- what may change -----------------------------------------------------------------------------


def test_names_may_change_where_a_policy_says_so(write: Write) -> None:
    write(net=NET)
    api.lock_all(["."])
    write(net=NET.replace("stem:", "entry:") + "check: {allow: [names]}\n")
    report = api.check_all(["."])
    assert report.exit_code == 0
    assert [drift.kind for drift in report.allowed] == ["renamed"]
    assert report.results[0].status == "ok"
    assert api.check("net.yaml") == ()


def test_a_batch_may_change_where_a_policy_says_so(write: Write) -> None:
    write(net=NET)
    api.lock_all(["."])
    write(net=NET.replace("[1, 3", "[4, 3"), pyproject_toml='[tool.lazyinspect]\nallow = "batch"\n')
    report = api.check_all(["."])
    assert report.exit_code == 0
    assert [drift.kind for drift in report.allowed] == ["input"]


@pytest.mark.parametrize(
    "change",
    [
        ("LazyConv2d: [8", "LazyConv2d: [9"),
        ("ReLU", "GELU"),
        ("16, 16]", "18, 18]"),
        ("  act: ReLU\n", ""),
    ],
)
def test_what_no_policy_names_still_fails(write: Write, change: tuple[str, str]) -> None:
    write(net=NET, pyproject_toml='[tool.lazyinspect]\nallow = ["names", "batch"]\n')
    api.lock_all(["."])
    write(net=NET.replace(*change))
    report = api.check_all(["."])
    assert report.exit_code == 1
    assert not report.allowed


def test_a_renamed_layer_that_also_changed_fails(write: Write) -> None:
    write(net=NET, pyproject_toml='[tool.lazyinspect]\nallow = ["names"]\n')
    api.lock_all(["."])
    write(net=NET.replace("stem: {LazyConv2d: [8", "entry: {LazyConv2d: [9"))
    assert api.check_all(["."]).exit_code == 1


# -- budgets -------------------------------------------------------------------------------------


def test_a_budget_is_exceeded_by_one_and_kept_by_none(write: Write) -> None:
    params = api.plan(parse_spec(NET, "net.yaml")).report().totals.param_count
    write(net=NET + f"check: {{max_params: {params}}}\n")
    assert broken() == []
    write(net=NET + f"check: {{max_params: {params - 1}}}\n")
    assert broken() == [("net.yaml", None, "max_params")]
    assert api.check_all(["."]).exit_code == 1


@pytest.mark.parametrize(
    ("rule", "figure"),
    [("max_params", "param_count"), ("max_macs", "macs"), ("max_param_bytes", "param_bytes")],
)
def test_spenders_are_the_layers_with_their_share_of_the_total(
    write: Write, rule: str, figure: str
) -> None:
    write(net=NET + f"check: {{{rule}: 1}}\n")
    (drift,) = checked().drifts
    totals = api.plan("net.yaml").report().totals
    assert drift.changes[0].after == getattr(totals, figure)
    assert [spender.path for spender in drift.spenders] == (
        ["stem", "fc"] if rule == "max_macs" else ["fc", "stem"]
    )
    assert sum(spender.share for spender in drift.spenders) == pytest.approx(1)
    assert drift.mark is not None and drift.mark == drift.spenders[0].mark
    assert drift.policy is not None and drift.policy.line == 7


def test_copies_of_a_line_spend_together(write: Write) -> None:
    write(net="input: [1, 8]\nlayers:\n  - {LazyLinear: 8, repeat: 5}\ncheck: {max_params: 1}\n")
    (drift,) = checked().drifts
    (spender,) = drift.spenders
    assert (spender.path, spender.count, spender.value, spender.share) == ("0", 5, 72, 1)


def test_a_drift_and_a_broken_budget_are_told_apart(write: Write) -> None:
    write(net=NET)
    api.lock_all(["."])
    write(net=NET.replace("[8, 3]", "[9, 3]") + "check: {max_params: 10}\n")
    report = api.check_all(["."])
    assert [drift.kind for drift in report.drifts] == ["changed", "over-budget"]
    assert [bool(drift.accept) for drift in report.drifts] == [True, False]


def test_lock_writes_and_warns(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write(net=NET + "check: {max_params: 10}\n")
    assert cli.main(["lock"]) == 0
    out, err = capsys.readouterr()
    assert out == "created   net.lock.yaml\n"
    assert err.startswith("policy[max_params]: net.yaml has 15,914 parameters")
    assert Path("net.lock.yaml").exists()


def test_diff_knows_no_budget(write: Write) -> None:
    write(net=NET + "check: {max_params: 10, require_expect: [fc]}\n", other=NET)
    assert api.diff("net.yaml", "other.yaml") == ()


def test_a_network_that_does_not_plan_has_no_budget(write: Write) -> None:
    write(net=NET.replace("LazyLinear: 10", "Linear: [9, 10]") + "check: {max_params: 10}\n")
    report = api.check_all(["."])
    assert report.exit_code == 2  # it has no lock either
    assert not report.drifts


# -- who outranks whom ---------------------------------------------------------------------------

TOML = """\
[tool.lazyinspect]
max_params = {project}
[[tool.lazyinspect.specs]]
files = "*.yaml"
max_params = {files}
variants.large.max_params = {variant}
"""


@pytest.mark.parametrize(
    ("project", "files", "variant", "own", "own_variant", "over"),
    [
        ("1", "false", "false", "", "", []),
        ("false", "1", "false", "", "", ["small"]),
        ("1", "1", "1000000", "", "", ["small"]),
        ("1", "1", "1", "max_params: 1M", "", []),
        ("false", "false", "false", "max_params: 1", "large: {max_params: 1M}", ["small"]),
        ("1", "1", "1", "max_macs: 1", "", ["small", "large"]),
        ("1", "1", "1", "", "large: {max_params: false}", ["small"]),
    ],
)
def test_the_nearer_policy_outranks(
    write: Write,
    project: str,
    files: str,
    variant: str,
    own: str,
    own_variant: str,
    over: list[str],
) -> None:
    """The project's table, one of some of its files, of a variant; the spec's own, of a variant."""
    write(pyproject_toml=TOML.format(project=project, files=files, variant=variant))
    rules = [own, f"variants: {{{own_variant}}}"] if own_variant else [own]
    write(net=VARIANTS + f"check: {{{', '.join(filter(None, rules))}}}\n")
    found = [name for _, name, rule in broken() if rule == "max_params"]
    assert found == over


def test_a_later_table_of_files_outranks_an_earlier_one(write: Write) -> None:
    table = '[[tool.lazyinspect.specs]]\nfiles = "{}"\nmax_params = {}\n'
    write(pyproject_toml=table.format("nets", 1) + table.format("nets/big/*", "false"))
    write(nets__small=NET, nets__big__net=NET)
    assert broken("nets") == [("nets/small.yaml", None, "max_params")]


def test_the_nearest_project_with_a_table_counts(write: Write) -> None:
    write(pyproject_toml="[tool.lazyinspect]\nmax_params = 1\n", a__net=NET, b__net=NET, c__net=NET)
    Path("b/pyproject.toml").write_text("[tool.lazyinspect]\n", encoding="utf-8")
    Path("c/pyproject.toml").write_text('[project]\nname = "lazyinspect"\n', encoding="utf-8")
    assert broken() == [("a/net.yaml", None, "max_params"), ("c/net.yaml", None, "max_params")]


def test_a_project_that_changes_is_read_again(write: Write) -> None:
    write(net=NET, pyproject_toml="[tool.lazyinspect]\nmax_params = 1\n")
    assert len(broken()) == 1
    write(pyproject_toml="[tool.lazyinspect]\nmax_params = 100_000\n")
    assert broken() == []


# -- expects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ("[fc]", ["fc"]),
        ("fc", ["fc"]),
        ("[stem]", []),
        ("[output]", ["fc"]),
        ("['*']", ["act", "flat", "fc"]),
        ("[f*]", ["flat", "fc"]),
        ("[gone]", ["gone"]),
        ("[stem.x]", ["stem.x"]),
        ("[]", []),
    ],
)
def test_an_expect_is_asked_for_by_path(write: Write, asked: str, missing: list[str]) -> None:
    net = NET.replace(
        "stem: {LazyConv2d: [8, 3]", "stem: {LazyConv2d: [8, 3], expect: [_, 8, 14, 14]"
    )
    write(net=net + f"check: {{require_expect: {asked}}}\n")
    assert [path for *_, path in broken()] == missing


@pytest.mark.parametrize(
    "check",
    [
        "", "{}", "{allow: names}", "{allow: [names, batch]}", "{max_params: 25M}",
        "{max_macs: 4.1 G}", "{max_param_bytes: 1.5 KiB}", "{max_params: 1e6}",
        "{max_params: false}", "{require_expect: [3, output]}", "{require_expect: 3}",
        "{variants: {small: {max_params: 3}}}",
    ],
)  # fmt: skip
def test_the_schema_for_editors_has_every_form(check: str) -> None:
    text = VARIANTS + f"check: {check}\n"
    assert parse_spec(text, "net.yaml").policy is not None
    jsonschema.validate(as_data(text), api.schema())


@pytest.mark.parametrize(
    "check",
    ["3", "{allow: name}", "{max_params: lots}", "{max_params: true}", "{max_params: -1}",
     "{max_params: 5MiB}", "{max_param_bytes: 5M}", "{require_expect: [[a]]}", "{batch: 3}",
     "{variants: {small: 3}}", "{variants: {small: {variants: {}}}}", "{require_expect: [true]}"],
)  # fmt: skip
def test_what_the_schema_for_editors_refuses_is_refused(check: str) -> None:
    text = VARIANTS + f"check: {check}\n"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_data(text), api.schema())
    with pytest.raises(SpecError):
        parse_spec(text, "net.yaml")


def as_data(text: str) -> Any:
    """A spec as an editor reads it: YAML 1.2's core scalars."""

    def plain(node: Node) -> Any:
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Mapping):
            return {key.text: plain(value) for key, value in node.pairs}
        return [plain(item) for item in node.items]

    return plain(read(text, "net.yaml"))


def test_an_expect_is_asked_for_by_label(write: Write) -> None:
    write(net=VARIANTS + "check: {require_expect: [head]}\n")
    assert broken() == [("net.yaml", "small", "head"), ("net.yaml", "large", "head")]
    write(
        net=VARIANTS.replace("as: head", "as: head, expect: [_, 4]")
        + "check: {require_expect: head}\n"
    )
    assert broken() == []


def test_output_means_the_steps_that_output_names(write: Write) -> None:
    write(net=NET + "output: {a: act, b: fc}\ncheck: {require_expect: output}\n")
    assert [path for *_, path in broken()] == ["act", "fc"]


def test_an_expect_in_a_block_is_asked_for_once_for_all_uses(write: Write) -> None:
    text = (
        "input: [1, 8]\nblocks: {Unit: {layers: {a: {LazyLinear: 8}}}}\n"
        "layers: {x: Unit, y: Unit}\ncheck: {require_expect: ['*.a']}\n"
    )
    write(net=text)
    (drift,) = checked().drifts
    assert (drift.path, drift.also) == ("x.a", ("y.a",))


# -- what specs are planned with -----------------------------------------------------------------


def test_an_input_of_the_project_stands_in_for_a_missing_one(write: Write) -> None:
    table = '[[tool.lazyinspect.specs]]\nfiles = "a.yaml"\ninput = [2, 3, 16, 16]\n'
    write(a=NET.replace("input: [1, 3, 16, 16]\n", ""), pyproject_toml=table)
    report = checked()
    assert report.exit_code == 0
    assert "inputs: {input: float32 2x3x16x16}" in Path("a.lock.yaml").read_text(encoding="utf-8")
    assert api.diff("a.yaml", "a.lock.yaml") == ()


def test_an_input_of_the_project_leaves_the_spec_its_own(write: Write) -> None:
    write(net=NET, pyproject_toml="[tool.lazyinspect]\ninput = [2, 3, 8, 8]\nbatch = 5\n")
    checked()
    assert "float32 5x3x16x16" in Path("net.lock.yaml").read_text(encoding="utf-8")


def test_an_older_revision_is_planned_with_the_same(write: Write) -> None:
    """Its file is called otherwise, and is the same."""
    from subprocess import run

    table = '[[tool.lazyinspect.specs]]\nfiles = "nets/*"\ninput = [2, 3, 16, 16]\n'
    write(nets__a=NET.replace("input: [1, 3, 16, 16]\n", ""), pyproject_toml=table)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        run([*git, *arguments], check=True, timeout=60)
    assert api.diff("nets/a.yaml", base="HEAD") == ()


def test_commands_without_arguments_look_at_the_projects_folders(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(a__net=NET, b__net=NET, pyproject_toml='[tool.lazyinspect]\nfolders = ["a"]\n')
    assert cli.main(["lock"]) == 0
    assert not Path("b/net.lock.yaml").exists()
    Path("deep").mkdir()
    monkeypatch.chdir("deep")
    capsys.readouterr()
    assert cli.main(["check", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [result["spec"] for result in data["results"]] == ["../a/net.yaml"]


# -- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "code", "said"),
    [
        ("{max_param: 1}", "unknown-key", "`check:` has no key `max_param`"),
        ("{max_params: lots}", "bad-policy", "`max_params` takes a number, and gets `lots`"),
        ("{max_params: true}", "bad-policy", "`max_params` takes a number, and gets `true`"),
        ("{max_params: -1}", "bad-policy", "`max_params` takes a number, and gets `-1`"),
        ("{max_params: }", "bad-policy", "`max_params` takes a number, and gets no number"),
        ("{max_params: .inf}", "bad-policy", "`max_params` takes a number, and gets `.inf`"),
        ("{max_params: .nan}", "bad-policy", "`max_params` takes a number, and gets `.nan`"),
        ("{max_params: 1e99}", "bad-policy", "`max_params` takes a number, and gets `1e99`"),
        ("{max_params: [1]}", "bad-policy", "`max_params` takes a number, and gets no number"),
        ("{max_params: 5MiB}", "bad-policy", "`max_params` takes a number, and gets `5MiB`"),
        ("{max_param_bytes: 5M}", "bad-policy", "`max_param_bytes` takes a number, and gets `5M`"),
        ("{allow: name}", "bad-policy", "`allow` has no `name`"),
        ("{allow: {a: b}}", "bad-policy", "`allow` takes a list of texts"),
        ("{require_expect: [[a]]}", "bad-policy", "`require_expect` takes a list of texts"),
        ("{require_expect: [true]}", "bad-policy", "`require_expect` takes a list of texts"),
        ("{variants: {big: {}}}", "unknown-variant", "the spec has no variant `big`"),
        ("{variants: [a]}", "bad-policy", "`variants` takes a mapping of their names"),
        ("{variants: {small: 3}}", "bad-policy", "`small` takes a mapping of rules"),
        ("{variants: {small: {folders: a}}}", "unknown-key",
         "`small` in `check:` has no key `folders`"),
        ("{batch: 3}", "unknown-key", "`check:` has no key `batch`"),
        ("3", "bad-value", "`check:` takes a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_policy_of_a_spec_is_a_problem_at_its_line(
    check: str, code: str, said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(VARIANTS + f"check: {check}\n", "net.yaml")
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == (code, said)
    assert problem.mark is not None and problem.mark.line == 5
    assert problem.help


@pytest.mark.parametrize(
    ("table", "code", "said", "line"),
    [
        ("max_param = 1", "unknown-key", "[tool.lazyinspect] has no key `max_param`", 3),
        ("max_params = 'x'", "bad-policy", "`max_params` takes a number, and gets `x`", 3),
        ("max_params = 2020-01-01", "bad-policy",
         "`max_params` takes a number, and gets `2020-01-01`", 3),
        ("\nfolders = 3.5", "bad-policy", "`folders` takes a list of texts", 4),
        ("folders = ['gone']", "bad-policy", "`folders` names `gone`, which is not there", 3),
        ("variants.a.max_params = 1", "unknown-key", "[tool.lazyinspect] has no key `variants`", 3),
        ("specs = 3", "bad-policy", "`specs` is an array of tables", 3),
        ("[[tool.lazyinspect.specs]]\nbatch = 0\nfiles = 'a'", "bad-policy",
         "`batch` takes a size of 1 or more", 4),
        ("[[tool.lazyinspect.specs]]\nbatch = 1", "bad-policy",
         "[[tool.lazyinspect.specs]] has no `files`", 3),
        ("[[tool.lazyinspect.specs]]\nfiles = 'a'\n[[tool.lazyinspect.specs]]\nfile = 'b'",
         "unknown-key", "[[tool.lazyinspect.specs]] has no key `file`", 6),
        ("[[tool.lazyinspect.specs]]\nfiles = 'a'\n[tool.lazyinspect.specs.variants.b]\nmax = 1",
         "unknown-key", "`b` in [[tool.lazyinspect.specs]] has no key `max`", 6),
        ("[[tool.lazyinspect.specs]]\nfiles = 'a'\nvariants = {b = {max_macs = 'z'}}",
         "bad-policy", "`max_macs` takes a number, and gets `z`", 5),
        ("input = [1, 'a']", "bad-policy", "`input` takes a shape, or shapes by name", 3),
        ("allow = [\n  'names',\n  'shapes',\n]", "bad-policy", "`allow` has no `shapes`", 3),
        ("a = ", "bad-project", "pyproject.toml is no TOML: invalid value", 3),
    ],
)  # fmt: skip
def test_a_wrong_policy_of_a_project_is_a_problem_at_its_line(
    write: Write, table: str, code: str, said: str, line: int
) -> None:
    write(net=NET, pyproject_toml=f"# a project\n[tool.lazyinspect]\n{table}\n")
    assert problem() == (code, said, line)


def test_a_table_that_is_none_is_refused(write: Write) -> None:
    write(net=NET, pyproject_toml="[tool]\nlazyinspect = 3\n")
    assert problem("net.yaml") == ("bad-policy", "[tool.lazyinspect] is a table", 2)


def test_a_project_that_is_no_text_is_refused(write: Write) -> None:
    write(net=NET)
    Path("pyproject.toml").write_bytes(b"[tool.lazyinspect]\n# \xff\n")
    assert problem("net.yaml")[:2] == ("bad-project", "pyproject.toml is not UTF-8")


def test_a_wrong_project_is_exit_2_in_every_format(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is checked, and every format says why."""
    write(net=NET, pyproject_toml="[tool.lazyinspect]\nmax = 1\n")
    for form in ("text", "json", "github", "junit", "sarif"):
        assert cli.main(["check", "--format", form]) == 2
        out, err = capsys.readouterr()
        assert "has no key `max`" in (err if form == "text" else out)
    assert cli.main(["lock"]) == 2
    assert not Path("net.lock.yaml").exists()


# -- amounts, globs and places -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "written", "amount"),
    [
        ("max_params", "25000000", 25_000_000),
        ("max_params", "25_000_000", 25_000_000),
        ("max_params", "25M", 25_000_000),
        ("max_params", "25.6 M", 25_600_000),
        ("max_params", "7B", 7_000_000_000),
        ("max_params", "2.5e7", 25_000_000),
        ("max_params", "10k", 10_000),
        ("max_params", "0", 0),
        ("max_params", "false", None),
        ("max_macs", "4.1G", 4_100_000_000),
        ("max_macs", "1T", 1_000_000_000_000),
        ("max_param_bytes", "100MiB", 104_857_600),
        ("max_param_bytes", "100MB", 100_000_000),
        ("max_param_bytes", "1.5 KiB", 1536),
        ("max_param_bytes", "12B", 12),
    ],
)
def test_amounts_have_the_units_of_their_field(rule: str, written: str, amount: Any) -> None:
    spec = parse_spec(NET + f"check: {{{rule}: {written}}}\n", "net.yaml")
    assert spec.policy.rules[rule].value == amount


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("configs/*.yaml", "configs/a.yaml", True),
        ("configs/*.yaml", "configs/b/a.yaml", False),
        ("configs/**/*.yaml", "configs/a.yaml", True),
        ("configs/**/*.yaml", "configs/b/c/a.yaml", True),
        ("configs", "configs/b/a.yaml", True),
        ("configs/", "configs/a.yaml", True),
        ("./configs", "configs/a.yaml", True),
        ("config", "configs/a.yaml", False),
        ("**", "configs/b/a.yaml", True),
        ("a?.yaml", "ab.yaml", True),
        ("a?.yaml", "a/.yaml", False),
        ("a[1].yaml", "a[1].yaml", True),
        ("../a.yaml", "../a.yaml", True),
    ],
)
def test_globs_of_files(glob: str, path: str, matches: bool) -> None:
    assert bool(pattern([glob]).match(path)) == matches


KEYS = st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True)


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, st.integers(0, 9), max_size=3), max_size=4))
def test_every_key_of_a_table_has_its_place(tables: dict[str, dict[str, int]]) -> None:
    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f'  "{key}" = {value}' for key, value in table.items()]
    from lazyinspect.errors import Source

    source = Source("pyproject.toml", tuple(lines))
    marks = places.of_keys(source)
    for name, table in tables.items():
        for key in (name, *table):
            path = (name,) if key is name else (name, key)
            mark = places.mark(marks, path, source)
            line = source.lines[mark.line - 1]
            found = line[mark.column - 1 : mark.column - 1 + mark.length]
            assert found.strip('"') == key


def test_drifts_that_break_a_policy_say_where_it_stands(write: Write) -> None:
    write(net=NET, pyproject_toml="[tool.lazyinspect]\n\n  max_params = 1\n")
    found: tuple[Drift, ...] = checked().drifts
    policy = found[0].policy
    assert policy is not None
    assert (policy.source.path, policy.line, policy.column, policy.length) == (
        "pyproject.toml", 3, 3, 10,
    )  # fmt: skip


# -- what the docs say ---------------------------------------------------------------------------


def test_the_project_that_the_docs_show_is_read(write: Write) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
    toml = page.split("\n## Policies\n")[1].split("```toml\n")[1].split("```")[0]
    write(configs__net=NET, configs__detector__net=VARIANTS, pyproject_toml=toml)
    assert broken() == [
        ("configs/detector/net.yaml", "small", "2"),
        ("configs/detector/net.yaml", "large", "2"),
    ]


def test_the_docs_have_every_key_of_a_policy() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
    table = page.split("| key | in a spec |")[1].split("\n\n")[0]
    named = set(
        re.findall(r"`([a-z_]+)`", "\n".join(r.split("|")[1] for r in table.split("\n")[2:]))
    )
    assert named == {*CHECK_KEYS, *PLANNED_KEYS, "folders", "files"}
