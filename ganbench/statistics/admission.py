"""Does a record belong on a leaderboard? (its protocol, its bands, and its place among the others)

A finding either refuses a record or asks somebody to look at it: what is unusual beside other seeds may still be true.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from ganbench.plan.naming import setup_key
from ganbench.results.reading import confirms
from ganbench.results.record import Record, Score, protocol_key
from ganbench.results.repository import Accepted, Limits, Settings
from ganbench.results.submission import Finding, Submission
from ganbench.statistics.comparable import Protocol, comparable
from ganbench.statistics.plausibility import LOOKING, REFUSING, every_score, moment

AHEAD = timedelta(days=1)
"""How far ahead the clock of a submitter may be."""
SAME = 0.01
"""Share by which the scores of a perfect generator may differ under one protocol, for metrics that draw random numbers."""
NAMED = 4
"""Fields that a message names of a protocol that is not accepted, and seeds that it names of those that are not there."""


class Standing:
    """Which records a leaderboard has, by what a newcomer may share with them."""

    def __init__(self) -> None:
        self.runs: dict[str, Submission] = {}
        """By ``run_id``, the first record of the run."""
        self.rows: dict[str, list[Submission]] = defaultdict(list)
        """By protocol and setup: the seeds of one row."""
        self.weights: dict[str, Submission] = {}
        """By hash of the final weights, the first record that has them."""
        self.scores: dict[str, tuple[Score, str]] = {}
        """By protocol, the first score under it and its file."""
        self.results: dict[str, Submission] = {}
        """By final scores, the first record that has them."""

    def add(self, one: Submission) -> None:
        """Takes a record in."""
        self.runs.setdefault(one.record.run_id, one)
        self.rows[row_of(one.record)].append(one)
        for score in every_score(one.record):
            self.scores.setdefault(_protocol_of(score), (score, one.file))
        for sha256 in _weights(one.record):
            self.weights.setdefault(sha256, one)
        if key := results_of(one.record):
            self.results.setdefault(key, one)


def judge(newcomers: Sequence[Submission], present: Sequence[Submission], settings: Settings, now: datetime) -> list[Finding]:
    """What all rules say about records.

    Args:
        newcomers: The records in question, each of which is held against those before it.
        present: Records that are on the leaderboard already, about which nothing is said.
        settings: What the leaderboard accepts.
        now: The time, with its zone; records from later are refused.
    """
    before, together = Standing(), Standing()
    for one in present:
        before.add(one)
    for one in (*present, *newcomers):
        together.add(one)
    findings: list[Finding] = []
    for one in newcomers:
        findings += _judged(one, before, together, settings, now)
        before.add(one)
    return sorted(findings, key=lambda finding: not finding.refuses)


def _judged(one: Submission, before: Standing, together: Standing, settings: Settings, now: datetime) -> Iterator[Finding]:
    record = one.record
    refused = {
        **{rule.__name__: rule(record) for rule in REFUSING},
        "protocol": unaccepted(record, settings.protocols),
        "bands": beyond_bands(record, settings),
        "duplicates": repeated(record, before),
        "seeds": seeds(record, before),
        "copies": copied(record, before),
        "future": ahead(record, now),
    }
    looked = {
        **{rule.__name__: rule(record) for rule in LOOKING},
        "others": beside_others(record, together, settings.limits),
        "twins": twins(record, before),
        "perfect": another_perfect(record, before),
        "left_out": left_out(record, together),
    }
    for refuses, rules in ((True, refused), (False, looked)):
        for name, texts in rules.items():
            yield from (Finding(rule=name, file=one.file, text=text, refuses=refuses) for text in texts)


def unaccepted(record: Record, protocols: Sequence[Accepted]) -> Iterator[str]:
    """Is its protocol none of those that are accepted? Names the fields in which it differs from the nearest."""
    if not protocols:
        return
    ((own, _),) = comparable([record])
    nearest = min(
        (_departures(own, one) for one in protocols), key=lambda found: (any("dataset.name" in text for text in found), len(found))
    )
    if nearest:
        more = f", and {len(nearest) - NAMED} more" if len(nearest) > NAMED else ""
        yield f"its protocol is not accepted: {'; '.join(nearest[:NAMED])}{more}"


def _departures(own: Protocol, accepted: Accepted) -> list[str]:
    """Fields in which a protocol is not what is accepted."""
    wanted = {"dataset": accepted.dataset, "evaluation": accepted.evaluation, "scores": accepted.scores if own["scores"] else {}}
    return [
        f"{part}.{name} is {_short(own[part].get(name))}, and {_short(value)} is wanted"
        for part, fields in wanted.items()
        for name, value in fields.items()
        if own[part].get(name) != value
    ]


def beyond_bands(record: Record, settings: Settings) -> Iterator[str]:
    """Are final scores outside of what is believed, or better than a perfect generator's?"""
    ((own, _),) = comparable([record])
    fitting = [one for one in settings.protocols if not _departures(own, one)][:1]
    bands = fitting[0].bands if fitting else {}
    for score in record.scores if record.status == "done" else ():
        low, high = bands.get(f"{score.metric}@{score.protocol['extractor']}", (score.value, score.value))
        if not low <= score.value <= high:
            yield f"{_named(score)}: {score.value:.6g} is outside of {low:g} to {high:g}, which is what this leaderboard believes"
        if not settings.limits.better_than_perfect and better_than_perfect(score):
            yield (
                f"{_named(score)}: {score.value:.4g}, at most {score.ci_high:.4g}, where a perfect generator scores {score.perfect:.4g}: "
                "copies of training images score so, or it was not measured so"
            )


