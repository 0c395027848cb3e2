"""A source of randomness -> specs that mostly plan, and specs that nearly would.

An ``Author`` writes networks whose steps keep the shape of what flows, so that any may follow any;
``wrong`` then changes a few places of its tree in the ways in which people go wrong, and some in
which nobody would. Everything asks one ``random.Random``, which hypothesis can be as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import yaml

from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.ops.signature import REQUIRED, Kind
from lazyinspect.spec.names import SPEC_KEYS, STEP_KEYS

CHANNELS = 4
"""Of every image that flows; so that any step may read any other."""
SIZE = 6

_KEEPING: tuple[Callable[[Random], Any], ...] = (
    lambda rng: {"LazyConv2d": [CHANNELS, 3, 1, 1]},
    lambda rng: {"Conv2d": [CHANNELS, "$c", 1]},
    lambda rng: {"LazyConv2d": ["$cin", {"kernel_size": "$k", "padding": "$k//2", "bias": False}]},
    lambda rng: {"LazyConvTranspose2d": [CHANNELS, 1]},
    lambda rng: rng.choice(("ReLU", "GELU", "LazyBatchNorm2d", "Identity", "tanh", "sigmoid")),
    lambda rng: {"Dropout": rng.choice((0.0, 0.5))},
    lambda rng: {"LazyLinear": "$last"},
    lambda rng: {"LazyLayerNorm": None},
    lambda rng: {"GroupNorm": [2, CHANNELS]},
    lambda rng: {"MaxPool2d": [3, 1, 1]},
    lambda rng: {"transpose": [2, 3]},
    lambda rng: {"permute": [0, 1, 3, 2]},
    lambda rng: {"Upsample": {"size": [SIZE, "$shape(3)"]}},
    lambda rng: {"expect": ["_", "$c", SIZE, "_"], "relu": None},
    lambda rng: {"mul": ["prev", rng.choice((2, 0.5, "$1/c"))]},
    lambda rng: ["ReLU", {"LazyConv2d": [CHANNELS, 1]}],
    lambda rng: [{"unflatten": [1, [2, 2]]}, {"flatten": [1, 2]}],
)
_SCRAPS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 64, 10**6, 2**31, 2**53, 2**53 + 1, 10**25, 0.0, 0.5, -1.5,
    1e308, float("inf"), float("nan"), "", " ", "x", "é", "\x1b[31m", "a\nb", "a" * 300, "~", "no",
    "prev", "input", "layers", "$", "$$", "$c", "$cin", "$last", "$i", "$shape(9)", "$shape(-1)",
    "$1/0", "$c/2", "$c//0", "$2**3", "$x.y", "$f(1)", "$max()", "$(((1)))", "$1 if", "${c}", "{i}",
    "os.system", "torch.nn.ReLU", "nn.ReLU", "F.relu", "relu", "Relu", "CONV2D", "CrossEntropyLoss",
    "Module", "forward", "__init__", "0", "b1.0", [], {}, [[]], [[[1]]], {"x": None}, {"": 1},
    [1, 2, 3], ["_"], [None], ["prev", "prev"], {"ReLU": None}, [{"ReLU": None}], {"ReLU": {}},
    {"LazyLinear": 4}, {"LazyConv2d": [1, 1], "ReLU": None}, {"from": "x"}, {"repeat": 2},
    {"splice": []}, {"Sequential": []}, {"Graph": {"layers": []}}, {"shape": [1], "dtype": "int64"},
)  # fmt: skip


class Author:
    """Writes one random network."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.count = 0
        self.blocks: dict[str, Any] = {}
        self.modules: list[str] = []
        """Labels of modules, which `use:` may apply."""

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def one_in(self, n: int) -> bool:
        return self.rng.randrange(n) == 0

    def spec(self) -> dict[str, Any]:
        rng = self.rng
        for at in range(rng.randrange(3)):
            self.block(f"Block{at}")
        labels = ["input"]
        spec: dict[str, Any] = {
            "input": self.input(),
            "params": {"c": CHANNELS, "k": 3, "act": "layer" if self.one_in(30) else "ReLU"},
        }
        spec["layers"] = self.layers(labels, 3)
        if self.blocks:
            spec["blocks"] = self.blocks
        if self.one_in(4):
            spec["variants"] = {"a": {}, "b": {"k": 5}, "d": {"act": {"LeakyReLU": 0.2}}}
        if self.one_in(4):
            spec["output"] = rng.choice(
                (rng.choice(labels), [rng.choice(labels)], {"y": rng.choice(labels)})
            )
        if self.one_in(9):
            spec["name"], spec["description"], spec["lazyinspect"] = "net", "of chance", 1
        if self.one_in(9):
            spec["tie"] = {f"{rng.choice(labels)}.weight": f"{rng.choice(labels)}.weight"}
        return spec

    def input(self) -> Any:
        shape: list[Any] = [2, CHANNELS, SIZE, "$c+2" if self.one_in(5) else SIZE]
        if self.one_in(3):
            return {"x": {"shape": shape, "dtype": "float32"}, "y": shape}
        return shape

    def block(self, name: str) -> None:
        params = {"c": self.rng.choice(("int", CHANNELS)), "k": 3, "act": "GELU"}
        block: dict[str, Any] = {"params": params}
        labels = ["input"]
        if self.one_in(3):
            block["input"] = labels = ["x", "y"]
        block["layers"] = self.layers(list(labels), 1)
        self.modules.clear()
        self.blocks[name] = block

    def layers(self, labels: list[str], depth: int) -> Any:
        """Steps as a list or under names; what they name is visible after them."""
        named = self.one_in(2)
        steps: list[tuple[str, Any]] = []
        for _ in range(self.rng.choice((1, 1, 2, 3, 4, 6))):
            steps.append(self.step(labels, depth, named))
        return dict(steps) if named else [step for _, step in steps]

    def step(self, labels: list[str], depth: int, named: bool) -> tuple[str, Any]:
        rng = self.rng
        name = self.name()
        kind = rng.choice(
            ("keep",) * 6
            + ("any", "merge", "merge", "block", "block", "tuple", "act", "parameter")
            + ("use", "use") * bool(self.modules)
            + ("sequential", "sequential", "branch", "graph") * bool(depth)
            + ("splice",) * bool(depth and not named)
        )
        step: Any
        if kind == "merge":
            op = rng.choice(("add", "add", "sub", "mul", "cat", "cat", "stack"))
            step = {op: [rng.choice([*labels, "prev"]) for _ in range(2)]}
            if op == "cat":
                step["cat"].append(rng.choice(labels))
                step = {"Sequential": [step, {"LazyConv2d": [CHANNELS, 1]}]}
            elif op == "stack":
                step = {"Sequential": [step, {"mean": 1}]}
        elif kind == "block" and self.blocks:
            block = rng.choice(sorted(self.blocks))
            step = {block: rng.choice((CHANNELS, [CHANNELS, 1], {"c": "$c"}))}
            if "input" in self.blocks[block]:
                step["from"] = [rng.choice(labels), rng.choice(labels)]
        elif kind == "tuple":
            step = {"chunk": 2, "as": [f"{name}a", f"{name}b"]}
            if self.one_in(2):
                step = {"Sequential": [step, {"cat": [f"{name}b", f"{name}a"]}]}
            elif self.one_in(2):
                step = {"chunk": 2, "pick": rng.choice((0, 1))}
        elif kind == "use":
            step = {"use": rng.choice([*self.modules, *labels[-1:]])}
        elif kind == "parameter":
            step = {"Parameter": [1, CHANNELS, 1, SIZE, {"fill": 0.5}], "as": f"{name}p"}
            step = {
                "Sequential": [{"Identity": None, "as": name}, step, {"add": [name, f"{name}p"]}]
            }
        elif kind == "act":
            step = "$act"
        elif kind == "any":
            step = self.call()
        elif kind == "sequential":
            step = {"Sequential": self.layers(list(labels), depth - 1)}
        elif kind == "branch":
            inner = self.layers(list(labels), depth - 1)
            step = {"add": ["prev", inner if isinstance(inner, list) else [{"Sequential": inner}]]}
        elif kind == "splice":
            inner = [self.step(labels, depth - 1, False)[1] for _ in range(rng.randint(1, 2))]
            step = {"splice": inner, "repeat": rng.choice((0, 1, 2, 3, "$k"))}
            if self.one_in(4):
                step["if"] = rng.choice((True, False, "$k == 3"))
            return name, step
        elif kind == "graph":
            step = {"Graph": {"layers": self.layers(["input"], depth - 1)}}
        else:
            step = rng.choice(_KEEPING)(rng)
        key = self.words(step, name, labels, kind)
        label = name
        if not named and isinstance(step, dict) and "as" not in step and self.one_in(2):
            step["as"] = name
        elif not named or key != name or kind == "tuple":
            label = ""
        if label:
            labels.append(label)
            if kind in ("sequential", "block") or (kind == "keep" and _is_layer(step)):
                self.modules.append(label)
        return key, step

    def words(self, step: Any, name: str, labels: list[str], kind: str) -> str:
        """Adds words beside the op. Returns the step's key."""
        rng = self.rng
        if not isinstance(step, dict):
            return name
        if self.one_in(4) and "from" not in step and kind not in ("merge", "branch"):
            step["from"] = rng.choice(labels)
        if self.one_in(6):
            step["if"] = rng.choice((True, False, "$k == 3", "$cin > 9 or k < 2"))
        if self.one_in(6):
            step["repeat"] = rng.choice((0, 1, 2, 3, "$k"))
            if self.one_in(4):
                step["if"] = rng.choice(("$i == 0", "$i % 2 == 1"))
            if self.one_in(2):
                step["each"] = f"{name}s"
            if self.one_in(3):
                return name + "_{i}"
        if self.one_in(9):
            step["expect"] = rng.choice((["_"] * 4, [2, "$cin", SIZE, SIZE]))
        if self.one_in(60):
            step["become"] = rng.choice(("Conv2d", "Linear", "BatchNorm2d"))
        return name

    def call(self) -> Any:
        """Any row of the op table, with arguments of mostly the right types."""
        rng = self.rng
        name = rng.choice(sorted(table()))
        row = table()[name]
        step: dict[str, Any] = {name: self.arguments(row)}
        return name if step[name] is None and self.one_in(2) else step

    def arguments(self, row: Op | LazyOp) -> Any:
        rng = self.rng
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        parameters = signature_of(row.name).parameters
        for parameter in parameters:
            if parameter.keyword_only or (parameter.default is not REQUIRED and rng.random() < 0.8):
                break
            positional.append(self.value(parameter.kinds))
        for parameter in parameters[len(positional) :]:
            if rng.random() < 0.15:
                keywords[parameter.name] = self.value(parameter.kinds)
        if not positional:
            return keywords or None
        if keywords:
            positional.append(keywords)
        return positional[0] if len(positional) == 1 and not keywords else positional

    def value(self, kinds: tuple[Kind, ...]) -> Any:
        rng = self.rng
        if self.one_in(25):
            return rng.choice(_SCRAPS)
        kind = rng.choice(kinds)
        if kind.base == "int":
            return rng.choice((1, 1, 2, 2, 3, CHANNELS, CHANNELS, SIZE, 8, 0, -1, "$c", "$cin"))
        if kind.base == "float":
            return rng.choice((0.0, 0.1, 0.5, 1.0, 1, -0.5, 1e-5, "$c/2"))
        if kind.base == "bool":
            return rng.choice((True, False))
        if kind.base == "list":
            count = kind.length if kind.length is not None else rng.randrange(4)
            item = (kind.item,) if kind.item is not None else kinds[:0]
            return [self.value(item) if item else 1 for _ in range(count)]
        if kind.base == "Literal":
            return rng.choice(kind.choices)
        if kind.base == "None":
            return None
        if kind.base == "dtype":
            return rng.choice(("float32", "int64", "float16", "bool"))
        if kind.base == "module":
            return self.call() if self.one_in(3) else rng.choice(("ReLU", {"Linear": [4, 4]}))
        return rng.choice(_SCRAPS)


