"""How were the probes' weights made?

``python -m ganbench.features.train_probe {digits,mnist} [--data-root DIR] [--out DIR]`` trains a probe on the
training split, measures it on the held-out split, and writes ``<name>.safetensors`` and ``<name>.json``.
One thread, fixed streams: the same machine gives the same bytes.
"""

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from ganbench.data.bundled import digits
from ganbench.data.dataset import Dataset
from ganbench.data.order import DataOrder
from ganbench.data.root import data_root
from ganbench.data.torchvision_sets import mnist
from ganbench.errors import GanbenchError, RequestError
from ganbench.features.probe import DigitsProbe, MnistProbe, ProbeNetwork
from ganbench.seeding import global_stream, stream
from ganbench.spec import DatasetSpec

REQUIRED_ACCURACY = 0.98


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that fixes a probe's weights, besides the data."""

    size: int
    """Height and width in pixels."""
    epochs: int
    batch_size: int
    learning_rate: float
    """Adam's at the start; falls to 0 along a half cosine."""
    weight_decay: float
    """AdamW's."""
    shift: int
    """Every image moves by up to this many pixels along either axis, at random."""
    seed: int = 0


SETS: Mapping[str, tuple[str, Callable[[DatasetSpec, Path], Dataset], Recipe]] = {
    "digits": (
        DigitsProbe.name,
        digits,
        Recipe(size=DigitsProbe.size, epochs=60, batch_size=64, learning_rate=2e-3, weight_decay=1e-2, shift=1),
    ),
    "mnist": (
        MnistProbe.name,
        mnist,
        Recipe(size=MnistProbe.size, epochs=6, batch_size=128, learning_rate=2e-3, weight_decay=1e-2, shift=2),
    ),
}
"""Probe, loader and recipe by the data set's name."""


def train(recipe: Recipe, dataset: Dataset) -> ProbeNetwork:
    """Trains a probe on the training split with cross-entropy.

    Args:
        recipe: How.
        dataset: Labelled grey images of ``recipe.size`` pixels a side.

    Returns:
        The trained network, on the CPU.
    """
    with global_stream(recipe.seed, "init"):
        network = ProbeNetwork(recipe.size)
    images = torch.from_numpy(dataset.train.examples)
    labels = torch.from_numpy(dataset.train.labels)
    order = DataOrder(len(images), recipe.seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * len(images) // recipe.batch_size
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = recipe.learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
        chosen = order.indices(step * recipe.batch_size, recipe.batch_size)
        batch = shifted(images[chosen].float() / 255, recipe.shift, stream(recipe.seed, "augment", step))
        loss = F.cross_entropy(network(batch)[1], labels[chosen])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return network.eval()


def shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Moves every image by its own random offset of up to ``most`` pixels; what enters is black."""
    n, _, height, width = images.shape
    down, right = torch.randint(0, 2 * most + 1, (2, n, 1), generator=generator)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    padded = F.pad(images, (most, most, most, most))
    return padded[torch.arange(n)[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]


def accuracy(network: ProbeNetwork, dataset: Dataset) -> float:
    """Share of held-out images that the network classifies correctly."""
    images = torch.from_numpy(dataset.held_out.examples)
    with torch.inference_mode():
        guesses = torch.cat([network(chunk.float() / 255)[1].argmax(1) for chunk in torch.split(images, 256)])
    return (guesses == torch.from_numpy(dataset.held_out.labels)).double().mean().item()


def write(name: str, network: ProbeNetwork, recipe: Recipe, dataset: Dataset, out: Path) -> dict[str, Any]:
    """Writes the weights and, beside them, what they are.

    Args:
        name: The extractor.
        network: The trained network.
        recipe: How it was trained.
        dataset: What it was trained and measured on.
        out: Folder of both files.

    Returns:
        What the ``.json`` file says.

    Raises:
        RequestError: The accuracy on the held-out split is below ``REQUIRED_ACCURACY``.
    """
    held_out_accuracy = accuracy(network, dataset)
    if held_out_accuracy < REQUIRED_ACCURACY:
        raise RequestError(f"{name}: accuracy {held_out_accuracy:.4f} is below {REQUIRED_ACCURACY}; nothing written; change the recipe")
    data = save(network.state_dict())
    described = {
        "name": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "dataset": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "held_out_accuracy": held_out_accuracy,
        "n_train": len(dataset.train),
        "n_held_out": len(dataset.held_out),
        "architecture": " ".join(str(network).split()),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "recipe": asdict(recipe),
        "torch_version": str(torch.__version__),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.safetensors").write_bytes(data)
    (out / f"{name}.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return described


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ganbench.features.train_probe", description="Trains a probe and writes its weights.")
    parser.add_argument("dataset", choices=sorted(SETS))
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights")
    options = parser.parse_args(arguments)
    name, load, recipe = SETS[options.dataset]
    torch.set_num_threads(1)
    try:
        dataset = load(DatasetSpec(name=options.dataset), data_root(options.data_root))
        start_s = time.perf_counter()
        described = write(name, train(recipe, dataset), recipe, dataset, options.out)
    except GanbenchError as error:
        print(error, file=sys.stderr)
        return 2
    took_s = time.perf_counter() - start_s
    print(f"{name}: held-out accuracy {described['held_out_accuracy']:.4f}, {took_s:.0f} s, SHA-256 {described['sha256']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
