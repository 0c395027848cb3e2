"""What lies around a spec, or is allowed, does no more than it is asked to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lazyinspect
from lazyinspect import SpecError, cli

ROOT = Path(__file__).parents[2]
SPEC = "input: [1, 8]\nlayers: [LazyLinear: 8]\n"


# modules beside the spec


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_module_beside_the_spec_is_not_imported(tmp_path: Path, device: str) -> None:
    for name in ("yaml", "typer", "click", "rich", "torch", "numpy", "lazyinspect_plugins"):
        (tmp_path / f"{name}.py").write_text("open('EXECUTED', 'w').close()\n")
    (tmp_path / "conftest.py").write_text("open('EXECUTED', 'w').close()\n")
    (tmp_path / "net.yaml").write_text(SPEC)
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "lazyinspect"),
            *("run", "net.yaml", "--no-time", "--device", device),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "EXECUTED").exists()


# --allow

MODULE = """
from pathlib import Path
from torch import nn
from torch.nn import ReLU as Renamed
import json

Path("IMPORTED").touch()

class Layer(nn.Module):
    def forward(self, x):
        return x

class _Private(Layer):
    pass

class Outer:
    class Inner(nn.Module):
        pass

class Liar(nn.Module):
    pass
Liar.__qualname__ = "Layer"

class NoModule:
    pass

Alias = Layer
instance = Layer()
function = print
number = 1
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with a module `evil`, not imported before or after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    (tmp_path / "evil.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("evil", None)


def plan(name: str, *allow: str, spec: str = "input: [1, 8]\nlayers: ['NAME']\n") -> None:
    Path("net.yaml").write_text(spec.replace("NAME", name))
    lazyinspect.plan("net.yaml", allow=allow)


@pytest.mark.parametrize("name", ["evil.Layer", "evil._Private"])
def test_a_class_is_imported_where_it_is_allowed_by_its_name(here: Path, name: str) -> None:
    path = list(sys.path)
    plan(name, name)
    assert Path("IMPORTED").exists()
    assert sys.path == path


@pytest.mark.parametrize(
    "allow",
    [(), ("evil",), ("evil.",), ("evil.*",), ("evil.Lay",), ("evil.layer",), ("Layer",), ("*",),
     ("",), (".",), ("evil.Layer ",), ("evil.Layer.x",), ("evil.Other", "other.Layer")],
    ids=str,
)  # fmt: skip
def test_nothing_is_imported_unless_the_exact_name_is_allowed(
    here: Path, allow: tuple[str, ...]
) -> None:
    with pytest.raises(SpecError, match="class-not-allowed"):
        plan("evil.Layer", *allow)
    assert not Path("IMPORTED").exists()


def test_what_is_allowed_and_not_named_by_the_spec_is_not_imported(here: Path) -> None:
    plan("ReLU", "evil.Layer")
    assert not Path("IMPORTED").exists()


def test_a_block_that_nothing_uses_imports_nothing(here: Path) -> None:
    spec = "input: [1, 8]\nblocks: {Unused: {layers: [NAME]}}\nlayers: [ReLU]\n"
    plan("evil.Layer", "evil.Layer", spec=spec)
    assert not Path("IMPORTED").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("evil.NoModule", "is no subclass of torch.nn.Module"),
        ("evil.Outer", "is no subclass of torch.nn.Module"),
        ("evil.instance", "is no subclass of torch.nn.Module"),
        ("evil.function", "is no subclass of torch.nn.Module"),
        ("evil.number", "is no subclass of torch.nn.Module"),
        ("evil.json", "is no subclass of torch.nn.Module"),
        ("evil.__builtins__", "is no subclass of torch.nn.Module"),
        ("evil.missing", "has no `missing`"),
        ("evil.Alias", "is another name for `evil.Layer`"),
        ("evil.Liar", "is another name for `evil.Layer`"),
        ("evil.Renamed", "is a layer of torch.nn|is another name for"),
        ("evil.Outer.Inner", "importing `evil.Outer`|there is no module"),
        ("os.system", "is no subclass of torch.nn.Module"),
        ("builtins.eval", "is no subclass of torch.nn.Module"),
        ("subprocess.Popen", "is no subclass of torch.nn.Module"),
        ("torch.nn.Linear", "is called `Linear` here|is a layer of torch.nn"),
        ("torch.nn.modules.linear.Linear", "is called `Linear` here|is a layer of torch.nn"),
        ("torch.nn.Module", "of torch.nn is no layer"),
        ("evil..Layer", "is no dotted name of a class"),
        ("..evil.Layer", "is no dotted name of a class"),
        ("evil.Layer.", "is no dotted name of a class"),
        (".Layer", "is no dotted name of a class"),
        ("evil .Layer", "is no dotted name of a class"),
        ("../evil.Layer", "is no dotted name of a class"),
        ("evil.Layer()", "no"),
        ("none.Layer", "there is no module `none`"),
    ],
)
def test_an_allowed_name_must_be_a_module_class_of_that_very_name(
    here: Path, name: str, said: str
) -> None:
    path = list(sys.path)
    with pytest.raises(SpecError, match=said):
        plan(name, name)
    assert sys.path == path


def test_a_module_in_the_current_folder_hides_none_of_pythons_own(here: Path) -> None:
    (here / "colorsys.py").write_text("raise SystemExit('hidden')\n")
    sys.modules.pop("colorsys", None)
    (here / "evil.py").write_text(f"import colorsys\nassert colorsys.rgb_to_hsv\n{MODULE}")
    plan("evil.Layer", "evil.Layer")


# the environment and the file system


def test_no_variable_of_the_environment_allows_anything() -> None:
    package = Path(lazyinspect.__file__).parent
    assert not [p for p in package.rglob("*.py") if "LAZYINSPECT_" in p.read_text("utf-8")]


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize("text", [SPEC, "input: [1, 8]\nlayers: [{Linear: [3, 4]}]\n", "a: [\n"])
def test_a_run_without_output_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(text)
    before = Path("net.yaml").stat()
    cli.main(["run", "net.yaml", "--device", "meta", "--format", form])
    assert [path.name for path in tmp_path.iterdir()] == ["net.yaml"]
    assert Path("net.yaml").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("target", ["net.yaml", "./net.yaml", "link.yaml", "../{here}/net.yaml"])
def test_a_report_does_not_take_the_place_of_its_spec(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    target: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(SPEC)
    Path("link.yaml").symlink_to("net.yaml")
    output = target.format(here=tmp_path.name)
    assert cli.main(["run", "net.yaml", "--device", "meta", "-o", output]) == 2
    assert "would-overwrite" in capsys.readouterr().err
    assert Path("net.yaml").read_text() == SPEC


def test_a_link_to_a_spec_is_a_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far").mkdir()
    Path("far/net.yaml").write_text(SPEC)
    Path("link.yaml").symlink_to("far/net.yaml")
    assert cli.main(["run", "link.yaml", "--device", "meta"]) == 0
    assert capsys.readouterr().out.startswith("link  link.yaml\n")
