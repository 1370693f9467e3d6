"""Does everything that happened to the examples reach the reader, and do classes pair by name in every form of a set?"""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import ganbench
from ganbench.errors import RequestError
from ganbench.evaluation.result import Scores
from ganbench.evaluation.statistics import make_statistics

NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "koi", "lynx")
EACH = 10


def images(seed: int) -> npt.NDArray[np.uint8]:
    """Images of 12 classes of one colour each, class by class: a perfect conditional generator."""
    colours = np.random.default_rng(0).integers(20, 235, (12, 1, 3, 1, 1))
    noise = np.random.default_rng(seed).normal(0, 10, (12, EACH, 3, 16, 16))
    return np.clip(colours + noise, 0, 255).astype(np.uint8).reshape(-1, 3, 16, 16)


NUMBERS = np.repeat(np.arange(12), EACH)


def in_folders(path: Path, names: tuple[str, ...], seed: int) -> str:
    for index, image in enumerate(images(seed)):
        target = path / names[NUMBERS[index]] / f"{index:03d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(target)
    return str(path)


def given(path: Path, form: str, seed: int) -> str:
    """The same classes in one of the forms in which users have them."""
    order = np.random.default_rng(seed).permutation(len(NUMBERS))
    match form:
        case "folders 00":
            return in_folders(path, tuple(f"{number:02d}" for number in range(12)), seed)
        case "folders 0":
            return in_folders(path, tuple(map(str, range(12))), seed)
        case "folders of names":
            return in_folders(path, NAMES, seed)
        case "npz of numbers":
            np.savez(path.with_suffix(".npz"), images=images(seed)[order], labels=NUMBERS[order])
            return str(path.with_suffix(".npz"))
        case "npz of names":
            np.savez(path.with_suffix(".npz"), images=images(seed)[order], labels=np.array(NAMES)[NUMBERS][order])
            return str(path.with_suffix(".npz"))
    folder = Path(in_folders(path, NAMES if form == "zip of names" else tuple(map(str, range(12))), seed))
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        found = sorted(folder.rglob("*.png"))
        for file in found:
            archive.write(file, f"root/{file.relative_to(folder).as_posix()}")
        if form == "zip of numbers":
            labels = [[f"root/{file.relative_to(folder).as_posix()}", int(file.parent.name)] for file in found]
            archive.writestr("dataset.json", json.dumps({"labels": labels}))
    return str(path.with_suffix(".zip"))


def scored(fake: Any, real: Any, metrics: str = "intra_kd,gan_test", **settings: Any) -> Scores:
    return ganbench.score(fake, real, metrics, extractor="random-conv", use_cache=False, **settings)


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        ("folders 00", "npz of numbers"),
        ("folders 0", "npz of numbers"),
        ("folders 0", "folders 00"),
        ("npz of numbers", "folders 0"),
        ("zip of numbers", "folders 0"),
        ("zip of names", "folders of names"),
        ("npz of names", "zip of names"),
    ],
)
def test_a_perfect_generator_is_perfect_in_every_form(tmp_path: Path, fake: str, real: str) -> None:
    found = scored(given(tmp_path / "fake", fake, 1), given(tmp_path / "real", real, 2))
    intra, test = found.scores
    assert test.value == 1  # the colours of the classes are 5 or more noise levels apart
    assert intra.ci_low < 0 < intra.ci_high


def test_names_against_numbers_are_refused_with_both(tmp_path: Path) -> None:
    fake, real = given(tmp_path / "fake", "folders of names", 1), given(tmp_path / "real", "npz of numbers", 2)
    with pytest.raises(RequestError, match=r"would be a guess \(real: 0, 1, .*\(12 in all\); generated: ant, bee, ") as refusal:
        scored(fake, real, "intra_kd")
    assert "\n" not in str(refusal.value)
    assert scored(fake, real, "kd").scores  # metrics without classes do not care


def test_a_missing_class_is_called_by_its_name(tmp_path: Path) -> None:
    fake, real = given(tmp_path / "fake", "folders of names", 1), given(tmp_path / "real", "folders of names", 2)
    with pytest.raises(RequestError, match="12 in all|lacks 'fox'"):
        Path(fake, "fox").rename(tmp_path / "elsewhere")
        scored(fake, real, "gan_test")
    (tmp_path / "elsewhere").rename(Path(fake, "fox"))
    for file in sorted(Path(fake, "fox").iterdir())[5:]:
        file.unlink()
    with pytest.raises(RequestError, match="class 'fox' has 5"):
        scored(fake, real, "intra_fd")


