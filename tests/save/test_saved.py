"""Files with weights: other libraries load them, without lazyinspect, and compute the same."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import onnx
import onnxruntime
import pytest
import torch
from exports import CONFIGS, IMAGES, SMALL, inputs_of, scramble
from safetensors.torch import load, load_model
from torch.utils import _pytree as pytree

from lazyinspect import api, cli
from lazyinspect.errors import LazyinspectError, NetworkError, SpecError
from lazyinspect.export import is_ours
from lazyinspect.probe import memory
from lazyinspect.save import onnx as onnx_writer

NAMES = "lenet5 lstm_tagger gpt2 vit dcgan seed_unbatched".split()
"""Convolutions, recurrent layers, attention, tied weights, several outputs, no batch."""
ROOT = CONFIGS["lenet5"].parents[1]


def options(name: str) -> dict[str, Any]:
    return {"set": SMALL.get(name, {}), "input": IMAGES.get(name)}


def batch_of(name: str, size: int) -> tuple[torch.Tensor, ...]:
    """Inputs of another batch than the spec's, where there is one."""
    inputs = inputs_of(api.plan(CONFIGS[name], **options(name)))
    if name == "seed_unbatched":
        return inputs
    return tuple(torch.cat([x] * size) for x in inputs)


def built(name: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return api.build(CONFIGS[name], **options(name))


def leaves(value: Any) -> list[torch.Tensor]:
    return list(pytree.tree_leaves(value))


def spec(folder: Path, text: str) -> Path:
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, to: str, **given: Any) -> LazyinspectError:
    with pytest.raises(LazyinspectError) as caught:
        api.export(path, to=to, **given)
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_onnx_runs_in_onnxruntime_as_torch_does_for_another_batch(name: str) -> None:
    data = api.export(CONFIGS[name], to="onnx", seed=3, **options(name))
    assert isinstance(data, bytes) and is_ours(data)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    inputs = batch_of(name, 5)
    plan = api.plan(CONFIGS[name], **options(name))
    assert [value.name for value in session.get_inputs()] == [entry.name for entry in plan.inputs]
    fixed = name == "seed_unbatched"
    assert all(value.shape[0] == "batch" for value in session.get_inputs()) is not fixed
    fed = {v.name: x.numpy() for v, x in zip(session.get_inputs(), inputs, strict=True)}
    with torch.no_grad():
        expected = leaves(built(name, seed=3)(*inputs))
    found = [torch.from_numpy(value) for value in session.run(None, fed)]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_onnx_names_outputs_as_the_spec_does(tmp_path: Path) -> None:
    text = "input: [1, 8]\nlayers: {a: ReLU, b: Tanh}\noutput: {x: a, y: b}\n"
    model = onnx.load_from_string(api.export(spec(tmp_path, text), to="onnx"))
    assert [value.name for value in model.graph.output] == ["x", "y"]
    model = onnx.load_from_string(api.export(CONFIGS["lenet5"], to="onnx"))
    assert [value.name for value in model.graph.output] == ["output"]
    assert (model.producer_name, model.graph.name) == ("lazyinspect", "lenet5")


