"""What do discriminator and generator look like from inside? (signals of a training's health, at its evaluations)

Both networks are asked in eval mode, on fixed examples, and their state is left as it was: an observation never changes a training.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import Dataset, Split
from ganbench.precision import exact
from ganbench.sampling import asked_labels
from ganbench.sets.moments import evenly
from ganbench.training.variant import Variant

EXAMPLES = 256
"""Real, held-out and generated examples that the discriminator is asked about."""
SLOPES = 64
"""Real examples at which its slope is taken."""
WIDEST = 512
"""Larger of the two smaller sides of a layer's matrix whose singular values are computed: wider ones take seconds."""


def probe(variant: Variant, dataset: Dataset, seed: int, device: torch.device, class_shares: Tensor | None = None) -> dict[str, float]:
    """Signals of a training's health, from both networks as they are.

    ``value/train``, ``value/held_out`` and ``value/fake`` are means of the discriminator's values, ``value_sd`` their standard
    deviation over all; ``real/train`` and so on are shares of values above 0. ``r_v``, (E[D(train)] - E[D(held-out)]) / (E[D(train)] -
    E[D(fake)]), is 0 without and 1 with complete overfitting (Karras et al. 2020, "Training generative adversarial networks with limited
    data", eq. 1); it is left out where the denominator is below a hundredth of ``value_sd``. ``slope/mean`` and ``slope/max`` are norms of
    the values' gradient at real examples; ``lipschitz`` is the largest |D(a) - D(b)| / |a - b| over pairs of real and generated examples, a
    lower bound of the Lipschitz constant. Of every network, ``sigma/NAME`` is the largest singular value of a layer's matrix,
    ``sigma_ratio/NAME`` the largest ratio of a layer's first to its second, and ``rank/NAME`` the smallest effective rank of a layer,
    exp(entropy of sigma^2 / sum sigma^2), as a share of its full rank (after Roy and Vetterli 2007, "The effective rank", who take the
    shares of sigma instead of its square).

    Args:
        variant: The method, possibly during training.
        dataset: Its real data.
        seed: Seed of the generated examples, which are those of every probe of a run.
        device: Device of the method.
        class_shares: Probability of every class (classes,) on the CPU, or None without labels.

    Returns:
        Finite signals by name. What a method does not allow is left out.
    """
    found = _spectra(variant)
    with _asked(variant, dataset, seed, device, class_shares) as (sides, values):
        (train, labels), (fake, _) = sides["train"], sides["fake"]
        found |= _values(values)
        found |= _slopes(variant, train[:SLOPES], None if labels is None else labels[:SLOPES])
        if all(len(values[name]) == len(sides[name][0]) for name in ("train", "fake")):
            found["lipschitz"] = _steepest(torch.cat([train, fake]).flatten(1), torch.cat([values["train"], values["fake"]]))
    return {name: value for name, value in found.items() if math.isfinite(value)}


def discriminator_values(
    variant: Variant, dataset: Dataset, seed: int, device: torch.device, class_shares: Tensor | None = None
) -> dict[str, Tensor]:
    """Values of the discriminator as it is, on the examples that :func:`probe` asks about.

    Returns:
        float32 tensors (m,) on the CPU under ``train``, ``held_out`` and ``fake``.
    """
    with _asked(variant, dataset, seed, device, class_shares) as (_, values):
        return {name: side.cpu() for name, side in values.items()}


@contextmanager
def _asked(
    variant: Variant, dataset: Dataset, seed: int, device: torch.device, class_shares: Tensor | None
) -> Iterator[tuple[dict[str, tuple[Tensor, Tensor | None]], dict[str, Tensor]]]:
    """Training, held-out and generated examples with labels, and the discriminator's values of them, within the quiet block."""
    train, held_out = (_some(split, device) for split in (dataset.train, dataset.held_out))
    labels = asked_labels(variant, EXAMPLES, seed, device, class_shares)
    given = None if labels is None else labels.to(device)
    with _quiet(variant, seed, device):
        latents = torch.randn(EXAMPLES, variant.config.latent_dim, generator=seeding.stream(seed, "health-latents")).to(device)
        with torch.no_grad():
            fake = variant.generate(latents, given)
            sides = {"train": train, "held_out": held_out, "fake": (fake, train[1] if given is None else given)}
            values = {name: variant.discriminate(*side).float().flatten() for name, side in sides.items()}
        yield sides, values


