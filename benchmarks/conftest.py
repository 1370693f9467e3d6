"""On which device were the benchmarks run? (facts in the JSON that ``make bench`` writes)"""

from typing import Any

import torch

from ganbench.results.provenance import memory_bytes, packages, processor


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    gpu = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    machine_info["ganbench"] = {
        "processor": processor(),
        "memory_bytes": memory_bytes(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "packages": packages(),
        "gpu": gpu and {"name": gpu.name, "memory_bytes": gpu.total_memory, "cuda": torch.version.cuda},
    }
