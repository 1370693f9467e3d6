"""Does a page with as many pictures and points as a large matrix gives stay small enough to be sent, and equal for equal results?"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from ganbench.plan.spec import run_id
from ganbench.report.page import index_page
from ganbench.report.pictures import Album, room
from ganbench.report.sections import SECTIONS
from ganbench.results.collection import Collection
from ganbench.results.gallery import FOLDER, Gallery, Strip, write_gallery
from ganbench.results.record import Record, read_record
from ganbench.results.samples import save_grid, write_samples
from ganbench.statistics.leaderboard import leaderboards

FINISHED = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
LIMIT_BYTES = 10_000_000
"""For 20 variants with 5 seeds each."""
NOISE = np.random.default_rng(0).integers(0, 256, (64, 3, 32, 32), dtype=np.uint8)
"""Images that cannot be compressed, of CIFAR's size."""


def run(variant: str, seed: int) -> Record:
    spec = replace(FINISHED.spec, seed=seed, variant=replace(FINISHED.spec.variant, name=variant))
    return replace(FINISHED, spec=spec, run_id=run_id(spec))


def stored(folder: Path, seed: int) -> Path:
    """A run's folder with colour pictures of noise and a long log."""
    write_samples(folder / "samples", NOISE, "real")
    write_samples(folder / "samples", NOISE, "0000001024-ema")
    strip = Strip(columns=("0", "1"), measured={})
    write_gallery(folder, Gallery(images_seen=1_024, examples=100, interpolation=strip, truncation=strip))
    for name in ("interpolation", "truncation"):
        save_grid(NOISE[:36], folder / FOLDER / f"{name}.png", 9)
    names = [f"{kind}/{part}" for kind in ("loss", "grad_norm") for part in ("discriminator", "generator")]
    values = np.random.default_rng(seed).normal(size=(300, len(names))) + 5
    ticks = [
        {"kind": "tick", "images_seen": 64 * tick, "logs": dict(zip(names, row, strict=True))} for tick, row in enumerate(values.tolist())
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(tick) + "\n" for tick in ticks))
    return folder


def test_twenty_variants_with_five_seeds_fit_and_what_has_no_room_is_named(tmp_path: Path) -> None:
    records = [run(f"method_{number}", seed) for number in range(20) for seed in range(5)]
    template = [stored(tmp_path / str(seed), seed) for seed in range(5)]  # all variants share five folders: what is drawn is what counts
    found = Collection(records=tuple(records), folders={record.run_id: template[record.spec.seed] for record in records})
    boards = leaderboards(found.all)
    page = index_page(found, boards, "large", {})
    assert 1_000_000 < len(page.encode()) <= LIMIT_BYTES
    assert page.count('<details class="variant"') == 20 and "no room on this page" in page
    assert index_page(found, boards, "large", {}) == page


def test_an_album_takes_png_files_alone_and_nothing_but_their_pixels(tmp_path: Path) -> None:
    write_samples(tmp_path, NOISE[:4], "whole")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "more.png").write_bytes(whole + b"<script>")
    (tmp_path / "gif.png").write_bytes(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;")
    (tmp_path / "cut.png").write_bytes(whole[:100])
    album = Album()
    first, second = (album.take(tmp_path / name, name, "") for name in ("whole.png", "more.png"))
    assert first is not None and second is not None and first.source == second.source
    assert (
        album.take(tmp_path / "gif.png", "a gif", "")
        is album.take(tmp_path / "cut.png", "a cut one", "")
        is album.take(None, "", "")
        is None
    )
    assert album.left_out == ["a gif: the file is damaged, or no PNG", "a cut one: the file is damaged, or no PNG"]
    quarter = album.take(tmp_path / "whole.png", "", "", quarter=True)
    assert quarter is not None and len(quarter.source) < len(first.source) / 2
    album.left_bytes = 10
    assert album.take(tmp_path / "whole.png", "late", "") is None and album.left_out[-1] == "late: no room on this page"


def test_a_page_of_many_sections_has_less_room_for_pictures() -> None:
    assert room(20) == 7_000_000 > room(60) > room(SECTIONS) > 2_000_000
    assert room(1_000) == 0