def _is_layer(step: Any) -> bool:
    op = step if isinstance(step, str) else next(iter(step), "") if isinstance(step, dict) else ""
    return op[:1].isupper()


def spec(rng: Random) -> dict[str, Any]:
    """A network that mostly plans."""
    return Author(rng).spec()


def wrong(rng: Random, tree: Any) -> Any:
    """The tree with some places changed."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        places = list(_places(tree))
        if not places:
            break
        parent, key = rng.choice(places)
        rng.choice(_SLIPS)(rng, places, parent, key)
    return tree


def text(rng: Random, tree: Any) -> bytes:
    """As a file: in one of the styles of YAML, JSON among them."""
    # PyYAML quotes what YAML 1.1 would misread; a cycle or an alias cannot be, after json
    tree = json.loads(json.dumps(tree))
    if rng.randrange(2):
        return json.dumps(tree, indent=rng.choice((None, 1))).encode()
    flow = rng.choice((None, False, True))
    return yaml.safe_dump(tree, default_flow_style=flow, sort_keys=False, width=80).encode()


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place below the root: its parent, and its key or index there."""
    items: Any = ()
    if isinstance(tree, dict):
        items = list(tree.items())
    elif isinstance(tree, list):
        items = list(enumerate(tree))
    for key, value in items:
        yield tree, key
        yield from _places(value)


