"""Along which directions of the latent space do images change most? (SeFa: Shen & Zhou 2021, "Closed-form factorization", CVPR)"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganbench.sampling import observed
from ganbench.training.variant import Variant


@dataclass(frozen=True, kw_only=True)
class Directions:
    """Eigenvectors of A^T A for the weights A of the first affine map of a latent."""

    vectors: Tensor
    """float64 (k, d), orthonormal rows by descending eigenvalue; the entry of largest magnitude is positive."""
    eigenvalues: Tensor
    """float64 (d,), all eigenvalues, descending."""

    @property
    def effective_rank(self) -> float:
        """Exponential of the entropy of the normalised eigenvalues, from 1 (a single direction) to d (all eigenvalues equal)."""
        shares = self.eigenvalues / self.eigenvalues.sum()
        return float(torch.exp(-torch.special.xlogy(shares, shares).sum()))


def sefa(weights: Tensor, k: int) -> Directions:
    """Directions that the first affine map stretches most (equation 5 of the paper).

    Args:
        weights: A, (outputs, d).
        k: Number of directions; at most d exist.
    """
    matrix = weights.detach().double().cpu()
    eigenvalues, columns = torch.linalg.eigh(matrix.t() @ matrix)
    vectors = columns.t().flip(0)[:k]
    signs = vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
    return Directions(vectors=vectors * signs, eigenvalues=eigenvalues.flip(0).clamp(min=0))


def first_weights(variant: Variant) -> Tensor | None:
    """The weights of the first affine map of a latent: a linear layer, a transposed convolution, or all affine maps of a style.

    Returns:
        (outputs, d), where d is the width of a latent, or of an intermediate latent if the generator has a mapping network; None if no
        layer takes the whole latent (hierarchical latents).
    """
    with observed(variant):  # in training mode, reading a spectrally normalised weight updates its norm estimate
        weights = _first_weights(variant)
    return None if weights is None else weights.detach()


def _first_weights(variant: Variant) -> Tensor | None:
    generator = variant.generator
    mapping = getattr(generator, "mapping", None)
    if isinstance(mapping, nn.Module):
        width = int(mapping(torch.zeros(1, variant.config.latent_dim, device=_device(variant)), *_label(variant)).shape[-1])
        affine = [module.weight for module in generator.synthesis.modules() if _takes(module, width)]  # type: ignore[union-attr]
        return torch.cat([weight.flatten(1) for weight in affine if isinstance(weight, Tensor)]) if affine else None
    layers = (module for module in generator.modules() if isinstance(getattr(module, "weight", None), Tensor))
    first = next((layer for layer in layers if not isinstance(layer, nn.Embedding)), None)  # a table of classes takes no latent
    if first is None or not _takes(first, variant.config.latent_dim):
        return None
    weight = first.weight
    assert isinstance(weight, Tensor)
    return weight.flatten(1).t() if isinstance(first, nn.ConvTranspose2d) else weight


def _takes(module: nn.Module, width: int) -> bool:
    """Whether a layer is an affine map of vectors of this width."""
    weight = getattr(module, "weight", None)
    if isinstance(module, nn.ConvTranspose2d):
        return module.in_channels == width
    return isinstance(weight, Tensor) and weight.dim() == 2 and weight.shape[1] == width and not isinstance(module, nn.Embedding)


def _device(variant: Variant) -> torch.device:
    return next(variant.parameters()).device


def _label(variant: Variant) -> tuple[Tensor | None]:
    classes = variant.shape.classes if getattr(variant.config, "conditional", False) else 0
    return (torch.zeros(1, dtype=torch.int64, device=_device(variant)) if classes else None,)
