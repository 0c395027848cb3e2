"""Where sizes come from: spans of the problems of specs that fail."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lazyinspect.errors import LazyinspectError, Problem, Span
from lazyinspect.plan.inputs import network_inputs
from lazyinspect.plan.insight import failures
from lazyinspect.plan.insight.failure import Failure
from lazyinspect.plan.insight.operation import Budget
from lazyinspect.plan.insight.origins import MAX_SPANS, TRIALS, Origins
from lazyinspect.plan.parameters import network_params
from lazyinspect.plan.plan import make_plan
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.tree import InputType
from lazyinspect.spec.grammar import parse_spec


def problems_of(text: str, **options: Any) -> tuple[Problem, ...]:
    with pytest.raises(LazyinspectError) as caught:
        make_plan(parse_spec(text, "net.yaml"), **options)
    return caught.value.problems


def under(span: Span) -> str:
    line = span.mark.source.lines[span.mark.line - 1]
    return line[span.mark.column - 1 :][: span.mark.length]


def told(problem: Problem) -> list[tuple[str, str]]:
    """What is underlined, and what is said of it; the nearest cause first."""
    return [(under(span), span.text) for span in problem.spans]


def origins(text: str, **options: Any) -> list[tuple[str, str]]:
    (problem,) = problems_of(text, **options)
    return told(problem)


@dataclass(frozen=True)
class Claim:
    name: str
    spec: str
    spans: list[tuple[str, str]]


CLAIMS = [
    Claim(
        "flattened_features_are_channels_and_positions_and_these_go_back_to_the_input",
        """
input: [10, 3, 28, 28]
layers:
  - LazyConv2d: [32, 3]
  - ReLU
  - MaxPool2d: 2
  - LazyConv2d: [64, 3]
  - MaxPool2d: 2
  - Flatten
  - Linear: [5184, 10]
""",
        [
            ("Flatten", "1600 = 64 x 5 x 5, from here"),
            ("64", "64 channels, from here: out_channels"),
            ("MaxPool2d", "11 x 11 -> 5 x 5 here"),
            (
                "28, 28",
                "28 x 28, from the input; then 26 x 26 (line 4), ..., 11 x 11 (line 7)",
            ),
        ],
    ),
    Claim(
        "a_view_of_a_batch_counted_by_hand_goes_back_to_the_input",
        """
input: [10, 3, 28, 28]
layers:
  - LazyConv2d: [64, 3]
  - MaxPool2d: 2
  - view: [10, 5184]
""",
        [
            ("MaxPool2d", "26 x 26 -> 13 x 13 here"),
            ("28, 28", "28 x 28, from the input; then 26 x 26 (line 4)"),
        ],
    ),
    Claim(
        "a_formula_is_told_with_the_values_of_its_names",
        """
input: [1, 3, 8, 8]
params: {w: 20}
layers:
  - LazyConv2d: [$w*2, 3]
  - GroupNorm: [16, 48]
""",
        [("$w*2", "40 channels, from here: out_channels = $w*2 with w = 20")],
    ),
    Claim(
        "through_a_block_s_input_the_trail_goes_on_where_the_block_is_used",
        """
input: [1, 3, 8, 8]
blocks:
  Unit:
    params: {c: int}
    layers:
      conv: {LazyConv2d: [$4*c, 1]}
      norm: LazyBatchNorm2d
      sum: {add: [norm, input]}
layers:
  stem: {LazyConv2d: [7, 1]}
  relu: ReLU
  unit: {Unit: 5}
""",
        [
            ("$4*c", "20 channels, from here: out_channels = $4*c with c = 5"),
            ("7", "7 channels, from here: out_channels"),
        ],
    ),
    Claim(
        "into_a_block_the_trail_says_which_use_is_meant",
        """
input: [1, 3, 8, 8]
blocks:
  Unit:
    params: {c: int}
    layers: [LazyConv2d: [$c, 1], ReLU]
layers:
  - Unit: 6
  - Unit: 9
  - Conv2d: [6, 2, 1]
