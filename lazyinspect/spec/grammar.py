"""Nodes -> Spec: the grammar of a whole file. Every problem is collected, then raised once."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Mapping as Table
from pathlib import PurePath

from lazyinspect import limits
from lazyinspect.codes import worst_first
from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.shapes import ITEM_BYTES
from lazyinspect.spec.commas import rejoined
from lazyinspect.spec.formula import RESERVED
from lazyinspect.spec.model import (
    REQUIRED_TYPES,
    Expr,
    GraphSpec,
    InputSpec,
    Layers,
    ParamSpec,
    Policy,
    Spec,
    TieSpec,
)
from lazyinspect.spec.names import BLOCK_KEYS, MERGES, SPEC_KEYS, STRUCTURE, did_you_mean, nearest
from lazyinspect.spec.policy import parse_policy
from lazyinspect.spec.reader import Mapping, Node, Scalar, Sequence, read
from lazyinspect.spec.steps import StepParser
from lazyinspect.spec.strays import Stray
from lazyinspect.spec.texts import flow
from lazyinspect.spec.values import Problems

_INPUT_KEYS = ("shape", "dtype", "high")
_DTYPES = {
    "long": "int64", "longtensor": "int64", "integer": "int64", "int": "int32", "short": "int16",
    "byte": "uint8", "char": "int8", "float": "float32", "floattensor": "float32",
    "double": "float64", "half": "float16", "fp16": "float16", "fp32": "float32", "bf16":
    "bfloat16", "boolean": "bool", **{name: name for name in ITEM_BYTES},
}  # fmt: skip
"""Other names of dtypes, in small letters."""
_LAYERS = ("model", "network", "net", "modules", "architecture", "arch", "backbone", "sequential")
"""What other formats call `layers:`."""


def parse_spec(text: str, path: str) -> Spec:
    """The spec that a text holds; ``path`` is what messages call it.

    Raises:
        SpecError: with every problem that shows without planning.
    """
    root = read(text, path)
    problems = Problems()
    if not isinstance(root, Mapping):
        problems.add(
            "bad-spec", "a spec is a mapping with `input:` and `layers:`", root.mark,
            help="write `layers:` above the steps",
        )  # fmt: skip
        raise SpecError(problems.found)
    spec = _Parser(problems, root).spec(path)
    if problems.found:
        whole, cut = rejoined(root)
        if cut and isinstance(whole, Mapping):
            problems = Problems()
            problems.found.extend(cut)
            spec = _Parser(problems, whole).spec(path)
        raise GrammarError(worst_first(_roots(problems.found)), spec, problems.strays)
    return spec


class GrammarError(SpecError):
    """Breaches of the grammar.

    Args:
        spec: what could be read, to look for other problems in.
        strays: the steps of those that say that a key means nothing.
    """

    def __init__(
        self, problems: list[Problem], spec: Spec, strays: Table[Problem, Stray] | None = None
    ) -> None:
        super().__init__(problems)
        self.spec = spec
        self.strays = strays or {}


def _roots(found: list[Problem]) -> list[Problem]:
    """Less what follows from another: a key that is missing because it is misspelt."""
    misspelt = {p.help for p in found if p.code == "unknown-key"}
    return [
        problem
        for problem in found
        if problem.code != "missing-key" or "did you mean `layers`?" not in misspelt
    ]


class _Parser:
    def __init__(self, problems: Problems, root: Mapping) -> None:
        self.problems = problems
        self.root = root
        self.steps = StepParser(problems, _block_params(root.get("blocks")))

    def spec(self, path: str) -> Spec:
        root, mark = self.root, self.root.mark
        for key, value in root.pairs:
            if key.text not in SPEC_KEYS:
                self._unknown(key, value)
        self._version(root.get("lazyinspect"))
        variants, variant_marks = self._variants(root.get("variants"))
        stem = "spec" if path == "-" else PurePath(path).stem
        return Spec(
            source=mark.source,
            name=self._text(root.get("name"), "name") or stem,
            description=self._text(root.get("description"), "description"),
            inputs=self._inputs(root.get("input")),
            params=self._params(root.get("params")),
            variants=variants,
            variant_marks=variant_marks,
            blocks=self._blocks(root.get("blocks")),
            network=self.steps.body(root, mark, {}, ""),
            ties=self._ties(root.get("tie")),
            mark=mark,
            policy=self._policy(root.get("check"), variants),
        )

    def _unknown(self, key: Scalar, value: Node) -> None:
        """A key that a spec has not, and where it belongs."""
        root, found = self.root, flow(value)
        help = ""
        if key.text.lower() in _LAYERS and root.get("layers") is None:
            help = "did you mean `layers`?"
        elif key.text in ("dtype", "high", "shape"):
            shape = root.get("input")
            inside = "" if not isinstance(shape, Sequence) else f"shape: {flow(shape)}, "
            help = f"it belongs to an input: `{{{inside}{key.text}: {found}}}`"
        elif key.text in ("batch", "batch_size"):
            help = "the batch is the first size of `input:`, and --batch changes it"
        elif key.text in ("device", "seed"):
            help = f"it is an option of the command: `--{key.text} {found}`"
        elif nearest(key.text, SPEC_KEYS) is None and isinstance(value, Scalar):
            help = (
                f"a parameter stands below `params:`, for formulas to read: `{key.text}: {found}`"
            )
        if help:
            self.problems.add("unknown-key", f"a spec has no key `{key.text}`", key.mark, help=help)
        else:
            self.problems.unknown_key(key, SPEC_KEYS, "a spec")

    def _version(self, node: Node | None) -> None:
        if node is not None and not (isinstance(node, Scalar) and node.value == 1):
            self.problems.add(
                "spec-version", "this file asks for a version of the language other than 1",
                node.mark, help="write `lazyinspect: 1`, or use a newer lazyinspect",
            )  # fmt: skip

    def _text(self, node: Node | None, key: str) -> str:
        if node is None:
            return ""
        if isinstance(node, Scalar):
            return node.text
        self.problems.add(
            "bad-value", f"`{key}:` takes a text", node.mark, help="write one, in quotes"
        )
        return ""

    def _mapping(self, node: Node | None, key: str, example: str) -> Mapping | None:
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return None
        if isinstance(node, Mapping):
            return node
        self.problems.add("bad-value", f"`{key}:` takes a mapping", node.mark, help=example)
        return None

    # -- inputs ---------------------------------------------------------------------------

    def _inputs(self, node: Node | None) -> tuple[InputSpec, ...]:
        if node is None:
            return ()
        if isinstance(node, Sequence):
            return (self._input("input", node, node.mark),)
        if isinstance(node, Scalar) or not node.pairs:
            sizes = re.findall(r"\d+", node.text) if isinstance(node, Scalar) else []
            shape = ", ".join(sizes) if len(sizes) > 1 else "1, 3, 224, 224"
            self.problems.add(
                "bad-input", "`input:` takes a shape with its batch, or named inputs", node.mark,
                help=f"write [{shape}], or {{ids: {{shape: [1, 64], dtype: int64}}}}",
            )  # fmt: skip
            return ()
        if all(key.text in _INPUT_KEYS for key, _ in node.pairs):
            return (self._input("input", node, node.mark),)
        inputs = []
        for key, value in node.pairs:
            if key.text == "prev" or (key.text == "input" and len(node.pairs) > 1):
                self.problems.add(
                    "bad-name", f"`{key.text}` has a meaning of its own as a source", key.mark,
                    help="give the input another name",
                )  # fmt: skip
            inputs.append(self._input(key.text, value, key.mark))
        return tuple(inputs)

    def _input(self, name: str, node: Node, mark: Mark) -> InputSpec:
        dtype: str | None = None
        high: Expr | None = None
        shape: Node | None = node
        if isinstance(node, Mapping):
            for key, _ in node.pairs:
                if key.text not in _INPUT_KEYS:
                    self.problems.unknown_key(key, _INPUT_KEYS, "an input")
            shape = node.get("shape")
            dtype = self._dtype(node.get("dtype"))
            high_node = node.get("high")
            high = None if high_node is None else self.steps.expr(high_node)
            readable = node.get("dtype") is None or dtype is not None
            integer = dtype is not None and dtype.startswith(("int", "uint"))
            if high_node is not None and readable and not integer:
                self.problems.add(
                    "bad-input", "`high:` bounds random integers, and this input is not of an "
                    "integer dtype", high_node.mark, help="write `dtype: int64` beside it",
                )  # fmt: skip
        if isinstance(shape, Sequence):
            return InputSpec(name, self.steps.expr(shape), dtype, high, mark)
        where = mark if shape is None else shape.mark
        self.problems.add(
            "bad-input", f"the input `{name}` needs a shape", where,
            help="write a list of sizes with the batch first: [1, 3, 224, 224]",
        )  # fmt: skip
        return InputSpec(name, Expr((), where, ()), dtype, high, mark)

    def _dtype(self, node: Node | None) -> str | None:
        if node is None:
            return None
        text = node.text if isinstance(node, Scalar) else ""
        if text in ITEM_BYTES:
            return text
        plain = text.removeprefix("torch.").removeprefix("np.").lower()
        self.problems.add(
            "bad-dtype", f"there is no dtype `{text}`", node.mark,
            help=f"did you mean `{_DTYPES[plain]}`?" if plain in _DTYPES
            else did_you_mean(plain, ITEM_BYTES, "one of " + " ".join(ITEM_BYTES)),
        )  # fmt: skip
        return None

    # -- parameters -----------------------------------------------------------------------

    def _params(self, node: Node | None) -> dict[str, ParamSpec]:
        names = node.items if isinstance(node, Sequence) else ()
        meant = {
            item.text: "int"
            for item in names
            if isinstance(item, Scalar) and item.text.isidentifier()
        }
        example = ", ".join(f"{name}: int" for name in meant) or "classes: 10"
        mapping = self._mapping(node, "params", f"write {{{example}}}")
        params: dict[str, ParamSpec] = {}
        if mapping and len(mapping.pairs) > limits.VALUE:
            self.problems.add(
                "value-too-large", f"there are at most {limits.VALUE} parameters, and these are "
                f"{len(mapping.pairs):,}", mapping.mark, help="a block may have its own",
            )  # fmt: skip
            return {}
        for key, value in mapping.pairs if mapping else ():
            name = key.text
            if name in RESERVED or not name.isidentifier():
                reason = "has a meaning of its own in formulas" if name in RESERVED else (
                    "is no name that a formula can read"
                )  # fmt: skip
                self.problems.add(
                    "bad-name", f"a parameter cannot be called `{name}`: it {reason}", key.mark,
                    help=f"write `{name}_`" if name in RESERVED else "use letters, digits and _",
                )  # fmt: skip
            if isinstance(value, Scalar) and value.plain and value.text in REQUIRED_TYPES:
                params[name] = ParamSpec(name, value.text, None, key.mark)
            else:
                params[name] = ParamSpec(name, None, self.steps.expr(value), key.mark)
        return params

    def _variants(self, node: Node | None) -> tuple[dict[str, dict[str, Expr]], dict[str, Mark]]:
        mapping = self._mapping(node, "variants", "write {small: {}, large: {width: 2}}")
        variants: dict[str, dict[str, Expr]] = {}
        marks: dict[str, Mark] = {}
        params = self.root.get("params")
        known = [key.text for key, _ in params.pairs] if isinstance(params, Mapping) else []
        for key, value in mapping.pairs if mapping else ():
            overrides = self._mapping(value, key.text, "write {width: 2}")
            if key.text == "all":
                self.problems.add(
                    "bad-name", "`all` means every variant, and cannot name one", key.mark,
                    help="give the variant another name",
                )  # fmt: skip
            marks[key.text] = key.mark
            variants[key.text] = {}
            for name, expr in overrides.pairs if overrides else ():
                if name.text not in known:
                    self.problems.add(
                        "unknown-parameter",
                        f"the variant `{key.text}` sets `{name.text}`, which `params:` lacks",
                        name.mark,
                        help=did_you_mean(name.text, known, "declare it under `params:`"),
                    )
                variants[key.text][name.text] = self.steps.expr(expr)
        return variants, marks

    def _policy(self, node: Node | None, variants: Collection[str]) -> Policy:
        mapping = self._mapping(node, "check", "write {max_params: 25M}")
        if mapping is None:
            return Policy()
        policy = parse_policy(self.problems, mapping, "`check:`")
        named = mapping.get("variants")
        for key, _ in named.pairs if isinstance(named, Mapping) else ():
            if key.text not in variants:
                self.problems.add(
                    "unknown-variant", f"the spec has no variant `{key.text}`", key.mark,
                    help=did_you_mean(key.text, variants, "name one of `variants:`"),
                )  # fmt: skip
        return policy

    # -- blocks and ties ------------------------------------------------------------------

    def _blocks(self, node: Node | None) -> dict[str, GraphSpec]:
        mapping = self._mapping(node, "blocks", "write {Unit: {layers: [...]}}")
        blocks: dict[str, GraphSpec] = {}
        for key, value in mapping.pairs if mapping else ():
            name = key.text
            op = name in STRUCTURE or name in MERGES
            if not op and (not name[:1].isupper() or not name.isidentifier()):
                name = self._block_name(key)
            if op:
                self.problems.add(
                    "bad-name", f"`{name}` is an op of the language", key.mark,
                    help=f"write `My{name[:1].upper()}{name[1:]}`",
                )  # fmt: skip
            if not isinstance(value, Mapping):
                self.problems.add(
                    "bad-block", f"the block `{name}` is a mapping with `layers:`", value.mark,
                    help="write {layers: [...]}",
                )  # fmt: skip
                nothing = Layers((), False, value.mark)
                blocks[name] = GraphSpec(nothing, key.mark, inputs=(), name=name)
                continue
            for word, _ in value.pairs:
                if word.text not in BLOCK_KEYS:
                    self.problems.unknown_key(word, BLOCK_KEYS, f"the block `{name}`")
            params = self._params(value.get("params"))
            blocks[name] = self.steps.body(value, key.mark, params, name)
        return blocks

    def _block_name(self, key: Scalar) -> str:
        """A name that no block can have, reported, and the one that was probably meant."""
        name = key.text
        call = re.match(r"(\w+)\s*\((.*)\)\Z", name)
        plain = call[1] if call else re.sub(r"\W", "", name.title() if " " in name else name)
        fixed = plain[:1].upper() + plain[1:]
        help = f"write `{fixed}`" if fixed.isidentifier() else ""
        if call:
            pairs = [part.partition("=") for part in call[2].split(",") if part.strip()]
            params = ", ".join(f"{k.strip()}: {v.strip() or 'int'}" for k, _, v in pairs)
            help = f"write `{fixed}: {{params: {{{params}}}, layers: ...}}`"
        what = "starts with a capital letter" if not name[:1].isupper() else (
            "holds letters, digits and `_` alone"
        )  # fmt: skip
        message = f"a block's name {what}, and `{name}` does not"
        self.problems.add("bad-name", message, key.mark, help=help)
        return fixed if call else name

    def _ties(self, node: Node | None) -> tuple[TieSpec, ...]:
        mapping = self._mapping(node, "tie", "write {lm_head.weight: wte.weight}")
        ties = []
        for key, value in mapping.pairs if mapping else ():
            if isinstance(value, Scalar) and isinstance(value.value, str):
                ties.append(TieSpec(key.text, value.text, key.mark, value.mark))
            else:
                self.problems.add(
                    "bad-tie", "`tie:` takes names of tensors", value.mark,
                    help="write {lm_head.weight: wte.weight}",
                )  # fmt: skip
        return tuple(ties)


def _block_params(node: Node | None) -> dict[str, frozenset[str]]:
    """Names of every block's parameters, which the grammar of its uses depends on."""
    found: dict[str, frozenset[str]] = {}
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            params = value.get("params") if isinstance(value, Mapping) else None
            pairs = params.pairs if isinstance(params, Mapping) else ()
            found[key.text] = frozenset(name.text for name, _ in pairs)
    return found
