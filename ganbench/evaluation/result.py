"""What does scoring return?"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ganbench.errors import UnknownName
from ganbench.evaluation.agreement import Agreement
from ganbench.results.record import Diagnostic, Score, protocol_key
from ganbench.text import html

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
"""Raised when the JSON form changes incompatibly."""
SHOWN = ("metric", "label", "value", "ci_low", "ci_high", "ci_method", "perfect", "n_real", "n_fake", "higher_is_better", "seconds")
"""Columns of a data frame of scores, before the key of the protocol."""


class UnknownScore(UnknownName, KeyError):
    """A score that was not computed."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of a generated set, with warnings, failures and diagnostics; ``scores["fid"]`` is one of them.

    >>> import ganbench, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = ganbench.score(rng.normal(size=(500, 2)), rng.normal(size=(500, 2)), ["fd", "kd"], extractor="identity")
    >>> list(found), round(float(found["fd"]), 1), "fid" in found
    (['fd', 'kd'], 0.0, False)
    """

    scores: tuple[Score, ...]
    warnings: tuple[str, ...]
    failures: tuple[str, ...] = ()
    """Metrics without a finite value and why, and disagreements with another library."""
    agreements: tuple[Agreement, ...] = ()
    """Values of another library for the same features, if verification was requested."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Diagnostics of collapse; computed only if a metric searches neighbours."""

    def __getitem__(self, name: str) -> Score:
        """The score of a metric.

        Args:
            name: "fid", or "fd@pixels" where several extractors gave one.

        Raises:
            UnknownScore: It was not computed (a KeyError).
        """
        found = [one for one in self.scores if name.replace("-", "_") == one.metric or name in _names(one)]
        if len(found) == 1:
            return found[0]
        hint = "several extractors gave it; name one" if found else "; ".join(self.failures)
        raise UnknownScore("score", name, [one for score in found for one in _names(score)] if found else list(self), hint)

    def __iter__(self) -> Iterator[str]:
        """The names of the scores, with which ``scores[name]`` finds them."""
        metrics = [one.metric for one in self.scores]
        return iter([one.metric if metrics.count(one.metric) == 1 else _names(one)[0] for one in self.scores])

    def __len__(self) -> int:
        return len(self.scores)

    def __contains__(self, name: object) -> bool:
        return any(name == one.metric or name in _names(one) for one in self.scores)

    def __repr__(self) -> str:
        parts = [f"{one.label} {one.value:.4g} [{one.ci_low:.4g}, {one.ci_high:.4g}]" for one in self.scores]
        parts += [f"{len(lines)} {what}" for what, lines in (("warnings", self.warnings), ("failures", self.failures)) if lines]
        return f"Scores({'; '.join(parts)})"

    def _repr_html_(self) -> str:
        """The table that a notebook shows."""
        arrows = {True: " ↑", False: " ↓", None: ""}
        head = "".join(f"<th>{text}</th>" for text in ("score", "value", "95 % interval", "perfect at this n", "real", "generated"))
        rows = "".join(
            f"<tr><td>{html(one.label)}{arrows[one.higher_is_better]}</td><td>{one.value:.4g}</td>"
            f"<td>[{one.ci_low:.4g}, {one.ci_high:.4g}]</td><td>{'—' if one.perfect is None else f'{one.perfect:.4g}'}</td>"
            f"<td>{one.n_real:,}</td><td>{one.n_fake:,}</td></tr>"
            for one in self.scores
        )
        lines = [f"note: {line}" for line in self.warnings] + [f"failed: {line}" for line in self.failures]
        return f"<table><tr>{head}</tr>{rows}</table>" + "".join(f"<p>{html(line)}</p>" for line in lines)

    def to_frame(self) -> "pd.DataFrame":
        """The scores as a data frame, one row each."""
        import pandas as pd

        rows = [{**{name: getattr(one, name) for name in SHOWN}, "protocol": protocol_key(one.protocol)} for one in self.scores]
        return pd.DataFrame(rows, columns=[*SHOWN, "protocol"])

    def to_json(self) -> dict[str, Any]:
        """The result as plain data for JSON."""
        fields = asdict(self)
        del fields["failures"]
        return {"schema_version": SCHEMA_VERSION, **fields, "warnings": [*self.warnings, *self.failures]}


def _names(score: Score) -> tuple[str, str]:
    """What a score may be called besides its metric: with its extractor, and as in tables."""
    return f"{score.metric}@{score.protocol.get('extractor', '')}", score.label


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Summary of a statistics file that was written."""

    n: int
    """Number of examples."""
    width: int
    """Number of features."""
    warnings: tuple[str, ...]
