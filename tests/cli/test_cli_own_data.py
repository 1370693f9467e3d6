"""Do `plan` and `run` say the same of a user's own images, and does everything that happened to them reach the results?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Command = Callable[..., Any]

ALPHA = "alpha channel dropped in 30 of 32 images"
GREY = "2 grey images (30.png, 31.png) of 32 repeated to RGB"
LEFT_OUT = "1 file (notes.txt) left out, whose ending is none of an image (1 .txt)"


def images(folder: Path, n: int = 30) -> Path:
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (n, 16, 16, 4)).astype(np.uint8)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    return folder


def suite(folder: Path, variant: str = "dcgan", **evaluation: Any) -> None:
    plan = {"extractor": "random-conv", "metrics": ["fd"], "n_fake": 20, "every_images": 32, **evaluation}
    (folder / "s.toml").write_text(
        f'name = "s"\n[datasets.mine]\npath = "images"\nresolution = 16\n[[matrix]]\nvariants = ["{variant}"]\ndatasets = ["mine"]\n'
        'seeds = [0]\nbudget_images = 32\npresets = ["small"]\ntraining = { batch_size = 16 }\nevaluation = { '
        + ", ".join(f"{key} = {json.dumps(value)}" for key, value in plan.items())
        + " }\n"
    )


def mixed(folder: Path) -> None:
    images(folder / "images")
    for name in ("30.png", "31.png"):
        Image.new("L", (16, 16), 99).save(folder / "images" / name)
    (folder / "images" / "notes.txt").write_text("x")


def refusal(folder: Path, case: str) -> None:
    """Makes data and a suite that a run refuses before training."""
    images(folder / "images", 9 if case == "few" else 30)
    if case == "sizes":
        suite(folder)
        text = (folder / "s.toml").read_text()
        (folder / "s.toml").write_text(text.replace("resolution = 16\n", ""))
        Image.new("RGBA", (8, 8)).save(folder / "images" / "z.png")
    elif case == "cmyk":
        Image.new("CMYK", (16, 16)).save(folder / "images" / "z.jpg")
        suite(folder)
    else:
        options: dict[str, dict[str, Any]] = {"labels": {"variant": "acgan"}, "many": {"n_real": 25}}
        suite(folder, **options.get(case, {}))


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("labels", "acgan needs labels and the data set has none"),
        ("few", "holds 9 images; a data set needs at least 10"),
        ("many", "evaluation.n_real = 25 is more than the 24 examples"),
        ("sizes", "1 of 31 differ from the first"),
        ("cmyk", "'z.jpg' has mode CMYK"),
    ],
)
def test_plan_refuses_what_run_refuses_in_the_same_words(ganbench: Command, tmp_path: Path, case: str, said: str) -> None:
    refusal(tmp_path, case)
    planned, run = (ganbench(command, "s.toml", "--out", "out") for command in ("plan", "run"))
    assert (planned.code, run.code) == (2, 2)
    assert planned.err == run.err
    assert said in planned.err
    assert not (tmp_path / "out").exists()


def test_what_happened_to_images_is_in_the_plan_the_record_and_below_the_leaderboard(ganbench: Command, tmp_path: Path) -> None:
    mixed(tmp_path)
    suite(tmp_path)
    planned = ganbench("plan", "s.toml", "--out", "out", "--json")
    assert json.loads(planned.out)["notes"] == [f"mine: {note}" for note in (LEFT_OUT, ALPHA, GREY)]
    assert f"note: mine: {ALPHA}" in ganbench("plan", "s.toml", "--out", "out").err
    done = ganbench("run", "s.toml", "--out", "out", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["records"][0]["notes"] == [LEFT_OUT, ALPHA, GREY]
    text = (tmp_path / "out" / "leaderboard.md").read_text()
    assert all(f"mine: {note}." in text for note in (LEFT_OUT, ALPHA, GREY))
    assert f"mine: {ALPHA}." in " ".join(done.err.split())