""",
        [("$c", "9 channels, from here: out_channels = $c with c = 9, in the Unit of line 9")],
    ),
    Claim(
        "an_equal_use_of_a_block_is_told_by_its_own_line_and_input",
        """
input: [1, 4, 9, 9]
blocks:
  Pass: {layers: [ReLU, LazyBatchNorm2d]}
layers:
  a: {LazyConv2d: [4, 1]}
  b: {Pass: , from: input}
  c: {Pass: , from: a}
  d: {Conv2d: [5, 2, 1], from: c}
""",
        [("4", "4 channels, from here: out_channels")],
    ),
    Claim(
        "of_two_sources_each_has_its_own_origin",
        """
input: [2, 30]
layers:
  a: {LazyLinear: 4}
  b: {LazyLinear: 5, from: input}
  c: {stack: [a, b]}
""",
        [
            ("4", "4 features, from here: out_features"),
            ("5", "5 features, from here: out_features"),
        ],
    ),
    Claim(
        "concatenated_channels_are_a_sum",
        """
input: [2, 8, 16, 16]
layers:
  a: {LazyConv2d: [24, 3, 1, 1]}
  b: {LazyConv2d: [40, 1], from: input}
  c: {cat: [a, b]}
  d: ReLU
  e: {Conv2d: [48, 8, 3]}
""",
        [
            ("cat", "64 = 24 + 40, from here"),
            ("24", "24 channels, from here: out_channels"),
            ("40", "40 channels, from here: out_channels"),
        ],
    ),
    Claim(
        "cat_blames_the_dimensions_that_differ_besides_its_own",
        """
input: [1, 4, 9, 9]
layers:
  small: {MaxPool2d: 2}
  both: {cat: [input, small]}
""",
        [("9, 9", "9 x 9, from the input"), ("MaxPool2d", "9 x 9 -> 4 x 4 here")],
    ),
    Claim(
        "matmul_blames_its_inner_sizes",
        """
input: {a: [2, 8, 16], b: [2, 9, 16]}
layers:
  q: {LazyLinear: 32, from: a}
  k: {LazyLinear: 24, from: b}
  s: {matmul: [q, k]}
""",
        [("32", "32 features, from here: out_features"), ("9", "9, from the input `b`")],
    ),
    Claim(
        "attention_that_cannot_divide_its_features_says_who_gave_them",
        """
input: [2, 10, 60]
layers:
  p: {LazyLinear: 100}
  act: GELU
  att: {LazyMultiheadAttention: [8, {batch_first: true}], from: [prev, prev, prev], pick: 0}
""",
        [("100", "100 features, from here: out_features")],
    ),
    Claim(
        "attention_of_given_sizes_says_who_gave_others",
        """
input: [2, 10, 60]
layers:
  p: {LazyLinear: 96}
  att: {MultiheadAttention: [128, 8, {batch_first: true}], from: [prev, prev, prev], pick: 0}
""",
        [("96", "96 features, from here: out_features")],
    ),
    Claim(
        "a_bidirectional_LSTM_gives_twice_its_hidden_size",
        """
input: [4, 12, 20]
layers:
  rnn: {LazyLSTM: {hidden_size: 32, batch_first: true, bidirectional: true}, pick: 0}
  last: {select: [1, -1]}
  drop: {Dropout: 0.5}
  out: {Linear: [32, 10]}
""",
        [("32", "64 features, from here: hidden_size is 32")],
    ),
    Claim(
        "transpose_maps_dimensions_and_a_Parameter_is_an_origin",
        """
input: [1, 3, 224, 224]
params: {d: 768, patch: 16}
layers:
  conv_proj: {LazyConv2d: [$d, $patch, $patch]}
  tokens: {flatten: 2}
  nlc: {transpose: [1, 2]}
  ln: LazyLayerNorm
  pos: {Parameter: [1, 197, $d]}
  sum: {add: [ln, pos]}