def test_features_carry_names_too(tmp_path: Path) -> None:
    values = images(1).reshape(120, -1)[:, ::16].astype(np.float32)
    order = np.random.default_rng(0).permutation(120)
    np.savez(tmp_path / "a.npz", features=values, labels=np.array(NAMES)[NUMBERS])
    np.savez(tmp_path / "b.npz", features=values[order], labels=np.array(NAMES)[NUMBERS][order])
    found = ganbench.score(str(tmp_path / "a.npz"), str(tmp_path / "b.npz"), "gan_test", features=True, n=100)
    assert found.scores[0].value == 1


def test_the_numbers_of_a_registered_set_are_its_own(tmp_path: Path) -> None:
    from ganbench.data.bundled import digits
    from ganbench.plan.spec import DatasetSpec

    train = digits(DatasetSpec(name="digits"), tmp_path).train
    assert train.labels is not None
    np.savez(tmp_path / "named.npz", images=train.examples, labels=train.labels.astype(str))
    np.savez(tmp_path / "numbered.npz", images=train.examples, labels=train.labels)
    values = [
        ganbench.score(str(tmp_path / name), "digits:test", "gan_test", extractor="digits-probe").scores[0].value
        for name in ("named.npz", "numbered.npz")
    ]
    assert values[0] == values[1] > 0.9  # the probe's own accuracy is above 0.95


# notes


def cut_outs(path: Path, form: str) -> str:
    path.mkdir()
    for index, image in enumerate(images(3)[::3]):
        pixels = Image.fromarray(image.transpose(1, 2, 0))
        if form == "alpha":
            pixels.putalpha(128)
        if form == "frames":
            pixels.save(path / f"{index}.gif", save_all=True, append_images=[pixels.rotate(90)])
        elif form == "palette":
            pixels.quantize(16).save(path / f"{index}.png")
        else:
            pixels.save(path / f"{index}.png")
    return str(path)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("alpha", "alpha channel dropped in 40 of 40"),
        ("frames", "first of several frames taken in 40"),
        ("palette", "palette expanded in 40"),
    ],
)
def test_what_happened_to_images_reaches_scores_statistics_and_their_readers(tmp_path: Path, form: str, said: str) -> None:
    folder, plain = cut_outs(tmp_path / form, form), cut_outs(tmp_path / "plain", "plain")

    def notes(fake: str, real: str, metrics: str) -> str:
        return "\n".join(ganbench.score(fake, real, metrics, extractor="random-conv", cache=tmp_path / "cache").to_json()["warnings"])

    assert said in notes(folder, plain, "kd")
    assert said in notes(folder, plain, "kd")  # from the cache, when no image is decoded
    made = make_statistics([folder], tmp_path / "s.npz", extractor="random-conv", cache=tmp_path / "cache")
    assert said in "\n".join(made.warnings)
    assert said in notes(plain, str(tmp_path / "s.npz"), "fd")


def test_the_worst_comes_first_and_healthy_sets_get_no_note(tmp_path: Path) -> None:
    fake, real = cut_outs(tmp_path / "fake", "alpha"), in_folders(tmp_path / "real", NAMES, 4)
    assert scored(given(tmp_path / "good", "folders of names", 5), real, "kd").warnings == ()
    for source in sorted(Path(real, "ant").iterdir())[:5]:
        Path(fake, f"copy-{source.name}").write_bytes(source.read_bytes())
    Path(fake, "list.csv").write_text("x")
    copies, left_out, alpha, few = scored(fake, real, "fd").warnings
    assert copies.startswith("5 of 45 generated examples are exact copies of real ones")
    assert "list.csv" in left_out
    assert "alpha channel dropped in 40 of 45" in alpha
    assert "examples are few" in few


def test_sizes_that_differ_are_named(tmp_path: Path) -> None:
    small, large = cut_outs(tmp_path / "small", "plain"), tmp_path / "large"
    large.mkdir()
    for path in Path(small).iterdir():
        Image.open(path).resize((24, 32)).save(large / path.name)
    assert "real images are 16x16 pixels and generated ones 24x32" in "\n".join(scored(str(large), small, "kd").warnings)
    resized = "\n".join(scored(str(large), small, "kd", resolution=8).warnings)
    assert "real images were 16x16 pixels and generated ones 24x32; both were cropped and resized to 8x8" in resized
    with pytest.raises(RequestError, match=r"'pixels' compares images pixel by pixel, and these are images of other sizes: 3x32x24"):
        ganbench.score(str(large), small, "kd", extractor="pixels")
    for path in large.iterdir():
        Image.open(path).convert("L").save(path)
    with pytest.raises(RequestError, match=r"grey and colour images and images of other sizes"):
        ganbench.score(str(large), small, "kd", extractor="pixels")
