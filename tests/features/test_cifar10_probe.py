import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from baselines import train_probe
from ganbench.data.cifar10 import CLASS_NAMES
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.data.zips import load_zip
from ganbench.errors import RequestError
from ganbench.features import shipped
from ganbench.features.base import extract
from ganbench.features.cifar10_probe import Cifar10Probe, ResidualNetwork
from ganbench.registry import EXTRACTORS
from ganbench.seeding import stream

ROOT = Path(os.environ.get("GANBENCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
needs_cifar10 = pytest.mark.skipif(
    not (ROOT / "cifar10" / "test.zip").is_file(), reason=f"no cifar10/test.zip in {ROOT}; set GANBENCH_DATA"
)
RECIPE = replace(train_probe.SETS["cifar10"][2], epochs=1, batch_size=10)


def images(n: int, *name: int, size: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=stream(1, "test-cifar10-probe", *name))


def tiny() -> Dataset:
    """Twenty random images."""
    split = Split(examples=images(20, 0).numpy(), labels=np.arange(20) % 10)
    return Dataset(name="cifar10", shape=DataShape(size=(3, 32, 32), classes=10), train=split, held_out=split, fingerprint="tiny")


@needs_cifar10
def test_accuracy_on_the_official_test_images_is_the_recipes() -> None:
    probe, content = Cifar10Probe(), load_zip(ROOT / "cifar10" / "test.zip", None)
    features = extract(probe, content.images)
    assert features.log_probabilities is not None
    accuracy = (features.log_probabilities.argmax(1).numpy() == content.labels).mean()
    # Two images of 10,000 may fall on the other side on another processor.
    assert accuracy == pytest.approx(probe.recipe["held_out_accuracy"], abs=2.5 / 10_000)
    assert accuracy >= 0.90
    assert (features.values.std(0) > 1e-3).all(), "a feature is constant"


def test_shipped_files() -> None:
    probe = EXTRACTORS.load("cifar10-probe")()
    assert probe.weights_sha256 == probe.recipe["sha256"]
    assert (probe.recipe["name"], probe.recipe["dataset"]) == (probe.name, "cifar10")
    assert probe.recipe["n_held_out"] == 10_000
    assert probe.class_names == CLASS_NAMES
    assert probe.resize == f"torch-antialias-{probe.size}"
    assert sum(p.numel() for p in probe.classifier.parameters()) == probe.recipe["parameters"]
    assert len((shipped.folder() / "cifar10-probe.safetensors").read_bytes()) < 3_000_000
    tensors, _ = shipped.load("cifar10-probe")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}


def test_it_takes_grey_images_and_any_size_and_gives_log_probabilities() -> None:
    probe = Cifar10Probe()
    grey = images(3, 1)[:, :1]
    torch.testing.assert_close(extract(probe, grey).values, extract(probe, grey.expand(-1, 3, -1, -1)).values, rtol=1e-5, atol=1e-5)
    features = extract(probe, images(3, 2, size=50))
    assert features.values.shape == (3, probe.width)
    assert features.log_probabilities is not None
    torch.testing.assert_close(features.log_probabilities.exp().sum(1), torch.ones(3, dtype=torch.float64))


def test_loading_it_draws_no_random_numbers() -> None:
    before = torch.get_rng_state()
    Cifar10Probe()
    assert torch.equal(torch.get_rng_state(), before)


def test_folding_changes_no_output() -> None:
    network = ResidualNetwork(normalised=True)
    generator = stream(2, "test-cifar10-probe")
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                    tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    network.double().eval()
    batch = torch.rand(4, 3, 32, 32, generator=generator, dtype=torch.float64)
    with torch.inference_mode():
        before = network(batch)
        network.fold()
        torch.testing.assert_close(network(batch), before, rtol=1e-9, atol=1e-9)
    assert network.state_dict().keys() == ResidualNetwork(normalised=False).state_dict().keys()


def test_training_twice_gives_the_same_bytes_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    first, second = (save(train_probe.train(RECIPE, tiny()).state_dict()) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_written_is_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_probe, "accuracy", lambda network, dataset: 0.95)
    network = train_probe.train(RECIPE, tiny())
    train_probe.write("cifar10-probe", network, RECIPE, tiny(), tmp_path)
    tensors, recipe = shipped.load("cifar10-probe", tmp_path)
    assert recipe["recipe"]["momentum"] == 0.9
    assert all(torch.equal(tensors[name].float(), tensor) for name, tensor in network.state_dict().items())


def test_weak_probes_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"below 0\.9; nothing written"):
        train_probe.write("cifar10-probe", train_probe.train(RECIPE, tiny()), RECIPE, tiny(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_augmentation_moves_and_mirrors_whole_images() -> None:
    marked = torch.zeros(200, 3, 32, 32, dtype=torch.uint8)
    marked[:, :, 10, 5] = 255
    batch = RECIPE.batch(marked, stream(3, "test-cifar10-probe"))
    assert (batch.sum((2, 3)) == 1).all()
    columns = batch[:, 0].flatten(1).argmax(1) % 32
    assert torch.equal(batch[:, 0], batch[:, 2])
    # Up to two pixels around 5, or around 26 in the mirror.
    assert set(columns.tolist()) == {3, 4, 5, 6, 7, 24, 25, 26, 27, 28}
    assert 0.35 < (columns > 16).double().mean() < 0.65


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    assert [RECIPE.rate(progress) for progress in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.125, 0.25, 0.125, 0])
