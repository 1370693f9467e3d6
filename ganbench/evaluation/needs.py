"""Do the given sets and the extractor meet the needs of a metric?"""

from collections.abc import Mapping

from ganbench.evaluation.sets import NamedSet
from ganbench.plan.facts import ROLES, Facts, Need, Role
from ganbench.sets.source import Network

_MISSING: dict[Need, str] = {
    "labels": "class labels (class sub-folders, dataset.json, or an array 'labels'; of a run, a method that heeds labels)",
    "probabilities": "class probabilities (a classifier as the extractor, or an array 'logits' beside features)",
    "spatial": "spatial features (inception-v3-compat, or an array 'spatial' beside features)",
    "images": "images, not points or features alone",
    "generator": "a generator that can be asked (a run directory or an exported program)",
    "styles": "a generator with intermediate latents (a StyleGAN's run directory)",
    "features": "the examples themselves, not statistics",
    "moments": "examples",
}


def problem(metric: Facts, network: Network, sets: Mapping[Role, NamedSet]) -> str:
    """Why a metric cannot be computed from these sets; empty if it can.

    Args:
        metric: The facts that the metric declares.
        network: The extractor of the features.
        sets: The sets by role.
    """
    for role in ROLES:
        needs = metric.needs(role)
        if needs and role not in sets:
            return f"needs {role} examples: --{role} SET"
        lacking = next((need for need in needs if not sets[role].given.gives(need, network)), None)
        if lacking:
            return f"needs, of the {role} set, {_MISSING[lacking]}"
        side = min(sets[role].given.form[1:], default=0) if needs and metric.minimum_side else 0
        if needs and side < metric.minimum_side:
            return f"needs images of at least {metric.minimum_side} pixels a side, and those of the {role} set have {side}"
        if needs and len(sets[role]) < metric.minimum_n and not sets[role].given.reference_only:
            return f"needs at least {metric.minimum_n:,} examples, and the {role} set has {len(sets[role]):,}"
    return ""
