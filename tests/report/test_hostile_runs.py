"""Does a report survive what other people's runs hold: damaged galleries, samples, logs, links and pipes? (named, and the rest rendered)"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.report.folder import write_report
from ganbench.report.runs import Run
from ganbench.results.collection import Collection
from ganbench.results.gallery import FILE, FOLDER, Gallery, Histogram, Modes, write_gallery
from ganbench.results.record import Record, read_record
from ganbench.results.samples import write_samples

GOLDEN = Path(__file__).parents[1] / "golden" / "record-v1.json"
FINISHED: Record = read_record(GOLDEN)
WHOLE = Gallery(
    images_seen=1_024,
    examples=100,
    discriminator=Histogram(edges=(0.0, 1.0, 2.0), counts={"train": (1, 3), "held_out": (2, 2), "fake": (4, 0)}),
    precision=(0.0, 0.9),
    recall=(0.9, 0.0),
    modes=Modes(names=("0", "1"), expected=(0.5, 0.5), generated=(0.9, 0.1)),
    spectrum={"real": (3.0, 2.0), "fake": (3.0, 2.5)},
)


def reported(tmp_path: Path, damage: Callable[[Path], Any]) -> str:
    """The page of a report on one whole run after something was done to its folder."""
    folder = tmp_path / "run"
    write_gallery(folder, WHOLE)
    write_samples(folder / "samples", np.zeros((4, 1, 8, 8), np.uint8), "real")
    damage(folder)
    run = FINISHED.run_id
    found = Collection(records=(FINISHED,), folders={run: folder}, files={run: GOLDEN})
    page = write_report(tmp_path / "out", found, "hostile")[0].read_text()
    assert "rank 1 of 1" in page and "FD" in page
    return page


def gallery(**changes: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / FOLDER / FILE
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": [0.1]},
        {"modes": {"names": [], "expected": [], "generated": []}},
        {"modes": {"names": ["0"], "expected": [0.5, 0.5], "generated": [1]}},
        {"spectrum": {"fake": [1.0]}},
        {"spectrum": {"real": [1.0, 2.0], "fake": [1.0]}},
        {"spectrum": {"real": [1e300], "fake": [-1e300]}},
        {"discriminator": {"edges": [0.0], "counts": {"train": [], "held_out": [], "fake": []}}},
        {"discriminator": {"edges": [1.0, 1.0], "counts": {"train": [1], "held_out": [1], "fake": [1]}}},
        {"discriminator": {"edges": [0.0, 1.0], "counts": {"train": [1], "held_out": [1]}}},
        {"discriminator": {"edges": [0.0, 1e308], "counts": {"train": [1], "held_out": [1], "fake": [1]}}},
        {"examples": "many"},
        {"schema_version": 99},
    ],
)
def test_a_damaged_gallery_is_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    page = reported(tmp_path, gallery(**changes))
    assert "gallery.json" in page and "Left out (1)" in page


def points(folder: Path) -> Path:
    for path in (folder / "samples").iterdir():
        path.unlink()
    return folder / "samples" / "0000001024-ema.npy"


def zipped(folder: Path) -> None:
    with points(folder).open("wb") as handle:
        np.savez(handle, a=np.zeros(3))


def tick(seen: str, value: str) -> str:
    return f'{{"kind": "tick", "images_seen": {seen}, "logs": {{"loss/generator": {value}}}}}\n'


def header(shape: str) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "damage",
    [
        zipped,
        lambda folder: points(folder).write_text("no array"),
        lambda folder: points(folder).write_bytes(header("(1000000000000, 2)")),
        lambda folder: points(folder).write_bytes(b""),
        lambda folder: np.save(points(folder), np.full((9, 2), 1e308)),
        lambda folder: np.save(points(folder), np.full((9, 2), np.nan)),
        lambda folder: os.mkfifo(points(folder)),
        lambda folder: os.mkfifo(points(folder).with_suffix(".png")),
    ],
    ids=["zip", "text", "huge", "empty", "large numbers", "no numbers", "pipe", "pipe of pictures"],
)
def test_damaged_samples_cost_their_picture_alone(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    assert "<img" not in reported(tmp_path, damage)


def test_equal_points_are_drawn(tmp_path: Path) -> None:
    assert "cloud" in reported(tmp_path, lambda folder: np.save(points(folder), np.full((9, 2), 3.0)))


def test_a_link_out_of_the_run_is_not_followed(tmp_path: Path) -> None:
    write_samples(tmp_path / "secret", np.zeros((4, 1, 8, 8), np.uint8), "picture")
    page = reported(tmp_path, lambda folder: os.symlink(tmp_path / "secret" / "picture.png", folder / "samples" / "9-ema.png"))
    assert page.count("<img") == 1  # the real ones


@pytest.mark.parametrize(
    "log",
    [
        tick("64", "1" + "0" * 400),
        tick("1" + "0" * 400, "1"),
        tick("-53", "1") + tick("-3", "2"),
        tick("64", "1.7e308") + tick("65", "-1.7e308"),
        tick("64", "true") + tick("65", "null"),
    ],
    ids=["a large integer", "many images", "fewer than none", "a wide range", "no numbers"],
)
def test_hostile_numbers_of_a_log_are_not_drawn(tmp_path: Path, log: str) -> None:
    page = reported(tmp_path, lambda folder: (folder / "events.jsonl").write_text(log))
    assert "<title>Losses</title>" not in page and "cannot be drawn" not in page
    assert Run(FINISHED, tmp_path / "run").logged("loss/generator") == {}


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "events.jsonl" in reported(tmp_path / "pipe", lambda folder: os.mkfifo(folder / "events.jsonl"))
    page = reported(tmp_path / "text", lambda folder: (folder / "events.jsonl").write_text("garbage\n"))
    assert "events.jsonl: line 1 is damaged" in page
    run = Run(FINISHED, tmp_path / "text" / "run")
    assert run.logged("loss/generator") == {} and len(run.problems) == 1


def test_a_chart_that_cannot_be_drawn_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no room")

    monkeypatch.setattr("ganbench.report.sections.mode_histogram", broken)
    page = reported(tmp_path, lambda folder: None)
    assert "a chart of dcgan on digits: cannot be drawn (ZeroDivisionError: no room)" in page
