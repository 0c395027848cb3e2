"""Code of a problem -> its exit code, title and page, and the error that several problems make.

Imports nothing but the error tree. A page is Markdown, one file a code in ``pages/``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from lazyinspect.errors import (
    ExpectationError,
    InternalError,
    LazyinspectError,
    NetworkError,
    Problem,
    SpecError,
)


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of problem."""

    name: str
    """As it stands in brackets after ``error``."""
    title: str
    """What is wrong, in a few words."""
    topic: str
    exit_code: int = 2


_FILE = "The file and its YAML"
_GRAMMAR = "Keys, steps and names"
_OPS = "Ops and their arguments"
_WIRING = "Labels and sources"
_COPIES = "Copies, sharing and tuples"
_FORMULAS = "Formulas, parameters and variants"
_INPUTS = "Inputs"
_SHAPES = "Shapes"
_CLASSES = "Classes of your own"
_LOCKS = "Locks"
_COMMAND = "The command and the machine"

_TABLE = (
    Code("unreadable", "the file cannot be read", _FILE),
    Code("spec-too-large", "the file is larger than a spec may be", _FILE),
    Code("spec-encoding", "the file is not UTF-8", _FILE),
    Code("spec-empty", "the file holds nothing", _FILE),
    Code("yaml-syntax", "the text is no YAML", _FILE),
    Code("yaml-key", "a key is a list or a mapping", _FILE),
    Code("duplicate-key", "a mapping has one key twice", _FILE),
    Code("yaml-tag", "a YAML tag, which a spec may not have", _FILE),
    Code("yaml-anchor", "a YAML anchor, which a spec may not have", _FILE),
    Code("yaml-alias", "a YAML alias, which a spec may not have", _FILE),
    Code("yaml-merge-key", "the merge key `<<`, which a spec may not have", _FILE),
    Code("yaml-documents", "the file holds several documents", _FILE),
    Code("yaml-depth", "lists and mappings are nested too deep", _FILE),
    Code("text-too-long", "a name, a value or a path is longer than it may be", _FILE),
    Code("bad-spec", "the file is no mapping with `layers:`", _GRAMMAR),
    Code("spec-version", "the file asks for another version of the language", _GRAMMAR),
    Code("missing-key", "a key that must be there is not", _GRAMMAR),
    Code("unknown-key", "a key that has no meaning here", _GRAMMAR),
    Code("bad-value", "a key's value is of the wrong form", _GRAMMAR),
    Code("bad-layers", "`layers:` is neither a list nor a mapping", _GRAMMAR),
    Code("empty-layers", "a list of steps is empty", _GRAMMAR),
    Code("bad-step", "a step is not of a step's form", _GRAMMAR),
    Code("bad-name", "a name that may not be used here", _GRAMMAR),
    Code("duplicate-name", "two steps get one name", _GRAMMAR),
    Code("bad-block", "a block is not of a block's form", _GRAMMAR),
    Code("recursive-block", "a block uses itself", _GRAMMAR),
    Code("unknown-op", "no layer, block or function has this name", _OPS),
    Code("not-a-layer", "a class of torch.nn that is no layer", _OPS),
    Code("missing-argument", "an argument without a default is not given", _OPS),
    Code("unknown-argument", "the op has no argument of this name", _OPS),
    Code("bad-argument", "an argument is wrong whatever the input", _OPS),
    Code("bad-become", "`become:` where it cannot stand", _OPS),
    Code("unknown-label", "no step of this name can be read here", _WIRING),
    Code("bad-label", "no name where a name is wanted", _WIRING),
    Code("duplicate-label", "one label is set twice in a block", _WIRING),
    Code("bad-source", "what a step reads is of the wrong form or number", _WIRING),
    Code("implied-source", "a step must name its source after `if:` with `from:`", _WIRING),
    Code("no-prev", "`prev` after a step that unpacks its output", _WIRING),
    Code("absent-step", "a label of a step that `if:` leaves out", _WIRING),
    Code("no-output", "a list of steps ends in an unpacked tuple", _WIRING),
    Code("empty-output", "`output:` names nothing", _WIRING),
    Code("bad-repeat", "`repeat:` is no count of copies", _COPIES),
    Code("bad-condition", "`if:` is neither true nor false", _COPIES),
    Code("too-many-steps", "the network has more steps than are planned", _COPIES),
    Code("too-deep", "containers stand too deep inside one another", _COPIES),
    Code("not-a-module", "`use:` names what is no module", _COPIES),
    Code("absent-module", "`use:` names a module that `if:` leaves out", _COPIES),
    Code("open-module", "`use:` names a module that exchanges labels with others", _COPIES),
    Code("bad-tie", "`tie:` holds what is no name", _COPIES),
    Code("unknown-tensor", "`tie:` names no parameter of the network", _COPIES),
    Code("tie-mismatch", "`tie:` joins tensors that cannot be one", _COPIES),
    Code("not-a-tuple", "`pick:` or `as:` takes a tuple apart that is none", _COPIES),
    Code("unpack-count", "`as:` names more or fewer values than there are", _COPIES),
    Code("bad-pick", "`pick:` takes an element that is not there", _COPIES),
    Code("formula", "a formula cannot be read or computed", _FORMULAS),
    Code("value-too-large", "a number or a list is larger than it may be", _FORMULAS),
    Code("unknown-parameter", "a value for a parameter that is not declared", _FORMULAS),
    Code("missing-parameter", "a parameter has no value", _FORMULAS),
    Code("unknown-variant", "the spec has no variant of this name", _FORMULAS),
    Code("missing-input", "nothing says what flows into the network", _INPUTS),
    Code("unknown-input", "no input has this name", _INPUTS),
    Code("bad-input", "an input is of the wrong form", _INPUTS),
    Code("bad-dtype", "no dtype has this name", _INPUTS),
    Code("no-batch", "a batch size for an input without a batch", _INPUTS),
    Code("no-named-size", "formulas are asked for, and no size has a name", _INPUTS),
    Code("no-working-size", "the network plans for no sizes that were tried", _INPUTS),
    Code("shape-mismatch", "an op refuses the tensors that reach it", _SHAPES, 3),
    Code("index-out-of-range", "indices reach an embedding that does not hold them", _SHAPES, 3),
    Code("bad-expect", "`expect:` is no shape", _SHAPES),
    Code("unmet-expect", "an output has not the shape that `expect:` states", _SHAPES, 1),
    Code("class-not-allowed", "a class of your own that nobody allowed", _CLASSES),
    Code("bad-class", "an allowed name is no class that can be used", _CLASSES),
    Code("cannot-build", "torch refuses to make a layer", _CLASSES, 3),
    Code("forward-failed", "a layer fails on the device", _CLASSES, 3),
    Code("plan-mismatch", "what ran is not what was planned", _CLASSES, 70),
    Code("missing-lock", "a spec has no lock", _LOCKS),
    Code("lock-without-spec", "a lock has no spec", _LOCKS),
    Code("lock-conflict", "a lock holds a merge conflict", _LOCKS),
    Code("damaged-lock", "a lock is not as it was written", _LOCKS),
    Code("lock-version", "a lock is of another version", _LOCKS),
    Code("two-specs", "two specs would share a lock", _LOCKS),
    Code("no-specs", "there is no spec in a folder", _LOCKS),
    Code("ci-writes", "a lock would be written where CI is set", _LOCKS),
    Code("bad-policy", "a rule of a policy is of the wrong form", _LOCKS),
    Code("bad-project", "pyproject.toml cannot be read", _LOCKS),
    Code("bad-operand", "what is to be compared cannot be", _LOCKS),
    Code("bad-report", "a file is no JSON report", _LOCKS),
    Code("no-revision", "git has no such revision or file", _LOCKS),
    Code("bad-option", "an argument of a call from Python is wrong", _COMMAND),
    Code("bad-seed", "the seed is out of range", _COMMAND),
    Code("bad-memory-limit", "the memory limit is no amount", _COMMAND),
    Code("unknown-device", "no device has this name", _COMMAND),
    Code("device-unavailable", "this machine has no such device", _COMMAND, 3),
    Code("out-of-memory", "the network does not fit into memory", _COMMAND, 3),
    Code("cannot-compile", "torch.compile fails on this machine", _COMMAND, 3),
    Code("no-images", "channels last for inputs that are no images", _COMMAND),
    Code("nothing-to-plot", "a plot of fewer than two times", _COMMAND),
    Code("cannot-write", "the output cannot be written", _COMMAND),
    Code("cannot-export", "the format has no words for something in the network", _COMMAND),
    Code("missing-extra", "a package or program that the format needs is not there", _COMMAND),
    Code("bad-weights", "a file of weights is not this network's", _COMMAND),
    Code("would-overwrite", "the output would replace a file of your own", _COMMAND),
    Code("unknown-code", "no problem has this code", _COMMAND),
)

