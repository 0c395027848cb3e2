"""Defaults, a variant and ``--set`` -> values of the network's own parameters. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazyinspect.errors import Mark, Problem, Source, SpecError
from lazyinspect.plan.scope import LayerArg, Scope, bind_params, size_problem, type_problem
from lazyinspect.spec.formula import FormulaError, parse_formula
from lazyinspect.spec.model import OPEN, Expr, Spec
from lazyinspect.spec.names import did_you_mean, listed
from lazyinspect.spec.values import formula_problem

_EXAMPLES = {"int": "8", "float": "0.5", "bool": "true", "str": "text", "layer": "ReLU"}
"""A value of each type that a parameter may be declared with."""


def network_params(spec: Spec, variant: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the network's parameters: the file's, then the variant's, then ``overrides``.

    Args:
        overrides: by name, Python values; a text that starts with ``$`` is a formula.

    Raises:
        SpecError: an unknown variant or parameter, a formula that fails, a wrong type, or a
            required parameter that nothing sets.
    """
    replaced = dict(_variant(spec, variant))
    _refuse_unknown(spec, overrides)
    given: dict[str, Any] = {}
    for name, value in overrides.items():
        if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
            replaced[name] = _formula(name, value)
        else:
            given[name] = value[1:] if isinstance(value, str) and value[:1] == "$" else (
                frozen(value)
            )  # fmt: skip
            problem = size_problem(given[name])
            if problem:
                raise SpecError(
                    Problem("value-too-large", f"the parameter `{name}`: {problem}",
                            spec.params[name].mark, help=f"of --set {name}=VALUE")
                )  # fmt: skip
            required = spec.params[name].required
            problem = type_problem(required, given[name]) if required else None
            if problem:
                raise SpecError(
                    Problem("bad-argument", f"the parameter `{name}` {problem}",
                            spec.params[name].mark, found="declared here",
                            help=f"write for instance --set {name}={_EXAMPLES[str(required)]}")
                )  # fmt: skip
    scope = Scope({}, None, None, "the network's own parameters are bound before any input flows")
    missing = [
        Problem(
            "missing-parameter",
            f"the parameter `{name}` has no default and no value",
            param.mark,
            help=_missing_help(spec, name),
        )
        for name, param in spec.params.items()
        if param.required and name not in given and name not in replaced
    ]
    if missing:
        raise SpecError(missing)
    bound = bind_params(spec.params, given, scope, replaced)
    problems = []
    for name, param in spec.params.items():
        problem = type_problem(param.required, bound[name]) if param.required else None
        if problem:
            where = replaced[name].mark if name in replaced else param.mark
            problems.append(
                Problem(
                    "bad-argument",
                    f"the parameter `{name}` {problem}",
                    where,
                    help=f"line {param.mark.line} declares it: {name}: {param.required}",
                )
            )
    if problems:
        raise SpecError(problems)
    return bound


def _missing_help(spec: Spec, name: str) -> str:
    setting = [variant for variant, values in spec.variants.items() if name in values]
    return f"run with --set {name}=VALUE" + (
        f", or with --variant {setting[0]}, which sets it" if setting else ""
    )


def _variant(spec: Spec, variant: str | None) -> Mapping[str, Expr]:
    """What a variant sets."""
    if variant is None:
        return {}
    if variant in spec.variants:
        return spec.variants[variant]
    names = list(spec.variants)
    otherwise = "it has " + listed(names) if names else "it has no variants"
    raise SpecError(
        Problem(
            "unknown-variant",
            f"{spec.source.path} has no variant `{variant}`",
            help=did_you_mean(variant, names, otherwise),
        )
    )


def _refuse_unknown(spec: Spec, overrides: Mapping[str, Any]) -> None:
    names = list(spec.params)
    otherwise = "it has " + listed(names) if names else "it has no params"
    for name in overrides:
        if name not in spec.params:
            raise SpecError(
                Problem(
                    "unknown-parameter",
                    f"{spec.source.path} has no parameter `{name}`",
                    help=did_you_mean(name, names, otherwise),
                )
            )


def _formula(name: str, text: str) -> Expr:
    """A formula given to ``set``: it may read the other parameters, as one in the file."""
    mark = Mark(Source(f"--set {name}", (text,)), 1, 1, len(text))
    try:
        return Expr(parse_formula(text[1:]), mark, OPEN)
    except FormulaError as error:
        raise SpecError(formula_problem(error, mark)) from None


def frozen(value: Any) -> Any:
    """A Python value given to ``set`` as the planner has it: tuples, and layers."""
    if isinstance(value, (list, tuple)):
        return tuple(frozen(item) for item in value)
    if isinstance(value, dict) and len(value) == 1:
        (op, args), *_ = value.items()
        if isinstance(args, dict):
            return LayerArg(op, (), tuple((key, frozen(item)) for key, item in args.items()))
        listed = frozen(args if isinstance(args, (list, tuple)) else [args])
        return LayerArg(op, () if args is None else listed)
    return value


def plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them: lists for tuples, ``{op: [args]}`` for layers."""
    return {name: _plain(value) for name, value in params.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, LayerArg):
        items = [_plain(item) for item in value.positional]
        if value.keywords:
            items.append({key: _plain(item) for key, item in value.keywords})
        return {value.op: items}
    return value
