"""Which metrics are requested, and from which features?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.errors import RequestError, UnknownName
from ganbench.plan.facts import ROLES, Need, facts
from ganbench.plan.metric_names import NO_NETWORK, STANDARD, formula
from ganbench.plan.spec import EvaluationSpec
from ganbench.registry import EXTRACTORS, METRICS
from ganbench.targets import Target

PLAIN: set[Need] = {"moments", "features", "probabilities"}
"""Needs that every set of examples meets with a suitable extractor."""
USUAL = ("fd", "fd_infinity", "kd", "cs", "precision", "recall", "density", "coverage")
"""Metrics that are scored by default; those whose needs are not met are left out, with a warning."""
IMAGES, FEATURES = "inception-v3-compat", "identity"
"""Default extractors for images and for features."""
OFFLINE = ("cifar10-probe", "mnist-probe", "digits-probe", "random-conv")
"""Image extractors that need no download."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One requested metric, and the extractor of its features."""

    name: str
    """Name in records and tables: the standard name if there is one ("fid")."""
    metric: str
    """Registered name of the formula ("fd"), or ``file.py:METRIC``."""
    extractor: str
    asked: str
    """The name as the user wrote it, without the extractor."""


def requested(names: Sequence[str] | None, extractor: str | None, features: bool = False, where: str = "--metrics") -> list[Request]:
    """Parses the names of metrics.

    >>> [(one.name, one.extractor) for one in requested(["fid", "recall@pixels"], None)]
    [('fid', 'inception-v3-compat'), ('recall', 'pixels')]

    Args:
        names: Formulas ("fd"), standard names ("fid", "fd_dinov2"), ``file.py:METRIC``, or any of them with an extractor
            ("fd@mnist-probe"); None is :data:`USUAL`.
        extractor: Extractor for formulas that name none; None is Inception, or ``identity`` if the sets are features.
        features: Whether the sets are features.
        where: Place of the request, for error messages.

    Raises:
        RequestError: A name is unknown, belongs to another extractor, or is repeated.
    """
    usual = extractor if extractor is not None else FEATURES if features else IMAGES
    EXTRACTORS.target(usual)
    found: list[Request] = []
    for text in USUAL if names is None else [name for name in names if name.strip()]:
        name, at, own = text.strip().partition("@")
        if not name or (at and not own):
            raise RequestError(f"{where}: {text!r} is half a name; write METRIC or METRIC@EXTRACTOR, for example fd@pixels")
        request = _request(name, own, usual, explicit=extractor is not None or features, where=where)
        if any((one.metric, one.extractor) == (request.metric, request.extractor) for one in found):
            raise RequestError(f"{where}: {text!r} is there twice; name it once")
        found.append(request)
    if not found:
        raise RequestError(f"{where} is empty; name at least one of {', '.join(METRICS.names())}")
    return found


def may_not_fit(plan: EvaluationSpec) -> bool:
    """Whether a metric of the plan needs what not every run provides.

    That is labels, images, held-out examples, the generator, or more examples than are generated.
    """
    asked = [facts(request.metric) for request in requested(plan.metrics, plan.extractor)]
    return any(
        one.needs_held_out
        or one.minimum_n > plan.n_fake
        or one.minimum_per_feature
        or math.isfinite(one.maximum_ratio)
        or any(set(one.needs(role)) - PLAIN for role in ROLES)
        for one in asked
    )


def _request(text: str, own: str, usual: str, explicit: bool, where: str) -> Request:
    name = text if Target.of_file(text) else text.replace("-", "_")
    if own:
        EXTRACTORS.target(own)
    if name in STANDARD:
        standard = STANDARD[name]
        asked = own or (usual if explicit else standard.extractor)
        if asked != standard.extractor:
            raise RequestError(
                f"{where}: {name!r} is the name for {standard.extractor} features; with {asked} write {standard.metric!r}, "
                f"or {standard.metric}@{standard.extractor}"
            )
        return Request(name=name, metric=standard.metric, extractor=standard.extractor, asked=name)
    file = Target.of_file(name)
    shown = name if file is None else f"{file.path.name}:{file.attribute}"  # the file's folder is not part of a score
    if name not in METRICS.targets and file is None:
        raise UnknownName("metric", name, [*METRICS.names(), *STANDARD], "see `ganbench list metrics`")
    if not own and not facts(name).wants_network:
        return Request(name=shown, metric=name, extractor=NO_NETWORK, asked=name)
    return Request(name=_standard(shown, own or usual), metric=name, extractor=own or usual, asked=name)


def _standard(metric: str, extractor: str) -> str:
    """The standard name of a formula with an extractor, or else the formula's own name."""
    return next((name for name, one in STANDARD.items() if (one.metric, one.extractor) == (metric, extractor)), formula(metric))
