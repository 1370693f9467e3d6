"""Which games do the reference variants' losses and regularisers play on a line? (the default of ``ganbench dirac``)

On a line D(x) = psi x with data at 0 some of them cannot be told apart, and only one of each is here: D(0) does not move, so that the
relativistic loss of pairs and label smoothing are the non-saturating loss; D has the same slope everywhere, so that R1 and R2 are one
penalty, and so are those of WGAN-GP and DRAGAN. Consistency regularisation needs images.

Strengths are those of the authors' notebook of the Dirac-GAN (LMescheder/GAN_stability), whose rates of 0.2 the papers' own weights
of 10 would be too stiff for.
"""

import torch
from torch import Tensor

from baselines.blocks.losses import LOSSES, Adversarial, focal_discriminator, non_saturating_generator
from baselines.blocks.penalties import gradient_penalty, lecam, zero_centred_penalty
from ganbench.dirac.game import Critic, GameSet, Loss, Regulariser


def loss(name: Adversarial, note: str, level: float = 0.0) -> Loss:
    """One of the reference variants' losses."""
    discriminator, generator = LOSSES[name]
    return Loss(name=name, discriminator=discriminator, generator=lambda real, fake: generator(fake), level=level, note=note)


def r1_r2(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """R1 on real and R2 on generated examples."""
    return zero_centred_penalty(critic, real) + zero_centred_penalty(critic, fake)


def wgan_gp(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """WGAN-GP's penalty half way between pairs; on a line the place makes no difference."""
    return gradient_penalty(critic, real, fake, torch.full_like(real[:, 0], 0.5))


def anchored(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """LeCam's penalty with the present values for their averages.

    That is the same here: D(0) never moves, so that neither does the average of real values, which anchors the generated ones; and the
    other average anchors real values, which have no gradient.
    """
    real_values, fake_values = critic(real), critic(fake)
    return lecam(real_values, fake_values, real_values.detach(), fake_values.detach())


GAMES = GameSet(
    losses=(
        loss("minimax", "Goodfellow et al. 2014, eq. 1"),
        loss("non-saturating", "Goodfellow et al. 2014; also relativistic pairs (R3GAN) and one-sided label smoothing"),
        Loss(
            name="focal",
            discriminator=lambda real, fake: focal_discriminator(real, fake, 2.0),
            generator=lambda real, fake: non_saturating_generator(fake),
            note="Lin et al. 2017 with gamma 2; the generator's is non-saturating",
        ),
        loss("least-squares", "Mao et al. 2017, targets 0 and 1: D(x) = 1/2 + psi x", level=0.5),
        loss("hinge", "Lim & Ye 2017, Miyato et al. 2018"),
        loss("wasserstein", "Arjovsky et al. 2017"),
    ),
    regularisers=(
        Regulariser(name="none"),
        Regulariser(
            name="r1",
            strength=0.3,
            penalty=lambda critic, real, fake: zero_centred_penalty(critic, real),
            note="gamma / 2 |grad D|^2 on real examples, Mescheder et al. 2018; R2 is the same",
        ),
        Regulariser(name="r1+r2", strength=0.3, penalty=r1_r2, note="both: R1 with twice the gamma"),
        Regulariser(
            name="wgan-gp",
            strength=0.35,
            penalty=wgan_gp,
            smooth=False,
            note=(
                "lambda (|grad D| - 1)^2, Gulrajani et al. 2017; DRAGAN's is the same. At psi = 0 it can hold theta for long at "
                "+-2 lambda / a, a being the loss's slope: there its push and the loss's pull are equal"
            ),
        ),
        Regulariser(name="clipping", strength=1.0, bounds_slope=True, note="|psi| at most this, Arjovsky et al. 2017"),
        Regulariser(name="noise", strength=0.7, adds_noise=True, note="standard deviation of noise on all examples, Sønderby et al. 2017"),
        Regulariser(name="lecam", strength=0.3, penalty=anchored, note="lambda of Tseng et al. 2021, eq. 6"),
    ),
    note=(
        "Not in the table: spectral norm makes psi x into sign(psi) x, in which nothing is left to learn, so that a line cannot judge it; "
        "unrolling K steps of rate eta moves the eigenvalues of a logistic game as R1 of gamma = K eta / 2 does."
    ),
)
"""The losses and regularisers of the reference variants."""
