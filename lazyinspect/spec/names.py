"""Names that the language gives a meaning, and names that torch has taken."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MERGES = ("add", "sub", "mul", "div", "matmul", "cat", "stack", "scaled_dot_product_attention")
"""Functions whose arguments are sources."""
STRUCTURE = ("Sequential", "Graph", "Parameter", "use", "splice")
"""Ops of the language itself."""
STEP_KEYS = ("from", "as", "if", "repeat", "each", "pick", "become", "expect")
SPEC_KEYS = (
    "input", "layers", "name", "description", "params", "variants", "blocks", "output", "tie",
    "lazyinspect", "check",
)  # fmt: skip
BLOCK_KEYS = ("layers", "params", "input", "output")
GRAPH_KEYS = ("input", "layers", "output")

NOT_LAYERS = frozenset(
    "Module ModuleList ModuleDict ParameterList ParameterDict DataParallel Buffer Container "
    "UninitializedParameter UninitializedBuffer "
    "L1Loss MSELoss CrossEntropyLoss CTCLoss NLLLoss NLLLoss2d PoissonNLLLoss GaussianNLLLoss "
    "KLDivLoss BCELoss BCEWithLogitsLoss MarginRankingLoss HingeEmbeddingLoss "
    "MultiLabelMarginLoss HuberLoss SmoothL1Loss SoftMarginLoss MultiLabelSoftMarginLoss "
    "CosineEmbeddingLoss MultiMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss "
    "AdaptiveLogSoftmaxWithLoss LinearCrossEntropyLoss".split()
)
"""Names of torch.nn that are no layers."""

MODULE_ATTRIBUTES = frozenset(
    "T_destination add_module append apply bfloat16 buffers call_super_init children compile cpu "
    "cuda double dump_patches eval extend extra_repr float forward get_buffer get_extra_state "
    "get_parameter get_submodule half insert ipu load_state_dict modules mtia named_buffers "
    "named_children named_modules named_parameters parameters pop program "
    "register_backward_hook register_buffer register_forward_hook register_forward_pre_hook "
    "register_full_backward_hook register_full_backward_pre_hook "
    "register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module "
    "register_parameter register_state_dict_post_hook register_state_dict_pre_hook "
    "requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train "
    "training type xpu zero_grad".split()
)
"""Attributes of ``nn.Module``, ``nn.Sequential`` and the built Graph: no step's name. A test
holds the list against torch."""


_MANY = 1_000
_LONG = 60


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, with how many more there are: ``a b c and 97 more``."""
    known = list(names)
    more = f" and {len(known) - most:,} more" if len(known) > most else ""
    return " ".join(known[:most]) + more


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant."""
    pool = list(names)
    folded = {candidate.lower(): candidate for candidate in pool}
    if name.lower() in folded:
        return folded[name.lower()]
    if len(pool) > _MANY:
        # comparing takes as long as a step: of very many, those that begin alike
        pool = [each for each in pool if each[:1] == name[:1] and abs(len(each) - len(name)) < 3]
    if len(name) > _LONG or len(pool) > _MANY:
        return None
    found = difflib.get_close_matches(name, pool, n=1, cutoff=0.6 if len(name) > 4 else 0.7)
    return found[0] if found else None


def did_you_mean(name: str, names: Iterable[str], otherwise: str = "") -> str:
    """``did you mean `x`?`` where a name is near, else ``otherwise``."""
    near = nearest(name, names)
    return f"did you mean `{near}`?" if near else otherwise
