"""Which metrics, and from which features?"""

from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.errors import RequestError, UnknownName
from ganbench.plan.facts import ROLES, Need, facts
from ganbench.plan.metric_names import NO_NETWORK, STANDARD, formula
from ganbench.plan.spec import EvaluationSpec
from ganbench.registry import EXTRACTORS, METRICS
from ganbench.targets import Target

PLAIN: set[Need] = {"moments", "features", "probabilities"}
"""Needs that any set of examples meets with an extractor that fits."""
USUAL = ("fd", "fd_infinity", "kd", "cs", "precision", "recall", "density", "coverage")
"""Formulas that are scored where nobody names any; what the sets cannot answer is left out, and said."""
IMAGES, FEATURES = "inception-v3-compat", "identity"
"""Extractors where nobody names one."""
OFFLINE = ("cifar10-probe", "mnist-probe", "digits-probe", "random-conv")
"""Extractors of images that need no download."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One metric from one extractor's features."""

    name: str
    """As records and tables will have it: the standard name where there is one ("fid")."""
    metric: str
    """The formula ("fd"), or ``file.py:METRIC``."""
    extractor: str
    asked: str
    """As it was asked for, without the extractor."""


def requested(names: Sequence[str] | None, extractor: str | None, features: bool = False, where: str = "--metrics") -> list[Request]:
    """Reads what was asked for.

    >>> [(one.name, one.extractor) for one in requested(["fid", "recall@pixels"], None)]
    [('fid', 'inception-v3-compat'), ('recall', 'pixels')]

    Args:
        names: Formulas ("fd"), standard names ("fid", "fd_dinov2"), ``file.py:METRIC``, or any of them with an extractor
            ("fd@mnist-probe"); None is :data:`USUAL`.
        extractor: Of formulas that name none; None is Inception, or ``identity`` for features from elsewhere.
        features: Whether the sets are features.
        where: Place of the request, for messages.

    Raises:
        RequestError: A name is unknown, belongs to another extractor, or is there twice.
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


def asks_more_than_features(plan: EvaluationSpec) -> bool:
    """Whether a metric of a plan needs labels, images, held-out examples or the generator, which not every run can give."""
    asked = [facts(request.metric) for request in requested(plan.metrics, plan.extractor)]
    return any(set(one.needs(role)) - PLAIN for one in asked for role in ROLES)


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
    shown = name if file is None else f"{file.path.name}:{file.attribute}"  # where a file lies is no part of a score
    if name not in METRICS.targets and file is None:
        raise UnknownName("metric", name, [*METRICS.names(), *STANDARD], "see `ganbench list metrics`")
    if not own and not facts(name).wants_network:
        return Request(name=shown, metric=name, extractor=NO_NETWORK, asked=name)
    return Request(name=_standard(shown, own or usual), metric=name, extractor=own or usual, asked=name)


def _standard(metric: str, extractor: str) -> str:
    """The field's name of a formula with an extractor, or the formula's own."""
    return next((name for name, one in STANDARD.items() if (one.metric, one.extractor) == (metric, extractor)), formula(metric))
