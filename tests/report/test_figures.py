from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from ganbench.plan.spec import run_id
from ganbench.report.curves import curves
from ganbench.report.figures import write_figures
from ganbench.report.folder import figure_files, write_report
from ganbench.results.events import EventLog
from ganbench.results.folders import run_folder
from ganbench.results.record import Record, read_record
from ganbench.results.samples import LINE, grid, write_samples

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


def test_figures_are_pngs_of_the_expected_size_and_the_same_bytes_again(matrix: tuple[Path, list[Record]]) -> None:
    out, records = matrix
    write_figures(out, records)
    curves, drawing, samples, *_ = paths = figure_files(out, records)
    names = ["curves-digits.png", "curves-digits.svg", "samples-digits.png", "cost-digits.png", "cost-digits.svg"]
    assert [path.name for path in paths] == names
    assert "<svg" in drawing.read_text() and "images seen" in drawing.read_text()  # letters stay letters
    for path, inches in zip((curves, samples), ((4 * 4.2, 3.4), (2 * 2.6, 2 * 2.8 + 0.4)), strict=True):
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.size == tuple(round(side * 110) for side in inches)  # drawn at 110 dots an inch
            assert len(np.unique(np.asarray(image))) > 20  # something is drawn
    before = [path.read_bytes() for path in paths]
    write_figures(out, records)
    assert [path.read_bytes() for path in paths] == before


def test_damaged_files_of_a_run_cost_their_own_panel_and_nothing_else(matrix: tuple[Path, list[Record]]) -> None:
    out, records = matrix
    folder = run_folder(out, FINISHED.spec)

    def drawn() -> list[bytes]:
        write_figures(out, records)
        return [path.read_bytes() for path in figure_files(out, records)]

    whole = drawn()
    (folder / "samples" / "0000001024-ema.png").write_bytes(b"\x89PNG")
    log = folder / "events.jsonl"
    log.write_text(log.read_text() + '5\n{"kind": "tick", "images_seen": 2048, "logs": 3}\n')
    curves, drawing, samples, *_ = drawn()
    assert [curves, drawing] == whole[:2] and samples != whole[2]  # what comes before the damage is drawn
    (folder / "samples" / "real.png").write_bytes(b"")
    log.write_text(
        '{"kind": "tick", "images_seen": 2048, "logs": {"loss/generator": "x"}}\n{"kind": "tick", "images_seen": 7, "logs": 3}\n'
    )
    assert len(drawn()) == 5


def test_the_report_writes_markdown_table_and_figures(matrix: tuple[Path, list[Record]]) -> None:
    out, records = matrix
    paths = write_report(out, records, "heading")
    assert [path.name for path in paths[:3]] == ["leaderboard.md", "leaderboard.tex", "leaderboard.csv"]
    assert all(path.stat().st_size > 0 for path in paths)
    assert (out / "leaderboard.md").read_text().startswith("# heading\n")
    assert len((out / "leaderboard.csv").read_text().splitlines()) == 1 + 4 + 1  # head, FD and precision of raw and EMA, the failed run


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


def test_curves_show_the_median_seed_the_band_of_all_and_equal_axes(tmp_path: Path) -> None:
    records = [curved("gan", 0, [9.0, 4.0, 1.0]), curved("gan", 1, [9.0, 5.0, 2.0]), curved("gan", 2, [9.0, 8.0], "diverged")]
    figure = curves(tmp_path, records)
    ema, raw = figure.axes[:2]
    line = ema.lines[0]
    assert line.get_xdata().tolist() == [0, 512, 1024] and line.get_ydata().tolist() == [9.0, 5.0, 1.5]  # at the end of the two that go on
    band = ema.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == (1.0, 9.0)
    assert ema.get_ylim() == raw.get_ylim() and ema.get_xlim() == raw.get_xlim()
    crosses = [(one.get_xdata()[0], one.get_ydata()[0]) for one in ema.lines if one.get_marker() == "x"]
    assert crosses == [(512, 8.0)]
    plt.close(figure)


def test_more_variants_than_colours_have_a_panel_each(tmp_path: Path) -> None:
    names = [f"v{index}" for index in range(22)]
    figure = curves(tmp_path, [curved(name, 0, [9.0, 1.0 + index]) for index, name in enumerate(names)])
    shown = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in shown] == [*names, *(f"{name}, losses" for name in names)]
    assert len({axes.get_ylim() for axes in shown[:22]}) == 1
    plt.close(figure)


def test_a_method_that_explodes_does_not_flatten_the_losses_of_the_others(tmp_path: Path) -> None:
    records = [curved("calm", 0, [1.0]), curved("wild", 0, [1.0])]
    for record in records:
        folder = run_folder(tmp_path, record.spec)
        folder.mkdir(parents=True)
        log = EventLog(folder / "events.jsonl")
        for tick in range(100):
            exploded = record.spec.variant.name == "wild" and tick == 99
            log.append("tick", images_seen=tick, logs={"loss/generator": 1e6 if exploded else 1.0 + tick % 2})
    figure = curves(tmp_path, records)
    assert figure.axes[3].get_ylim()[1] < 3
    plt.close(figure)
