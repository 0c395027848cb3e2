from __future__ import annotations

import torch

from lazyinspect.plan.tree import InputType
from lazyinspect.probe.inputs import make_inputs
from lazyinspect.shapes import TensorType

CPU = torch.device("cpu")


def given(dtype: str, high: int | None = None, shape: tuple[int, ...] = (50, 4)) -> InputType:
    return InputType("x", TensorType(shape, dtype), high)


def test_inputs_are_of_the_planned_shape_and_dtype() -> None:
    for dtype in (
        "float32",
        "float64",
        "bfloat16",
        "float16",
        "int64",
        "uint8",
        "bool",
        "complex64",
    ):
        (made,) = make_inputs([given(dtype)], CPU)
        assert made.shape == (50, 4)
        assert made.dtype == getattr(torch, dtype)


def test_integers_lie_below_high_and_are_zero_without_it() -> None:
    bounded, unbounded = make_inputs([given("int64", 5), given("int64")], CPU)
    assert set(bounded.flatten().tolist()) == {0, 1, 2, 3, 4}
    assert not unbounded.any()


def test_one_seed_gives_one_input_and_another_gives_another() -> None:
    (one,) = make_inputs([given("float32")], CPU, 1)
    assert torch.equal(make_inputs([given("float32")], CPU, 1)[0], one)
    assert not torch.equal(make_inputs([given("float32")], CPU, 2)[0], one)


def test_inputs_leave_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    make_inputs([given("float32"), given("int64", 9)], CPU)
    assert torch.equal(torch.get_rng_state(), before)


def test_on_the_meta_device_nothing_is_drawn() -> None:
    (made,) = make_inputs([given("float32", shape=(10**9, 10**6))], torch.device("meta"))
    assert made.is_meta
