"""Every spec in the docs is planned, and every Python example runs and prints what is shown."""

from __future__ import annotations

import doctest
import textwrap
from pathlib import Path

import pytest
from doc_blocks import ROOT, Block, blocks

from lazyinspect import api
from lazyinspect.errors import LazyinspectError


def spec_file(block: Block, folder: Path) -> Path:
    """The block as a file; ``steps=SHAPE`` marks steps without their spec around them."""
    text = block.text
    if "steps" in block.options:
        text = f"input: [{block.options['steps']}]\nlayers:\n{textwrap.indent(text, '  ')}"
    path = folder / "snippet.yaml"
    path.write_text(text, encoding="utf-8")
    return path


GOOD = [block for block in blocks("yaml") if "fails" not in block.options]
BAD = [block for block in blocks("yaml") if "fails" in block.options]


@pytest.mark.parametrize("block", GOOD, ids=str)
def test_spec_in_the_docs_plans_in_every_variant(block: Block, tmp_path: Path) -> None:
    path = spec_file(block, tmp_path)
    spec = api.load(path)
    names: list[str | None] = [*api.variants(spec)]
    for variant in names or [None]:
        plan = api.plan(spec, variant=variant)
        assert len(plan.rows) > 1
        if "params" in block.options:
            assert plan.totals.param_count == int(block.options["params"])


@pytest.mark.parametrize("block", BAD, ids=str)
def test_broken_spec_in_the_docs_fails_as_the_docs_say(block: Block, tmp_path: Path) -> None:
    path = spec_file(block, tmp_path)
    with pytest.raises(LazyinspectError) as caught:
        api.plan(path)
    assert [problem.code for problem in caught.value.problems] == [block.options["fails"]]


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_example_runs(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code = compile(block.text, str(block), "exec")
    namespace: dict[str, object] = {"__name__": "example"}
    exec(code, namespace)
    assert len(namespace) > 2


SESSIONS = sorted({block.page for block in blocks("pycon")})


@pytest.mark.parametrize("page", SESSIONS)
def test_python_session_prints_what_the_page_shows(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {"__name__": "example"}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed: list[str] = []
    for block in blocks("pycon"):
        if block.page == page:
            test = doctest.DocTestParser().get_doctest(
                block.text, names, str(block), page, block.line
            )
            runner.run(test, out=failed.append, clear_globs=False)
            names = test.globs
    assert "".join(failed) == ""


def test_no_example_escapes_for_want_of_a_marker() -> None:
    assert len(GOOD) > 20
    assert len(BAD) > 2
    assert SESSIONS == ["docs/python.md"]
