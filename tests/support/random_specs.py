"""Random specs, with every word of the language, that plan."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from hypothesis import note
from hypothesis import strategies as st

WIDTH = 4
"""Of every value, so that any may be the source of any step."""
MLP = {"Sequential": [{"LazyLinear": WIDTH}, "Tanh"]}


class Scope:
    """What a step may name: keys around it, and labels of its block."""

    def __init__(self, keys: list[str], labels: list[str], lists: list[str]) -> None:
        self.keys = keys
        self.labels = labels
        self.lists = lists
        """Labels of ``each:``."""

    def inside(self) -> Scope:
        return Scope(list(self.keys), list(self.labels), list(self.lists))

    def leave(self, inside: Scope) -> None:
        """What a container's labels mean after it; its keys mean nothing."""
        self.labels[:], self.lists[:] = inside.labels, inside.lists


class Writer:
    """Writes random steps that are legal where they stand. Names are never twice the same."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.names = (f"n{k}" for k in count())
        self.blocks: dict[str, Any] = {}
        self.modules: dict[str, int] = {}
        """Names that `use:` may apply, and how many sources each takes."""

    def one_in(self, n: int) -> bool:
        return self.draw(st.integers(1, n)) == n

    def pick(self, *items: str) -> str:
        return self.draw(st.sampled_from(items))

    def spec(self) -> dict[str, Any]:
        self.blocks["One"] = {"layers": self.layers(Scope([], [], []), 1)}
        two = self.layers(Scope(["x", "y"], [], []), 1)
        self.blocks["Two"] = {"input": ["x", "y"], "layers": two}
        layers = self.layers(Scope([], [], []), 2)
        return {"input": [2, WIDTH], "blocks": self.blocks, "layers": layers}

    def layers(self, scope: Scope, depth: int, most: int = 4) -> Any:
        """Steps as a list or under names."""
        named = self.one_in(2)
        steps: list[tuple[str, Any]] = []
        for _ in range(self.draw(st.integers(1, most))):
            steps.extend(self.steps(scope, depth, named))
        return dict(steps) if named else [step for _, step in steps]

    def source(self, scope: Scope, *others: str) -> str:
        return self.pick("input", *others, *scope.keys, *scope.labels)

    def steps(self, scope: Scope, depth: int, named: bool) -> list[tuple[str, Any]]:
        """One step, or two where the first gives something else than a value of WIDTH."""
        usable = [name for name in (*scope.keys, *scope.labels) if name in self.modules]
        kinds = ["linear", "tanh", "merge", "halves", "parameter", "mlp", *self.blocks]
        kinds += ["use"] * 2 * bool(usable) + ["join"] * bool(scope.lists)
        kinds += ["sequential", "sequential", "branch", "splice"] * bool(depth)
        kind = self.pick(*kinds)
        name = next(self.names)
        if kind == "halves":
            p, q, after = next(self.names), next(self.names), next(self.names)
            halves = {"chunk": 2, "as": [p, q], "from": self.source(scope, "prev")}
            return [(name, halves), (after, {"cat": [q, p]})]
        if kind == "parameter":
            after, label = next(self.names), next(self.names)
            learned = {"Parameter": [1, WIDTH, {"fill": 0.5}], "as": label}
            return [(name, learned), (after, {"mul": [label, self.source(scope)]})]
        if kind == "splice" and not named:
            body = [step for _, step in self.steps(scope, depth - 1, False)]
            return [(name, {"splice": body, "repeat": self.draw(st.integers(1, 2))})]
        if kind in ("sequential", "branch"):
            return [self.container(kind, name, scope, depth, named)]
        if kind == "join":
            cat = {"cat": [self.pick(*scope.lists), self.source(scope, "prev")]}
            return [(name, {"Sequential": [cat, {"LazyLinear": WIDTH}]})]
        count_of_sources = {"Two": 2}.get(kind, 1)
        step: dict[str, Any] = {"Tanh": None}
        if kind == "linear":
            step = {"LazyLinear": WIDTH}
        elif kind == "mlp":
            step = dict(MLP)
        elif kind == "merge":
            operands = [self.source(scope, "prev"), self.source(scope, "prev")]
            step = {self.pick("add", "sub", "mul"): operands}
        elif kind == "use":
            step = {"use": self.pick(*usable)}
            count_of_sources = self.modules[step["use"]]
        elif kind in self.blocks:
            step = {kind: None}
        if kind != "merge" and (count_of_sources > 1 or self.one_in(2)):
            sources = [self.source(scope, "prev") for _ in range(count_of_sources)]
            step["from"] = sources if len(sources) > 1 else sources[0]
        key, exists = self.words(step, name, scope, named)
        # a repeat under a key is a Sequential: it may not capture a second source, use a module,
        # or have its copies read
        open_inside = count_of_sources > 1 or kind == "use" or "each" in step
        closed = "repeat" not in step or not open_inside
        if exists and kind != "merge" and closed:
            labels = [name] if named and key == name else []
            self.modules.update(dict.fromkeys([*labels, step.get("as", key)], count_of_sources))
        return [(key, step)]

    def container(
        self, kind: str, name: str, scope: Scope, depth: int, named: bool
    ) -> tuple[str, Any]:
        inside = scope.inside()
        body = self.layers(inside, depth - 1, 3)
        if kind == "sequential":
            step = {"Sequential": body}
            if self.one_in(2):
                step["from"] = self.source(scope, "prev")
        else:
            branch = body if isinstance(body, list) else [{"Sequential": body}]
            operands = [self.source(scope, "prev"), branch]
            step = {"sub": operands if self.one_in(2) else operands[::-1]}
        before = scope.inside()
        scope.leave(inside)
        key, exists = self.words(step, name, scope, named)
        if not exists:
            own = [label for label in (step.get("as"),) if label is not None]
            scope.leave(before)
            scope.labels.extend(own)
        return key, step

    def words(self, step: dict[str, Any], name: str, scope: Scope, named: bool) -> tuple[str, bool]:
        """Add words beside the op. The step's key, and whether the step exists."""
        key = name
        if self.one_in(3):
            step["repeat"] = self.draw(st.integers(0, 3))
            if named and self.one_in(2):
                key = name + "_{i}"
            if step["repeat"] and self.one_in(2):
                step["each"] = next(self.names)
                scope.lists.append(step["each"])
        if "from" not in step and self.one_in(4):
            step["if"] = self.one_in(2)
            if step["if"] is False and "each" in step:
                scope.lists.remove(step.pop("each"))
        if self.one_in(3):
            step["as"] = next(self.names)
            scope.labels.append(step["as"])
        exists = step.get("if", True) and step.get("repeat", 1) > 0
        if named and key == name:
            scope.keys.append(name)
        elif named and exists:
            scope.keys.extend(f"{name}_{i}" for i in range(step["repeat"]))
        return key, exists


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    return Writer(draw).spec()


def as_text(spec: dict[str, Any]) -> str:
    """JSON is YAML."""
    text = json.dumps(spec, indent=1)
    note(text)
    return text
