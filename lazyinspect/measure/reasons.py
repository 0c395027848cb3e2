"""Reasons why a dimension is no longer followed: each has the step as ``{}``. Imports nothing."""

from __future__ import annotations

WHOLE = "after {} every position sees all positions before it"
FLAT = "{} lays out the positions anew"
CHANNELS = "{} mixes this dimension as its channels"
UNKNOWN = "{} is a class of your own, and what it reads is not known"
NO_RULE = "there is no rule for {}"
ATTENTION = "after {} every position may see every other"
STATE = "{} carries a state from position to position"
INDICES = "{} picks positions by indices, which are data"
