from collections.abc import Sequence
from typing import Any

import pytest

from ganbench.diagnostics.alarms import RULES, History, Signals, against_past, alarms, lasting


def ticks(*signals: Signals) -> list[tuple[int, Signals]]:
    return [(100 * number, one) for number, one in enumerate(signals, start=1)]


HEALTHY_STEP = {
    "logit/real": 0.9,
    "logit/fake": -1.1,
    "logit_sd/real": 1.0,
    "logit_sd/fake": 1.2,
    "loss/discriminator": 0.8,
    "augment/p": 0.3,
    "grad_norm/generator": 0.5,
    "grad_norm/discriminator": 2.0,
    "weight_norm/generator": 30.0,
    "weight_norm/discriminator": 20.0,
}
HEALTHY_PROBE = {
    "value/train": 0.9,
    "value/held_out": 0.85,
    "value/fake": -1.1,
    "value_sd": 1.1,
    "real/train": 0.94,
    "real/held_out": 0.92,
    "r_v": 0.02,
    "sigma/generator": 1.3,
    "sigma/discriminator": 0.9,
    "rank/generator": 0.4,
    "rank/discriminator": 0.75,
}
"""About those of DCGAN on digits (measured: seed 0, 24,000 images)."""


def run(steps: Sequence[dict[str, float]] = (), probes: Sequence[dict[str, float]] = (), **fields: Any) -> list[tuple[str, int]]:
    """Rules that a run breaks, whose ticks and probes differ so from healthy ones."""
    history = History(
        ticks=ticks(*({**HEALTHY_STEP, **one} for one in (*[{}] * 4, *steps))),
        probes=ticks(*({**HEALTHY_PROBE, **one} for one in (*[{}] * 3, *probes))),
        **{"variance": [(100 * i, 0.8) for i in range(5)], "final_over_best": 1.1, **fields},
    )
    return [(alarm.rule, alarm.images_seen) for alarm in alarms(history)]


def test_a_healthy_run_raises_no_alarm() -> None:
    assert run() == []
    assert alarms(History()) == ()


CASES: dict[str, tuple[dict[str, Any], int]] = {
    "dead discriminator": ({"steps": [{"logit_sd/real": 0.0, "logit_sd/fake": 1e-9, "logit/real": 0.0, "logit/fake": 0.0}] * 2}, 500),
    "memorised training set": ({"probes": [{"real/train": 0.98, "real/held_out": 0.52}] * 2}, 400),
    "overfitted discriminator": ({"probes": [{"r_v": 0.8}] * 2}, 400),
    "saturated discriminator": ({"steps": [{"loss/discriminator": 0.005}] * 3}, 500),
    "vanishing generator gradient": ({"steps": [{"grad_norm/generator": 1e-5}] * 2}, 500),
    "exploding gradient": ({"steps": [{"grad_norm/discriminator": 500.0}]}, 500),
    "lost diversity": ({"variance": [(0, 0.1), (100, 0.8), (200, 0.8), (300, 0.1), (400, 0.1)]}, 300),
    "score spike": ({"scores": [(100, 20.0, 0.1), (200, 90.0, 0.1), (300, 21.0, 0.1)]}, 200),
    "late loss": ({"final_over_best": 1.6}, 400),
    "spectral jump": ({"probes": [{"sigma/generator": 4.0}]}, 400),
    "spectral collapse": ({"probes": [{"rank/discriminator": 0.2}]}, 400),
    "pinned augmentation": ({"steps": [{"augment/p": 0.9}] * 3}, 500),
    "growing weights": ({"steps": [{"weight_norm/discriminator": 250.0}] * 2}, 500),
}


def test_every_rule_has_a_control() -> None:
    assert set(CASES) == {rule.name for rule in RULES}
    assert all(rule.source and rule.meaning for rule in RULES)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_seen_by_its_rule_alone_and_from_its_beginning(name: str) -> None:
    fields, onset = CASES[name]
    assert run(**fields) == [(name, onset)]


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": [{"logit_sd/real": 0.0, "logit_sd/fake": 0.0}]},  # once
        {"steps": [{"logit_sd/real": 0.0, "logit_sd/fake": 0.0}, {}, {"logit_sd/real": 0.0, "logit_sd/fake": 0.0}]},  # not in a row
        {"probes": [{"real/train": 0.98, "real/held_out": 0.9}] * 2},  # a strong discriminator that generalises
        {"probes": [{"r_v": 0.9, "value/train": 0.1, "value/fake": 0.0}] * 2},  # r_v of noise
        {"steps": [{"loss/discriminator": -3.0}] * 5},  # a critic's loss has no floor
        {"steps": [{"grad_norm/generator": 0.0}]},
        {"variance": [(0, 0.0), (100, 0.01), (200, 0.05), (300, 0.2)]},  # still learning
        {"final_over_best": None},
        {"scores": [(100, 20.0, 0.1), (200, 39.0, 0.1), (300, 21.0, 0.1)]},
        {"scores": [(100, 20.0, 9.0), (200, 60.0, 9.0), (300, 21.0, 9.0)]},  # within five standard deviations
        {"probes": [{"sigma/generator": 3.0}]},
        {"probes": [{"rank/discriminator": 0.4}]},
        {"steps": [{"augment/p": 0.9}] * 2},
    ],
)
def test_what_only_looks_like_a_fault_raises_no_alarm(fields: dict[str, Any]) -> None:
    assert run(**fields) == []


def test_signals_that_a_method_lacks_are_no_fault() -> None:
    history = History(ticks=ticks({"loss/x": 1.0}, {"loss/x": 1.0}), probes=ticks({"rank/generator": 0.1}))
    assert alarms(history) == ()


def test_a_fault_that_lasts_from_the_start_of_a_series_begins_there() -> None:
    assert lasting([(1, 5.0), (2, 0.0), (3, 5.0), (4, 6.0)], lambda value: value > 1, 2) == (3, 5.0)
    assert lasting([(1, 5.0)], lambda value: value > 1, 2) is None


def test_the_past_is_what_was_usual_and_does_not_take_in_what_is_not() -> None:
    series = [(step, 1.0) for step in range(3)] + [(3, 1000.0), (4, 1000.0)]
    assert against_past(series, lambda now, usual: now > 100 * usual, 2) == (3, 1000.0, 1.0)
    assert against_past(series[:2] + series[3:4], lambda now, usual: now > 100 * usual) is None  # two values are no past