""",
        [
            ("flatten", "196 = 14 x 14, from here"),
            ("197", "197, from here: shape"),
            ("LazyConv2d", "224 x 224 -> 14 x 14 here"),
            ("224, 224", "224 x 224, from the input"),
        ],
    ),
    Claim(
        "permute_maps_channels_to_the_last_dimension",
        """
input: [2, 3, 32, 40]
layers:
  c: {LazyConv2d: [16, 3, 1, 1]}
  p: {permute: [0, 2, 3, 1]}
  l: {Linear: [32, 8]}
""",
        [("16", "16 channels, from here: out_channels")],
    ),
    Claim(
        "unflatten_makes_what_its_sizes_say",
        """
input: [2, 100]
layers:
  l: {LazyLinear: 1024}
  u: {unflatten: [1, [64, 4, 4]]}
  c: {ConvTranspose2d: [32, 16, 4]}
""",
        [("64", "64, from here: sizes")],
    ),
    Claim(
        "chunk_makes_a_part_of_what_it_reads",
        """
input: [2, 30, 16]
layers:
  - {chunk: 2, as: [a, b]}
  - {LazyConv1d: [12, 1], from: a}
  - add: [prev, b]
""",
        [
            ("12", "12 channels, from here: out_channels"),
            ("chunk", "30 -> 15 here"),
            ("30", "30, from the input"),
        ],
    ),
    Claim(
        "an_inline_branch_is_followed_inside",
        """
input: [2, 8, 16, 16]
layers:
  - add: [prev, [LazyConv2d: [16, 1], ReLU]]
""",
        [("8", "8, from the input"), ("16", "16 channels, from here: out_channels")],
    ),
    Claim(
        "Sequentials_in_each_other_are_followed_through",
        """
input: [2, 8, 16, 16]
layers:
  body:
    Sequential:
      - LazyConv2d: [16, 3]
      - Sequential: [ReLU, LazyBatchNorm2d]
  head: {Conv2d: [9, 3, 1]}
""",
        [("16", "16 channels, from here: out_channels")],
    ),
    Claim(
        "a_label_from_outside_is_followed_out_of_a_Sequential",
        """
input: [2, 8]
layers:
  skip: {LazyLinear: 5}
  wide: {LazyLinear: 6}
  tail: {Sequential: [ReLU, add: [prev, skip]]}
""",
        [
            ("6", "6 features, from here: out_features"),
            ("5", "5 features, from here: out_features"),
        ],
    ),
    Claim(
        "in_a_repeat_the_copy_before_is_named",
        """
input: [1, 4, 20, 20]
layers:
  body: {LazyConv2d: ["$8*(i+1)", 3, 2], repeat: 7}
""",
        [
            ("LazyConv2d", "4 x 4 -> 1 x 1 in an earlier copy"),
            ("20, 20", "20 x 20, from the input; then 9 x 9 (line 4), 4 x 4 (line 4)"),
        ],
    ),
    Claim(
        "a_repeated_step_is_told_with_its_index",
        """
input: [1, 4]
layers:
  "fc{i}": {LazyLinear: "$8*(i+1)", repeat: 3}
  out: {Linear: [99, 2]}
""",
        [('"$8*(i+1)"', "24 features, from here: out_features = $8*(i+1) with i = 2")],
    ),
    Claim(
        "a_module_used_again_gives_what_its_own_step_says",
        """
input: [2, 8, 16, 16]
layers:
  pre: {LazyConv2d: [12, 3]}
  conv: {LazyConv2d: [12, 3]}
  again: {use: conv}
  out: {Conv2d: [7, 3, 1]}
""",
        [("12", "12 channels, from here: out_channels")],
    ),
    Claim(
        "a_module_used_again_computes_positions_anew",
        """
input: [2, 8, 16, 16]
layers:
  conv: {LazyConv2d: [8, 3]}
  again: {use: conv}
  sum: {add: [again, input]}
""",
        [
            ("use", "14 x 14 -> 12 x 12 here"),
            ("16, 16", "16 x 16, from the input; then 14 x 14 (line 4)"),
        ],
    ),
    Claim(
        "a_use_that_does_not_fit_says_where_its_input_is_from",
        """
