"""Is something wrong with a training, and since when? (rules over its signals, in one table with a source each)

An alarm is a finding, not a verdict: it changes no score and no rank. Signals come from the steps (``ganbench.training.watch`` and
``movement``), from the networks at evaluations (``ganbench.diagnostics.networks``), and from the evaluations themselves.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ganbench.diagnostics.collapse import spikes
from ganbench.results.record import Alarm

Signals = Mapping[str, float]
Series = Sequence[tuple[int, float]]
"""Values by images seen, in order."""


@dataclass(frozen=True, kw_only=True)
class History:
    """The signals of a run, in order."""

    ticks: Sequence[tuple[int, Signals]] = ()
    """Means over the steps of every tick, by images seen."""
    probes: Sequence[tuple[int, Signals]] = ()
    """Signals of the networks at every evaluation."""
    variance: Series = ()
    """Feature variance of the raw weights' examples over that of real ones, at every evaluation."""
    scores: Sequence[tuple[int, float, float]] = ()
    """Images seen, the raw weights' first distance and its standard deviation, at every evaluation."""
    scored: str = "the score"
    """What these scores are called."""
    final_over_best: float | None = None
    """How many times worse the final score is than the best one; 1 where noise explains the difference."""

    def of_ticks(self, name: str) -> Series:
        """One signal of the steps."""
        return [(seen, signals[name]) for seen, signals in self.ticks if name in signals]

    def of_probes(self, name: str) -> Series:
        """One signal of the networks."""
        return [(seen, signals[name]) for seen, signals in self.probes if name in signals]


Finder = Callable[[History], Iterator[tuple[int, str]]]
"""Yields where a rule begins to hold (images seen), and what was seen there."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When there is an alarm."""

    name: str
    meaning: str
    source: str
    """Paper and section, or a measurement or convention of this project."""
    find: Finder


def known(signals: Mapping[str, float | None]) -> dict[str, float]:
    """Signals without those that were not finite, which a log holds as null."""
    return {name: value for name, value in signals.items() if value is not None}


def alarms(history: History) -> tuple[Alarm, ...]:
    """The alarms of a run, one for each rule and signal: the first time that it holds; in the order of their beginnings."""
    found = [Alarm(rule=rule.name, images_seen=seen, detail=detail) for rule in RULES for seen, detail in rule.find(history)]
    return tuple(sorted(found, key=lambda alarm: alarm.images_seen))


def lasting(series: Series, holds: Callable[[float], bool], times: int) -> tuple[int, float] | None:
    """The first of ``times`` consecutive values for which a condition holds; None if it never does so long."""
    row: list[tuple[int, float]] = []
    for point in series:
        row = [*row, point] if holds(point[1]) else []
        if len(row) == times:
            return row[0]
    return None


def against_past(series: Series, holds: Callable[[float, float], bool], times: int = 1) -> tuple[int, float, float] | None:
    """The first of ``times`` consecutive values that compare so with the median of all before; needs three before it."""
    row: list[tuple[int, float, float]] = []
    past: list[float] = []
    for seen, value in series:
        usual = median(past) if len(past) >= PAST else None
        if usual is not None and holds(value, usual):
            row.append((seen, value, usual))
        else:
            row = []
            past.append(value)
        if len(row) == times:
            return row[0]
    return None


PAST = 3
"""Ticks from which the usual size of a signal is known."""
DEAD = 1e-6
"""Spread of a discriminator's values, relative to 1 and to their mean, below which it tells nothing from nothing."""
KNOWN, UNKNOWN = 0.95, 0.6
"""Shares of training and of held-out examples that are called real: in BigGAN's trainings 98 % and 50 to 55 %."""
OVERFITTED, APART = 0.5, 0.5
"""r_v from which a discriminator counts as overfitted, where the values of real and generated examples are this many sd apart."""
SATURATED = 0.01
VANISHING, EXPLODING = 1e-3, 100.0
DROP, THIN = 5.0, 0.2
LATE = 1.5
JUMP, RANK_LOSS = 3.0, 1 / 3
PINNED = 0.8
GROWN = 10.0
NETWORKS = ("generator", "discriminator")