CODES = {code.name: code for code in _TABLE}
"""Every code, by topic in the order in which a spec meets them."""

_KINDS = {kind.exit_code: kind for kind in (ExpectationError, SpecError, NetworkError)}
_GRAVITY = {70: 0, 2: 1, 3: 2, 1: 3}


def error_of(problems: Iterable[Problem]) -> LazyinspectError:
    """One error for several problems: each once, the worst first, of the worst one's kind."""
    ordered = worst_first(problems)
    codes = {_exit_code(problem) for problem in ordered}
    worst = min(codes, key=_GRAVITY.__getitem__, default=70)
    return _KINDS.get(worst, InternalError)(ordered)


def worst_first(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, by exit code (2 before 3 before 1), then by place in the file."""
    return sorted(dict.fromkeys(problems), key=_rank)


def _rank(problem: Problem) -> tuple[int, int, int]:
    mark = problem.mark
    line, column = (0, 0) if mark is None else (mark.line, mark.column)
    return _GRAVITY[_exit_code(problem)], line, column


def _exit_code(problem: Problem) -> int:
    code = CODES.get(problem.code)
    return 2 if code is None else code.exit_code


@cache
def page(name: str) -> str:
    """The page of a code, as Markdown: what it means, an example that fails, and its repair.

    Raises:
        KeyError: there is no such code.
    """
    from pkgutil import get_data

    code = CODES[name]
    text = get_data(__name__, f"pages/{name}.md")
    assert text is not None
    title = code.title[:1].upper() + code.title[1:]
    return f"# {name}\n\n{title}. Exit code {code.exit_code}.\n\n{text.decode('utf-8')}"


def explain(code: str) -> str:
    """What a problem's code means, with an example that fails and its repair.

    Args:
        code: as it stands in brackets after ``error``: ``shape-mismatch``.

    Returns:
        Markdown.

    Raises:
        SpecError: there is no such code.
    """
    if code in CODES:
        return page(code)
    from difflib import get_close_matches

    near = get_close_matches(code, CODES, n=1, cutoff=0.6)
    help = f"did you mean `{near[0]}`?" if near else "`lazyinspect explain` lists them all"
    raise SpecError(Problem("unknown-code", f"no problem has the code `{code}`", help=help))
