"""How are the features of a set computed by one extractor? (in memory, or shard by shard in the cache)"""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import torch

from ganbench import seeding
from ganbench.distributed import Ranks
from ganbench.evaluation.notes import Note, remark
from ganbench.evaluation.sets import NamedSet
from ganbench.evaluation.settings import Settings
from ganbench.features.base import Extractor, extract
from ganbench.features.cache import Store, cache_root
from ganbench.features.extraction import Extraction, Meter, extract_source
from ganbench.features.facts import Facts
from ganbench.plan.facts import Need
from ganbench.plan.metric_names import NO_NETWORK
from ganbench.sets.features import Features
from ganbench.sets.moments import Moments
from ganbench.sets.source import Source

MeterFor = Callable[[str, int], Meter]
"""Opens a progress meter for a set's name and number of examples."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """The result of a pass over a set."""

    features: Features | Moments
    facts: Facts | None = None
    """Facts of every example, if the pass recorded them."""


class Pass(Protocol):
    """Computes the features of a set."""

    def __call__(self, extractor: Extractor, one: NamedSet, needs: Collection[Need], sketched: bool) -> Known | None:
        """Returns the features of a set.

        Args:
            extractor: The extractor, on its device.
            one: The set.
            needs: What metrics and diagnostics need of the set.
            sketched: Whether moments and probabilities suffice.

        Returns:
            None on every rank but the first.
        """


def without_network(extractor: Extractor, one: NamedSet, needs: Collection[Need]) -> Known | None:
    """Features or moments that are known without an extractor, or a placeholder if none is needed; None if it must be run."""
    known = one.given.known(one.selection, needs)
    if known is not None:
        return Known(features=known)
    if extractor.name == NO_NETWORK and isinstance(one.given, Source):
        return Known(features=Features(values=torch.zeros(len(one), 1), **one.given.about(one.selection)))
    return None


@dataclass(frozen=True, kw_only=True)
class MemoryPass:
    """Computes the features of all examples in memory, without a cache, for a run's generated sets."""

    device: torch.device

    def __call__(self, extractor: Extractor, one: NamedSet, needs: Collection[Need], sketched: bool) -> Known | None:
        """See :class:`Pass`."""
        if (known := without_network(extractor, one, needs)) is not None:
            return known
        assert isinstance(one.given, Source)
        found = extract(extractor, one.given.at(one.selection.indices), self.device)
        return Known(features=replace(found, **one.given.about(one.selection)))


@dataclass(kw_only=True)
class CachedPass:
    """Computes the shards that are missing in the cache, shared among the ranks."""

    settings: Settings
    device: torch.device
    ranks: Ranks
    meter: MeterFor
    stack: ExitStack
    """Owns the temporary folders of sets that are not cached."""
    notes: list[Note]
    """Receives notes on damaged cache entries."""

    def __call__(self, extractor: Extractor, one: NamedSet, needs: Collection[Need], sketched: bool) -> Known | None:
        """See :class:`Pass`."""
        if (known := without_network(extractor, one, needs)) is not None:
            return known
        source = one.given
        assert isinstance(source, Source)
        store = Store(self._root(source), self._key(extractor, one), len(one))
        meter = self.meter(f"{one.role}: {source.name}", store.size)
        extraction = extract_source(extractor, source, one.selection, store, meter, self.ranks, self.settings.batch)
        self.notes += [remark(f"cache entry {line}; it was made again") for line in store.damaged]
        if not self.ranks.first:
            return None
        features = replace(_loaded(extraction, needs, sketched), **source.about(one.selection))
        return Known(features=features, facts=extraction.facts())

    def _root(self, source: Source) -> Path:
        if self.settings.use_cache and source.content is not None:
            return cache_root(self.settings.cache)
        root: str = self.ranks.from_first(self.stack.enter_context(TemporaryDirectory(prefix="ganbench-")) if self.ranks.first else None)
        return Path(root)

    def _key(self, extractor: Extractor, one: NamedSet) -> dict[str, Any]:
        """Everything that the features depend on: content and protocol, never paths or times."""
        return {
            "content": one.given.content,
            "selection": None if one.selection.is_all else seeding.derive(0, "indices", *one.selection.indices),
            **extractor.identity(),
            "spatial": extractor.wants_spatial and extractor.spatial_version,
            "device": self.device.type,
        }


def _loaded(extraction: Extraction, needs: Collection[Need], sketched: bool) -> Features:
    """All features, or only a sketch of them."""
    names = [name for name, need in (("log_probabilities", "probabilities"), ("spatial", "spatial")) if need in needs]
    if not sketched:
        return extraction.features(names)
    log_probabilities = extraction.only("log_probabilities").double() if "log_probabilities" in names else None
    return replace(extraction.sketch(), log_probabilities=log_probabilities)
