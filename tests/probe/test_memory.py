from __future__ import annotations

from pathlib import Path

import pytest
import torch
from plans import plan_of

from lazyinspect.errors import NetworkError, SpecError
from lazyinspect.probe import memory
from lazyinspect.probe.memory import (
    check_memory,
    free_bytes,
    is_out_of_memory,
    largest_step,
    parse_bytes,
)
from lazyinspect.render import figures
from lazyinspect.shapes import format_bytes

CPU = torch.device("cpu")
NET = """
input: [1, 3, 8, 8]
layers:
  conv: {LazyConv2d: [4, 3]}
  act: ReLU
  flat: Flatten
  fc: {LazyLinear: 10}
"""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("8GB", 8 * 10**9),
        ("512 MB", 512 * 10**6),
        ("2GiB", 2 * 2**30),
        ("1.5k", 1500),
        ("1024", 1024),
        ("10B", 10),
        ("1t", 10**12),
    ],
)
def test_an_amount_of_memory_is_read_in_its_unit(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "lots", "-8GB", "8 XB", "GB", "8iB"])
def test_what_is_no_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="no amount of memory"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1_623_412_421_632, "1.48 TiB"),
        (8 * 2**30, "8.00 GiB"),
        (5_500_000, "5.25 MiB"),
        (1234, "1.21 KiB"),
        (1, "1 B"),
    ],
)
def test_memory_is_told_in_the_units_of_the_report(count: int, text: str) -> None:
    assert format_bytes(count) == figures.size(count) == text


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_limit_below_zero_is_refused(device: str) -> None:
    with pytest.raises(SpecError, match="`-1` is no amount of memory"):
        check_memory(plan_of(NET), torch.device(device), -1)


def test_the_largest_step_reads_and_writes_the_most() -> None:
    plan = plan_of(NET)
    path, count = largest_step(plan.call)
    assert path == "conv"
    assert count == (3 * 8 * 8 + 4 * 6 * 6) * 4


def test_a_network_above_the_limit_is_refused_with_both_figures() -> None:
    plan = plan_of("input: [1, 100]\nlayers: [LazyLinear: 1000000]")
    check_memory(plan, CPU, 10**9)
    with pytest.raises(NetworkError) as caught:
        check_memory(plan, CPU, 300 * 10**6)
    (problem,) = caught.value.problems
    assert problem.code == "out-of-memory"
    assert problem.message == (
        "the network needs at least 389 MiB, and the memory limit is 286 MiB"
    )
    assert problem.notes == (
        "parameters and buffers: 385 MiB; activations of the largest step (0): 3.82 MiB",
    )


def test_a_network_above_what_is_free_is_refused_before_it_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2000)
    with pytest.raises(NetworkError, match=r"what is free on cpu is 1\.95 KiB"):
        check_memory(plan_of(NET), CPU, 10**9)


def test_the_meta_device_takes_any_network() -> None:
    plan = plan_of("input: [1, 1000000]\nlayers: [LazyLinear: 1000000]")
    check_memory(plan, torch.device("meta"), 1)
    with pytest.raises(NetworkError):
        check_memory(plan, CPU, 1)


def test_this_machine_tells_its_free_memory() -> None:
    free = free_bytes(CPU)
    assert free is not None and free > 10**7


def cgroup(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_a_containers_limit_counts_less_what_is_used(tmp_path: Path) -> None:
    root = cgroup(
        tmp_path,
        memory__max="1000\n",
        memory__current="600\n",
        memory__stat="anon 100\ninactive_file 250\n",
    )
    assert memory._cgroup_memory(root) == 650


def test_a_container_without_a_limit_tells_nothing(tmp_path: Path) -> None:
    root = cgroup(tmp_path, memory__max="max\n", memory__current="6\n", memory__stat="")
    assert memory._cgroup_memory(root) is None
    assert memory._cgroup_memory(tmp_path / "absent") is None


def test_the_older_layout_of_containers_is_read_too(tmp_path: Path) -> None:
    cgroup(
        tmp_path / "memory",
        memory__limit_in_bytes="1000",
        memory__usage_in_bytes="600",
        memory__stat="total_inactive_file 50",
    )
    assert memory._cgroup_memory(tmp_path) == 450


def test_torchs_ways_to_say_out_of_memory_are_known() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)
    assert is_out_of_memory(caught.value)
