"""What if real values are drawn towards past generated ones, and the other way round? (Tseng et al. 2021, "Regularizing GANs", CVPR)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch import Tensor

from baselines.biggan import BigGAN
from baselines.blocks.penalties import lecam
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Counters, StepContext


class LeCamGAN(BigGAN):
    """BigGAN whose discriminator is anchored at moving averages of its own values (Tseng et al. 2021).

    The paper shows that a critic's game with the penalty minimises a LeCam divergence, which is bounded, so that few data cannot make the
    critic sure of itself without end.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(BigGAN.Config):
        """The regulariser of google/lecam-gan; the rest is BigGAN's. The preset ``cifar`` has published settings for 32x32."""

        lecam_weight: Annotated[float, Ge(0)] = 0.3
        """Lambda, in the authors' scripts for BigGAN on CIFAR (``--LC``) and in PyTorch-StudioGAN's BigGAN-LeCam.yaml."""
        lecam_decay: Annotated[float, Interval(ge=0, lt=1)] = 0.99
        """Of the averages in a discriminator step, in the paper, the authors' StyleGAN2 code and PyTorch-StudioGAN; the authors'
        code for CIFAR leaves it at 0.9."""
        lecam_start: Annotated[int, Ge(0)] = 1_000
        """Generator steps before the penalty, in the authors' code for CIFAR. Until then the averages are the last batch's means."""
        lecam_one_sided: bool = True
        """Values count only on their own side of the other average, as in all of the authors' code, which made the published results.
        False is the paper's equation 6."""

    tiny = {**BigGAN.tiny, "lecam_start": 0}
    """Settings of a few thousand weights, for tests."""
    config: Config
    method = "lecam_gan"
    averages: Tensor
    """Moving averages of real and of generated values, (2,)."""

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        self.register_buffer("averages", torch.zeros(2))

    def penalties(self, real_values: Tensor, fake_values: Tensor, ctx: StepContext) -> dict[str, tuple[float, Tensor]]:
        """The averages follow the values, this batch's included, and anchor the other side's (eq. 6)."""
        config = self.config
        waits, first = ctx.scheduled(self.stage)
        with torch.no_grad():
            means = ctx.mean(torch.stack([real_values.mean(), fake_values.mean()]))
            self.averages.lerp_(means, 1.0 if first else 1 - config.lecam_decay)
        if waits:
            return {}
        penalty = lecam(real_values, fake_values, self.averages[0], self.averages[1], one_sided=config.lecam_one_sided)
        return {"lecam": (config.lecam_weight, penalty)}

    def stage(self, counters: Counters) -> tuple[bool, bool]:
        """Whether the penalty has not begun, and whether the averages start anew with a step's values."""
        waits = counters.step // self.config.critic_steps < self.config.lecam_start
        return waits, waits or counters.step == 0
