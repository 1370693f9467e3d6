"""How far are Progressive GAN, StyleGAN2 and R3GAN from public code?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.torch_version import TorchVersion

from baselines.conformance.comparison import EXAMPLES, Finding
from baselines.conformance.copying import apart, called, copied, imported, parameters
from baselines.progressive_gan import ProgressiveGAN
from baselines.r3gan import R3GAN
from baselines.stylegan2 import StyleGAN2
from ganbench.data.dataset import DataShape


def pro_gan_pytorch(folder: Path) -> Iterator[Finding]:
    """Progressive GAN's discriminator at 32 pixels, fully grown and half faded in."""
    with mock.patch("builtins.Tuple", tuple, create=True), imported(folder, "pro_gan_pytorch.networks") as (module,):  # it forgot an import
        discriminator = module.Discriminator(depth=5, latent_size=512).eval()
    ours: Any = ProgressiveGAN(ProgressiveGAN.Config(), DataShape(size=(3, 32, 32))).eval()
    images = torch.randn(EXAMPLES, 3, 32, 32)
    for part, alpha in (("discriminator", 1.0), ("discriminator, fading", 0.5)):

        def theirs(alpha: float = alpha) -> Tensor:
            values: Tensor = discriminator(images, 5, alpha)
            return values

        def own(alpha: float = alpha) -> Tensor:
            values: Tensor = ours.discriminator(images, 3, min(alpha, 1 - 1e-12))  # below 1, so that the fade's layer is called too
            return values

        layers = called(discriminator, theirs)
        for parameter in discriminator.parameters():
            nn.init.normal_(parameter)
        with torch.no_grad():
            copied(_faded_first(layers), called(ours.discriminator, own))
            ours.discriminator.value.weight.mul_(2**0.5)
            difference = apart(own(), theirs())
        sizes = parameters(ours.discriminator), parameters(discriminator)
        remark = "its last layer has a gain of sqrt 2, the authors' and ours 1"
        yield Finding(variant="progressive_gan", part=part, difference=difference, ours=sizes[0], theirs=sizes[1], remark=remark)


def _faded_first(layers: list[nn.Module]) -> list[nn.Module]:
    """Their layers in our order: there the lower resolution's colours come first, here behind the first block."""
    lower, colours, first, second, *rest = layers
    return [colours, first, second, lower, *rest]


def stylegan2_pytorch(folder: Path) -> Iterator[Finding]:
    """StyleGAN2 at 32 pixels, 512 channels, 8 mapping layers, noise silent."""
    with mock.patch("torch.utils.cpp_extension.load"), imported(folder, "model") as (module,):  # its CUDA kernels, unused on a CPU
        generator, discriminator = module.Generator(32, 512, 8).double(), module.Discriminator(32).double()
    ours: Any = StyleGAN2(StyleGAN2.Config(), DataShape(size=(3, 32, 32)))
    synthesis = ours.generator.synthesis
    latents, images = torch.randn(EXAMPLES, 512), torch.randn(EXAMPLES, 3, 32, 32)
    for network in (generator, discriminator):
        for parameter in network.parameters():
            nn.init.normal_(parameter)
    pairs: list[tuple[Any, Any]] = [(generator.input.input, synthesis.constant)]
    for theirs, own in zip(list(generator.style)[1:], ours.generator.mapping.layers, strict=True):
        pairs += [(theirs.weight, own.weight), (theirs.bias, own.bias)]
    for theirs, own in zip([generator.conv1, *generator.convs], synthesis.layers, strict=True):
        pairs += [(theirs.conv.weight, own.conv.conv.weight), (theirs.noise.weight, own.noise.strength), (theirs.activate.bias, own.bias)]
        pairs += _affine(theirs.conv.modulation, own.conv.affine)
    for level, (theirs, own) in enumerate(zip([generator.to_rgb1, *generator.to_rgbs], synthesis.to_rgb, strict=True)):
        pairs += [(theirs.conv.weight, own.conv.weight), (theirs.bias, synthesis.bias[level]), *_affine(theirs.conv.modulation, own.affine)]
    with torch.no_grad():
        for given, wanted in pairs:
            wanted.copy_(given.reshape(wanted.shape))
        for module in (generator, ours.generator):
            for name, parameter in module.named_parameters():
                if "noise" in name:
                    parameter.zero_()  # both draw noise of their own
        difference = apart(ours.generator.train()(latents), generator([latents])[0])
    remark = "noise inputs silent"
    yield Finding(
        variant="stylegan2",
        part="generator",
        difference=difference,
        ours=parameters(ours.generator),
        theirs=parameters(generator),
        remark=remark,
    )
    d = ours.discriminator
    pairs = [(discriminator.convs[0][0].weight, d.from_rgb.weight), (discriminator.convs[0][1].bias, d.from_rgb.bias)]
    for theirs, own in zip(list(discriminator.convs)[1:], d.blocks, strict=True):
        pairs += [(theirs.conv1[0].weight, own.first.weight), (theirs.conv1[1].bias, own.first.bias)]
        pairs += [(theirs.conv2[1].weight, own.second.weight), (theirs.conv2[2].bias, own.bias), (theirs.skip[1].weight, own.skip.weight)]
    pairs += [(discriminator.final_conv[0].weight, d.conv.weight), (discriminator.final_conv[1].bias, d.conv.bias)]
    for theirs, own in zip(discriminator.final_linear, (d.hidden, d.value), strict=True):
        pairs += _affine(theirs, own)
    with torch.no_grad():
        for given, wanted in pairs:
            wanted.copy_(given.reshape(wanted.shape))
        difference = apart(d(images), discriminator(images).flatten())
    yield Finding(variant="stylegan2", part="discriminator", difference=difference, ours=parameters(d), theirs=parameters(discriminator))


