"""Does any content of an own file end in anything but a record or one line?"""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import GanbenchError
from ganbench.plan.runtime import Runtime, read_runtime, write_runtime
from ganbench.plan.spec import read_spec, to_json
from ganbench.plan.suite import load_suite
from ganbench.report.frame import frame
from ganbench.results.assembly import assembled
from ganbench.results.events import EventLog
from ganbench.results.folders import find_records, write_manifest
from ganbench.results.record import read_record, write_record
from ganbench.statistics.leaderboard import leaderboards
from ganbench.storage import write_json

GOLDEN = Path(__file__).parents[1] / "golden" / "record-v1.json"
RECORD = read_record(GOLDEN)
SUITE = b"""name = "x"
[[matrix]]
variants = ["gan", "wgan"]
datasets = ["ring8"]
seeds = [0, 1]
budget_images = 1000
presets = ["points"]
axes = { "training.batch_size" = [16, 64] }
evaluation = { extractor = "identity", metrics = ["fd"], n_fake = 100 }
[matrix.config.gan]
latent_dim = 2
"""
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**30,
    "",
    "\0",
    "\ud800",
    "../../x",
    "a" * 300,
    [],
    {},
    [[]],
    {"a": {}},
    "<b>",
    "\x1b[2J",
)
SECONDS = 10.0
"""Longest time for one file; the slowest takes a hundredth."""


def bytes_changed(data: bytes, rng: random.Random) -> bytes:
    """Bits flipped, parts cut, repeated or inserted."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(5):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                del out[at : at + rng.randrange(200)]
            case 2:
                out[at:at] = out[at : at + rng.randrange(200)] * rng.randint(1, 3)
            case 3:
                out[at:at] = rng.choice([b"{", b"[" * 3_000, b"9" * 5_000, b"\xff", b"\0", b"NaN", b'"', b"\\ud800", b"\n", b"1e999"])
            case 4:
                del out[at:]
    return bytes(out)


def values_changed(data: bytes, rng: random.Random) -> bytes:
    """Still JSON, with values and keys exchanged, dropped or added."""
    fields = json.loads(data)
    for _ in range(rng.randint(1, 3)):
        target = fields
        while isinstance(target, dict | list) and target:
            key: Any = rng.choice(list(target)) if isinstance(target, dict) else rng.randrange(len(target))
            inner = target[key]
            if not (isinstance(inner, dict | list) and inner) or rng.random() < 0.3:
                match rng.randrange(3):
                    case 0:
                        del target[key]
                    case 1:
                        target[key] = rng.choice(ODD)
                    case 2 if isinstance(target, dict):
                        target[rng.choice(["x", "spec", "scores", "kind", "\0"])] = rng.choice(ODD)
                break
            target = inner
    fields.pop("digest", None) if isinstance(fields, dict) else None  # or the digest would tell nearly all
    return json.dumps(fields).encode()


def shown(folder: Path) -> None:
    """What a person is shown of a folder with one run."""
    found = find_records(folder)
    frame([*found.records, *found.interrupted])
    leaderboards([*found.records, *found.interrupted])


def of_events(folder: Path) -> None:
    log = EventLog(folder / "runs" / RECORD.spec.slug / "events.jsonl")
    log.scan()
    log.position()
    assembled(RECORD.spec, log, "events")


def record_and_board(folder: Path) -> None:
    leaderboards([read_record(folder / "runs" / RECORD.spec.slug / "record.json")])


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "record": ("runs/{slug}/record.json", record_and_board),
    "records": ("runs/{slug}/record.json", shown),
    "spec": ("runs/{slug}/spec.json", lambda folder: read_spec(folder / "runs" / RECORD.spec.slug)),
    "runtime": ("runs/{slug}/runtime.json", lambda folder: read_runtime(folder / "runs" / RECORD.spec.slug)),
    "manifest": ("manifest.json", lambda folder: write_manifest(folder, "x", [RECORD.spec])),
    "suite": ("suite.toml", lambda folder: load_suite(str(folder / "suite.toml"))),
    "events": ("runs/{slug}/events.jsonl", of_events),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An output folder with one whole run."""
    run = tmp_path / "runs" / RECORD.spec.slug
    run.mkdir(parents=True)
    write_record(run / "record.json", RECORD)
    write_json(run / "spec.json", to_json(RECORD.spec))
    write_runtime(run, Runtime())
    write_manifest(tmp_path, "x", [RECORD.spec])
    (tmp_path / "suite.toml").write_bytes(SUITE)
    log = EventLog(run / "events.jsonl")
    log.append("start", time="now")
    fields = json.loads((run / "record.json").read_text())
    for evaluation in fields["evaluations"]:
        log.append("evaluation", seconds=1.0, **evaluation)
        log.append("tick", images=64, seconds=1.0, warm_up=False, images_seen=evaluation["images_seen"])
    log.append("end", time="now", status="done", images_seen=RECORD.images_seen)
    return tmp_path


@pytest.mark.parametrize("number", [40, pytest.param(4_000, marks=pytest.mark.slow)], ids=["few", "many"])
@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore:left out")
def test_a_mutated_file_is_read_or_refused_in_one_line(folder: Path, name: str, number: int) -> None:
    where, read = READERS[name]
    path = folder / where.format(slug=RECORD.spec.slug)
    whole = path.read_bytes()
    read(folder)  # undamaged, it is read
    refused = 0
    for seed in range(number):
        rng = random.Random(seed)
        values = values_changed if path.suffix == ".json" and rng.random() < 0.5 else bytes_changed
        path.write_bytes(values(whole, rng))
        start = time.perf_counter()
        try:
            read(folder)
        except GanbenchError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 20_000, f"{seed}: {error}"
        except Exception as error:
            pytest.fail(f"mutation {seed} of {path.name}: {type(error).__name__}: {error}")
        assert time.perf_counter() - start < SECONDS, seed
        path.write_bytes(whole)
    assert refused > 0 or name == "records"  # which lists what it cannot read
