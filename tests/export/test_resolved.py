"""The resolved form: the same network, nothing left to infer, and the same bytes from itself."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import torch
import yaml
from exports import (
    CASES,
    CONFIGS,
    config,
    every_config,
    exported,
    figures,
    inputs_of,
    scramble,
    subject,
)
from hypothesis import HealthCheck, given, settings
from random_specs import as_text, specs

from lazyinspect import api, lazy
from lazyinspect.errors import SpecError
from lazyinspect.export import Options, Subject, export
from lazyinspect.network import build
from lazyinspect.probe import materialised
from lazyinspect.report import LayerRow
from lazyinspect.spec.grammar import parse_spec

LAYOUTS = ("inline", "blocks")


def written(given: Subject, layout: str) -> str:
    options = Options(layout=layout)  # type: ignore[arg-type]
    return export(Subject(given.plan, given.spec, options), "resolved")


def resolved(given: Subject, layout: str) -> tuple[str, Subject]:
    """The resolved form, and what it plans to."""
    text = written(given, layout)
    return text, subject(text, "resolved.yaml")


def empty(rows: tuple[LayerRow, ...]) -> set[str]:
    """Containers without steps: the language has no word for one, and it gets an Identity."""
    below = [*(row.depth for row in rows[1:]), 0]
    return {
        row.path
        for row, next_depth in zip(rows, below, strict=True)
        if row.kind == "container" and next_depth <= row.depth
    }


def assert_same_rows(given: Subject, again: Subject, lenient: tuple[str, ...] = ()) -> None:
    before, bare = given.plan.rows, empty(given.plan.rows)
    after = [
        row
        for row in again.plan.rows
        if row.type != "Identity" or row.path.rpartition(".")[0] not in bare
    ]
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if old.path in bare or old.path in lenient:
            assert (old.path, old.outputs, old.macs) == (new.path, new.outputs, new.macs)
        else:
            assert figures(old) == figures(new)
    assert [*given.plan.state_dict().items()] == [*again.plan.state_dict().items()]


def assert_explicit(text: str) -> None:
    """No word of what is resolved is left."""
    spec = parse_spec(text, "resolved.yaml")
    assert not spec.params and not spec.variants
    code = re.sub(r'"(?:[^"\\]|\\.)*"|#.*', "", text)
    assert not re.search(r"\$|Lazy[A-Z]|\b(if|each|splice|become): ", code)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "variant"), every_config())
def test_a_config_is_resolved_to_the_same_rows_and_from_then_on_to_itself(
    name: str, variant: str | None, layout: str
) -> None:
    spec, plan = config(name, variant)
    given = Subject(plan, spec)
    text, again = resolved(given, layout)
    assert_same_rows(given, again)
    assert_explicit(text)
    assert written(again, layout) == text


LENIENT = {
    # what a branch starts from cannot be said, so its steps name it: the container's own row shows
    "branch_from_elsewhere": ("c.0.1", "d.0.0"),
    "source_after_condition": ("d", "d.1"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_case_is_resolved_to_the_same_rows_and_from_then_on_to_itself(
    case: Path, layout: str
) -> None:
    given = subject(case.read_text(encoding="utf-8"))
    text, again = resolved(given, layout)
    assert_same_rows(given, again, LENIENT.get(case.stem, ()))
    assert_explicit(text)
    assert written(again, layout) == text


@given(spec=specs())
@settings(
    deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_random_specs_are_resolved_to_the_same_rows_and_from_then_on_to_themselves(
    spec: dict[str, object],
) -> None:
    given = subject(as_text(spec))
    for layout in LAYOUTS:
        text, again = resolved(given, layout)
        if given.plan.root.steps:
            assert_same_rows(given, again)
        assert written(again, layout) == text


def assert_same_network(given: Subject, again: Subject) -> None:
    torch.manual_seed(7)
    network = materialised(given.plan)
    torch.manual_seed(7)
    explicit = build(again.plan)
    assert not any(isinstance(module, lazy.LazyMixin) for module in explicit.modules())
    explicit.eval()
    old, new = network.state_dict(), explicit.state_dict()
    assert list(old) == list(new)
    for key, tensor in old.items():
        assert tensor.shape == new[key].shape
        assert torch.equal(tensor, new[key]), key
    scramble(network)
    explicit.load_state_dict(network.state_dict())
    inputs = inputs_of(given.plan)
    with torch.no_grad():
        torch.testing.assert_close(explicit(*inputs), network(*inputs), equal_nan=True)


@pytest.mark.parametrize("name", sorted({name for name, _ in every_config()}))
def test_a_resolved_config_is_the_lazy_network_under_one_seed(name: str) -> None:
    spec, plan = config(name, small=True)
    given = Subject(plan, spec)
    assert_same_network(given, resolved(given, "inline")[1])


@pytest.mark.parametrize(("name", "variant"), every_config())
def test_every_variant_resolved_builds_to_the_names_and_shapes_of_the_lazy_network(
    name: str, variant: str | None
) -> None:
    """On the meta device, where 405 billion parameters take no memory."""
    spec, plan = config(name, variant)
    given = Subject(plan, spec)
    again = resolved(given, "blocks")[1]
    explicit = build(again.plan, device="meta")
    assert not any(isinstance(module, lazy.LazyMixin) for module in explicit.modules())
    networks = (materialised(plan, device="meta"), explicit)
    old, new = ([(k, t.shape) for k, t in n.state_dict().items()] for n in networks)
    assert old == new


@given(spec=specs())
@settings(
    deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_a_random_spec_resolved_is_the_lazy_network_under_one_seed(spec: dict[str, object]) -> None:
    given = subject(as_text(spec))
    assert_same_network(given, resolved(given, "inline")[1])


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_resolved_case_computes_the_same(case: Path) -> None:
    given = subject(case.read_text(encoding="utf-8"))
    assert_same_network(given, resolved(given, "inline")[1])


@given(spec=specs())
@settings(
    deadline=None, max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_resolved_random_specs_are_the_lazy_networks_under_one_seed(
    spec: dict[str, object],
) -> None:
    given = subject(as_text(spec))
    assert_same_network(given, resolved(given, "blocks")[1])


@pytest.mark.parametrize("name", CONFIGS)
def test_a_resolved_config_fits_the_schema_of_the_language_as_any_reader_of_yaml_reads_it(
    name: str,
) -> None:
    spec, plan = config(name)
    validator = jsonschema.Draft7Validator(api.schema())
    for layout in LAYOUTS:
        # PyYAML's own scalars are YAML 1.1's, where 1e-05 is a text and `on` a boolean
        validator.validate(yaml.safe_load(written(Subject(plan, spec), layout)))


# -- what it looks like ---------------------------------------------------------------------


def test_blocks_are_written_once_for_all_uses_that_came_out_equal() -> None:
    spec, plan = config("resnet", "r50")
    text = export(Subject(plan, spec, Options(layout="blocks")), "resolved")
    assert len(re.findall(r"^  Bottleneck\w*:$", text, re.M)) == 8
    assert text.count("\n") < 170
    assert text.count("- Bottleneck_2\n") == 2


def test_the_inputs_of_a_spec_keep_dtype_and_bound_and_ties_their_names() -> None:
    text = exported(
        "input: {ids: {shape: [1, $n], dtype: int64, high: $2*n}, mask: [1, 4]}\n"
        "params: {n: 4}\n"
        "layers: {e: {Embedding: [8, 4]}, l: {LazyLinear: [8, {bias: false}]}}\n"
        "tie: {l.weight: e.weight}",
        "resolved",
    )
    assert "  ids: {shape: [1, 4], dtype: int64, high: 8}\n  mask: [1, 4]\n" in text
    assert text.endswith("tie:\n  l.weight: e.weight\n")


def test_claims_are_kept_with_their_sizes() -> None:
    text = exported(
        "input: [1, 8]\nparams: {n: 4}\n"
        "layers:\n  - {LazyLinear: $n, repeat: 2, expect: [_, $n]}\n  - {Tanh: , expect: [1, 4]}",
        "resolved",
    )
    assert text.count("expect: [_, 4]") == 2
    assert "- {Tanh: {}, expect: [1, 4]}" in text


def test_a_layer_of_ones_own_target_is_that_layer() -> None:
    text = exported("input: [1, 2, 8, 8]\nlayers:\n  - LazyFakeQuantConv2d: [4, 3]", "resolved")
    assert "- FakeQuantConv2d: {in_channels: 2, out_channels: 4, kernel_size: 3}" in text


@pytest.mark.parametrize(
    "word", ["1e3", "010", "on", "yes", "null", "true", "a: b", "a #b", "- a", "12:30", "ä", "$$f"]
)
def test_any_name_is_quoted_where_yaml_needs_it(word: str) -> None:
    quoted = word.replace('"', '\\"')
    text = exported(
        f'name: "{quoted}"\ninput: {{"{quoted}": [1, 8]}}\n'.replace('{"$$f"', '{"f"')
        + "layers: [LazyLinear: 4]",
        "resolved",
    )
    spec = parse_spec(text, "r.yaml")
    assert spec.name == word
    assert [entry.name for entry in spec.inputs] == [word.removeprefix("$$")]


def test_a_text_that_starts_with_a_dollar_is_no_formula_afterwards() -> None:
    text = exported("input: [1, 8]\nlayers: [{Identity: {x: $$y}}]", "resolved")
    assert "Identity: {x: $$y}" in text.replace('"', "")


# -- comments -------------------------------------------------------------------------------

COMMENTED = """\
# A network: the file's own comment.
# Two lines.
input: [1, 8] # of the input
layers: # of the layers
  # above the first
  first: {LazyLinear: 8} # beside the first
  # above what is repeated

  # right above
  copies: {LazyLinear: 8, repeat: 2} # beside it
  # of a step that is left out
  gone: {Tanh: , if: false} # gone too
  quoted: {Identity: {x: "no # comment", y: 'nor # this, it''s # not'}} # this is one
  inner: # a list of steps
    - LazyLinear: 8 # in a list
    - {Tanh: , as: t} # in braces
    - splice: [Tanh] # a splice is no step
      repeat: 2
