"""What keeps a discriminator, or a generator, smooth?

Every penalty is a mean over the batch, so that its weight does not depend on the batch size, and is differentiable twice.
The discriminator must treat every example on its own where a gradient of its sum is taken: no normalisation over the batch.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ganbench.spans import span
from ganbench.training.arithmetic import float32

Critic = Callable[[Tensor], Tensor]
"""Examples (n, ...) to values (n,)."""


def input_gradient(critic: Critic, points: Tensor) -> Tensor:
    """Gradient of every example's value with respect to that example, (n, ...), differentiable."""
    points = points.detach().requires_grad_()
    with span("regularisers"), float32():
        (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return gradient


def gradient_norm_penalty(critic: Critic, points: Tensor, target: float = 1.0) -> Tensor:
    """E[(|grad f| - target)^2] at given points. A linear critic f(x) = w.x gives (|w| - target)^2 exactly.

    Args:
        critic: Maps examples to values.
        points: Where, (n, ...).
        target: Gradient norm that is not penalised.
    """
    # the norm has an infinite slope at 0; the tiny constant keeps the second derivative finite there
    norm = (input_gradient(critic, points).flatten(1).square().sum(1) + 1e-12).sqrt()
    return (norm - target).square().mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor, target: float = 1.0) -> Tensor:
    """:func:`gradient_norm_penalty` at random points between real and fake pairs (Gulrajani et al. 2017, eq. 3).

    Args:
        critic: Maps examples to values.
        real: Real examples (n, ...).
        fake: Generated examples of the same shape.
        mix: Uniform numbers in [0, 1), shape (n,): each pair's position between real (0) and fake (1).
        target: Gradient norm that is not penalised.
    """
    weight = mix.view(-1, *[1] * (real.dim() - 1))
    return gradient_norm_penalty(critic, torch.lerp(real.detach(), fake.detach(), weight), target)


def dragan_penalty(critic: Critic, real: Tensor, noise: Tensor, mix: Tensor, target: float = 1.0) -> Tensor:
    """:func:`gradient_norm_penalty` around real examples alone (Kodali et al. 2017, "On convergence and stability of GANs").

    The points lie between real examples and their noisy copies; the noise is as wide as half the data's standard deviation. Both after
    the authors' code (kodalinaveen3/DRAGAN).

    Args:
        critic: Maps examples to values.
        real: Real examples (n, ...).
        noise: Uniform numbers in [0, 1) of the same shape.
        mix: Uniform numbers in [0, 1), shape (n,): each point's position between the real example (0) and its copy (1).
        target: Gradient norm that is not penalised.
    """
    real = real.detach()
    weight = mix.view(-1, *[1] * (real.dim() - 1))
    return gradient_norm_penalty(critic, real + weight * (0.5 * real.std() * noise), target)


def zero_centred_penalty(critic: Critic, examples: Tensor) -> Tensor:
    """E[|grad D|^2] / 2: R1 on real examples, R2 on generated ones (Mescheder et al. 2018, eq. 9 and 10, with gamma = 1).

    The half belongs to the definition: with it, a Dirac-GAN under R1 converges fastest at gamma = 1. A linear D gives |w|^2 / 2.

    Args:
        critic: Maps examples to values.
        examples: (n, ...).
    """
    return 0.5 * input_gradient(critic, examples).flatten(1).square().sum(1).mean()


def lecam(real_values: Tensor, fake_values: Tensor, real_average: Tensor, fake_average: Tensor, *, one_sided: bool = False) -> Tensor:
    """E[(D(x) - a_F)^2] + E[(D(G(z)) - a_R)^2] (Tseng et al. 2021, "Regularizing GANs under limited data", eq. 6).

    All of the authors' code (google/lecam-gan) counts a real value only where it is above a_F, and a generated one only where it is
    below a_R: who is on the wrong side already is not held there.

    Args:
        real_values: (n,).
        fake_values: (n,).
        real_average: Moving average a_R of the real values, ().
        fake_average: Moving average a_F of the generated ones, ().
        one_sided: As in that code, in the place of the equation.
    """
    real, fake = real_values - fake_average, real_average - fake_values
    if one_sided:
        real, fake = real.relu(), fake.relu()
    return real.square().mean() + fake.square().mean()


def consistency(values: Tensor, augmented_values: Tensor) -> Tensor:
    """E[(D(x) - D(T(x)))^2] (Zhang et al. 2020, "Consistency regularization", eq. 3; bCR adds it for generated examples, Zhao et al. 2021).

    Args:
        values: (n,) of examples.
        augmented_values: (n,) of the same examples, augmented.
    """
    return (values - augmented_values).square().mean()


def path_lengths(images: Tensor, styles: Tensor, noise: Tensor) -> Tensor:
    """|J^T y| with y normal, per image (Karras et al. 2020, "Analyzing and improving StyleGAN", section 3.2).

    Args:
        images: (n, channels, height, width), computed from the styles.
        styles: Intermediate latents, (n, d), or (n, layers, d): then the mean square over layers is taken.
        noise: Standard normal numbers of the images' shape.

    Returns:
        (n,), differentiable. y is divided by sqrt(height x width), so that the length does not depend on the resolution.
    """
    y = noise / (images.shape[2] * images.shape[3]) ** 0.5
    (gradient,) = torch.autograd.grad((images * y).sum(), styles, create_graph=True)
    square = gradient.square().sum(-1)
    return (square.mean(1) if square.dim() == 2 else square).sqrt()


def orthogonal_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Sum over layers of |W^T W * (1 - I)|_F^2, W's filters as columns (Brock et al. 2019, "BigGAN", eq. 3).

    Only the products of different filters are penalised, their length is free. Orthogonal filters of any length give 0. With more
    filters than inputs their products come from the smaller matrix of the inputs': |W W^T|_F = |W^T W|_F.

    With the filters as rows, its gradient is 4 (W W^T * (1 - I)) W: each W in a product gives 2. The author's later code
    (ajbrock/BigGAN-PyTorch, ``ortho``) adds 2 (W W^T * (1 - I)) W to the gradient instead, half of the equation's: a strength there is
    half as large a weight here.

    Args:
        weights: At least one, each (outputs, ...).
    """
    penalties = []
    with span("regularisers"):
        for weight in weights:
            flat = weight.flatten(1)
            if len(flat) <= flat.shape[1]:
                products = flat @ flat.t()
                penalties.append((products - products.diag().diag()).square().sum())
            else:
                penalties.append((flat.t() @ flat).square().sum() - flat.square().sum(1).square().sum())
        return torch.stack(penalties).sum()