input: {a: [1, 4], b: [1, 3]}
layers:
  f: {LazyLinear: 2, from: a}
  g: {LazyLinear: 5, from: b}
  h: {use: f}
""",
        [("5", "5 features, from here: out_features")],
    ),
    Claim(
        "adaptive_pooling_is_an_origin_of_its_own",
        """
input: [2, 3, 64, 64]
layers:
  a: {LazyConv2d: [20, 3]}
  p: {AdaptiveAvgPool2d: 7}
  c: {LazyConv2d: [20, 9]}
""",
        [("7", "7 x 7, from here: output_size")],
    ),
    Claim(
        "a_kernel_larger_than_its_input_says_how_it_got_so_small",
        """
input: [1, 3, 10, 64]
layers:
  - MaxPool2d: 3
  - LazyConv2d: [8, 5]
""",
        [("MaxPool2d", "10 -> 3 here"), ("10", "10, from the input")],
    ),
    Claim(
        "an_embedding_gives_its_dimension",
        """
input: {ids: {shape: [2, 9], dtype: int64}}
params: {d: 64, n: 16}
layers:
  e: {Embedding: [100, $d]}
  l: {Linear: [32, 2]}
""",
        [("$d", "64 features, from here: embedding_dim = $d with d = 64")],
    ),
    Claim(
        "a_formula_that_reads_cin_is_followed_to_the_channels_it_read",
        """
input: [1, 20, 8, 8]
layers:
  - LazyConv2d: [12, 1]
  - LazyConv2d: [$cin, 3, {groups: $cin}]
  - LazyBatchNorm2d
  - Conv2d: [24, 3, 1]
""",
        [
            ("$cin", "12 channels, from here: out_channels = $cin with cin = 12"),
            ("12", "12 channels, from here: out_channels"),
        ],
    ),
    Claim(
        "an_argument_refused_for_the_channels_it_reads_says_who_gave_them",
        """
