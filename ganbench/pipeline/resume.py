"""From which state does a run go on? (its newest checkpoint that is whole, its own, and agrees with its events)"""

from pathlib import Path

import torch

from ganbench.plan.spec import RunSpec, run_id
from ganbench.results.events import EventLog
from ganbench.storage import sweep
from ganbench.training.checkpoint import Checkpoint, discard, read_checkpoints, sweep_checkpoints


def resumable(spec: RunSpec, folder: Path, log: EventLog, device: torch.device) -> Checkpoint | None:
    """The checkpoint from which a run goes on, or None if it starts again.

    Afterwards the folder is in the state that it had when that checkpoint was written: events and checkpoints that came later, or that are
    damaged, are gone, and the log has a note about everything that was damaged. A line that a kill cut short is no damage.

    Args:
        spec: The run.
        folder: Its directory, of which this process holds the lock.
        log: Its events.
        device: Device for the weights.
    """
    sweep(folder)
    checkpoints = folder / "checkpoints"
    sweep_checkpoints(checkpoints)
    faults: list[str] = []
    if fault := log.scan()[1]:
        faults.append(fault.removeprefix(f"{log.path.parent}/"))
    found = None
    for checkpoint in read_checkpoints(checkpoints, device, run_id(spec), faults):
        if _agrees(checkpoint, spec, log):
            found = checkpoint
            break
        faults.append(f"checkpoint {checkpoint.path.name}: the events before it are damaged")
    step = -1 if found is None else int(found.state["step"])
    discard(checkpoints, after=step)
    log.truncate(-1 if found is None else step * spec.training.batch_size)
    if faults:
        went_on = "started again" if found is None else f"went on from step {step:,}"
        log.append("note", text=f"{'; '.join(faults)}: {went_on}")
    return found


def _agrees(checkpoint: Checkpoint, spec: RunSpec, log: EventLog) -> bool:
    """Whether the events before a checkpoint are as they were when it was written."""
    if not log.holds(checkpoint.state):
        return False
    seen = {(event["images_seen"], event.get("weights")) for event in log.of("evaluation")} if "log_bytes" not in checkpoint.state else None
    due = (step * spec.training.batch_size for step in {0} | spec.evaluation_steps if step <= checkpoint.state["step"])
    return seen is None or all((images, weights) in seen for images in due for weights in ("raw", "ema"))
