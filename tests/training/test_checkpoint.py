"""Does a checkpoint survive a kill, and refuse what is not one?"""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench.training import checkpoint
from ganbench.training.checkpoint import prune, read_checkpoints, weights_sha256, write_checkpoint

CPU = torch.device("cpu")


def weights(value: float) -> dict[str, dict[str, Tensor]]:
    return {name: {"weight": torch.full((2, 3), value), "count": torch.tensor(4)} for name in ("raw", "ema")}


def write(folder: Path, step: int) -> Path:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))])
    return write_checkpoint(folder, weights(step), {"step": step, "optimizers": {"g": optimizer.state_dict()}})


def steps(folder: Path) -> list[int]:
    return [found.state["step"] for found in read_checkpoints(folder, CPU)]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = write(tmp_path / "run" / "checkpoints", 12)
    assert path.name == "000000012"
    assert sorted(file.name for file in path.iterdir()) == ["ema.safetensors", "hashes.json", "raw.safetensors", "state.pt"]
    (found,) = read_checkpoints(tmp_path / "run" / "checkpoints", CPU)
    torch.testing.assert_close(found.weights, weights(12), rtol=0, atol=0)
    assert found.state["step"] == 12
    assert found.state["optimizers"]["g"]["param_groups"][0]["lr"] == 1e-3
    assert found.path == path


def test_a_missing_folder_holds_no_checkpoint(tmp_path: Path) -> None:
    assert steps(tmp_path / "nothing") == []


def test_the_two_newest_stay_newest_first(tmp_path: Path) -> None:
    for step in (2, 9, 10, 100):
        write(tmp_path, step)
    assert steps(tmp_path) == [100, 10]
    prune(tmp_path, keep=1)
    assert steps(tmp_path) == [100]


@pytest.mark.parametrize("call", ["save_file", "rename", "fsync"])
def test_a_crash_before_the_rename_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    write(tmp_path, 1)

    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        target, name = {"save_file": (checkpoint, "save_file"), "rename": (os, "replace"), "fsync": (checkpoint, "_sync")}[call]
        patch.setattr(target, name, crash)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path, 2)
    assert steps(tmp_path) == [1]
    write(tmp_path, 2)
    assert steps(tmp_path) == [2, 1]
    assert not list(tmp_path.glob(".partial-*"))


def test_files_are_on_the_disk_before_they_get_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_sync, real_replace = checkpoint._sync, os.replace

    def sync(path: Path) -> None:
        order.append(path.name if path.is_file() else "folder")
        real_sync(path)

    def replace(source: Path, target: Path) -> None:
        order.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(checkpoint, "_sync", sync)
    monkeypatch.setattr(os, "replace", replace)
    write(tmp_path, 1)
    assert order[0] == "rename"  # of the hashes, within the temporary folder
    assert set(order[1:5]) == {"raw.safetensors", "ema.safetensors", "state.pt", "hashes.json"}
    assert order[5:] == ["rename", "folder"]


def test_the_same_step_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    write(tmp_path, 3)
    write_checkpoint(tmp_path, weights(7.5), {"step": 3})
    (found,) = read_checkpoints(tmp_path, CPU)
    assert found.weights["raw"]["weight"][0, 0] == 7.5


@pytest.mark.parametrize("file", ["raw.safetensors", "ema.safetensors", "state.pt"])
@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "gone"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, file: str, damage: str) -> None:
    write(tmp_path, 1)
    path = write(tmp_path, 2) / file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "garbage": b"\xff" * len(content)}[damage])
    assert steps(tmp_path) == [1]


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("bare", [True, False])
def test_a_pickle_bomb_is_refused_and_not_executed(tmp_path: Path, bare: bool) -> None:
    folder, mark = tmp_path / "checkpoints", tmp_path / "executed"
    write(folder, 1)
    path = write(folder, 2) / "state.pt"
    if bare:
        path.write_bytes(pickle.dumps(Bomb(mark)))
    else:
        torch.save({"step": 2, "weights": ["ema", "raw"], "optimizers": Bomb(mark)}, path)
    assert steps(folder) == [1]
    assert not mark.exists()
    torch.load(path, weights_only=False) if not bare else pickle.loads(path.read_bytes())
    assert mark.exists(), "the bomb works where it is let in"


def test_views_and_other_layouts_can_be_kept(tmp_path: Path) -> None:
    shared = torch.arange(12.0).reshape(3, 4)
    tensors = {
        "whole": shared,
        "transposed": shared.t(),
        "row": shared[1],
        "last": torch.zeros(1, 2, 3, 3).to(memory_format=torch.channels_last),
    }
    write_checkpoint(tmp_path, {"raw": tensors}, {"step": 1})
    (found,) = read_checkpoints(tmp_path, CPU)
    torch.testing.assert_close(found.weights["raw"], {name: value.contiguous() for name, value in tensors.items()}, rtol=0, atol=0)


def test_the_hash_sees_names_types_shapes_and_bits_and_no_order() -> None:
    base = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    others: list[dict[str, Tensor]] = [
        {"a": torch.zeros(3, 2), "b": torch.ones(4)},
        {"a": torch.zeros(2, 3, dtype=torch.int32), "b": torch.ones(4)},
        {"c": torch.zeros(2, 3), "b": torch.ones(4)},
        {"a": torch.zeros(2, 3), "b": torch.ones(4).nextafter(torch.tensor(2.0))},
        {"a": -torch.zeros(2, 3), "b": torch.ones(4)},
        {"a": torch.zeros(2, 3)},
    ]
    assert weights_sha256(dict(reversed(base.items()))) == weights_sha256(base)
    assert len({weights_sha256(tensors) for tensors in [base, *others]}) == 7
    assert weights_sha256({"a": torch.arange(6).reshape(2, 3).t()}) == weights_sha256({"a": torch.arange(6).reshape(2, 3).t().contiguous()})
    assert weights_sha256({"a": torch.tensor(3)}) != weights_sha256({"a": torch.tensor(4)})
