"""One peer on one network, in a process of its own: its figures as one line of JSON."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import json
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

Figures = dict[str, int | float | None]


def torchinfo(model: Any, inputs: list[Any]) -> Figures:
    from torchinfo import summary

    found = summary(model, input_data=inputs, verbose=0)
    return {"params": found.total_params, "macs": found.total_mult_adds}


def fvcore(model: Any, inputs: list[Any]) -> Figures:
    import logging

    from fvcore.nn import FlopCountAnalysis, parameter_count

    logging.disable(logging.WARNING)
    with_forward = FlopCountAnalysis(model, tuple(inputs))
    macs = with_forward.total()
    return {"params": parameter_count(model)[""], "macs": macs}


def ptflops(model: Any, inputs: list[Any]) -> Figures:
    from ptflops import get_model_complexity_info

    names = list(inspect.signature(model.forward).parameters)
    given = dict(zip(names, inputs, strict=False))
    macs, params = get_model_complexity_info(
        model, tuple(inputs[0].shape[1:]), as_strings=False, print_per_layer_stat=False,
        verbose=False, input_constructor=lambda shape: given,
    )  # fmt: skip
    if macs is None:
        raise RuntimeError("it gives no figure")
    return {"params": params, "macs": macs}


def thop(model: Any, inputs: list[Any]) -> Figures:
    from thop import profile

    macs, params = profile(model, inputs=tuple(inputs), verbose=False)
    return {"params": params, "macs": macs}


def calflops(model: Any, inputs: list[Any]) -> Figures:
    from calflops import calculate_flops

    names = list(inspect.signature(model.forward).parameters)
    given = dict(zip(names, inputs, strict=False))
    _, macs, params = calculate_flops(
        model=model, kwargs=given, output_as_string=False, print_results=False,
        print_detailed=False,
    )  # fmt: skip
    return {"params": params, "macs": macs}


def torchview(model: Any, inputs: list[Any]) -> Figures:
    from torchview import draw_graph

    draw_graph(model, input_data=inputs, depth=1)
    return {"params": None, "macs": None}


def torchsummary(model: Any, inputs: list[Any]) -> Figures:
    from torchsummary import summary

    text = io.StringIO()
    sizes = [tuple(tensor.shape[1:]) for tensor in inputs]
    with contextlib.redirect_stdout(text):
        summary(model, sizes if len(sizes) > 1 else sizes[0], batch_size=1, device="cpu")
    found = re.search(r"Total params: ([\d,]+)", text.getvalue())
    return {"params": int(found[1].replace(",", "")) if found else None, "macs": None}


def exact(model: Any, inputs: list[Any]) -> Figures:
    """No peer: the unique parameters, and PyTorch's own counter of operations."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad():
        model(*inputs)  # lazy layers find their sizes
    params = sum({id(p): p.numel() for p in model.parameters()}.values())
    # on the meta device no operator is a fused one that the counter does not know
    model, inputs = model.to("meta"), [tensor.to("meta") for tensor in inputs]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*inputs)
    return {"params": params, "macs": counter.get_total_flops() // 2}


PEERS: dict[str, Callable[[Any, list[Any]], Figures]] = {
    "torchinfo": torchinfo,
    "fvcore": fvcore,
    "ptflops": ptflops,
    "thop": thop,
    "calflops": calflops,
    "torchview": torchview,
    "torchsummary": torchsummary,
}
MODULES = {"fvcore": "fvcore.nn"}


def loaded(path: str) -> Any:
    """The network of a file that `export --to python` has written."""
    spec = importlib.util.spec_from_file_location("exported", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["exported"] = module
    spec.loader.exec_module(module)
    (network,) = [
        item
        for item in vars(module).values()
        if inspect.isclass(item) and (item.__doc__ or "").startswith("The network")
    ]
    return network().eval()


def main() -> int:
    """``one.py PEER FILE SHAPES``; shapes as JSON, each with its dtype."""
    warnings.filterwarnings("ignore")
    peer, path, shapes = sys.argv[1:]
    try:
        import torch

        model = loaded(path)
        inputs = [
            torch.zeros(shape, dtype=getattr(torch, dtype)) for shape, dtype in json.loads(shapes)
        ]
        count = exact if peer == "exact" else PEERS[peer]
        with contextlib.redirect_stdout(io.StringIO()):
            found: dict[str, Any] = dict(count(model, inputs))
    except Exception as error:
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        found = {"error": f"{type(error).__name__}: {text}"[:160]}
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
