"""How likely are new real examples under the density that the generated ones suggest?

Feature likelihood divergence (Jiralerspong et al. 2023, section 3): every generated example becomes an isotropic
Gaussian, whose variance maximises the likelihood of the training set; the negative log-likelihood of held-out
examples, a feature, is compared with that of a density made the same way from half of the training set. A copy of a
training example gets so narrow a Gaussian that it explains nothing else. The variances start from the nearest training
example, and expectation maximisation takes them to a local maximum; it is deterministic, where the authors take steps
of Adam. The training set is taken as given.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.resampling import GROUPS, dealt, student_estimate, variance
from ganbench.sets.comparison import Comparison
from ganbench.sets.moments import evenly

LARGEST = 10_000
"""Examples of every set that take part, evenly spaced ones of larger sets, and for FLD no more generated ones than half of
the training set. The distances of two such sets are held in memory."""
ROUNDS = 30
"""Of expectation maximisation."""
_CHUNK = 1024
_BOUNDS = (-torch.inf, torch.inf)
_METHOD = "variance of held-out examples, jackknife over Gaussians"
_START = 1e-3
"""Added to the smallest squared distance for the first variances: those of copies must start above 0."""
_FLOOR, _CEILING = math.exp(-40), math.exp(20)
"""Between which variances are kept, in units of the features' own."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Equally weighted isotropic Gaussians."""

    centres: Tensor
    """float64 (m, d)."""
    variances: Tensor
    """float64 (m,), per feature."""

    @classmethod
    def fitted(cls, centres: Tensor, training: Tensor) -> "Mixture":
        """Gaussians around centres (m, d) with the variances under which the training examples (n, d) are most likely."""
        width = centres.shape[1]
        squared = [_squared_distances(chunk, centres) for chunk in torch.split(training, _CHUNK)]
        variances = (torch.stack([block.amin(0) for block in squared]).amin(0) + _START) / width
        for _ in range(ROUNDS):
            weights, moments = torch.zeros_like(variances), torch.zeros_like(variances)
            for block in squared:
                shares = _logs(block, variances, width).softmax(1)
                weights += shares.sum(0)
                moments += (shares * block).sum(0)
            # a Gaussian that no example belongs to keeps its variance
            variances = torch.where(weights > 0, moments / (width * weights.clamp(min=1e-300)), variances).clamp(_FLOOR, _CEILING)
        return cls(centres=centres, variances=variances)

    def by_group(self, examples: Tensor, groups: Tensor) -> Tensor:
        """Log of the Gaussians' sum at examples (n, d), over the Gaussians of every group (m,) alone: (n, groups)."""
        width = self.centres.shape[1]
        found = []
        for chunk in torch.split(examples, _CHUNK):
            logs = _logs(_squared_distances(chunk, self.centres), self.variances, width)
            found.append(torch.stack([logs[:, groups == group].logsumexp(1) for group in range(int(groups.max()) + 1)], 1))
        return torch.cat(found)

    def divergence(self, examples: Tensor) -> Tensor:
        """Negative log-likelihood of examples (n, d), a feature and times 100 (n,)."""
        return _scaled(self.by_group(examples, torch.zeros(len(self.centres), dtype=torch.int64)), len(self.centres), self.centres.shape[1])


def _scaled(logs: Tensor, kernels: int, width: int) -> Tensor:
    """From logs of sums of Gaussians (n, parts) to 100 times the negative log-likelihood a feature (n,)."""
    return -100 * (logs.logsumexp(1) - math.log(kernels) - width / 2 * math.log(2 * math.pi)) / width


def _logs(squared: Tensor, variances: Tensor, width: int) -> Tensor:
    """Log densities but for the constant of 2 pi."""
    return -squared / (2 * variances) - width / 2 * variances.log()


