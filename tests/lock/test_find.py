"""Files and folders -> specs: what is one, what is left out, and each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazyinspect.errors import SpecError
from lazyinspect.lock.find import find

NET = "input: [1, 8]\nlayers: [ReLU]\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*names: str, text: str = NET) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_folders_are_searched_with_all_below_them_in_order() -> None:
    write("b.yaml", "a/z.yml", "a/b/c.yaml", "a/notes.txt")
    assert find(["."]).specs == ("a/b/c.yaml", "a/z.yml", "b.yaml")
    assert find(["a"]).specs == ("a/b/c.yaml", "a/z.yml")


@pytest.mark.parametrize(
    "name",
    [".git/a.yaml", ".venv/a.yaml", "node_modules/x/a.yaml", "lib/site-packages/a.yaml", ".a.yaml"],
)
def test_what_is_not_ones_own_is_left_out(name: str) -> None:
    write("net.yaml", name)
    assert find(["."]).specs == ("net.yaml",)


def test_a_virtual_environment_of_any_name_is_left_out() -> None:
    write("net.yaml", "env/lib/a.yaml")
    write("env/pyvenv.cfg", text="")
    assert find(["."]).specs == ("net.yaml",)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        (NET, True),
        ('"layers": [ReLU]\n', True),
        ("{input: [1, 8], layers: [ReLU]}", True),
        ("\ufefflayers: [ReLU]\n", True),
        ("services: {layers: 1}\n", False),
        ("model:\n  layers: 3\n", False),
        ("", False),
    ],
)
def test_a_spec_is_a_file_with_layers_at_its_top(text: str, spec: bool) -> None:
    write("net.yaml", "x.yaml", text=text)
    write("x.yaml")
    assert ("net.yaml" in find(["."]).specs) is spec


def test_a_named_file_is_a_spec_whatever_it_holds() -> None:
    write("net.txt", text="nothing")
    assert find(["net.txt"]).specs == ("net.txt",)


def test_a_lock_stands_for_its_spec() -> None:
    write("net.yaml", "net.lock.yaml")
    assert find(["net.lock.yaml", "net.yaml"]).specs == ("net.yaml",)


def test_a_file_of_several_names_counts_once() -> None:
    write("a/net.yaml")
    Path("link.yaml").symlink_to("a/net.yaml")
    assert find(["a/net.yaml", "./a/../a/net.yaml", "a", "link.yaml"]).specs == ("a/net.yaml",)


def test_a_loop_of_links_ends() -> None:
    write("a/net.yaml")
    Path("a/again").symlink_to("../a", target_is_directory=True)
    assert find(["."]).specs == ("a/net.yaml",)


def test_every_path_that_leads_nowhere_is_named() -> None:
    write("empty/notes.txt")
    with pytest.raises(SpecError) as caught:
        find(["empty", "missing.yaml"])
    assert [problem.code for problem in caught.value.problems] == ["no-specs", "unreadable"]
