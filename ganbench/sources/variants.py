"""How are examples drawn from a variant's generator? (as a run draws those that it scores)"""

import inspect
import sys

import torch
from torch import Tensor

from ganbench.sampling import SAMPLING_VERSION, VariantLatents, asked_labels, draw, observed
from ganbench.sets.classes import Classes
from ganbench.sources.generated import DrawnSource, digest
from ganbench.sources.outputs import Reading
from ganbench.training.checkpoint import weights_sha256
from ganbench.training.variant import Variant


class VariantSource(DrawnSource):
    """Examples from a method whose generator has its weights.

    Args:
        name: The name as the user wrote it.
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed of the streams.
        variant: The method, on its device.
        run: Id of the run that trained it.
        known: Classes of the training data, also if the method ignores them.
        shares: Probability of every class (classes,) on the CPU, or None without labels.
        device: Device on which the generator runs.
    """

    def __init__(
        self,
        name: str,
        n: int | None,
        seed: int,
        variant: Variant,
        run: str,
        known: Classes | None,
        shares: Tensor | None,
        device: torch.device,
    ) -> None:
        super().__init__(name, n, seed)
        self.variant, self.device, self.known_classes, self.shares = variant, device, known, shares
        self._reading = Reading(points=not variant.shape.is_image)  # by contract, so that nothing is guessed
        self.generator = VariantLatents(variant, device)
        self.labels = asked_labels(variant, self.n, seed, device, shares)
        self.classes = None if self.labels is None else known
        method = inspect.getsource(sys.modules[type(variant).__module__])
        self.weights_sha256 = weights_sha256(variant.generator.state_dict())
        frequencies = None if shares is None else shares.tolist()
        self.content = digest(self.weights_sha256, run, method, frequencies, SAMPLING_VERSION, seed, device.type)

    def draw(self, chunk: int) -> Tensor:
        """Draws the same chunk as :func:`ganbench.sampling.sample`."""
        with observed(self.variant) as ready:
            return draw(ready, chunk, self.seed, self.device, self.shares)
