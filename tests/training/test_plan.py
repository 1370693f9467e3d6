"""Does a plan say all that is due in a step?"""

from dataclasses import FrozenInstanceError

import pytest

from ganbench.plan.spec import TrainingSpec
from ganbench.training.plan import planned
from ganbench.training.schedules import ema_decay

LINEAR = TrainingSpec(batch_size=16, ema_halflife_images=50, learning_rate_schedule="linear")


def test_a_plan_is_made_of_the_step_and_the_runs_settings_alone() -> None:
    plan = planned(LINEAR, steps=10, step=4)
    assert (plan.step, plan.images_seen, plan.batch_size) == (4, 64, 16)
    assert plan.learning_rate_factor == pytest.approx(1 - 64 / 160)
    assert plan.ema_decay == ema_decay(80, 16, 50, LINEAR.ema_rampup)  # of the images seen when the average moves
    assert plan == planned(LINEAR, steps=10, step=4)
    with pytest.raises(FrozenInstanceError):
        plan.step = 5  # type: ignore[misc]


def test_steps_of_one_kind_end_the_same_periods() -> None:
    kinds = [planned(LINEAR, 12, step).kind({2, 3}) for step in range(12)]
    assert kinds == [frozenset(n for n in (2, 3) if (step + 1) % n == 0) for step in range(12)]
    assert len(set(kinds)) == 4
