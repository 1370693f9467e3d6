"""Are calls timed as they should be? (with a clock that the test moves)"""

from collections.abc import Callable, Iterator

import pytest
import torch

from ganbench.spans import PHASES, heard, span
from ganbench.timing import stopwatch
from ganbench.timing.steady import FEWEST, MOST, repeated
from ganbench.timing.stopwatch import Stopwatch, seconds_of

CPU = torch.device("cpu")


class Clock:
    """A clock that only calls move."""

    now = 0.0

    def takes(self, seconds: float | Iterator[float]) -> Callable[[], None]:
        def call() -> None:
            self.now += seconds if isinstance(seconds, float) else next(seconds)

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: found.now)
    return found


def test_a_part_is_timed_without_the_parts_within_it(clock: Clock) -> None:
    watch = Stopwatch(CPU)
    with watch.span("outer"):
        clock.now += 1.0
        with watch.span("inner"):
            clock.now += 10.0
            with watch.span("outer"):
                clock.now += 100.0
        clock.now += 1_000.0
    clock.now += 1e6
    with watch.span("inner"):
        clock.now += 1e4
    assert watch.seconds() == {"outer": 1_101.0, "inner": 10_010.0}


def test_parts_are_heard_only_where_somebody_listens_and_an_error_ends_them(clock: Clock) -> None:
    watch = Stopwatch(CPU)
    with span("data"):
        clock.now += 1.0
    with heard(watch), pytest.raises(ZeroDivisionError), span("data"):
        clock.now += 2.0
        raise ZeroDivisionError
    with span("data"):
        clock.now += 4.0
    assert watch.seconds() == {"data": 2.0}


def test_a_call_is_warmed_up_until_two_times_in_a_row_are_alike(clock: Clock) -> None:
    def falling() -> Iterator[float]:
        yield from (64.0, 32.0, 16.0, 8.0, 4.0, 2.0)
        while True:
            yield 1.0

    (found,) = repeated([clock.takes(falling())], CPU, 1_000.0)
    assert found.stable and set(found.seconds) == {1.0}


def test_what_never_becomes_stable_is_timed_all_the_same_and_says_so(clock: Clock) -> None:
    def restless() -> Iterator[float]:
        while True:
            yield from (1.0, 2.0)

    (found,) = repeated([clock.takes(restless())], CPU, 10.0)
    assert not found.stable and len(found.seconds) >= FEWEST


@pytest.mark.parametrize(("taken", "seconds", "n"), [(1.0, 20.0, 20), (100.0, 1.0, FEWEST), (1.0, 1e6, MOST)])
def test_the_number_of_repetitions_follows_from_the_time_that_is_set(clock: Clock, taken: float, seconds: float, n: int) -> None:
    (found,) = repeated([clock.takes(taken)], CPU, seconds)
    assert len(found.seconds) == n


def test_short_calls_are_repeated_within_a_repetition(clock: Clock) -> None:
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        clock.now += 0.001

    (found,) = repeated([call], CPU, 1.0)
    assert found.seconds == pytest.approx([0.001] * len(found.seconds))
    assert calls == 2 + 50 * len(found.seconds)  # the warm-up, and 0.05 s in every repetition


def test_calls_take_turns(clock: Clock) -> None:
    order: list[str] = []

    def named(name: str, seconds: float) -> Callable[[], None]:
        def call() -> None:
            order.append(name)
            clock.now += seconds

        return call

    found = repeated([named("a", 1.0), named("b", 2.0)], CPU, 10.0)
    assert order[4:14] == ["a", "b"] * 5
    assert [set(one.seconds) for one in found] == [{1.0}, {2.0}]


def test_seconds_of_a_call(clock: Clock) -> None:
    assert seconds_of(clock.takes(3.0), CPU) == 3.0


def test_the_parts_of_a_step_have_distinct_names() -> None:
    assert len(set(PHASES)) == len(PHASES)