def test_torch_loads_every_program_without_lazyinspect(tmp_path: Path) -> None:
    for name in NAMES:
        data = api.export(CONFIGS[name], to="torch", seed=3, **options(name))
        assert isinstance(data, bytes) and is_ours(data[:4096], data[-4096:])
        (tmp_path / f"{name}.pt2").write_bytes(data)
        inputs = batch_of(name, 5)
        with torch.no_grad():
            torch.save((inputs, leaves(built(name, seed=3)(*inputs))), tmp_path / f"{name}.pt")
    code = (
        "import sys, torch; sys.modules['lazyinspect'] = None\n"
        "from torch.utils._pytree import tree_leaves\n"
        "for name in sys.argv[1:]:\n"
        "    inputs, expected = torch.load(name + '.pt')\n"
        "    found = torch.export.load(name + '.pt2').module()(*inputs)\n"
        "    torch.testing.assert_close(tree_leaves(found), expected, rtol=1e-4, atol=1e-5)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, *NAMES]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)


def test_torch_keeps_the_names_of_the_weights() -> None:
    data = api.export(CONFIGS["gpt2"], to="torch", **options("gpt2"))
    assert isinstance(data, bytes)
    program = torch.export.load(BytesIO(data))
    assert {*program.state_dict} <= {*built("gpt2").state_dict()}
    assert "h.0.attn.c_attn.weight" in program.state_dict


@pytest.mark.parametrize("name", NAMES)
def test_safetensors_hold_every_weight_by_its_name(name: str) -> None:
    data = api.export(CONFIGS[name], to="safetensors", seed=3, **options(name))
    assert isinstance(data, bytes) and is_ours(data)
    own = built(name, seed=3).state_dict()
    found = load(data)
    assert {*own} - {*found} == ({"lm_head.weight"} if name == "gpt2" else set())
    assert all(torch.equal(own[key], tensor) for key, tensor in found.items())


def test_safetensors_of_tied_weights_load_into_the_network(tmp_path: Path) -> None:
    file = tmp_path / "gpt2.safetensors"
    data = api.export(CONFIGS["gpt2"], to="safetensors", seed=3, **options("gpt2"))
    assert isinstance(data, bytes)
    file.write_bytes(data)
    network = built("gpt2", seed=4)
    assert load_model(network, file) == (set(), [])
    assert torch.equal(network.lm_head.weight, built("gpt2", seed=3).lm_head.weight)


@pytest.mark.parametrize("name", ["lenet5", "gpt2"])
def test_weights_of_a_file_take_the_place_of_random_ones(name: str, tmp_path: Path) -> None:
    from safetensors.torch import save_model

    network = built(name)
    scramble(network)
    file = tmp_path / "own.safetensors"
    save_model(network, str(file))
    data = api.export(CONFIGS[name], to="torch", weights=file, **options(name))
    assert isinstance(data, bytes)
    inputs = batch_of(name, 2)
    with torch.no_grad():
        found = torch.export.load(BytesIO(data)).module()(*inputs)
        torch.testing.assert_close(found, network(*inputs), rtol=1e-4, atol=1e-5)


def test_one_seed_gives_one_file_and_leaves_torchs_generator() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    files = [api.export(CONFIGS["lenet5"], to="safetensors", seed=seed) for seed in (1, 1, 2)]
    assert files[0] == files[1] != files[2]
    assert torch.equal(torch.get_rng_state(), before)


WEIGHTS = "input: [1, 8]\nlayers: {a: {LazyLinear: 4}, b: {LazyLinear: 2}}\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"drop": ["a.weight"]}, "lacks `a.weight`"),
        ({"add": ["c", "d", "e", "f"]}, "the network has no `c`, `d`, `e` and 1 more"),
        ({"cut": "b.bias"}, "`b.bias` is [1] in own.safetensors, and [2] in the network"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    monkeypatch.chdir(tmp_path)
    path = spec(tmp_path, WEIGHTS)
    tensors = dict(api.build(path).state_dict())
    for name in change.get("drop", ()):
        del tensors[name]
    tensors |= {name: torch.zeros(1) for name in change.get("add", ())}
    if "cut" in change:
        tensors[change["cut"]] = tensors[change["cut"]][:1].clone()
    save_file(tensors, "own.safetensors")
    error = refused(path, "torch", weights="own.safetensors")
    assert (error.problems[0].code, error.exit_code) == ("bad-weights", 2)
    assert said in error.problems[0].message


@pytest.mark.parametrize("content", [None, b"", b"no weights at all, but quite some text"])
def test_a_file_of_weights_that_cannot_be_read_is_said(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "own.safetensors"
    if content is not None:
        file.write_bytes(content)
    error = refused(CONFIGS["lenet5"], "safetensors", weights=file)
    assert "cannot be read: " in error.problems[0].message


def place(error: LazyinspectError) -> tuple[str, int | None]:
    (problem,) = error.problems
    assert problem.code == "cannot-export"
    return problem.message, problem.mark and problem.mark.line


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (
            "input: [1, 1, 8, 8, 8]\nblocks:\n  B:\n    layers:\n      r: ReLU\n"
            "      g: {AdaptiveAvgPool3d: 3}\nlayers: {b: {B: {}, repeat: 2}}\n",
            "ONNX has no words for `AdaptiveAvgPool3d`",
            6,
        ),
        (
            "input: [1, 3, 8]\nlayers:\n  a: {LazyLinear: 8}\n  b:\n    - square\n"
            "    - amax: []\n    - abs\n",
            "ONNX has no words for `amax`",
            6,
        ),
        (
            "input: [1, 3, 8]\nlayers:\n  a: {LazyLinear: 8}\n  b:\n    - square\n"
            "    - mean: []\n    - abs\n",
            "torch.onnx writes what onnx.checker refuses for `mean`",
            6,
        ),
    ],
)
def test_an_op_that_onnx_lacks_is_named_with_its_line_and_nothing_is_written(
    text: str,
    message: str,
    line: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    path = spec(tmp_path, text)
    assert cli.main(["export", path.name, "--to", "onnx", "-o", "out.onnx"]) == 2
    out, said = capsys.readouterr()
    assert out == "" and f"error[cannot-export]: {message}\n  --> net.yaml:{line}:" in said
    assert [file.name for file in tmp_path.iterdir()] == ["net.yaml"]


def test_a_class_that_cannot_be_traced_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "savemine.py").write_text(
        "import torch\n\n\nclass Odd(torch.nn.Module):\n    def forward(self, x):\n"
        "        assert not torch.compiler.is_exporting(), 'not this one'\n        return x\n"
    )
    path = spec(tmp_path, "input: [1, 8]\nlayers:\n  a: ReLU\n  b: savemine.Odd\n")
    error = refused(path, "torch", allow=["savemine.Odd"])
    assert place(error) == ("torch.export cannot trace `savemine.Odd`", 4)
    assert error.problems[0].notes == ("AssertionError: not this one",)


@pytest.mark.parametrize("to", ["onnx", "torch"])
@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (
            "input: [1, 4, 8]\nlayers:\n  a: {LazyLinear: 8}\n  b: {reshape: [$shape(0), 32]}\n",
            "the batch cannot be left open: `shape` of this step is computed from it",
            4,
        ),
        (
            "input: [1, 8]\nlayers:\n  a: ReLU\n  p: {Parameter: [$shape(0), 8], from: a}\n"
            "  s: {add: [a, p]}\n",
            "the batch cannot be left open: the shape of this step is computed from it",
            4,
        ),
        (
            "input: [1, 8]\nlayers:\n  a: ReLU\n  b: {reshape: [8, 1]}\n  c: {add: [a, b]}\n"
            "  d: {reshape: [64]}\n",
            "the batch cannot be left open: of a batch of 2, ",
            4,
        ),
        (
            "input: [1, 8, 4, 4]\nlayers:\n  a: ReLU\n  b: CrossMapLRN2d: 3\n".replace(
                "b: CrossMapLRN2d: 3", "b: {CrossMapLRN2d: 3}"
            ),
            "the batch cannot be left open: torch.export fixes its size in `CrossMapLRN2d`",
            4,
        ),
        (
            "input: [1, 8, 4, 4]\nlayers:\n  - ReLU\n  - [CrossMapLRN2d: 3]\n",
            "the batch cannot be left open: torch.export fixes its size in `CrossMapLRN2d`",
            4,
        ),
    ],
)
def test_what_fixes_the_batch_is_named_and_a_fixed_one_helps(
    text: str, message: str, line: int | None, to: str, tmp_path: Path
) -> None:
    path = spec(tmp_path, text)
    error = refused(path, to)
    found, at = place(error)
    assert (found.startswith(message), at) == (True, line)
    assert error.problems[0].help.startswith("--fixed-batch")
    data = api.export(path, to="torch", fixed_batch=True)
    assert isinstance(data, bytes)
    torch.export.load(BytesIO(data)).module()(*inputs_of(api.plan(path)))


