"""How is one request carried out, from sources to scores and warnings?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy.typing as npt
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.root import data_root
from ganbench.diagnostics.classes import class_diagnostics, class_histogram
from ganbench.diagnostics.diversity import diversity_diagnostics
from ganbench.distributed import Ranks
from ganbench.environment import Runtime, chosen_device, exact_products
from ganbench.errors import DataError, Diverged, RequestError
from ganbench.evaluation import checks
from ganbench.evaluation.agreement import Agreement
from ganbench.evaluation.fast import measured
from ganbench.evaluation.needs import of_role, problem
from ganbench.evaluation.requests import FEATURES, IMAGES, OFFLINE, Request, requested
from ganbench.evaluation.scores import scored
from ganbench.evaluation.sets import Declared, Named, compared, nothing, reader, selected, side_of
from ganbench.evaluation.settings import Scores, Settings, Statistics
from ganbench.features.base import Extractor, load_extractor
from ganbench.features.cache import Store, cache_root
from ganbench.features.extraction import Extraction, Meter, extracted
from ganbench.metrics.base import Metric
from ganbench.registry import NO_NETWORK, load_metric
from ganbench.results.record import Finding, Score
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features
from ganbench.sets.moments import Moments
from ganbench.sets.source import Selection, Source
from ganbench.sources.given import FeatureFile, StatisticsFile
from ganbench.sources.opening import Opening, opened_array, opened_source
from ganbench.sources.stats import merged, write_statistics

DIAGNOSED_CLASSES = 100
"""Classes at most of a classifier whose histogram says something at the usual numbers of examples."""
Examples = str | Path | npt.NDArray[Any] | Tensor
MeterFor = Callable[[str, int], Meter]
"""Opens a meter for a set's name and number of examples."""


