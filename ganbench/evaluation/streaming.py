"""How are examples scored batch by batch, in anybody's training loop?"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy.typing as npt

from ganbench.distributed import ALONE
from ganbench.environment import chosen_device
from ganbench.errors import DataError, RequestError
from ganbench.evaluation.evaluator import Evaluator, Plan
from ganbench.evaluation.needs import problem
from ganbench.evaluation.notes import changed, remark
from ganbench.evaluation.passes import CachedPass
from ganbench.evaluation.result import Scores
from ganbench.evaluation.score import Findings, Silent, by_extractor, collect, references, tell
from ganbench.evaluation.sets import Examples, NamedSet, notes_on, open_set
from ganbench.evaluation.settings import settings_from
from ganbench.evaluation.streams import Stream
from ganbench.metrics.base import load_metric
from ganbench.plan.facts import ROLES, Need, Role, facts
from ganbench.plan.requests import requested
from ganbench.precision import exact
from ganbench.sources.conversion import ValueRange, as_array, as_examples
from ganbench.sources.given import matrix

MAX_EXAMPLES = 50_000
"""Default number of examples of each set that are used, as in the literature."""
TOLERATED = 0.25
"""How far a later batch may exceed the value range of the first one, as a share of the range: that of ``conversion.OVERSHOOT``."""


class ScoreMeter:
    """Scores generated examples batch by batch, with the values of :func:`ganbench.score` for the same examples.

    Only features are kept, of at most ``max_examples`` examples a set; of metrics that need no more than mean and covariance, such as FID,
    only these. The reference set is analysed once, however often the scores are computed. Random states are left alone.

    >>> meter = ScoreMeter(["fd"], extractor="identity")
    >>> rng = np.random.default_rng(0)
    >>> for _ in range(5):
    ...     meter.update(real=rng.normal(size=(100, 2)), fake=rng.normal(size=(100, 2)))
    >>> round(float(meter.compute()["fd"]), 1)
    0.0
    >>> meter.reset()  # forgets the generated examples, for the next evaluation

    Args:
        metrics: Names as for :func:`ganbench.score`.
        real: The reference set as for :func:`ganbench.score`; None takes what ``update(real=...)`` gives.
        max_examples: Largest number of examples of each set; later ones are left out, with a note.
        **settings: Fields of :class:`Settings` (``extractor``, ``device``, ``value_range``, ...).

    Raises:
        RequestError: The request is invalid, or a metric needs more than features: images, labels or the generator.
    """

    @exact()
    def __init__(
        self, metrics: Sequence[str] | str, *, real: Examples | None = None, max_examples: int = MAX_EXAMPLES, **settings: Any
    ) -> None:
        self._settings = settings_from(settings)
        names = metrics.split(",") if isinstance(metrics, str) else metrics
        self._device = chosen_device(self._settings.device)
        self._given = None if real is None else open_set("real", real, self._settings, self._device)
        self._ranges: dict[Role, ValueRange] = {}
        self._parts = []
        requests = requested(names, self._settings.extractor, self._settings.features)
        for extractor, own in by_extractor(requests, self._settings, self._device):
            wanted: set[Need] = {need for one in own for role in ROLES for need in facts(one.metric).needs(role)}
            if beyond := sorted(wanted - {"features", "moments", "probabilities", "spatial"}):
                raise RequestError(f"ScoreMeter keeps features only, and {own[0].name!r} needs {', '.join(beyond)}; call ganbench.score")
            loaded = {one: load_metric(one.metric) for one in own}
            plan = Plan(extractor=extractor, metrics=loaded, device=self._device, seed=self._settings.seed, weights=self._settings.weights)
            self._parts.append(_Part(plan, max_examples))

    @exact()
    def update(self, *, real: Any = None, fake: Any = None, held_out: Any = None) -> None:
        """Adds a batch to one set or to several.

        Args:
            real: Real examples, an array or tensor as for :func:`ganbench.score`.
            fake: Generated examples.
            held_out: Real examples that the generator was not trained on.

        Raises:
            RequestError: The reference set was given to the constructor already.
            DataError: The batch has another form than those before, or an ambiguous range.
        """
        given: dict[Role, Any] = {"real": real, "generated": fake, "held-out": held_out}
        if real is not None and self._given is not None:
            raise RequestError("the reference set was given to ScoreMeter(real=...) already; leave real= out of update")
        for role, batch in given.items():
            if batch is None or len(batch) == 0:
                continue
            name = f"the {role} batches"
            examples, notes = self._converted(role, batch, name)
            for part in self._parts:
                part.add(role, name, examples, notes, self._settings.features)

    def _converted(self, role: Role, batch: Any, name: str) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
        """The examples of a batch, in the value range of the first one, and what was assumed about them."""
        if self._settings.features:
            return matrix(as_array(batch), name).numpy(), ()
        before = self._ranges.get(role)
        found = as_examples(batch, name, self._settings.value_range or before)
        if before is not None and self._settings.value_range is None and any("clipped" in note for note in found.notes):
            low, high, (black, white) = float(batch.min()), float(batch.max()), before
            if max(black - low, high - white) > TOLERATED * (white - black):
                raise DataError(
                    f"{name}: values from {low:.3g} to {high:.3g} after batches taken as images in [{black:g}, {white:g}]; "
                    "name the values of black and white: ScoreMeter(..., value_range=(-1, 1))"
                )
        if found.value_range is not None:
            self._ranges[role] = found.value_range
        return found.examples, found.notes

    @exact()
    def compute(self) -> Scores:
        """The scores of all batches so far; updates may go on afterwards.

        Raises:
            RequestError: No generated examples were given, or the sets do not meet the needs of a metric.
        """
        findings = Findings()
        with ExitStack() as stack:
            look = CachedPass(
                settings=self._settings, device=self._device, ranks=ALONE, meter=lambda name, n: Silent(), stack=stack, notes=findings.notes
            )
            for part in self._parts:
                part.score(self._given, look, findings)
        tell(findings, explicit=True)
        return findings.result()

    def reset(self, *, reference: bool = False) -> None:
        """Forgets the generated examples, and with ``reference`` also the real ones that updates gave."""
        for part in self._parts:
            part.forget(reference)


class _Part:
    """The metrics of one extractor, and the features of every set."""

    def __init__(self, plan: Plan, limit: int) -> None:
        self.plan, self.limit = plan, limit
        self.streams: dict[Role, Stream] = {}
        self.evaluator: Evaluator | None = None

    def add(self, role: Role, name: str, examples: npt.NDArray[Any], notes: tuple[str, ...], are_features: bool) -> None:
        if role not in self.streams:
            self.streams[role] = Stream(name, self.plan.extractor, self.plan.device, self.plan.sketched, self.limit)
        self.streams[role].add(examples, notes, are_features)
        if role != "generated":
            self.evaluator = None  # the reference has changed

    def forget(self, reference: bool) -> None:
        self.streams = {} if reference else {role: stream for role, stream in self.streams.items() if role != "generated"}
        if reference:
            self.evaluator = None

    def score(self, reference: NamedSet | None, look: CachedPass, findings: Findings) -> None:
        sets: dict[Role, NamedSet] = {role: NamedSet.whole(role, stream) for role, stream in self.streams.items()}
        if reference is not None:
            sets["real"] = reference
        if "generated" not in sets:
            raise RequestError("no generated examples yet; call update(fake=batch) before compute()")
        for request, metric in self.plan.metrics.items():
            if why := problem(metric, self.plan.extractor, sets):
                here = why.replace("--real SET", "update(real=batch)").replace("--held-out SET", "update(held_out=batch)")
                raise RequestError(f"{request.name!r} {here}")
        if self.evaluator is None:
            self.evaluator = Evaluator(self.plan, [one for role, one in sets.items() if role != "generated"], look)
        evaluated = self.evaluator(sets["generated"], {"seed": self.plan.seed, **references(self.evaluator.others)})
        assert evaluated is not None
        findings.notes += [note for one in sets.values() for note in notes_on(one)]
        findings.notes += map(remark, self.plan.extractor.notes)
        findings.notes += [changed(stream.left_out) for stream in self.streams.values() if stream.left_out]
        collect(evaluated, findings)
