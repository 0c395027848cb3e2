"""What a spec may ask for at most, each limit once. Imports nothing.

``docs/limits.md`` explains them, and a test holds that page to this one. They are far above what
networks need, and low enough that no spec takes the machine it is read on.
"""

from __future__ import annotations

SPEC_BYTES = 1 << 20
"""Size of a file."""
NESTING = 64
"""Lists and mappings inside one another in a file; containers inside one another in a network."""
TEXT = 1_000
"""Characters of one key or value; a ``description:`` may be longer."""
NAME = 200
"""Characters of a step's name."""
PATH = 1_000
"""Characters of a layer's path."""
FORMULA = 200
"""Characters of a formula."""
INTEGER = 2**53
"""Size of an integer in either direction: up to there floats hold every integer exactly."""
VALUE = 200
"""Elements of one value (of a parameter, or of a list as an argument), and parameters of one block
or network."""
COPIES = 100_000
"""Copies that one ``repeat:`` makes."""
STEPS = 1_000_000
"""Rows of a network, and what planning it may take in steps of ordinary size; ``--max-steps``."""
EDGES_PER_STEP = 4
"""Tensors that all steps read and give, for each step that is allowed."""
TENSORS = 10_000
"""Tensors that one step gives, and layers that one op holds inside."""
DIMS = 64
"""Dimensions of a tensor, as in torch."""
ELEMENTS = 2**63 - 1
"""Elements of one tensor, as in torch."""
PROBLEMS = 100
"""Problems looked for in one spec."""
FREE_MEMORY = 0.9
"""Share of a device's free memory that a network may need. ``--memory-limit`` sets an amount."""
