"""How do the images of a generator vary over its latent space? (figures with grids of images)"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.errors import RequestError
from ganbench.latents.directions import first_weights, sefa
from ganbench.latents.paths import path, smoothness
from ganbench.sampling import VariantLatents, heeds_labels, observed, to_uint8
from ganbench.training.variant import Variant

TRUNCATIONS = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
"""Truncations of the columns of the truncation figure."""
REACH = 3.0
"""Largest distance along a direction, in standard deviations of the latents along it."""
STYLES = 1_000
"""Number of latents from which the standard deviations of styles are estimated."""


@dataclass(frozen=True, kw_only=True)
class LatentFigure:
    """One grid of images, and numbers measured on it."""

    name: str
    images: np.ndarray[Any, np.dtype[np.uint8]]
    """(rows x columns, channels, height, width), row by row."""
    columns: int
    caption: str
    measured: dict[str, float]
    across: tuple[str, ...] = ()
    """Titles of the columns, if they have any."""
    down: tuple[str, ...] = ()
    """Titles of the rows, if they have any."""


class LatentAtlas:
    """Figures of one generator, all with the same latents for the same seed.

    Args:
        variant: The method, with the weights to show.
        seed: Root seed; the stream is ``atlas``.
        rows: Number of latents, of pairs of latents, or of directions.
        columns: Number of images along each path.
    """

    def __init__(self, variant: Variant, seed: int, rows: int, columns: int) -> None:
        if not variant.shape.is_image:
            raise RequestError(f"figures of a latent space need images, and this run makes {variant.shape}; see its samples instead")
        self.variant, self.rows, self.columns = variant, rows, columns
        self.device = next(variant.parameters()).device
        self.model = VariantLatents(variant, self.device)
        generator = seeding.stream(seed, "atlas")
        self.starts, self.ends = (self.model.latents(rows, generator).double() for _ in range(2))
        self.many = self.model.latents(STYLES, generator)
        self.labels = self._classes(rows)
        self.classes = tuple(f"class {label}" for label in self.labels.tolist()) if heeds_labels(variant, self.device) else ()  # type: ignore[union-attr]

    def figures(self) -> list[LatentFigure]:
        """All figures that the method supports."""
        found = [self.interpolation(straight=False)]
        if self._styles(self.starts) is not None:
            found += [self.interpolation(straight=True), self.mixing()]
        return [*found, *self.truncation(), *self.directions()]

    def interpolation(self, *, straight: bool) -> LatentFigure:
        """Paths between pairs of latents along great circles, or between their styles along straight lines."""
        ends = [self._styles(end) if straight else end for end in (self.starts, self.ends)]
        assert ends[0] is not None and ends[1] is not None
        points = path(ends[0], ends[1], self.columns, straight=straight)
        # the class is constant along a path, so only the latent changes
        labels = None if self.labels is None else self.labels.repeat_interleave(self.columns)
        images = self._images(points.flatten(0, 1), styles=straight, labels=labels)
        measured = smoothness(images.view(self.rows, self.columns, *images.shape[1:]))
        space, way = ("styles", "straight lines between styles") if straight else ("latents", "great circles between latents")
        return LatentFigure(
            name=f"interpolation-{space}",
            images=_levels(images),
            columns=self.columns,
            caption=f"{way}: each row goes from one latent to another",
            measured={} if measured is None else {"jump": measured.jump, "length": measured.length},
            across=tuple(f"{share:.2g}" for share in torch.linspace(0, 1, self.columns).tolist()),
            down=self.classes,
        )

    def mixing(self) -> LatentFigure:
        """Style mixing: coarse layers with the row's styles, fine layers with the column's (Karras et al. 2019, figure 3)."""
        layers = int(self.variant.generator.synthesis.styles)  # type: ignore[union-attr, arg-type]
        rows, columns = self._styles(self.starts), self._styles(self.ends)
        assert rows is not None and columns is not None
        coarse = layers // 2
        mixed = [torch.stack([row] * coarse + [column] * (layers - coarse)) for row in rows for column in columns]
        corner = torch.zeros(1, *self.variant.shape.size, device=self.device)
        down, across = self._images(rows, styles=True), self._images(columns, styles=True)
        inner = self._images(torch.stack(mixed), styles=True).view(self.rows, self.rows, *corner.shape[1:])
        lines = [torch.cat([corner, across]), *(torch.cat([down[i : i + 1], inner[i]]) for i in range(self.rows))]
        return LatentFigure(
            name="mixing",
            images=_levels(torch.cat(lines)),
            columns=self.rows + 1,
            caption=f"the first {coarse} of {layers} styles are those of the left column, the others those of the top row",
            measured={},
        )

    def truncation(self) -> list[LatentFigure]:
        """The same latents at increasing truncation parameters; empty if the method has no truncation."""
        if type(self.variant).generate_truncated is Variant.generate_truncated:
            return []
        columns = []
        for psi in TRUNCATIONS:
            with observed(self.variant) as ready, seeding.global_stream(0, "eval-noise", device=self.device):
                columns.append(ready.generate_truncated(self._single(self.starts), psi, self.labels))
        spread = [float(column.double().std(0).mean()) for column in columns] if self.rows > 1 else []
        return [
            LatentFigure(
                name="truncation",
                images=_levels(torch.stack(columns, 1).flatten(0, 1)),
                columns=len(TRUNCATIONS),
                caption="the same latents, truncated less and less from left to right",
                measured={f"pixel_sd_{psi:g}": value for psi, value in zip(TRUNCATIONS, spread, strict=False)},
                across=tuple(f"{psi:g}" for psi in TRUNCATIONS),
                down=self.classes,
            )
        ]

    def directions(self) -> list[LatentFigure]:
        """The first latent, moved along its SeFa directions; empty if no layer takes the whole latent."""
        weights = first_weights(self.variant)
        if weights is None:
            return []
        found = sefa(weights, self.rows)
        styled = self._styles(self.starts[:1])
        origin = self.starts[:1] if styled is None else styled
        spaced = self._styles(self.many)
        spread = (self.many.double() if spaced is None else spaced).cpu() @ found.vectors.t()
        scale = (REACH * spread.std(0)).to(self.device)
        moves = torch.linspace(-1, 1, self.columns, dtype=torch.float64, device=self.device)
        vectors = found.vectors.to(self.device)
        points = (origin.to(self.device) + (scale[:, None, None] * moves[None, :, None]) * vectors[:, None]).flatten(0, 1)
        labels = None if self.labels is None else self.labels[:1].expand(len(points))
        return [
            LatentFigure(
                name="directions",
                images=_levels(self._images(points, styles=styled is not None, labels=labels)),
                columns=self.columns,
                caption=f"SeFa: a row a direction, by falling eigenvalue, from -{REACH:g} to {REACH:g} standard deviations",
                measured={"effective_rank": found.effective_rank, "dimensions": float(weights.shape[1])},
                across=tuple(f"{round(move, 2) + 0.0:g}" for move in (REACH * moves).tolist()),
                down=tuple(f"direction {number}" for number in range(1, len(vectors) + 1)),
            )
        ]

    def _styles(self, latents: Tensor) -> Tensor | None:
        styles = self.model.styles(self._single(latents))
        return None if styles is None else styles.double()

    def _images(self, points: Tensor, *, styles: bool, labels: Tensor | None = None) -> Tensor:
        parts = torch.split(torch.arange(len(points), device=self.device), 64)
        return torch.cat([self.model.images(self._single(points[i]), styles, None if labels is None else labels[i]) for i in parts])

    def _single(self, values: Tensor) -> Tensor:
        return values.to(self.device, torch.float32)

    def _classes(self, n: int) -> Tensor | None:
        classes = self.variant.shape.classes
        return torch.arange(n, device=self.device) % classes if classes else None


def _levels(images: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    levels: np.ndarray[Any, np.dtype[np.uint8]] = to_uint8(images).cpu().numpy()
    return levels
