"""Network -> ONNX, by torch's exporter. The home of the onnx packages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from lazyinspect._version import __version__
from lazyinspect.errors import SpecError
from lazyinspect.export import SIGN, Subject
from lazyinspect.export.extras import missing_extra
from lazyinspect.plan.plan import Plan
from lazyinspect.save.traced import keeping_steps, quiet, refused, step_of, trace, trace_with_steps

MOST_BYTES = 2**31 - 2**24
"""What protobuf holds in one message, less room for the graph."""


def require() -> None:
    """Raises SpecError where a package is missing."""
    for package in ("onnx", "onnxscript"):
        try:
            __import__(package)
        except ImportError as error:
            raise missing_extra(package, "onnx", error) from None


def write(network: nn.Module, subject: Subject, trace_by: Plan | None) -> bytes:
    """A model whose inputs and outputs are named as the spec's, checked by ``onnx.checker``.

    Raises:
        SpecError: as :func:`lazyinspect.save.traced.trace`, and where ONNX lacks an op.
    """
    import onnx

    plan = subject.plan
    model: Any = None
    try:
        model = _model(trace(network, subject, trace_by), plan)
        onnx.checker.check_model(model, full_check=True)
    except SpecError:
        raise
    except Exception as error:
        raise _refused(network, subject, trace_by, model, error) from None
    model.producer_name, model.producer_version = "lazyinspect", __version__
    model.doc_string = f"{SIGN.decode()}: {subject.spec.name}"
    model.graph.name = subject.spec.name
    _name_batch(model, trace_by)
    data: bytes = model.SerializeToString()
    return data


def _model(program: ExportedProgram, plan: Plan) -> Any:
    with quiet(), torch.no_grad():
        made: Any = torch.onnx.export(
            program,
            (),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=[entry.name for entry in plan.inputs],
            output_names=list(_output_names(plan)),
        )
        return made.model_proto


def _refused(
    network: nn.Module, subject: Subject, trace_by: Plan | None, model: Any, error: Exception
) -> SpecError:
    """The error for the step that could not be translated, which is looked for by doing all of
    it again with each step's path at hand.
    """
    plan = trace_by or subject.plan
    if model is not None:
        what = "torch.onnx writes what onnx.checker refuses for"
        path = _path_in(model, network, plan, trace_by is not None, str(error))
        return refused(network, subject, what, error, path)
    try:
        with keeping_steps():
            _model(trace_with_steps(network, plan, is_open=trace_by is not None), plan)
    except Exception as again:
        error = again
    return refused(network, subject, "ONNX has no words for", error)


def _path_in(model: Any, network: nn.Module, plan: Plan, is_open: bool, said: str) -> str:
    """Path of the step whose node the checker's words name; empty where they name none."""
    named = [node for node in model.graph.node if re.search(rf"\b{re.escape(node.name)}\b", said)]
    try:
        program = trace_with_steps(network, plan, is_open=is_open)
    except Exception:
        return ""
    nodes = {node.name: node for node in program.graph.nodes}
    for node in named:
        origin = {entry.key: entry.value for entry in node.metadata_props}
        found = re.match(r"%(\w+)", origin.get("pkg.torch.onnx.fx_node", ""))
        if found and found[1] in nodes:
            return step_of(nodes[found[1]])
    return ""


def _output_names(plan: Plan) -> Iterator[str]:
    for tensor in plan.outputs:
        key = tensor.name.replace(".", "_")
        yield key if plan.output_keys else f"output_{key}" if key else "output"


def _name_batch(model: Any, trace_by: Plan | None) -> None:
    """Call the open dimension ``batch`` wherever a type has it."""
    if trace_by is None:
        return
    first = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if first and first in dim.dim_param:
                dim.dim_param = dim.dim_param.replace(first, "batch")
