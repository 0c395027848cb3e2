"""The classic mistakes, each with what shows it: a failed step -> advice, or None. No torch here.

A slip that is sure says what to write, having planned it or done the arithmetic; one that is not
asks.
"""

from __future__ import annotations

from lazyinspect.plan.insight.bridges import (
    other_order,
    padding_and_shortcut,
    vector_for_image,
)
from lazyinspect.plan.insight.counts import (
    flatten_missing,
    hand_counted,
    reshaped_by_hand,
)
from lazyinspect.plan.insight.defaults import (
    batch_flattened,
    cat_dimension,
    cat_of_features,
    scale_as_size,
)
from lazyinspect.plan.insight.expected import expected
from lazyinspect.plan.insight.layouts import (
    channels_last,
    ids_without_dtype,
    input_layout,
    lazy_meant,
    other_rank,
    tuple_given,
)
from lazyinspect.plan.insight.meetings import (
    output_padding,
    output_padding_missing,
    padding_missing,
    positions_fixed,
    shortcut_channels,
    transposed_factor,
)
from lazyinspect.plan.insight.sizes import odd_sizes, own_input, too_small
from lazyinspect.plan.insight.whatif import Slip
from lazyinspect.plan.insight.wholes import whole_number

SLIPS: tuple[Slip, ...] = (
    whole_number,
    tuple_given,
    ids_without_dtype,
    batch_flattened,
    input_layout,
    flatten_missing,
    channels_last,
    cat_of_features,
    hand_counted,
    reshaped_by_hand,
    lazy_meant,
    other_rank,
    too_small,
    positions_fixed,
    scale_as_size,
    padding_missing,
    output_padding_missing,
    odd_sizes,
    cat_dimension,
    output_padding,
    shortcut_channels,
    padding_and_shortcut,
    vector_for_image,
    transposed_factor,
    other_order,
    own_input,
)
"""The first that has something to say is heard: those that are sure stand before those that
search."""

UNMET: tuple[Slip, ...] = (expected,)
"""What is looked for where an `expect:` is not met."""
