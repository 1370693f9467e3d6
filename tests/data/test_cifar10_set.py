import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganbench.data import cifar10 as module
from ganbench.data import torchvision_sets
from ganbench.data.cifar10 import CLASS_NAMES, cifar10
from ganbench.errors import DataError
from ganbench.features import shipped
from ganbench.plan.spec import DatasetSpec
from ganbench.registry import DATASETS

SPEC = DatasetSpec(name="cifar10")
ROOT = Path(os.environ.get("GANBENCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
needs_cifar10 = pytest.mark.skipif(
    not (ROOT / "cifar10" / "train.zip").is_file(), reason=f"no cifar10/train.zip in {ROOT}; set GANBENCH_DATA"
)


@needs_cifar10
def test_official_splits() -> None:
    loaded = cifar10(SPEC, ROOT)
    assert (len(loaded.train), len(loaded.held_out)) == (50_000, 10_000)
    assert str(loaded.shape) == "3x32x32"
    assert loaded.class_names == CLASS_NAMES
    assert loaded.train.labels is not None
    # 5,000 images of every class (Krizhevsky 2009, section 3.1).
    assert np.bincount(loaded.train.labels).tolist() == [5000] * 10
    # Channel means of the training images, as they are widely used for normalisation: 0.4914, 0.4822, 0.4465.
    assert loaded.train.examples.mean((0, 2, 3)) / 255 == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    assert loaded.fingerprint == "8ad27b5a15fab30eccc990b70f90b877577af6c76f2b1f078e068ceff24ca64f"  # pins the protocol
    assert loaded.fingerprint == shipped.load("cifar10-probe")[1]["data_fingerprint"]


def test_it_is_registered() -> None:
    assert DATASETS.load("cifar10") is cifar10


def write_zip(path: Path, n: int, size: int = 32, classes: int = 10) -> None:
    """n images whose red channel is their number, labels 0 to 9 in turn."""
    with zipfile.ZipFile(path, "w") as archive:
        labels = []
        for index in range(n):
            data = io.BytesIO()
            Image.fromarray(np.full((size, size, 3), (index, 2, 3), np.uint8)).save(data, "PNG")
            archive.writestr(f"00000/img{index:08d}.png", data.getvalue())
            labels.append([f"00000/img{index:08d}.png", index % classes])
        archive.writestr("dataset.json", json.dumps({"labels": labels}))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with both zips: 40 training and 20 test images."""
    monkeypatch.setattr(module, "_SIZES", {"train": 40, "test": 20})
    (tmp_path / "cifar10").mkdir()
    write_zip(tmp_path / "cifar10" / "train.zip", 40)
    write_zip(tmp_path / "cifar10" / "test.zip", 20)
    return tmp_path


def test_test_images_are_held_out_with_their_labels(small: Path) -> None:
    loaded = cifar10(SPEC, small)
    assert (len(loaded.train), len(loaded.held_out)) == (40, 20)
    assert loaded.held_out.labels is not None
    assert loaded.held_out.examples[:, 0, 0, 0].tolist() == list(range(20))
    assert loaded.held_out.labels.tolist() == [index % 10 for index in range(20)]


def test_resolution_is_applied(small: Path) -> None:
    assert cifar10(DatasetSpec(name="cifar10", resolution=16), small).train.examples.shape == (40, 3, 16, 16)


@pytest.mark.parametrize(("size", "classes", "n"), [(16, 10, 40), (32, 5, 40), (32, 10, 30)])
def test_other_images_in_the_zip_are_refused_in_one_line(small: Path, size: int, classes: int, n: int) -> None:
    path = small / "cifar10" / "train.zip"
    path.unlink()
    write_zip(path, n, size, classes)
    with pytest.raises(DataError, match="does not hold 40 32x32 colour images, 4 of each class") as error:
        cifar10(SPEC, small)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_one_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="3 channels, not 1"):
        cifar10(DatasetSpec(name="cifar10", channels=1), tmp_path)


def test_no_network_is_one_line_that_names_folder_and_remedies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_sets, "_answers", lambda url: False)
    with pytest.raises(DataError) as error:
        cifar10(SPEC, tmp_path)
    message = str(error.value)
    assert message.startswith("cifar10: no download server answers; put cifar-10-python.tar.gz into")
    for word in (str(tmp_path), "GANBENCH_DATA", "--data-root", "cifar10/train.zip"):
        assert word in message
    assert "\n" not in message


def test_an_archive_is_unpacked_and_a_failure_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    def breaks(*args: object, **kwargs: object) -> None:
        raise RuntimeError("mirror gave up\nhalf way")

    def asked(mirrors: object) -> bool:
        raise AssertionError("no server is needed to unpack an archive")

    monkeypatch.setattr(torchvision_sets, "_any_answers", asked)
    monkeypatch.setattr(CIFAR10, "download", breaks)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"rubbish")
    with pytest.raises(DataError, match=r"cifar10: the download failed \(mirror gave up half way\)") as error:
        cifar10(SPEC, tmp_path)
    assert "\n" not in str(error.value)


def test_damaged_official_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"rubbish")
    with pytest.raises(DataError, match="not the official ones") as error:
        cifar10(SPEC, tmp_path)
    assert str(tmp_path / "cifar-10-batches-py") in str(error.value)


def test_official_files_are_read_as_torchvision_gives_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    class Official:
        def __init__(self, root: Path, train: bool, download: bool) -> None:
            n = 40 if train else 20
            self.data = np.zeros((n, 32, 32, 3), np.uint8)
            self.data[..., 2] = np.arange(n)[:, None, None]
            self.targets = [index % 10 for index in range(n)]

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", Official)
    monkeypatch.setattr(module, "_SIZES", {"train": 40, "test": 20})
    (tmp_path / "cifar-10-batches-py").mkdir()
    loaded = cifar10(SPEC, tmp_path)
    assert loaded.train.examples.shape == (40, 3, 32, 32)
    assert loaded.held_out.examples[:, 2, 5, 7].tolist() == list(range(20))
    assert loaded.held_out.labels is not None
    assert loaded.held_out.labels.tolist() == [index % 10 for index in range(20)]
