"""How likely are held-out examples under a density estimated from the generated examples?

Feature likelihood divergence (Jiralerspong et al. 2023, section 3): every generated example is the centre of an
isotropic Gaussian, whose variance maximises the likelihood of the training set. The negative log-likelihood of
held-out examples per feature is compared with that under a density fitted the same way to half of the training set. A
copy of a training example gets so narrow a Gaussian that it explains no other example. The variances start from the
distance to the nearest training example and are fitted by deterministic expectation maximisation (to a local maximum),
where the authors use Adam. The training set is treated as fixed.
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
"""Largest number of examples used of every set, evenly spaced in larger sets; FLD also uses at most half as many generated
examples as there are training examples. The distances between two such sets are held in memory."""
ROUNDS = 30
"""Number of iterations of expectation maximisation."""
_CHUNK = 1024
_BOUNDS = (-torch.inf, torch.inf)
_METHOD = "variance of held-out examples, jackknife over Gaussians"
_START = 1e-3
"""Added to the smallest squared distance for the initial variances, which must be above 0 for copies too."""
_FLOOR, _CEILING = math.exp(-40), math.exp(20)
"""Bounds of the fitted variances, in units of the standardised features."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A mixture of equally weighted isotropic Gaussians."""

    centres: Tensor
    """float64 (m, d)."""
    variances: Tensor
    """float64 (m,), per feature."""

    @classmethod
    def fitted(cls, centres: Tensor, training: Tensor) -> "Mixture":
        """Fits the variances of Gaussians with centres (m, d) by maximum likelihood of the training examples (n, d)."""
        width = centres.shape[1]
        squared = [_squared_distances(chunk, centres) for chunk in torch.split(training, _CHUNK)]
        variances = (torch.stack([block.amin(0) for block in squared]).amin(0) + _START) / width
        for _ in range(ROUNDS):
            weights, moments = torch.zeros_like(variances), torch.zeros_like(variances)
            for block in squared:
                shares = _logs(block, variances, width).softmax(1)
                weights += shares.sum(0)
                moments += (shares * block).sum(0)
            # a Gaussian without responsibility for any example keeps its variance
            variances = torch.where(weights > 0, moments / (width * weights.clamp(min=1e-300)), variances).clamp(_FLOOR, _CEILING)
        return cls(centres=centres, variances=variances)

    def by_group(self, examples: Tensor, groups: Tensor) -> Tensor:
        """Log of the sum of Gaussian densities at examples (n, d), within each group of Gaussians (m,): (n, groups)."""
        width = self.centres.shape[1]
        found = []
        for chunk in torch.split(examples, _CHUNK):
            logs = _logs(_squared_distances(chunk, self.centres), self.variances, width)
            found.append(torch.stack([logs[:, groups == group].logsumexp(1) for group in range(int(groups.max()) + 1)], 1))
        return torch.cat(found)

    def divergence(self, examples: Tensor) -> Tensor:
        """Negative log-likelihood of examples (n, d) per feature, times 100: (n,)."""
        return _scaled(self.by_group(examples, torch.zeros(len(self.centres), dtype=torch.int64)), len(self.centres), self.centres.shape[1])


def _scaled(logs: Tensor, kernels: int, width: int) -> Tensor:
    """100 times the negative log-likelihood per feature (n,), from logs of sums of Gaussians (n, parts)."""
    return -100 * (logs.logsumexp(1) - math.log(kernels) - width / 2 * math.log(2 * math.pi)) / width


def _logs(squared: Tensor, variances: Tensor, width: int) -> Tensor:
    """Log densities without the constant term in 2 pi."""
    return -squared / (2 * variances) - width / 2 * variances.log()


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
    training, generated = _some(comparison.real.values, 2 * LARGEST).double(), _some(comparison.fake.values, LARGEST).double()
    scaled = [((side - mean) / deviation)[:, varies] for side in (training, held_out, generated)]
    return scaled[0], scaled[1], scaled[2]


def _some(values: Tensor, most: int) -> Tensor:
    """At most ``most`` rows, evenly spaced."""
    return values if len(values) <= most else values[evenly(len(values), most).to(values.device)]


def _baseline(training: Tensor, held_out: Tensor, kernels: int, generator: torch.Generator) -> Tensor:
    """Divergence (n,) of held-out examples under a mixture centred on random training examples, fitted to the others."""
    order = torch.randperm(len(training), generator=generator, device=generator.device).to(training.device)
    centres, rest = order[:kernels], order[kernels:][:LARGEST]
    return Mixture.fitted(training[centres], training[rest]).divergence(held_out)


def _jackknifed(mixture: Mixture, examples: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Divergences of examples (n,), and their mean divergence without each group of Gaussians (groups,)."""
    logs, width = mixture.by_group(examples, groups), examples.shape[1]
    others = torch.arange(GROUPS, device=examples.device)
    without = [_scaled(logs[:, others != group], int((groups != group).sum()), width).mean() for group in range(GROUPS)]
    return _scaled(logs, len(groups), width), torch.stack(without)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean divergence of held-out examples minus the baseline, that of a mixture of as many real examples."""
    training, held_out, generated = _sides(comparison)
    # both mixtures have the same number of Gaussians, since more of them always fit better
    generated = _some(generated, len(training) // 2)
    baseline = _baseline(training, held_out, len(generated), generator)
    groups = dealt(len(generated), generator).to(held_out.device)
    found, without = _jackknifed(Mixture.fitted(generated, _some(training, LARGEST)), held_out, groups)
    excess = found - baseline
    spread = excess.var().item() / len(excess) + variance(without.cpu())
    return student_estimate(excess.mean().item(), spread, _BOUNDS, _METHOD, perfect=0.0)


def _gap(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean divergence of training examples minus that of held-out ones."""
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
"""Generalisation gap of the feature likelihood: far below 0 the generator copies training examples (Jiralerspong et al. 2023)."""
