"""Plan -> the same network in the same language, with nothing left to infer. No torch here.

No parameters, variants, repeats, conditions or formulas; each lazy layer is the layer that it
became, each argument stands by its name. A block is written where it is used, as a Graph; with
the layout ``blocks``, once for all uses that came out equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lazyinspect.errors import Problem, SpecError
from lazyinspect.export import comments
from lazyinspect.export.decisions import authored
from lazyinspect.export.naming import Body, Name, Written, name_scope
from lazyinspect.export.scalars import flow, quoted
from lazyinspect.export.subject import Subject
from lazyinspect.plan.ops import table
from lazyinspect.plan.tree import Call, Function, Graph, InputType, Leaf, ParameterLeaf
from lazyinspect.spec.model import Spec, StepSpec
from lazyinspect.spec.names import MERGES
from lazyinspect.spec.reader import MAX_BYTES, MAX_DEPTH

FIRST_LINE = "# Written by lazyinspect export: nothing is left to infer here."
WIDTH = 88
"""A step that is longer, its indentation aside, takes a line for each of its keys."""


def write(subject: Subject) -> str:
    """The resolved form, as YAML.

    Raises:
        SpecError: the language has no explicit words for a step, or the file would be larger than
            a spec may be.
    """
    return _Writer(subject.plan, subject.spec, blocks=subject.options.layout == "blocks").file()


class _Writer:
    def __init__(self, plan: Any, spec: Spec, *, blocks: bool) -> None:
        self.plan = plan
        self.spec = spec
        self.blocks = blocks
        self.authored = authored(spec)
        self.bodies: dict[Graph, Body] = {}
        """Of every block, named once for all its uses."""
        self.lines: dict[Graph, list[str]] = {}
        self.depths: dict[Graph, int] = {}
        self.defined: dict[str, tuple[str, list[str]]] = {}
        """Of the layout ``blocks``: a block's text -> its name and its lines."""
        self.names: dict[Graph, str] = {}
        self.scanned = comments.scan(spec.source.lines)
        self.comments: dict[StepSpec, comments.Comments] = {}

    def file(self) -> str:
        """The whole text."""
        root, call = self.plan.root, self.plan.call
        body = self._body(root, call)
        self.comments = self._commented(root)
        layers = self._layers(body)
        head = [FIRST_LINE, *(line for line in comments.header(self.scanned) if line != FIRST_LINE)]
        text = [*head, "", f"name: {quoted(self.spec.name)}"]
        if self.spec.description:
            text.append(f"description: {quoted(self.spec.description)}")
        text += self._inputs(self.plan.inputs)
        if self.defined:
            text.append("blocks:")
            for name, lines in self.defined.values():
                text += [f"  {name}:", *_indented(lines, 4)]
        text += ["layers:", *_indented(layers, 2)]
        if body.output is not None:
            text.append(f"output: {flow(body.output)}")
        if self.plan.ties:
            text.append("tie:")
            text += [f"  {quoted(t.path)}: {quoted(t.source)}" for t in self.plan.ties]
        whole = "\n".join(text) + "\n"
        self._require_small(whole)
        return whole

    def _require_small(self, text: str) -> None:
        """Hold the text to what the reader takes."""
        size = len(text.encode("utf-8"))
        depth = max((_depth(line) for line in text.splitlines()), default=0)
        found = ""
        if size > MAX_BYTES:
            found = f"{size:,} bytes, and a spec has at most {MAX_BYTES:,}"
        elif depth > MAX_DEPTH:
            found = f"more levels of nesting than the {MAX_DEPTH} that a spec may have"
        if found:
            help = "" if self.blocks else "--layout blocks writes equal blocks once"
            raise SpecError(Problem("cannot-export", f"the resolved form has {found}", help=help))

    # -- the tree -------------------------------------------------------------------------

    def _body(self, graph: Graph, call: Call) -> Body:
        found = self.bodies.get(graph)
        if found is None:
            found = self.bodies[graph] = name_scope(graph, call.calls, self.authored)
        return found

    def _commented(self, root: Graph) -> dict[StepSpec, comments.Comments]:
        """Comments of the author's steps that become one step of the text."""
        total: Counter[StepSpec] = Counter()
        uses: Counter[Graph] = Counter()
        order: list[Graph] = []
        seen: set[Graph] = set()

        def visit(graph: Graph, call: Call) -> None:
            if graph in seen:
                return
            seen.add(graph)
            for written in _all(self._body(graph, call)):
                if isinstance(written.step.node, Graph) and written.step.node.is_block:
                    visit(written.step.node, written.call)
            order.append(graph)

        visit(root, self.plan.call)
        uses[root] = 1
        for graph in reversed(order):
            for written in _all(self.bodies[graph]):
                if written.author is not None:
                    total[written.author] += uses[graph]
                node = written.step.node
                if isinstance(node, Graph) and node.is_block:
                    uses[node] = 1 if self.blocks else uses[node] + uses[graph]
        found: dict[StepSpec, comments.Comments] = {}
        claimed: set[int] = set()
        for author in self.authored.values():
            mark = author.name_mark or author.mark
            if mark.line in claimed:
                continue
            claimed.add(mark.line)
            if total[author] == 1:
                found[author] = comments.of_line(self.scanned, mark.line, mark.column)
        return found

    # -- steps ----------------------------------------------------------------------------

    def _layers(self, body: Body) -> list[str]:
        """Lines of `layers:`."""
        lines: list[str] = []
        for written in body.steps:
            lines += self._step(written, body.named)
        if not lines:
            lines = ["- Identity"]  # the language has no empty container
        return lines

    def _step(self, written: Written, named: bool) -> list[str]:
        above, beside = self.comments.get(written.author, comments.Comments())  # type: ignore[arg-type]
        label = f"{quoted(written.step.name)}:" if named else "-"
        keys = self._keys(written)
        lines = self._plain(label, keys, named)
        if beside:
            lines[0] += f" {beside}"
        return [*above, *lines]

    def _plain(self, label: str, keys: list[tuple[str, Any]], named: bool) -> list[str]:
        (op, argument), *others = keys
        if not isinstance(argument, list):
            simple = f"{op}: {argument or '{}'}"
            if not argument and not others:
                return [f"{label} {op}"]
            inline = ", ".join([simple, *(f"{key}: {value}" for key, value in others)])
            braces = named or others
            one = f"{label} {{{inline}}}" if braces else f"{label} {inline}"
            if len(one) <= WIDTH or (not named and not others):
                return [one]
            body = [simple]
        else:
            if named and not others and op == "Sequential" and argument[0].startswith("-"):
                return [label, *_indented(argument, 2)]
            body = [f"{op}:", *_indented(argument, 2)]
        body += [f"{key}: {value}" for key, value in others]
        if named:
            return [label, *_indented(body, 2)]
        return [f"- {body[0]}", *_indented(body[1:], 2)]

    def _keys(self, written: Written) -> list[tuple[str, Any]]:
        """The op with its argument, in flow style or as lines, then the words beside it."""
        node = written.step.node
        sources = written.sources
        merge = isinstance(node, Graph) and node.declared in MERGES
        if written.used is not None:
            op: tuple[str, Any] = ("use", quoted(written.used))
        elif isinstance(node, ParameterLeaf):
            given: dict[str, Any] = {"shape": node.shape}
            if node.fill or str(node.fill) != "0.0":
                given["fill"] = node.fill
            op = ("Parameter", flow(given))
        elif isinstance(node, Leaf):
            op = self._leaf(node)
        elif isinstance(node, Function):
            op, sources = self._function(node, written)
        elif merge:
            op, sources = self._branches(written), None
        else:
            op = self._container(written)
        keys = [op]
        if sources is not None:
            keys.append(("from", _sources(sources)))
        if written.labels:
            labels = [Name(label) for label in written.labels]
            keys.append(("as", flow(labels if written.unpack else labels[0])))
        if written.pick is not None:
            keys.append(("pick", flow(written.pick)))
        if written.expect is not None:
            sizes = ("_" if size is None else str(size) for size in written.expect)
            keys.append(("expect", f"[{', '.join(sizes)}]"))
        return keys

    @staticmethod
    def _leaf(leaf: Leaf) -> tuple[str, str]:
        # a lazy class of the user's own says itself what it becomes
        own = leaf.op is None and leaf.become is None
        op, args = (leaf.declared, leaf.given) if own else (leaf.type, leaf.args)
        return op, _arguments(args)

    def _function(
        self, node: Function, written: Written
    ) -> tuple[tuple[str, str], list[Any] | dict[str, Any] | None]:
        """A function with its arguments; of a merge the sources are among them."""
        sources, args = written.sources, dict(node.args)
        listed = isinstance(sources, list) and not any(isinstance(s, list) for s in sources)
        if node.op.kind != "merge" or isinstance(sources, dict) or not (listed or sources is None):
            return (node.op.name, _function_arguments(node, args)), sources
        items = [Name("prev")] if sources is None else list(sources)
        if args:
            items.append(args)
        return (node.op.name, flow(items)), None

    def _branches(self, written: Written) -> tuple[str, list[str]]:
        """A merge with inline branches."""
        node = written.step.node
        assert isinstance(node, Graph) and isinstance(written.sources, list)
        lines: list[str] = []
        for source in written.sources:
            if isinstance(source, Body):
                lines += _dashed(self._layers(source))
            else:
                lines.append(f"- {flow(source)}")
        last = node.steps[-1].node
        assert isinstance(last, Function)
        if last.args:
            lines.append(f"- {flow(last.args)}")
        return node.declared, lines

    def _container(self, written: Written) -> tuple[str, Any]:
        node = written.step.node
        assert isinstance(node, Graph)
        if node.is_block:
            if self.blocks and node.declared != "Graph":
                return self._defined(node, written.call), ""
            return "Graph", self._graph(node, written.call)
        assert written.body is not None
        lines = self._layers(written.body)
        if written.body.is_graph:
            return "Graph", ["layers:", *_indented(lines, 2)]
        return "Sequential", lines

    def _graph(self, graph: Graph, call: Call) -> list[str]:
        """What `Graph:` or the name of a block holds."""
        found = self.lines.get(graph)
        if found is None:
            body = self._body(graph, call)
            found = ["layers:", *_indented(self._layers(body), 2)]
            if graph.inputs != ("input",):
                found.insert(0, f"input: {flow([Name(name) for name in graph.inputs])}")
            if body.output is not None:
                found.append(f"output: {flow(body.output)}")
            self.lines[graph] = found
        return found

    def _defined(self, graph: Graph, call: Call) -> str:
        """Name of the block that a graph is written as."""
        found = self.names.get(graph)
        if found is None:
            lines = self._graph(graph, call)
            text = "\n".join(lines)
            if text not in self.defined:
                self.defined[text] = (self._free(graph.declared), lines)
            found = self.names[graph] = self.defined[text][0]
        return found

    def _free(self, base: str) -> str:
        taken = {name for name, _ in self.defined.values()} | table().keys()
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        return name

    # -- the rest of the file -------------------------------------------------------------

    def _inputs(self, inputs: tuple[InputType, ...]) -> list[str]:
        declared = {entry.name: entry.dtype for entry in self.spec.inputs}
        forms = {}
        for entry in inputs:
            form: Any = entry.type.shape
            if declared.get(entry.name) is not None:
                form = {"shape": form, "dtype": entry.type.dtype}
                if entry.high is not None:
                    form["high"] = entry.high
            forms[entry.name] = form
        if list(forms) == ["input"]:
            return [f"input: {flow(forms['input'])}"]
        return ["input:", *(f"  {quoted(name)}: {flow(form)}" for name, form in forms.items())]


