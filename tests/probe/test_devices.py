from __future__ import annotations

import pytest
import torch

from lazyinspect.errors import NetworkError, SpecError
from lazyinspect.probe.devices import available, device_name, resolve_device, seeded


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.accelerator, "current_accelerator", lambda *a, **k: torch.device("cuda")
    )


@pytest.fixture
def no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)


def test_auto_is_the_accelerator_where_there_is_one(two_gpus: None) -> None:
    assert resolve_device("auto") == torch.device("cuda")
    assert available() == ("cpu", "cuda:0", "cuda:1")


def test_auto_is_the_cpu_where_there_is_none(no_accelerator: None) -> None:
    assert resolve_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps", "xpu"])
def test_a_device_that_is_not_there_says_what_is(name: str, no_accelerator: None) -> None:
    with pytest.raises(NetworkError) as caught:
        resolve_device(name)
    (problem,) = caught.value.problems
    assert problem.code == "device-unavailable"
    assert problem.message == f"device `{name}` is not available; available here: cpu"


def test_an_index_beyond_the_last_device_says_what_is_there(two_gpus: None) -> None:
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(NetworkError, match="no device `cuda:2`; available here: cpu, cuda:0"):
        resolve_device("cuda:2")
    with pytest.raises(NetworkError, match="`mps` is not available"):
        resolve_device("mps")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "vulkan"])
def test_what_is_no_device_of_ours_is_refused(name: str) -> None:
    with pytest.raises((SpecError, NetworkError)):
        resolve_device(name)


def test_a_word_that_torch_does_not_know_is_a_wrong_command_line() -> None:
    with pytest.raises(SpecError, match="cpu, cuda, cuda:1, mps, xpu, meta or auto"):
        resolve_device("warp")


@pytest.mark.parametrize(
    ("name", "meant"), [("gpu", "cuda"), ("gpu:1", "cuda:1"), ("0", "cuda:0"), ("CPU", "cpu")]
)
def test_a_device_is_known_by_its_other_names(name: str, meant: str) -> None:
    with pytest.raises(SpecError, match=f"did you mean `{meant}`") as caught:
        resolve_device(name)
    assert caught.value.problems[0].code == "unknown-device"


def test_the_processor_has_a_name() -> None:
    assert device_name(torch.device("cpu"))


def test_seeded_draws_the_same_and_leaves_the_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    cpu = torch.device("cpu")
    with seeded(cpu, 3):
        one = torch.randn(4)
    with seeded(cpu, 3):
        assert torch.equal(torch.randn(4), one)
    with pytest.raises(ZeroDivisionError), seeded(cpu, 3):
        torch.randn(4)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), before)
