import os
import socket
from pathlib import Path

import numpy as np
import pytest

from ganbench.data import torchvision_sets
from ganbench.data.torchvision_sets import MNIST_FILES, mnist
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec

SPEC = DatasetSpec(name="mnist")
ROOT = Path(os.environ.get("GANBENCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
needs_mnist = pytest.mark.skipif(not (ROOT / "MNIST" / "raw").is_dir(), reason=f"no MNIST/raw in {ROOT}; set GANBENCH_DATA")


@needs_mnist
def test_official_splits():
    loaded = mnist(SPEC, ROOT)
    assert (len(loaded.train), len(loaded.held_out)) == (60_000, 10_000)
    assert str(loaded.shape) == "1x28x28"
    assert loaded.shape.classes == 10
    # Class sizes of the official files (LeCun et al. 1998).
    assert np.bincount(loaded.train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(loaded.held_out.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert loaded.train.examples.mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # mean level that torch's MNIST example uses
    assert loaded.fingerprint == "c258eedf27001c70b519d97029cc289e6372846764442d32fb088dd524aab51e"  # pins the protocol


@needs_mnist
def test_resolution_is_applied():
    loaded = mnist(DatasetSpec(name="mnist", resolution=16), ROOT)
    assert loaded.train.examples.shape == (60_000, 1, 16, 16)


def test_three_channels_are_refused(tmp_path):
    with pytest.raises(DataError, match="1 channel, not 3"):
        mnist(DatasetSpec(name="mnist", channels=3), tmp_path)


def assert_helpful(error, folder):
    message = str(error.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def test_no_network_is_one_line_that_names_folder_and_remedies(tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision_sets, "_answers", lambda url: False)
    with pytest.raises(DataError) as error:
        mnist(SPEC, tmp_path)
    message = assert_helpful(error, tmp_path / "MNIST" / "raw")
    assert "GANBENCH_DATA" in message
    assert "--data-root" in message


def test_silent_servers_are_not_waited_for_for_ever(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(torchvision_sets, "PATIENCE_S", 0.2)
        assert not torchvision_sets._any_answers([f"http://127.0.0.1:{silent.getsockname()[1]}/"])


def test_broken_download_is_one_line_and_restores_the_timeout(tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    def breaks(*args, **kwargs):
        raise RuntimeError("mirror gave up\nhalf way")

    monkeypatch.setattr(torchvision_sets, "_any_answers", lambda mirrors: True)
    monkeypatch.setattr(MNIST, "download", breaks)
    before = socket.getdefaulttimeout()
    with pytest.raises(DataError) as error:
        mnist(SPEC, tmp_path)
    assert "mirror gave up half way" in assert_helpful(error, tmp_path / "MNIST" / "raw")
    assert socket.getdefaulttimeout() == before


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x03" + b"\0" * 12, b"rubbish" * 100])
def test_damaged_files_are_named(tmp_path, content):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in MNIST_FILES:
        (raw / name).write_bytes(content)
    with pytest.raises(DataError, match="not the official ones") as error:
        mnist(SPEC, tmp_path)
    assert_helpful(error, raw)
