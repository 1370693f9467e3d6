"""What do a discriminator and a generator minimise?

Every loss takes logits (n,) or critic values (n,) and is averaged over the batch. Closed forms for the
tests: at logits 0 the cross-entropy discriminator loss is ln 4 and the non-saturating generator loss ln 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))) with D = sigmoid(logit) (Goodfellow et al. 2014, eq. 1)."""
    return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()


def non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """-log D(G(z)) (Goodfellow et al. 2014, section 3): a gradient of order 1 where D rejects the fake."""
    return functional.softplus(-fake_logits).mean()


def minimax_generator(fake_logits: Tensor) -> Tensor:
    """log(1 - D(G(z))) (Goodfellow et al. 2014, eq. 1): its gradient scales with D(G(z)) and so vanishes."""
    return -functional.softplus(fake_logits).mean()


def wasserstein_critic(real_values: Tensor, fake_values: Tensor) -> Tensor:
    """E[f(G(z))] - E[f(x)] (Arjovsky et al. 2017, algorithm 1)."""
    return fake_values.mean() - real_values.mean()


def wasserstein_generator(fake_values: Tensor) -> Tensor:
    """-E[f(G(z))] (Arjovsky et al. 2017, algorithm 1)."""
    return -fake_values.mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor, target: float = 1.0) -> Tensor:
    """E[(||grad f(x^)|| - target)^2] on random points between real and fake pairs (Gulrajani et al. 2017, eq. 3).

    A linear critic f(x) = w.x gives (||w|| - target)^2 exactly. The critic must treat every example on
    its own, so it must not normalise over the batch.

    Args:
        critic: Maps examples (n, ...) to values (n,).
        real: Real examples (n, ...).
        fake: Generated examples of the same shape.
        mix: Uniform numbers in [0, 1), shape (n,): each pair's position between real (0) and fake (1).
        target: Gradient norm that is not penalised.

    Returns:
        The mean penalty, differentiable twice.
    """
    weight = mix.view(-1, *[1] * (real.dim() - 1))
    between = torch.lerp(real.detach(), fake.detach(), weight).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    # hypot-free norm has an infinite slope at 0; the tiny constant keeps the second derivative finite there
    norm = (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
    return (norm - target).square().mean()
