"""Where do weights start in networks whose critic has no batch norm? (the starts of three methods' authors, for DCGAN's layers)

Each function is applied to every module of a network and initialises its convolutions as the authors do their layers; batch norm keeps
gains of 1 and biases of 0. The layers at the ends have stride 1: they lead from a vector to the smallest map and back, and are linear
layers in the authors' networks. WGAN-GP's authors start a generator with batch norm so, too; the networks in the other two notebooks have
no batch norm, so that their starts say nothing about a generator that has it.
"""

from torch import nn

Convolution = nn.Conv2d | nn.ConvTranspose2d
ORTHOGONAL_GAIN = 1.4
"""Of unrolled GANs, in the authors' demo (poolio/unrolled_gan)."""


def fans(layer: Convolution) -> tuple[float, float]:
    """How many inputs each output depends on, and how many outputs depend on each input, on average and away from the border."""
    kernel = float(layer.kernel_size[0] * layer.kernel_size[1])
    thinned = 1.0 if at_an_end(layer) else kernel / (layer.stride[0] * layer.stride[1])
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.in_channels * thinned, layer.out_channels * kernel
    return layer.in_channels * kernel, layer.out_channels * thinned


def at_an_end(layer: Convolution) -> bool:
    """Whether a layer is a linear map between a vector and the smallest map."""
    return layer.stride == (1, 1)


def initialise_he_uniform(module: nn.Module) -> None:
    """Uniform weights of variance 4 / (fan in + fan out), half of it in the layers at the ends, and biases 0.

    That is the start of WGAN-GP (igul222/improved_wgan_training, tflib/ops): He's variance with the mean of both fans, and Glorot's.
    """
    if isinstance(module, Convolution):
        variance = (2 if at_an_end(module) else 4) / sum(fans(module))
        bound = (3 * variance) ** 0.5
        nn.init.uniform_(module.weight, -bound, bound)
        _no_bias(module)


def initialise_he_normal(module: nn.Module) -> None:
    """Normal weights of variance 2 / fan in (He et al. 2015), and biases 0: ``xavier_init`` in DRAGAN's notebook (kodalinaveen3/DRAGAN)."""
    if isinstance(module, Convolution):
        nn.init.normal_(module.weight, 0.0, (2 / fans(module)[0]) ** 0.5)
        _no_bias(module)


def initialise_scaled_orthogonal(module: nn.Module) -> None:
    """Orthogonal weights times :data:`ORTHOGONAL_GAIN`, and biases 0: the start of unrolled GANs (poolio/unrolled_gan)."""
    if isinstance(module, Convolution):
        nn.init.orthogonal_(module.weight, ORTHOGONAL_GAIN)
        _no_bias(module)


def as_constructed(module: nn.Module) -> None:
    """Leaves the weights that PyTorch's layers are constructed with: uniform, of variance 1 / (3 fan in).

    A critic without batch norm is then nearly flat. Measured at uniform noise of 3x32x32, widths of 32 to 128: the mean norm of its slope
    is 0.03, with N(0, 0.02) 0.01 to 0.09, and with the three starts above 0.7 to 1.3.
    """


def _no_bias(layer: Convolution) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
