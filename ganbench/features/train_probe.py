"""How were the probes' weights made?

``python -m ganbench.features.train_probe {cifar10,digits,mnist} [--data-root DIR] [--out DIR]`` trains a probe on the
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
from ganbench.plan.spec import DatasetSpec
from ganbench.seeding import global_stream, stream


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that fixes a probe's weights, besides the data: AdamW on cross-entropy."""

    required_accuracy: ClassVar[float] = 0.98
    """On the held-out split; a weaker probe is not written."""
    stored: ClassVar[torch.dtype] = torch.float32
    """Type of the weights in the file."""
    size: int
    """Height and width in pixels."""
    epochs: int
    batch_size: int
    learning_rate: float
    """At its highest; falls to 0."""
    weight_decay: float
    shift: int
    """Every image moves by up to this many pixels along either axis, at random."""
    seed: int = 0

    def network(self) -> nn.Module:
        """The network before training, initialised from the global generator."""
        return ProbeNetwork(self.size)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """What takes the steps."""
        return torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)

    def rate(self, progress: float) -> float:
        """Learning rate after a share of all steps: a half cosine."""
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2

    def batch(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augmented images in [0, 1]."""
        return shifted(images.float() / 255, self.shift, generator)

    def loss(self, network: nn.Module, batch: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of a batch."""
        return F.cross_entropy(network(batch)[1], labels)

    def finished(self, network: nn.Module) -> nn.Module:
        """The trained network in the form that is shipped."""
        return network.eval()


@dataclass(frozen=True, kw_only=True)
class ResidualRecipe(Recipe):
    """SGD with Nesterov's momentum on smoothed labels, in bfloat16 where autocast allows it; images are mirrored at random."""

    required_accuracy: ClassVar[float] = 0.90
    stored: ClassVar[torch.dtype] = torch.float16
    momentum: float
    label_smoothing: float
    warm_up: float
    """Share of the steps in which the learning rate rises from 0; then it falls along a straight line."""

    def network(self) -> nn.Module:
        """The network with batch normalisation."""
        return ResidualNetwork(normalised=True).to(memory_format=torch.channels_last)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """What takes the steps."""
        return torch.optim.SGD(
            network.parameters(), lr=self.learning_rate, momentum=self.momentum, nesterov=True, weight_decay=self.weight_decay
        )

    def rate(self, progress: float) -> float:
        """Learning rate after a share of all steps: one cycle of straight lines."""
        return self.learning_rate * min(progress / self.warm_up, (1 - progress) / (1 - self.warm_up))

    def batch(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Shifted images, every second one mirrored on average."""
        moved = super().batch(images, generator)
        mirrored = torch.rand(len(moved), 1, 1, 1, generator=generator) < 0.5
        return torch.where(mirrored, moved.flip(3), moved)

    def loss(self, network: nn.Module, batch: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy with smoothed labels."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(batch)[1]
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.label_smoothing)

    def finished(self, network: nn.Module) -> nn.Module:
        """The network without batch normalisation, its weights rounded as they are stored."""
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
"""Probe, loader and recipe by the data set's name."""


def train(recipe: Recipe, dataset: Dataset, after_step: Callable[[int, float], None] = lambda step, loss: None) -> nn.Module:
    """Trains a probe on the training split.

    Args:
        recipe: How.
        dataset: Labelled images of ``recipe.size`` pixels a side.
        after_step: Is told the number of every step, from 0, and its loss.

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
    """Moves every image by its own random offset of up to ``most`` pixels; what enters is black."""
    n, channels, height, width = images.shape
    down, right = torch.randint(0, 2 * most + 1, (2, n, 1), generator=generator)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    padded = F.pad(images, (most, most, most, most))
    example, channel = torch.arange(n)[:, None, None, None], torch.arange(channels)[:, None, None]
    return padded[example, channel, rows[:, None, :, None], columns[:, None, None, :]]


def accuracy(network: nn.Module, dataset: Dataset) -> float:
    """Share of held-out images that the network classifies correctly."""
    images = torch.from_numpy(dataset.held_out.examples)
    with torch.inference_mode():
        guesses = torch.cat([network(chunk.float() / 255)[1].argmax(1) for chunk in torch.split(images, 256)])
    return (guesses == torch.from_numpy(dataset.held_out.labels)).double().mean().item()


def write(name: str, network: nn.Module, recipe: Recipe, dataset: Dataset, out: Path) -> dict[str, Any]:
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
        network = train(recipe, dataset, _epoch_lines(len(dataset.train) // recipe.batch_size))
        described = write(name, network, recipe, dataset, options.out)
    except GanbenchError as error:
        print(error, file=sys.stderr)
        return 2
    took_s = time.perf_counter() - start_s
    print(f"{name}: held-out accuracy {described['held_out_accuracy']:.4f}, {took_s:.0f} s, SHA-256 {described['sha256']}")
    return 0


def _epoch_lines(steps: int) -> Callable[[int, float], None]:
    """Prints the mean loss of every so many steps."""
    losses: list[float] = []

    def note(step: int, loss: float) -> None:
        losses.append(loss)
        if (step + 1) % steps == 0:
            print(f"epoch {(step + 1) // steps}: mean loss {sum(losses) / len(losses):.4f}", file=sys.stderr, flush=True)
            losses.clear()

    return note


if __name__ == "__main__":
    sys.exit(main())