def better_than_perfect(score: Score) -> bool:
    """Whether a distance is below that of a perfect generator, beyond its interval."""
    return _is_distance(score) and score.perfect is not None and score.ci_high < score.perfect


def repeated(record: Record, before: Standing) -> Iterator[str]:
    """Is the run there already, with the same result or with another?"""
    known = before.runs.get(record.run_id)
    if known is None:
        return
    if known.record == record:
        yield f"is the run {record.run_id} of {known.file} again"
    elif confirms(record, known.record):
        yield f"repeats the run {record.run_id} of {known.file} with the same weights and scores, which confirms it; a run counts once"
    elif record.weights_sha256 and record.weights_sha256 == known.record.weights_sha256:
        yield f"is the run {record.run_id} of {known.file} with the same weights and another result, so that one of them was changed"
    elif record.provenance.get("fingerprint") == known.record.provenance.get("fingerprint"):
        yield (
            f"is the run {record.run_id} of {known.file} with other weights from the same environment, in which a repetition gives "
            "the same: one of the two is not what it says"
        )
    else:
        yield f"is the run {record.run_id} of {known.file}, repeated in another environment with other weights; a run counts once"


def seeds(record: Record, before: Standing) -> Iterator[str]:
    """Has another run of its row its seed, so that one training would count twice?"""
    same = [one for one in before.rows.get(row_of(record), ()) if one.record.spec.seed == record.spec.seed]
    other = next((one for one in same if one.record.run_id != record.run_id), None)
    if other:
        yield f"has the seed {record.spec.seed} of {other.file}, with the same settings; a seed counts once"


def copied(record: Record, before: Standing) -> Iterator[str]:
    """Has a run with another seed the same final weights?"""
    for sha256 in _weights(record):
        other = before.weights.get(sha256)
        if other and (other.record.spec.seed, other.record.spec.dataset.name) != (record.spec.seed, record.spec.dataset.name):
            yield f"has the weights of {other.file}, which another seed or other data cannot give"
            return


def twins(record: Record, before: Standing) -> Iterator[str]:
    """Has another run, with other weights, the same final scores to the last digit?"""
    other = before.results.get(results_of(record))
    if other and other.record.run_id != record.run_id and not set(_weights(record)) & set(_weights(other.record)):
        yield f"has the final scores of {other.file} to the last digit"


