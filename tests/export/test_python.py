"""Exported Python: torch alone, the same state_dict, the same outputs, in ruff's own format."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from exports import CASES, CONFIGS, config, exported, network_of, same_in_python, subject
from hypothesis import HealthCheck, given, settings
from random_specs import as_text, specs

from lazyinspect.errors import SpecError
from lazyinspect.export import Options, Subject, export


@pytest.mark.parametrize("name", CONFIGS)
def test_an_exported_config_is_the_network_under_one_seed(name: str) -> None:
    spec, plan = config(name, small=True)
    same_in_python(Subject(plan, spec))


@pytest.mark.parametrize("name", ["densenet", "resnet_basic", "lstm_tagger", "gpt2", "vit"])
def test_a_config_of_torchs_own_lazy_layers_is_the_network_too(name: str) -> None:
    spec, plan = config(name, small=True)
    source = same_in_python(Subject(plan, spec), lazy=True, seeded=False)
    assert "nn.Lazy" in source


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_exported_case_is_the_network(case: Path, lazy: bool) -> None:
    given = subject(case.read_text(encoding="utf-8"))
    same_in_python(given, lazy=lazy, seeded=False)


@given(spec=specs())
@settings(
    deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_exported_random_specs_are_the_networks_under_one_seed(spec: dict[str, object]) -> None:
    given = subject(as_text(spec))
    if given.plan.root.steps:
        same_in_python(given)


def written(folder: Path) -> Iterable[Path]:
    """Every config and case in a file of its own."""
    for name in CONFIGS:
        spec, plan = config(name)
        for lazy in (False, True):
            path = folder / f"{name}{'_lazy' * lazy}.py"
            text = export(Subject(plan, spec, Options(lazy=lazy)), "python")
            path.write_text(text, encoding="utf-8")
            yield path
    for case in CASES.glob("*.yaml"):
        path = folder / f"case_{case.stem}.py"
        path.write_text(exported(case.read_text(encoding="utf-8"), "python"), encoding="utf-8")
        yield path


def test_ruff_leaves_every_exported_file_as_it_is(tmp_path: Path) -> None:
    assert list(written(tmp_path))
    for arguments in (["format", "--diff"], ["check", "--select", "E9,F,I,UP"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--isolated", str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[:2000]


WITHOUT = """
import importlib, sys
sys.modules["lazyinspect"] = None  # importing it fails
sys.path.insert(0, {folder!r})
for name in {names!r}:
    importlib.import_module(name)
print(len(sys.modules["mynet"].Mynet().state_dict()))
"""


def test_every_exported_file_imports_without_lazyinspect(tmp_path: Path) -> None:
    names = [path.stem for path in written(tmp_path)]
    code = WITHOUT.format(folder=str(tmp_path), names=names)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "6\n"


# -- what it looks like ---------------------------------------------------------------------


def test_blocks_that_differ_in_arguments_alone_share_a_class_that_takes_them() -> None:
    spec, plan = config("resnet", "r101")
    source = export(Subject(plan, spec), "python")
    assert source.count("\nclass ") == 3  # with and without a projection, and the network
    assert "*(Bottleneck2(in_channels=1024, conv1_out_channels=256) for _ in range(22))," in source
    assert "self.conv1 = nn.Conv2d(in_channels, conv1_out_channels, 1, bias=False)" in source


def test_copies_that_take_more_than_the_one_before_run_in_a_loop() -> None:
    spec, plan = config("llama3", "405b")
    source = export(Subject(plan, spec), "python")
    assert '"layers": nn.ModuleList([DecoderLayer() for _ in range(126)]),' in source
    assert (
        '        for layer in self.model["layers"]:\n            x = layer(x, cos, sin)\n' in source
    )


def test_a_class_says_its_shapes_and_how_often_it_is_used() -> None:
    source = exported(
        "name: pair\ninput: [1, 8]\nblocks: {Unit: {layers: [LazyLinear: 8, ReLU]}}\n"
        "layers: [Unit, Unit]",
        "python",
    )
    assert source == (
        "# Written by lazyinspect export: needs PyTorch alone.\n"
        '"""pair: 144 parameters, 128 multiply-accumulates."""\n'
        "\n"
        "from __future__ import annotations\n"
        "\n"
        "from torch import nn\n"
        "\n"
        "\n"
        "class Unit(nn.Sequential):\n"
        '    """The block Unit, used 2 times.\n'
        "\n"
        "    Shapes, at its first use: input (1, 8) -> (1, 8).\n"
        '    """\n'
        "\n"
        "    def __init__(self) -> None:\n"
        "        super().__init__(nn.Linear(8, 8), nn.ReLU())\n"
        "\n"
        "\n"
        "class Pair(nn.Sequential):\n"
        '    """The network.\n'
        "\n"
        "    Shapes: input (1, 8) -> (1, 8).\n"
        '    """\n'
        "\n"
        "    def __init__(self) -> None:\n"
        "        super().__init__(Unit(), Unit())\n"
    )


def test_lazy_layers_are_torchs_where_it_has_them_with_the_specs_own_defaults() -> None:
    source = exported(
        "input: [2, 3, 8, 8]\nlayers: [LazyInstanceNorm2d: {affine: true}, LazyInstanceNorm2d, "
        "LazyDepthwiseConv2d: 3, Flatten, LazyLayerNorm, LazyLinear: 4]",
        "python",
        lazy=True,
    )
    assert "nn.LazyInstanceNorm2d(affine=True, track_running_stats=False)" in source
    assert "nn.InstanceNorm2d(3)" in source  # torch's lazy one needs weights to infer from
    assert "nn.Conv2d(3, 3, 3, groups=3)" in source
    assert "nn.LayerNorm((108,))" in source
    assert "nn.LazyLinear(4)" in source


def test_tied_weights_are_one_parameter() -> None:
    text = (
        "input: {ids: {shape: [1, 4], dtype: int64, high: 8}}\n"
        "layers: {e: {Embedding: [8, 4]}, l: {LazyLinear: [8, {bias: false}]}}\n"
        "tie: {l.weight: e.weight}"
    )
    for lazy in (False, True):
        network = network_of(exported(text, "python", lazy=lazy))
        assert network.l.weight is network.e.weight
        assert len(list(network.parameters())) == 1


def test_layers_that_torch_lacks_are_all_named_with_their_lines() -> None:
    with pytest.raises(SpecError) as caught:
        exported(
            "input: [1, 2, 8, 8]\nlayers:\n  - LazyFakeQuantConv2d: [4, 3]\n  - ReLU\n"
            "  - FakeQuantConv2d: [4, 4, 3]",
            "python",
        )
    places = [problem.mark.line for problem in caught.value.problems if problem.mark is not None]
    assert places == [3, 5]
    assert {problem.code for problem in caught.value.problems} == {"cannot-export"}


@pytest.mark.parametrize("name", ["tensor", "my net-2", "3d", "ä", "unit"])
def test_any_name_of_a_spec_gives_a_class_of_its_own(name: str) -> None:
    text = (
        f'name: "{name}"\ninput: [1, 8]\n'
        "blocks:\n"
        "  Unit: {layers: [LazyLinear: 8, ReLU]}\n"
        "  Tensor: {layers: {a: Unit, b: {add: [a, input]}}}\n"
        "layers: {one: Unit, two: Tensor}"
    )
    same_in_python(subject(text))


def test_a_network_without_steps_gives_its_input() -> None:
    given = subject("input: [1, 8]\nlayers: [{ReLU: , if: false}]")
    source = export(given, "python")
    assert "        return input\n" in source
    assert export(given, "resolved").endswith("layers:\n  - Identity\n")
