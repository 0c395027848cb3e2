"""Every limit holds, has its message, is documented, and is reached in little time and memory."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lazyinspect
from lazyinspect import LazyinspectError, SpecError, cli, limits
from lazyinspect.codes import CODES
from lazyinspect.spec.grammar import parse_spec

ROOT = Path(__file__).parents[2]
HEAD = "input: [1, 8]\n"
M = limits.SPEC_BYTES


def planned(text: str, **options: object) -> object:
    return lazyinspect.plan(parse_spec(text, "s.yaml"), **options)  # type: ignore[arg-type]


def code_of(text: str, **options: object) -> str:
    """Code of the first problem; empty where there is none."""
    try:
        planned(text, **options)
    except LazyinspectError as error:
        return error.problems[0].code
    return ""


def nested(levels: int) -> str:
    """A network with as many containers inside one another, itself the first."""
    blocks = "".join(f"  B{k}: {{layers: [B{k + 1}]}}\n" for k in range(1, levels - 1))
    return f"{HEAD}blocks:\n{blocks}  B{levels - 1}: {{layers: [ReLU]}}\nlayers: [B1]\n"


# at each limit, and one beyond it

EDGES: dict[str, tuple[Callable[[int], str], int, str]] = {
    "yaml nesting": (
        lambda n: f"{HEAD}layers: {'[' * (n - 1)}ReLU{']' * (n - 1)}\n", limits.NESTING,
        "yaml-depth",
    ),
    "a value's text": (
        lambda n: f"{HEAD}params: {{p: {'x' * n}}}\nlayers: [ReLU]\n", limits.TEXT,
        "text-too-long",
    ),
    "a step's name": (
        lambda n: f"{HEAD}layers: {{{'x' * n}: ReLU}}\n", limits.NAME, "bad-name",
    ),
    "a step's templated name": (
        lambda n: f"{HEAD}params: {{p: {'x' * (n - 1)}}}\nlayers: {{'a{{p}}': ReLU}}\n",
        limits.NAME, "bad-name",
    ),
    "a formula": (
        lambda n: f"{HEAD}layers: [{{LazyLinear: '${' ' * (n - 1)}8'}}]\n", limits.FORMULA,
        "formula",
    ),
    "an integer": (
        lambda n: f"{HEAD}params: {{p: {n}}}\nlayers: [ReLU]\n", limits.INTEGER,
        "value-too-large",
    ),
    "a negative integer": (
        lambda n: f"{HEAD}params: {{p: -{n}}}\nlayers: [ReLU]\n", limits.INTEGER,
        "value-too-large",
    ),
    "a list": (
        lambda n: f"{HEAD}params: {{p: [{', '.join('1' * n)}]}}\nlayers: [ReLU]\n",
        limits.VALUE, "value-too-large",
    ),
    "parameters": (
        lambda n: f"{HEAD}params: {{{', '.join(f'p{k}: 1' for k in range(n))}}}\nlayers: [ReLU]\n",
        limits.VALUE, "value-too-large",
    ),
    "copies": (
        lambda n: f"{HEAD}layers: [{{splice: [ReLU], repeat: {n}, if: false}}, ReLU]\n",
        limits.COPIES, "",
    ),
    "containers": (nested, limits.NESTING, "too-deep"),
    "dimensions of the input": (
        lambda n: f"input: [{', '.join('1' * n)}]\nlayers: [ReLU]\n", limits.DIMS, "bad-input",
    ),
    "dimensions of a tensor": (
        lambda n: f"{HEAD}layers: [{{reshape: [{'1, ' * (n - 1)}8]}}]\n", limits.DIMS,
        "shape-mismatch",
    ),
    "dimensions of a parameter": (
        lambda n: f"{HEAD}layers: [{{Parameter: [{', '.join('1' * n)}]}}]\n", limits.DIMS,
        "bad-argument",
    ),
    "dimensions that are expected": (
        lambda n: f"input: [{', '.join('1' * min(n, 64))}]\n"
        f"layers: [{{ReLU: , expect: [{', '.join('1' * n)}]}}]\n",
        limits.DIMS, "bad-expect",
    ),
    "tensors of a tuple": (
        lambda n: f"input: [1, {n}, 2]\nlayers: [{{unbind: 1, pick: 0}}]\n", limits.TENSORS,
        "shape-mismatch",
    ),
    "layers inside an op": (
        lambda n: f"input: [1, 2, 8]\nlayers: [{{LSTM: [8, 8, {n}], pick: 0}}]\n",
        limits.TENSORS, "bad-argument",
    ),
    "indices": (
        lambda n: f"input: {{x: {{shape: [1, 8], dtype: int64, high: {n}}}}}\n"
        "layers: [{Embedding: [100, 8]}]\n",
        100, "index-out-of-range",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", EDGES)
def test_what_is_at_its_limit_passes_and_what_is_beyond_is_refused(what: str) -> None:
    text, limit, code = EDGES[what]
    assert code_of(text(limit)) == ""
    assert code_of(text(limit + 1)) == code


def test_a_repeat_makes_no_more_copies_than_its_limit() -> None:
    assert code_of(f"{HEAD}layers: [{{ReLU: , repeat: {limits.COPIES + 1}}}]\n") == "bad-repeat"


def test_elements_beyond_what_torch_counts_are_refused() -> None:
    size = limits.INTEGER
    assert code_of(f"input: [{size}, 1023]\nlayers: [ReLU]\n") == ""
    assert code_of(f"input: [{size}, 1024]\nlayers: [ReLU]\n") == "bad-input"
    assert code_of(f"input: [0, {size}, 1024]\nlayers: [ReLU]\n") == "bad-input"
    assert code_of(f"input: [1, {size}]\nlayers: [LazyLinear: 1024]\n") == "shape-mismatch"
    assert code_of(f"input: [{size}, 2]\nlayers: [{{flatten: 0}}]\n") == "shape-mismatch"


def test_a_path_has_a_limit_that_names_cannot_reach_alone() -> None:
    def text(levels: int) -> str:
        name = "x" * (limits.NAME - 1)
        inner = "ReLU"
        for _ in range(levels):
            inner = f"{{Sequential: {{{name}: {inner}}}}}"
        return f"{HEAD}layers: {{a: {inner}}}\n"

    assert code_of(text(4)) == ""
    assert code_of(text(5)) == "text-too-long"


def test_a_description_is_as_long_as_it_likes() -> None:
    assert code_of(f"description: {'x' * 100_000}\n{HEAD}layers: [ReLU]\n") == ""
    assert code_of(f"name: {'x' * 100_000}\n{HEAD}layers: [ReLU]\n") == "text-too-long"


# steps


@pytest.mark.parametrize(
    ("layers", "rows"),
    [
        ("[{ReLU: , repeat: 99}]", 100),
        ("[{splice: [ReLU, ReLU, ReLU], repeat: 33}]", 100),
        ("{a: {ReLU: , repeat: 98}}", 100),
        ("[{Two: , repeat: 33}]", 100),
        ("[Two, {Two: , repeat: 32}]", 100),
        ("{m: {Two: , as: x}, a: {splice: [ReLU]}}", 0),
        ("[{Two: , as: x}, {use: x, repeat: 32}]", 100),
        ("[{add: [prev, [ReLU]]}]", 5),
    ],
)
def test_steps_are_rows(layers: str, rows: int) -> None:
    text = f"{HEAD}blocks: {{Two: {{layers: [ReLU, ReLU]}}}}\nlayers: {layers}\n"
    if not rows:
        assert code_of(text) == "bad-step"
        return
    assert len(planned(text).rows) == rows  # type: ignore[attr-defined]
    # the network's own row is none of its steps
    assert code_of(text, max_steps=rows - 1) in ("", "too-many-steps")
    assert code_of(text, max_steps=rows - 2) == "too-many-steps"


def test_the_command_line_sets_how_many_steps_there_may_be(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{HEAD}layers: [{{ReLU: , repeat: 100}}]\n")
    assert cli.main(["run", str(path), "--device", "meta", "--max-steps", "99"]) == 2
    assert "a network of more than 99 steps" in capsys.readouterr().err
    assert cli.main(["run", str(path), "--device", "meta", "--max-steps", "100"]) == 0
    assert cli.main(["run", str(path), "--device", "meta", "--max-steps", "0"]) == 2


@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True])
def test_python_is_told_what_max_steps_takes(value: object) -> None:
    with pytest.raises(SpecError, match="bad-option"):
        planned(f"{HEAD}layers: [ReLU]\n", max_steps=value)


def test_the_block_whose_copies_are_too_many_is_named_with_its_uses() -> None:
    text = (
        f"{HEAD}blocks:\n  A: {{layers: [{{ReLU: , repeat: $n}}], params: {{n: 90}}}}\n"
        "  B: {layers: [A, A]}\nlayers: [B]\n"
    )
    with pytest.raises(SpecError) as caught:
        planned(text, max_steps=100)
    (problem,) = caught.value.problems
    assert problem.code == "too-many-steps"
    assert [problem.mark.line, *(mark.line for mark in problem.used_at)] == [4, 5]  # type: ignore[union-attr]


def test_a_hundred_problems_are_enough() -> None:
    for layers in (
        "".join(f"- Foo{k}\n" for k in range(500)),
        "".join(f"- {{ReLU: , from: l{k}}}\n" for k in range(500)),
        "- {splice: [{Linear: [3, 4], from: input}], repeat: 500}\n",
        "- {ReLU: , repeat: 500, expect: [1, 9]}\n",
        "".join(f"- {{ReLU: , foo{k}: 1}}\n" for k in range(500)),
    ):
        with pytest.raises(LazyinspectError) as caught:
            planned(f"{HEAD}layers:\n{layers}")
        problems = caught.value.problems
        assert 1 <= len(problems) <= limits.PROBLEMS
        assert any("no others are looked for" in note for p in problems for note in p.notes)


def test_no_text_of_a_problem_is_longer_than_anyone_reads() -> None:
    labels = ", ".join(f"{'x' * 900}{k}" for k in range(50))
    text = f"input: [1, 50]\nlayers: [{{unbind: 1, as: [{labels}]}}, ReLU]\n"
    with pytest.raises(SpecError) as caught:
        planned(text)
    (problem,) = caught.value.problems
    assert len(problem.help) == 2_000 and problem.help.endswith("…")


# the page


def test_the_page_has_every_limit_and_its_figure() -> None:
    page = (ROOT / "docs" / "limits.md").read_text("utf-8")
    figures = re.findall(r"(?m)^\| .* \| ([\d,.]+) \| .*\|$", page)
    numbers = {float(figure.replace(",", "")) for figure in figures}
    names = {name for name in vars(limits) if name.isupper()}
    assert {float(getattr(limits, name)) for name in names} == numbers
    codes = re.findall(r"\[`([a-z-]+)`\]\(errors\.md#([a-z-]+)\)", page)
    assert codes and all(a == b and a in CODES for a, b in codes)


# time and memory

BLOCKS = "".join(f"  B{k}: {{layers: [B{k + 1}, B{k + 1}]}}\n" for k in range(60))
DOUBLED = "".join(f"  p{k + 1}: [$p{k}, $p{k}]\n" for k in range(40))
LABELS = ", ".join(f"l{k}" for k in range(60_000))
NAMES = "".join(f"  Block{k}: {{layers: [ReLU]}}\n" for k in range(9_000))
ATTACKS: dict[str, tuple[str, str]] = {
    "a megabyte of brackets": ("[" * (M - 9), "yaml-depth"),
    "a megabyte of braces": ("{" * (M - 9), "yaml-depth"),
    "a megabyte in one line": ("x" * (M - 9), "text-too-long"),
    "a megabyte of spaces": (" " * (M - 9), "spec-empty"),
    "a megabyte of line breaks": ("\n" * (M - 9), "spec-empty"),
    "a hundred thousand keys": ("".join(f"k{k}: 1\n" for k in range(90_000)), "unknown-key"),
    "blocks that double": (f"{HEAD}blocks:\n{BLOCKS}  B60: {{layers: [ReLU]}}\nlayers: [B0]\n",
                           "too-many-steps"),
    "a repeat in a repeat": (
        f"{HEAD}blocks: {{B: {{layers: [{{ReLU: , repeat: 100000}}]}}}}\n"
        "layers: [{B: , repeat: 100000}]\n", "too-many-steps"),
    "a splice in a splice": (
        f"{HEAD}layers: [{{splice: [{{splice: [ReLU], repeat: 99999}}], repeat: 99999}}]\n",
        "too-many-steps"),
    "copies that are left out": (
        f"{HEAD}layers:\n- {{splice: [{{ReLU: , if: $i < 0, repeat: 9999}}], repeat: 99999}}\n",
        "too-many-steps"),
    "lists that double": (f"{HEAD}params:\n  p0: [1, 1]\n{DOUBLED}layers: [ReLU]\n",
                          "value-too-large"),
    "products beyond measure": (
        f"{HEAD}params: {{a: {2**53}}}\nlayers: [LazyLinear: '${'*'.join('a' * 99)}']\n",
        "formula"),
    "digits beyond measure": (f"{HEAD}layers: [LazyLinear: '$round(8, -{2**53})']\n", "formula"),
    "dimensions beyond measure": (f"input: [{'1, ' * 200_000}1]\nlayers: [ReLU]\n",
                                  "value-too-large"),
    "sizes beyond measure": (f"input: [1, 1{'0' * 390}]\nlayers: [LazyLinear: 8]\n",
                             "value-too-large"),
    "tensors beyond measure": (f"input: [1, {2**53}]\nlayers: [unbind]\n", "shape-mismatch"),
    "layers beyond measure": (f"input: [1, 2, 8]\nlayers: [LSTM: [8, 8, {2**53}]]\n",
                              "bad-argument"),
    "sixty thousand labels": (f"input: [1, 60000]\nlayers: [{{unbind: 1, as: [{LABELS}]}}]\n",
                              "shape-mismatch"),
    "a hundred thousand sources": (f"{HEAD}layers: {{x: ReLU, y: {{cat: [{'x, ' * 99_999}x]}}}}\n",
                                   ""),
    "names that are nearly those of thousands": (
        f"{HEAD}blocks:\n{NAMES}layers:\n" + "".join(f"- Blok{k}\n" for k in range(30_000)),
        "unknown-op"),
    "a hundred thousand unknown ops": (HEAD + "layers:\n" + "- Conv2q\n" * 100_000, "unknown-op"),
    "a circle of thousands": (
        f"{HEAD}blocks:\n" + "".join(f"  B{k}: {{layers: [B{(k + 1) % 9000}]}}\n"
                                     for k in range(9_000)) + "layers: [B0]\n",
        "recursive-block"),
    "a chain of thousands": (
        f"{HEAD}blocks:\n" + "".join(f"  B{k}: {{layers: [B{k + 1}]}}\n" for k in range(9_000))
        + "  B9000: {layers: [ReLU]}\nlayers: [B0]\n", "too-deep"),
    "a name to be searched for ever": (f"{HEAD}layers: ['{'a' * 400}{' ' * 500}(']\n",
                                       "unknown-op"),
    "a value to be searched for ever": (f"{HEAD}layers: [LazyLinear: '1{' ' * 990}']\n",
                                        "bad-argument"),
    "failures in every copy": (
        f"{HEAD}layers: [{{splice: [{{Linear: [3, 4], from: input}}], repeat: 100000}}]\n",
        "shape-mismatch"),
    "a failure after a hundred thousand steps": (
        f"{HEAD}layers: [{{LazyLinear: 8, repeat: 100000}}, Linear: [3, 4]]\n", "shape-mismatch"),
    "a hundred thousand steps": (f"{HEAD}layers: [{{LazyLinear: 8, repeat: 100000}}]\n", ""),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_spec_takes_the_machine(attack: str, tmp_path: Path) -> None:
    """Ten seconds of a processor and half a gigabyte at most, twice what the worst here takes."""
    text, code = ATTACKS[attack]
    path = tmp_path / "s.yaml"
    path.write_text(text)
    assert len(text) <= M

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "lazyinspect", "run", str(path), "--device", "meta"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=bounded,
    )
    assert done.returncode == (CODES[code].exit_code if code else 0)
    assert done.stderr.startswith(f"error[{code}]" if code else "")
    assert len(done.stderr) < 30_000
