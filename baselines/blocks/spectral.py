"""How is a layer's spectral norm held at 1? (Miyato et al. 2018, "Spectral normalization for GANs", ICLR)"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from ganbench.training.arithmetic import float32

FIRST_ITERATIONS = 5
"""Rounds at construction, so that the very first forward pass divides by the right number."""
DEGREE = 8
"""Of the Chebyshev polynomial in a round: two products of the weight and a vector for each."""


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value, which one round of iteration a forward pass follows (algorithm 1).

    A convolution's weight is the matrix (outputs, inputs x height x width), as in section 2.1 of the paper.

    The paper's round is one power iteration. In training several singular values come to lie within a few percent of the largest, and
    power iteration needs hundreds of rounds to tell such from each other: it then lags by up to 7 %. A Chebyshev polynomial of W W^T
    goes ahead here, which keeps all parts of the vector as they are that belong to values below the present estimate and lets those
    above grow exponentially. It costs little beside a convolution of a batch.

    PyTorch's own parametrization keeps estimates of both singular vectors and, in evaluation, uses them as they are. A moving average
    of the generator averages buffers too, and the average of unit vectors is shorter than 1: sigma would come out too small and the
    averaged network too steep. Here one vector is kept, and sigma is always computed from a freshly normalised pair.

    Args:
        weight: Initial weight, (outputs, ...), already drawn.
    """

    u: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        u = torch.randn(len(matrix), device=weight.device)
        for _ in range(FIRST_ITERATIONS):
            _, u = singular_vectors(matrix, u)
        self.register_buffer("u", u)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight over its spectral norm; the vectors are constants to the gradient (eq. 9)."""
        matrix = weight.flatten(1)
        with float32():  # the estimate is iterated from step to step
            with torch.no_grad():
                v, u = singular_vectors(matrix, self.u)
                if self.training:
                    self.u.copy_(u)
            return weight / u.dot(matrix.mv(v))


def singular_vectors(matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Better estimates of the right and the left vector of the largest singular value.

    Args:
        matrix: (m, n).
        u: An estimate of the left one, (m,), of any length.
    """
    _, u = _power_iteration(matrix, u)
    scaled = matrix * (2 / matrix.t().mv(u).norm())
    # T_k(2 W W^T / sigma^2 - 1) u by its recurrence; -1 to 1 is where T_k stays, and what exceeds the estimate lies above 1
    before, now = u, torch.addmv(u, scaled, scaled.t().mv(u), beta=-1, alpha=0.5)
    for _ in range(DEGREE - 1):
        before, now = now, torch.addmv(before.add(now, alpha=2), scaled, scaled.t().mv(now), beta=-1)
    # a norm that has grown a hundredfold within a step is beyond float32's polynomial, and plain iteration finds it at once
    return _power_iteration(matrix, torch.where(now.isfinite().all(), now, u))


def _power_iteration(matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    v = functional.normalize(matrix.t().mv(u), dim=0)
    return v, functional.normalize(matrix.mv(v), dim=0)


def normalise_spectrally(network: nn.Module, kinds: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.Linear)) -> nn.Module:
    """Puts :class:`SpectralNorm` on the weights of a network, in place.

    Args:
        network: Its weights must have been drawn: the first estimates follow them.
        kinds: Layers to normalise.

    Returns:
        The network.
    """
    for module in list(network.modules()):
        if isinstance(module, kinds):
            assert isinstance(module.weight, Tensor)
            parametrize.register_parametrization(module, "weight", SpectralNorm(module.weight))
    return network
