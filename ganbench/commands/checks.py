"""Is a request well formed, as far as can be told without torch? (so that a misspelt one is refused within a second)

The full checks stand where the work is done, and ask the same functions; these come before torch is imported.
"""

from collections.abc import Sequence
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.evaluation.settings import Looks
from ganbench.plan.facts import Role, facts
from ganbench.plan.requests import FEATURES, IMAGES, requested
from ganbench.plan.runtime import check_device
from ganbench.plan.spec import read_spec
from ganbench.plan.variant_config import class_target, config_definition
from ganbench.registry import EXTRACTORS, GAMES
from ganbench.sources.naming import check_named, check_target
from ganbench.storage import check_folder, check_parent
from ganbench.targets import Target

LARGEST_STEP = 10.0
"""Of ``ganbench dirac``; gradient descent in turn leaves its orbit at 4."""
LARGEST_STRENGTH = 1e6
"""Of its regularisers; those of papers are up to 100."""


def check_score(sets: dict[Role, str | None], metrics: Sequence[str] | None, verify: str | None, settings: Looks) -> None:
    """Checks names, paths and options of ``ganbench score``.

    Raises:
        RequestError: The request is invalid.
    """
    if verify not in (None, "torch-fidelity"):
        raise RequestError(f"--verify {verify}: the only library to verify with is torch-fidelity; write --verify torch-fidelity")
    if verify and sets["real"] is None:
        raise RequestError("--verify compares two sets; name the real one with --real")
    given = {role: text for role, text in sets.items() if text is not None}
    requests = requested(metrics, settings.extractor, settings.features)
    for name in dict.fromkeys(request.extractor for request in requests):
        if target := Target.of_file(name):
            target.check("extractor")
    for text in given.values():
        check_named(text, settings.features)
    _check_looks(settings)
    for request in requests if metrics is not None else ():
        if absent := facts(request.metric).absent(given):
            raise RequestError(f"{request.name!r} {absent}")


def check_statistics(sources: Sequence[str], out: Path, settings: Looks) -> None:
    """Checks names, paths and options of ``ganbench stats``.

    Raises:
        RequestError: The request is invalid.
    """
    check_target(out)
    name = settings.extractor or (FEATURES if settings.features else IMAGES)
    EXTRACTORS.target(name)
    if target := Target.of_file(name):
        target.check("extractor")
    for text in sources:
        check_named(text, settings.features)
    _check_looks(settings)


def check_diagnosis(sets: dict[Role, str | None], settings: Looks, out: Path | None) -> None:
    """Checks names, paths and options of ``ganbench diagnose``.

    Raises:
        RequestError: The request is invalid.
    """
    name = settings.extractor or (FEATURES if settings.features else IMAGES)
    EXTRACTORS.target(name)
    if target := Target.of_file(name):
        target.check("extractor")
    for text in sets.values():
        if text is not None:
            check_named(text, settings.features)
    _check_looks(settings)
    if out is not None:
        check_folder(out, "--out")


def check_drawing(run: str, out: Path, device: str) -> None:
    """Checks the run and the folder of ``ganbench generate`` and ``ganbench latents``.

    Raises:
        RequestError: There is no such run, it has no checkpoint, or the folder holds examples already.
    """
    check_device(device)
    check_drawable(run)
    _check_unused(out)


def check_drawable(run: str) -> Path:
    """Checks that a run is there and has a checkpoint.

    Returns:
        Its directory.

    Raises:
        RequestError: There is no such run, or it has no checkpoint.
    """
    folder = run_folder(run)
    if not (folder / "spec.json").is_file():
        raise RequestError(f"{folder}: is no run directory, which holds a spec.json; give one of those below OUT/runs")
    spec = read_spec(folder)
    config_definition(class_target(spec.variant))
    if not any((folder / "checkpoints").glob("[0-9]*")):
        raise RequestError(f"{folder}: the run has no checkpoint yet; run it first: ganbench run --spec {folder}/spec.json --out {folder}")
    return folder


def check_dirac(games: str, step_size: float, strengths: Sequence[str], out: Path | None) -> list[tuple[str, float]]:
    """Checks names, numbers and the folder of ``ganbench dirac``.

    Returns:
        Names and values of the strengths.

    Raises:
        RequestError: The request is invalid.
    """
    GAMES.target(games)
    if target := Target.of_file(games):
        target.check("game")
    if not 0 < step_size <= LARGEST_STEP:
        raise RequestError(f"--step-size {step_size:g}: must be above 0 and at most {LARGEST_STEP:g}; 0.2 is usual")
    if out is not None:
        check_folder(out, "--out")
    return [_strength(text) for text in strengths]


def _strength(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        raise RequestError(f"--strength {text}: write a name and a number, as in r1=0.3") from None
    if not 0 <= number <= LARGEST_STRENGTH:
        raise RequestError(f"--strength {text}: must be a number from 0 to {LARGEST_STRENGTH:g}")
    return name, number


def run_folder(text: str) -> Path:
    """The directory of a run that is named with or without the suffix of its weights."""
    return Path(text.rpartition(":")[0] if text.endswith((":raw", ":ema")) else text)


def _check_unused(out: Path) -> None:
    """Checks that a folder holds no examples or figures yet, so that those of two generators are never mixed.

    Raises:
        RequestError: It contains such files, or cannot be written to.
    """
    check_folder(out, "--out")
    there = next((file for pattern in ("*.png", "*.npy", "latents.json") for file in sorted(out.glob(pattern))), None)
    if there is not None:
        raise RequestError(f"{out}: holds {there.name} already; name an empty or a new folder with --out")


def _check_looks(settings: Looks) -> None:
    check_device(settings.device)
    if settings.weights is not None and not settings.weights.expanduser().exists():
        raise RequestError(f"--weights: {str(settings.weights)!r} does not exist; name a file of weights, or the folder that holds it")


def check_page(page: Path | None) -> None:
    """Checks that a Markdown page can be written, before anything else is done.

    Raises:
        RequestError: It is a folder, or its folder is missing or cannot be written to.
    """
    if page is None:
        return
    if page.is_dir():
        raise RequestError(f"{page}: is a folder; name a file with --markdown, as {page / 'gate.md'}")
    check_parent(page, "--markdown")
