"""Where do a step's random tensors come from?"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.distributed import ALONE, Ranks

Handed = tuple[Tensor, Callable[[int], Tensor]]
"""A tensor that a step was given, and the function that draws its like for any step."""


class Draws:
    """The random tensors of one step after another; step and number of the call within the step are the index of a stream.

    Numbers are drawn for all ranks, and each takes its part: how many ranks there are does not change which numbers are drawn.

    Args:
        seed: Root seed of the run.
        device: Where the numbers are drawn.
        latent_dim: Width of a latent.
        class_shares: Probability of every class (classes,), or None without labels.
        ranks: This process among those that train together.
    """

    def __init__(self, *, seed: int, device: torch.device, latent_dim: int, class_shares: Tensor | None, ranks: Ranks = ALONE) -> None:
        self._seed = seed
        self._device = device
        self._latent_dim = latent_dim
        self._class_bounds = None if class_shares is None else class_shares.cpu().double().cumsum(0)[:-1].to(device)
        self._ranks = ranks
        self.begin(0)

    def begin(self, step: int) -> None:
        """Moves to another step, whose tensors are handed out from the first call on."""
        self._step = step
        self._calls: Counter[str] = Counter()
        self.handed: list[Handed] = []
        """What this step was given so far; :func:`refill` takes it even when later steps have begun."""

    def draw(self, purpose: str, n: int, numbers: Callable[[int, torch.Generator], Tensor]) -> Tensor:
        """Random numbers for n examples of this rank.

        Args:
            purpose: Name of the stream.
            n: Examples.
            numbers: Draws the numbers (n, ...) of so many examples from a generator.
        """
        call, total = self._calls[purpose], n * self._ranks.size
        self._calls[purpose] += 1

        def fresh(step: int) -> Tensor:
            generator = seeding.stream(self._seed, purpose, step, call, device=self._device)
            return numbers(total, generator)[self._ranks.part(total)]

        tensor = fresh(self._step)
        self.handed.append((tensor, fresh))
        return tensor

    def latents(self, n: int) -> Tensor:
        """Standard normal latents (n, latent_dim)."""
        return self.draw("latents", n, lambda n, stream: torch.randn(n, self._latent_dim, generator=stream, device=self._device))

    def labels(self, n: int) -> Tensor | None:
        """Labels (n,) with the class shares, or None without labels."""
        bounds = self._class_bounds
        if bounds is None:
            return None

        def numbers(n: int, stream: torch.Generator) -> Tensor:
            # by inversion: multinomial has no deterministic kernel on every GPU
            uniform = torch.rand(n, generator=stream, device=self._device, dtype=torch.float64)
            return torch.searchsorted(bounds, uniform, right=True)

        return self.draw("labels", n, numbers)

    def noise(self) -> AbstractContextManager[None]:
        """Makes the global generators a stream of this step, for dropout and noise layers.

        How many numbers these take is not known here, so no common draw can be shared out: each rank has a stream of its own.
        """
        own = (self._ranks.rank,) if self._ranks.rank else ()
        return seeding.global_stream(self._seed, "step", self._step, *own, device=self._device)


@torch.no_grad()
def refill(handed: Iterable[Handed], step: int) -> None:
    """Writes the numbers of another step into tensors that were handed out, where a recorded step will read them."""
    for tensor, fresh in handed:
        tensor.copy_(fresh(step))
