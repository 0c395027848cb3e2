"""Networks with names for sizes, as each format writes them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lazyinspect import api, cli
from lazyinspect.formulas import Symbolic
from lazyinspect.render.layout import Layout
from lazyinspect.render.symbolic import render

ROOT = Path(__file__).parents[3]
SPECS = {
    "pyramid": (ROOT / "docs/examples/pyramid.yaml", {}),
    "mynet": (ROOT / "configs/mynet.yaml", {}),
    "vit": (ROOT / "configs/vit.yaml", {"variant": "b16"}),
    "gpt2": (ROOT / "configs/gpt2.yaml", {"variant": "small"}),
}


def found(name: str) -> Symbolic:
    path, options = SPECS[name]
    return api.symbolic(path, **options)


def text(form: Any, name: str, *, rows: bool = True, **layout: Any) -> str:
    return "".join(render([found(name)], form, Layout(**layout), rows=rows))


def value(formula: Any, sizes: dict[str, int]) -> Any:
    return eval(formula, dict(sizes)) if isinstance(formula, str) else formula


@pytest.mark.parametrize(
    ("name", "sizes", "shape"),
    [
        ("pyramid", {"N": 3, "H": 48, "W": 31}, [3, 3, 48, 31]),
        ("mynet", {"N": 2, "H": 27, "W": 28}, [2, 1, 27, 28]),
        ("vit", {"N": 2, "H": 230, "W": 224}, [2, 3, 230, 224]),
        ("gpt2", {"N": 2, "T": 5}, [2, 5]),
    ],
)
def test_python_computes_every_figure_of_the_json(
    name: str, sizes: dict[str, int], shape: list[int]
) -> None:
    document = json.loads(text("json", name))
    path, options = SPECS[name]
    plan = api.plan(path, input=shape, **options)
    assert document["schema"] == "lazyinspect/symbolic/1"
    for layer, row in zip(document["layers"], plan.rows, strict=True):
        assert value(layer["macs"], sizes) == row.macs
        assert value(layer["flops"], sizes) == row.flops
        assert value(layer["param_count"], sizes) == row.param_count
        for written, tensor in zip(layer["outputs"], row.outputs, strict=True):
            assert tuple(value(size, sizes) for size in written["shape"]) == tensor.shape
    assert value(document["totals"]["macs"], sizes) == plan.totals.macs
    for each in document["conditions"]:
        assert eval(each["formula"], dict(sizes)) is True, each["text"]


def test_json_tells_a_set_so_that_a_program_can_ask_it() -> None:
    document = json.loads(text("json", "pyramid", rows=False))
    assert "layers" not in document
    works = document["sizes"]["H"]["works"]

    def belongs(size: int) -> bool:
        if size <= works["above"]:
            return size in works["listed"]
        return size % works["period"] in works["remainders"]

    expected = found("pyramid").works["H"]
    assert all(belongs(size) is (size in expected) for size in range(1, 60))
    assert works["first"] == [3, 4, 7, 8, 11, 12, 15, 16]


def test_csv_holds_formulas_as_python_writes_them() -> None:
    rows = list(csv.DictReader(io.StringIO(text("csv", "mynet"))))
    (first,) = [row for row in rows if row["path"] == "0"]
    assert first["macs"] == "288*(H - 2)*N*(W - 2)"
    assert first["flops"] == "576*(H - 2)*N*(W - 2)"
    (last,) = [row for row in rows if row["path"] == "7"]
    assert json.loads(last["args"])["in_features"] == "64*((H - 6)//4)*((W - 6)//4)"


def test_csv_of_sizes_has_a_row_for_each_name() -> None:
    rows = list(csv.DictReader(io.StringIO(text("csv", "mynet", rows=False))))
    assert [(row["size"], row["least"], row["works"]) for row in rows] == [
        ("N", "1", "any"), ("H", "26", "at least 10"), ("W", "26", "at least 10"),
    ]  # fmt: skip
    assert rows[1]["joint"] == "floor((H - 6)/4) x floor((W - 6)/4) = 25"


def test_a_table_writes_formulas_under_the_conditions() -> None:
    assert "[N, 64, H/2, W/2]" in "".join(
        render([api.symbolic(ROOT / "configs/unet.yaml")], "table", Layout(depth=1), rows=True)
    )


def test_long_sums_stand_below_the_table_alone() -> None:
    lines = text("table", "pyramid").splitlines()
    (network,) = [line for line in lines if line.startswith("pyramid  [")]
    assert network.endswith("(2 terms)")
    assert any(
        line.startswith("MACs") and "7,168 x ceil(H/4) x ceil(W/4)" in line for line in lines
    )


def test_markdown_lists_sizes_and_who_asks() -> None:
    written = text("markdown", "pyramid")
    assert "| H, W | a multiple of 4, or up to 1 less | 3, 4, 7, 8, 11, 12, ... |" in written
    assert "| skip (cat), line 7 |" in written


def test_several_variants_are_a_list_and_one_that_fails_hides_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "input: [1, 3, 8, 8]\nparams: { k: 3 }\nvariants: { good: {}, bad: { k: 9 } }\n"
        "layers: [LazyConv2d: [4, $k]]\n"
    )
    assert cli.main(["run", str(spec), "--variant", "all", "--sizes", "--format", "json"]) == 3
    out, err = capsys.readouterr()
    assert [each["spec"]["variant"] for each in json.loads(out)] == ["good"]
    assert "variant bad" in err


@pytest.mark.parametrize("flags", [["--symbolic"], ["--sizes"], ["--input", "N,1,H,W"]])
def test_no_torch_is_loaded(flags: list[str]) -> None:
    code = (
        "import sys; from lazyinspect.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, "run", str(ROOT / "configs/mynet.yaml"), *flags]
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
