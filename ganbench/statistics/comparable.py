"""Which runs have scores that may be compared?"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ganbench.results.record import Record, Score

OF_METRIC, OF_EXTRACTOR = ("parameter_", "metric_version"), ("extractor", "resize", "feature_dtype", "tf32")
"""Prefixes of the protocol fields that belong to a metric, and to an extractor."""

Protocol = Mapping[str, Mapping[str, Any]]
"""What scores depend on: ``dataset`` and ``evaluation`` from the spec, and ``scores``, the fields of their own protocols."""


def comparable(records: Iterable[Record]) -> list[tuple[Protocol, list[Record]]]:
    """Groups records such that scores may be compared within each group.

    A run without scores belongs to the group of runs with the same data set and evaluation plan.

    Args:
        records: Any records; repeated runs count once.

    Returns:
        The protocol of each group, and its records; groups are in the order of their first records.
    """
    unique = list({record.run_id: record for record in records}.values())
    planned = [(record, plan, _key(plan)) for record in unique for plan in (_plan(record),)]
    scored = {key: _shared(record.evaluations[0].scores) for record, _, key in reversed(planned) if record.evaluations}
    groups: dict[str, tuple[Protocol, list[Record]]] = {}
    for record, plan, key in planned:
        own = _shared(record.evaluations[0].scores) if record.evaluations else scored.get(key, {})
        protocol = {**plan, "scores": own}
        groups.setdefault(_key(protocol), (protocol, []))[1].append(record)
    return list(groups.values())


def differences(ours: Protocol, theirs: Protocol) -> list[str]:
    """The fields in which two protocols differ, one line each.

    >>> differences({"scores": {"n_fake": 500}}, {"scores": {"n_fake": 1000}})
    ['n_fake: 500 here, 1000 there']
    """
    here, there = _flat(ours), _flat(theirs)
    parts = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    return [f"{part}: {here.get(part)} here, {there.get(part)} there" for part in parts]


def _plan(record: Record) -> dict[str, dict[str, Any]]:
    """Data set and evaluation plan as far as they affect the final scores; the interval between evaluations does not."""
    plan = {"dataset": asdict(record.spec.dataset), "evaluation": asdict(record.spec.evaluation)}
    del plan["dataset"]["path"], plan["evaluation"]["every_images"]
    return plan


def _shared(scores: Sequence[Score]) -> dict[str, Any]:
    """Merges the protocols of several metrics; fields of a metric, or of one of several extractors, are prefixed with its name."""
    several = len({score.protocol["extractor"] for score in scores}) > 1
    parts: dict[str, Any] = {}
    for score in scores:
        for name, value in score.protocol.items():
            if name not in ("metric", "weights"):
                owner = f"{score.metric}." if name.startswith(OF_METRIC) else ""
                owner = f"{score.protocol['extractor']}." if several and name.startswith(OF_EXTRACTOR) else owner
                parts[owner + name] = value
    return parts


def _key(protocol: Mapping[str, Any]) -> str:
    return json.dumps(protocol, sort_keys=True, default=list)


def _flat(protocol: Protocol) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for group, parts in protocol.items():
        for name, value in parts.items():
            flat.setdefault(name if group == "scores" else f"{group}.{name}", value)
    return flat