_Places = list[tuple[Any, Any]]


def _scrap(rng: Random, places: _Places, parent: Any, key: Any) -> None:
    parent[key] = json.loads(json.dumps(rng.choice(_SCRAPS)))


def _other(rng: Random, places: _Places, parent: Any, key: Any) -> None:
    there, name = rng.choice(places)
    parent[key] = json.loads(json.dumps(there[name]))


def _gone(rng: Random, places: _Places, parent: Any, key: Any) -> None:
    del parent[key]


def _renamed(rng: Random, places: _Places, parent: Any, key: Any) -> None:
    if isinstance(parent, dict):
        names = [*SPEC_KEYS, *STEP_KEYS, *sorted(table()), "x", "n1", "n{i}", "", "0", "forward"]
        parent[rng.choice(names)] = parent.pop(key)


def _added(rng: Random, places: _Places, parent: Any, key: Any) -> None:
    if isinstance(parent, dict):
        parent[rng.choice((*STEP_KEYS, *SPEC_KEYS))] = rng.choice(_SCRAPS)
    else:
        parent.insert(key, json.loads(json.dumps(rng.choice(_SCRAPS))))


def _wrapped(rng: Random, places: _Places, parent: Any, key: Any) -> None:
    parent[key] = [parent[key]] if rng.randrange(2) else {"Sequential": parent[key]}


def _unwrapped(rng: Random, places: _Places, parent: Any, key: Any) -> None:
    inner = parent[key]
    if isinstance(inner, list) and inner:
        parent[key] = inner[0]
    elif isinstance(inner, dict) and inner:
        parent[key] = next(iter(inner.values()))


def _op(rng: Random, places: _Places, parent: Any, key: Any) -> None:
    """Another op in an op's place."""
    if isinstance(parent, dict) and key in table():
        parent[rng.choice(sorted(table()))] = parent.pop(key)
    elif isinstance(parent[key], str):
        parent[key] = rng.choice(sorted(table()))


_SLIPS = (_scrap, _scrap, _other, _other, _gone, _renamed, _added, _wrapped, _unwrapped, _op)
