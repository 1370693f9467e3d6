"""How far are the convolutional and residual networks from public code?"""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import torch
from torch import nn

from baselines.biggan import BigGAN
from baselines.blocks.attention import SelfAttention
from baselines.conformance.comparison import EXAMPLES, Finding, compared
from baselines.conformance.copying import apart, called, copied, imported, parameters, randomised
from baselines.dcgan import DCGAN
from baselines.projection_gan import ProjectionGAN
from baselines.sngan import SNGAN
from ganbench.data.dataset import DataShape


def pytorch_examples(folder: Path) -> Iterator[Finding]:
    """DCGAN at 64 pixels with 64 channels."""
    file = folder / "dcgan" / "main.py"
    classes: list[ast.stmt] = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    names: dict[str, Any] = {"nn": nn, "torch": torch, "nz": 100, "ngf": 64, "ndf": 64, "nc": 3}
    exec(compile(ast.Module(classes, []), str(file), "exec"), names)  # the file is a script, of which only the networks are wanted
    config = DCGAN.Config(latent_dim=100, generator_width=64, discriminator_width=64)
    ours = DCGAN(config, DataShape(size=(3, 64, 64))).eval()
    generator, discriminator = names["Generator"](1).eval(), names["Discriminator"](1).eval()
    latents, images = torch.randn(EXAMPLES, 100), torch.randn(EXAMPLES, 3, 64, 64)
    remark = "ours has biases where no batch norm follows"
    yield compared(
        "dcgan",
        "generator",
        generator,
        ours.generator,
        lambda: generator(latents[:, :, None, None]),
        lambda: ours.generator(latents),
        remark,
    )
    yield compared(
        "dcgan",
        "discriminator",
        discriminator,
        ours.discriminator,
        lambda: discriminator.main[:-1](images).flatten(),  # without the sigmoid
        lambda: ours.discriminator(images),
        remark,
    )


def gan_collections(folder: Path) -> Iterator[Finding]:
    """SNGAN's residual networks at 32 pixels."""
    with imported(folder, "source.models.sngan") as (module,):
        generator, discriminator = module.ResGenerator32(128).eval(), module.ResDiscriminator32()  # in evaluation its norms are stale
    ours = SNGAN(SNGAN.Config(), DataShape(size=(3, 32, 32))).eval()
    latents, images = torch.randn(EXAMPLES, 128), torch.randn(EXAMPLES, 3, 32, 32)
    yield compared("sngan", "generator", generator, ours.generator, lambda: generator(latents), lambda: ours.generator(latents))
    yield compared(
        "sngan",
        "discriminator",
        discriminator,
        ours.discriminator,
        lambda: discriminator(images).flatten(),
        lambda: ours.discriminator(images),
        "ours has a bias in the last layer, as the paper's code",
    )


def mimicry(folder: Path) -> Iterator[Finding]:
    """The projection discriminator at 32 pixels."""
    package = ModuleType("torch_mimicry")  # its own start imports TensorFlow
    package.__path__ = [str(folder / "torch_mimicry")]
    absent = {"torch_mimicry": package, "torch.utils.tensorboard": mock.Mock(), "skimage": mock.Mock()}
    with imported(folder, "torch_mimicry.nets.cgan_pd.cgan_pd_32", absent=absent) as (code,):
        discriminator = code.CGANPDDiscriminator32(num_classes=10)
    for module in discriminator.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    ours = ProjectionGAN(ProjectionGAN.Config(), DataShape(size=(3, 32, 32), classes=10)).eval()
    images, labels = torch.randn(EXAMPLES, 3, 32, 32), torch.arange(EXAMPLES)
    yield compared(
        "projection_gan",
        "discriminator",
        discriminator,
        ours.discriminator,
        lambda: discriminator(images, labels).flatten(),
        lambda: ours.discriminator(images, labels),
        "its ReLUs no longer in place, where they change what shortcuts see; its generator interpolates, the paper's and ours copy pixels",
    )


def biggan_pytorch(folder: Path) -> Iterator[Finding]:
    """BigGAN at 32 pixels without attention, as its CIFAR-10 script; self-attention by itself."""
    with imported(folder, "BigGAN", "layers") as (module, layers):
        shared = {"resolution": 32, "n_classes": 10}
        generator = module.Generator(G_ch=16, dim_z=120, G_attn="0", shared_dim=128, hier=True, **shared).eval()
        discriminator = module.Discriminator(D_ch=16, D_attn="0", **shared).eval()
        attention = layers.Attention(64, nn.Conv2d)
    config = BigGAN.Config(generator_width=16, discriminator_width=16, attention_side=16)
    ours = BigGAN(config, DataShape(size=(3, 32, 32), classes=10)).eval()
    for network in (ours.generator, ours.discriminator):
        _without_attention(network)
    latents, images, labels = torch.randn(EXAMPLES, 120), torch.randn(EXAMPLES, 3, 32, 32), torch.arange(EXAMPLES)
    yield compared(
        "biggan",
        "generator",
        generator,
        ours.generator,
        lambda: generator(latents, generator.shared(labels)),
        lambda: ours.generator(latents, labels),
        "16 channels, without attention",
    )
    yield compared(
        "biggan",
        "discriminator",
        discriminator,
        ours.discriminator,
        lambda: discriminator(images, labels).flatten(),
        lambda: ours.discriminator(images, labels),
        "16 channels, without attention",
    )
    own, maps = SelfAttention(64), torch.randn(EXAMPLES, 64, 8, 8)
    theirs = called(attention, lambda: attention(maps))
    randomised(theirs)
    whole, query, key, value, output = theirs
    copied([whole, key, query, value, output], [own, own.key, own.query, own.value, own.output])
    with torch.no_grad():
        difference = apart(own(maps), attention(maps))
    sizes = parameters(own), parameters(attention)
    for variant in ("biggan", "sagan"):
        yield Finding(variant=variant, part="self-attention", difference=difference, ours=sizes[0], theirs=sizes[1], remark="64 channels")


def _without_attention(network: nn.Module) -> None:
    for module in network.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, SelfAttention):
                setattr(module, name, nn.Identity())
