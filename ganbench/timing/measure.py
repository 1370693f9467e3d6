"""How is one thing timed, from its first call to its record?"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ganbench.environment import describe
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import Precision
from ganbench.results.assembly import now
from ganbench.results.provenance import processor
from ganbench.results.timing_record import Plain, Task, TimingRecord
from ganbench.results.timings import throughput
from ganbench.spans import heard
from ganbench.timing.kernels import kernels
from ganbench.timing.memory import allocated_bytes, reserved_bytes, reset_peak_memory
from ganbench.timing.operations import ceiling, operations
from ganbench.timing.power import NO_READER, Meter
from ganbench.timing.steady import repeated
from ganbench.timing.stopwatch import Stopwatch

NO_GPU = "a CPU tells of no kernels"


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something to be timed."""

    task: Task
    name: str
    subject: Mapping[str, Plain]
    """What it is, in flat settings."""
    call: Callable[[], object]
    """One repetition."""
    images: int
    """Images of one repetition."""
    precision: Precision = "fp32"
    engine: str = "eager"


def timed(case: Case, runtime: Runtime, device: torch.device, seconds: float, code: Path) -> TimingRecord:
    """Times a case: repetitions first, then its parts, operations and kernels in calls of their own, which disturb no rate.

    Args:
        case: What is timed.
        runtime: The settings under which this process was configured.
        device: Device on which it runs.
        seconds: About how long it is repeated.
        code: File of the code that is timed, for its git commit.
    """
    unmeasured: dict[str, str] = {}
    reset_peak_memory(device)
    with Meter(device) as meter:
        (found,) = repeated([case.call], device, seconds)
    if not found.stable:
        unmeasured["steady"] = "times were still moving when the warm-up ended"
    allocated, reserved = allocated_bytes(device), reserved_bytes(device)
    if device.type != "cuda":
        unmeasured |= {"peak_allocated_bytes": "told by GPUs alone", **dict.fromkeys(("kernels", "kernel_s", "idle_share"), NO_GPU)}
    if meter.watts is None:
        unmeasured |= dict.fromkeys(("watts", "joules_per_image"), NO_READER if device.type == "cuda" else "told by GPUs alone")
    rate = throughput([case.images / taken for taken in found.seconds])
    assert rate is not None
    run = kernels(case.call, device)
    return TimingRecord(
        task=case.task,
        name=case.name,
        subject=dict(case.subject),
        setting=setting(case, runtime, device),
        images=case.images,
        seconds=found.seconds,
        rate=rate,
        phases=shares(case.call, device),
        peak_allocated_bytes=allocated,
        peak_reserved_bytes=reserved,
        flops_per_image=counted(case.call, device) / case.images,
        ceiling_flops=ceiling(device, case.precision),
        kernels=None if run is None else run.count,
        kernel_s=None if run is None else run.busy_s,
        idle_share=None if run is None else run.idle_share,
        slowest_kernels={} if run is None else {name[:120]: taken for name, _, taken in run.slowest},
        watts=meter.watts,
        joules_per_image=None if meter.watts is None else meter.watts / rate.median,
        clock_mhz=meter.clock_mhz,
        unmeasured=unmeasured,
        created=now(),
        provenance=describe(device, code, case.engine),
    )


def setting(case: Case, runtime: Runtime, device: torch.device) -> dict[str, Plain]:
    """Under what a case is timed: timings that differ in any of this stand in no common column."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "threads": runtime.threads,
        "determinism": runtime.determinism,
        "precision": case.precision,
        "engine": case.engine,
        "runs_at_a_time": int(os.environ.get("GANBENCH_RUNS_AT_A_TIME", "1")),
    }


def counted(call: Callable[[], object], device: torch.device) -> int:
    """Floating-point operations of a call, executed operation by operation also where an engine would replay it as a whole."""
    with heard(Stopwatch(device)):
        return operations(call)


def shares(call: Callable[[], object], device: torch.device) -> dict[str, float]:
    """Share of a call's time that every part takes, the largest first; what lies in no part is "other"."""
    watch = Stopwatch(device)
    with heard(watch), watch.span("other"):
        call()
    seconds = watch.seconds()
    whole = sum(seconds.values()) or 1.0
    return {name: taken / whole for name, taken in sorted(seconds.items(), key=lambda item: -item[1])}
