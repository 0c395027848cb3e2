"""Nodes -> expressions and names, with every problem collected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from lazyinspect import limits
from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.spec.formula import Formula, FormulaError, parse_formula
from lazyinspect.spec.model import OPEN, ArgsExpr, Expr, LayerExpr, Name, Template
from lazyinspect.spec.names import MODULE_ATTRIBUTES, did_you_mean
from lazyinspect.spec.reader import Mapping, Node, Scalar, Sequence
from lazyinspect.spec.strays import Stray
from lazyinspect.spec.texts import flow_list

_BRACES = re.compile(r"\{([^{}]*)\}")


class Problems:
    """What is wrong so far. A parser notes a problem, puts in something harmless, and goes on."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.strays: dict[Problem, Stray] = {}
        """Of the steps with keys that mean nothing, what stands there."""

    def add(self, code: str, message: str, mark: Mark, *, help: str = "", found: str = "") -> None:
        self._note(Problem(code, message, mark, help=help, found=found))

    def formula(self, error: FormulaError, mark: Mark, *, quoted: bool = False) -> None:
        """A formula's problem, at the characters to blame."""
        self._note(formula_problem(error, mark, quoted=quoted))

    def stray(self, problem: Problem, step: Stray | None) -> None:
        """A step with keys that mean nothing."""
        if step is not None:
            self.strays[problem] = step
        self._note(problem)

    def _note(self, problem: Problem) -> None:
        self.found.append(problem)
        if len(self.found) >= limits.PROBLEMS:
            raise SpecError(no_more(self.found))

    def unknown_key(self, key: Scalar, known: Iterable[str], where: str) -> None:
        known = list(known)
        self.add(
            "unknown-key",
            f"{where} has no key `{key.text}`",
            key.mark,
            help=did_you_mean(key.text, known, "the keys are " + " ".join(known)),
        )


def no_more(problems: list[Problem]) -> list[Problem]:
    """The problems, where no others are looked for, and the last one says so."""
    note = f"this is problem {limits.PROBLEMS}, and no others are looked for"
    return [*problems[:-1], replace(problems[-1], notes=(*problems[-1].notes, note))]


def formula_problem(error: FormulaError, mark: Mark, *, quoted: bool = False) -> Problem:
    """A Problem from a FormulaError; ``mark`` is the whole scalar's."""
    where = mark
    column = mark.column + 1 + int(quoted) + error.offset
    # a scalar that goes on in further lines is marked at its start alone
    if error.length and column + error.length <= mark.column + mark.length:
        where = Mark(mark.source, mark.line, column, error.length)
    return Problem("formula", error.message, where, help=error.help)


