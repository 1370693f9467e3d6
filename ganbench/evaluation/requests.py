"""Which metrics, and from which features?"""

from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.errors import RequestError, UnknownName
from ganbench.metrics.base import Metric
from ganbench.registry import EXTRACTORS, METRICS, NO_NETWORK, STANDARD, formula, split_file_target

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
    """The formula ("fd")."""
    extractor: str


def requested(names: Sequence[str] | None, extractor: str | None, features: bool) -> list[Request]:
    """Reads what was asked for.

    Args:
        names: Formulas ("fd"), standard names ("fid", "fd_dinov2"), or either with an extractor ("fd@mnist-probe"); None is :data:`USUAL`.
        extractor: Of formulas that name none; None is Inception, or ``identity`` for features from elsewhere.
        features: Whether the sets are features.

    Raises:
        RequestError: A name is unknown, belongs to another extractor, or is there twice.
    """
    usual = extractor if extractor is not None else FEATURES if features else IMAGES
    _check_extractor(usual)
    found: list[Request] = []
    for text in USUAL if names is None else [name for name in names if name.strip()]:
        name, at, own = text.strip().partition("@")
        if not name or (at and not own):
            raise RequestError(f"--metrics: {text!r} is half a name; write METRIC or METRIC@EXTRACTOR, for example fd@pixels")
        request = _request(name.replace("-", "_"), own, usual, explicit=extractor is not None or features)
        if any((one.metric, one.extractor) == (request.metric, request.extractor) for one in found):
            raise RequestError(f"--metrics: {text!r} is there twice; name it once")
        found.append(request)
    if not found:
        raise RequestError(f"--metrics is empty; name at least one of {', '.join(METRICS.names())}")
    return found


def _request(name: str, own: str, usual: str, explicit: bool) -> Request:
    if own:
        _check_extractor(own)
    if name in STANDARD:
        standard = STANDARD[name]
        asked = own or (usual if explicit else standard.extractor)
        if asked != standard.extractor:
            raise RequestError(
                f"--metrics: {name!r} is the name for {standard.extractor} features; with {asked} write {standard.metric!r}, "
                f"or {standard.metric}@{standard.extractor}"
            )
        return Request(name=name, metric=standard.metric, extractor=standard.extractor)
    if name not in METRICS.targets:
        raise UnknownName("metric", name, [*METRICS.names(), *STANDARD], "see `ganbench list metrics`")
    if not own and needs_no_network(METRICS.load(name)):
        return Request(name=name, metric=name, extractor=NO_NETWORK)
    return Request(name=_standard(name, own or usual), metric=name, extractor=own or usual)


def needs_no_network(metric: Metric) -> bool:
    """Whether a metric looks at images, or asks the generator, by itself."""
    needs = {*metric.needs_real, *metric.needs_fake, *metric.needs_held_out}
    return bool(needs) and needs <= {"images", "generator", "labels"}


def _standard(metric: str, extractor: str) -> str:
    """The field's name of a formula with an extractor, or the formula's own."""
    return next((name for name, one in STANDARD.items() if (one.metric, one.extractor) == (metric, extractor)), formula(metric))


def _check_extractor(name: str) -> None:
    if split_file_target(name) is None:
        EXTRACTORS.target(name)
