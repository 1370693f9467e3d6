"""How does a GAN train on few images? (Karras et al. 2020, "Training generative adversarial networks with limited data", NeurIPS)"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Interval
from torch import Tensor

from baselines.blocks.ada import AdaptiveProbability
from baselines.stylegan2 import StyleGAN2
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.variant import Batch, Logs, StepContext


class StyleGAN2ADA(StyleGAN2):
    """StyleGAN2 whose discriminator only ever sees augmented images, as strongly as its overfitting demands (Karras et al. 2020)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(StyleGAN2.Config):
        """Appendix C's baseline at 256x256, minibatch 64.

        CIFAR-10's differs: mapping_layers 2, channel_base 16384, discriminator "orig", r1_gamma 0.01, path_length_weight 0,
        mixing_probability 0, stddev_group 32.
        """

        version = 2
        """2: StyleGAN2's changes, and geometric transformations look images up behind the paper's wavelet filter."""
        channel_base: Annotated[int, Ge(1)] = 8192
        """Feature maps are base / 2^stage, the smallest resolution's stage being 1 ..."""
        learning_rate: Annotated[float, Ge(0)] = 2.5e-3
        r1_gamma: Annotated[float, Ge(0)] = 1.0
        """Weight of R1; a rule of thumb is 0.0002 x pixels / minibatch (appendix C)."""
        stddev_group: Annotated[int, Ge(1)] = 8
        augment_target: Annotated[float, Interval(ge=-1, le=1)] = 0.6
        """Of r_t, the mean sign of the discriminator's logits of real images (section 3)."""
        augment_interval: Annotated[int, Ge(1)] = 4
        """Minibatches between two changes of p."""
        augment_images: Annotated[int, Ge(1)] = 500_000
        """Images in which p can go from 0 to 1."""

    config: Config
    method = "stylegan2_ada"

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if shape.size[0] not in (1, 3):
            raise RequestError(f"stylegan2_ada changes colours, and images of {shape.size[0]} channels have none; take stylegan2")
        self.augmentation = AdaptiveProbability(config.augment_target, config.augment_images)

    def judged(self, images: Tensor, labels: Tensor | None, ctx: StepContext) -> Tensor:
        """Logits of augmented images; in the generator's step and in R1 the gradient goes through the augmentation."""
        logits: Tensor = self.discriminator(self.augmentation(ctx.augment(images)), labels)
        return logits

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """StyleGAN2's, then in one step of ``augment_interval`` a change of p (section 3)."""
        logs = super().discriminator_step(real, ctx)
        r = logs["logit/real_sign"]
        self.augmentation.observe(ctx.mean(r))
        if ctx.every(self.config.augment_interval):
            self.augmentation.adjust(self.config.augment_interval, self.config.augment_interval * ctx.step_images)
        return {**logs, "augment/r_t": r, "augment/p": self.augmentation.p.clone()}
