"""How are data sets loaded and downloaded with torchvision?

torchvision is imported only when a set is loaded: it imports torch, and listing data sets needs neither.
"""

import http.client
import queue
import socket
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread

import numpy as np

from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.loader import loader
from ganbench.data.resize import squares
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec

MNIST_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
PATIENCE_S = 20.0
"""Timeout of the download servers, in seconds."""


# paper: 5,000 iterations of 128 (mmgeneration's DCGAN)
@loader(budgets={"smoke": 5_120, "short": 64_000, "standard": 1_920_000, "paper": 640_000}, files=(f"MNIST/raw/{MNIST_FILES[0]}",))
def mnist(spec: DatasetSpec, root: Path) -> Dataset:
    """70,000 handwritten digits, 28x28 grey, 10 classes; the official test images are held out.

    Existing files at ``root`` are used; otherwise they are downloaded (11 MB).

    Args:
        spec: ``resolution`` None keeps 28.
        root: Folder of ``MNIST/raw``, present or downloaded.

    Raises:
        DataError: The spec asks for 3 channels, the files cannot be downloaded, or they are damaged.
    """
    if spec.channels not in (None, 1):
        raise DataError(f"dataset {spec.name!r}: mnist has 1 channel, not {spec.channels}; set channels = 1 or remove it")
    if not _present(root, MNIST_FILES):
        _download_mnist(root)
    train, held_out = _mnist_split(spec, root, 60_000), _mnist_split(spec, root, 10_000)
    return Dataset(
        name=spec.name,
        shape=DataShape(size=train.examples.shape[1:], classes=10),
        train=train,
        held_out=held_out,
        fingerprint=fingerprint(train, held_out),
        class_names=tuple(map(str, range(10))),
    )


def _mnist_split(spec: DatasetSpec, root: Path, n: int) -> Split:
    """The official split with n images."""
    from torchvision.datasets import MNIST

    damaged = f"mnist: the files at {str(_raw(root))!r} are not the official ones; delete them and run again, or put intact ones there"
    try:
        files = MNIST(root, train=n == 60_000, download=False)
    except (OSError, ValueError, RuntimeError, AssertionError, TypeError, KeyError, IndexError):
        raise DataError(damaged) from None
    images, labels = files.data.numpy(), files.targets.numpy().astype(np.int64)
    if images.shape != (n, 28, 28) or labels.shape != (n,) or labels.min() < 0 or labels.max() > 9:
        raise DataError(damaged)
    return Split(examples=squares(images[:, None], spec.resolution, f"dataset {spec.name!r}"), labels=labels)


def _raw(root: Path) -> Path:
    """The folder in which torchvision expects the files."""
    return root / "MNIST" / "raw"


def _present(root: Path, names: Sequence[str]) -> bool:
    return all((_raw(root) / name).is_file() for name in names)


def _download_mnist(root: Path) -> None:
    """Downloads MNIST, or unpacks existing archives."""
    from torchvision.datasets import MNIST

    remedy = (
        f"put {', '.join(MNIST_FILES)} (or their .gz) into {str(_raw(root))!r}, "
        "or point GANBENCH_DATA or --data-root at a folder that holds MNIST/raw"
    )
    archived = _present(root, [f"{name}.gz" for name in MNIST_FILES])
    fetch("mnist", [] if archived else MNIST.mirrors, lambda: MNIST(root, download=True), remedy)


def fetch(name: str, mirrors: Sequence[str], download: Callable[[], object], remedy: str) -> None:
    """Lets torchvision download a set, or raises with the manual remedy.

    Args:
        name: Name of the data set.
        mirrors: URLs of which at least one must answer; empty if existing archives only need unpacking.
        download: Downloads and unpacks.
        remedy: What the user can do instead, for error messages.

    Raises:
        DataError: No server answers, or the download fails or is damaged.
    """
    if mirrors and not _any_answers(mirrors):
        raise DataError(f"{name}: no download server answers; {remedy}")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        download()
    except (RuntimeError, OSError, EOFError, tarfile.TarError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name}: the download failed ({reason}); {remedy}") from None
    finally:
        socket.setdefaulttimeout(before)


def _any_answers(mirrors: Sequence[str]) -> bool:
    """Whether a server answers within ``PATIENCE_S``.

    Uses daemon threads, because socket timeouts do not apply to name resolution, and add up for a host with
    many addresses.
    """
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    for mirror in mirrors:
        Thread(target=lambda url=mirror: answers.put(_answers(url)), daemon=True).start()
    deadline_s = time.monotonic() + PATIENCE_S
    for _ in mirrors:
        try:
            if answers.get(timeout=max(0.0, deadline_s - time.monotonic())):
                return True
        except queue.Empty:
            return False
    return False


def _answers(url: str) -> bool:
    """Whether the host of a URL answers by HTTP; an error status is an answer too."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_S):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):
        return False
