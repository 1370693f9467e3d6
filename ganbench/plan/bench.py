"""Which runs does ``ganbench bench`` time? (those of a small suite, so that variants, data and ``--set`` mean what they mean in one)"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError, UnknownName
from ganbench.plan.spec import RunSpec
from ganbench.plan.suite import from_table
from ganbench.plan.workload import Workload
from ganbench.registry import DATASETS, VARIANTS

EVERY = "all"
"""Stands for all registered variants that take the data."""
BUDGET_IMAGES = 10**9
"""So long that steps in its middle are those of a grown network, with nothing left to fade in."""


def bench_specs(variants: Sequence[str], work: Workload, settings: Sequence[str]) -> list[RunSpec]:
    """The runs whose steps or samples are timed.

    Args:
        variants: Names, files with classes, or ``all``.
        work: What is timed.
        settings: Changes as ``key.path=value``, as those of a suite.

    Raises:
        RequestError: A name, path or setting is not valid.
    """
    own = work.data not in DATASETS.targets and os.path.exists(work.data)
    if not own and work.data not in DATASETS.targets:
        raise UnknownName("dataset", work.data, DATASETS.names(), "or give the path of a folder, zip or npz")
    name = Path(work.data).stem if own else work.data
    table: dict[str, Any] = {
        "name": "bench",
        "datasets": {name: {**({"path": work.data} if own else {}), **({"resolution": work.resolution} if work.resolution else {})}},
        "matrix": [
            {
                "variants": [one for variant in variants for one in (VARIANTS.names() if variant == EVERY else [variant])],
                "datasets": [name],
                "seeds": [0],
                "budget_images": BUDGET_IMAGES,
                "presets": [work.preset] if work.preset else [],
                "training": {"batch_size": work.batch},
                "evaluation": {"extractor": "pixels", "metrics": ["fd"], "n_fake": 1},
                "axes": {"training.precision": [one.strip() for one in work.precision.split(",")]},
            }
        ],
    }
    if len(work.precision.split(",")) != len(set(work.precision.split(","))):
        raise RequestError(f"--precision {work.precision}: names one twice")
    return from_table(table, "bench", Path(), settings)[1]
