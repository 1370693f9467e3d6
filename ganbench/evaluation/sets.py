"""What is a set in one request, and how does it become part of a comparison?"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

import torch
from torch import Tensor

from ganbench.evaluation import checks
from ganbench.evaluation.needs import Opened
from ganbench.features.extraction import Extraction
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features, Need
from ganbench.sets.moments import Moments
from ganbench.sets.source import Selection, Source


@dataclass(kw_only=True)
class Named:
    """One opened set and its role."""

    role: str
    opened: Opened
    selection: Selection
    needs: set[Need] = field(default_factory=set)
    """What metrics ask of it."""


class Declared:
    """An extractor in name only: its features come from elsewhere."""

    version, resize, dtype, classes, published, network = 0, "unknown", "float32", 0, None, None
    weights_sha256 = source_sha256 = None
    gives_spatial, wants_spatial, notes = True, False, ()
    device = torch.device("cpu")

    def __init__(self, name: str) -> None:
        self.name = self.declared = name


def selected(features: Features, selection: Selection) -> Features:
    """The chosen rows of features."""
    if isinstance(selection.indices, range):
        return features
    rows = torch.tensor(selection.indices)
    log_probabilities, spatial, labels = (
        None if part is None else part[rows] for part in (features.log_probabilities, features.spatial, features.labels)
    )
    return replace(features, values=features.values[rows], log_probabilities=log_probabilities, spatial=spatial, labels=labels)


def nothing(width: int) -> Moments:
    """A reference of which nothing is known, for metrics that need none."""
    return Moments(n=0, mean=torch.zeros(width, dtype=torch.float64), covariance=torch.zeros(width, width, dtype=torch.float64))


def compared(real: Features | Moments, fake: Features, held_out: Features | None, device: torch.device) -> Comparison:
    """The sets, compared on a device."""
    others = None if held_out is None else cast(Features, _moved(held_out, device))
    return Comparison(Reference(_moved(real, device)), cast(Features, _moved(fake, device)), others)


def _moved(side: Features | Moments, device: torch.device) -> Features | Moments:
    """What is known of a set, with its tensors on a device."""
    if device.type == "cpu":
        return side
    values = {one.name: getattr(side, one.name) for one in fields(side)}
    moved: dict[str, Any] = {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)}
    if isinstance(side, Features) and side.moments is not None:
        moved["moments"] = _moved(side.moments, device)
    return replace(side, **moved)


def reader(source: Source, selection: Selection) -> Callable[[Tensor], Tensor]:
    """Reads chosen examples by their position among the chosen."""
    return lambda which: source.at([selection.indices[int(position)] for position in which])


def side_of(one: Named, features: Features, extraction: Extraction | None) -> checks.Side:
    """A set, as the checks see it."""
    return checks.Side(
        name=one.opened.name,
        role=one.role,
        n=len(features),
        values=None if features.moments is not None or isinstance(one.opened, Source) and extraction is None else features.values,
        facts=None if extraction is None else extraction.facts(),
        channels=_channels(one),
    )


def _channels(one: Named) -> int:
    if not isinstance(one.opened, Source):
        return 0
    example = one.opened.at([one.selection.indices[0]])
    return example.shape[1] if example.ndim == 4 else 0