def _some(split: Split, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Evenly spaced examples of a split with their labels, as a training step has them."""
    chosen = evenly(len(split), min(EXAMPLES, len(split)))
    examples = torch.from_numpy(split.examples)[chosen].to(device)
    if examples.dtype == torch.uint8:
        examples = examples.float() / 127.5 - 1
    return examples, None if split.labels is None else torch.from_numpy(split.labels)[chosen].to(device)


@contextmanager
def _quiet(variant: Variant, seed: int, device: torch.device) -> Iterator[None]:
    """Within the block the method is in eval mode and draws from a stream of its own; modes are restored on exit."""
    modes = [(module, module.training) for module in variant.modules()]
    variant.eval()
    try:
        with exact(), seeding.global_stream(seed, "health-noise", device=device):
            yield
    finally:
        for module, training in modes:
            module.training = training


def _values(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Means, shares above 0, common spread and r_v of the discriminator's values."""
    means = {name: float(side.mean()) for name, side in values.items()}
    spread = float(torch.cat(list(values.values())).std(correction=0))
    found = {f"value/{name}": mean for name, mean in means.items()}
    found |= {f"real/{name}": float((side > 0).float().mean()) for name, side in values.items()}
    found["value_sd"] = spread
    gap = means["train"] - means["fake"]
    if gap > spread / 100:
        found["r_v"] = (means["train"] - means["held_out"]) / gap
    return found


def _slopes(variant: Variant, examples: Tensor | None, labels: Tensor | None) -> dict[str, float]:
    """Mean and largest norm of the gradient of the values with respect to examples."""
    assert examples is not None
    with torch.enable_grad():
        asked = examples.detach().clone().requires_grad_()
        (slopes,) = torch.autograd.grad(variant.discriminate(asked, labels).sum(), asked)
    norms = slopes.flatten(1).norm(dim=1)
    return {"slope/mean": float(norms.mean()), "slope/max": float(norms.max())}


def _steepest(examples: Tensor, values: Tensor) -> float:
    """Largest ratio of the difference of two values to the distance of their examples; equal examples are left out."""
    distances, differences = torch.pdist(examples.double()), torch.pdist(values.double()[:, None], p=1)
    apart = distances > 1e-6 * distances.max()
    return float((differences[apart] / distances[apart]).max()) if bool(apart.any()) else math.nan


@torch.no_grad()
def _spectra(variant: Variant) -> dict[str, float]:
    """Singular values of the matrices of both networks; kernels are seen as matrices of one row an output."""
    found: dict[str, float] = {}
    for name, network in (("generator", variant.generator), ("discriminator", variant.discriminator)):
        matrices = [parameter.flatten(1) for parameter in network.parameters() if parameter.ndim > 1]
        spectra = [_singular(matrix) for matrix in matrices if 1 < min(matrix.shape) <= WIDEST]
        if spectra:
            found[f"sigma/{name}"] = max(float(one[0]) for one in spectra)
            found[f"sigma_ratio/{name}"] = max(float(one[0] / one[1]) for one in spectra)
            found[f"rank/{name}"] = min(_effective_rank(one) for one in spectra)
    return found


def _singular(matrix: Tensor) -> Tensor:
    """Singular values of a matrix, the largest first, from the eigenvalues of its smaller Gram matrix."""
    wide = matrix.double() if matrix.shape[0] <= matrix.shape[1] else matrix.double().T
    squares: Tensor = torch.linalg.eigvalsh(wide @ wide.T)
    return squares.flip(0).clamp(min=0).sqrt()


def _effective_rank(singular: Tensor) -> float:
    """exp(entropy of sigma^2 / sum sigma^2) over the full rank, from 1 / full rank to 1; 0 of a matrix of zeros."""
    power = singular.square()
    if not float(power.sum()):
        return 0.0
    shares = power / power.sum()
    return float(torch.special.entr(shares).sum().exp()) / len(singular)
