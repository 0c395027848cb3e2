"""DOT, SVG and PNG: what Graphviz is given, and what is said where it is missing or fails."""

from __future__ import annotations

import re
import shutil
import stat
import struct
import sys
import zlib
from pathlib import Path
from unittest.mock import patch

import pytest
from exports import config, every_config, exported

from lazyinspect import cli
from lazyinspect.errors import SpecError
from lazyinspect.export import Options, Subject, export, is_ours, picture
from lazyinspect.export.graph import draw

TEXT = "input: [1, 8]\nlayers: {a: {LazyLinear: 4}, b: {GELU: tanh}}\n"
STATEMENT = re.compile(r'(\w+)(?: -> (\w+))?(?: \[(?:\w+=(?:"(?:[^"\\]|\\.)*"|[\w.]+) ?)+\])')
ATTRIBUTE = re.compile(r'(?:\w+=(?:"(?:[^"\\]|\\.)*"|[\w.]+) ?)+')
PIXEL = b"\x89PNG\r\n\x1a\n" + b"".join(
    struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    )
)


def program(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for Graphviz's program on the path, and nothing else."""
    path = folder / "dot"
    path.write_text(f"#!{sys.executable}\nimport sys, time\ntext = sys.stdin.read()\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


def drawn(to: str) -> str | bytes:
    return exported(TEXT, to)


@pytest.mark.parametrize(("name", "variant"), every_config())
def test_every_config_is_dot_of_the_same_graph(name: str, variant: str | None) -> None:
    spec, plan = config(name, variant)
    for depth in (None, 2):
        text = export(Subject(plan, spec, Options(depth=depth)), "dot")
        assert isinstance(text, str)
        lines = [line.strip() for line in text.splitlines()]
        assert lines[0] == "// Written by lazyinspect export: a graph for Graphviz."
        assert lines.count("}") == sum(line.endswith("{") for line in lines)
        edges = set()
        for line in lines[1:]:
            if line.endswith(("{", "}")) or ATTRIBUTE.fullmatch(line):
                continue
            found = STATEMENT.fullmatch(line)
            assert found, line
            if found[2]:
                edges.add((found[1], found[2]))
        drawing = draw(plan, depth)
        assert edges == {(f"n{edge.source}", f"n{edge.target}") for edge in drawing.edges}


def test_text_that_means_something_to_graphviz_is_shown_as_it_is() -> None:
    text = exported("name: '<b> \"x\" \\N'\ninput: [1, 8]\nlayers: {a: ReLU}\n", "dot")
    assert r'label="<b> \"x\" \\N: 0 parameters, 0 MACs"' in text


def test_without_the_package_dot_says_what_to_install() -> None:
    with patch.dict("sys.modules", graphviz=None), pytest.raises(SpecError) as caught:
        drawn("dot")
    (problem,) = caught.value.problems
    assert problem.code == "missing-extra"
    assert problem.help == "pip install 'lazyinspect[graph]'"


@pytest.mark.parametrize("to", ["svg", "png"])
def test_without_the_program_pictures_say_what_to_install(
    to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    Path("net.yaml").write_text(TEXT)
    assert cli.main(["export", "net.yaml", "--to", to, "-o", "out"]) == 2
    said = capsys.readouterr().err
    assert "error[missing-extra]" in said and "apt install graphviz" in said
    assert not Path("out").exists()


def test_svg_names_what_is_pointed_at_and_who_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = '<?xml version="1.0"?>\n<svg><title>n2</title><title>n1&#45;&gt;n2</title></svg>'
    code = f"assert sys.argv[1:] == ['-Tsvg'] and 'digraph' in text\nprint({picture!r})"
    program(tmp_path, code, monkeypatch)
    text = drawn("svg")
    assert text == (
        '<?xml version="1.0"?><!-- Written by lazyinspect export. -->\n'
        "<svg><title>a</title><title>input to a</title></svg>\n"
    )
    assert isinstance(text, str) and is_ours(text.encode())


def test_png_holds_who_wrote_it_in_a_chunk_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, f"sys.stdout.buffer.write({PIXEL!r})", monkeypatch)
    data = drawn("png")
    assert isinstance(data, bytes) and is_ours(data) and not is_ours(PIXEL)
    kinds, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(body)
        kinds.append(body[:4])
        at += 12 + length
    assert kinds == [b"IHDR", b"tEXt", b"IDAT", b"IEND"]


def test_png_goes_to_a_file_or_a_pipe_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    program(tmp_path, f"sys.stdout.buffer.write({PIXEL!r})", monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(TEXT)
    for _ in range(2):  # the second replaces the first
        assert cli.main(["export", "net.yaml", "--to", "png", "-o", "out.png"]) == 0
    assert Path("out.png").read_bytes() == drawn("png")
    assert capfdbinary.readouterr() == (b"", b"")
    assert cli.main(["export", "net.yaml", "--to", "png"]) == 0
    assert capfdbinary.readouterr().out == drawn("png")


def test_png_is_not_written_to_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, f"sys.stdout.buffer.write({PIXEL!r})", monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(TEXT)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert cli.main(["export", "net.yaml", "--to", "png"]) == 2
    assert "`png` is no text, and standard output is a terminal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('bad', file=sys.stderr); sys.exit(1)", "`dot` fails: bad"),
        ("sys.exit(3)", "`dot` fails: it ends with 3"),
        ("", "`dot` fails: it ends with 0"),
        ("time.sleep(20)", "`dot` did not draw it within 0.5 s"),
    ],
)
def test_a_program_that_fails_is_said_in_its_own_words(
    code: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "TIMEOUT_S", 0.5)
    program(tmp_path, code, monkeypatch)
    with pytest.raises(SpecError, match="cannot-export") as caught:
        drawn("svg")
    assert said in caught.value.problems[0].message


def test_a_program_that_cannot_be_run_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "dot"
    path.write_text("#!/nowhere/at/all\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpecError, match="`dot` cannot be run"):
        drawn("svg")


def test_graphviz_draws_every_config_where_it_is_installed() -> None:
    for name, variant in dict(every_config()).items():
        spec, plan = config(name, variant)
        given = Subject(plan, spec)
        if shutil.which("dot") is None:
            with pytest.raises(SpecError, match="missing-extra"):
                export(given, "svg")
            continue
        text = export(given, "svg")
        assert isinstance(text, str)
        assert text.endswith("</svg>\n")
        titles = re.findall(r"<title>([^<]*)</title>", text)
        assert not [title for title in titles if re.fullmatch(r"n\d+", title)]
