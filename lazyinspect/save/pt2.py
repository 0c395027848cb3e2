"""Network -> torch's own file of a traced program, which ``torch.export.load`` reads."""

from __future__ import annotations

from io import BytesIO

import torch
from torch import nn

from lazyinspect.export import SIGN, Subject
from lazyinspect.plan.plan import Plan
from lazyinspect.save.traced import quiet, trace

MOST_BYTES = None


def require() -> None:
    """Nothing: torch writes it by itself."""


def write(network: nn.Module, subject: Subject, trace_by: Plan | None) -> bytes:
    """The traced program, its weights included.

    Raises:
        SpecError: as :func:`lazyinspect.save.traced.trace`.
    """
    program = trace(network, subject, trace_by)
    file = BytesIO()
    with quiet():
        torch.export.save(program, file, extra_files={"lazyinspect": SIGN.decode()})
    return file.getvalue()