def left_out(record: Record, together: Standing) -> Iterator[str]:
    """Are smaller seeds than the largest of its row not there, as if the best had been selected? Says it once a row."""
    there = {one.record.spec.seed for one in together.rows[row_of(record)]}
    if record.spec.seed != max(there):
        return
    missing = list(islice((seed for seed in range(max(there)) if seed not in there), NAMED))
    if missing:
        more = " and others" if max(there) + 1 - len(there) > NAMED else ""
        yield f"its row has no seeds {', '.join(map(str, missing))}{more}: were they run, and left out?"


def another_perfect(record: Record, before: Standing) -> Iterator[str]:
    """Is the score of a perfect generator, which depends on the real examples alone, another one than elsewhere under the same protocol?"""
    for score in record.scores:
        known, file = before.scores.get(_protocol_of(score), (score, ""))
        if not _is_distance(score) or known.perfect == score.perfect:
            continue
        if known.perfect is None or score.perfect is None or abs(known.perfect - score.perfect) > SAME * abs(known.perfect):
            yield f"{score.label}: a perfect generator scores {score.perfect} in it, and {known.perfect} in {file} under the same protocol"
            return


def ahead(record: Record, now: datetime) -> Iterator[str]:
    """Did it end in the future?"""
    end = moment(record.finished)
    if end and end > now + AHEAD:
        yield f"ended at {record.finished}, and it is {now.isoformat(timespec='seconds')}"


def beside_others(record: Record, together: Standing, limits: Limits) -> Iterator[str]:
    """Does its first score lie far outside of the range of the other seeds with the same settings?"""
    score = _first(record)
    if score is None:
        return
    row = {one.record.run_id: one.record for one in together.rows[row_of(record)] if one.record.run_id != record.run_id}
    values = [other.value for one in row.values() if (other := _first(one)) and other.column == score.column]
    if len(values) < limits.known_seeds:
        return
    low, high = min(values), max(values)
    room = limits.spreads * (high - low)
    if not low - room <= score.value <= high + room:
        yield f"{_named(score)}: {score.value:.4g}, and {len(values)} other seeds have {low:.4g} to {high:.4g}"


def row_of(record: Record) -> str:
    """What the runs of one row of a leaderboard share: protocol, as far as it is in the plan, and setup."""
    dataset, evaluation = asdict(record.spec.dataset), asdict(record.spec.evaluation)
    del dataset["path"], evaluation["every_images"]
    return json.dumps([dataset, evaluation, setup_key(record.spec)], sort_keys=True, default=list)


def results_of(record: Record) -> str:
    """The final values of a run that is done; empty if none of them lies within its bounds, as with samples that are all alike."""
    values = [(score.column, score.value) for score in record.scores] if record.status == "done" else []
    return json.dumps(values) if any(score.value not in score.bounds for score in record.scores) else ""


def _is_distance(score: Score) -> bool:
    """Whether it is a distance between laws, which a perfect generator has least of.

    Metrics with a largest value are none: MS-SSIM is below that of real images where a generator is more diverse than they are.
    """
    return score.higher_is_better is False and score.bounds[1] is None


def _protocol_of(score: Score) -> str:
    return protocol_key({name: value for name, value in score.protocol.items() if name != "weights"})


def _weights(record: Record) -> list[str]:
    """Hashes of final weights that say something; those of diverged runs may all be the same."""
    return list(dict.fromkeys(record.weights_sha256.values())) if record.status == "done" else []


def _first(record: Record) -> Score | None:
    """The EMA score that ranks a run that is done."""
    ended = record.scores if record.status == "done" else ()
    return next((one for one in ended if one.protocol.get("weights") == "ema" and one.higher_is_better is not None), None)


def _named(score: Score) -> str:
    return f"{score.label} of {score.protocol.get('weights')} weights"


def _short(value: Any) -> str:
    text = repr(list(value)) if isinstance(value, tuple) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
