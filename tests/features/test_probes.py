import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from baselines import train_probe
from ganbench.data.bundled import digits
from ganbench.data.torchvision_sets import mnist
from ganbench.errors import RequestError
from ganbench.features import shipped
from ganbench.features.base import extract
from ganbench.features.probe import DigitsProbe, MnistProbe
from ganbench.plan.spec import DatasetSpec

DIGITS = DatasetSpec(name="digits")
ROOT = Path(os.environ.get("GANBENCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
needs_mnist = pytest.mark.skipif(not (ROOT / "MNIST" / "raw").is_dir(), reason=f"no MNIST/raw in {ROOT}; set GANBENCH_DATA")


@pytest.mark.parametrize(("probe_class", "load"), [(DigitsProbe, digits), pytest.param(MnistProbe, mnist, marks=needs_mnist)])
def test_accuracy_on_held_out_data_is_the_recipes(probe_class, load):
    probe = probe_class()
    dataset = load(DatasetSpec(name=probe.recipe["dataset"]), ROOT)
    assert dataset.fingerprint == probe.recipe["data_fingerprint"]
    features = extract(probe, dataset.held_out.examples)
    accuracy = (features.log_probabilities.argmax(1).numpy() == dataset.held_out.labels).mean()
    # One image of 10,000 may fall on the other side on another processor.
    assert accuracy == pytest.approx(probe.recipe["held_out_accuracy"], abs=1.5 / len(dataset.held_out))
    assert accuracy >= 0.98
    assert (features.values.std(0) > 1e-3).all(), "a feature is constant"


@pytest.mark.parametrize("probe_class", [DigitsProbe, MnistProbe])
def test_shipped_files(probe_class):
    probe = probe_class()
    assert probe.weights_sha256 == probe.recipe["sha256"]
    assert probe.recipe["name"] == probe.name
    assert sum(p.numel() for p in probe.classifier.parameters()) == probe.recipe["parameters"] <= 120_000
    assert len((shipped.folder() / f"{probe.name}.safetensors").read_bytes()) < 500_000
    assert probe.resize == f"torch-antialias-{probe.size}"


def test_probes_see_rgb_as_luma():
    grey = torch.randint(0, 256, (4, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        extract(DigitsProbe(), grey.expand(-1, 3, -1, -1)).values, extract(DigitsProbe(), grey).values, rtol=1e-5, atol=1e-5
    )


@pytest.fixture
def copies(tmp_path):
    for suffix in ("safetensors", "json"):
        (tmp_path / f"digits-probe.{suffix}").write_bytes((shipped.folder() / f"digits-probe.{suffix}").read_bytes())
    return tmp_path


def test_intact_copies_load(copies):
    tensors, recipe = shipped.load("digits-probe", copies)
    assert recipe["dataset"] == "digits"
    assert tensors["head.weight"].shape == (10, 64)


def refused(folder):
    with pytest.raises(RequestError) as error:
        shipped.load("digits-probe", folder)
    message = str(error.value)
    assert "\n" not in message
    assert "digits-probe.safetensors" in message
    assert "python -m baselines.train_probe digits" in message
    return message


def test_tampered_weights_are_detected(copies):
    path = copies / "digits-probe.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "its recipe says" in refused(copies)


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_missing_weights_are_named(copies, suffix):
    (copies / f"digits-probe.{suffix}").unlink()
    assert "missing or damaged" in refused(copies)


@pytest.mark.parametrize("recipe", ["{", "{}", "[]"])
def test_damaged_recipe_is_named(copies, recipe):
    (copies / "digits-probe.json").write_text(recipe)
    assert "missing or damaged" in refused(copies)


def test_training_twice_gives_the_same_bytes():
    recipe = replace(train_probe.SETS["digits"][2], epochs=1)
    dataset = digits(DIGITS, ROOT)
    before = torch.get_rng_state()
    first, second = (save(train_probe.train(recipe, dataset).state_dict()) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)


def test_training_never_sees_held_out_data():
    recipe = replace(train_probe.SETS["digits"][2], epochs=1)
    dataset = digits(DIGITS, ROOT)
    hidden = replace(dataset, held_out=replace(dataset.held_out, examples=dataset.held_out.examples * 0))
    assert save(train_probe.train(recipe, dataset).state_dict()) == save(train_probe.train(recipe, hidden).state_dict())


def test_weak_probes_are_not_written(tmp_path, monkeypatch, capsys):
    name, load, recipe = train_probe.SETS["digits"]
    monkeypatch.setattr(train_probe, "SETS", {"digits": (name, load, replace(recipe, epochs=1))})
    threads = torch.get_num_threads()
    assert train_probe.main(["digits", "--out", str(tmp_path)]) == 2
    torch.set_num_threads(threads)
    assert "is below 0.98; nothing written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(train_probe, "accuracy", lambda network, dataset: 0.99)
    recipe = replace(train_probe.SETS["digits"][2], epochs=1)
    dataset = digits(DIGITS, ROOT)
    network = train_probe.train(recipe, dataset)
    described = train_probe.write("digits-probe", network, recipe, dataset, tmp_path)
    tensors, read = shipped.load("digits-probe", tmp_path)
    assert read == json.loads(json.dumps(described))
    assert all(torch.equal(tensors[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.slow
def test_the_script_reproduces_the_shipped_accuracy(tmp_path):
    assert train_probe.main(["digits", "--out", str(tmp_path)]) == 0
    retrained = json.loads((tmp_path / "digits-probe.json").read_text())
    assert retrained["held_out_accuracy"] == pytest.approx(DigitsProbe().recipe["held_out_accuracy"], abs=0.01)


def test_shifts_move_whole_images():
    images = torch.zeros(50, 1, 9, 9)
    images[:, :, 4, 4] = 1
    moved = train_probe.shifted(images, 2, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    places = moved.flatten(1).argmax(1)
    assert (moved.sum((1, 2, 3)) == 1).all()
    assert {(int(p) // 9, int(p) % 9) for p in places} <= {(r, c) for r in range(2, 7) for c in range(2, 7)}
    assert len(set(places.tolist())) > 10
