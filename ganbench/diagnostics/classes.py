"""Does the class distribution of the generated set match that of the reference set?"""

import torch
from torch import Tensor

from ganbench.diagnostics.base import Case, Examination
from ganbench.diagnostics.histograms import expected_covered, expected_kl, expected_total_variation
from ganbench.errors import RequestError
from ganbench.results.record import Diagnostic

COVERED_SHARE = 0.2
"""Fraction of its expected count with which a class counts as covered."""


def class_histogram(log_probabilities: Tensor) -> Tensor:
    """Number of generated examples per class, each assigned to its most probable class.

    Args:
        log_probabilities: (n, classes).

    Returns:
        int64 (classes,).
    """
    return torch.bincount(log_probabilities.argmax(1), minlength=log_probabilities.shape[1])


def class_diagnostics(log_probabilities: Tensor, reference_shares: Tensor) -> list[Diagnostic]:
    """Divergence of the generated class histogram from the reference's.

    ``class_kl`` is KL(generated || reference) in nats, ``class_tv`` the total variation distance,
    ``classes_covered`` the number of reference classes with at least 20 % of their expected count. The values of a perfect
    generator are expectations over n draws from the reference's shares.

    Args:
        log_probabilities: Log-probabilities of the generated examples (n, classes).
        reference_shares: Fraction of every class in the reference (classes,), summing to 1.

    Raises:
        RequestError: There are no examples, or the number of classes differs.
    """
    if not len(log_probabilities) or log_probabilities.shape[1:] != reference_shares.shape:
        raise RequestError(
            f"class log-probabilities have shape {tuple(log_probabilities.shape)}, the reference has {len(reference_shares)} classes; "
            "score with a classifier of this data set"
        )
    n = len(log_probabilities)
    counts = class_histogram(log_probabilities).cpu().double()
    shares, reference = counts / n, reference_shares.cpu().double()
    present = reference > 0
    known, fewest = reference[present].numpy(), (COVERED_SHARE * n * reference[present]).clamp(min=1)
    foreign = int(counts[~present].sum())
    kl = torch.special.xlogy(shares[present], shares[present] / reference[present]).sum().item()
    covered = int((counts[present] >= fewest).sum())
    return [
        Diagnostic(
            name="class_kl",
            value=None if foreign else max(kl, 0.0),
            perfect=expected_kl(known, n),
            n=n,
            note=f"{foreign} examples of classes that the reference lacks" if foreign else "",
        ),
        Diagnostic(name="class_tv", value=(shares - reference).abs().sum().item() / 2, perfect=expected_total_variation(known, n), n=n),
        Diagnostic(name="classes_covered", value=covered, perfect=expected_covered(known, n, fewest.numpy()), n=n),
    ]


def _examine(case: Case) -> list[Diagnostic]:
    log_probabilities = case.comparison.fake.log_probabilities
    assert log_probabilities is not None and case.class_shares is not None
    return class_diagnostics(log_probabilities, case.class_shares)


def _limits(case: Case) -> dict[str, tuple[float, float]]:
    """The divergence is largest where all examples are of the rarest class."""
    assert case.class_shares is not None
    shares = case.class_shares[case.class_shares > 0]
    return {"class_kl": (0.0, -shares.min().log().item()), "class_tv": (0.0, 1.0), "classes_covered": (0, len(shares))}


CLASSES = Examination(
    name="classes",
    measures=("class_kl", "class_tv", "classes_covered"),
    fits=lambda case: case.class_shares is not None and case.comparison.fake.log_probabilities is not None,
    examine=_examine,
    limits=_limits,
    needs="a classifier of these examples as the extractor, of at most 100 classes",
)
"""Does the class distribution of the generated set match the reference set's?"""
