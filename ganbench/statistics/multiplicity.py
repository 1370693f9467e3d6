"""Which of several findings hold, given that many were looked for?"""

from collections.abc import Sequence

import numpy as np


def holm(probabilities: Sequence[float]) -> list[float]:
    """Adjusts p-values such that the chance of even one false finding is at most the level.

    Holm (1979), "A simple sequentially rejective multiple test procedure"; no assumption on how the tests depend on each other.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(probabilities, kind="stable")
    factors = np.arange(len(order), 0, -1)
    adjusted = np.maximum.accumulate(np.minimum(np.asarray(probabilities, float)[order] * factors, 1.0))
    found = np.empty(len(order))
    found[order] = adjusted
    return [float(p) for p in found]


def benjamini_hochberg(probabilities: Sequence[float]) -> list[float]:
    """Adjusts p-values such that the expected share of false ones among the findings is at most the level.

    Benjamini and Hochberg (1995), "Controlling the false discovery rate"; for tests that do not depend on each other, or positively.

    >>> [round(p, 3) for p in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(probabilities, kind="stable")[::-1]
    factors = len(order) / np.arange(len(order), 0, -1)
    adjusted = np.minimum.accumulate(np.minimum(np.asarray(probabilities, float)[order] * factors, 1.0))
    found = np.empty(len(order))
    found[order] = adjusted
    return [float(p) for p in found]
