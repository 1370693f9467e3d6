"""A run that is there, and sinks that remember."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec
from ganbench.results.folders import run_folder


@pytest.fixture(scope="session")
def finished_run(tiny_spec: Callable[..., RunSpec], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a few steps on 8x8 digits, in an output folder."""
    out = tmp_path_factory.mktemp("out")
    spec = replace(tiny_spec("dcgan"), budget_images=64)
    assert run_cell(spec, run_folder(out, spec), Runtime(device="cpu", tick_images=16)).error is None
    return run_folder(out, spec)
