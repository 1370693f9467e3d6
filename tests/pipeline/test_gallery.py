import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganbench
from ganbench.errors import RequestError
from ganbench.metrics.prd import attainable
from ganbench.pipeline import gallery as made
from ganbench.pipeline.gallery import BINS, histogram
from ganbench.results.folders import run_folder
from ganbench.results.gallery import FILE, FOLDER, Gallery, read_gallery
from ganbench.seeding import stream

SMALL = ["budget_images=1280", "evaluation.n_fake=300"]


def ended(out: Path, variant: str, dataset: str = "digits", suite: str = "digits") -> tuple[Path, Gallery]:
    matrix = ganbench.run(suite, out, only=[f"variant={variant}", f"dataset={dataset}", "seed=0"], settings=SMALL)
    assert [record.status for record in matrix.records] == ["done"]
    folder = run_folder(out, matrix.specs[0])
    found = read_gallery(folder)
    assert found is not None
    return folder, found


def test_a_run_on_images_leaves_pictures_and_curves(tmp_path: Path) -> None:
    folder, found = ended(tmp_path, "dcgan")
    assert found.left_out == {} and found.images_seen == 1_280 and found.examples == 300
    assert found.discriminator is not None and len(found.discriminator.edges) == BINS + 1
    assert {name: sum(counts) for name, counts in found.discriminator.counts.items()} == {"train": 256, "held_out": 256, "fake": 256}
    assert len(found.precision) == len(found.recall) > 1 and all(0 <= value <= 1 for value in (*found.precision, *found.recall))
    assert found.modes is not None and len(found.modes.names) == 10 and sum(found.modes.generated) == pytest.approx(1, abs=1e-4)
    assert len(found.spectrum["real"]) == len(found.spectrum["fake"]) == 8
    assert found.interpolation is not None and found.interpolation.columns[0] == "0" and found.truncation is None
    for name, (rows, columns) in {"interpolation": (4, 9), "directions": (4, 9), "copies": (len(found.copies), 2)}.items():
        with Image.open(folder / FOLDER / f"{name}.png") as image:
            assert image.size == (17 * columns - 1, 17 * rows - 1)
    assert found.copies[0].distance >= 0


def test_a_method_with_truncation_leaves_that_too_and_points_leave_modes(tmp_path: Path) -> None:
    folder, found = ended(tmp_path / "images", "stylegan2")
    assert found.truncation is not None and (folder / FOLDER / "truncation.png").exists()
    folder, found = ended(tmp_path / "points", "gan", "ring8", "modes")
    assert found.left_out == {} and found.spectrum == {} and found.copies == () and found.interpolation is None
    assert found.modes is not None and found.modes.expected == (0.125,) * 8 and sum(found.modes.generated) <= 1
    assert [path.name for path in (folder / FOLDER).iterdir()] == [FILE]


def test_a_part_that_cannot_be_made_is_named_and_the_run_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no values here")

    monkeypatch.setattr(made, "discriminator_values", refuse)
    spec = ganbench.run("digits", tmp_path / "plan", only=["variant=dcgan", "seed=0"], settings=[*SMALL, "budget_images=640"]).specs[0]
    from ganbench.pipeline.cell import run_cell
    from ganbench.plan.runtime import Runtime

    assert run_cell(spec, tmp_path / "run", Runtime(device="cpu")).status == "done"
    found = read_gallery(tmp_path / "run")
    assert found is not None and found.left_out == {"discriminator": "no values here"} and found.discriminator is None
    assert found.recall


def test_a_gallery_of_a_newer_version_is_refused_and_none_is_none(tmp_path: Path) -> None:
    assert read_gallery(tmp_path) is None
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / FILE).write_text(json.dumps({"schema_version": 99}))
    with pytest.raises(RequestError, match="schema 99"):
        read_gallery(tmp_path)
    (tmp_path / FOLDER / FILE).write_text(json.dumps({"schema_version": 1, "images_seen": "many"}))
    with pytest.raises(RequestError, match="images_seen"):
        read_gallery(tmp_path)


def test_histograms_keep_what_lies_outside_and_leave_out_what_is_no_number() -> None:
    values = {"train": np.r_[np.linspace(0, 1, 200), 1e9, np.nan], "held_out": np.zeros(3), "fake": np.full(5, -np.inf)}
    found = histogram(values)
    assert {name: sum(counts) for name, counts in found.counts.items()} == {"train": 201, "held_out": 3, "fake": 0}
    assert found.edges[-1] < 2 and list(found.edges) == sorted(found.edges)
    assert sum(histogram({"train": np.ones(4)}).counts["train"]) == 4


def test_equal_sets_attain_everything_and_apart_ones_nothing() -> None:
    import torch

    points = torch.randn(400, 3, generator=stream(0, "gallery-test"))
    precision, recall = attainable(points, points, stream(0, "gallery"), 21)
    assert float(torch.minimum(precision, recall).max()) == pytest.approx(1)
    precision, recall = attainable(points, points + 100, stream(0, "gallery"), 21)
    assert float((precision + recall).max()) < 1e-6
