"""Can these sets answer this metric?"""

from collections.abc import Mapping

from ganbench.features.base import Extractor
from ganbench.metrics.base import Metric
from ganbench.sets.features import Need
from ganbench.sets.source import Source
from ganbench.sources.given import FeatureFile, StatisticsFile

Opened = Source | FeatureFile | StatisticsFile

_MISSING: dict[str, str] = {
    "labels": "class labels (class sub-folders, dataset.json, or an array 'labels')",
    "probabilities": "class probabilities (a classifier as the extractor, or an array 'logits' beside features)",
    "spatial": "spatial features (inception-v3-compat, or an array 'spatial' beside features)",
    "images": "images, not features alone",
    "generator": "a generator that can be asked (a run directory or an exported program)",
    "features": "the examples themselves, not statistics",
    "moments": "examples",
}


def problem(metric: Metric, extractor: Extractor, sets: Mapping[str, Opened], sizes: Mapping[str, int]) -> str:
    """Why these sets cannot answer a metric; empty where they can.

    Args:
        metric: The metric.
        extractor: What features come from.
        sets: By role: "generated", "real", "held-out".
        sizes: How many examples of each are scored.
    """
    for role in ("real", "generated", "held-out"):
        needs = of_role(metric, role)
        if needs and role not in sets:
            return f"needs {role} examples: --{role} SET"
        lacking = [need for need in needs if not _has(sets[role], need, extractor)]
        if lacking:
            return f"needs, of the {role} set, {_MISSING[lacking[0]]}"
        size = sizes[role] if needs else metric.minimum_n
        if size < metric.minimum_n and not isinstance(sets[role], StatisticsFile):
            return f"needs at least {metric.minimum_n:,} examples, and the {role} set has {size:,}"
    return ""


def _has(opened: Opened, need: Need, extractor: Extractor) -> bool:
    if isinstance(opened, StatisticsFile):
        return need == "moments"
    if isinstance(opened, FeatureFile):
        given = {"labels": opened.features.labels, "probabilities": opened.features.log_probabilities, "spatial": opened.features.spatial}
        return need in ("moments", "features") or given.get(need) is not None
    answers = {
        "labels": opened.labels is not None,
        "generator": opened.generator is not None,
        "probabilities": extractor.classes > 0,
        "spatial": extractor.gives_spatial,
    }
    return answers.get(need, True)


def of_role(metric: Metric, role: str) -> tuple[Need, ...]:
    """What a metric needs of the set in a role."""
    return {"generated": metric.needs_fake, "real": metric.needs_real, "held-out": metric.needs_held_out}[role]
