from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ganbench.plan.spec import run_id
from ganbench.report.charts.chart import Chart
from ganbench.report.charts.training import loss_curve, score_axis, score_curve, spread
from ganbench.report.figures import board_figures
from ganbench.report.folder import write_report
from ganbench.report.runs import Run
from ganbench.results.collection import Collection
from ganbench.results.events import EventLog
from ganbench.results.folders import run_folder
from ganbench.results.record import Record, read_record
from ganbench.results.samples import LINE, grid, write_samples
from ganbench.statistics.leaderboard import leaderboards

FINISHED = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")


@pytest.fixture
def matrix(tmp_path: Path) -> tuple[Path, list[Record]]:
    """A finished run with events and samples, and one that failed before it left any."""
    failed_spec = replace(FINISHED.spec, seed=1)
    failed = replace(
        FINISHED, spec=failed_spec, run_id=run_id(failed_spec), status="failed", scores=(), diagnostics=(), evaluations=(), timing=None
    )
    folder = run_folder(tmp_path, FINISHED.spec)
    folder.mkdir(parents=True)
    log = EventLog(folder / "events.jsonl")
    for seen in (512, 1_024):
        log.append("tick", images_seen=seen, logs={"loss/discriminator": seen / 1_000, "loss/generator": float("nan")})
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8)
    write_samples(folder / "samples", images, "0000001024-ema")
    write_samples(folder / "samples", images, "real")
    return tmp_path, [FINISHED, failed]


def collected(out: Path, records: list[Record]) -> Collection:
    folders = {record.run_id: run_folder(out, record.spec) for record in records}
    return Collection(records=tuple(records), folders=folders, files={run: folder / "record.json" for run, folder in folders.items()})


def test_figures_are_drawings_and_pictures_with_the_same_bytes_again(matrix: tuple[Path, list[Record]]) -> None:
    out, records = matrix
    of_half = board_figures(leaderboards(records), collected(out, records))
    assert list(of_half) == ["seeds-digits", "curves-digits", "samples-digits"]  # what half of the seeds reached compares nothing
    third = replace(FINISHED.spec, seed=2)
    records = [*records, replace(FINISHED, spec=third, run_id=run_id(third))]
    found = collected(out, records)
    figures = board_figures(leaderboards(records), found)
    assert list(figures) == ["seeds-digits", "cost-digits", "curves-digits", "samples-digits"]  # the old record has precision and no recall
    for figure in figures.values():
        assert figure.alt and ElementTree.fromstring(figure.svg()).get("aria-label") == figure.alt
        with Image.open(BytesIO(figure.png())) as image:
            assert image.size == (2 * (figure.width + 20), 2 * (figure.height + 20))
            assert len(np.unique(np.asarray(image))) > 20  # something is drawn
    again = board_figures(leaderboards(records), found)
    assert [one.svg() for one in again.values()] == [one.svg() for one in figures.values()]
    assert [one.png() for one in again.values()] == [one.png() for one in figures.values()]


def test_damaged_files_of_a_run_cost_their_own_part_and_nothing_else(matrix: tuple[Path, list[Record]]) -> None:
    out, records = matrix
    folder = run_folder(out, FINISHED.spec)
    found = collected(out, records)
    whole = board_figures(leaderboards(records), found)
    assert Run(FINISHED, folder).logged("loss/discriminator") == {512: 0.512, 1_024: 1.024}
    (folder / "samples" / "0000001024-ema.png").write_bytes(b"\x89PNG")
    log = folder / "events.jsonl"
    log.write_text(log.read_text() + '5\n{"kind": "tick", "images_seen": 2048, "logs": 3}\n')
    assert Run(FINISHED, folder).logged("loss/discriminator") == {512: 0.512, 1_024: 1.024}  # what comes before the damage
    damaged = board_figures(leaderboards(records), found)
    assert {name for name in whole if whole[name] != damaged[name]} == {"samples-digits"}
    (folder / "samples" / "real.png").write_bytes(b"")
    log.write_text(
        '{"kind": "tick", "images_seen": 2048, "logs": {"loss/generator": "x"}}\n{"kind": "tick", "images_seen": 7, "logs": 3}\n'
    )
    assert Run(FINISHED, folder).logged("loss/generator") == {}
    assert "samples-digits" not in board_figures(leaderboards(records), found)


