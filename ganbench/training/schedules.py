"""How do learning rate and EMA decay change over training? (pure functions of images seen, so resuming needs no state)"""

import math
from collections.abc import Callable


def constant(images_seen: int, budget_images: int) -> float:
    """Factor 1 throughout."""
    return 1.0


def linear(images_seen: int, budget_images: int) -> float:
    """Factor from 1 to 0, linear in images."""
    return max(0.0, 1 - images_seen / budget_images)


def cosine(images_seen: int, budget_images: int) -> float:
    """Factor from 1 to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, images_seen / budget_images)))


SCHEDULES: dict[str, Callable[[int, int], float]] = {"constant": constant, "linear": linear, "cosine": cosine}
"""The names that ``TrainingSpec.learning_rate_schedule`` accepts."""


def ema_decay(images_seen: int, batch_size: int, halflife_images: int, rampup: float) -> float:
    """Decay of the EMA weights in one step.

    Args:
        images_seen: Images seen after the step.
        batch_size: Images in the step.
        halflife_images: Half-life of the average, in images.
        rampup: Upper limit of the half-life as a fraction of ``images_seen``; 0 sets no limit.

    Returns:
        Decay in [0, 1) (the ramp-up of StyleGAN2-ADA: Karras et al. 2020, "Training GANs with limited data").
    """
    halflife = min(halflife_images, images_seen * rampup) if rampup else halflife_images
    return float(0.5 ** (batch_size / max(halflife, 1e-8)))
