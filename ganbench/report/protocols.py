"""Under which protocol were the scores of a leaderboard got, in a few words?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ganbench.plan.metric_names import NO_NETWORK
from ganbench.report.table import MISSING, whole
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import Column, Leaderboard

HASH_DIGITS = 8
"""Digits that are shown of an extractor's hash, whose whole is in every record."""
SHOWN_VERSIONS = ("torch", "ganbench")


def protocol_of(board: Leaderboard, columns: Sequence[Column]) -> tuple[str, ...]:
    """What the shown scores of a leaderboard share: extractors, sets with their sizes, weights, versions."""
    scores, plan = board.protocol["scores"], board.protocol["evaluation"]
    extractors = sorted({column.extractor for column in columns} - {NO_NETWORK}) or [str(plan["extractor"])]
    n_real = scores.get("n_real")
    sets = f"{plan['n_fake']:,} generated against {MISSING if n_real is None else whole(n_real)} {plan['reference']} examples"
    kinds = [kind for kind in ("ema", "raw") if any(column.weights == kind for column in columns)]
    weights = [" and ".join({"ema": "EMA", "raw": "raw"}[kind] for kind in kinds) + " weights"] if kinds else []
    return (
        *(_extractor(name, scores) for name in extractors),
        sets,
        *weights,
        *_versions(record for row in board.rows for record in row.records),
    )


def _extractor(name: str, scores: Mapping[str, Any]) -> str:
    """An extractor with the start of its hash and its resizing; fields of one of several are prefixed with its name."""

    def told(field: str) -> str:
        found = scores.get(f"{name}.{field}", scores.get(field))
        return "" if found in (None, "none") else str(found)

    words = [name, told("extractor_weights_sha256")[:HASH_DIGITS], f"resize {told('resize')}" if told("resize") else ""]
    return ", ".join([" ".join(filter(None, words[:2])), *filter(None, words[2:])])


def _versions(records: Iterable[Record]) -> list[str]:
    """The versions under which the runs were made; several of one package are all named."""
    packages = [record.provenance.get("packages", {}) for record in records]
    found = {name: sorted({str(one[name]) for one in packages if name in one}) for name in SHOWN_VERSIONS}
    return [f"{name} {' and '.join(versions)}" for name, versions in found.items() if versions]
