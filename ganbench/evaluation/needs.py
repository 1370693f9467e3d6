"""Do the given sets and the extractor meet the needs of a metric?"""

from collections.abc import Mapping

from ganbench.evaluation.sets import NamedSet, labelled
from ganbench.plan.facts import ROLES, Facts, Need, Role
from ganbench.sets.classes import disagreement
from ganbench.sets.source import Network

_MISSING: dict[Need, str] = {
    "labels": "class labels (class sub-folders, dataset.json, or an array 'labels'; of a run, a method that heeds labels)",
    "probabilities": "class probabilities (a classifier as the extractor, or an array 'logits' beside features)",
    "spatial": "spatial features (inception-v3-compat, or an array 'spatial' beside features)",
    "images": "images, not points or features alone",
    "generator": "a generator that can be asked (a run directory or an exported program), and that returns floats, not 8-bit levels",
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
    if absent := metric.absent(sets):
        return absent
    for role in ROLES:
        needs = metric.needs(role)
        lacking = next((need for need in needs if not sets[role].given.gives(need, network)), None)
        if lacking:
            return f"needs, of the {role} set, {_MISSING[lacking]}"
        side = min(sets[role].given.form[1:], default=0) if needs and metric.minimum_side else 0
        if needs and side < metric.minimum_side:
            return f"needs images of at least {metric.minimum_side} pixels a side, and those of the {role} set have {side}"
        if needs and len(sets[role]) < metric.minimum_n and not sets[role].given.reference_only:
            return f"needs at least {metric.minimum_n:,} examples, and the {role} set has {len(sets[role]):,}"
    if any("labels" in metric.needs(role) for role in ROLES):
        return disagreement(labelled(sets))
    return ""


def form_problem(network: Network, sets: Mapping[Role, NamedSet]) -> str:
    """Why an extractor whose features depend on the shape of the examples cannot compare these sets; empty if it can."""
    forms = {role: one.given.form for role, one in sets.items() if one.given.form}
    if network.width or len(set(forms.values())) < 2:
        return ""
    channels, sizes = {form[0] for form in forms.values()}, {form[1:] for form in forms.values()}
    shown = ", ".join(f"{'x'.join(map(str, form))} ({role})" for role, form in forms.items())
    if {len(form) for form in forms.values()} != {3}:
        return f"compares examples number by number, and their shapes differ: {shown}; give sets of one shape"
    remedy = [
        *(["convert both to grey or both to RGB"] if len(channels) > 1 else []),
        *(["give --resolution N to crop and resize image files alike"] if len(sizes) > 1 else []),
    ]
    what = " and ".join(
        [*(["grey and colour images"] if len(channels) > 1 else []), *(["images of other sizes"] if len(sizes) > 1 else [])]
    )
    return f"compares images pixel by pixel, and these are {what}: {shown} (channels x height x width); {', and '.join(remedy)}"
