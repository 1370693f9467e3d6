"""Which networks and optimizers do the methods start from that came with DCGAN's?"""

from collections.abc import Callable
from typing import Literal

from torch import nn
from torch.optim import Adam, Optimizer

from baselines.blocks.conv import Discriminator, Generator, initialise_dcgan
from baselines.blocks.mlp import normed_point_discriminator, normed_point_generator, point_discriminator, point_generator
from ganbench.data.dataset import DataShape


def dcgan_pair(
    latent_dim: int,
    shape: DataShape,
    generator_width: int,
    discriminator_width: int,
    norm: Literal["batch", "none"],
    pack: int = 1,
    start: Callable[[nn.Module], None] = initialise_dcgan,
    critic_start: Callable[[nn.Module], None] | None = None,
) -> tuple[nn.Module, nn.Module]:
    """DCGAN's generator and discriminator, or the pinned fully connected ones on points.

    Args:
        latent_dim: Width of a latent.
        shape: Form of the data.
        generator_width: Channels before the generator's last layer, on images.
        discriminator_width: Channels behind the discriminator's first layer, on images.
        norm: Normalisation in the discriminator. Penalties on its gradient need "none"; the generator then has no batch norm on points.
        pack: Examples that the discriminator sees at once, along the channels or coordinates.
        start: Initialises both networks on images; on points all methods start from the pinned networks as PyTorch constructs them.
        critic_start: Initialises the discriminator in its place.

    Raises:
        RequestError: Images that the architecture cannot do.
    """
    if not shape.is_image:
        dimensions = shape.size[0]
        if norm == "none":
            return point_generator(latent_dim, dimensions), point_discriminator(pack * dimensions)
        return normed_point_generator(latent_dim, dimensions), normed_point_discriminator(pack * dimensions)
    generator = Generator(latent_dim, shape, generator_width)
    discriminator = Discriminator(DataShape(size=(pack * shape.size[0], *shape.size[1:])), discriminator_width, norm)
    generator.apply(start)
    discriminator.apply(critic_start or start)
    return generator, discriminator


def adam_pair(generator: nn.Module, discriminator: nn.Module, learning_rate: float, betas: tuple[float, float]) -> dict[str, Optimizer]:
    """Adam with the same settings for both networks."""
    return {
        "discriminator": Adam(discriminator.parameters(), lr=learning_rate, betas=betas),
        "generator": Adam(generator.parameters(), lr=learning_rate, betas=betas),
    }
