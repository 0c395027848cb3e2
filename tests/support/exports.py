"""What the tests of exports share: specs, and networks made of what was written."""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lazyinspect import api
from lazyinspect.export import Options, Subject, export
from lazyinspect.plan import Plan, make_plan
from lazyinspect.probe import materialised
from lazyinspect.probe.inputs import make_inputs
from lazyinspect.report import LayerRow
from lazyinspect.spec.grammar import parse_spec
from lazyinspect.spec.model import Spec

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "export" / "cases"
CONFIGS = {
    path.stem: path for path in sorted(ROOT.glob("configs/*.yaml")) if ".lock" not in path.name
}
SMALL: Mapping[str, Mapping[str, Any]] = {
    "llama3": {"d": 64, "depth": 3, "heads": 4, "kv_heads": 2, "ffn": 96, "vocab": 100},
    "gpt2": {"d": 32, "depth": 3, "heads": 4, "vocab": 100, "context": 64},
    "vit": {"d": 32, "depth": 3, "heads": 4, "patch": 32},
    "alexnet": {"classes": 10},
    "vgg": {"classes": 10},
}
"""Parameters that make a config small enough to run."""
IMAGES = {
    **{
        name: [1, 3, 64, 64]
        for name in "alexnet densenet efficientnet mobilenet_v3 resnet resnet_basic".split()
    },
    **{name: [1, 3, 64, 64] for name in ("unet", "vit", "yolov8")},
    "vgg": [1, 3, 32, 32],
}
"""Sizes of images that do for the same."""


def subject(text: str, path: str = "net.yaml", **options: Any) -> Subject:
    """A spec's text, planned."""
    spec = parse_spec(text, path)
    return Subject(make_plan(spec), spec, Options(**options))


def exported(text: str, to: str, **options: Any) -> str:
    """A spec's text in a format."""
    return export(subject(text, **options), to)


def every_config() -> list[tuple[str, str | None]]:
    """Each config with each of its variants."""
    return [
        (name, variant)
        for name, path in CONFIGS.items()
        for variant in api.variants(path) or [None]
    ]


def config(name: str, variant: str | None = None, *, small: bool = False) -> tuple[Spec, Plan]:
    """A config, planned."""
    spec = api.load(CONFIGS[name])
    if not small:
        return spec, api.plan(spec, variant=variant)
    image = IMAGES.get(name)
    return spec, api.plan(spec, variant=variant, set=SMALL.get(name, {}), input=image)


def figures(row: LayerRow) -> tuple[Any, ...]:
    """Everything of a row but where it is in the file and what it was declared as."""
    return (
        row.path, row.call, row.depth, row.kind, row.type, dict(row.args), row.inputs, row.outputs,
        row.param_count, row.trainable_param_count, row.param_bytes, row.buffer_bytes, row.macs,
    )  # fmt: skip


def module_of(source: str) -> types.ModuleType:
    """The text of a module, run."""
    module = types.ModuleType("exported")
    exec(compile(source, "exported.py", "exec"), module.__dict__)
    return module


def network_of(source: str) -> nn.Module:
    """The last class of a module, which is the network."""
    module = module_of(source)
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    found: nn.Module = [cls for cls in classes if cls.__module__ == "exported"][-1]()
    return found.eval()


def inputs_of(plan: Plan) -> tuple[torch.Tensor, ...]:
    """Random inputs of a plan."""
    return make_inputs(plan.inputs, torch.device("cpu"))


def scramble(network: nn.Module, seed: int = 0) -> None:
    """Draw every weight and statistic, so that one which is not used shows."""
    torch.manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.2)


def same_in_python(given: Subject, *, lazy: bool = False, seeded: bool = True) -> str:
    """Hold the exported class to the network; its text."""
    source = export(Subject(given.plan, given.spec, Options(lazy=lazy)), "python")
    inputs = inputs_of(given.plan)
    torch.manual_seed(7)
    network = materialised(given.plan)
    torch.manual_seed(7)
    again = network_of(source)
    with torch.no_grad():
        if lazy:
            again(*inputs)
        old, new = network.state_dict(), again.state_dict()
        assert [(key, t.shape) for key, t in old.items()] == [(k, t.shape) for k, t in new.items()]
        assert not seeded or all(torch.equal(old[key], new[key]) for key in old)
        scramble(network)
        again.load_state_dict(network.state_dict())
        torch.testing.assert_close(
            again(*inputs), network(*inputs), rtol=1e-4, atol=1e-5, equal_nan=True
        )
    return source