def _affine(theirs: Any, ours: Any) -> list[tuple[Any, Any]]:
    return [(theirs.weight, ours.weight), (theirs.bias, ours.bias)]


def r3gan_code(folder: Path) -> Iterator[Finding]:
    """R3GAN at 32 pixels, 64 channels, 2 blocks a stage, 10 classes; in float32, which theirs casts to."""
    absent = {"requests": mock.Mock(), "pkg_resources": mock.Mock(parse_version=TorchVersion)}  # of downloads, and gone from Python
    with imported(folder, "R3GAN.Networks", absent=absent) as (module,):
        shared = {"WidthPerStage": [64] * 4, "CardinalityPerStage": [8] * 4, "BlocksPerStage": [2] * 4, "ExpansionFactor": 2}
        classes = {"ConditionDimension": 10, "ConditionEmbeddingDimension": 64}
        generator, discriminator = module.Generator(64, **shared, **classes), module.Discriminator(**shared, **classes)
    config = R3GAN.Config(width=64, group_channels=16, conditional=True)
    ours: Any = R3GAN(config, DataShape(size=(3, 32, 32), classes=10))
    latents, images, labels = torch.randn(EXAMPLES, 64), torch.randn(EXAMPLES, 3, 32, 32), torch.arange(EXAMPLES)
    one_hot = torch.eye(10)[labels].float()
    for part, theirs, own, inputs in (
        ("generator", generator.float(), ours.generator.float(), latents.float()),
        ("discriminator", discriminator.float(), ours.discriminator.float(), images.float()),
    ):
        for parameter in theirs.parameters():
            nn.init.normal_(parameter, 0.0, 0.3)
        with torch.no_grad():
            for source, target in zip(_weights_first(theirs), _weights_first(own), strict=True):
                target.copy_(source if source.shape == target.shape else source.t())  # class vectors stand in columns there
            difference = apart(own(inputs, labels), theirs(inputs, one_hot))
        yield Finding(
            variant="r3gan",
            part=part,
            difference=difference,
            ours=parameters(own),
            theirs=parameters(theirs),
            remark="64 channels, float32",
        )


def _weights_first(network: nn.Module) -> list[Tensor]:
    """The parameters: weights, then biases, then class vectors, each in the network's order."""
    ordered = sorted(network.named_parameters(), key=lambda named: ("embedding" in named[0].lower(), named[0].lower().endswith("bias")))
    return [parameter for _, parameter in ordered]
