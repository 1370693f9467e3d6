"""Does ``ganbench score`` give what it promises: one document, the right exit code, the same scores everywhere?"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganbench.data.bundled import digits
from ganbench.features.cache import SHARD
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec, to_json

Command = Callable[..., Any]
PROBE = ["--extractor", "digits-probe"]
DIGITS = ["digits:test", "--real", "digits:train", *PROBE]
KEYS = {"metric", "label", "value", "ci_low", "ci_high", "ci_method", "n_real", "n_fake", "higher_is_better", "seconds", "protocol"}
"""Of every score in the machine form."""
FEATURES = np.random.default_rng(0).standard_normal((60, 8))


def document(result: Any, code: int = 0) -> dict[str, Any]:
    """The one JSON document that a command printed."""
    assert result.code == code, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


def values(result: Any) -> dict[str, list[Any]]:
    """What must not depend on how a set was read."""
    return {one["metric"]: [one["value"], one["ci_low"], one["ci_high"], one["n_fake"]] for one in document(result)["scores"]}


def features(folder: Path, **arrays: Any) -> None:
    for name, array in arrays.items():
        np.savez(folder / f"{name}.npz", features=array)


# what is printed where


def test_the_machine_form_is_one_document_on_stdout_and_the_rest_is_on_stderr(ganbench: Command, tmp_path: Path) -> None:
    result = ganbench("score", *DIGITS, "--cache", "cache", "--json")
    found = document(result)
    assert found["schema_version"] == 1
    assert {"scores", "warnings"} <= found.keys()
    assert [one["metric"] for one in found["scores"]] == ["fd", "fd_infinity", "kd", "cs", "precision", "recall", "density", "coverage"]
    for one in found["scores"]:
        assert one.keys() >= KEYS
        assert one["ci_low"] <= one["value"] <= one["ci_high"]
        assert (one["n_real"], one["n_fake"]) == (1438, 359), "the bundled digits"
        assert {"extractor", "extractor_weights_sha256", "resize", "reference", "metric_version"} <= one["protocol"].keys()
    assert len(found["warnings"]) == 2
    for line in found["warnings"]:
        assert f"note: {line}" in result.err
    assert "\x1b" not in result.out + result.err, "no colours where nobody looks"
    assert str(tmp_path) not in json.dumps([one["protocol"] for one in found["scores"]]), "a protocol holds no paths"


def test_the_table_is_on_stderr_and_stdout_is_empty(ganbench: Command) -> None:
    result = ganbench("score", *DIGITS, "--metrics", "fd,precision", "--no-cache")
    assert (result.code, result.out) == (0, "")
    assert "95 % interval" in result.err
    assert "PRECISION" in result.err
    assert "1,438" in result.err


def test_standard_names_with_an_extractor_show_it(ganbench: Command) -> None:
    found = document(ganbench("score", "digits:test", "--real", "digits:train", "--metrics", "fd@pixels,fd@digits-probe", "--json"))
    assert [one["label"] for one in found["scores"]] == ["FD·pixels", "FD·digits-probe"]


# exit codes


def test_a_metric_without_a_finite_value_exits_1_names_it_and_prints_the_others(ganbench: Command, tmp_path: Path) -> None:
    features(tmp_path, real=FEATURES, far=FEATURES * 1e120)  # squares near 1e240, whose own squares are no float64
    result = ganbench("score", "far.npz", "--real", "real.npz", "--features", "--metrics", "kd,precision", "--json")
    found = document(result, code=1)
    assert [one["metric"] for one in found["scores"]] == ["precision"]
    assert any("KD·identity is not finite" in line for line in found["warnings"])
    assert "failed: KD·identity" in result.err


def test_features_whose_squares_overflow_exit_1_without_a_traceback(ganbench: Command, tmp_path: Path) -> None:
    far = FEATURES.copy()
    far[0] = 1e200
    features(tmp_path, real=FEATURES, far=far)
    for metric in ("fd", "fd_infinity", "kd", "precision"):
        for sets in (("far.npz", "real.npz"), ("real.npz", "far.npz")):
            result = ganbench("score", sets[0], "--real", sets[1], "--features", "--metrics", metric)
            assert result.code in (0, 1)
            assert "Traceback" not in result.err
            assert result.code == 0 or "failed: " in result.err
    verified = ganbench("score", "far.npz", "--real", "real.npz", "--features", "--metrics", "precision", "--verify", "torch-fidelity")
    assert verified.code == 1
    assert "PRECISION" in verified.err
    assert "failed: torch-fidelity cannot compute with identity features" in verified.err


def test_a_generator_that_gives_nan_exits_1_in_one_line(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "gen.py").write_text("import numpy as np\ndef sample(n, seed):\n    return np.full((n, 1, 16, 16), np.nan)\n")
    result = ganbench("score", "gen.py:sample", "--n", "300", "--real", "digits", *PROBE, "--no-cache")
    assert (result.code, result.out) == (1, "")
    assert result.err == "ganbench: gen.py:sample: gave values that are not finite, so there is nothing to score; look at the generator\n"


def test_verification_prints_both_numbers_and_a_disagreement_exits_1(ganbench: Command, tmp_path: Path) -> None:
    features(tmp_path, real=FEATURES, near=FEATURES + 1, far=FEATURES * 1e120)
    arguments = ["--real", "real.npz", "--features", "--metrics", "precision", "--verify", "torch-fidelity"]
    result = ganbench("score", "near.npz", *arguments, "--json")
    agreements = document(result)["agreements"]
    assert {one["name"].partition("·")[0] for one in agreements} == {"fd", "kd, 100 subsets of 60", "precision", "recall"}
    for one in agreements:
        assert one["ours"] == pytest.approx(one["theirs"], rel=1e-5), one["name"]
    assert "torch-fidelity: fd·identity 8, here 8" in result.err, "a shift by 1 in each of 8 dimensions"
    far = ganbench("score", "far.npz", *arguments)  # the cubes of KID's kernel are no float64: neither side has a value
    assert far.code == 1
    assert "failed: torch-fidelity disagrees on kd" in far.err


@pytest.mark.usefixtures("heard_ctrl_c")
def test_ctrl_c_keeps_the_finished_shards_and_the_same_command_goes_on(ganbench: Command, tmp_path: Path) -> None:
    shards = 6
    np.save(tmp_path / "many.npy", np.random.default_rng(0).integers(0, 256, (shards * SHARD, 4, 4), np.uint8))
    (tmp_path / "slow.py").write_text(
        "import os, time\nfrom ganbench.features.base import Extractor\nfrom ganbench.sets.features import Features\n"
        "class Slow(Extractor):\n    name, accepts, width = 'slow', 'image', 4\n    def features(self, x):\n"
        "        time.sleep(0.1 if os.path.exists('gate') else 0)\n        return Features(values=x[:, 0, :2, :2].flatten(1).float())\n"
    )
    (tmp_path / "gate").touch()
    arguments = ["score", "many.npy", "--real", "many.npy", "--extractor", "slow.py:Slow", "--metrics", "fd", "--cache", "cache", "--json"]
    entry = [sys.executable, "-W", "ignore", "-c", "from ganbench.cli import main; main()"]
    with subprocess.Popen([*entry, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.rglob("*.safetensors"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted: the same command goes on"
    assert "Traceback" not in err
    (tmp_path / "gate").unlink()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert 2 <= len(kept) < shards
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()], "no half file is left"
    resumed = values(ganbench(*arguments))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "finished shards are not made again"
    assert len(list(tmp_path.rglob("*.safetensors"))) == shards
    assert resumed == values(ganbench(*arguments[:-3], "--no-cache", "--json"))


# the same scores, however they are asked for


def test_folder_path_and_cache_change_no_digit(ganbench: Command, tmp_path: Path) -> None:
    data = digits(DatasetSpec(name="digits"), tmp_path)
    (tmp_path / "images").mkdir()
    for index, image in enumerate(data.held_out.examples[:120]):
        Image.fromarray(image[0]).save(tmp_path / "images" / f"{index:03d}.png")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in sorted((tmp_path / "images").iterdir()):
            archive.write(path, path.name)
    np.savez(tmp_path / "images.npz", images=data.held_out.examples[:120])
    (tmp_path / "other").mkdir()
    shutil.copytree(tmp_path / "images", tmp_path / "other" / "copy")
    rest = ["--real", "digits:train", *PROBE, "--metrics", "fd,kd,cs,precision", "--json"]
    first = values(ganbench("score", "images", *rest, "--cache", "cache"))
    assert first.keys() == {"fd", "kd", "cs", "precision"}
    entries = sorted(path.name for path in (tmp_path / "cache").iterdir())
    ways: list[tuple[str, list[str], Path]] = [
        ("images", ["--cache", "cache"], tmp_path),
        ("images/", ["--cache", "cache/"], tmp_path),
        (str(tmp_path / "images"), ["--cache", str(tmp_path / "cache")], tmp_path / "other"),
        ("../images", ["--cache", "../cache"], tmp_path / "other"),
        ("copy", ["--cache", "../cache"], tmp_path / "other"),
        ("images", ["--no-cache"], tmp_path),
        ("images.zip", ["--no-cache", "--workers", "5"], tmp_path),
        ("images.npz", ["--no-cache", "--batch", "256"], tmp_path),
    ]
    for name, options, folder in ways:
        assert values(ganbench("score", name, *rest, *options, cwd=folder)) == first, (name, options)
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == entries, "one entry a set, whatever its path"


def test_a_cached_set_is_not_read_again_unless_it_changed(ganbench: Command, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8)
    np.save(tmp_path / "set.npy", images)
    arguments = ["score", "set.npy", "--real", "digits", "--extractor", "pixels", "--metrics", "fd", "--cache", "cache", "--json"]
    first = values(ganbench(*arguments))
    np.save(tmp_path / "set.npy", 255 - images)
    assert values(ganbench(*arguments)) != first
    np.save(tmp_path / "set.npy", images)
    assert values(ganbench(*arguments)) == first


def test_a_damaged_cache_is_named_and_made_again(ganbench: Command, tmp_path: Path) -> None:
    arguments = ["score", *DIGITS, "--metrics", "fd,precision", "--cache", "cache", "--json"]
    first = values(ganbench(*arguments))
    generator = np.random.default_rng(0)
    for damaged in sorted((tmp_path / "cache").rglob("*.safetensors")):
        for kind in ("flip", "cut", "empty"):
            data = bytearray(damaged.read_bytes())
            data[int(generator.integers(len(data) // 2, len(data)))] ^= 255
            damaged.write_bytes({"flip": bytes(data), "cut": bytes(data[: len(data) // 2]), "empty": b""}[kind])
            result = ganbench(*arguments)
            assert values(result) == first, (damaged.name, kind)
            (line,) = [line for line in document(result)["warnings"] if "cache entry" in line]
            assert damaged.name in line
            assert "made again" in line
    assert not [line for line in document(ganbench(*arguments))["warnings"] if "cache entry" in line]


# run directories


@pytest.fixture
def cell(ganbench: Command, tmp_path: Path, tiny_spec: Callable[..., RunSpec]) -> Path:
    """A finished tiny run on 8x8 digits."""
    plan = EvaluationSpec(extractor="digits-probe", metrics=("fd", "kd", "precision", "recall", "cs"), n_fake=120, n_real=None)
    (tmp_path / "spec.json").write_text(json.dumps(to_json(replace(tiny_spec(), evaluation=plan))))
    assert ganbench("run", "--spec", "spec.json", "--out", "cell", "--device", "cpu").code == 0
    return tmp_path / "cell"


def test_a_run_directory_scores_as_the_run_itself_did(ganbench: Command, cell: Path) -> None:
    record = json.loads((cell / "record.json").read_text())
    rest = ["--real", "digits", "--resolution", "8", *PROBE, "--n", "120", "--device", "cpu", "--no-cache", "--json"]
    for name, weights in (("cell", "ema"), ("cell/", "ema"), ("cell:ema", "ema"), ("cell:raw", "raw")):
        result = ganbench("score", name, *rest, "--metrics", "fd,kd,precision,recall,cs")
        found = values(result)
        own = [score for score in record["scores"] if score["protocol"]["weights"] == weights]
        assert {score["metric"] for score in own} == found.keys()
        for score in own:
            # the same images by the same networks, only batched otherwise
            assert found[score["metric"]][:3] == pytest.approx([score[key] for key in ("value", "ci_low", "ci_high")], rel=1e-6, abs=1e-9)
        assert f"{name}: {'EMA' if weights == 'ema' else 'raw'} weights after 12 steps" in result.err
    raw, ema = (values(ganbench("score", name, *rest, "--metrics", "fd")) for name in ("cell:raw", "cell"))
    assert raw != ema


def test_a_run_directory_that_cannot_be_sampled_is_one_line(ganbench: Command, cell: Path) -> None:
    rest = ["--real", "digits", "--resolution", "8", *PROBE, "--n", "120", "--no-cache"]
    assert "only a run's takes a suffix, ':ema' or ':raw'" in ganbench("score", "cell:best", *rest).one_line()
    for path in (cell / "checkpoints").rglob("*.*"):
        os.truncate(path, path.stat().st_size // 2)
    assert "no readable checkpoint" in ganbench("score", "cell", *rest).one_line()
    (cell / "spec.json").write_text("{")
    assert "spec.json' cannot be read" in ganbench("score", "cell", *rest).one_line()


# damage to files


def mutated(data: bytes, generator: np.random.Generator) -> bytes:
    """A file with a few bytes changed, cut short, or with bytes put in."""
    found = bytearray(data)
    kind = generator.integers(4)
    if kind == 0:
        del found[int(generator.integers(len(found))) :]
    elif kind == 1:
        place = int(generator.integers(len(found)))
        found[place:place] = generator.bytes(int(generator.integers(1, 40)))
    else:
        first = 0 if kind == 2 else max(0, len(found) - 300)
        for _ in range(int(generator.integers(1, 8))):
            found[int(generator.integers(first, min(len(found), first + 300)))] = int(generator.integers(256))
    return bytes(found)


@pytest.mark.parametrize("name", ["features.npz", "features.npy", "images.npz", "images.npy", "images.zip", "statistics.npz"])
def test_random_damage_never_ends_in_a_traceback(ganbench: Command, tmp_path: Path, name: str) -> None:
    generator = np.random.default_rng(sum(name.encode()))
    images = generator.integers(0, 256, (20, 16, 16), np.uint8)
    np.savez(tmp_path / "real.npz", features=FEATURES)
    np.savez(tmp_path / "features.npz", features=FEATURES, logits=FEATURES, labels=np.arange(60) % 3, spatial=FEATURES)
    np.save(tmp_path / "features.npy", FEATURES)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(20) % 2)
    np.save(tmp_path / "images.npy", images)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for index, image in enumerate(images):
            with archive.open(f"{index}.png", "w") as file:
                Image.fromarray(image).save(file, "PNG")
        archive.writestr("dataset.json", json.dumps({"labels": [[f"{index}.png", index % 2] for index in range(20)]}))
    assert ganbench("stats", "real.npz", "--features", "--out", "statistics.npz").code == 0
    good, damaged = (tmp_path / name).read_bytes(), "damaged" + Path(name).suffix
    for _ in range(12):
        (tmp_path / damaged).write_bytes(mutated(good, generator))
        if name == "statistics.npz":
            arguments = ["real.npz", "--real", damaged, "--features", "--metrics", "fd"]
        elif name.startswith("features"):
            arguments = [damaged, "--real", "real.npz", "--features"]
        else:
            arguments = [damaged, "--real", "digits", "--extractor", "pixels", "--metrics", "fd"]
        result = ganbench("score", *arguments, "--no-cache")
        assert result.code in (0, 1, 2), result.err
        assert "Traceback" not in result.err
        if result.code == 2:
            assert damaged in result.one_line() or "features" in result.one_line()
