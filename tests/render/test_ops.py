"""The listing of ops: every row of the table, and one of them in full."""

from __future__ import annotations

import textwrap

import pytest
from plans import plan_of

from lazyinspect import api
from lazyinspect.plan.ops import table
from lazyinspect.render import ops
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import width
from lazyinspect.spec.names import STRUCTURE
from lazyinspect.spec.structure import StructureOp


def test_listing_names_every_op_once() -> None:
    heads = [
        line.strip().partition("(")[0]
        for line in ops.render(api.layers(), Layout()).splitlines()
        if line[:2] == "  " and line[2:3].strip() and "(" in line
    ]
    assert heads == list(table())


def test_listing_opens_with_the_ops_of_the_language() -> None:
    text = ops.render(api.layers(), Layout())
    assert text.startswith("The spec language\n  {Sequential: [STEP, ...]}\n")
    language = text.partition("\n\n")[0]
    assert all(f"{{{name}: " in language for name in STRUCTURE)


@pytest.mark.parametrize("name", STRUCTURE)
def test_an_op_of_the_language_shows_its_form_and_an_example_that_plans(name: str) -> None:
    (op,) = api.layers(name)
    assert isinstance(op, StructureOp)
    text = ops.render_one(op, Layout())
    assert text.startswith(f"{name}, an op of the spec language\n")
    assert op.form in text
    example = textwrap.dedent(text.partition("for instance:\n")[2])
    assert f"{name}:" in example
    assert plan_of(example).rows


@pytest.mark.parametrize("columns", [50, 80])
@pytest.mark.parametrize("name", STRUCTURE)
def test_an_op_of_the_language_fits_its_width(name: str, columns: int) -> None:
    (op,) = api.layers(name)
    before_example = ops.render_one(op, Layout(width=columns)).partition("for instance")[0]
    assert max(map(width, before_example.splitlines())) <= columns


def test_listing_groups_by_family() -> None:
    text = ops.render(list(table().values()), Layout())
    families = [row.family for row in table().values()]
    assert [line for line in text.splitlines() if line and line[0] != " "] == list(
        dict.fromkeys(families)
    )


@pytest.mark.parametrize("columns", [80, 100])
def test_listing_fits_its_width(columns: int) -> None:
    text = ops.render(api.layers(), Layout(width=columns))
    assert max(map(width, text.splitlines())) <= columns


def test_a_lazy_op_says_what_it_infers_and_becomes() -> None:
    text = ops.render_one(table()["LazyConv2d"], Layout())
    assert "infers in_channels at the first forward, and becomes Conv2d" in text
    assert "in_channels  " not in text


def test_one_op_shows_each_argument_with_default_and_type() -> None:
    lines = ops.render_one(table()["Conv2d"], Layout()).splitlines()
    assert "  in_channels   required  an integer" in lines
    assert "  bias          true      true or false" in lines


def test_an_op_of_several_sources_says_how_they_are_given() -> None:
    assert "reads any number of sources" in ops.render_one(table()["cat"], Layout())
    assert "reads one source" in ops.render_one(table()["ReLU"], Layout())
    text = ops.render_one(table()["MultiheadAttention"], Layout())
    assert "(query, key, value, key_padding_mask=null" in text


@pytest.mark.parametrize("name", list(table()))
def test_every_op_can_be_shown(name: str) -> None:
    text = ops.render_one(table()[name], Layout())
    assert text.startswith(f"{name}, a")
    assert "REQUIRED" not in text
