"""`pytest --lazyinspect` in projects of its own, as pytest finds the plugin by its entry point."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from entry_points import installed_in

from lazyinspect import api

pytest_plugins = ["pytester"]

NET = """\
input: [1, 3, 8, 8]
params: {width: 4}
variants:
  small: {}
  large: {width: 16}
layers:
  conv: {LazyConv2d: [$width, 3]}
  flat: Flatten
  head: {LazyLinear: 10}
"""
PLAIN = "input: [1, 4]\nlayers:\n  - LazyLinear: 2\n"

Project = Callable[..., pytest.RunResult]


@pytest.fixture
def project(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:  # fmt: skip
    """Two specs with their locks in configs/, and what runs pytest on them."""
    site = tmp_path_factory.mktemp("site")
    monkeypatch.setenv("PYTHONPATH", installed_in(site, "pytest11"))
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("CI", raising=False)
    pytester.mkdir("configs")
    write("net.yaml", NET)
    write("plain.yaml", PLAIN)
    write("other.yaml", "layers_of_onions: 3\n")
    api.lock("configs")

    def run(*arguments: str, apart: bool = False) -> pytest.RunResult:
        """In this process, or in one apart."""
        # that of hypothesis takes as long to start as all the rest
        arguments = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments)
        if apart:
            return pytester.runpytest_subprocess(*arguments, timeout=60)
        return pytester.runpytest_inprocess(*arguments)

    return run


def write(name: str, text: str) -> None:
    Path("configs", name).write_text(text, encoding="utf-8")


def failures(result: pytest.RunResult) -> str:
    """What stands between the heading of the failures and the summary."""
    found = re.search(r"(?s)=+ FAILURES =+\n(.*?)=+ short test summary", result.stdout.str())
    return found[1] if found else ""


def summary(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith(("FAILED", "ERROR"))]


def test_every_network_is_a_test_with_its_variant_for_a_name(project: Project) -> None:
    result = project("--lazyinspect", "configs", "-v", apart=True)
    assert [line.partition(" PASSED")[0] for line in result.outlines if " PASSED" in line] == [
        "configs/net.yaml::small",
        "configs/net.yaml::large",
        "configs/plain.yaml::network",
    ]
    assert result.ret == 0


def test_a_drift_reads_as_in_check_with_its_headline_in_the_summary(project: Project) -> None:
    write("net.yaml", NET.replace("width: 16", "width: 24"))
    result = project("--lazyinspect", "configs")
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=1)
    text = failures(result)
    assert " net.yaml@large " in text.splitlines()[0]
    assert "drift[param]: parameter width 16 -> 24" in text
    assert "5 |   large: {width: 24}" in text
    assert "= accept: lazyinspect lock --accept configs/net.yaml@large" in text
    assert "Traceback" not in text
    assert ".py" not in text
    assert summary(result) == ["FAILED configs/net.yaml::large - parameter width 16 -> 24"]


def test_a_spec_that_does_not_plan_fails_and_the_others_are_tested(project: Project) -> None:
    write("net.yaml", NET.replace("{LazyLinear: 10}", "{Linear: [9, 10]}"))
    write("broken.yaml", "layers: [Relu\n")
    write("fresh.yaml", PLAIN)
    result = project("--lazyinspect", "configs")
    result.assert_outcomes(passed=1, failed=4)
    assert [line.partition(" - ")[0] for line in summary(result)] == [
        "FAILED configs/broken.yaml::network",
        "FAILED configs/fresh.yaml::network",
        "FAILED configs/net.yaml::small",
        "FAILED configs/net.yaml::large",
    ]
    assert "help: run `lazyinspect lock configs/fresh.yaml`" in failures(result)
    assert failures(result).count("error[shape-mismatch]: Linear expects 9 features") == 2


@pytest.mark.parametrize("lock", [None, "<<<<<<< HEAD\n", "lock: 99\n"], ids=str)
def test_a_lock_that_says_nothing_fails_every_network_of_the_spec(
    project: Project, lock: str | None
) -> None:
    if lock is None:
        Path("configs/net.lock.yaml").unlink()
    else:
        write("net.lock.yaml", lock)
    result = project("--lazyinspect", "configs")
    result.assert_outcomes(passed=1, failed=2)
    assert failures(result).count("error[") == 2


def test_policies_of_the_project_count(project: Project) -> None:
    Path("pyproject.toml").write_text("[tool.lazyinspect]\nmax_params = 3_000\n")
    result = project("--lazyinspect", "configs")
    result.assert_outcomes(passed=2, failed=1)
    assert failures(result).count("policy[max_params]: configs/net.yaml@large has 6,218") == 1
    Path("pyproject.toml").write_text("[tool.lazyinspect]\nmax_parms = 3_000\n")
    result = project("--lazyinspect", "configs")
    result.assert_outcomes(failed=3)
    assert (
        failures(result).count("error[unknown-key]: [tool.lazyinspect] has no key `max_parms`") == 3
    )
    assert "Traceback" not in failures(result)


def test_networks_that_came_or_went_are_tests(project: Project) -> None:
    write("net.yaml", NET.replace("large: ", "huge: "))
    result = project("--lazyinspect", "configs")
    result.assert_outcomes(passed=2, failed=2)
    assert [line.partition(" - ")[0] for line in summary(result)] == [
        "FAILED configs/net.yaml::huge",
        "FAILED configs/net.yaml::large",
    ]


def test_a_lock_without_its_spec_is_a_test_that_fails(project: Project) -> None:
    Path("configs/plain.yaml").rename("plain.txt")
    result = project("--lazyinspect", "configs")
    result.assert_outcomes(passed=2, failed=1)
    assert "FAILED configs/plain.lock.yaml::network - " in "\n".join(summary(result))
    assert "error[lock-without-spec]" in failures(result)


def test_tests_are_chosen_as_any_others(project: Project) -> None:
    write("net.yaml", NET.replace("width}", "width + 1}").replace("$width, 3", "$width, 1"))
    result = project("--lazyinspect", "configs", "-x")
    result.assert_outcomes(failed=1)
    assert "stopping after 1 failures" in result.stdout.str()
    result = project(
        "--lazyinspect", "-k", "large or plain", "-m", "lazyinspect", "--strict-markers"
    )
    result.assert_outcomes(passed=1, failed=1, deselected=1)
    result = project("--lazyinspect", "configs/net.yaml::small", "--collect-only", "-q")
    assert result.outlines[0] == "configs/net.yaml::small"
    assert "1 test collected" in result.stdout.str()


def test_workers_of_xdist_tell_the_same(project: Project) -> None:
    pytest.importorskip("xdist")
    write("net.yaml", NET.replace("width: 16", "width: 24"))
    alone = project("--lazyinspect", "configs")
    shared = project("--lazyinspect", "configs", "-n", "2", apart=True)
    shared.assert_outcomes(passed=2, failed=1)
    told = failures(shared).splitlines()
    assert [line for line in told if not line.startswith("[gw")] == failures(alone).splitlines()
    assert summary(shared) == summary(alone)


def test_paths_are_as_seen_from_where_pytest_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("net.yaml", NET.replace("width: 16", "width: 24"))
    monkeypatch.chdir("configs")
    result = project("--lazyinspect", "--rootdir", "..")
    assert "= accept: lazyinspect lock --accept net.yaml@large" in failures(result)


def test_a_file_that_is_named_is_a_spec(project: Project) -> None:
    result = project("--lazyinspect", "configs/other.yaml")
    result.assert_outcomes(failed=1)
    assert "layers_of_onions" in failures(result)


def test_variants_of_any_name_are_told_apart(project: Project) -> None:
    names = ["a::b", "a b", "[x]", "größe", "network", "-k", "../up"]
    variants = "".join(f"  '{name}': {{width: {n}}}\n" for n, name in enumerate(names, start=5))
    write("net.yaml", NET.replace("  small: {}\n  large: {width: 16}\n", variants))
    api.lock("configs")
    result = project("--lazyinspect", "configs/net.yaml")
    result.assert_outcomes(passed=len(names) + 1)
    write("net.yaml", NET.replace("  small: {}\n  large: {width: 16}\n", variants[:-3] + "9}\n"))
    result = project("--lazyinspect", "configs/net.yaml")
    result.assert_outcomes(passed=len(names), failed=1)
    assert summary(result) == ["FAILED configs/net.yaml::../up - parameter width 11 -> 19"]


def test_a_class_of_ones_own_is_allowed_by_name(project: Project) -> None:
    Path("mine.py").write_text(
        "import torch\n\nclass Half(torch.nn.Module):\n"
        "    def forward(self, x):\n        return x[:, ::2]\n"
    )
    write("own.yaml", "input: [1, 4]\nlayers: [mine.Half, LazyLinear: 2]\n")
    result = project("--lazyinspect", "configs/own.yaml")
    assert "class-not-allowed" in failures(result)
    result = project(
        "--lazyinspect",
        "configs/own.yaml",
        "--lazyinspect-allow=mine.Half",
        "-p",
        "mine",
        apart=True,
    )
    assert "class-not-allowed" not in failures(result)
    assert "error[missing-lock]" in failures(result)


def test_the_plugin_costs_nothing_until_it_is_asked_for(project: Project) -> None:
    Path("test_unused.py").write_text(
        "import sys\n\n"
        "def test_unused():\n"
        "    assert 'lazyinspect.pytest_plugin' in sys.modules\n"
        "    loaded = {name for name in sys.modules if name.startswith('lazyinspect.')}\n"
        "    assert not {'lazyinspect.api', 'lazyinspect.spec', 'lazyinspect.render'} & loaded\n"
        "    assert not {'torch', 'yaml', 'rich', 'typer'} & set(sys.modules)\n"
    )
    result = project(apart=True)
    result.assert_outcomes(passed=1)
    Path("test_unused.py").write_text(
        "import sys\n\ndef test_no_torch():\n    assert 'torch' not in sys.modules\n"
    )
    result = project("--lazyinspect", "configs", "test_unused.py", apart=True)
    result.assert_outcomes(passed=4)


def test_the_fixture_fails_in_the_line_that_asks(project: Project) -> None:
    Path("test_shapes.py").write_text(
        "def test_net(assert_shapes):\n"
        "    assert_shapes('configs/net.yaml', [2, 3, 8, 8], {'conv': [2, 4, 6, 7]}, "
        "variant='small')\n"
    )
    result = project()
    result.assert_outcomes(failed=1)
    text = failures(result)
    assert "E         conv  returns [2, 4, 6, 6], expected [2, 4, 6, 7]" in text
    assert re.findall(r"(?m)^\S+\.py:\d+", text) == ["test_shapes.py:2"]
    assert summary(result) == [
        "FAILED test_shapes.py::test_net - AssertionError: "
        "1 of 1 shape differs in configs/net.yaml@small"
    ]