def test_inputs_without_one_batch_are_exported_as_they_are(tmp_path: Path) -> None:
    text = "input: {x: [4, 8], w: [8, 3]}\nlayers: {y: {matmul: [x, w]}}\n"
    model = onnx.load_from_string(api.export(spec(tmp_path, text), to="onnx"))
    dims = [value.type.tensor_type.shape.dim[0].dim_value for value in model.graph.input]
    assert dims == [4, 8]


@pytest.mark.parametrize(
    ("to", "hidden", "extra"),
    [
        ("onnx", "onnx", "onnx"),
        ("onnx", "onnxscript", "onnx"),
        ("safetensors", "safetensors", "weights"),
        ("safetensors", "numpy", "weights"),
    ],
)
def test_a_missing_package_is_said_before_anything_is_built(
    to: str, hidden: str, extra: str
) -> None:
    with patch.dict("sys.modules", {hidden: None}), patch("lazyinspect.save.write.materialised"):
        error = refused(CONFIGS["lenet5"], to)
    (problem,) = error.problems
    assert (problem.code, error.exit_code) == ("missing-extra", 2)
    assert problem.message == (f"this format needs the package `{hidden}`, which is not installed")
    assert problem.help == f"pip install 'lazyinspect[{extra}]'"


def test_onnx_of_more_than_it_holds_is_refused_with_the_figure() -> None:
    error = refused(CONFIGS["llama3"], "onnx", variant="8b")
    assert isinstance(error, NetworkError)
    assert error.problems[0].message == (
        "the weights take 29.9 GiB, and a file of the format `onnx` holds at most 1.98 GiB"
    )
    assert onnx_writer.MOST_BYTES < 2**31


def test_weights_that_do_not_fit_into_memory_are_refused_with_the_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lazyinspect.save.write.free_bytes", lambda device: 2**20)
    assert memory.free_bytes(torch.device("cpu")) != 2**20
    for to in ("torch", "safetensors"):
        error = refused(CONFIGS["lstm_tagger"], to)
        assert "at least 14.2 MiB, 3 times what the weights take, and 1.00 MiB is free" in str(
            error
        )


@pytest.mark.parametrize("to", ["onnx", "torch", "safetensors"])
def test_a_file_of_weights_goes_whole_to_its_place_and_is_replaced(
    to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spec(tmp_path, WEIGHTS)
    for seed in ("1", "2"):
        assert cli.main(["export", "net.yaml", "--to", to, "--seed", seed, "-o", "out"]) == 0
    assert Path("out").read_bytes()
    assert capfd.readouterr() == ("", "")
    Path("out").write_bytes(Path("out").read_bytes().replace(b"lazyinspect", b"somebodyels"))
    assert cli.main(["export", "net.yaml", "--to", to, "-o", "out"]) == 2
    assert "would-overwrite" in capfd.readouterr().err


def test_a_bad_seed_is_said() -> None:
    with pytest.raises(SpecError, match="bad-seed"):
        api.export(CONFIGS["lenet5"], to="safetensors", seed=2**64)
