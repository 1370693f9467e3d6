"""How are examples drawn from a run's checkpoint?"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import seeding
from ganbench.data.loading import load_dataset
from ganbench.errors import DataError
from ganbench.plan.spec import from_json, run_id
from ganbench.sampling import CHUNK, SAMPLING_VERSION, draw, drawn_labels, heeds_labels, observed
from ganbench.sets.features import LatentModel
from ganbench.sources.generated import DrawnSource, brief, digest
from ganbench.training.building import build
from ganbench.training.checkpoint import readable, weights_sha256
from ganbench.training.variant import Variant


class RunSource(DrawnSource):
    """What a finished or interrupted run's generator draws, from its newest checkpoint.

    Args:
        name: As the user wrote it.
        folder: The run's directory.
        weights: "ema" or "raw".
        n: Number of examples.
        seed: Root seed of the streams; the run's own is used where it is None, which gives the examples that the run itself scored.
        root: Where data sets lie: the run's data fix the image shape and the classes.
        device: Where the generator runs.

    Raises:
        DataError: There is no readable checkpoint.
    """

    def __init__(self, name: str, folder: Path, weights: str, n: int | None, seed: int | None, root: Path, device: torch.device) -> None:
        spec = from_json(_spec(folder / "spec.json"), str(folder / "spec.json"))
        super().__init__(name, n, spec.seed if seed is None else seed)
        dataset = load_dataset(spec.dataset, root)
        checkpoint = next(readable(folder / "checkpoints", device), None)
        if checkpoint is None:
            raise DataError(
                f"{name}: the run has no readable checkpoint yet; run it first: ganbench run --spec {name}/spec.json --out {name}"
            )
        self.variant = build(spec, dataset, device)
        if weights == "raw":
            self.variant.load_state_dict(checkpoint.weights["raw"])
        else:
            self.variant.generator.load_state_dict(checkpoint.weights["ema"])
        self.device = device
        self.class_names = dataset.class_names
        self.shares = None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float()
        self.generator = VariantLatents(self.variant, device)
        if self.shares is not None and heeds_labels(self.variant, device):
            chunks = range(-(-self.n // CHUNK))
            self.labels = torch.cat([drawn_labels(chunk, self.seed, self.shares) for chunk in chunks])[: self.n]
        shares = None if self.shares is None else self.shares.tolist()
        method = inspect.getsource(sys.modules[type(self.variant).__module__])
        weights_hash = weights_sha256(self.variant.generator.state_dict())
        self.content = digest(weights_hash, run_id(spec), method, shares, SAMPLING_VERSION, self.seed, device.type)
        self.notes.append(f"{name}: {'EMA' if weights == 'ema' else 'raw'} weights after {int(checkpoint.state['step']):,} steps")

    def draw(self, chunk: int) -> Tensor:
        """One chunk, as :func:`ganbench.sampling.sample` draws it."""
        with observed(self.variant) as ready:
            return draw(ready, chunk, self.seed, self.device, self.shares)


class VariantLatents(LatentModel):
    """A variant's generator, asked for images at chosen latents; without labels, classes, if any, are held fixed by position."""

    def __init__(self, variant: Variant, device: torch.device) -> None:
        self.variant, self.device = variant, device

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Standard normal latents (n, latent_dim)."""
        return torch.randn(n, self.variant.config.latent_dim, generator=generator)

    def styles(self, latents: Tensor) -> Tensor | None:
        """Intermediate latents, of a generator with a mapping network."""
        mapping = getattr(self.variant.generator, "mapping", None)
        if not isinstance(mapping, nn.Module):
            return None
        labels = (self._labels(len(latents)),) if getattr(self.variant.config, "conditional", False) else ()
        with observed(self.variant):
            styles: Tensor = mapping(latents.to(self.device), *labels)
        return styles

    def images(self, latents: Tensor, styles: bool, labels: Tensor | None = None) -> Tensor:
        """Float images in [-1, 1] of latents and, where there are classes, labels (n,); the noise inputs are those of one fixed stream."""
        labels = self._labels(len(latents)) if labels is None else labels
        with observed(self.variant) as ready, seeding.global_stream(0, "eval-noise", device=self.device):
            if styles:
                images: Tensor = ready.generator.synthesis(latents.to(self.device))  # type: ignore[operator]
            else:
                images = ready.generate(latents.to(self.device), labels)
        return images

    def _labels(self, n: int) -> Tensor | None:
        classes = self.variant.shape.classes
        return torch.arange(n, device=self.device) % classes if classes else None


def _spec(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read ({brief(error)}); run the suite again") from None
    if not isinstance(fields, dict):
        raise DataError(f"{str(path)!r} holds no run spec; run the suite again")
    return fields
