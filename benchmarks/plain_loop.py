"""How does a loop train that nobody has tuned? (what the harness is measured against; it is never slowed down, nor sped up)

A DataLoader with worker processes decodes PNG files with PIL, normalises and batches; modules run eagerly in PyTorch's own default
formats; the loss is read in every step, gradients are taken by ``loss.backward()``, and the average of the generator's weights is updated
parameter by parameter. The methods' losses and networks are those of the harness, so that both loops compute the same.
"""

import copy
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ganbench.training.variant import Batch, Variant

DECAY = 0.999
WORKERS = 4


class Files(Dataset[tuple[Tensor, int]]):
    """PNG files in memory, decoded when they are asked for, as torchvision's folders are.

    Args:
        examples: uint8 images (n, channels, height, width).
        labels: (n,) or None.
    """

    def __init__(self, examples: np.ndarray, labels: np.ndarray | None) -> None:
        self.files = [png(image) for image in examples]
        self.labels = np.zeros(len(examples), np.int64) if labels is None else labels

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = np.asarray(Image.open(io.BytesIO(self.files[index])))
        image = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
        return torch.from_numpy(image.copy()).float() / 127.5 - 1, int(self.labels[index])


def png(image: np.ndarray) -> bytes:
    """An image (channels, height, width) as a PNG file."""
    out = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(out, "png")
    return out.getvalue()


class PlainContext:
    """What a variant's step asks for, in the simplest way.

    Args:
        optimizers: Of the variant.
        latent_dim: Width of a latent.
        classes: Number of classes, or 0.
        device: Device of the training.
    """

    def __init__(self, optimizers: dict[str, Any], latent_dim: int, classes: int, device: torch.device) -> None:
        self.optimizers, self.latent_dim, self.classes, self.device = optimizers, latent_dim, classes, device
        self.step = 0

    def begin(self, real: Batch) -> None:
        self.real, self.batch_size = real, len(real.examples)
        self.step_images, self.images_seen = self.batch_size, self.step * self.batch_size

    def latents(self, n: int) -> Tensor:
        return torch.randn(n, self.latent_dim, device=self.device)

    def labels(self, n: int) -> Tensor | None:
        return torch.randint(self.classes, (n,), device=self.device) if self.classes else None

    def augment(self, examples: Tensor) -> Tensor:
        return examples

    def every(self, n: int) -> bool:
        return self.step % n == n - 1

    def scheduled(self, number: Callable[["PlainContext"], Any]) -> Any:
        return number(self)

    def counter(self) -> Tensor:
        return torch.tensor(self.images_seen, device=self.device)

    def mean(self, tensor: Tensor) -> Tensor:
        return tensor

    def minimize(self, name: str, loss: Tensor, **options: Any) -> None:
        optimizer = self.optimizers[name]
        for group in optimizer.param_groups:
            group.update(options)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    def restart(self, name: str) -> None:
        self.optimizers[name].state.clear()


class PlainLoop:
    """Trains a variant step by step.

    Args:
        variant: Newly built, on its device.
        examples: uint8 images.
        labels: Their classes, or None.
        batch_size: Images of a step.
        device: Device of the training.
        workers: Processes that decode; 0 decodes in this one, where there is no core to spare.
    """

    def __init__(
        self,
        variant: Variant,
        examples: np.ndarray,
        labels: np.ndarray | None,
        batch_size: int,
        device: torch.device,
        workers: int = WORKERS,
    ) -> None:
        self.variant, self.device = variant, device
        self.ema = copy.deepcopy(variant.generator)
        self.context = PlainContext(variant.optimizers(), variant.config.latent_dim, variant.shape.classes, device)
        self.loader = DataLoader(
            Files(examples, labels), batch_size, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
        )
        self._batches = self._endless()

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def one_step(self) -> None:
        examples, labels = next(self._batches)
        real = Batch(examples=examples.to(self.device), labels=labels.to(self.device) if self.variant.shape.classes else None)
        context: Any = self.context
        context.begin(real)
        self.variant.train()
        self.variant.discriminator_step(real, context)
        self.variant.generator_step(context)
        with torch.no_grad():
            for ours, theirs in zip(self.ema.parameters(), self.variant.generator.parameters(), strict=True):
                ours.mul_(DECAY).add_(theirs, alpha=1 - DECAY)
        context.step += 1
