"""How are the features of all examples of a source computed in one pass?"""

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganbench.distributed import Ranks
from ganbench.features.base import Extractor
from ganbench.features.cache import Store
from ganbench.features.facts import FACTS, Facts, facts
from ganbench.precision import convolutions
from ganbench.sets.features import Features, Sketch
from ganbench.sets.moments import INFLUENCES, Sums, evenly
from ganbench.sets.source import Selection, Source

BATCH = 256
"""Number of examples in a batch."""
_AHEAD = 3
"""Number of batches read ahead of the network."""


class Meter(Protocol):
    """Receives progress."""

    def advance(self, examples: int) -> None:
        """Reports that the features of this many more examples are done."""


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """Features of one source, stored on disk."""

    store: Store
    n: int

    def sketch(self, name: str = "values") -> Sketch:
        """Moments of all examples, and some evenly spaced examples for the interval; memory does not grow with n."""
        chosen = evenly(self.n, min(self.n, INFLUENCES))
        sums: Sums | None = None
        kept = []
        for shard in range(self.store.shards):
            values = self.store.read(shard, (name,))[name]
            if sums is None:
                sums = Sums(values.shape[1], values.device)
            sums.add(values)
            extent = self.store.extent(shard)
            kept.append(values[chosen[(chosen >= extent.start) & (chosen < extent.stop)] - extent.start])
        assert sums is not None
        return Sketch(values=torch.cat(kept), of_all=sums.moments())

    def features(self, names: Iterable[str]) -> Features:
        """Loads the features of all examples into memory.

        Args:
            names: Fields of :class:`Features` to load besides ``values``.
        """
        found = {name: _joined(self.store, name) for name in ("values", *names)}
        log_probabilities = found.get("log_probabilities")
        return Features(
            values=found["values"],
            log_probabilities=None if log_probabilities is None else log_probabilities.double(),
            spatial=found.get("spatial"),
        )

    def only(self, name: str) -> Tensor:
        """Loads one tensor of all examples into memory."""
        return _joined(self.store, name)

    def facts(self) -> Facts:
        """The facts recorded for every example."""
        return Facts(**{name: _joined(self.store, name) for name in FACTS})


def _joined(store: Store, name: str) -> Tensor:
    """Joins one tensor of all shards, allocated once."""
    whole: Tensor | None = None
    for shard in range(store.shards):
        part = store.read(shard, (name,))[name]
        if whole is None:
            whole = torch.empty((store.size, *part.shape[1:]), dtype=part.dtype)
        extent = store.extent(shard)
        whole[extent.start : extent.stop] = part
    assert whole is not None
    return whole


def extract_source(
    extractor: Extractor,
    source: Source,
    selection: Selection,
    store: Store,
    meter: Meter,
    ranks: Ranks,
    batch: int = BATCH,
) -> Extraction:
    """Computes the missing shards; the ranks share the work, and the first rank writes.

    Args:
        extractor: The extractor, on its device.
        source: The examples.
        selection: Which of them to use.
        store: Where the features are stored.
        meter: Receives progress.
        ranks: This process among those that share the work.
        batch: Number of examples in a batch.
    """
    batch = min(batch, source.largest_batch or batch)
    missing = ranks.from_first(store.missing() if ranks.first else None)
    done = store.size - sum(len(store.extent(shard)) for shard in missing)
    meter.advance(done)
    extractor.expect(store.size - done)
    own = missing[ranks.rank :: ranks.size]
    pieces = _read(source, selection, [store.extent(shard) for shard in own], batch)
    rounds = -(-len(missing) // ranks.size)
    for turn in range(rounds):
        shard = own[turn] if turn < len(own) else None
        tensors = None if shard is None else _shard(extractor, pieces, len(store.extent(shard)), meter)
        for number, result in ranks.gather((shard, tensors)) or []:
            if number is not None:
                store.write(number, result)
    ranks.from_first(None)  # a barrier: no rank reads before the last shard is written
    return Extraction(store=store, n=store.size)


def _shard(extractor: Extractor, pieces: Iterator[Tensor], size: int, meter: Meter) -> dict[str, Tensor]:
    """Features of the next ``size`` examples."""
    found: dict[str, list[Tensor]] = {}
    seen = 0
    while seen < size:
        examples = next(pieces)
        with torch.inference_mode(), convolutions(tf32=extractor.dtype == "tf32"):
            features = extractor(examples.to(extractor.device, non_blocking=True))
        for name, tensor in _kept(features, examples).items():
            found.setdefault(name, []).append(tensor)
        seen += len(examples)
        meter.advance(len(examples))
    return {name: torch.cat(parts) for name, parts in found.items()}


def _kept(features: Features, examples: Tensor) -> dict[str, Tensor]:
    """The tensors of a shard: features in their own precision, the rest in float32, and facts of the examples."""
    kept = {"values": features.values.cpu(), **facts(examples)}
    if features.log_probabilities is not None:
        kept["log_probabilities"] = features.log_probabilities.float().cpu()
    if features.spatial is not None:
        kept["spatial"] = features.spatial.float().cpu()
    return kept


def _read(source: Source, selection: Selection, extents: list[range], batch: int) -> Iterator[Tensor]:
    """Yields batches of examples, read ahead by a thread; no batch crosses the end of a shard."""
    ahead: queue.Queue[Tensor | BaseException | None] = queue.Queue(_AHEAD)
    stop = threading.Event()

    def put(item: Tensor | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                ahead.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for extent in extents:
                for start in range(extent.start, extent.stop, batch):
                    if not put(source.at(selection.indices[start : min(start + batch, extent.stop)])):
                        return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (item := ahead.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
