"""How likely are held-out examples under a density estimated from the generated examples?

Feature likelihood divergence (Jiralerspong et al. 2023, section 3): every generated example is the centre of an
isotropic Gaussian, whose variance is fitted to the training set. The negative log-likelihood of held-out examples per
feature is compared with that under a density fitted the same way to half of the training set. A copy of a training example
gets so narrow a Gaussian that it explains no other example.

Values equal those of the authors' published code (marcojira/fld), see :func:`fitted`. The training set is treated as fixed.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.resampling import GROUPS, dealt, student_estimate, variance
from ganbench.sets.comparison import Comparison
from ganbench.sets.moments import evenly

LARGEST = 10_000
"""Largest number of generated examples, and number of training examples per update of the variances (the authors' values); also of
held-out examples, of which the authors take all. Examples of larger sets are evenly spaced; the authors draw them."""
LARGEST_TRAINING = 50_000
"""Largest number of training examples, evenly spaced in larger sets. Their distances to the Gaussians are held in memory as float32."""
EPOCHS, RATE = 50, 0.5
"""Largest number of passes over the training examples, and learning rate of the logarithms of the variances (the authors' values)."""
BACKGROUND = 0.9
"""Factor of the distances to the mean training example (the authors' value)."""
MEMORISED = 1000.0
"""Values beyond it mean that training examples were copied (the authors' limit)."""
_STEADY, _LATEST = 5e-4, 5
"""Fitting ends when the last losses differ by less than this from the newest, and how many are compared (the authors' values)."""
_LOGS = 40.0
"""Bound of the absolute logarithm of a fitted variance, so that copies keep a finite likelihood (the authors' value)."""
_START = 1e-3
"""Added to the smallest squared distance for the initial variances, which must be above 0 for copies too (the authors' value)."""
_CHUNK = 1024
_BOUNDS = (-torch.inf, torch.inf)
_METHOD = "variance of held-out examples, jackknife over Gaussians"


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A mixture of equally weighted isotropic Gaussians."""

    centres: Tensor
    """float64 (m, d)."""
    logs: Tensor
    """float64 (m,): logarithms of the variances per feature."""

    def by_group(self, examples: Tensor, groups: Tensor) -> Tensor:
        """Log of the sum of Gaussian densities at examples (n, d), within each group of Gaussians (m,): (n, groups)."""
        width = self.centres.shape[1]
        found = []
        for chunk in torch.split(examples, _CHUNK):
            densities = log_densities(_squared_distances(chunk, self.centres), self.logs, width)
            found.append(torch.stack([densities[:, groups == group].logsumexp(1) for group in range(int(groups.max()) + 1)], 1))
        return torch.cat(found)

    def divergence(self, examples: Tensor) -> Tensor:
        """Negative log-likelihood of examples (n, d) per feature, times 100: (n,)."""
        return _scaled(self.by_group(examples, torch.zeros(len(self.centres), dtype=torch.int64)), len(self.centres), self.centres.shape[1])


def fitted(centres: Tensor, training: Tensor, generator: torch.Generator) -> Mixture:
    """Fits the variances of a mixture to the training examples, as the authors' published code does.

    Adam maximises the likelihood for up to 50 passes from the variance that suits the nearest training example best. While the
    variances are fitted, and only then, every training example may also come from a background: one Gaussian around the mean
    training example, of weight 1 where the others have 1 / m, whose squared distances are multiplied by 0.9^2. Without it,
    Gaussians that are close to no training example would widen until they explain all, and collapse and copies would look fine.

    Args:
        centres: float64 (m, d).
        training: float64 (n, d).
        generator: Draws the order of training examples, which matters above 10,000 of them.
    """
    n, width = training.shape
    order = torch.randperm(n, generator=generator, device=generator.device).to(training.device)
    batches = [torch.split(batch, _CHUNK) for batch in torch.split(order, LARGEST)]
    near = [[_squared_distances(training[part], centres).float() for part in parts] for parts in batches]
    far = [[BACKGROUND**2 * (training[part] - training.mean(0)).square().sum(1) for part in parts] for parts in batches]
    logs = ((torch.stack([block.amin(0) for blocks in near for block in blocks]).amin(0).double() + _START) / width).log()
    background = torch.zeros(1, dtype=torch.float64, device=training.device)
    adam, losses = torch.optim.Adam([logs, background], lr=RATE), list[float]()
    for _ in range(EPOCHS):
        found = []
        for blocks, others in zip(near, far, strict=True):
            loss, logs.grad, background.grad = _slope(blocks, others, logs, background, width)
            adam.step()
            logs.clamp_(-_LOGS, _LOGS)
            found.append(loss)
        losses.append(sum(found) / len(found))
        if len(losses) > _LATEST + 1 and max(abs(losses[-1] - loss) for loss in losses[-_LATEST:]) < _STEADY:
            break
    return Mixture(centres=centres, logs=logs)


def _slope(near: list[Tensor], far: list[Tensor], logs: Tensor, background: Tensor, width: int) -> tuple[float, Tensor, Tensor]:
    """Negative log-likelihood of training examples per feature, and its derivatives by the logarithms of the variances.

    Args:
        near: Squared distances of the examples to the Gaussians, in chunks (n, m).
        far: Squared distances to the background's centre, in chunks (n,).
        logs: Logarithms of the Gaussians' variances (m,).
        background: That of the background (1,).
        width: Number of features.
    """
    total, slope, background_slope, n = 0.0, torch.zeros_like(logs), torch.zeros_like(background), sum(map(len, near))
    for squared, squared_far in zip(near, far, strict=True):
        own = log_densities(squared.double(), logs, width) - math.log(len(logs))
        other = log_densities(squared_far[:, None], background, width)
        likelihood = torch.logaddexp(own.logsumexp(1, keepdim=True), other)
        total -= likelihood.sum().item()
        slope += ((own - likelihood).exp_() * (width - squared / logs.exp())).sum(0)
        background_slope += ((other - likelihood).exp() * (width - squared_far[:, None] / background.exp())).sum(0)
    return total / (n * width), slope / (2 * n * width), background_slope / (2 * n * width)


def log_densities(squared: Tensor, logs: Tensor, width: int) -> Tensor:
    """Logarithms of isotropic Gaussian densities (n, m).

    Args:
        squared: Squared distances (n, m) from the centres.
        logs: Logarithms of the variances (m,).
        width: Number of features.
    """
    return -squared / (2 * logs.exp()) - width / 2 * (logs + math.log(2 * math.pi))


def _scaled(logs: Tensor, kernels: int, width: int) -> Tensor:
    """100 times the negative log-likelihood per feature (n,), from logs of sums of Gaussians (n, parts)."""
    return -100 * (logs.logsumexp(1) - math.log(kernels)) / width


def _squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distances (rows, columns), computed from differences where they are too small for the product formula."""
    norms = columns.square().sum(1)
    squared = torch.addmm(rows.square().sum(1, keepdim=True) + norms, rows, columns.T, alpha=-2).clamp_(min=0)
    row, column = (squared < 1e-9 * norms.mean()).nonzero(as_tuple=True)
    squared[row, column] = (rows[row] - columns[column]).square().sum(1)
    return squared


def _sides(comparison: Comparison) -> tuple[Tensor, Tensor, Tensor]:
    """Training, held-out and generated features, standardised by the held-out ones, float64."""
    held_out = _some(comparison.held_out.values, LARGEST).double()
    mean, deviation = held_out.mean(0), held_out.std(0)
    varies = deviation > 1e-12 * (1 + mean.abs())
    if not varies.any():
        raise RequestError("fld needs features that vary over the held-out examples, and all are constant; give other examples")
    training, generated = _some(comparison.real.values, LARGEST_TRAINING).double(), _some(comparison.fake.values, LARGEST).double()
    scaled = [((side - mean) / deviation)[:, varies] for side in (training, held_out, generated)]
    return scaled[0], scaled[1], scaled[2]


def _some(values: Tensor, most: int) -> Tensor:
    """At most ``most`` rows, evenly spaced."""
    return values if len(values) <= most else values[evenly(len(values), most).to(values.device)]


def _baseline(training: Tensor, held_out: Tensor, kernels: int, generator: torch.Generator) -> Tensor:
    """Divergence (n,) of held-out examples under a mixture centred on random training examples, fitted to the others."""
    order = torch.randperm(len(training), generator=generator, device=generator.device).to(training.device)
    centres, rest = order[:kernels], order[kernels:]
    return fitted(training[centres], training[rest], generator).divergence(held_out)


def _jackknifed(mixture: Mixture, examples: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Divergences of examples (n,), and their mean divergence without each group of Gaussians (groups,)."""
    logs, width = mixture.by_group(examples, groups), examples.shape[1]
    others = torch.arange(GROUPS, device=examples.device)
    without = [_scaled(logs[:, others != group], int((groups != group).sum()), width).mean() for group in range(GROUPS)]
    return _scaled(logs, len(groups), width), torch.stack(without)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean divergence of held-out examples minus the baseline, that of a mixture of as many real examples."""
    training, held_out, generated = _sides(comparison)
    kernels = min(len(generated), len(training) // 2)
    baseline = _baseline(training, held_out, kernels, generator)
    groups = dealt(len(generated), generator).to(held_out.device)
    found, without = _jackknifed(fitted(generated, training, generator), held_out, groups)
    excess = found - baseline
    spread = excess.var().item() / len(excess) + variance(without.cpu())
    # more Gaussians fit better, so that a perfect generator scores 0 only with as many as the baseline has
    perfect = 0.0 if kernels == len(generated) else None
    estimate = student_estimate(excess.mean().item(), spread, _BOUNDS, _METHOD, perfect=perfect)
    return _warned(estimate, estimate.value > MEMORISED)


def _gap(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean divergence of training examples minus that of held-out ones."""
    training, held_out, generated = _sides(comparison)
    groups, mixture = dealt(len(generated), generator).to(held_out.device), fitted(generated, training, generator)
    near, near_without = _jackknifed(mixture, training, groups)
    new, new_without = _jackknifed(mixture, held_out, groups)
    spread = new.var().item() / len(new) + variance((near_without - new_without).cpu())
    estimate = student_estimate((near.mean() - new.mean()).item(), spread, _BOUNDS, _METHOD)
    return _warned(estimate, estimate.value < -MEMORISED)


def _warned(estimate: Estimate, memorised: bool) -> Estimate:
    """The estimate, with a warning if it is beyond what a generator that learnt anything else reaches."""
    warning = f"beyond {MEMORISED:,.0f}: the generator memorised training examples, or its examples are nearly all alike"
    return replace(estimate, warnings=(warning,)) if memorised else estimate


_PARAMETERS = (("epochs", EPOCHS), ("rate", RATE), ("largest", LARGEST), ("largest_training", LARGEST_TRAINING))

FLD = Metric(
    name="fld",
    version=2,
    higher_is_better=False,
    needs_held_out=("features",),
    minimum_n=50,
    bounds=_BOUNDS,
    parameters=_PARAMETERS,
    estimand="expectation at this n for this training set",
    estimate=_estimate,
)
"""Feature likelihood divergence: fidelity, diversity and novelty in one, 0 is perfect (Jiralerspong et al. 2023)."""

FLD_GAP = Metric(
    name="fld_gap",
    version=2,
    higher_is_better=None,
    needs_held_out=("features",),
    minimum_n=50,
    bounds=_BOUNDS,
    parameters=_PARAMETERS,
    estimand="expectation at this n for this training set",
    estimate=_gap,
)
"""Generalisation gap of the feature likelihood: far below 0 the generator copies training examples (Jiralerspong et al. 2023)."""
