"""The examples in the docstrings of lazyinspect.lazy run, and every public name has one."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest
from lazy_cases import ONE_OF_EACH, Case

import lazyinspect.lazy as lazy

MODULES = [info.name for info in pkgutil.iter_modules(lazy.__path__, "lazyinspect.lazy.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", lazy.__all__)
def test_public_names_have_a_docstring_and_layers_an_example(name: str) -> None:
    text = getattr(lazy, name).__doc__
    assert text
    if name.startswith("Lazy") and name != "LazyMixin":
        assert "Example:" in text
        assert "Shape: " in text
        assert "Raises:" in text


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name.split("(")[0])
def test_docstrings_name_what_is_inferred_and_what_the_class_becomes(case: Case) -> None:
    module = case.make_lazy()
    text = type(module).__doc__ or ""
    assert f"``{type(case.make_eager()).__name__}``" in text.split("\n\n")[0]
    for inferred in module.infers:
        assert inferred in text


def test_what_the_docstrings_say_that_constructors_refuse_is_refused() -> None:
    documented = {
        n for n in lazy.__all__ if "constructor of ``" in (getattr(lazy, n).__doc__ or "")
    }
    wrong = {
        **{
            n: {"out_channels": 3, "kernel_size": 3, "groups": 2} for n in documented if "Conv" in n
        },
        **{n: {"hidden_size": 0} for n in ("LazyRNN", "LazyLSTM", "LazyGRU")},
    }
    assert set(wrong) == documented
    for name, arguments in wrong.items():
        with pytest.raises(ValueError):
            getattr(lazy, name)(**arguments)