def _dead(history: History) -> Iterator[tuple[int, str]]:
    both = [
        (seen, max(one["logit_sd/real"] / (1 + abs(one["logit/real"])), one["logit_sd/fake"] / (1 + abs(one["logit/fake"]))))
        for seen, one in history.ticks
        if {"logit_sd/real", "logit_sd/fake"} <= one.keys()
    ]
    if found := lasting(both, lambda spread: spread < DEAD, 2):
        yield found[0], "the discriminator gives all examples one value"


def _memorised(history: History) -> Iterator[tuple[int, str]]:
    pairs = [(seen, one) for seen, one in history.probes if {"real/train", "real/held_out"} <= one.keys()]
    known = [(seen, float(one["real/train"] > KNOWN and one["real/held_out"] < UNKNOWN)) for seen, one in pairs]
    if found := lasting(known, bool, 2):
        one = dict(pairs)[found[0]]
        yield found[0], f"calls {one['real/train']:.0%} of the training and {one['real/held_out']:.0%} of the held-out examples real"


def _overfitted(history: History) -> Iterator[tuple[int, str]]:
    clear = [
        (seen, one["r_v"])
        for seen, one in history.probes
        if "r_v" in one and one["value/train"] - one["value/fake"] > APART * one["value_sd"]
    ]
    if found := lasting(clear, lambda share: share > OVERFITTED, 2):
        yield found[0], f"r_v = {found[1]:.2f}: held-out examples are judged nearer to generated than to training examples"


def _saturated(history: History) -> Iterator[tuple[int, str]]:
    if found := lasting(history.of_ticks("loss/discriminator"), lambda loss: 0 <= loss < SATURATED, 3):
        yield found[0], f"the discriminator's loss is {found[1]:.2g}"


def _vanishing(history: History) -> Iterator[tuple[int, str]]:
    if found := against_past(history.of_ticks("grad_norm/generator"), lambda now, usual: now < VANISHING * usual, 2):
        yield found[0], f"the generator's gradient is {found[1]:.2g}, usually {found[2]:.2g}"


def _exploding(history: History) -> Iterator[tuple[int, str]]:
    for name in NETWORKS:
        if found := against_past(history.of_ticks(f"grad_norm/{name}"), lambda now, usual: now > EXPLODING * usual > 0):
            yield found[0], f"the {name}'s gradient is {found[1]:.2g}, usually {found[2]:.2g}"


def _diversity(history: History) -> Iterator[tuple[int, str]]:
    began = [(seen, ratio) for seen, ratio in history.variance if seen > 0]
    for (_, before), (seen, now) in zip(began, began[1:], strict=False):
        if now < before / DROP:
            yield seen, f"feature variance fell from {before:.0%} to {now:.1%} of the real one"
            return
    varied = next((place for place, (_, ratio) in enumerate(began) if ratio >= THIN), len(began))
    if found := lasting(began[varied:], lambda ratio: ratio < THIN, 2):
        yield found[0], f"feature variance is {found[1]:.0%} of the real one"


def _spike(history: History) -> Iterator[tuple[int, str]]:
    if history.scores:
        found = spikes(*zip(*history.scores, strict=True))
        if found:
            yield found[0].images_seen, f"{history.scored} went to {found[0].peak:.4g}, and had returned after {found[0].returned:,} images"


def _late(history: History) -> Iterator[tuple[int, str]]:
    if history.final_over_best is not None and history.final_over_best > LATE and history.ticks:
        yield history.ticks[-1][0], f"the final score of the EMA weights is {history.final_over_best:.1f} times as bad as the best one"


def _jump(history: History) -> Iterator[tuple[int, str]]:
    for name in NETWORKS:
        series = history.of_probes(f"sigma/{name}")
        for (_, before), (seen, now) in zip(series[1:], series[2:], strict=False):  # what begins small grows at first
            if now > JUMP * before > 0:
                yield seen, f"the {name}'s largest singular value rose from {before:.2g} to {now:.2g}"
                break


