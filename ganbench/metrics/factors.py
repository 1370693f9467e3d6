"""What is a factor of a covariance, and how does one apply it at a low cost?"""

from dataclasses import dataclass

import torch
from torch import Tensor

_BLOCK = 256
"""Number of columns of a triangular factor that are multiplied at once."""
_WELL_CONDITIONED = 1e-6
"""Smallest diagonal element of a Cholesky factor, relative to the largest, with which systems are solved."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A factor F of a covariance F F^T."""

    root: Tensor
    """F (d, r); r is the rank."""
    inverse: Tensor | None = None
    """The pseudo-inverse of F (r, d); None if F is lower triangular."""

    def times(self, matrix: Tensor) -> Tensor:
        """The product (n, r) of a matrix (n, d) and F, without what is multiplied by zeros of a triangular F."""
        if self.inverse is not None:
            return matrix @ self.root
        return torch.cat([matrix[:, part.start :] @ self.root[part.start :, part] for part in _parts(len(self.root))], 1)

    def between(self, covariance: Tensor) -> Tensor:
        """F^T S F (r, r) for another covariance S (d, d), right on and above its diagonal only."""
        product = self.times(covariance)
        if self.inverse is not None:
            return self.root.T @ product
        result = torch.zeros_like(covariance)
        for part in _parts(len(covariance)):
            result[part, part.start :] = self.root[part.start :, part].T @ product[part.start :, part.start :]
        return result

    def whitened(self, centred: Tensor) -> Tensor:
        """Centred features (n, d) in coordinates (n, r) in which the covariance is the identity."""
        if self.inverse is not None:
            return centred @ self.inverse.T
        coordinates: Tensor = torch.linalg.solve_triangular(self.root, centred.T, upper=False).T
        return coordinates


def _parts(width: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, width, _BLOCK)]


def factor(covariance: Tensor) -> Factor:
    """The Cholesky factor of a covariance (d, d), or one from its eigenvectors if it is singular."""
    root, failed = torch.linalg.cholesky_ex(covariance)
    return _of_eigenvectors(covariance) if failed else Factor(root=root)


def well_conditioned_factor(covariance: Tensor) -> Factor:
    """A factor of a covariance (d, d) that can be inverted: one from the eigenvectors already where Cholesky's is ill-conditioned."""
    root, failed = torch.linalg.cholesky_ex(covariance)
    diagonal = root.diagonal()
    return _of_eigenvectors(covariance) if failed or diagonal.amin() <= _WELL_CONDITIONED * diagonal.amax() else Factor(root=root)


def _of_eigenvectors(covariance: Tensor) -> Factor:
    """A factor from the eigenvectors with eigenvalues that are not zero up to rounding."""
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    kept = eigenvalues > eigenvalues[-1].clamp(min=0) * len(covariance) * torch.finfo(covariance.dtype).eps
    scales, vectors = eigenvalues[kept].sqrt(), vectors[:, kept]
    return Factor(root=vectors * scales, inverse=(vectors / scales).T)
