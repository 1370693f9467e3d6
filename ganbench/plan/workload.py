"""What can be timed? (options of ``ganbench bench``)"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from ganbench.plan.options import Help


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is timed."""

    data: Annotated[
        str, Help("Registered data set, or your own folder, zip or npz; noise: random images of any size.", names="datasets")
    ] = "noise"
    resolution: Annotated[int | None, Ge(1), Help("Height and width in pixels; default: the data's own, of noise 32.")] = None
    batch: Annotated[int, Ge(1), Help("Real images in one discriminator step.")] = 64
    precision: Annotated[str, Help("fp32, tf32 or bf16, or several with commas between.")] = "fp32"
    preset: Annotated[
        str, Help("Registered preset or TOML file of overrides, as in suites; default: the papers' settings.", names="presets")
    ] = ""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """How long it is timed, and what becomes of the timings."""

    seconds: Annotated[float, Ge(0.1), Help("About how long each is repeated after its warm-up.")] = 5.0
    out: Annotated[Path | None, Help("Folder for records, DIR/timings, which `leaderboard` shows with runs.")] = None
    compare: Annotated[Path | None, Help("Earlier timings: a --json output or the folder of an --out.")] = None
    as_json: Annotated[bool, Help("Print results as JSON on stdout.", "--json")] = False
