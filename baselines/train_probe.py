"""How are the probes' weights trained?

``python -m baselines.train_probe {cifar10,digits,mnist} [--data-root DIR] [--out DIR]`` trains a probe on the
training split, tests it on the held-out split, and writes ``<name>.safetensors`` and ``<name>.json``.
It uses one thread and fixed random streams, so the same machine gives the same bytes.
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
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from ganbench.data.bundled import digits
from ganbench.data.cifar10 import cifar10
from ganbench.data.dataset import Dataset
from ganbench.data.order import DataOrder
from ganbench.data.root import data_root
from ganbench.data.torchvision_sets import mnist
from ganbench.errors import GanbenchError, RequestError
from ganbench.features.cifar10_probe import Cifar10Probe, ResidualNetwork
from ganbench.features.probe import DigitsProbe, MnistProbe, ProbeNetwork
from ganbench.features.shipped import folder
from ganbench.plan.spec import DatasetSpec
from ganbench.seeding import global_stream, stream


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that determines a probe's weights besides the data; this one uses AdamW on the cross-entropy."""

    required_accuracy: ClassVar[float] = 0.98
    """Smallest accuracy on the held-out split with which a probe is written."""
    stored: ClassVar[torch.dtype] = torch.float32
    """Dtype of the weights in the file."""
    size: int
    """Height and width in pixels."""
    epochs: int
    batch_size: int
    learning_rate: float
    """Largest learning rate; it decays to 0."""
    weight_decay: float
    shift: int
    """Largest random shift of every image along either axis, in pixels."""
    seed: int = 0

    def network(self) -> nn.Module:
        """The network before training, initialised from the global generator."""
        return ProbeNetwork(self.size)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of the network's parameters."""
        return torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)

    def rate(self, progress: float) -> float:
        """Learning rate after a fraction of all steps: half a cosine."""
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2

    def batch(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augments a batch; images in [0, 1]."""
        return shifted(images.float() / 255, self.shift, generator)

    def loss(self, network: nn.Module, batch: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of a batch."""
        return F.cross_entropy(network(batch)[1], labels)

    def finished(self, network: nn.Module) -> nn.Module:
        """The trained network in the form in which it is shipped."""
        return network.eval()


@dataclass(frozen=True, kw_only=True)
class ResidualRecipe(Recipe):
    """SGD with Nesterov momentum and label smoothing, under bfloat16 autocast; images are mirrored at random."""

    required_accuracy: ClassVar[float] = 0.90
    stored: ClassVar[torch.dtype] = torch.float16
    momentum: float
    label_smoothing: float
    warm_up: float
    """Fraction of the steps in which the learning rate rises linearly from 0; then it decays linearly to 0."""

    def network(self) -> nn.Module:
        """The network with batch normalisation."""
        return ResidualNetwork(normalised=True).to(memory_format=torch.channels_last)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of the network's parameters."""
        return torch.optim.SGD(
            network.parameters(), lr=self.learning_rate, momentum=self.momentum, nesterov=True, weight_decay=self.weight_decay
        )

    def rate(self, progress: float) -> float:
        """Learning rate after a fraction of all steps: linear warm-up and linear decay."""
        return self.learning_rate * min(progress / self.warm_up, (1 - progress) / (1 - self.warm_up))

    def batch(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augments a batch by random shifts and mirroring with probability one half."""
        moved = super().batch(images, generator)
        mirrored = torch.rand(len(moved), 1, 1, 1, generator=generator) < 0.5
        return torch.where(mirrored, moved.flip(3), moved)

    def loss(self, network: nn.Module, batch: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy with smoothed labels."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(batch)[1]
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.label_smoothing)

    def finished(self, network: nn.Module) -> nn.Module:
        """The network with folded batch normalisation and weights rounded to the stored dtype."""
        network.eval()
        if isinstance(network, ResidualNetwork):
            network.fold()
        return network.to(memory_format=torch.contiguous_format).to(self.stored).float()


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
    "cifar10": (
        Cifar10Probe.name,
        cifar10,
        ResidualRecipe(
            size=Cifar10Probe.size,
            epochs=20,
            batch_size=256,
            learning_rate=0.25,
            weight_decay=5e-4,
            shift=2,
            momentum=0.9,
            label_smoothing=0.1,
            warm_up=0.2,
        ),
    ),
}
"""Name of the probe, loader and recipe for every data set."""


def train(recipe: Recipe, dataset: Dataset, after_step: Callable[[int, float], None] = lambda step, loss: None) -> nn.Module:
    """Trains a probe on the training split.

    Args:
        recipe: The recipe.
        dataset: Labelled images of ``recipe.size`` pixels per side.
        after_step: Called after every step with its number, from 0, and its loss.

    Returns:
        The trained network, on the CPU.
    """
    with global_stream(recipe.seed, "init"):
        network = recipe.network()
    images = torch.from_numpy(dataset.train.examples)
    labels = torch.from_numpy(dataset.train.labels)
    order = DataOrder(len(images), recipe.seed)
    optimizer = recipe.optimizer(network)
    steps = recipe.epochs * len(images) // recipe.batch_size
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = recipe.rate(step / steps)
        chosen = order.indices(step * recipe.batch_size, recipe.batch_size)
        batch = recipe.batch(images[chosen], stream(recipe.seed, "augment", step))
        loss = recipe.loss(network, batch, labels[chosen])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        after_step(step, loss.item())
    return recipe.finished(network)


def shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Shifts every image by its own random offset of up to ``most`` pixels, filling with black."""
    n, channels, height, width = images.shape
    down, right = torch.randint(0, 2 * most + 1, (2, n, 1), generator=generator)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    padded = F.pad(images, (most, most, most, most))
    example, channel = torch.arange(n)[:, None, None, None], torch.arange(channels)[:, None, None]
    return padded[example, channel, rows[:, None, :, None], columns[:, None, None, :]]


def accuracy(network: nn.Module, dataset: Dataset) -> float:
    """Accuracy on the held-out split, from 0 to 1."""
    images = torch.from_numpy(dataset.held_out.examples)
    with torch.inference_mode():
        guesses = torch.cat([network(chunk.float() / 255)[1].argmax(1) for chunk in torch.split(images, 256)])
    return (guesses == torch.from_numpy(dataset.held_out.labels)).double().mean().item()


def write(name: str, network: nn.Module, recipe: Recipe, dataset: Dataset, out: Path) -> dict[str, Any]:
    """Writes the weights and a description of them.

    Args:
        name: Name of the extractor.
        network: The trained network.
        recipe: The recipe it was trained with.
        dataset: The data set it was trained and tested on.
        out: Folder of both files.

    Returns:
        The content of the ``.json`` file.

    Raises:
        RequestError: The accuracy on the held-out split is below what the recipe requires.
    """
    held_out_accuracy = accuracy(network, dataset)
    required = recipe.required_accuracy
    if held_out_accuracy < required:
        raise RequestError(f"{name}: accuracy {held_out_accuracy:.4f} is below {required}; nothing written; change the recipe")
    data = save({key: tensor.to(recipe.stored) for key, tensor in network.state_dict().items()})
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
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m baselines.train_probe", description="Trains a probe and writes its weights.")
    parser.add_argument("dataset", choices=sorted(SETS))
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--out", type=Path, default=Path(str(folder())))
    options = parser.parse_args(arguments)
    name, load, recipe = SETS[options.dataset]
    torch.set_num_threads(1)
    try:
        dataset = load(DatasetSpec(name=options.dataset), data_root(options.data_root))
        start_s = time.perf_counter()
        network = train(recipe, dataset, _epoch_lines(len(dataset.train) // recipe.batch_size))
        described = write(name, network, recipe, dataset, options.out)
    except GanbenchError as error:
        print(error, file=sys.stderr)
        return 2
    took_s = time.perf_counter() - start_s
    print(f"{name}: held-out accuracy {described['held_out_accuracy']:.4f}, {took_s:.0f} s, SHA-256 {described['sha256']}")
    return 0


def _epoch_lines(steps: int) -> Callable[[int, float], None]:
    """A callback that prints the mean loss of every ``steps`` steps."""
    losses: list[float] = []

    def note(step: int, loss: float) -> None:
        losses.append(loss)
        if (step + 1) % steps == 0:
            print(f"epoch {(step + 1) // steps}: mean loss {sum(losses) / len(losses):.4f}", file=sys.stderr, flush=True)
            losses.clear()

    return note


if __name__ == "__main__":
    sys.exit(main())
