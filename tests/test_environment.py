"""Where do runs go on a machine with several GPUs? (told without one)"""

import pytest
import torch

from ganbench import environment
from ganbench.environment import slots
from ganbench.plan.runtime import Runtime


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(environment.os, "cpu_count", lambda: 32)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def seen(places: list[dict[str, str]]) -> list[str | None]:
    return [place.get("CUDA_VISIBLE_DEVICES") for place in places]


def test_auto_takes_one_place_a_gpu(four_gpus: None) -> None:
    assert seen(slots(Runtime(), None, 10)) == ["0", "1", "2", "3"]
    assert seen(slots(Runtime(), 6, 10)) == ["0", "1", "2", "3", "0", "1"]


def test_workers_get_only_gpus_that_this_process_may_use(four_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert seen(slots(Runtime(), None, 10)) == ["2", "3"]


def test_one_named_gpu_is_one_place(four_gpus: None) -> None:
    assert len(slots(Runtime(device="cuda"), None, 10)) == 1
    assert len(slots(Runtime(device="cuda"), 3, 10)) == 3


def test_on_a_cpu_places_share_the_cores(four_gpus: None) -> None:
    assert len(slots(Runtime(device="cpu", threads=8), None, 10)) == 4
    assert len(slots(Runtime(device="cpu"), None, 10)) == 10
    assert slots(Runtime(device="cpu", threads=8), None, 1) == [{"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8"}]
