"""How much power does a GPU draw? (NVIDIA's management library, where nvidia-ml-py is installed)"""

import time
from types import TracebackType
from typing import Any

import torch

NO_READER = "not read: pip install nvidia-ml-py"


class Meter:
    """Reads a GPU's energy counter at both ends of a block, and its clock at the end.

    Args:
        device: A GPU; of any other device nothing is read.
    """

    watts: float | None = None
    """Mean power within the block; None if it cannot be read."""
    clock_mhz: float | None = None
    """Clock of the multiprocessors at the end of the block."""

    def __init__(self, device: torch.device) -> None:
        self._library, self._gpu = _gpu(device)

    def __enter__(self) -> "Meter":
        """Begins the block."""
        self._start = time.perf_counter(), self._joules()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the block."""
        then, before = self._start
        after = self._joules()
        if before is not None and after is not None:
            self.watts = (after - before) / (time.perf_counter() - then)
        if self._library is not None:
            self.clock_mhz = float(self._library.nvmlDeviceGetClockInfo(self._gpu, self._library.NVML_CLOCK_SM))

    def _joules(self) -> float | None:
        """Energy since the driver was loaded."""
        if self._library is None:
            return None
        try:
            return float(self._library.nvmlDeviceGetTotalEnergyConsumption(self._gpu)) / 1e3
        except self._library.NVMLError:
            return None  # GPUs before Volta have no such counter


def _gpu(device: torch.device) -> tuple[Any, Any]:
    """The library and its handle of a GPU; (None, None) where it cannot be read."""
    if device.type != "cuda":
        return None, None
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode())
    except (ImportError, AttributeError):
        return None, None
    except pynvml.NVMLError:
        return None, None
