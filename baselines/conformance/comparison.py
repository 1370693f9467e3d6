"""How are two networks compared? (the same random weights, the same inputs, how far apart are the outputs?)"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from baselines.conformance.copying import apart, called, copied, parameters, randomised

EXAMPLES = 4
"""Number of examples that both networks are given."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one comparison found; see :class:`~baselines.conformance.results.Result`."""

    variant: str
    part: str
    difference: float
    ours: int | None = None
    theirs: int | None = None
    remark: str = ""


def compared(
    variant: str,
    part: str,
    theirs: nn.Module,
    ours: nn.Module,
    their_run: Callable[[], Tensor],
    our_run: Callable[[], Tensor],
    remark: str = "",
) -> Finding:
    """Random weights into their network, the same into ours layer by layer, and one pass through both."""
    layers = called(theirs, their_run)
    randomised(layers)
    copied(layers, called(ours, our_run))
    with torch.no_grad():
        difference = apart(our_run(), their_run())
    return Finding(variant=variant, part=part, difference=difference, ours=parameters(ours), theirs=parameters(theirs), remark=remark)
