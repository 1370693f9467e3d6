"""Which public codes are there comparisons with?"""

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import torch
from torch.nn import functional

from baselines.blocks import contrastive, diffaugment, penalties
from baselines.conformance.comparison import EXAMPLES, Finding
from baselines.conformance.copying import apart, imported
from baselines.conformance.fast import fastgan_code
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
        anywhere = torch.randn(64), torch.randn(64)
        one_sided = module.lecam_reg(*anywhere, ema)
    real_average, fake_average = torch.tensor(0.7), torch.tensor(-0.4)
    ours = penalties.lecam(real, fake, real_average, fake_average)
    yield Finding(variant="ablation", part="lecam", difference=apart(ours, theirs), remark="where theirs counts the values")
    ours = penalties.lecam(*anywhere, real_average, fake_average, one_sided=True)
    yield Finding(variant="lecam_gan", part="penalty", difference=apart(ours, one_sided))


def studiogan(folder: Path) -> Iterator[Finding]:
    """ContraGAN's and ReACGAN's losses of given embeddings, proxies and classes."""
    absent = {"utils.style_ops": mock.Mock(), "utils.ops": mock.Mock()}  # CUDA kernels, and layers that the losses do not use
    with imported(folder / "src", "utils.losses", absent=absent) as (module,):
        embeddings, proxies = (functional.normalize(torch.randn(n, 6), dim=1) for n in (32, 10))
        labels = torch.randint(10, (32,))
        given = embeddings, proxies[labels], labels
        theirs = module.ConditionalContrastiveLoss(10, 0.7, "cpu", False)(*given)
        yield Finding(
            variant="contragan", part="2C loss", difference=apart(contrastive.conditional_contrastive(*given, temperature=0.7), theirs)
        )
        theirs = module.Data2DataCrossEntropyLoss(10, 0.5, 0.98, "cpu", False)(*given)
        ours = contrastive.data_to_data(*given, 0.5, 0.98, 1 - 0.98, damped=True)
        yield Finding(variant="reacgan", part="D2D-CE", difference=apart(ours, theirs), remark="not its paper's equation 6, an option here")


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
    "POSTECH-CVLab/PyTorch-StudioGAN": studiogan,
    "hugobb/FastGAN-pytorch": fastgan_code,
}
"""The comparisons by public code."""
