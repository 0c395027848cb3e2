"""The examples in the docstrings of lazyinspect.lazy run, and every public name has one."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

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
