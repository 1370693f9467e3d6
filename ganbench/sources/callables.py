"""How are examples drawn from a function that is at hand in Python?"""

from collections.abc import Callable
from typing import Any

from torch import nn

from ganbench.errors import RequestError
from ganbench.sources.generated import DrawnSource, FunctionSource

Sampler = Callable[[int, int], Any]
"""``function(n, seed)`` returns n examples."""


class CallableSource(FunctionSource):
    """Examples from a function.

    Args:
        name: Name of the set, for messages.
        function: Called as ``function(n, seed)``; returns n examples.
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed, from which every chunk's seed is derived.

    Raises:
        RequestError: It is a network, whose latents only its owner knows.
    """

    def __init__(self, name: str, function: Sampler, n: int | None, seed: int) -> None:
        if isinstance(function, nn.Module):
            raise RequestError(
                f"{name} is a network, {type(function).__name__}, which takes latents; give a function that returns n examples: "
                "lambda n, seed: G(torch.randn(n, 128, generator=torch.Generator().manual_seed(seed)))"
            )
        DrawnSource.__init__(self, name, n, seed)
        self.function = function
        self.remarks.append(f"{name}: code is not hashed, so its features are not cached")
