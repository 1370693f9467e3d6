"""Does the published collapse rule judge series as it reads?"""

import pytest

from ganbench.diagnostics.collapse import COPIES, VARIANCE_FLOOR, Spike, lifeless, spikes, verdict
from ganbench.results.record import Diagnostic, Divergence


def judge(scores: list[float], ratios: list[float] | None = None, sd: float = 0.5) -> Divergence | None:
    seen = [1000 * i for i in range(len(scores))]
    return verdict(seen, scores, [sd] * len(scores), ratios or [1.0] * len(scores))


def found_spikes(scores: list[float], sd: float = 0.5) -> list[Spike]:
    return spikes([1000 * i for i in range(len(scores))], scores, [sd] * len(scores))


def test_healthy_run() -> None:
    assert judge([100, 50, 20, 15, 14, 16]) is None


def test_score_collapse_starts_where_the_last_stretch_starts() -> None:
    found = judge([100, 20, 10, 60, 70, 80])
    assert found is not None
    assert (found.kind, found.images_seen) == ("score", 3000)
    assert "80" in found.detail
    assert "10" in found.detail


def test_two_evaluations_are_too_few() -> None:
    assert judge([100, 20, 10, 60, 70]) is None


def test_last_evaluations_must_all_be_above() -> None:
    # The third last lies between 1.2 b = 12 and 2 b = 20: no return, but not above the threshold either.
    assert judge([100, 10, 60, 60, 15, 70, 70]) is None


def test_stretch_reaches_back_over_a_dip_that_was_no_return() -> None:
    found = judge([100, 10, 60, 15, 70, 70, 70])
    assert found is not None
    assert found.images_seen == 2000


def test_return_separates_spike_from_collapse() -> None:
    scores = [100, 10, 60, 11, 70, 75, 72]
    found = judge(scores)
    assert found is not None
    assert found.images_seen == 4000
    assert found_spikes(scores) == [Spike(images_seen=2000, returned=3000, peak=60)]


def test_recovered_run_has_spikes_only() -> None:
    scores = [100, 10, 60, 80, 70, 65, 9, 10]
    assert judge(scores) is None
    assert found_spikes(scores) == [Spike(images_seen=2000, returned=6000, peak=80)]


def test_noise_of_the_evaluation_widens_the_threshold() -> None:
    # b + 5 sd = 10 + 5 * 20 = 110 is above 60.
    assert judge([100, 10, 60, 60, 60], sd=20) is None


def test_score_that_can_be_negative() -> None:
    # A kernel distance: b = -0.001, so b + 5 sd = 0.004 is the threshold.
    assert judge([0.5, -0.001, 0.003, 0.003, 0.003], sd=0.001) is None
    found = judge([0.5, -0.001, 0.1, 0.1, 0.1], sd=0.001)
    assert found is not None
    assert found.images_seen == 2000


def test_variance_collapse() -> None:
    found = judge([100, 50, 50, 50], [0.01, 0.9, 0.04, 0.01])
    assert found is not None
    assert (found.kind, found.images_seen) == ("variance", 2000)


def test_low_variance_that_recovers_is_none() -> None:
    assert judge([100, 50, 50, 50], [0.01, 0.9, 0.01, 0.5]) is None


def test_untrained_start_never_counts() -> None:
    assert judge([100], [0.01]) is None
    found = judge([100, 90], [0.01, 0.01])
    assert found is not None
    assert found.images_seen == 1000


def test_empty_series() -> None:
    assert verdict([], [], [], []) is None
    assert spikes([], [], []) == []


def test_series_of_unequal_length_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="argument"):
        verdict([0, 1], [1.0, 2.0], [0.1], [1.0, 1.0])


def test_low_variance_that_still_rises_is_a_run_that_is_learning() -> None:
    assert judge([100] * 7, ratios=[0, 0, 0.0002, 0.0007, 0.0021, 0.0036, 0.0043]) is None  # doubled since halfway
    assert judge([100] * 3, ratios=[0.0, 0.010, 0.020]) is None
    stuck = judge([100] * 3, ratios=[0.0, 0.010, 0.0199])
    assert stuck is not None
    assert stuck.kind == "variance"


def test_variance_that_was_lost_is_a_collapse_however_it_jitters() -> None:
    lost = judge([100] * 4, ratios=[0.0, 0.5, 1e-6, 5e-6])
    assert lost is not None
    assert (lost.kind, lost.images_seen) == ("variance", 2000)


def test_wavering_near_the_best_is_no_collapse() -> None:
    # 5 is ten times the best, but training had brought the score from 100 to 0.5 and keeps 95 % of that.
    assert judge([100, 0.5, 5, 5, 5], sd=0.01) is None
    assert judge([100, 0.5, 10, 10, 10], sd=0.01) is not None


def found(variance: float | None = 1.0, copies: float | None = 0.0, perfect: float | None = 0.001) -> str:
    return lifeless(
        [
            Diagnostic(name="feature_variance_ratio", value=variance, perfect=1.0, n=500),
            Diagnostic(name="duplicate_rate", value=copies, perfect=perfect, n=500),
        ]
    )


def test_samples_that_are_all_alike_are_told_without_a_look_at_the_past() -> None:
    # the run that was still learning, above, ended at 0.43 % of the real variance
    assert found(variance=0.0043, copies=1.0) == "feature variance is 0.43 % of the real one, 100 % of the samples have a near-copy"
    assert found(variance=VARIANCE_FLOOR) == "" and found(variance=0.049) == "feature variance is 4.9 % of the real one"


def test_a_few_images_repeated_are_told_though_they_differ_much() -> None:
    # two images far apart vary as much as real ones do
    assert found(variance=1.2, copies=1.0) == "100 % of the samples have a near-copy"
    # n examples of k: 1 - (1 - 1/k)^(n - 1) is 0.9 for n = 500 and k = 217 (500 / 2.3), and 0.63 for k = 500
    assert pytest.approx(COPIES, abs=0.001) == 1 - (1 - 1 / 217) ** 499
    assert found(copies=0.63) == "" and found(copies=0.91) != ""


def test_data_that_repeat_themselves_and_values_that_are_undefined_say_nothing() -> None:
    assert found(copies=1.0, perfect=0.95) == ""
    assert found(variance=None, copies=None, perfect=None) == "" and lifeless([]) == ""
    assert found(copies=1.0, perfect=None) != ""


def test_the_reason_names_the_score_that_was_lost() -> None:
    seen = list(range(6))
    found = verdict(seen, [100.0, 10.0, 40.0, 50.0, 60.0, 70.0], [0.1] * 6, [1.0] * 6, "FD of the raw weights")
    assert found is not None and found.detail == "FD of the raw weights ended at 70 after a best of 10, and never returned"
