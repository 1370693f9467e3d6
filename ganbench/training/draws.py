"""How are the random tensors of a step drawn?"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.distributed import ALONE, Ranks

Handed = tuple[Tensor, Callable[[int], Tensor]]
"""A tensor given to a step, and the function that draws the corresponding tensor of any step."""


class Draws:
    """The random tensors of each step; a stream's index is the step and the number of the call within it.

    Numbers are drawn for the batch of all ranks, and each rank takes its part, so they do not depend on the number of ranks.

    Args:
        seed: Root seed of the run.
        device: Device on which the numbers are drawn.
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
        """Starts another step, with the number of calls reset."""
        self._step = step
        self._calls: Counter[str] = Counter()
        self._again: Iterator[Handed] | None = None
        self.handed: list[Handed] = []
        """Tensors given to this step so far; :func:`refill` accepts the list even after later steps have begun."""

    def draw(self, purpose: str, n: int, numbers: Callable[[int, torch.Generator], Tensor]) -> Tensor:
        """Random numbers for n examples of this rank.

        Args:
            purpose: Name of the stream.
            n: Number of examples.
            numbers: Draws the numbers (n, ...) for n examples from a generator.
        """
        call, total = self._calls[purpose], n * self._ranks.size
        self._calls[purpose] += 1

        def fresh(step: int) -> Tensor:
            generator = seeding.stream(self._seed, purpose, step, call, device=self._device)
            return numbers(total, generator)[self._ranks.part(total)]

        return self._hand(fresh)

    def _hand(self, fresh: Callable[[int], Tensor]) -> Tensor:
        """Hands a tensor to the step: a new one, or the next of those that are handed again."""
        if self._again is not None:
            return next(self._again)[0]
        tensor = fresh(self._step)
        self.handed.append((tensor, fresh))
        return tensor

    def again(self, handed: Iterable[Handed]) -> None:
        """Makes this step take the tensors that an earlier one of its kind was given, in the same order."""
        self._again = iter(handed)

    def counted(self, step_images: int) -> Tensor:
        """Images before this step, int64 (); a number, but it changes from step to step like the random tensors."""
        return self._hand(lambda step: torch.full((), step * step_images, device=self._device))

    def latents(self, n: int) -> Tensor:
        """Standard normal latents (n, latent_dim)."""
        return self.draw("latents", n, lambda n, stream: torch.randn(n, self._latent_dim, generator=stream, device=self._device))

    def labels(self, n: int) -> Tensor | None:
        """Labels (n,) drawn with the class probabilities, or None without labels."""
        bounds = self._class_bounds
        if bounds is None:
            return None

        def numbers(n: int, stream: torch.Generator) -> Tensor:
            # inverse transform sampling, since multinomial is not deterministic on every GPU
            uniform = torch.rand(n, generator=stream, device=self._device, dtype=torch.float64)
            return torch.searchsorted(bounds, uniform, right=True)

        return self.draw("labels", n, numbers)

    def noise(self) -> AbstractContextManager[None]:
        """Seeds the global generators from a stream of this step, for dropout and noise layers.

        The number of draws of these layers is unknown, so they cannot be shared among ranks: each rank has its own stream.
        """
        own = (self._ranks.rank,) if self._ranks.rank else ()
        return seeding.global_stream(self._seed, "step", self._step, *own, device=self._device)


@torch.no_grad()
def refill(handed: Iterable[Handed], step: int) -> None:
    """Overwrites tensors given to a step with those of another step, for an engine that replays a recorded step."""
    for tensor, fresh in handed:
        tensor.copy_(fresh(step))
