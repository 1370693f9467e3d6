"""How does a training loop of one's own leave a result that can be compared and guarded?"""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ganbench.diagnostics.collapse import verdict
from ganbench.errors import GanbenchError, RequestError, UnknownName
from ganbench.results.bank import Measure, Outcome, Recipe, Value, recipe_slug, rounded, write_recipe
from ganbench.statistics.series import final_over_best, volatility
from ganbench.storage import writable_folder

Kind = Literal["distance", "lower", "higher"]
"""How a measure is read. ``distance``: lower is better and above 0, and changes count as shares, as of FID or a loss. ``lower`` and
``higher`` say which direction is better, and changes count as differences, as of an accuracy."""
LONGEST = 80
"""Letters of a name: both are part of the name of a file."""
KINDS: tuple[Kind, ...] = ("distance", "lower", "higher")


class RunLog(AbstractContextManager["RunLog"]):
    """The log of one run; it is written when the block ends. See :func:`log_run`."""

    def __init__(self, folder: Path, recipe: Recipe, seed: int) -> None:
        self._folder, self._recipe, self._seed = folder, recipe, seed
        self._steps: list[int] = []
        self._series: dict[str, list[float]] = {name: [] for name in recipe.measures}
        self._failure = ""
        self._images_per_s: float | None = None

    @property
    def images_per_s(self) -> float | None:
        """Real images a second in training steps, if known."""
        return self._images_per_s

    @images_per_s.setter
    def images_per_s(self, rate: float | None) -> None:
        self._images_per_s = None if rate is None else _number("images_per_s", rate)

    def log(self, step: int, **values: float) -> None:
        """Adds measurements; the last ones are the run's result.

        Args:
            step: Number of steps or images so far; it must not fall.
            values: Measures by name, numbers or scalar tensors.

        Raises:
            UnknownName: A measure was not announced.
            RequestError: Measures are missing, or the step falls.
        """
        if unknown := [name for name in values if name not in self._series]:
            raise UnknownName("measure", unknown[0], self._series, "those that log_run announced")
        if missing := [name for name in self._series if name not in values]:
            raise RequestError(f"step {step}: {missing[0]!r} is missing; every call of log takes all measures that log_run announced")
        if self._steps and step < self._steps[-1]:
            raise RequestError(f"step {step} comes after step {self._steps[-1]}; log in the order of training")
        numbers = {name: _number(name, value) for name, value in values.items()}
        for name, number in numbers.items():
            if self._recipe.measures[name].relative and number < 0:
                raise RequestError(f"step {step}: {name} = {number:g} is below 0, so that it is no distance; announce it as 'lower'")
        self._steps.append(int(step))
        for name, number in numbers.items():
            self._series[name].append(number)
            if not math.isfinite(number):
                self.fail(f"diverged after {step:,}: {name} is not finite")

    def fail(self, why: str) -> None:
        """Marks the run as failed, for a reason that the measures do not tell; the first reason counts."""
        self._failure = self._failure or _readable(str(why))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Writes the run, also one that ended with an error of the training.

        Not one that was interrupted, stopped by a fault of the machine, or ended by a wrong call of this log.
        """
        if error is not None and (not isinstance(error, Exception) or isinstance(error, OSError | MemoryError | GanbenchError)):
            return
        if error is not None:
            self.fail(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        if not self._steps:
            self.fail("ended without a measurement")
        if collapsed := self._collapse():
            self.fail(collapsed)
        write_recipe(self._folder, self._with_outcome(), f"{recipe_slug(self._recipe)}-s{self._seed}")

    def _collapse(self) -> str:
        """Applies the rule for scores that worsened and never returned to the first measure, if it is a distance."""
        name, known = next(iter(self._recipe.measures.items()))
        series = self._series[name]
        if not known.relative or not series or not all(map(math.isfinite, series)):
            return ""
        found = verdict(self._steps, series, [0.0] * len(series), [1.0] * len(series))
        return f"collapsed after {found.images_seen:,}: {found.detail}" if found else ""

    def _with_outcome(self) -> Recipe:
        name, known = next(iter(self._recipe.measures.items()))
        series = [value for value in self._series[name] if math.isfinite(value)]
        gap, unrest = final_over_best(series, known.higher_is_better), volatility(self._steps, self._series[name])
        outcome = Outcome(
            seed=self._seed,
            failure=self._failure,
            values={key: Value(value=rounded(values[-1])) for key, values in self._series.items() if values and math.isfinite(values[-1])},
            final_over_best=None if gap is None else rounded(gap),
            volatility=None if unrest is None else rounded(unrest),
            images_per_s=self.images_per_s and rounded(self.images_per_s),
        )
        return Recipe(
            method=self._recipe.method,
            data=self._recipe.data,
            settings=self._recipe.settings,
            measures=self._recipe.measures,
            outcomes=(outcome,),
        )


def log_run(
    out: str | Path,
    *,
    method: str,
    data: str,
    seed: int,
    measures: Mapping[str, Kind],
    settings: Mapping[str, Any] | None = None,
) -> RunLog:
    """Opens the log of one run of any training loop, so that ``ganbench compare`` and ``ganbench gate`` can read it.

    >>> import tempfile
    >>> with log_run(tempfile.mkdtemp(), method="mine", data="faces", seed=0, measures={"fid": "distance"}) as run:
    ...     for step, fid in ((1_000, 80.0), (2_000, 60.0)):
    ...         run.log(step, fid=fid)

    Args:
        out: Folder; every run becomes one small JSON file there.
        method: Name of the method.
        data: Name of the data.
        seed: Seed of the run.
        measures: What will be logged, the deciding measure first: "distance" (lower is better and above 0, as FID), "lower" or "higher".
        settings: Settings of the training, so that a change of them is named; numbers, text, true or false, and lists of these.

    Returns:
        A context manager with ``log(step, **values)``. A run that ends with an error is written as failed, and the error goes on; one that
        is interrupted is not written.

    Raises:
        RequestError: A measure or setting does not fit, or the folder has this run already: a run is never repeated to get a better one.
    """
    if not measures or not isinstance(measures, Mapping):
        raise RequestError("log_run takes at least one measure, as measures={'fid': 'distance'}")
    for name, kind in measures.items():
        if kind not in KINDS:
            raise UnknownName(f"kind of the measure {name!r}", str(kind), KINDS)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise RequestError(f"seed = {seed!r}: a whole number from 0 is wanted")
    recipe = Recipe(
        method=_name("method", method),
        data=_name("data", data),
        settings=_plain(settings or {}),
        measures={
            name: Measure(label=name, higher_is_better=kind == "higher", relative=kind == "distance") for name, kind in measures.items()
        },
        outcomes=(),
    )
    folder = writable_folder(Path(out), "out")
    path = folder / f"{recipe_slug(recipe)}-s{seed}.json"
    if path.exists():
        raise RequestError(f"{path}: this run is there already, and no run is repeated; take another seed or another folder")
    return RunLog(folder, recipe, seed)


def _number(name: str, value: Any) -> float:
    """A measurement as a number, which need not be finite.

    Raises:
        RequestError: It is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise RequestError(f"{name} = {_readable(repr(value))[:60]}: a number is wanted, or a tensor of one") from None


def _name(what: str, text: str) -> str:
    """A name that can be part of the name of a file.

    Raises:
        RequestError: It is not.
    """
    if not isinstance(text, str) or not text or len(text) > LONGEST or _readable(text) != text:
        raise RequestError(f"{what} = {_readable(repr(text))[:60]}: a text of at most {LONGEST} letters is wanted")
    return text


def _readable(text: str) -> str:
    """A text without what no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a bank keeps them.

    Raises:
        RequestError: One is neither a number nor text, nor a list of these.
    """
    plain = {}
    for key, value in settings.items():
        one = tuple(value) if isinstance(value, tuple | list) else value
        parts = one if isinstance(one, tuple) else (one,)
        if not all(part is None or isinstance(part, bool | int | float | str) for part in parts):
            raise RequestError(f"setting {key!r} is a {type(value).__name__}; give numbers, text, true or false, or lists of these")
        if any(isinstance(part, float) and not math.isfinite(part) for part in parts):
            raise RequestError(f"setting {key!r} is not finite; write it as text")
        if one is not None:
            plain[_readable(str(key))] = _readable(one) if isinstance(one, str) else one
    return plain