class ValueParser:
    """Turns nodes into expressions."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def formula(self, node: Scalar) -> Formula | None:
        try:
            return parse_formula(node.text[1:])
        except FormulaError as error:
            self.problems.formula(error, node.mark, quoted=not node.plain)
            return None

    def expr(self, node: Node) -> Expr:
        """A value: scalar, formula, list, or a layer."""
        if isinstance(node, Scalar):
            return self._scalar(node)
        if isinstance(node, Sequence):
            self._few(node)
            items = tuple(self.expr(item) for item in node.items)
            constants = tuple(item.constant for item in items)
            closed = all(constant is not OPEN for constant in constants)
            return Expr(items, node.mark, constants if closed else OPEN)
        layer = self.layer(node)
        if layer is None:
            return Expr(None, node.mark, OPEN)
        return Expr(layer, node.mark, OPEN)

    def _few(self, node: Sequence) -> None:
        """No list of more elements than a value may have, nested lists counted."""
        count, lists = 0, [node]
        while lists and count <= limits.VALUE:
            items = lists.pop().items
            count += len(items)
            lists.extend(item for item in items if isinstance(item, Sequence))
        if count > limits.VALUE:
            self.problems.add(
                "value-too-large",
                f"one value holds at most {limits.VALUE:,} elements, and this one more",
                node.mark,
                help="a size is one number",
            )

    def layer(self, node: Mapping) -> LayerExpr | None:
        """``{LeakyReLU: 0.1}`` where a value stands."""
        if len(node.pairs) != 1:
            self.problems.add(
                "bad-value",
                "a mapping as a value is one layer with its arguments",
                node.mark,
                help="write for instance {LeakyReLU: 0.1}",
            )
            return None
        key, value = node.pairs[0]
        return LayerExpr(key.text, self.args(value), key.mark)

    def _scalar(self, node: Scalar) -> Expr:
        value = node.value
        if isinstance(value, str) and value.startswith("$"):
            if value.startswith("$$"):
                return Expr(value[1:], node.mark, value[1:])
            formula = self.formula(node)
            if formula is None:
                return Expr(None, node.mark, OPEN)
            return Expr(formula, node.mark, OPEN)
        if type(value) is int and not -limits.INTEGER <= value <= limits.INTEGER:
            self.problems.add(
                "value-too-large",
                "an integer is at most 2^53",
                node.mark,
                help="up to there a float holds every integer exactly",
            )
        return Expr(value, node.mark, value)

    def args(self, node: Node, parameters: Callable[[str], bool] | None = None) -> ArgsExpr:
        """Arguments: a scalar, a list with keywords last, or keywords.

        ``parameters`` tells whether a name is a parameter of the block called: a last mapping
        ``{Swish: ...}`` is keywords then, and a layer as a positional argument otherwise.
        """
        if isinstance(node, Scalar):
            return ArgsExpr() if node.value is None else ArgsExpr((self.expr(node),))
        if isinstance(node, Mapping):
            if not self._is_keywords(node, parameters):
                return ArgsExpr((self.expr(node),))
            return self._keywords((), node)
        items = list(node.items)
        keywords: Mapping | None = None
        if items and isinstance(items[-1], Mapping) and self._is_keywords(items[-1], parameters):
            keywords = items.pop()  # type: ignore[assignment]
        keywords = self._keywords_together(items, keywords)
        positional = tuple(self.expr(item) for item in items)
        if keywords is None:
            return ArgsExpr(positional)
        return self._keywords(positional, keywords)

    def _keywords_together(self, items: list[Node], keywords: Mapping | None) -> Mapping | None:
        """`[16, 3, padding: 1, dilation: 2]` are two mappings, and only the last is keywords."""
        apart = [
            item
            for item in items
            if isinstance(item, Mapping) and len(item.pairs) == 1
            and item.pairs[0][0].text[:1].islower()
        ]  # fmt: skip
        if not apart:
            return keywords
        for item in apart:
            items.remove(item)
        first = apart[0].pairs[0][0]
        pairs = [pair for item in apart for pair in item.pairs]
        together = Mapping((*pairs, *(keywords.pairs if keywords else ())), first.mark)
        self.problems.add(
            "bad-value",
            f"`{first.text}` stands among the positional arguments",
            first.mark,
            help=f"keywords stand together in braces at the end: `{flow_list([*items, together])}`",
        )
        return together

    @staticmethod
    def _is_keywords(node: Mapping, parameters: Callable[[str], bool] | None) -> bool:
        if len(node.pairs) != 1:
            return True
        key = node.pairs[0][0].text
        if parameters is not None and parameters(key):
            return True
        return not key[:1].isupper()

    def _keywords(self, positional: tuple[Expr, ...], node: Mapping) -> ArgsExpr:
        return ArgsExpr(
            positional,
            {key.text: self.expr(value) for key, value in node.pairs},
            {key.text: key.mark for key, _ in node.pairs},
        )

    def name(self, key: Scalar) -> Name:
        """A step's key: a text, or a template with formulas in braces."""
        text = key.text
        if "{" not in text and "}" not in text:
            self._free_name(text, key.mark)
            return text
        parts: list[str | Formula] = []
        at = 0
        for match in _BRACES.finditer(text):
            parts.append(text[at : match.start()])
            try:
                parts.append(parse_formula(match.group(1)))
            except FormulaError as error:
                self.problems.formula(error, key.mark)
            at = match.end()
        parts.append(text[at:])
        if "{" in "".join(p for p in parts if isinstance(p, str)) or "}" in parts[-1]:  # type: ignore[operator]
            self.problems.add(
                "bad-name",
                f"the braces in `{text}` do not match",
                key.mark,
                help='a templated name holds formulas in braces: "layer{i+1}"',
            )
        return Template(text, tuple(part for part in parts if part != ""))

    def _free_name(self, text: str, mark: Mark) -> None:
        problem = name_problem(text)
        if problem:
            self.problems.add("bad-name", problem[0], mark, help=problem[1])

    def label(self, node: Node, what: str) -> tuple[str, Mark] | None:
        """A name where a label stands."""
        if isinstance(node, Scalar) and node.text and not node.text.startswith("$"):
            if isinstance(node.value, str):
                return node.text, node.mark
            self.problems.add(
                "bad-label",
                f"{what} takes a name, and gets {node.text}",
                node.mark,
                help=f'quote it: "{node.text}"',
            )
            return None
        self.problems.add("bad-label", f"{what} takes a name", node.mark, help="write one name")
        return None


def name_problem(text: str) -> tuple[str, str] | None:
    """Why ``text`` can name no step, and what to do; None where it can."""
    if not text:
        return "a step's name is empty", "give it a name"
    if len(text) > limits.NAME:
        message = f"a step's name has at most {limits.NAME} characters, and this one {len(text):,}"
        return message, f"write `{text[:20]}`"
    if "." in text:
        return f"`{text}` contains a dot", f"write `{text.replace('.', '_')}`"
    if text in ("prev", "input"):
        return f"`{text}` has a meaning of its own as a source", f"write `{text}_`"
    if text.startswith("$"):
        return f"`{text}` is a formula, and a key is a name", 'a templated name is "layer{i}"'
    if text in MODULE_ATTRIBUTES or text.startswith("__") or text.startswith("_"):
        if text.startswith("_"):
            free = text.lstrip("_") or "layer"
            return f"`{text}` starts with an underscore, which torch keeps to itself", (
                f"write `{free}`"
            )
        return f"`{text}` is an attribute of every nn.Module", f"write `{text}_`"
    return None
