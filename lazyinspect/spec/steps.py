"""Nodes -> steps: the grammar below ``layers:``."""

from __future__ import annotations

from collections.abc import Mapping as Table
from typing import Any

from lazyinspect.errors import Mark
from lazyinspect.spec.model import (
    ArgsExpr,
    Branch,
    Expr,
    GraphSpec,
    Layers,
    Name,
    OutputSpec,
    ParamSpec,
    SourceExpr,
    Sources,
    StepSpec,
)
from lazyinspect.spec.names import GRAPH_KEYS, MERGES, STEP_KEYS
from lazyinspect.spec.reader import Mapping, Node, Scalar, Sequence
from lazyinspect.spec.sources import SourceParser
from lazyinspect.spec.strays import call, missing_dash, stray
from lazyinspect.spec.texts import flow_list, flow_mapping
from lazyinspect.spec.values import Problems


class StepParser(SourceParser):
    """Parses layers and steps. ``block_params``: names of each block's parameters."""

    def __init__(self, problems: Problems, block_params: Table[str, frozenset[str]]) -> None:
        super().__init__(problems)
        self.block_params = block_params

    # -- layers ---------------------------------------------------------------------------

    def layers(self, node: Node, *, where: str) -> Layers:
        """``layers:``, or what ``Sequential:`` holds."""
        if isinstance(node, Sequence):
            meant = call(node.items)
            if meant is not None:
                name, arguments, number = meant
                self.problems.add(
                    "bad-step",
                    f"a step is the name of a layer or function, and this is {number.text}",
                    number.mark,
                    help="write for instance ReLU, or {LazyConv2d: [64, 3]}"
                    if name is None
                    else f"the arguments of an op follow a colon: `{{{name.text}: {arguments}}}`",
                )
                return Layers((), False, node.mark)
            listed = [self.step(item) for item in node.items]
            steps = tuple(step for step in listed if step is not None)
            return self._nonempty(Layers(steps, False, node.mark), bool(node.items), where)
        if isinstance(node, Mapping):
            slip = missing_dash(node)
            if slip is not None:
                self.problems.add(
                    "bad-step", f"`{slip.text}` is read as the name of a step here", slip.mark,
                    help=f"in a list each step has a dash: - {slip.text}: ...; in a mapping each "
                    f"has a name: conv: {{{slip.text}: ...}}",
                )  # fmt: skip
                return Layers((), True, node.mark)
            named = [self.named_step(key, value) for key, value in node.pairs]
            steps = tuple(step for step in named if step is not None)
            return self._nonempty(Layers(steps, True, node.mark), bool(node.pairs), where)
        if node.value is None:
            return self._nonempty(Layers((), False, node.mark), False, where)
        self.problems.add(
            "bad-layers",
            f"{where} is a list of steps, or a mapping of names to steps",
            node.mark,
            help=_listed(node),
        )
        return Layers((), False, node.mark)

    def _nonempty(self, layers: Layers, given: bool, where: str) -> Layers:
        if not given:
            self.problems.add(
                "empty-layers", f"{where} is empty", layers.mark, help="write at least one step"
            )
        return layers

    def named_step(self, key: Scalar, node: Node) -> StepSpec | None:
        return self.step(node, name=self.name(key), name_mark=key.mark)

    def step(
        self, node: Node, *, name: Name | None = None, name_mark: Mark | None = None
    ) -> StepSpec | None:
        """One step: a name, a list, or a mapping with one op."""
        fields: dict[str, Any] = {"name": name, "name_mark": name_mark}
        if isinstance(node, Scalar):
            return self._word(node, fields)
        if isinstance(node, Sequence):
            body = GraphSpec(self.layers(node, where="this list of steps"), node.mark)
            return StepSpec("Sequential", node.mark, body=body, **fields)
        return self._mapping(node, fields)

    def _word(self, node: Scalar, fields: dict[str, Any]) -> StepSpec | None:
        text = node.text
        if isinstance(node.value, str) and text.startswith("$") and not text.startswith("$$"):
            formula = self.formula(node)
            return None if formula is None else StepSpec("$", node.mark, layer=formula, **fields)
        if not isinstance(node.value, str):
            self.problems.add(
                "bad-step",
                f"a step is the name of a layer or function, and this is {text or 'empty'}",
                node.mark,
                help="write for instance ReLU, or {LazyConv2d: [64, 3]}"
                + ("" if text else "; or leave it out"),
            )
            return None
        if text in ("Sequential", "Graph", "Parameter", "use", "splice"):
            self.problems.add(
                "missing-argument", f"`{text}` needs its argument", node.mark,
                help=_form(text),
            )  # fmt: skip
            return None
        if text in MERGES:
            fields["merge"] = Sources((), {}, node.mark)
        return StepSpec(text, node.mark, **fields)

    def _mapping(self, node: Mapping, fields: dict[str, Any]) -> StepSpec | None:
        ops = [(key, value) for key, value in node.pairs if key.text not in STEP_KEYS]
        if not ops:
            # `repeat` alone is the tensor function; beside an op it is the count of copies
            ops = [(key, value) for key, value in node.pairs if key.text == "repeat"]
        if len(ops) != 1:
            self._wrong_op_count(node, ops)
            return None
        key, argument = ops[0]
        for word, value in node.pairs:
            if word.text in STEP_KEYS and word is not key:
                self._step_key(word, value, fields)
        self._distinct(fields)
        sources: Sources | None = fields.get("sources")
        # the steps of a Sequential may each name their own
        if sources is not None and sources.is_empty and key.text != "Sequential":
            self.problems.add(
                "bad-source", "`from:` names nothing", sources.mark,
                help="name a label, or leave `from:` out: the step before is meant then",
            )  # fmt: skip
        return self._op(key, argument, fields)

    def _distinct(self, fields: dict[str, Any]) -> None:
        """No label twice among those of one step."""
        seen: set[str] = set()
        each = fields.get("each")
        for name, mark in (*fields.get("labels", ()), *((each,) if each else ())):
            if name in seen:
                self.problems.add(
                    "duplicate-label", f"the label `{name}` is set twice in this step", mark,
                    help="a label names one value",
                )  # fmt: skip
            seen.add(name)

    def _wrong_op_count(self, node: Mapping, ops: list[tuple[Scalar, Node]]) -> None:
        if not ops:
            self.problems.add(
                "bad-step", "this step has no op", node.mark,
                help="write for instance {ReLU: , from: x}",
            )  # fmt: skip
            return
        known = [(key, value) for key, value in node.pairs if key.text in STEP_KEYS]
        self.problems.stray(*stray(ops, known))

    # -- the op and its argument ----------------------------------------------------------

    def _op(self, key: Scalar, argument: Node, fields: dict[str, Any]) -> StepSpec | None:
        op = key.text
        if op.startswith("$"):
            formula = self.formula(key)
            if not (isinstance(argument, Scalar) and argument.value is None):
                self.problems.add(
                    "bad-step",
                    "a layer held by a parameter brings its own arguments",
                    argument.mark,
                    help=f"give them where `{op[1:]}` is set: {{{op[1:]}: {{LeakyReLU: 0.1}}}}",
                )
            return None if formula is None else StepSpec("$", key.mark, layer=formula, **fields)
        if op in ("Sequential", "splice"):
            body = GraphSpec(self.layers(argument, where=f"`{op}:`"), argument.mark)
            if op == "splice":
                self._splice(key, body, fields)
            return StepSpec(op, key.mark, body=body, **fields)
        if op == "Graph":
            graph = self.graph(argument, key.mark)
            return None if graph is None else StepSpec(op, key.mark, body=graph, **fields)
        if op == "use":
            label = self.label(argument, "`use:`")
            if label is None:
                return None
            target = Expr(label[0], label[1], label[0])
            return StepSpec(op, key.mark, args=ArgsExpr((target,)), **fields)
        if op in MERGES:
            merge, args = self._merge(argument)
            return StepSpec(op, key.mark, args=args, merge=merge, **fields)
        params = self.block_params.get(op)
        known = None if params is None else params.__contains__
        return StepSpec(op, key.mark, args=self.args(argument, known), **fields)

    def _splice(self, key: Scalar, body: GraphSpec, fields: dict[str, Any]) -> None:
        if body.layers.named:
            self.problems.add(
                "bad-step",
                "`splice:` takes a list of steps",
                body.mark,
                help="its steps join the enclosing list, where they have indices, not names",
            )
        if fields["name"] is not None:
            self.problems.add(
                "bad-step",
                "`splice:` stands in a list, not under a name",
                key.mark,
                help="under a name write the list of steps itself",
            )
        for word in ("sources", "labels", "each", "pick", "become", "expect"):
            if fields.get(word):
                written = {"sources": "from", "labels": "as"}.get(word, word)
                self.problems.add(
                    "bad-step", f"`splice:` takes no `{written}:`", key.mark,
                    help=f"put `{written}:` on the step inside",
                )  # fmt: skip

    def _merge(self, node: Node) -> tuple[Sources, ArgsExpr]:
        """A merge's argument: sources, with keywords last."""
        if isinstance(node, Mapping):
            return Sources((), {}, node.mark), self.args(node)
        items = list(node.items) if isinstance(node, Sequence) else [node]
        if isinstance(node, Scalar) and node.value is None:
            items = []
        args = ArgsExpr()
        if items and isinstance(items[-1], Mapping):
            last = items[-1]
            if len(last.pairs) == 1 and last.pairs[0][0].text[:1].isupper():
                name = last.pairs[0][0]
                self.problems.add(
                    "bad-source", f"`{name.text}` stands where a source is named", name.mark,
                    help=f"an inline branch is a list of steps: [{name.text}: ...]",
                )  # fmt: skip
                return Sources((), {}, node.mark), args
            args = self.args(items.pop())
        sources: list[SourceExpr] = []
        for item in items:
            if isinstance(item, Sequence):
                layers = self.layers(item, where="this inline branch")
                sources.append(Branch(layers, item.mark))
            elif isinstance(item, Scalar):
                sources.append(self.scalar_source(item))
            else:
                self.problems.add(
                    "bad-source",
                    "a source is a label, a number, a formula, or a list of steps",
                    item.mark,
                    help=f"put an inline branch in brackets: `{_branch(item)}`",
                )
        return Sources(tuple(sources), {}, node.mark), args

    def graph(self, node: Node, mark: Mark) -> GraphSpec | None:
        """``Graph: {input, layers, output}``."""
        if not isinstance(node, Mapping):
            self.problems.add(
                "bad-step", "`Graph:` takes a mapping with `layers:`", node.mark,
                help=_form("Graph"),
            )  # fmt: skip
            return None
        for key, _ in node.pairs:
            if key.text not in GRAPH_KEYS:
                self.problems.unknown_key(key, GRAPH_KEYS, "`Graph:`")
        return self.body(node, mark, {}, "Graph")

    def body(
        self, node: Mapping, mark: Mark, params: Table[str, ParamSpec], name: str
    ) -> GraphSpec:
        """Inputs, layers and output of a block, a Graph or the network."""
        layers_node = node.get("layers")
        if layers_node is None:
            self.problems.add(
                "missing-key", f"{f'`{name}`' if name else 'the spec'} has no `layers:`", mark,
                help="write `layers:` with a list of steps",
            )  # fmt: skip
            layers = Layers((), False, mark)
        else:
            layers = self.layers(layers_node, where="`layers:`")
        output_node = node.get("output")
        return GraphSpec(
            layers,
            mark,
            inputs=self._input_names(node.get("input")) if name else (),
            output=None if output_node is None else self.output(output_node),
            params=params,
            name=name,
        )

    def _input_names(self, node: Node | None) -> tuple[tuple[str, Mark], ...]:
        if node is None:
            return ()
        if isinstance(node, Mapping) and node.pairs:
            self.problems.add(
                "bad-label", "the inputs of a block are a list of names, and have no shapes",
                node.mark, help=f"write `input: {flow_list(key for key, _ in node.pairs)}`",
            )  # fmt: skip
            return tuple((key.text, key.mark) for key, _ in node.pairs)
        items = node.items if isinstance(node, Sequence) else (node,)
        names = [self.label(item, "`input:`") for item in items]
        found = [name for name in names if name is not None]
        seen: set[str] = set()
        for name, mark in found:
            if name in seen or name == "prev" or (name == "input" and len(found) > 1):
                why = "names two inputs" if name in seen else "has a meaning of its own as a source"
                self.problems.add(
                    "bad-name", f"`{name}` {why}", mark, help="give each input a name of its own"
                )
            seen.add(name)
        return tuple(found)

    def output(self, node: Node) -> OutputSpec:
        """``output:``."""
        keys: tuple[str, ...] | None = None
        if isinstance(node, Mapping):
            keys = tuple(key.text for key, _ in node.pairs)
            if keys and all(isinstance(v, Scalar) and v.value is None for _, v in node.pairs):
                both = flow_mapping((key, key) for key, _ in node.pairs)
                names = flow_list(key for key, _ in node.pairs)
                self.problems.add(
                    "bad-label", "a mapping gives each output a name and a label", node.mark,
                    help=f"write `{both}`, or as a tuple `{names}`",
                )  # fmt: skip
                return OutputSpec((), None, False, node.mark)
            labels = [self.label(value, "`output:`") for _, value in node.pairs]
        elif isinstance(node, Sequence):
            labels = [self.label(value, "`output:`") for value in node.items]
        else:
            labels = [self.label(node, "`output:`")]
        if not labels:
            self.problems.add(
                "empty-output", "`output:` names nothing", node.mark,
                help="name a step, or leave it out: the last step's output is meant then",
            )  # fmt: skip
        found = tuple(label for label in labels if label is not None)
        return OutputSpec(found, keys, isinstance(node, Scalar), node.mark)

    # -- keys beside the op ---------------------------------------------------------------

    def _step_key(self, key: Scalar, node: Node, fields: dict[str, Any]) -> None:
        word = key.text
        if word == "from":
            fields["sources"] = self.sources(node)
        elif word == "as":
            fields["unpack"] = isinstance(node, Sequence)
            items = node.items if isinstance(node, Sequence) else (node,)
            labels = [self.label(item, "`as:`") for item in items]
            fields["labels"] = tuple(label for label in labels if label is not None)
            if not labels:
                self.problems.add(
                    "bad-label", "`as:` names nothing", node.mark,
                    help="write one label, or one for each element of a tuple",
                )  # fmt: skip
            for label in fields["labels"]:
                if label[0] in ("prev", "input"):
                    self.problems.add(
                        "bad-label", f"`{label[0]}` has a meaning of its own as a source",
                        label[1], help=f"write `{label[0]}_`",
                    )  # fmt: skip
        elif word == "if":
            fields["condition"] = self.expr(node)
        elif word in ("repeat", "pick"):
            fields[word] = self.expr(node)
        elif word == "each":
            fields["each"] = self.label(node, "`each:`")
        elif word == "become":
            fields["become"] = self.label(node, "`become:`")
        else:
            fields["expect_mark"] = key.mark
            fields["expect"] = self.expectation(node)


def _branch(node: Mapping) -> str:
    return f"[{flow_mapping(node.pairs)[1:-1]}]" if node.pairs else "[LazyConv2d: [8, 3]]"


def _listed(node: Scalar) -> str:
    """How to make a list of what stands where one is wanted."""
    if node.plain and node.text.startswith("-") and isinstance(node.value, str):
        return f"a space is missing after the dash: - {node.text.split()[0].lstrip('-')}"
    if "\n" in node.text:
        return "leave out what stands after the colon: `|` and `>` make one text of the lines below"
    example = node.text if isinstance(node.value, str) and node.text.isidentifier() else "ReLU"
    return f"write [{example}]"


def _form(op: str) -> str:
    """How an op of the language is written, as `lazyinspect layers` tells it."""
    from lazyinspect.spec.structure import STRUCTURE_OPS  # of use to an error alone

    return "write " + next(entry.form for entry in STRUCTURE_OPS if entry.name == op)
