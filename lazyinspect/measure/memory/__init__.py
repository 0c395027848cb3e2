"""Plan -> the memory that its network takes, and whether it fits. No torch.

``effects`` says of each op what it does to memory, ``trace`` follows every storage of a plan,
``strides`` tells views from copies, ``liveness`` finds the most that is alive, ``memory`` adds up
and ``fit`` finds the largest batch.
"""

from lazyinspect.measure.memory.fit import largest_batch
from lazyinspect.measure.memory.memory import activations, footprint

__all__ = ["activations", "footprint", "largest_batch"]