class Session:
    """One request in progress."""

    def __init__(self, settings: Settings, ranks: Ranks, meter: MeterFor, stack: ExitStack) -> None:
        self.settings, self.ranks, self.meter, self.stack = settings, ranks, meter, stack
        self.device = chosen_device(Runtime(device=settings.device))
        exact_products()
        self.warnings: list[str] = []
        self.failures: list[str] = []
        self.agreements: list[Agreement] = []
        self.diagnostics: list[Finding] = []

    def run(self, named: Mapping[str, Examples | None], metrics: Sequence[str] | None) -> Scores:
        """Opens, extracts, compares, checks."""
        if isinstance(metrics, str):
            metrics = metrics.split(",")
        requests = requested(metrics, self.settings.extractor, self.settings.features)
        sets = {role: self._open(role, given) for role, given in named.items() if given is not None}
        if self.settings.verify and any(isinstance(one.opened, StatisticsFile) for one in sets.values()):
            raise RequestError("torch-fidelity verifies with features of both sets; give the real examples themselves, not statistics")
        scores: list[Score] = []
        names = tuple(dict.fromkeys(request.extractor for request in requests))
        extractors = [self._extractor(name, alone=len(names) == 1) for name in names]  # before any pass, so that none is refused after one
        for name, extractor in zip(names, extractors, strict=True):
            scores += self._with(extractor, [request for request in requests if request.extractor == name], sets, metrics is not None)
        for one in sets.values():
            self.warnings += one.opened.notes if isinstance(one.opened, StatisticsFile) else []
        if not self.ranks.first:
            return Scores(scores=(), warnings=())
        return Scores(
            scores=tuple(scores),
            warnings=tuple(dict.fromkeys(self.warnings)),
            failures=tuple(self.failures),
            agreements=tuple(self.agreements),
            diagnostics=tuple(dict.fromkeys(self.diagnostics)),
        )

    def statistics(self, sources: Sequence[str], out: Path) -> Statistics:
        """Merges the moments of sets and writes them."""
        name = self.settings.extractor or (FEATURES if self.settings.features else IMAGES)
        if twice := next((text for text in sources if sources.count(text) > 1), None):
            raise RequestError(f"{twice!r} is named twice, and its examples would count twice; name it once")
        extractor = self._extractor(name)
        found: list[Moments] = []
        contents: list[str] = []
        for text, one in [(text, self._open("real", text)) for text in sources]:
            one.needs = {"moments"}
            features, _ = self._features(extractor, one, streams=True)
            if not self.ranks.first:
                continue
            self.warnings += one.opened.notes if not isinstance(one.opened, FeatureFile) else []
            found.append(Reference(features).moments)
            contents.append(str(one.opened.content))
            if not found[-1].n:
                raise DataError(f"{text!r} does not say on how many images it rests, so it cannot be merged; make it again from the images")
        if self.ranks.first:
            write_statistics(out, reduce(merged, found), made_by(extractor), contents)
        return Statistics(
            n=sum(one.n for one in found), width=len(found[0].mean) if found else 0, warnings=tuple(dict.fromkeys(self.warnings))
        )

    def _open(self, role: str, given: Examples) -> Named:
        settings = self.settings
        text = str(given) if isinstance(given, str | Path) else f"the {role} array"
        n = settings.n if role == "generated" else settings.n_real if role == "real" else None
        how = Opening(
            root=data_root(settings.data_root),
            device=self.device,
            features=settings.features,
            n=n,
            seed=settings.seed if role != "generated" or settings.seed else None,
            latent_dim=settings.latent_dim,
            resolution=settings.resolution,
            workers=settings.workers,
        )
        opened = opened_source(text, how) if isinstance(given, str | Path) else opened_array(text, given, settings.features)
        if isinstance(opened, StatisticsFile):
            if role != "real":
                raise RequestError(f"{text!r} holds statistics, which can only be the reference; give the {role} examples themselves")
            return Named(role=role, opened=opened, selection=Selection(indices=range(0)))
        if isinstance(opened, Source):
            self.stack.callback(opened.close)
        size = len(opened.features) if isinstance(opened, FeatureFile) else len(opened)
        if n is not None and n > size:
            option = "--n" if role == "generated" else "--n-real"
            raise RequestError(f"{option} {n:,} is more than the {size:,} examples of {text!r}; ask for at most that, or leave it out")
        return Named(role=role, opened=opened, selection=Selection.of(size, n, seeding.stream(settings.seed, f"subset/{role}")))

    def _with(self, extractor: Extractor, requests: Sequence[Request], sets: Mapping[str, Named], explicit: bool) -> list[Score]:
        """Scores of one extractor."""
        metrics = {request: cast(Metric, load_metric(request.metric)) for request in requests}
        metrics = self._possible(metrics, extractor, sets, explicit)
        if not metrics:
            return []
        for one in sets.values():
            one.needs = {need for metric in metrics.values() for need in of_role(metric, one.role)}
            if self.settings.verify:
                one.needs |= {"features", "probabilities"} if extractor.classes else {"features"}
        if _diagnosed(metrics.values()) and 0 < extractor.classes <= DIAGNOSED_CLASSES and "real" in sets:
            sets["real"].needs.add("probabilities")
            sets["generated"].needs.add("probabilities")
        streams = not self.settings.verify and all(metric.streams for metric in metrics.values())
        if streams:
            sets = {role: one for role, one in sets.items() if one.needs}
        extractor.wants_spatial = extractor.gives_spatial and any("spatial" in one.needs for one in sets.values())
        # Statistics first, so that wrong ones are refused before a long pass and not after it.
        order = sorted(sets, key=lambda role: not isinstance(sets[role].opened, StatisticsFile))
        found = {role: self._features(extractor, sets[role], streams) for role in order}
        self.warnings += extractor.notes
        if extractor.dtype != "float32" and self.ranks.first:
            self._measure_shift(extractor, sets)
        if not self.ranks.first:
            return []
        fake = cast(Features, found["generated"][0])
        real = found["real"][0] if "real" in found else nothing(fake.values.shape[1])
        held_out = cast(Features, found["held-out"][0]) if "held-out" in found else None
        comparisons = {place: compared(real, fake, held_out, place) for place in {torch.device("cpu"), self.device}}
        for comparison in comparisons.values():
            comparison.weights = self.settings.weights
        for metric in metrics.values():
            comparisons[self._place(metric)].expect(metric.shares)
        self._check(sets, found, [metric.name for metric in metrics.values()])
        protocol = self._protocol(sets)
        scores, refused = [], list[RequestError]()
        for request, metric in metrics.items():
            try:
                scores.append(scored(metric, request.name, comparisons[self._place(metric)], extractor, self.settings.seed, protocol))
            except Diverged as error:
                self.failures.append(str(error))
            except RequestError as error:  # what one metric cannot do with these sets costs no other its score
                refused.append(error)
        if refused and len(refused) == len(metrics):
            raise refused[0]
        if explicit:
            self.failures += map(str, refused)
        else:
            self.warnings += [f"left out: {error}" for error in refused]
        if _diagnosed(metrics.values()):
            self.diagnostics += _diagnostics(comparisons[self.device])
        if self.settings.verify and extractor.name != NO_NETWORK:
            self._verify(extractor, compared(real, fake, held_out, torch.device("cpu")))
        return scores

    def _measure_shift(self, extractor: Extractor, sets: Mapping[str, Named]) -> None:
        """Says what the fast mode does to FD here."""
        both = [sets[role] for role in ("real", "generated") if role in sets]
        pair = [(one.opened, one.selection) for one in both if isinstance(one.opened, Source)]
        if len(pair) < 2:
            self.warnings.append(f"fast arithmetic ({extractor.dtype}) shifts scores; give real examples to have the shift measured")
            return
        exact = load_extractor(extractor.name, self.settings.weights, self.settings.resize).to(self.device)
        self.warnings.append(f"fast arithmetic ({extractor.dtype}): {measured(extractor, exact, pair, self.device)}")

    def _verify(self, extractor: Extractor, comparison: Comparison) -> None:
        """Lets torch-fidelity recompute what it has."""
        from ganbench.evaluation.agreement import TOLERANCE
        from ganbench.evaluation.verify import agreements

        try:
            found = [replace(agreement, name=f"{agreement.name}·{extractor.name}") for agreement in agreements(comparison)]
        except (ValueError, RuntimeError) as error:  # of its linear algebra or ours, where numbers overflow
            self.failures.append(f"torch-fidelity cannot compute with {extractor.name} features: {' '.join(str(error).split())[:120]}")
            return
        self.agreements += found
        self.failures += [
            f"torch-fidelity disagrees on {one.name}: {one.ours!r} here, {one.theirs!r} there, beyond {TOLERANCE:g}"
            for one in found
            if not one.holds
        ]

    def _place(self, metric: Metric) -> torch.device:
        """Where a metric is computed."""
        return self.device if metric.on_device else torch.device("cpu")

    def _extractor(self, name: str, alone: bool = True) -> Extractor:
        if self.settings.features or name == NO_NETWORK:
            return cast(Extractor, Declared(name))
        try:
            return self._loaded_extractor(name, alone)
        except DataError as error:
            if self.settings.extractor is not None:
                raise
            raise DataError(f"{error}; or score offline with --extractor {', '.join(OFFLINE)}, whose scores are not FID") from None

    def _loaded_extractor(self, name: str, alone: bool) -> Extractor:
        """Options that only some of several extractors take are no mistake."""
        settings = self.settings
        return load_extractor(name, settings.weights, settings.resize, settings.fast, strict=alone).to(self.device)

    def _possible(
        self, metrics: dict[Request, Metric], extractor: Extractor, sets: Mapping[str, Named], explicit: bool
    ) -> dict[Request, Metric]:
        """The metrics that these sets can answer; one that was asked for by name and cannot is refused."""
        possible, left_out = {}, dict[str, list[str]]()
        opened, sizes = {role: one.opened for role, one in sets.items()}, {role: len(one.selection) for role, one in sets.items()}
        for request, metric in metrics.items():
            why = problem(metric, extractor, opened, sizes)
            if why and explicit:
                raise RequestError(f"{request.name!r} {why}")
            if why:
                left_out.setdefault(why, []).append(request.name)
            else:
                possible[request] = metric
        missing = "; ".join(f"{', '.join(names)} ({why})" for why, names in left_out.items())
        if not possible:
            raise RequestError(f"nothing can be scored: {missing}")
        if missing:
            self.warnings.append(f"left out: {missing}")
        return possible

    def _features(self, extractor: Extractor, one: Named, streams: bool) -> tuple[Any, Extraction | None]:
        """What is known of a set, by one extractor; moments alone for statistics."""
        if isinstance(one.opened, StatisticsFile):
            self._check_protocol(one.opened, extractor)
            return one.opened.moments, None
        if isinstance(one.opened, FeatureFile):
            return selected(one.opened.features, one.selection), None
        source = one.opened
        labels = None if source.labels is None else source.labels[list(one.selection.indices)]
        known: dict[str, Any] = {"labels": labels, "images": reader(source, one.selection), "generator": source.generator}
        if extractor.name == NO_NETWORK:
            return Features(values=torch.zeros(len(one.selection), 1), **known), None
        store = Store(self._root(source), self._key(extractor, source, one), len(one.selection))
        extraction = extracted(
            extractor, source, one.selection, store, self.meter(f"{one.role}: {source.name}", store.size), self.ranks, self.settings.batch
        )
        self.warnings += [f"cache entry {line}; it was made again" for line in store.damaged]
        if not self.ranks.first:
            return None, None
        self.warnings += source.notes
        return replace(self._loaded(extraction, one, streams), **known), extraction

    def _loaded(self, extraction: Extraction, one: Named, streams: bool) -> Features:
        """All features, or, for metrics that stream, no more than their moments."""
        names = [name for name, need in (("log_probabilities", "probabilities"), ("spatial", "spatial")) if need in one.needs]
        if not streams:
            return extraction.features(names)
        log_probabilities = extraction.only("log_probabilities").double() if "log_probabilities" in names else None
        return replace(extraction.moments(), log_probabilities=log_probabilities)

    def _root(self, source: Source) -> Path:
        if self.settings.use_cache and source.content is not None:
            return cache_root(self.settings.cache)
        root: str = self.ranks.from_first(self.stack.enter_context(TemporaryDirectory(prefix="ganbench-")) if self.ranks.first else None)
        return Path(root)

    def _key(self, extractor: Extractor, source: Source, one: Named) -> dict[str, Any]:
        """What features depend on: content and protocol, never paths or times."""
        indices = one.selection.indices
        return {
            "content": source.content,
            "selection": None if isinstance(indices, range) else seeding.derive(0, "indices", *indices),
            "extractor": extractor.name,
            "extractor_version": extractor.version,
            "weights": extractor.weights_sha256,
            "source": extractor.source_sha256,
            "resize": extractor.resize,
            "dtype": extractor.dtype,
            "spatial": extractor.wants_spatial,
            "device": self.device.type,
        }

    def _check_protocol(self, statistics: StatisticsFile, extractor: Extractor) -> None:
        for key, value in made_by(extractor).items():
            if statistics.protocol and statistics.protocol.get(key) != value:
                raise DataError(
                    f"{statistics.name!r} was made with {key} = {statistics.protocol.get(key)!r}, and this is {value!r}; "
                    "score with the same extractor and weights, or make the statistics again"
                )
        width = len(statistics.moments.mean)
        if getattr(extractor, "width", 0) not in (0, width):
            raise DataError(
                f"{statistics.name!r} has {width:,} features and {extractor.name!r} {extractor.width:,}; take both from one extractor"
            )
        if not statistics.n_known:
            self.warnings.append(f"{statistics.name!r} does not say on how many images it rests; the interval takes the reference as exact")

    def _check(self, sets: Mapping[str, Named], found: Mapping[str, tuple[Any, Extraction | None]], metrics: Sequence[str]) -> None:
        sides = {role: side_of(sets[role], *found[role]) for role in sets if not isinstance(sets[role].opened, StatisticsFile)}
        for side in sides.values():
            self.warnings += checks.of_one(side)
        for first, second in (("real", "generated"), ("real", "held-out"), ("held-out", "generated")):
            if {first, second} <= sides.keys():
                self.warnings += checks.of_both(sides[first], sides[second])
        n_real = len(found["real"][0]) if "real" in found else 0
        self.warnings += checks.of_numbers(n_real, len(found["generated"][0]), metrics)

    def _protocol(self, sets: Mapping[str, Named]) -> dict[str, Any]:
        """The reference; the generated examples are what is scored, and no part of it."""
        protocol: dict[str, Any] = {"reference": None, "seed": self.settings.seed}
        for role, key in (("real", "reference"), ("held-out", "held_out")):
            if role in sets:
                indices = sets[role].selection.indices
                part = "" if isinstance(indices, range) else f"/{seeding.derive(0, 'indices', *indices):x}"
                protocol[key] = f"{sets[role].opened.content}{part}"
                if isinstance(opened := sets[role].opened, StatisticsFile):
                    protocol["reference_kind"] = "statistics" if opened.protocol else "statistics of unknown protocol"
        return protocol


def _diagnosed(metrics: Iterable[Metric]) -> bool:
    """Whether neighbours are searched anyway, so that diagnostics cost little."""
    return any(share != "kernel" for metric in metrics for share in metric.shares)


def _diagnostics(comparison: Comparison) -> list[Finding]:
    """Collapse diagnostics; of classes against what the classifier makes of the real set."""
    found = diversity_diagnostics(comparison)
    real, fake = comparison.real.log_probabilities, comparison.fake.log_probabilities
    if real is not None and fake is not None:
        found += class_diagnostics(fake, class_histogram(real).double() / len(real))
    return [Finding(**asdict(diagnostic)) for diagnostic in found]


def made_by(extractor: Extractor) -> dict[str, Any]:
    """What a statistics file must share with an extractor."""
    return {
        "extractor": extractor.name,
        "extractor_version": extractor.version,
        "extractor_weights_sha256": extractor.weights_sha256,
        "resize": extractor.resize,
        "feature_dtype": extractor.dtype,
        **({"extractor_source_sha256": extractor.source_sha256} if extractor.source_sha256 else {}),
    }
