"""Do features that were computed before come back, and only those that belong?"""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from ganbench.distributed import Ranks
from ganbench.features.cache import SHARD, Store
from ganbench.features.extraction import Extraction, extract_source
from ganbench.features.plain import Pixels
from ganbench.seeding import stream
from ganbench.sets.moments import moments
from ganbench.sets.source import Selection, Source

N = 2 * SHARD + 100
KEY = {"content": "a", "extractor": "pixels"}


class Stop(Exception):
    """An interruption."""


class Counted(Source):
    """Small random images that count how often they are read, and can be interrupted."""

    content = "a"

    def __init__(self, stop_after: int = 10**9) -> None:
        super().__init__("counted")
        self.images = torch.randint(0, 256, (N, 1, 2, 3), generator=stream(0, "test-store"), dtype=torch.uint8)
        self.read, self.stop_after = 0, stop_after

    def __len__(self) -> int:
        return N

    def at(self, indices: Sequence[int]) -> torch.Tensor:
        if self.read + len(indices) > self.stop_after:
            raise Stop
        self.read += len(indices)
        return self.images[list(indices)]


class Nothing:
    def __init__(self) -> None:
        self.seen = 0

    def advance(self, examples: int) -> None:
        self.seen += examples


def run(source: Source, root: Path, batch: int = 256, key: dict[str, str] = KEY) -> tuple[Extraction, Nothing, Store]:
    store, meter = Store(root, key, N), Nothing()
    return extract_source(Pixels(), source, Selection(indices=range(N)), store, meter, Ranks(), batch), meter, store


def test_features_are_those_of_the_examples_in_order(tmp_path: Path) -> None:
    source = Counted()
    extraction, meter, _ = run(source, tmp_path)
    assert torch.equal(extraction.features(()).values, Pixels()(source.images).values)
    assert meter.seen == source.read == N


@pytest.mark.parametrize("batch", [1, 100, 4096])
def test_batch_size_changes_nothing(tmp_path: Path, batch: int) -> None:
    first, second = (run(Counted(), tmp_path / str(size), size)[0].features(()).values for size in (256, batch))
    assert torch.equal(first, second)


def test_a_second_request_reads_no_example(tmp_path: Path) -> None:
    run(Counted(), tmp_path)
    again = Counted()
    _, meter, _ = run(again, tmp_path)
    assert again.read == 0
    assert meter.seen == N


def test_another_key_is_another_entry(tmp_path: Path) -> None:
    run(Counted(), tmp_path)
    other = Counted()
    run(other, tmp_path, key={**KEY, "content": "b"})
    assert other.read == N


def test_an_interrupted_extraction_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        run(Counted(stop_after=SHARD + 300), tmp_path)
    again = Counted()
    extraction, _, _ = run(again, tmp_path)
    assert again.read == N - SHARD
    assert torch.equal(extraction.features(()).values, Pixels()(again.images).values)


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "other"])
def test_a_damaged_shard_is_named_and_made_again(tmp_path: Path, damage: str) -> None:
    whole = run(Counted(), tmp_path)[0].features(()).values
    shard = sorted(tmp_path.glob("*/000001.safetensors"))[0]
    data = bytearray(shard.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "flipped":
        data[-1] ^= 1
    elif damage == "emptied":
        data.clear()
    else:
        data = bytearray((shard.parent / "000002.safetensors").read_bytes())
    shard.write_bytes(data)
    again = Counted()
    extraction, _, store = run(again, tmp_path)
    assert len(store.damaged) == 1
    assert str(shard) in store.damaged[0]
    assert again.read == SHARD
    assert torch.equal(extraction.features(()).values, whole)


def test_moments_without_all_features_in_memory_are_the_same_bits(tmp_path: Path) -> None:
    extraction, _, _ = run(Counted(), tmp_path)
    few, whole = extraction.sketch(), moments(extraction.features(()).values)
    assert few.of_all is not None
    assert len(few) == N
    assert torch.equal(few.of_all.mean, whole.mean)
    assert torch.equal(few.of_all.covariance, whole.covariance)


def test_the_key_names_neither_paths_nor_times(tmp_path: Path) -> None:
    stores = [Store(tmp_path / name, KEY, N) for name in ("one", "two")]
    assert stores[0].folder.name == stores[1].folder.name
    assert not list(tmp_path.iterdir()), "nothing is made before there is a shard"
    stores[0].write(0, {"values": torch.zeros(SHARD, 1)})
    assert str(tmp_path) not in (stores[0].folder / "key.json").read_text()
