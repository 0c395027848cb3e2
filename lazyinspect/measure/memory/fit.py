"""A plan for any batch, and a memory -> the largest batch that fits. Raises SpecError. No torch."""

from __future__ import annotations

from collections.abc import Callable

from lazyinspect.errors import LazyinspectError, Problem, SpecError
from lazyinspect.footprint import Fit, Footprint

MOST = 2**40
"""Of a batch: larger ones make tensors that torch has no index for."""


def largest_batch(footprint_at: Callable[[int], Footprint], memory: int, *, train: bool) -> Fit:
    """The largest batch whose peak is within a memory, by planning for it and for the next.

    Args:
        footprint_at: of a batch; raises LazyinspectError where it does not plan.
        memory: bytes.
        train: whether the peak is that of training.

    Raises:
        SpecError, NetworkError: the network does not plan for a batch of 1.
    """
    known: dict[int, tuple[int, bool] | None] = {}

    def peak(batch: int) -> tuple[int, bool] | None:
        """Bytes, and whether they are all; None where it does not plan."""
        if batch not in known:
            try:
                found = footprint_at(batch)
            except LazyinspectError:
                if batch == 1:
                    raise
                known[batch] = None
            else:
                most = found.training if train else found.inference
                known[batch] = most.bytes, most.exact
        return known[batch]

    def fits(batch: int) -> bool:
        found = peak(batch)
        return found is not None and found[0] <= memory

    first = peak(1)
    assert first is not None
    if not fits(1):
        return Fit(memory, 0, first[0], first[0], first[1], train)
    low, high = 1, 2
    second = peak(2)
    if second is not None and second[0] > first[0]:
        # most is a fixed part and a part of each: begin where that would end
        guess = 1 + (memory - first[0]) // (second[0] - first[0])
        high = max(2, min(guess, MOST))
    while fits(high):
        low, high = high, min(2 * high, MOST)
        if low == MOST:
            raise SpecError(
                Problem("bad-option", f"a batch of more than {MOST:,} fits: nobody looks further",
                        help="leave --memory out, or give less")
            )  # fmt: skip
    while high - low > 1:
        # close to the guess the answer is near, so look beside it first
        middle = low + 1 if fits(low + 1) is False else (low + high) // 2
        if middle == low + 1 and not fits(middle):
            high = middle
        elif fits(middle):
            low = middle
        else:
            high = middle
    here, above = peak(low), peak(low + 1)
    assert here is not None
    return Fit(memory, low, here[0], None if above is None else above[0], here[1], train)