def _function_arguments(node: Function, args: Mapping[str, Any]) -> str:
    """Arguments by name, but for sizes one by one, `permute: [0, 2, 1]`, which have none."""
    (first, *others) = node.op.parameters.parameters or (None,)
    if first is not None and first.variadic and not others and args:
        return flow(args[first.name])
    return _arguments(args)


def _arguments(args: Mapping[str, Any]) -> str:
    """Arguments by name; none is nothing."""
    if len(args) == 1:
        ((name, value),) = args.items()
        if not name[:1].islower():
            # alone, `{N: 3}` would be a layer
            return flow([value])
    return flow(args) if args else ""


def _sources(sources: list[Any] | dict[str, Any]) -> str:
    if isinstance(sources, list) and len(sources) == 1 and not isinstance(sources[0], list):
        return flow(sources[0])
    return flow(sources)


def _all(body: Body) -> Iterable[Written]:
    """Every step of a scope."""
    for written in body.steps:
        yield written
        if written.body is not None:
            yield from _all(written.body)
        for source in written.sources if isinstance(written.sources, list) else ():
            if isinstance(source, Body):
                yield from _all(source)


def _indented(lines: Iterable[str], by: int) -> list[str]:
    space = " " * by
    return [space + line for line in lines]


def _dashed(lines: list[str]) -> list[str]:
    """Lines as an item of a list."""
    first, *others = lines
    return [f"- {first}", *_indented(others, 2)]


def _depth(line: str) -> int:
    """At most so many levels are open in a line: one for each two spaces, and the brackets."""
    return (len(line) - len(line.lstrip(" -"))) // 2 + 1 + line.count("[") + line.count("{")
