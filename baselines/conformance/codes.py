"""Which public codes are there comparisons with?"""

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import torch

from baselines.blocks import diffaugment, penalties
from baselines.conformance.comparison import EXAMPLES, Finding
from baselines.conformance.copying import apart, imported
from baselines.conformance.residual import biggan_pytorch, gan_collections, mimicry, pytorch_examples
from baselines.conformance.styles import pro_gan_pytorch, r3gan_code, stylegan2_pytorch
from ganbench.seeding import global_stream


def diffaugment_code(folder: Path) -> Iterator[Finding]:
    """The three changes of colour, drawn from one stream."""
    with imported(folder, "DiffAugment_pytorch") as (module,):
        images = torch.rand(EXAMPLES, 3, 32, 32) * 2 - 1
        for part, change in (
            ("brightness", diffaugment.brightness),
            ("saturation", diffaugment.saturation),
            ("contrast", diffaugment.contrast),
        ):
            with global_stream(0, "conformance"):
                theirs = getattr(module, f"rand_{part}")(images)
            with global_stream(0, "conformance"):
                ours = change(images)
            yield Finding(variant="diffaug_gan", part=part, difference=apart(ours, theirs))


def lecam_code(folder: Path) -> Iterator[Finding]:
    """LeCam's penalty of given values and averages."""
    with imported(folder / "biggan_cifar", "losses") as (module,):
        real, fake = torch.rand(EXAMPLES) - 0.4, 0.7 - torch.rand(EXAMPLES)  # above a_F and below a_R, where theirs counts them
        ema = mock.Mock(D_real=0.7, D_fake=-0.4)
        theirs = module.lecam_reg(real, fake, ema)
    ours = penalties.lecam(real, fake, torch.tensor(0.7), torch.tensor(-0.4))
    yield Finding(variant="ablation", part="lecam", difference=apart(ours, theirs), remark="where theirs counts the values")


CODES: dict[str, Callable[[Path], Iterator[Finding]]] = {
    "pytorch/examples": pytorch_examples,
    "w86763777/pytorch-gan-collections": gan_collections,
    "kwotsin/mimicry": mimicry,
    "akanimax/pro_gan_pytorch": pro_gan_pytorch,
    "ajbrock/BigGAN-PyTorch": biggan_pytorch,
    "rosinality/stylegan2-pytorch": stylegan2_pytorch,
    "mit-han-lab/data-efficient-gans": diffaugment_code,
    "brownvc/R3GAN": r3gan_code,
    "google/lecam-gan": lecam_code,
}
"""The comparisons by public code."""
