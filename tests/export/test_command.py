"""``lazyinspect export``: where it writes, what it keeps, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from exports import CONFIGS

from lazyinspect import api, cli
from lazyinspect.errors import SpecError
from lazyinspect.export import FORMATS, Options, is_ours

MINE = ("resolved", "python", "json")
"""Formats of text; pictures and weights have tests of their own."""
TEXTS = "resolved python json mermaid dot".split()
"""Formats that need neither torch nor another program."""
TEXT = "input: [1, 8]\nlayers: [LazyLinear: 4]\n"


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_the_resolved_form_goes_to_standard_output(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", "net.yaml"]) == 0
    assert capsys.readouterr().out == api.export(net)
    assert cli.main(["export", "net.yaml", "-o", "-"]) == 0
    assert capsys.readouterr().out == api.export(net)


@pytest.mark.parametrize("to", MINE)
def test_what_an_export_wrote_it_replaces(
    net: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for shape in ("1,8", "2,8"):
        assert cli.main(["export", "net.yaml", "--to", to, "--input", shape, "-o", "out"]) == 0
        assert Path("out").read_text() == api.export(
            net, to=to, input=[int(size) for size in shape.split(",")]
        )
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("to", MINE)
def test_what_an_export_wrote_in_one_format_another_replaces(net: Path, to: str) -> None:
    assert cli.main(["export", "net.yaml", "--to", to, "-o", "out"]) == 0
    assert is_ours(Path("out").read_bytes())
    assert cli.main(["export", "net.yaml", "-o", "out"]) == 0


def test_a_file_of_ones_own_is_kept_unless_force_says_so(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", "net.yaml", "-o", "net.yaml"]) == 2
    assert "would-overwrite" in capsys.readouterr().err
    assert net.read_text() == TEXT
    assert cli.main(["export", "net.yaml", "-o", "net.yaml", "--force"]) == 0
    assert is_ours(net.read_bytes())


def test_an_empty_file_is_nobodys(net: Path) -> None:
    Path("out.yaml").touch()
    assert cli.main(["export", "net.yaml", "-o", "out.yaml"]) == 0


def test_a_failed_export_leaves_the_old_file(net: Path) -> None:
    assert cli.main(["export", "net.yaml", "-o", "out.yaml"]) == 0
    before = Path("out.yaml").read_text()
    net.write_text("input: [1, 8]\nlayers: [LazyFakeQuantConv2d: [4, 3]]\n")
    assert cli.main(["export", "net.yaml", "--to", "python", "-o", "out.yaml"]) != 0
    assert Path("out.yaml").read_text() == before
    assert sorted(path.name for path in net.parent.iterdir()) == ["net.yaml", "out.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "word"], "there is no format `word`"),
        (["--to", "json", "--lazy"], "the format `json` takes no `lazy`"),
        (["--layout", "flat"], "`layout` takes one of inline, blocks, and gets 'flat'"),
        (["--variant", "large"], "has no variant"),
    ],
)
def test_what_a_format_cannot_be_told_is_a_mistake_of_the_command(
    net: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", "net.yaml", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_every_option_is_some_formats() -> None:
    taken = {option for row in FORMATS.values() for option in row.takes}
    assert taken == set(Options.__dataclass_fields__)


def test_a_class_of_ones_own_is_exported_where_it_is_allowed(
    net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(net.parent))
    Path("exportmine.py").write_text(
        "from torch import nn\n\n\nclass Double(nn.Module):\n    def __init__(self, by=2.0):\n"
        "        super().__init__()\n        self.by = by\n\n    def forward(self, x):\n"
        "        return x * self.by\n"
    )
    net.write_text("input: [1, 8]\nlayers: [exportmine.Double: 3.0, LazyLinear: 4]\n")
    with pytest.raises(SpecError, match="class-not-allowed"):
        api.export(net)
    allow = ["exportmine.Double"]
    assert "- exportmine.Double: {by: 3.0}\n" in api.export(net, allow=allow)
    python = api.export(net, to="python", allow=allow)
    assert "import exportmine\n" in python
    assert "exportmine.Double(by=3.0)," in python


@pytest.mark.parametrize("to", MINE)
def test_no_export_of_text_loads_torch(to: str) -> None:
    code = (
        "import sys; from lazyinspect.cli import main; "
        f"code = main(['export', {str(CONFIGS['resnet'])!r}, '--to', {to!r}, '-o', '/dev/null']); "
        "assert code == 0 and 'torch' not in sys.modules, code"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
