"""Which results did others publish, of which data, and under which protocol? (registered TOML files)"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from ganbench.errors import RequestError
from ganbench.plan.metric_names import STANDARD
from ganbench.plan.validation import validated
from ganbench.registry import METRICS, PUBLICATIONS
from ganbench.storage import parsed_toml

FINAL_OVER_BEST = "final_over_best"
"""How many times worse than its best evaluation a run ended, where a source says it."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """The published scores of one method."""

    method: str
    """Its name there."""
    scores: Mapping[str, float]
    """By the name of the metric, as requests write it, or ``final_over_best``."""
    variant: str = ""
    """Name of the registered variant of the same method; empty if there is none."""
    note: str = ""
    """What the name does not say."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Results under one protocol."""

    name: str
    """The suite, with its version."""
    where: str
    """Where the figures stand."""
    sets: str
    """How many generated examples were compared with which real ones."""
    selection: str
    """Which checkpoints of how many runs are meant."""
    extractor: str
    """The network, its weights, and what else the metrics depend on."""
    framework: str
    results: tuple[Result, ...]
    n_train: int | None = None
    """Training examples that were kept; None for all."""

    @property
    def protocol(self) -> str:
        """What a reader must see beside every figure."""
        return f"{self.name}: {self.sets}; {self.selection}"

    @property
    def details(self) -> str:
        """The rest of the protocol, and where the figures stand."""
        return f"{self.extractor}; {self.framework}; from {self.where}"


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What was published of one data set."""

    description: str
    dataset: str
    """Its registered name."""
    resolution: int
    """Side of its images in pixels."""
    sources: tuple[Source, ...]


def read_publication(name: str) -> Publication:
    """Reads a registered file of published results.

    Raises:
        RequestError: There is no such name, its file is missing, or something in it does not fit.
    """
    target, where = PUBLICATIONS.target(name), f"published results {name!r}"
    try:
        text = files(target.place).joinpath(f"{target.attribute}.toml").read_text(encoding="utf-8")
    except (ImportError, OSError, ValueError) as error:
        raise RequestError(f"{where}: registered as {target} and not readable ({error}); reinstall the package that registers it") from None
    found = validated(Publication, parsed_toml(text, where), where)
    known = {*STANDARD, *METRICS.names(), FINAL_OVER_BEST}
    for score in (score for source in found.sources for result in source.results for score in result.scores):
        if score not in known:
            raise RequestError(f"{where}: no metric is called {score!r}; `ganbench list metrics` shows their names")
    return found
