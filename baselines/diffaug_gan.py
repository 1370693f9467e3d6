"""What if real and generated images are augmented alike? (Zhao et al. 2020, "Differentiable augmentation ...", NeurIPS)"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from baselines.blocks.diffaugment import AUGMENTATIONS, augmented, parts
from baselines.stylegan2 import StyleGAN2
from ganbench.data.dataset import DataShape
from ganbench.errors import UnknownName
from ganbench.training.variant import StepContext


class DiffAugGAN(StyleGAN2):
    """StyleGAN2 whose discriminator sees every image, real or generated, through a fixed differentiable augmentation (Zhao et al. 2020)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(StyleGAN2.Config):
        """The paper's StyleGAN2 on CIFAR-10 (mit-han-lab/data-efficient-gans, run_cifar.py); the rest is StyleGAN2's.

        That script takes R1 in every step, at augmented images, and mirrors the training images. Here R1 is lazy, its gradient goes
        through the augmentation (as in the authors' run_low_shot.py), and nothing is mirrored, which digits would not bear.
        """

        channel_base: Annotated[int, Ge(1)] = 2048
        """Feature maps are base / 2^stage, the smallest resolution's stage being 1 ..."""
        r1_gamma: Annotated[float, Ge(0)] = 0.1
        path_length_weight: Annotated[float, Ge(0)] = 0.0
        """The authors' loss has no path lengths."""
        policy: str = "color,cutout"
        """Parts of the augmentation in their order: color, translation, cutout. The paper's on CIFAR-10; all three on few images."""

    config: Config
    method = "diffaug_gan"

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        for part in parts(config.policy):
            if part not in AUGMENTATIONS:
                raise UnknownName("part of diffaug_gan's policy", part, AUGMENTATIONS)

    def judged(self, images: Tensor, labels: Tensor | None, ctx: StepContext) -> Tensor:
        """Logits of augmented images, in the discriminator's and in the generator's step (section 3.3), and in R1."""
        logits: Tensor = self.discriminator(augmented(ctx.augment(images), self.config.policy), labels)
        return logits