def _squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distances (rows, columns), from differences where they are small enough for a product to lose them."""
    norms = columns.square().sum(1)
    squared = torch.addmm(rows.square().sum(1, keepdim=True) + norms, rows, columns.T, alpha=-2).clamp_(min=0)
    row, column = (squared < 1e-9 * norms.mean()).nonzero(as_tuple=True)
    squared[row, column] = (rows[row] - columns[column]).square().sum(1)
    return squared


def _sides(comparison: Comparison) -> tuple[Tensor, Tensor, Tensor]:
    """Training, held-out and generated features on the scale of the held-out ones, float64."""
    held_out = _some(comparison.held_out.values, LARGEST).double()
    mean, deviation = held_out.mean(0), held_out.std(0)
    varies = deviation > 1e-12 * (1 + mean.abs())
    if not varies.any():
        raise RequestError("fld needs features that vary over the held-out examples, and all are constant; give other examples")
    training, generated = _some(comparison.real.values, 2 * LARGEST).double(), _some(comparison.fake.values, LARGEST).double()
    scaled = [((side - mean) / deviation)[:, varies] for side in (training, held_out, generated)]
    return scaled[0], scaled[1], scaled[2]


def _some(values: Tensor, most: int) -> Tensor:
    """At most so many rows, evenly spaced."""
    return values if len(values) <= most else values[evenly(len(values), most).to(values.device)]


def _baseline(training: Tensor, held_out: Tensor, kernels: int, generator: torch.Generator) -> Tensor:
    """Divergence of held-out examples from a random half of the training set (n,)."""
    order = torch.randperm(len(training), generator=generator, device=generator.device).to(training.device)
    centres, rest = order[:kernels], order[kernels:][:LARGEST]
    return Mixture.fitted(training[centres], training[rest]).divergence(held_out)


def _jackknifed(mixture: Mixture, examples: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Divergences of examples (n,), and their means without each group of Gaussians (groups,)."""
    logs, width = mixture.by_group(examples, groups), examples.shape[1]
    others = torch.arange(GROUPS, device=examples.device)
    without = [_scaled(logs[:, others != group], int((groups != group).sum()), width).mean() for group in range(GROUPS)]
    return _scaled(logs, len(groups), width), torch.stack(without)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean divergence in excess of the baseline, which is what new real examples score with as many Gaussians."""
    training, held_out, generated = _sides(comparison)
    # more Gaussians fit better, whatever they are
    generated = _some(generated, len(training) // 2)
    baseline = _baseline(training, held_out, len(generated), generator)
    groups = dealt(len(generated), generator).to(held_out.device)
    found, without = _jackknifed(Mixture.fitted(generated, _some(training, LARGEST)), held_out, groups)
    excess = found - baseline
    spread = excess.var().item() / len(excess) + variance(without.cpu())
    return student_estimate(excess.mean().item(), spread, _BOUNDS, _METHOD, perfect=0.0)


def _gap(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean divergence of training examples less that of held-out ones."""
    training, held_out, generated = _sides(comparison)
    training = _some(training, LARGEST)
    groups, mixture = dealt(len(generated), generator).to(held_out.device), Mixture.fitted(generated, training)
    near, near_without = _jackknifed(mixture, training, groups)
    new, new_without = _jackknifed(mixture, held_out, groups)
    spread = new.var().item() / len(new) + variance((near_without - new_without).cpu())
    return student_estimate((near.mean() - new.mean()).item(), spread, _BOUNDS, _METHOD)


_PARAMETERS = (("rounds", ROUNDS), ("largest", LARGEST), ("scale", "held-out deviation"))

FLD = Metric(
    name="fld",
    version=1,
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
    version=1,
    higher_is_better=None,
    needs_held_out=("features",),
    minimum_n=50,
    bounds=_BOUNDS,
    parameters=_PARAMETERS,
    estimand="expectation at this n for this training set",
    estimate=_gap,
)
"""Generalisation gap of the feature likelihood: far below 0 the generator repeats training examples (Jiralerspong et al. 2023)."""