def _rank(history: History) -> Iterator[tuple[int, str]]:
    series = history.of_probes("rank/discriminator")
    highest = 0.0
    for seen, value in series[1:]:
        if value < RANK_LOSS * highest:
            yield seen, f"the effective rank of a layer of the discriminator fell from {highest:.0%} to {value:.0%}"
            return
        highest = max(highest, value)


def _pinned(history: History) -> Iterator[tuple[int, str]]:
    if found := lasting(history.of_ticks("augment/p"), lambda p: p > PINNED, 3):
        yield found[0], f"augments with probability {found[1]:.2f}"


def _grown(history: History) -> Iterator[tuple[int, str]]:
    for name in NETWORKS:
        series = history.of_ticks(f"weight_norm/{name}")
        first = series[0][1] if series else 0.0
        if first and (found := lasting(series, lambda now, first=first: now > GROWN * first, 2)):  # type: ignore[misc]
            yield found[0], f"the {name}'s weights have grown to {found[1] / first:.0f} times their first norm"


OWN = "this project's convention"
RULES: tuple[Rule, ...] = (
    Rule(
        name="dead discriminator",
        meaning="its values no longer depend on the example; r_t = 0 would look healthy",
        source=f"{OWN}; StyleGAN2-ADA's r_t takes the sign of 0 as 0",
        find=_dead,
    ),
    Rule(
        name="memorised training set",
        meaning="it calls training examples real and held-out ones not",
        source="Brock et al. 2019, section 4.2: 98 % on training against 50 to 55 % on held-out examples",
        find=_memorised,
    ),
    Rule(
        name="overfitted discriminator",
        meaning="held-out examples are judged as generated ones are",
        source=f"Karras et al. 2020, eq. 1 (r_v); the threshold of {OVERFITTED:g} is {OWN}",
        find=_overfitted,
    ),
    Rule(
        name="saturated discriminator",
        meaning="its loss is gone, so that it learns nothing any more",
        source=f"Arjovsky and Bottou 2017, theorems 2.1 and 2.2, on perfect discriminators; the threshold is {OWN}",
        find=_saturated,
    ),
    Rule(
        name="vanishing generator gradient",
        meaning="the generator no longer learns",
        source=f"Arjovsky and Bottou 2017, theorem 2.4; the threshold of {VANISHING:g} of the usual norm is {OWN}",
        find=_vanishing,
    ),
    Rule(
        name="exploding gradient",
        meaning="one tick's gradient dwarfs all before",
        source=f"{OWN}: 100 times the usual norm",
        find=_exploding,
    ),
    Rule(
        name="lost diversity",
        meaning="examples vary much less than they did",
        source=f"{OWN}: a fifth of the last evaluation's feature variance, or below a fifth of the real one twice",
        find=_diversity,
    ),
    Rule(
        name="score spike",
        meaning="the score was lost for a while, and came back",
        source="the collapse rule: twice the best score and five of its standard deviations above it, back to within 20 %",
        find=_spike,
    ),
    Rule(
        name="late loss",
        meaning="the run ended much worse than it had been",
        source=f"{OWN}: 1.5 times the best score; Brock et al. 2019, section 4, take checkpoints from before a collapse",
        find=_late,
    ),
    Rule(
        name="spectral jump",
        meaning="one direction of a layer takes over",
        source=f"Brock et al. 2019, section 4.1: the first singular value explodes at collapse; the factor of {JUMP:g} is {OWN}",
        find=_jump,
    ),
    Rule(
        name="spectral collapse",
        meaning="a layer of the discriminator loses its directions",
        source="Liu et al. 2019, 'Spectral regularization for combating mode collapse in GANs'; the loss of two thirds of the rank is "
        f"{OWN}: sound methods lost up to 62 % (ReACGAN on digits)",
        find=_rank,
    ),
    Rule(
        name="pinned augmentation",
        meaning="the discriminator overfits however much is augmented, and augmentations may leak",
        source="Karras et al. 2020, section 2.2: leaks from p = 0.8",
        find=_pinned,
    ),
    Rule(
        name="growing weights",
        meaning="weights grow without bound",
        source=f"{OWN}: ten times the norm after the first tick",
        find=_grown,
    ),
)
"""All rules; their order is that of tables."""