input: [1, 20, 8, 8]
layers:
  - LazyConv2d: [12, 1]
  - ReLU
  - LazyConv2d: [$cin//16, 1]
""",
        [("12", "12 channels, from here: out_channels")],
    ),
    Claim(
        "shape_k_in_a_formula_is_followed",
        """
input: [1, 20, 8]
layers:
  - LazyConv1d: [12, 3]
  - LazyLinear: $shape(2)*2
  - Linear: [5, 1]
""",
        [
            ("$shape(2)*2", "12 features, from here: out_features = $shape(2)*2 with shape(2) = 6"),
            ("LazyConv1d", "8 -> 6 here"),
            ("8", "8, from the input"),
        ],
    ),
    Claim(
        "a_given_size_that_must_agree_is_passed_through",
        """
input: [1, 3, 8, 8]
layers:
  - Conv2d: [3, 6, 3]
  - BatchNorm2d: 6
  - Conv2d: [5, 2, 1]
""",
        [("6", "6 channels, from here: out_channels")],
    ),
    Claim(
        "expect_says_where_the_unexpected_size_is_from",
        """
input: [1, 3, 33, 33]
params: {h: 16}
layers:
  d1: {LazyConv2d: [8, 3, 2]}
  r: {ReLU: , expect: [_, 12, $h, $h]}
""",
        [("8", "8 channels, from here: out_channels")],
    ),
    Claim(
        "expect_of_the_step_s_own_output_points_at_the_step",
        """
input: [1, 3, 9, 9]
layers:
  - {LazyConv2d: [8, 3], expect: [_, _, 9, 9]}
""",
        [("LazyConv2d", "9 x 9 -> 7 x 7 here"), ("9, 9", "9 x 9, from the input")],
    ),
    Claim(
        "a_view_that_does_not_divide_says_where_each_size_is_from",
        """
input: [10, 3, 28, 28]
layers:
  - LazyConv2d: [32, 3]
  - MaxPool2d: 2
  - view: [-1, $32*14*14]
""",
        [
            ("32", "32 channels, from here: out_channels"),
            ("MaxPool2d", "26 x 26 -> 13 x 13 here"),
            ("28, 28", "28 x 28, from the input; then 26 x 26 (line 4)"),
        ],
    ),
    Claim(
        "an_upsampled_skip_that_does_not_meet_goes_back_to_one_input_once",
        """
input: [2, 3, 63, 64]
layers:
  d: {LazyConv2d: [8, 3, 2, 1]}
  u: {Upsample: {scale_factor: 2}}
  s: {cat: [u, input]}
""",
        [("Upsample", "32 -> 64 here"), ("63", "63, from the input; then 32 (line 4)")],
    ),
    Claim(
        "a_formula_in_the_input_is_told",
        """
input: [1, 3, $size, $size]
params: {size: 6}
layers:
  - LazyConv2d: [8, 7]
""",
        [("$size, $size", "6 x 6, from the input: $size with size = 6")],
    ),
    Claim(
        "a_count_of_dimensions_comes_from_the_step_that_changed_it",
        """
input: [10, 3, 28, 28]
layers:
  - LazyConv2d: [32, 3]
  - Flatten
  - ReLU
  - LazyConv2d: [32, 3]
""",
        [("Flatten", "[10, 32, 26, 26] -> [10, 21632] here")],
    ),
    Claim(
        "a_dtype_comes_from_past_the_steps_that_keep_it",
        """
input: {ids: {shape: [2, 9], dtype: int64}}
layers:
  - transpose: [0, 1]
  - LazyLinear: 4
""",
        [("[", "int64, from the input")],
    ),
    Claim(
        "a_tuple_comes_from_the_layer_that_gives_one",
        """
input: [4, 12, 20]
layers:
  - LazyGRU: 8
  - LazyLinear: 4
""",
        [("LazyGRU", "([4, 12, 8], [1, 12, 8]), from here")],
    ),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_origin(claim: Claim) -> None:
    assert claim.spans == origins(claim.spec)


def test_a_refused_argument_shows_what_its_formula_read() -> None:
    (problem,) = problems_of(
        "input: [1, 12, 8, 8]\nlayers: [LazyConv2d: [$cin//16, 1]]\n",
    )
    assert problem.code == "bad-argument"
    assert problem.found == "$cin//16 with cin = 12"


def test_an_input_given_otherwise_is_told_beside_the_file_s_own() -> None:
    text = "input: [1, 3, 64, 64]\nlayers:\n  - LazyConv2d: [8, 7]\n"
    assert origins(text, input=[1, 3, 5, 5]) == [
        ("64, 64", "5 x 5, from the input, given as [1, 3, 5, 5]"),
    ]


def test_an_input_of_no_file_has_no_place_to_show() -> None:
    text = "layers:\n  - LazyConv2d: [8, 7]\n"
    assert origins(text, input=[1, 3, 5, 5]) == []


def test_two_problems_have_each_their_own_places() -> None:
    first, second = problems_of(
        """
input: [1, 6]
layers:
  a: {LazyLinear: 5}
  b: {Linear: [7, 2], from: a}
  c: {LazyLinear: 9, from: input}
  d: {Linear: [8, 2], from: c}
""",
    )
    assert told(first) == [("5", "5 features, from here: out_features")]
    assert told(second) == [("9", "9 features, from here: out_features")]


def test_a_long_sum_names_only_the_nearest_places() -> None:
    steps = "\n".join(f"  b{k}: {{LazyLinear: {k + 1}, from: input}}" for k in range(30))
    labels = ", ".join(f"b{k}" for k in range(30))
    text = f"input: [1, 6]\nlayers:\n{steps}\n  c: {{cat: [{labels}]}}\n  d: {{Linear: [7, 2]}}\n"
    spans = origins(text)
    assert len(spans) == MAX_SPANS
    assert spans[0] == ("cat", f"465 = {' + '.join(str(k + 1) for k in range(30))}, from here")


def test_a_chain_of_a_thousand_layers_is_followed_to_its_start() -> None:
    text = "input: [1, 8]\nlayers:\n  - {ReLU: {}, repeat: 1000}\n  - Linear: [9, 2]\n"
    assert origins(text) == [("8", "8, from the input")]


def test_where_too_much_is_to_be_tried_less_is_said() -> None:
    text = "input: [1, 8]\nlayers:\n  - {ReLU: {}, repeat: 20}\n  - Linear: [9, 2]\n"
    (failure,) = _failures(text)
    assert failure.trace is not None
    assert Origins(failure, failure.trace, _inputs(text), Budget(15)).spans() == ()


def test_a_plan_without_insight_says_what_is_wrong_and_no_more() -> None:
    (problem,) = problems_of(CLAIMS[0].spec, insight=False)
    assert problem.code == "shape-mismatch"
    assert problem.spans == ()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_what_is_planned_once_more_fails_in_the_same_way(claim: Claim) -> None:
    found = _failures(claim.spec)
    plain = problems_of(claim.spec, insight=False)
    again = [failure.problem for failure in found]
    assert [str(LazyinspectError(problem)) for problem in again] == [
        str(LazyinspectError(problem)) for problem in plain
    ]


def test_a_problem_that_no_size_causes_has_no_spans() -> None:
    assert (
        origins("input: [1, 6]\nlayers:\n  - ReLU: , \n    from: nowhere\n".replace(" , ", ""))
        == []
    )


# --- what is said is true

_IMAGE = (
    "LazyConv2d: [{a}, 3, 1, 1]", "LazyConv2d: [{a}, 3]", "LazyConv2d: [{a}, 1, 2]", "ReLU",
    "LazyBatchNorm2d", "MaxPool2d: 2", "AdaptiveAvgPool2d: {b}", "Upsample: {{scale_factor: 2}}",
    "add: [prev, [ReLU]]", "cat: [prev, [LazyConv2d: [{a}, 1]]]",
    "cat: [prev, [ReLU]]", "Sequential: [LazyConv2d: [{a}, 1], ReLU]", "Unit: {a}",
    "permute: [0, 1, 3, 2]", "transpose: [2, 3]", "LazyLinear: {b}", "ConstantPad2d: [{b}, 0.0]",
    "{{chunk: 2, pick: 0}}", "LazyConvTranspose2d: [{a}, 2, 2]",
)  # fmt: skip
_TO_TOKENS = ("{{flatten: 2}}", "Flatten", "mean: [[2, 3]]", "{{flatten: 1}}")
_TOKENS = (
    "LazyLinear: {a}", "ReLU", "LazyLayerNorm", "unsqueeze: 1", "{{repeat: [1, 2]}}",
    "{{LazyLSTM: {a}, pick: 0}}", "{{unflatten: [1, [{b}, -1]]}}", "transpose: [0, 1]",
    "cat: [prev, [LazyLinear: {a}]]", "{{stack: [prev, prev]}}",
)  # fmt: skip


@st.composite
def networks(draw: st.DrawFn) -> str:
    """A network whose last step expects of every size that it is another."""
    sizes = st.integers(2, 9)
    steps = draw(st.lists(st.sampled_from(_IMAGE), min_size=1, max_size=5))
    if draw(st.booleans()):
        steps.append(draw(st.sampled_from(_TO_TOKENS)))
        steps += draw(st.lists(st.sampled_from(_TOKENS), max_size=3))
    lines = [f"  - {step.format(a=draw(sizes), b=draw(sizes))}" for step in steps]
    shape = [
        draw(st.integers(2, 4)),
        draw(sizes),
        draw(st.integers(6, 20)),
        draw(st.integers(6, 20)),
    ]
    head = f"input: {shape}\nblocks:\n  Unit:\n    params: {{c: int}}\n    layers:\n"
    inside = "      - LazyConv2d: [$c, 1]\n      - add: [prev, [ReLU]]\nlayers:\n"
    return head + inside + "\n".join(lines) + "\n"


def _planned(text: str) -> tuple[int, ...] | None:
    try:
        plan = make_plan(parse_spec(text, "net.yaml"), insight=False)
    except LazyinspectError:
        return None
    return plan.outputs[0].shape if len(plan.outputs) == 1 else None


def _failing(text: str, shape: tuple[int, ...]) -> str:
    expected = [size + 1 for size in shape]
    return f"{text}  - {{Identity: , expect: {expected}}}\n"


_SIZE = re.compile(r"(\d+)(?: \w+)?, from (?:here: \w+|the input)")
_CHANGE = re.compile(r"([\d x]+) -> ([\d x]+) here")
_PARTS = re.compile(r"(\d+) = ([\d x+]+), from here")


@settings(max_examples=120, deadline=None)
@given(networks())
def test_what_is_said_to_make_a_size_makes_it(text: str) -> None:
    shape = _planned(text)
    assume(shape is not None and len(shape) > 1)
    assert shape is not None
    (problem,) = problems_of(_failing(text, shape))
    for span in problem.spans:
        _check(text, shape, span)


def _check(text: str, shape: tuple[int, ...], span: Span) -> None:
    """Hold what a span says against plans of the same network with other numbers."""
    rows = make_plan(parse_spec(text, "net.yaml"), insight=False).rows
    here = [row for row in rows if row.place.line == span.mark.line]
    change = _CHANGE.match(span.text)
    if change is not None:
        before, after = (tuple(map(int, part.split(" x "))) for part in change.groups())
        # a function or merge has no row: what its neighbours read and give shows it
        assert not here or any(
            _holds(row.inputs, before) and _holds(row.outputs, after) for row in here
        )
    parts = _PARTS.match(span.text)
    if parts is not None:
        total, formula = int(parts.group(1)), parts.group(2)
        numbers = [int(number) for number in re.findall(r"\d+", formula)]
        assert total == (sum(numbers) if "+" in formula else math.prod(numbers))
    line = text.splitlines()[span.mark.line - 1]
    written = line[span.mark.column - 1 :][: span.mark.length]
    if _SIZE.match(span.text) is None or not written.isdigit():
        return
    changed = [
        planned
        for value in _others(int(written))
        if (planned := _planned(_with(text, span, str(value)))) is not None
    ]
    # one alone may be what a `chunk` rounds to the same, where a step behind it takes no other
    assert len(changed) < 2 or any(other != shape for other in changed), (span.text, changed)


def _others(size: int) -> list[int]:
    """Sizes that what rounds would not round to the same; not 1, which a merge would broadcast."""
    others = (size + 1, 2 * size, size + 2, 3 * size, 64 * size, size - 1)
    return [other for other in others if other > 1]


def _holds(tensors: tuple[Any, ...], sizes: tuple[int, ...]) -> bool:
    return any(set(sizes) <= set(tensor.shape) for tensor in tensors)


def _with(text: str, span: Span, value: str) -> str:
    lines = text.splitlines(keepends=True)
    line, at = lines[span.mark.line - 1], span.mark.column - 1
    lines[span.mark.line - 1] = line[:at] + value + line[at + span.mark.length :]
    return "".join(lines)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_nothing_fails_in_the_finding(text: str) -> None:
    shape = _planned(text)
    assume(shape is not None)
    assert shape is not None
    found = _failures(_failing(text, shape))
    for failure in found:
        assert failure.trace is not None
        Origins(failure, failure.trace, _inputs(text), Budget(TRIALS)).spans()


def _failures(text: str) -> list[Failure]:
    spec = parse_spec(text, "net.yaml")
    params = network_params(spec, None, {})
    return failures(spec, Resolver("float32"), lambda *_: None, params, _inputs(text))


def _inputs(text: str) -> tuple[InputType, ...]:
    spec = parse_spec(text, "net.yaml")
    return network_inputs(spec, network_params(spec, None, {}), None, None, "float32")
