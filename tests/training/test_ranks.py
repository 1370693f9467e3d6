"""Do two processes train what one trains?"""

import math
import multiprocessing
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

from ganbench.data.loading import load_dataset
from ganbench.distributed import ALONE, Ranks, joined
from ganbench.errors import RequestError
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.training.building import build
from ganbench.training.plan import planned
from ganbench.training.trainer import Trainer
from ganbench.training.update import Updates
from ganbench.training.watch import Watch

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
CPU = torch.device("cpu")
STEPS = 8


def run(spec: RunSpec, ranks: Ranks) -> dict[str, Any]:
    """What one process has after a few steps, and after an update whose loss is infinite on the last rank alone."""
    data = load_dataset(spec.dataset, Path())
    trainer = Trainer(build(spec, data, CPU), data, spec, CPU, ranks)
    tick = trainer.advance(STEPS)
    layer, watch = nn.Linear(1, 1), Watch(CPU, ranks)
    loss = layer.bias.sum() + (math.inf if ranks.rank == ranks.size - 1 else 0.0)
    Updates({"layer": SGD(layer.parameters(), lr=0.1)}, watch, ranks).minimize(planned(spec.training, STEPS, 0), "layer", loss)
    weights = trainer.weights()
    return {
        "weights": {f"{kind}/{name}": value for kind, tensors in weights.items() for name, value in tensors.items()},
        "logs": tick.logs,
        "images_seen": tick.images_seen,
        "nonfinite": watch.nonfinite_updates.item(),
    }


def in_process(spec: RunSpec, rank: int, size: int, port: int, folder: Path) -> None:
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    with joined() as ranks:
        torch.save(run(spec, ranks), folder / f"{rank}.pt")


def test_two_ranks_train_the_weights_of_one(tiny_spec: TinySpec, tmp_path: Path) -> None:
    # without batch norm or noise, whose statistics and numbers are a process's own; LeCam's running averages are the method's
    config = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4, "regulariser": "lecam", "learning_rate": 1e-3}
    spec = tiny_spec("ablation", DatasetSpec(name="ring8"), config=config)
    spec = replace(spec, training=replace(spec.training, learning_rate_schedule="linear"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [multiprocessing.get_context("spawn").Process(target=in_process, args=(spec, rank, 2, port, tmp_path)) for rank in range(2)]
    for process in processes:
        process.start()
    alone = run(spec, ALONE)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name, value in alone["weights"].items():
        assert torch.equal(first["weights"][name], second["weights"][name]), name
        torch.testing.assert_close(first["weights"][name], value, rtol=0, atol=1e-6)
    assert first["logs"] == second["logs"]
    of_parts = ("logit_sd/", "logit_max/")  # of every rank's part of the batch, averaged, which says less than the whole
    whole = {name: value for name, value in alone["logs"].items() if not name.startswith(of_parts)}
    assert {name: value for name, value in first["logs"].items() if name in whole} == pytest.approx(whole, rel=1e-5)
    assert first["images_seen"] == second["images_seen"] == alone["images_seen"] == 16 * STEPS
    assert first["nonfinite"] == second["nonfinite"] == 1


def test_parts_are_adjacent_and_cover_the_batch() -> None:
    assert [Ranks(rank=rank, size=3).part(12) for rank in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]
    assert ALONE.part(12) == slice(0, 12)


def test_the_mean_of_one_rank_is_the_tensor_itself() -> None:
    tensor = torch.ones(3)
    assert ALONE.mean(tensor) is tensor


@pytest.mark.parametrize(("variant", "size", "multiple"), [("dcgan", 3, 3), ("pacgan", 16, 32)])
def test_a_batch_that_cannot_be_shared_is_refused(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, variant: str, size: int, multiple: int
) -> None:
    with pytest.raises(RequestError, match=f"batch_size = 16: {size} ranks take multiples of {multiple} examples"):
        tiny_trainer(tiny_spec(variant), ranks=Ranks(rank=0, size=size))
