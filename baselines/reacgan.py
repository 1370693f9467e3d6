"""What did ACGAN lack? (unit vectors and relations between data: Kang et al. 2021, "Rebooting ACGAN", NeurIPS)"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Interval
from torch import Tensor

from baselines.blocks.contrastive import data_to_data
from baselines.contragan import ContraGAN


class ReACGAN(ContraGAN):
    """ContraGAN's networks with the data-to-data cross-entropy for the classes (Kang et al. 2021).

    ACGAN's classifier explodes where features grow, so features and classes are unit vectors here. Examples are told from those of other
    classes instead of from other classes' weights, and what is told apart well enough is left alone.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(ContraGAN.Config):
        """PyTorch-StudioGAN's settings for ImageNet at 128 pixels (ReACGAN-256.yaml); the preset ``cifar`` has those for 32x32."""

        embeddings: Annotated[int, Ge(1)] = 2048
        """Width of the embeddings and of the classes' proxies."""
        temperature: Annotated[float, Gt(0)] = 0.5
        """Cosines are divided by it (tau)."""
        positive_margin: Annotated[float, Interval(ge=-1, le=1)] = 0.98
        """Cosine from which an example is close enough to its class (m_p)."""
        negative_margin: Annotated[float, Interval(ge=-1, le=1)] | None = None
        """Cosine up to which examples of other classes are far enough (m_n). None is ``1 - positive_margin``, the only one that the
        authors' code has."""
        damped_negatives: bool = True
        """Other classes' examples count less where anything is near, as in all of the authors' code, which made the published results: see
        :func:`~baselines.blocks.contrastive.data_to_data`. False is the paper's equation 6."""

    config: Config
    method = "reacgan"

    def class_loss(self, embeddings: Tensor, proxies: Tensor, labels: Tensor) -> Tensor:
        """D2D-CE (eq. 6)."""
        config = self.config
        negative = 1 - config.positive_margin if config.negative_margin is None else config.negative_margin
        return data_to_data(
            embeddings, proxies, labels, config.temperature, config.positive_margin, negative, damped=config.damped_negatives
        )
