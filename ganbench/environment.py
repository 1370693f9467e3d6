"""On which device and with which settings does torch run?"""

import os
import sys
from pathlib import Path
from typing import Any

import torch

from ganbench.errors import RequestError
from ganbench.plan.runtime import Runtime, check_device
from ganbench.precision import PRODUCTS, exact
from ganbench.results import provenance

PROMISES = {
    True: "bit-identical within this fingerprint, statistically equal elsewhere",
    False: "statistically equal everywhere: algorithms may sum in another order in every repetition",
}
"""What a repetition of a run may expect, by whether only deterministic algorithms were allowed."""


def chosen_device(wanted: str) -> torch.device:
    """The device with a name; "auto" is a GPU if there is one, else the CPU.

    Raises:
        RequestError: The device does not exist or is not supported.
    """
    check_device(wanted)
    device = torch.device(wanted if wanted != "auto" else ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RequestError(f"--device {wanted}: this machine has {torch.cuda.device_count()} CUDA devices; use --device cpu")
    return device


def configure(runtime: Runtime) -> torch.device:
    """Sets the number of threads and whether algorithms must be deterministic, for this process.

    Returns:
        The device to use.

    Raises:
        RequestError: The device does not exist or is not supported.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # must be set before CUDA starts
    device = chosen_device(runtime.device)
    torch.set_num_threads(runtime.threads)
    # use_deterministic_algorithms would import the compiler first, a second a process
    torch.set_deterministic_debug_mode("error" if runtime.determinism == "strict" else "default")
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010 - set by the module's class, which mypy cannot see
    return device


def setting(device: torch.device, engine: str = "eager") -> str:
    """Device, threads, determinism and engine in a few words: a run that goes on under others is no longer bit-identical."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    threads = torch.get_num_threads()
    strict = "strict" if torch.are_deterministic_algorithms_enabled() else "not deterministic"
    return f"{name}, {threads} thread{'s' if threads > 1 else ''}, {strict}" + (f", {engine}" if engine != "eager" else "")


def describe(device: torch.device, code: Path, engine: str = "eager") -> dict[str, Any]:
    """Provenance: code, packages, hardware, flags, and a fingerprint; equal fingerprints give bit-identical results.

    Args:
        device: Device of the run.
        code: File of the variant's class, for its git commit.
        engine: Engine of the training steps.
    """
    hardware: dict[str, Any] = {
        "cpu": provenance.processor(),
        "cpu_count": os.cpu_count(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "memory_bytes": provenance.memory_bytes(),
        "host": provenance.host_hash(),
        "runs_at_a_time": int(os.environ.get("GANBENCH_RUNS_AT_A_TIME", "1")),
        "gpu": None,
    }
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        hardware["gpu"] = {
            "name": gpu.name,
            "memory_bytes": gpu.total_memory,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    strict = torch.are_deterministic_algorithms_enabled()
    with exact():  # the flags that evaluations use, and training steps in float32
        flags = {
            "deterministic_algorithms": strict,
            "cudnn_benchmark": not strict,  # in training steps
            "tf32": any(product.fp32_precision == "tf32" for product in PRODUCTS),
            "threads": torch.get_num_threads(),
            **({"engine": engine} if engine != "eager" else {}),  # which keeps the fingerprints of older records
        }
    packages = provenance.packages()
    same = (
        packages.get("torch"),
        sys.platform,
        hardware["cpu_capability"],
        hardware["gpu"],
        sorted(flags.items()),
        sorted(provenance.variables().items()),
    )
    return {
        "git": provenance.git(Path(__file__).parent),
        "variant_git": provenance.git(code.parent),
        "packages": packages,
        "hardware": hardware,
        "flags": flags,
        "environment": provenance.variables(),
        "fingerprint": provenance.environment_fingerprint(same),
        "promise": PROMISES[strict],
    }


def slots(runtime: Runtime, workers: int | None, cells: int) -> list[dict[str, str]]:
    """Slots for cells that run at the same time, as the environment variables of each slot's worker process.

    Args:
        runtime: Runtime settings of the cells.
        workers: Number of slots; None takes one per GPU, or one per ``threads`` CPU cores.
        cells: Number of cells to run, which limits the number of slots.
    """
    gpus = _visible_gpus() if runtime.device == "auto" else []
    on_one_gpu = 1 if runtime.device.startswith("cuda") else 0
    places = min(cells, workers or len(gpus) or on_one_gpu or max(1, (os.cpu_count() or 1) // runtime.threads))
    threads = {name: str(runtime.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return [{**threads, **({"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {})} for place in range(places)]


def _visible_gpus() -> list[str]:
    """For every GPU visible to this process, the value of CUDA_VISIBLE_DEVICES that selects it."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = given.split(",") if given else [str(number) for number in range(torch.cuda.device_count())]
    return [name.strip() for name in names][: torch.cuda.device_count()]