def test_the_report_writes_a_page_tables_and_figures_and_leaves_what_says_the_same(matrix: tuple[Path, list[Record]]) -> None:
    out, records = matrix
    paths = write_report(out, collected(out, records), "heading")
    assert [path.name for path in paths[:5]] == ["index.html", "leaderboard.md", "leaderboard.csv", "leaderboard.tex", "leaderboard.json"]
    assert all(path.stat().st_size > 0 for path in paths)
    assert (out / "leaderboard.md").read_text().startswith("# heading\n")
    assert len((out / "leaderboard.csv").read_text().splitlines()) == 1 + 4 + 1  # head, FD and precision of raw and EMA, the failed run
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    write_report(out, collected(out, records), "heading")
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == times


def test_a_grid_puts_image_i_at_row_i_over_columns_between_grey_lines() -> None:
    images = np.arange(1, 6, dtype=np.uint8).reshape(5, 1, 1, 1) * np.ones((5, 1, 2, 2), np.uint8)
    tiled = grid(images)
    assert tiled.shape == (5, 8)
    assert tiled[::3, ::3].tolist() == tiled[1::3, 1::3].tolist()  # every image is two pixels wide and high
    assert tiled[::3, ::3].ravel()[:5].tolist() == [1, 2, 3, 4, 5]
    assert set(tiled[2].tolist()) == set(tiled[:, 2].tolist()) == {LINE}


def test_colour_samples_survive_the_way_to_the_file(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 5), dtype=np.uint8)
    path = write_samples(tmp_path, images, "12-raw")
    assert path.name == "12-raw.png"
    with Image.open(path) as image:
        pixels = np.asarray(image)
    assert np.array_equal(pixels[:5, 6:11], images[1].transpose(1, 2, 0))


def test_points_are_kept_as_they_are(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    path = write_samples(tmp_path, points, "0-ema")
    assert np.array_equal(np.load(path, allow_pickle=False), points)


def curved(name: str, seed: int, values: list[float], status: Any = "done") -> Record:
    """A run whose FD takes these values every 512 images, of raw weights twice as large."""
    spec = replace(FINISHED.spec, seed=seed, variant=replace(FINISHED.spec.variant, name=name))
    series = tuple(
        replace(
            one, images_seen=512 * step, scores=tuple(replace(score, value=value * (1 + (one.weights == "raw"))) for score in one.scores)
        )
        for step, value in enumerate(values)
        for one in FINISHED.evaluations[:2]
    )
    return replace(FINISHED, spec=spec, run_id=run_id(spec), evaluations=series, status=status)


def charted(records: list[Record]) -> Chart:
    (board,) = leaderboards(records)
    assert board.primary
    return score_curve([Run(record) for record in records], board.primary, "gan")


def test_curves_show_the_median_seed_the_band_of_all_and_a_cross_where_a_run_did_not_finish() -> None:
    records = [curved("gan", 0, [9.0, 4.0, 1.0]), curved("gan", 1, [9.0, 5.0, 2.0]), curved("gan", 2, [9.0, 8.0], "diverged")]
    seen, low, middle, high = spread([Run(record).scores("fd", "random-conv", "ema") for record in records])
    assert seen == [0, 512, 1_024]
    assert (low, middle, high) == ([9.0, 4.0, 1.0], [9.0, 5.0, 1.5], [9.0, 8.0, 2.0])  # at the end, of the two that go on
    drawn = charted(records)
    assert drawn.body.count('class="s cross c0"') == drawn.body.count('class="s cross c1"') == 1
    assert (
        drawn.alt == "FD·random-conv of gan over images seen, 3 seeds: median 9 after 0, 1.5 after 1,024; not finished: seed 2 (diverged)"
    )
    assert spread([]) == spread([{}]) == ([], [], [], [])


def test_rows_of_a_sheet_share_one_axis() -> None:
    runs = [Run(curved(f"v{index}", 0, [9.0, 1.0 + index])) for index in range(22)]
    (board,) = leaderboards([run.record for run in runs])
    assert board.primary
    y = score_axis(runs, board.primary)
    assert y.low < 1 and y.high > 2 * 22
    figures = board_figures([board], Collection(records=tuple(run.record for run in runs)))
    assert all(f">v{index}</text>" in figures["curves-digits"].body for index in range(22))


def test_a_method_that_explodes_does_not_flatten_the_losses_of_the_others(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for tick in range(200):
        log.append("tick", images_seen=tick, logs={"loss/generator": 1e6 if tick == 99 else 1.0 + tick % 2})
    drawn = loss_curve([Run(FINISHED, tmp_path)], "wild")
    assert drawn is not None and ">1.5</text>" in drawn.body and "M</text>" not in drawn.body
    assert loss_curve([Run(FINISHED)], "unknown") is None
