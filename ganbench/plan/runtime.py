"""How is a run carried out, without changing what it is?"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt

from ganbench.plan.options import Help
from ganbench.storage import read_json, write_json

FILE = "runtime.json"
"""Beside ``spec.json``: how the run was to be carried out."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How runs are carried out. Device and threads change rounding and are recorded; the rest changes nothing.

    >>> Runtime(device="cpu").threads
    1
    """

    device: Annotated[str, Help("auto, cpu, cuda or cuda:N.")] = "auto"
    """"auto" is a GPU if there is one."""
    threads: Annotated[int, Ge(1), Help("CPU threads of one run; part of what makes runs bit-identical.")] = 1
    """A fixed number, since another one rounds otherwise."""
    data_root: Annotated[Path | None, Help("Where data sets lie; else GANBENCH_DATA, else the user's cache.")] = None
    tick_images: Annotated[int, Gt(0)] = 4_096
    """Distance between readings of the losses, in images."""
    checkpoint_s: Annotated[float, Ge(0)] = 60.0
    """Longest time of training between checkpoints; every evaluation is followed by one as well."""


@dataclass(frozen=True, kw_only=True)
class OnCpu(Runtime):
    """The same with a CPU as the default, for what takes minutes anywhere and must print the same numbers."""

    device: Annotated[str, Help("auto, cpu, cuda or cuda:N.")] = "cpu"


def write_runtime(folder: Path, runtime: Runtime) -> None:
    """Writes how a run is to be carried out into its folder."""
    fields = asdict(runtime)
    write_json(folder / FILE, {**fields, "data_root": None if runtime.data_root is None else str(runtime.data_root)})


def read_runtime(folder: Path, **given: Any) -> Runtime:
    """How a run is to be carried out: what its folder says, with what was given in its place.

    Args:
        folder: Of the run's ``spec.json``; without a runtime of its own the defaults hold.
        given: Fields that somebody set by hand.

    Raises:
        RequestError: The file is damaged.
    """
    from ganbench.plan.validation import validated  # every command has these options, and pydantic takes longer than most

    path = folder / FILE
    said = read_json(path) if path.is_file() else {}
    return validated(Runtime, {**said, **given}, str(path))
