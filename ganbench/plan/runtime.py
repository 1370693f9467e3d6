"""How is a run carried out? (device, threads, determinism, engine and logging, which are not part of its identity)"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from ganbench.errors import RequestError
from ganbench.plan.options import Help
from ganbench.storage import read_json, write_json

FILE = "runtime.json"
"""Name of the file with the runtime settings, beside ``spec.json``."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How runs are carried out. Device, threads, determinism and engine change rounding and are recorded; the others do not affect results.

    >>> Runtime(device="cpu").threads
    1
    """

    device: Annotated[str, Help("auto, cpu, cuda or cuda:N.")] = "auto"
    """"auto" takes a GPU if there is one."""
    threads: Annotated[int, Ge(1), Help("CPU threads per run; the number affects rounding.")] = 1
    """A fixed default, because a different number of threads changes rounding."""
    determinism: Annotated[
        Literal["strict", "off"], Help("strict: equal bits wherever the fingerprint is equal; off: the fastest kernels.")
    ] = "strict"
    """"strict" allows only kernels that give equal bits in every repetition. "off" lets a GPU choose the fastest by trial: a repetition
    differs in rounding, and agrees only statistically."""
    engine: Annotated[
        Literal["eager", "channels-last", "graph", "graph-channels-last"],
        Help("How steps are executed; engines agree within rounding, eager is the reference."),
    ] = "eager"
    """An engine that cannot take a method leaves it to eager, and a note in the record says why."""
    health: Annotated[
        Literal["on", "off"], Help("on: record signals of the training's health, at most 5 % of its time; off: only losses and norms.")
    ] = "on"
    """The signals do not change the weights."""
    data_root: Annotated[Path | None, Help("Folder of data sets; default: GANBENCH_DATA, else the user's cache.")] = None
    tick_images: Annotated[int, Gt(0)] = 4_096
    """Number of images between two readings of the losses."""
    checkpoint_s: Annotated[float, Ge(0)] = 60.0
    """Longest training time between checkpoints; one is also written after every evaluation."""


@dataclass(frozen=True, kw_only=True)
class OnCpu(Runtime):
    """Runtime settings with the CPU as the default device, for quickstart, whose numbers should not depend on whether there is a GPU."""

    device: Annotated[str, Help("auto, cpu, cuda or cuda:N.")] = "cpu"


def check_device(name: str) -> None:
    """Checks the name of a device, without asking whether there is one.

    Raises:
        RequestError: No such kind of device is supported.
    """
    kind, colon, index = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (colon and not (index.isascii() and index.isdigit())) or (colon and kind == "auto"):
        raise RequestError(f"--device {name}: only cpu and cuda are supported; write auto, cpu, cuda or cuda:N")


def write_runtime(folder: Path, runtime: Runtime) -> None:
    """Writes the runtime settings of a run into its folder."""
    fields = asdict(runtime)
    write_json(folder / FILE, {**fields, "data_root": None if runtime.data_root is None else str(runtime.data_root)})


def read_runtime(folder: Path, **given: Any) -> Runtime:
    """Reads the runtime settings of a run from its folder; given fields override them.

    Args:
        folder: Folder of the run's ``spec.json``; defaults apply if it has no ``runtime.json``.
        given: Fields that the user set explicitly.

    Raises:
        RequestError: The file is damaged.
    """
    from ganbench.plan.validation import validated  # imported late, since every command has these options and pydantic is slow to import

    path = folder / FILE
    said = read_json(path) if path.is_file() else {}
    return validated(Runtime, {**said, **given}, str(path))
