"""The classic mistakes are named, and what only looks like one is not."""

from __future__ import annotations

import pytest

from lazyinspect.errors import LazyinspectError, Problem
from lazyinspect.plan.plan import make_plan
from lazyinspect.spec.grammar import parse_spec
from tests.support.diagnoses import advice, problems

TWO_CONVS = """
input: [10, 3, 28, 28]
layers:
  - LazyConv2d: [32, 3]
  - ReLU
  - MaxPool2d: 2
  - LazyConv2d: [64, 3]
  - ReLU
  - MaxPool2d: 2
"""


def layers(shape: str, *steps: str) -> str:
    """A network of these steps in a list."""
    return f"input: {shape}\nlayers:\n" + "".join(f"  - {step}\n" for step in steps)


# -- features counted by hand -----------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    ["view: [-1, $64*9*9]", "view: [10, 5184]", "reshape: [-1, 5184]", "reshape: [[-1, 5184]]"],
)
def test_a_view_counted_for_another_image_says_what_arrives(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = advice(TWO_CONVS + f"  - {step}\n  - Linear: [5184, 10]\n", monkeypatch)
    assert "1600 = 64 x 5 x 5" in said
    assert "5184 = 64 x 9 x 9" in said
    assert "`Flatten` counts by itself, and `LazyLinear: 10` after it" in said
    assert step.replace("5184", "1600").replace("$64*9*9", "1600") in said


@pytest.mark.parametrize(
    ("step", "lazy", "by_hand"),
    [
        ("Linear: [5184, 10]", "`LazyLinear: 10`", "`Linear: [1600, 10]`"),
        ("Linear: [$64*9*9, 10]", "`LazyLinear: 10`", "`Linear: [1600, 10]`"),
        (
            "Linear: [5184, 10, {bias: false}]",
            "`LazyLinear: [10, {bias: false}]`",
            "`Linear: [1600, 10, {bias: false}]`",
        ),
        (
            "Linear: {in_features: 5184, out_features: 10}",
            "`LazyLinear: {out_features: 10}`",
            "`Linear: {in_features: 1600, out_features: 10}`",
        ),
    ],
)
def test_a_linear_counted_for_another_image_is_written_both_ways(
    step: str, lazy: str, by_hand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = advice(TWO_CONVS + f"  - Flatten\n  - {step}\n", monkeypatch)
    assert f"{lazy} counts by itself; by hand it is {by_hand}" in said
    assert "5184 = 64 x 9 x 9 would be 9 x 9 here, and it is 5 x 5" in said


def test_the_sizes_of_the_input_that_a_count_is_right_for_all_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = TWO_CONVS + "  - Flatten\n  - Linear: [5184, 10]\n"
    assert "an input of 42 x 42 to 45 x 45 would give 5184" in advice(text, monkeypatch)
    spec = parse_spec(text, "spec.yaml")
    for size in (42, 43, 44, 45):
        assert make_plan(spec, input=[10, 3, size, size]).outputs[0].shape == (10, 10)
    for size in (41, 46):
        with pytest.raises(LazyinspectError):
            make_plan(spec, input=[10, 3, size, size])


def test_a_count_that_no_input_gives_names_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    text = TWO_CONVS + "  - Flatten\n  - Linear: [5183, 10]\n"
    said = advice(text, monkeypatch)
    assert "5183 is no multiple of the 64 channels that arrive" in said
    assert "an input of" not in said


def test_the_count_of_the_channels_alone_asks_for_a_pooling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(TWO_CONVS + "  - Flatten\n  - Linear: [64, 10]\n", monkeypatch)
    assert "is `AdaptiveAvgPool2d: 1` missing before the Flatten?" in said


def test_layers_that_keep_the_shape_do_not_hide_the_flatten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(TWO_CONVS + "  - [Flatten, Dropout: 0.5]\n  - Linear: [5184, 10]\n", monkeypatch)
    assert "5184 = 64 x 9 x 9 would be 9 x 9 here" in said


def test_a_linear_after_a_linear_speaks_of_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    said = advice(layers("[1, 8]", "LazyLinear: 6", "Linear: [7, 2]"), monkeypatch)
    assert said == "`LazyLinear: 2` counts by itself; by hand it is `Linear: [6, 2]`"


def test_an_unflatten_says_which_sizes_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    text = layers("[10, 1600]", "unflatten: [1, [64, 9, 9]]", "LazyConv2d: [8, 3]")
    said = advice(text, monkeypatch)
    assert "[64, 5, 5] fits" in said
    assert "64 x 9 x 9 is 5184, and 1600 arrive" in said


# -- Flatten, permute, ranks ------------------------------------------------------------------


def test_a_missing_flatten_is_named_where_the_features_are_those_of_the_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(TWO_CONVS + "  - Linear: [1600, 10]\n", monkeypatch)
    assert said == "put `Flatten` before it: 1600 = 64 x 5 x 5"


def test_a_missing_flatten_is_asked_for_where_the_count_is_wrong_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(TWO_CONVS + "  - Linear: [5184, 10]\n", monkeypatch)
    assert "is a `Flatten` missing before it? It gives 1600 = 64 x 5 x 5 features" in said


def test_a_linear_on_tokens_asks_for_no_flatten(monkeypatch: pytest.MonkeyPatch) -> None:
    said = advice(layers("[2, 10, 64]", "Linear: [32, 8]"), monkeypatch)
    assert "Flatten" not in said


@pytest.mark.parametrize(
    ("shape", "step", "move"),
    [
        ("[2, 16, 9, 7]", "Linear: [16, 8]", "`permute: [0, 2, 3, 1]` before it puts it last"),
        ("[2, 16, 9]", "Linear: [16, 8]", "`transpose: [1, 2]` before it swaps them"),
        ("[2, 16, 9, 7]", "LayerNorm: 16", "is `LazyGroupNorm: 1` meant?"),
        ("[2, 32, 32, 16]", "Conv2d: [16, 8, 1]", "write `input: [2, 16, 32, 32]`"),
        ("[2, 9, 7, 16]", "Conv2d: [16, 8, 1]", "`permute: [0, 3, 1, 2]` before it puts"),
    ],
)
def test_features_in_the_other_dimension_are_found(
    shape: str, step: str, move: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert move in advice(layers(shape, step), monkeypatch)


def test_channels_that_stand_last_inside_the_network_are_put_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = layers("[2, 9, 5]", "LazyLinear: 16", "Conv1d: [16, 8, 3]")
    assert "`transpose: [1, 2]` before it puts the 16 channels second" in advice(text, monkeypatch)


@pytest.mark.parametrize(
    ("shape", "step", "other"),
    [
        ("[2, 16]", "LazyBatchNorm2d", "`LazyBatchNorm1d` takes it"),
        ("[2, 16, 9]", "LazyBatchNorm2d: {eps: 1e-3}", "`LazyBatchNorm1d: {eps: 0.001}` takes it"),
        ("[2, 4, 4, 9, 9]", "LazyConv2d: [8, 3]", "`LazyConv3d: [8, 3]` takes it"),
    ],
)
def test_a_layer_for_another_rank_is_named(
    shape: str, step: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert other in advice(layers(shape, step), monkeypatch)


@pytest.mark.parametrize(
    ("shape", "step", "no"),
    [
        # takes it only as an unbatched volume, and cannot become a Linear either
        ("[1, 3, 8, 8]", "{LazyConv2d: [8, 3], become: Linear}", "takes it"),
        ("[1, 3072]", "LazyConv2d: [8, 3]", "takes it"),
        # as high as wide, and by chance as many as there should be channels
        ("[1, 16, 8, 8]", "BatchNorm2d: 8", "permute"),
        ("[2, 10]", "Softmax: 2", "batch comes first"),
        ("[1, 28, 28]", "Softmax: 3", "channels come second"),
    ],
)
def test_what_is_taken_by_chance_is_no_remedy(
    shape: str, step: str, no: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert no not in advice(layers(shape, step), monkeypatch)


def test_an_override_of_another_rank_is_told_that_the_spec_works_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = layers("[1, 3, 32, 32]", "Conv2d: [3, 8, 3]")
    said = advice(text, monkeypatch, input=[1, 3072])
    assert said == "the spec's own input works: [1, 3, 32, 32]"


@pytest.mark.parametrize("view", ["view: [1, 8, 2]", "view: [[1, 8, 2]]"])
def test_a_view_that_holds_another_batch_is_freed_of_it(
    view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = advice(layers("[4, 16]", view, "LazyConv1d: [3, 1]"), monkeypatch)
    assert f"`{view.replace('[1', '[-1')}` takes a batch of any size" in said


def test_a_batch_of_one_in_a_view_does_not_hide_what_each_sample_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(TWO_CONVS + "  - view: [1, 5184]\n  - Linear: [5184, 10]\n", monkeypatch)
    assert "by hand it is `view: [-1, 1600]`" in said
    assert "each of the 10 samples has 1600 = 64 x 5 x 5 elements" in said


# -- the input's layout -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "first", "meant"),
    [
        ("[1, 224, 224, 3]", "Conv2d: [3, 8, 3]", "`input: [1, 3, 224, 224]`: layers of images"),
        ("[64, 64, 3]", "Conv2d: [3, 8, 3]", "`input: [1, 3, 64, 64]`: layers of images"),
        ("[3, 64, 64]", "BatchNorm2d: 3", "`input: [1, 3, 64, 64]`: the batch comes first"),
        ("[10, 28, 28]", "Conv2d: [1, 8, 3]", "`input: [10, 1, 28, 28]`: the channels"),
        ("[28, 28]", "LazyConv2d: [8, 3]", "`input: [1, 1, 28, 28]`: the batch comes first"),
        ("[1, 8, 64, 64, 3]", "Conv3d: [3, 8, 3]", "`input: [1, 3, 8, 64, 64]`: layers of vol"),
        ("[4, 100, 6]", "Conv1d: [6, 8, 3]", "`input: [4, 6, 100]`: layers of signals"),
        ("[16]", "LazyBatchNorm1d", "`input: [1, 16]`: the batch comes first"),
    ],
)
def test_an_input_of_another_layout_is_rewritten(
    shape: str, first: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"write {meant}" in advice(layers(shape, first, "ReLU"), monkeypatch)


def test_an_override_is_answered_with_an_override(monkeypatch: pytest.MonkeyPatch) -> None:
    text = layers("[1, 3, 64, 64]", "Conv2d: [3, 8, 3]")
    said = advice(text, monkeypatch, input=[1, 64, 64, 3])
    assert said.startswith("run with --input 1,3,64,64")


def test_a_named_input_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "input: {photo: [1, 64, 64, 3], scale: [1, 8, 1, 1]}\nlayers:\n"
    text += "  - Conv2d: [3, 8, 3]\n  - mul: [prev, scale]\n"
    assert "give `photo` the shape [1, 3, 64, 64]" in advice(text, monkeypatch)


def test_another_mistake_behind_channels_last_leaves_a_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = ("Conv2d: [3, 8, 3]", "Flatten", "Linear: [7, 2]")
    said = advice(layers("[1, 64, 64, 3]", *steps), monkeypatch)
    assert said == ("is `input` [N, H, W, C]? layers of images read [N, C, H, W]: [1, 3, 64, 64]")


def test_wrong_channels_of_an_image_in_order_are_no_matter_of_layout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(layers("[1, 4, 64, 64]", "Conv2d: [3, 8, 3]"), monkeypatch)
    assert said == "`LazyConv2d: [8, 3]` infers them"


def test_ids_get_their_dtype_and_their_highest(monkeypatch: pytest.MonkeyPatch) -> None:
    said = advice(layers("[1, 10]", "Embedding: [100, 16]"), monkeypatch)
    assert "write `input: {ids: {shape: [1, 10], dtype: int64, high: 100}}`" in said
    text = "input: {words: [1, 10], mask: [1, 10, 1]}\nlayers:\n  - Embedding: [100, 16]\n"
    said = advice(text + "  - mul: [prev, mask]\n", monkeypatch)
    assert "write `words: {shape: [1, 10], dtype: int64, high: 100}` under `input:`" in said


def test_floats_from_a_layer_into_an_embedding_are_no_matter_of_the_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(layers("[1, 10]", "ReLU", "Embedding: [100, 16]"), monkeypatch)
    assert "high:" not in said


# -- tuples, and lazy forms -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "remedy"),
    [
        ("LazyLSTM: 16", "{LazyLSTM: 16, pick: 0}"),
        ("LazyGRU: [16, 2]", "{LazyGRU: [16, 2], pick: 0}"),
        ("LazyLSTM: {hidden_size: 16}", "{LazyLSTM: {hidden_size: 16}, pick: 0}"),
    ],
)
def test_the_tuple_of_a_recurrent_layer_is_picked_from_at_its_line(
    step: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = advice(layers("[1, 5, 8]", step, "LazyLinear: 4"), monkeypatch)
    assert f"take its output at line 3: {remedy}" in said


def test_a_tuple_is_followed_out_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "input: [1, 5, 8]\nblocks:\n  Encoder:\n    layers: [LazyLSTM: 16]\n"
        "layers:\n  - Encoder\n  - LazyLinear: 4\n"
    )
    assert "{LazyLSTM: 16, pick: 0}" in advice(text, monkeypatch)


@pytest.mark.parametrize(
    ("step", "lazy"),
    [
        ("Conv2d: [64, 3]", "`LazyConv2d: [64, 3]`? It infers `in_channels`"),
        ("Conv2d: [64, 3, {padding: 1}]", "`LazyConv2d: [64, 3, {padding: 1}]`?"),
        ("ConvTranspose2d: [8, 2]", "`LazyConvTranspose2d: [8, 2]`?"),
        ("Linear: 10", "`LazyLinear: 10`?"),
        ("BatchNorm2d", "`LazyBatchNorm2d`?"),
        ("LSTM: 32", "`LazyLSTM: 32`?"),
        ("LSTM: {hidden_size: 32}", "`LazyLSTM: {hidden_size: 32}`?"),
        ("GroupNorm: 4", "`LazyGroupNorm: 4`?"),
    ],
)
def test_an_eager_layer_without_its_first_argument_is_read_as_its_lazy_form(
    step: str, lazy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"did you mean {lazy}" in advice(layers("[1, 3, 8, 8]", step), monkeypatch)


@pytest.mark.parametrize(
    "step",
    [
        "Conv2d: 64",
        "Conv2d: [64, {in_channels: 3}]",
        "Conv2d: [64, {bias: false}]",
        "Embedding: 10",
        "Conv2d: [64, valid]",
    ],
)
def test_arguments_that_fit_no_lazy_form_get_the_signature(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = advice(layers("[1, 3, 8, 8]", step), monkeypatch)
    assert "did you mean" not in said
    assert "the signature is" in said


def test_a_kernel_in_the_place_of_the_channels_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(layers("[1, 3, 8, 8]", "Conv2d: [64, 3, 1, 1]"), monkeypatch)
    assert "is 3 the kernel? `LazyConv2d: [64, 3, 1, 1]` gives 64 channels" in said
    said = advice(layers("[1, 3, 8, 8]", "Conv2d: [64, 128, 3]"), monkeypatch)
    assert said == "`LazyConv2d: [128, 3]` infers them"


# -- arguments that mean something else -----------------------------------------------------


def test_a_flatten_that_joins_the_batch_is_found_before_the_layer_it_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for step in ("flatten", "flatten: 0", "Flatten: 0", "flatten: {start_dim: 0}"):
        text = layers("[8, 3, 16, 16]", "LazyConv2d: [4, 3]", step, "Linear: [784, 10]")
        said = advice(text, monkeypatch)
        fixed = {"Flatten: 0": "Flatten: 1", "flatten: {start_dim: 0}": "flatten: {start_dim: 1}"}
        assert said == f"`{fixed.get(step, 'flatten: 1')}` at line 4 keeps the batch"


def test_a_flatten_that_keeps_the_batch_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = layers("[8, 3, 16, 16]", "LazyConv2d: [4, 3]", "flatten: 1", "Linear: [785, 10]")
    assert "keeps the batch" not in advice(text, monkeypatch)


CAT = """
input: [1, {left}, 16]
layers:
  a: {{LazyLinear: 32}}
  b: [{{narrow: [1, 0, {right}], from: input}}, LazyLinear: 16]
  c: {{cat: [a, b]}}
"""


def test_a_cat_along_the_wrong_dimension_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    said = advice(CAT.format(left=10, right=10), monkeypatch)
    assert said.endswith("did you mean `cat: [a, b, {dim: 2}]`?")
    assert "dim: " not in advice(CAT.format(left=10, right=9), monkeypatch)


def test_the_size_of_an_upsample_is_read_as_its_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
input: [1, 3, 16, 16]
layers:
  a: {{LazyConv2d: [4, 3, 1, 1]}}
  b: {{MaxPool2d: {pool}}}
  c: {{Upsample: 2}}
  d: {{cat: [a, c]}}
"""
    said = advice(text.format(pool=2), monkeypatch)
    assert said == "`Upsample: {scale_factor: 2}` at line 6: its first argument is the size"
    assert "scale_factor" not in advice(text.format(pool=4), monkeypatch)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{LazyConv2d: [4, 3], expect: [_, 4, 16, 16]}", "`padding: 1` at line 3 gives 16 x 16"),
        (
            "{LazyConv2d: [4, 3, 2, 1], expect: [_, 4, 16, 16]}",
            "an input of [1, 3, 32, 32] meets it",
        ),
    ],
)
def test_an_unmet_expect_says_what_meets_it(
    step: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said in advice(layers("[1, 3, 16, 16]", step), monkeypatch)


def test_an_expect_of_other_channels_is_met_by_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    said = advice(
        layers("[1, 3, 16, 16]", "{LazyConv2d: [4, 3], expect: [_, 5, 16, 16]}"), monkeypatch
    )
    assert "padding" not in said
    assert "meets" not in said


@pytest.mark.parametrize(
    ("step", "written"),
    [
        ("LazyConv2d: (64, 3)", "LazyConv2d: [64, 3]"),
        ("LazyConv2d: 64, 3", "LazyConv2d: [64, 3]"),
        ("LazyConv2d: 64, 3, padding=1", "LazyConv2d: [64, 3, {padding: 1}]"),
        (
            "LazyConv2d: [64, 3, stride=2, bias=False]",
            "LazyConv2d: [64, 3, {stride: 2, bias: false}]",
        ),
        ("Dropout: p=0.5", "Dropout: {p: 0.5}"),
    ],
)
def test_arguments_of_a_call_are_shown_as_a_list(
    step: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (problem,) = problems(layers("[1, 3, 8, 8]", step), monkeypatch)
    assert problem.help == f"write `{written}`"


@pytest.mark.parametrize(
    ("step", "help"),
    [
        ("LazyConv2d: [8, 3x5]", "a list of sizes stands in brackets: [3, 5]"),
        ("Dropout: 50%", "write 0.5"),
        ("LeakyReLU: 0,1", "did you mean 0.1?"),
        ("LazyConv2d: [w*2, 3]", "a formula starts with a dollar: `$w*2`"),
        ("x.view: [1, -1]", "write `view`: it reads the step before, or what `from:` names"),
        ("type: ReLU", "the op itself is the key: write `ReLU`"),
    ],
)
def test_other_habits_are_read(step: str, help: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems("params: {w: 8}\n" + layers("[1, 3, 8, 8]", step), monkeypatch)
    assert problem.help == help


def test_a_text_that_the_op_takes_is_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    text = layers("[1, 3, 8]", '{einsum: "bcl,bkl->bck", from: [prev, prev]}')
    assert make_plan(parse_spec(text, "spec.yaml")).outputs[0].shape == (1, 3, 3)


# -- names ------------------------------------------------------------------------------------

BLOCK = "blocks: {Bottleneck: {layers: [ReLU]}}\n"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bottleneck", "Bottleneck"),
        ("BottleNeck", "Bottleneck"),
        ("Bottlenecks", "Bottleneck"),
        ("Bottle_Neck", "Bottleneck"),
        ("Relu", "ReLU"),
        ("reLU", "ReLU"),
        ("Reluu", "ReLU"),
        ("max_pool2d", "MaxPool2d"),
        ("Maxpool", "MaxPool2d"),
        ("batch_norm2d", "LazyBatchNorm2d"),
        ("LeakyRelu", "LeakyReLU"),
        ("concat", "cat"),
        ("Dropouts", "Dropout"),
        ("Embeding", "Embedding"),
        ("flaten", "flatten"),
        ("Flaten", "Flatten"),
    ],
)
def test_a_name_is_found_whatever_its_case_plural_and_underscores(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = advice(BLOCK + layers("[1, 3, 8, 8]", name), monkeypatch)
    assert said == f"did you mean `{meant}`?"


@pytest.mark.parametrize("name", ["Layer0", "SelfAttention", "MLP", "Stem", "head"])
def test_a_name_like_no_other_is_not_guessed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did you mean" not in advice(layers("[1, 3, 8, 8]", name), monkeypatch)


def test_a_name_with_the_arguments_of_the_lazy_layer_is_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = advice(layers("[1, 3, 8, 8]", "conv2d: [8, 3]"), monkeypatch)
    assert said == "did you mean `LazyConv2d: [8, 3]`?"
    said = advice(layers("[1, 3, 8, 8]", "conv2d: [3, 8, 3]"), monkeypatch)
    assert said == "did you mean `Conv2d`?"


# -- formulas cut by a comma ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        (layers("[1, 3, 8, 8]", "LazyConv2d: [$max(4, 2), 3]"), "$max(4, 2)"),
        (layers("[1, 3, 8, 8]", "LazyConv2d: [$max(min(4, 9), 2), 3]"), "$max(min(4, 9), 2)"),
        (
            layers("[1, 3, 8, 8]", "{LazyConv2d: {out_channels: $max(4, 2), kernel_size: 3}}"),
            "$max(4, 2)",
        ),
        (layers("[1, 3, 8, 8]", "{ReLU: , repeat: $max(1, 2)}"), "$max(1, 2)"),
        (layers("[1, 3, $max(8, 9), 8]", "ReLU"), "$max(8, 9)"),
        ("params: {w: $max(8, 9), v: 2}\n" + layers("[1, 3, 8, 8]", "ReLU"), "$max(8, 9)"),
        (
            "blocks: {Unit: {params: {c: int}, layers: [LazyConv2d: [$c, 1]]}}\n"
            + layers("[1, 3, 8, 8]", "Unit: {c: $divisible(9, 8)}"),
            "$divisible(9, 8)",
        ),
    ],
)
def test_a_formula_cut_at_its_comma_is_one_problem_and_shown_in_quotes(
    text: str, formula: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (problem,) = problems_of_grammar(text)
    assert problem.code == "formula"
    assert problem.help == f'put it in quotes: "{formula}"'
    assert problem.mark is not None
    line = problem.mark.source.lines[problem.mark.line - 1]
    assert line[problem.mark.column - 1 :][: problem.mark.length] == formula


def test_a_bracket_that_no_comma_opened_is_the_formulas_own_problem() -> None:
    for step in ("LazyConv2d: [$max(4, 3]", 'LazyConv2d: ["$max(4, 2", 3]', "LazyConv2d: $4)"):
        found = problems_of_grammar(layers("[1, 3, 8, 8]", step))
        assert not any("put it in quotes" in problem.help for problem in found), step


def test_the_rest_of_a_file_with_a_cut_formula_is_checked() -> None:
    text = layers("[1, 3, 8, 8]", "LazyConv2d: [$max(4, 2), 3]", "{ReLU: , repeet: 2}")
    assert [problem.code for problem in problems_of_grammar(text)] == ["formula", "unknown-key"]


def problems_of_grammar(text: str) -> tuple[Problem, ...]:
    with pytest.raises(LazyinspectError) as caught:
        parse_spec(text, "spec.yaml")
    return caught.value.problems


# -- numbers that do not divide, dimensions there are not ----------------------------------------


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{MultiheadAttention: [768, 10], from: [prev, prev, prev]}", "8 and 12 divide 768"),
        ("{LazyMultiheadAttention: 10, from: [prev, prev, prev]}", "8 and 16 divide 64"),
        ("GroupNorm: [5, 12]", "4 and 6 divide 12"),
        ("GroupNorm: [64, 32]", "num_groups comes first: did you mean [32, 64]?"),
        (
            "{MultiheadAttention: [8, 64], from: [prev, prev, prev]}",
            "embed_dim comes first: did you mean 64 features and 8 heads?",
        ),
        ("LazyConv1d: [8, 1, {groups: 3}]", "2 divides 10 and 8"),
        ("LazyConv1d: [7, 1, {groups: 3}]", "only 1 divides 10 and 7"),
        ("softmax: 3", "its dimensions are 0 to 2, or -1 for the last"),
    ],
)
def test_numbers_near_by_that_fit_are_named(
    step: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = advice(layers("[2, 10, 64]", step), monkeypatch)
    assert said in found


def test_one_slip_gives_one_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    text = layers("[1, 64, 64, 3]", "Conv2d: [3, 8, 3]", "BatchNorm2d: 8", "Conv2d: [8, 8, 3]")
    assert len(problems(text, monkeypatch)) == 1
