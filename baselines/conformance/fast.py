"""How far are FastGAN's networks from public code?"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from baselines.blocks.fastgan_networks import FromLatent
from baselines.conformance.comparison import EXAMPLES, Finding
from baselines.conformance.copying import apart, called, copied, imported, parameters, randomised
from baselines.fastgan import FastGAN
from ganbench.data.dataset import DataShape

QUARTER = 2
"""The lower left one, which both decoders draw."""


def fastgan_code(folder: Path) -> Iterator[Finding]:
    """FastGAN at 256 pixels: logits of both paths, and what the decoders draw."""
    with imported(folder, "models") as (module,):
        generator, discriminator = module.Generator(ngf=64, nz=256, im_size=256), module.Discriminator(ndf=64, im_size=256)
    ours: Any = FastGAN(FastGAN.Config(), DataShape(size=(3, 256, 256)))
    latents = torch.randn(EXAMPLES, 256)
    images, small = torch.randn(EXAMPLES, 3, 256, 256), torch.randn(EXAMPLES, 3, 128, 128)

    def drawn() -> Tensor:
        whole, half = generator(latents)
        return torch.cat([whole.tanh().flatten(), half.tanh().flatten()])

    def own_drawn() -> Tensor:
        return torch.cat([one.flatten() for one in ours.generator(latents)])

    def seen() -> Tensor:
        with mock.patch("random.randint", return_value=QUARTER):
            logits, decoded, _ = discriminator([images, small], "real")
        return torch.cat([logits, *(one.flatten() for one in decoded)])

    def own_seen() -> Tensor:
        seen = ours.discriminator.see(images, small)
        paths = (part.flatten() for part in seen.logits.tensor_split(2, dim=1))  # there one path follows the other, here one example
        return torch.cat([*paths, *(one.flatten() for one in ours.discriminator.decode(seen, torch.full((EXAMPLES,), QUARTER)))])

    remark = "noise inputs silent; a tanh behind both images, which theirs has from 1024 pixels on"
    yield _compared("generator", generator, ours.generator, drawn, own_drawn, remark)
    yield _compared("discriminator", discriminator, ours.discriminator, seen, own_seen, "logits and decoded images")


def _compared(part: str, theirs: Any, ours: Any, their_run: Callable[[], Tensor], our_run: Callable[[], Tensor], remark: str) -> Finding:
    """As :func:`~baselines.conformance.comparison.compared`, but for noise and for the first layer, a transposed convolution there."""
    layers, own = (
        [layer for layer in called(network, run) if "Noise" not in type(layer).__name__]
        for network, run in ((theirs, their_run), (ours, our_run))
    )
    randomised(layers)
    start = next((module for module in ours.modules() if isinstance(module, FromLatent)), None)
    with torch.no_grad():
        if start is not None:
            first: Any = layers.pop(0)
            randomised([start.kernels])  # a matrix of outputs and the rest, whose norm both take
            first.weight_orig.copy_(start.kernels.parametrizations.weight.original.transpose(0, 1))  # type: ignore[union-attr, operator]
        copied(layers, own)
        difference = apart(our_run(), their_run())
    return Finding(variant="fastgan", part=part, difference=difference, ours=parameters(ours), theirs=parameters(theirs), remark=remark)
