"""Do the examples in docstrings give what they say?"""

import doctest
import importlib
from pathlib import Path

import pytest

import ganbench

ROOT = Path(ganbench.__file__).parent
MODULES = [
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for path in sorted(ROOT.rglob("*.py"))
    if "\n    >>> " in (text := path.read_text(encoding="utf-8")) or "\n>>> " in text
]
FACE = {
    "run": "ganbench.matrix", "score": "ganbench.evaluation.score", "load_results": "ganbench.report.frame",
    "RunSpec": "ganbench.plan.spec", "Runtime": "ganbench.plan.runtime", "Features": "ganbench.sets.features",
    "Comparison": "ganbench.sets.comparison", "Metric": "ganbench.metrics.base", "Extractor": "ganbench.features.base",
    "Variant": "ganbench.training.variant", "Executor": "ganbench.execution.executor", "Examination": "ganbench.diagnostics.base",
    "GivenSet": "ganbench.sets.source", "log_run": "ganbench.logbook", "compare": "ganbench.statistics.compare", "gate": "ganbench.guard",
}  # fmt: skip
"""What users call or write themselves, and where it is defined."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert tried.attempted and not tried.failed


@pytest.mark.parametrize("name", FACE)
def test_what_users_call_or_write_has_an_example(name: str) -> None:
    documented = getattr(importlib.import_module(FACE[name]), name).__doc__
    assert documented and ">>> " in documented, name
