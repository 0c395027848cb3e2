"""Every tensor function in exported Python computes what the network's own does."""

from __future__ import annotations

import pytest
from exports import same_in_python, subject

from lazyinspect.plan.ops import table
from lazyinspect.plan.ops.base import Op
from lazyinspect.spec.names import MERGES

FUNCTIONS = sorted(
    row.name for row in table().values() if isinstance(row, Op) and row.kind != "layer"
)
COMPARED = ["0.5", "<- [x, y]", "<- [x, 0.5]", "{other: 0.5} <- {input: x}"]

SAMPLES: dict[str, list[str]] = {
    **{name: [""] for name in "relu silu sigmoid tanh exp sin cos square neg abs".split()},
    **{name: ["<- positive"] for name in "log sqrt rsqrt".split()},
    **{name: COMPARED for name in "eq ne gt ge lt le maximum minimum multiply".split()},
    **{name: COMPARED for name in ("floor_divide", "remainder")},
    **{name: ["", "1", "[[0, 2], true]"] for name in ("amax", "amin")},
    **{name: ["", "[1, {correction: 0}]", "{keepdim: true}"] for name in ("var", "std")},
    **{name: ["", "[[1, 2], {keepdim: true}]", "{dtype: float64}"] for name in ("mean", "sum")},
    **{name: ["1", "[-1, float64]"] for name in ("softmax", "log_softmax", "cumsum")},
    **{name: ["", "1"] for name in ("triu", "tril")},
    "pow": ["2", "{exponent: 3}"],
    "add": [
        "[x, y, x]", "[x, y, {alpha: 2}]", "[2, x]", "[2, x, y, {alpha: 3}]", "[pair, x]",
        "[ids, 0.5]", "[2.5, ids, {alpha: 2}]", "<- [pair, x]",
    ],
    "sub": ["[x, y]", "[1, x]", "[x, y, {alpha: 0.5}]", "[1, x, {alpha: 2}]", "[1, ids]"],
    "mul": ["[x, y, 2]", "[2, x]", "[pair, x]", "[ids, 0.5]"],
    "div": [
        "[x, y]", "[1, x]", "[x, y, {rounding_mode: trunc}]", "[7, x, {rounding_mode: floor}]",
        "[7, ids]",
    ],
    "cat": ["[x, y]", "[x, pair, {dim: 2}]", "[token, x]", "[token, pair, token, {dim: -2}]"],
    "stack": ["[x, y]", "[pair, {dim: -1}]"],
    "matmul": ["[x, turned]"],
    "scaled_dot_product_attention": [
        "[x, y, x, {is_causal: true}]", "{scale: 0.5} <- {query: x, key: y, value: x}",
        "<- {query: x, key: y, value: x, attn_mask: mask}",
    ],
    "einsum": ['"bij,bkj->bik" <- [x, y]', '"bij,bij->b" <- [pair]'],
    "clamp": ["[-0.1, 0.5]", "{max: .inf}"],
    "where": ["0 <- [x, bits]", "<- [x, bits, y]", "<- [x, bits, 0.5]"],
    "norm": ["", "[1, 2, true]", "{dim: [1, 2]}"],
    "gelu": ["", "tanh"],
    "flatten": ["", "1", "[1, 2]"],
    "unflatten": ["[2, [2, -1]]"],
    "reshape": ["[2, -1]", "[[8, 6]]", "-1"],
    "view": ["[2, 24]"],
    "permute": ["[0, 2, 1]"],
    "transpose": ["[1, 2]"],
    "movedim": ["[1, 2]", "[[0, 1], [1, 0]]"],
    "squeeze": ["<- token", "1 <- token", "[[0, 1]] <- token"],
    "unsqueeze": ["-1"],
    "expand": ["[3, -1, -1, -1]"],
    "repeat": ["[1, 2, 1]"],
    "tile": ["[2, 1]"],
    "select": ["[1, -1]"],
    "narrow": ["[2, 1, 3]"],
    "chunk": ["2", "[3, -1]"],
    "split": ["2", "[[1, 3]]", "[2, 2]"],
    "unbind": ["", "0"],
    "gather": ["1 <- [x, ids]"],
    "flip": ["[0, 2]"],
    "roll": ["1", "[[1, 2], [0, 1]]"],
    "one_hot": ["8 <- ids"],
    "positions": ["2"],
    "pad": ["[[1, 2]]", "[[1, 1], replicate]", "{pad: [0, 1], value: -.inf}"],
    "interpolate": ["3", "{scale_factor: 2, mode: linear}", "{size: [12]}"],
}  # fmt: skip
"""Arguments of each function, and after an arrow what it reads; a merge names that itself."""

BEFORE = """\
input: {x: [2, 4, 6], y: [2, 4, 6], ids: {shape: [2, 4, 6], dtype: int64, high: 4}}
layers:
  bits: {gt: 0, from: x}
  positive: {exp: , from: x}
  token: {Parameter: [1, 1, 6, {fill: 0.5}]}
  turned: {transpose: [1, 2], from: y}
  mask: {matmul: [x, turned]}
  both: {stack: [x, y, {dim: 0}]}
  pair: {unbind: 0, from: both}
"""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_in_python_is_the_networks_own(name: str) -> None:
    steps = []
    for index, sample in enumerate(SAMPLES[name]):
        args, arrow, source = (part.strip() for part in sample.partition("<-"))
        source = source if arrow else "" if name in MERGES else "x"
        steps.append(f"  s{index}: {{{name}: {args}{f', from: {source}' * bool(source)}}}\n")
    outputs = ", ".join(f"s{index}" for index in range(len(steps)))
    same_in_python(subject(f"{BEFORE}{''.join(steps)}output: [{outputs}]"))