"""


def test_comments_stay_at_steps_that_are_still_one_step() -> None:
    text = exported(COMMENTED, "resolved")
    assert text == (
        "# Written by lazyinspect export: nothing is left to infer here.\n"
        "# A network: the file's own comment.\n"
        "# Two lines.\n"
        "\n"
        "name: net\n"
        "input: [1, 8]\n"
        "layers:\n"
        "  # above the first\n"
        "  first: {Linear: {in_features: 8, out_features: 8}} # beside the first\n"
        "  # right above\n"
        "  copies: # beside it\n"
        "    - Linear: {in_features: 8, out_features: 8}\n"
        "    - Linear: {in_features: 8, out_features: 8}\n"
        '  quoted: {Identity: {x: "no # comment", y: "nor # this, it\'s # not"}} # this is one\n'
        "  inner: # a list of steps\n"
        "    - Linear: {in_features: 8, out_features: 8} # in a list\n"
        "    - {Tanh: {}, as: t} # in braces\n"
        "    - Tanh\n"
        "    - Tanh\n"
    )
    assert exported(text, "resolved") == text


def test_comments_of_a_block_stay_where_it_is_written_once() -> None:
    text = (
        "input: [1, 8]\n"
        "blocks:\n"
        "  B:\n"
        "    layers:\n"
        "      - LazyLinear: 8 # inside\n"
        "layers: [B, B]\n"
    )
    assert "# inside" not in exported(text, "resolved")
    assert exported(text, "resolved", layout="blocks").count("# inside") == 1
    assert "# inside" in exported(text.replace("[B, B]", "[B]"), "resolved")


# -- what has no explicit form --------------------------------------------------------------


def test_a_list_of_copies_beside_other_outputs_is_refused() -> None:
    text = "input: [1, 8]\nlayers:\n  - {LazyLinear: 8, repeat: 2, each: ys, as: y}\noutput: "
    assert exported(f"{text}ys", "resolved").endswith("output: [ys_0, y]\n")
    with pytest.raises(SpecError) as caught:
        exported(f"{text}[y, ys]", "resolved")
    (problem,) = caught.value.problems
    assert problem.code == "cannot-export"


def test_what_a_spec_could_not_hold_is_refused_with_the_figure() -> None:
    text = (
        "input: [1, 8]\nblocks: {B: {layers: [LazyLinear: 8]}}\n"
        "layers: [{B: , repeat: 20000}]"
    )  # fmt: skip
    with pytest.raises(SpecError) as caught:
        exported(text, "resolved")
    (problem,) = caught.value.problems
    assert problem.code == "cannot-export"
    assert "bytes, and a spec has at most 1,048,576" in problem.message
    assert "--layout blocks" in problem.help
    assert exported(text, "resolved", layout="blocks").count("- B\n") == 20000
