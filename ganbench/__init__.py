"""ganbench: seeded GAN training, scores with uncertainty, collapse diagnostics, leaderboards."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.errors import DataError as DataError
    from ganbench.errors import GanbenchError as GanbenchError
    from ganbench.errors import RequestError as RequestError
    from ganbench.evaluation.diagnosis import diagnose as diagnose
    from ganbench.evaluation.result import Scores as Scores
    from ganbench.evaluation.score import score as score
    from ganbench.evaluation.streaming import ScoreMeter as ScoreMeter
    from ganbench.features.base import Extractor as Extractor
    from ganbench.guard import gate as gate
    from ganbench.logbook import log_run as log_run
    from ganbench.matrix import run as run
    from ganbench.metrics.base import Estimate as Estimate
    from ganbench.metrics.base import Metric as Metric
    from ganbench.plan.runtime import Runtime as Runtime
    from ganbench.plan.spec import RunSpec as RunSpec
    from ganbench.report.frame import load_results as load_results
    from ganbench.report.presented import leaderboard as leaderboard
    from ganbench.report.presented import write_report as write_report
    from ganbench.results.diagnosis import Diagnosis as Diagnosis
    from ganbench.results.record import Record as Record
    from ganbench.results.record import Score as Score
    from ganbench.sets.comparison import Comparison as Comparison
    from ganbench.sets.features import Features as Features
    from ganbench.statistics.compare import compare as compare
    from ganbench.training.variant import Batch as Batch
    from ganbench.training.variant import StepContext as StepContext
    from ganbench.training.variant import Variant as Variant

__version__ = "0.1.0"

_HOMES = {
    "Batch": "ganbench.training.variant",
    "Comparison": "ganbench.sets.comparison",
    "DataError": "ganbench.errors",
    "Diagnosis": "ganbench.results.diagnosis",
    "Estimate": "ganbench.metrics.base",
    "Extractor": "ganbench.features.base",
    "Features": "ganbench.sets.features",
    "GanbenchError": "ganbench.errors",
    "Metric": "ganbench.metrics.base",
    "Record": "ganbench.results.record",
    "RequestError": "ganbench.errors",
    "RunSpec": "ganbench.plan.spec",
    "Runtime": "ganbench.plan.runtime",
    "Score": "ganbench.results.record",
    "ScoreMeter": "ganbench.evaluation.streaming",
    "Scores": "ganbench.evaluation.result",
    "StepContext": "ganbench.training.variant",
    "Variant": "ganbench.training.variant",
    "compare": "ganbench.statistics.compare",
    "diagnose": "ganbench.evaluation.diagnosis",
    "gate": "ganbench.guard",
    "leaderboard": "ganbench.report.presented",
    "load_results": "ganbench.report.frame",
    "log_run": "ganbench.logbook",
    "run": "ganbench.matrix",
    "score": "ganbench.evaluation.score",
    "write_report": "ganbench.report.presented",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that ``import ganbench`` is fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ganbench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
