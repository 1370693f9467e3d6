"""How much memory has been in use at most?"""

import resource
import sys
from pathlib import Path

import torch


def reset_peak_memory(device: torch.device) -> None:
    """Lets the peak of memory begin anew at what is held now, where the system can do so."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")  # on Linux: the peak of the resident set is what is resident now
    except OSError:
        return


def allocated_bytes(device: torch.device) -> int | None:
    """Peak memory of tensors on a GPU; None for a CPU, which does not tell."""
    return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else None


def reserved_bytes(device: torch.device) -> int:
    """Peak memory that the process held: on a GPU by torch's allocator, for a CPU its resident set."""
    return int(torch.cuda.max_memory_reserved(device)) if device.type == "cuda" else _resident_bytes()


def peak_memory_bytes(device: torch.device) -> int:
    """Peak memory so far: allocated GPU memory for CUDA, the resident set of the process for a CPU."""
    allocated = allocated_bytes(device)
    return reserved_bytes(device) if allocated is None else allocated


def _resident_bytes() -> int:
    status = Path("/proc/self/status")
    if status.is_file():  # on Linux, getrusage reports the peak of the parent process if that is larger
        return 1024 * int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")))
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
