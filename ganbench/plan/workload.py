"""What can be timed? (options of ``ganbench bench``)"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from ganbench.plan.options import Help


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is timed."""

    data: Annotated[str, Help("Registered data set, or your own folder, zip or npz; noise: random images of any size.")] = "noise"
    resolution: Annotated[int | None, Ge(1), Help("Height and width in pixels; default: the data's own, of noise 32.")] = None
    batch: Annotated[int, Ge(1), Help("Real images in one discriminator step.")] = 64
    precision: Annotated[str, Help("fp32, tf32 or bf16, or several with commas between.")] = "fp32"
    preset: Annotated[str, Help("Registered preset or TOML file of overrides, as in suites; default: the papers' settings.")] = ""
