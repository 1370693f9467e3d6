"""Which fully connected networks do the variants use?"""

from collections.abc import Sequence

from torch import Tensor, nn

POINT_WIDTHS = (128, 128)
"""Hidden layers of every variant's networks on point data. Pinned: on mixtures the architecture decides
more than the method does, so methods are compared inside one."""


class Maxout(nn.Module):
    """The largest of several linear maps, per unit (Goodfellow et al. 2013, "Maxout networks").

    Args:
        inputs: Width of the input.
        units: Width of the output.
        pieces: Linear maps per unit.
    """

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) to (n, units)."""
        maps: Tensor = self.linear(x)
        return maps.view(len(x), -1, self.pieces).amax(2)


def relu_layers(widths: Sequence[int]) -> list[nn.Module]:
    """Linear layers with a ReLU behind each: ``widths[0]`` inputs, ``widths[-1]`` outputs."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers


def point_generator(latent_dim: int, dimensions: int) -> nn.Module:
    """Latents (n, latent_dim) to points (n, dimensions)."""
    return nn.Sequential(*relu_layers((latent_dim, *POINT_WIDTHS)), nn.Linear(POINT_WIDTHS[-1], dimensions))


def point_discriminator(dimensions: int) -> nn.Module:
    """Points (n, dimensions) to logits or critic values (n,)."""
    return nn.Sequential(*relu_layers((dimensions, *POINT_WIDTHS)), nn.Linear(POINT_WIDTHS[-1], 1), nn.Flatten(0))


def normed_point_generator(latent_dim: int, dimensions: int) -> nn.Module:
    """:func:`point_generator` with DCGAN's batch norm behind every hidden layer."""
    first, second = POINT_WIDTHS
    hidden = [nn.Linear(latent_dim, first), nn.BatchNorm1d(first), nn.ReLU(), nn.Linear(first, second), nn.BatchNorm1d(second), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(second, dimensions))


def normed_point_discriminator(dimensions: int) -> nn.Module:
    """:func:`point_discriminator` with DCGAN's leaky ReLU, and its batch norm behind all but the first layer."""
    first, second = POINT_WIDTHS
    hidden = [nn.Linear(dimensions, first), nn.LeakyReLU(0.2), nn.Linear(first, second), nn.BatchNorm1d(second), nn.LeakyReLU(0.2)]
    return nn.Sequential(*hidden, nn.Linear(second, 1), nn.Flatten(0))
