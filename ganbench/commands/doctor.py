"""What does ``ganbench doctor`` do? (it checks packages, device, weights, data sets and the feature cache)"""

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from ganbench import __version__
from ganbench.commands.output import PlainConsole, print_json
from ganbench.data.root import data_root
from ganbench.errors import RequestError
from ganbench.features.cache import cache_root
from ganbench.features.published import Published, status
from ganbench.registry import DATASETS, EXTRACTORS

PACKAGES = ("torch", "torchvision", "torch-fidelity", "timm", "numpy", "scipy", "scikit-learn", "pandas")
"""Packages whose versions are reported."""

WEIGHTS_REMEDY = "fetch into one folder and name it with --weights or GANBENCH_WEIGHTS (with a network they download themselves): "
DATA_REMEDY = "point GANBENCH_DATA or --data-root at a folder that holds {} (with a network it downloads itself)"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    what: str
    state: str
    """"ok", "missing" or "wrong"."""
    detail: str
    remedy: str = ""
    """What to do about it; empty if nothing is wrong."""


def examine(weights: Path | None, root: Path | None, cache: Path | None, as_json: bool, console: PlainConsole) -> None:
    """Checks packages, device, weights, data sets and the feature cache, and prints the results; changes nothing."""
    findings = [
        *_software(),
        _device(),
        *(_extractor(name, weights) for name in EXTRACTORS.names()),
        *_lpips(weights),
        *(_data(name, data_root(root)) for name in DATASETS.names()),
        _cache(cache_root(cache)),
    ]
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "state", "detail"):
        grid.add_column(heading, no_wrap=heading != "detail", overflow="fold")
    colours = {"ok": "green", "missing": "yellow", "wrong": "red"}
    for finding in findings:
        grid.add_row(finding.what, Text(finding.state, style=colours[finding.state]), finding.detail)
    console.print(grid)
    remedies = dict.fromkeys(finding.remedy for finding in findings if finding.remedy)
    files = [remedy.removeprefix(WEIGHTS_REMEDY) for remedy in remedies if remedy.startswith(WEIGHTS_REMEDY)]
    others = [remedy for remedy in remedies if not remedy.startswith(WEIGHTS_REMEDY)]
    for line in others + ([WEIGHTS_REMEDY + "".join(f"\n  {file}" for file in files)] if files else []):
        console.say(f"to mend: {line}")


def _software() -> list[Finding]:
    found = [Finding(what="ganbench", state="ok", detail=f"{__version__}, Python {platform.python_version()}")]
    for package in PACKAGES:
        try:
            found.append(Finding(what=package, state="ok", detail=version(package)))
        except PackageNotFoundError:
            found.append(Finding(what=package, state="missing", detail="not installed", remedy=f"pip install {package}"))
    return found


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding(what="device", state="ok", detail=f"{torch.cuda.get_device_name()}, {torch.cuda.device_count()} in all")
    return Finding(what="device", state="ok", detail=f"CPU, {torch.get_num_threads()} threads; no CUDA device")


def _extractor(name: str, weights: Path | None) -> Finding:
    what = f"extractor {name}"
    try:
        published = EXTRACTORS.load(name).published
    except RequestError as error:
        return Finding(what=what, state="wrong", detail=str(error), remedy=f"mend the package that registers {name}")
    return Finding(what=what, state="ok", detail="needs no download") if published is None else _weights(what, published, weights)


def _lpips(weights: Path | None) -> list[Finding]:
    """Checks the weights of the network that the metrics lpips and ppl use."""
    from ganbench.features.lpips import Lpips

    return [_weights("metrics lpips, ppl", published, weights) for published in Lpips.published]


def _weights(what: str, published: Published, weights: Path | None) -> Finding:
    """Checks whether a file of weights is present, and whether it is the published one."""
    found = status(published, weights)
    if found is None:
        return Finding(
            what=what,
            state="missing",
            detail=f"{published.file}, {published.megabytes} MB, SHA-256 {published.sha256[:12]}...",
            remedy=f"{WEIGHTS_REMEDY}{published.url}",
        )
    if not found.genuine:
        return Finding(
            what=what,
            state="wrong",
            detail=f"{found.path} has SHA-256 {found.sha256[:12]}..., the published file {published.sha256[:12]}...",
            remedy=f"{WEIGHTS_REMEDY}{published.url} (in place of {found.path})",
        )
    return Finding(what=what, state="ok", detail=str(found.path))


def _data(name: str, root: Path) -> Finding:
    what = f"data {name}"
    try:
        files: tuple[str, ...] = getattr(DATASETS.load(name), "files", ())
    except RequestError as error:
        return Finding(what=what, state="wrong", detail=str(error), remedy=f"mend the package that registers {name}")
    if not files:
        return Finding(what=what, state="ok", detail="needs no download")
    found = next((root / file for file in files if (root / file).exists()), None)
    if found is None:
        return Finding(what=what, state="missing", detail=f"not at {root / files[0]}", remedy=DATA_REMEDY.format(files[0]))
    return Finding(what=what, state="ok", detail=str(found.parent))


def _cache(root: Path) -> Finding:
    if not root.is_dir():
        return Finding(what="feature cache", state="ok", detail=f"{root}, empty")
    entries = [entry for entry in root.iterdir() if (entry / "key.json").is_file()]
    size_bytes = sum(file.stat().st_size for entry in entries for file in entry.iterdir())
    return Finding(what="feature cache", state="ok", detail=f"{root}, {len(entries):,} sets, {size_bytes / 2**20:,.0f} MiB; safe to delete")
