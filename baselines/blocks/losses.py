"""What do a discriminator and a generator minimise?

Every loss takes logits or critic values, (n,) unless it says otherwise, and is averaged over the batch. Closed forms
for the tests: at logits 0 the cross-entropy discriminator loss is ln 4, the non-saturating generator loss ln 2, the hinge loss 2.
"""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn import functional

Adversarial = Literal["non-saturating", "minimax", "least-squares", "hinge", "wasserstein"]
"""The names in :data:`LOSSES`."""


def cross_entropy_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))) with D = sigmoid(logit) (Goodfellow et al. 2014, eq. 1)."""
    return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()


def non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """-log D(G(z)) (Goodfellow et al. 2014, section 3): a gradient of order 1 where D rejects the fake."""
    return functional.softplus(-fake_logits).mean()


def minimax_generator(fake_logits: Tensor) -> Tensor:
    """log(1 - D(G(z))) (Goodfellow et al. 2014, eq. 1): its gradient scales with D(G(z)) and so vanishes."""
    return -functional.softplus(fake_logits).mean()


def smoothed_cross_entropy_discriminator(real_logits: Tensor, fake_logits: Tensor, real_target: float) -> Tensor:
    """Cross-entropy with the real target below 1 and the fake target at 0 (Salimans et al. 2016, section 3.4).

    Smoothing is one-sided: with targets alpha and 0 the optimal D is alpha p_data / (p_data + p_model), so that a model sample is never
    pulled towards where it is.

    Args:
        real_logits: (n,).
        fake_logits: (n,).
        real_target: Probability that the discriminator should give real examples, in (0, 1].
    """
    # -t log D - (1 - t) log(1 - D) = softplus(logit) - t logit
    real = functional.softplus(real_logits) - real_target * real_logits
    return real.mean() + functional.softplus(fake_logits).mean()


def focal_discriminator(real_logits: Tensor, fake_logits: Tensor, gamma: float) -> Tensor:
    """Cross-entropy with every example weighted by how wrong it is: -(1 - p)^gamma log p (Lin et al. 2017, "Focal loss", eq. 4).

    p is the probability that the discriminator gives to the truth. With gamma 0 it is :func:`cross_entropy_discriminator`.

    Args:
        real_logits: (n,).
        fake_logits: (n,).
        gamma: Focusing parameter, at least 0.
    """

    def focal(logits: Tensor) -> Tensor:
        return ((-logits).sigmoid().pow(gamma) * functional.softplus(-logits)).mean()

    return focal(real_logits) + focal(-fake_logits)


def least_squares_discriminator(real_values: Tensor, fake_values: Tensor) -> Tensor:
    """(D(x) - 1)^2 / 2 + D(G(z))^2 / 2 (Mao et al. 2017, eq. 9: targets 0 and 1)."""
    return 0.5 * (real_values - 1).square().mean() + 0.5 * fake_values.square().mean()


def least_squares_generator(fake_values: Tensor) -> Tensor:
    """(D(G(z)) - 1)^2 / 2 (Mao et al. 2017, eq. 9)."""
    return 0.5 * (fake_values - 1).square().mean()


def hinge_discriminator(real_values: Tensor, fake_values: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Lim & Ye 2017; Miyato et al. 2018, eq. 16)."""
    return functional.relu(1 - real_values).mean() + functional.relu(1 + fake_values).mean()


def wasserstein_critic(real_values: Tensor, fake_values: Tensor) -> Tensor:
    """E[f(G(z))] - E[f(x)] (Arjovsky et al. 2017, algorithm 1)."""
    return fake_values.mean() - real_values.mean()


def wasserstein_generator(fake_values: Tensor) -> Tensor:
    """-E[f(G(z))] (Arjovsky et al. 2017, algorithm 1; with the hinge loss Miyato et al. 2018, eq. 17)."""
    return -fake_values.mean()


def relativistic(winning_values: Tensor, losing_values: Tensor) -> Tensor:
    """log(1 + exp(-(a - b))) over pairs (Jolicoeur-Martineau 2019; Huang et al. 2024, "R3GAN", eq. 2).

    The discriminator minimises it with real values winning over generated ones, the generator the other way round.

    Args:
        winning_values: (n,) of the side that should be larger.
        losing_values: (n,) of their partners.
    """
    return functional.softplus(losing_values - winning_values).mean()


def feature_matching(real_features: Tensor, fake_features: Tensor) -> Tensor:
    """|E[f(x)] - E[f(G(z))]|^2 (Salimans et al. 2016, section 3.1).

    Args:
        real_features: (n, d), of an inner layer of the discriminator.
        fake_features: (m, d).
    """
    return (real_features.mean(0) - fake_features.mean(0)).square().sum()


LOSSES: dict[Adversarial, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "non-saturating": (cross_entropy_discriminator, non_saturating_generator),
    "minimax": (cross_entropy_discriminator, minimax_generator),
    "least-squares": (least_squares_discriminator, least_squares_generator),
    "hinge": (hinge_discriminator, wasserstein_generator),
    "wasserstein": (wasserstein_critic, wasserstein_generator),
}
"""What the discriminator and the generator minimise, by name."""
