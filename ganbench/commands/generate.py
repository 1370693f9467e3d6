"""What do ``ganbench generate`` and ``ganbench latents`` do? (they draw examples, and figures of the latent space, from a run)"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from ganbench.commands.checks import run_folder
from ganbench.commands.output import PlainConsole
from ganbench.commands.score import set_threads
from ganbench.data.root import data_root
from ganbench.environment import chosen_device
from ganbench.errors import RequestError
from ganbench.evaluation.settings import Place
from ganbench.results.record import Weights
from ganbench.sampling import CHUNK, draw, heeds_labels, observed, to_uint8
from ganbench.sources.runs import RunSource
from ganbench.storage import writable_folder, write_json


def run_generate(
    run: str,
    out: Path,
    n: int,
    seed: int | None,
    truncation: float | None,
    classes: str | None,
    place: Place,
    threads: int | None,
    console: PlainConsole,
) -> None:
    """Generates examples with a run's newest checkpoint, as PNG files or as one npy of points."""
    set_threads(threads)
    source = _source(run, seed, place)
    variant = source.variant
    chosen = _classes(classes, source)
    if chosen is not None and not heeds_labels(variant, source.device):
        raise RequestError(f"--classes {classes}: {type(variant).__name__} as trained here draws no class on request; leave it out")
    written, points = 0, []
    with observed(variant) as ready:
        for chunk in range(-(-n // CHUNK)):
            drawn = draw(ready, chunk, source.seed, source.device, source.shares if chosen is None else chosen, truncation)[: n - written]
            if not bool(torch.isfinite(drawn).all()):
                raise RequestError(f"{run}: the generator gives values that are not finite; take another checkpoint, or its :raw weights")
            writable_folder(out)  # not earlier, so that a refused request leaves nothing behind
            if variant.shape.is_image:
                _write_images(out, to_uint8(drawn).cpu().numpy(), written)
            else:
                points.append(drawn.cpu().numpy())
            written += len(drawn)
    if points:
        np.save(out / "points.npy", np.concatenate(points))
    for note in source.notes:
        console.say(note, "dim")
    console.say(f"{written:,} example{'s' if written != 1 else ''} in {out}")


def _write_images(out: Path, images: npt.NDArray[np.uint8], start: int) -> None:
    for index, image in enumerate(images, start=start):
        Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(out / f"{index:06d}.png")


def run_latents(
    run: str,
    out: Path,
    seed: int | None,
    rows: int,
    columns: int,
    place: Place,
    threads: int | None,
    console: PlainConsole,
) -> None:
    """Draws figures of a run's latent space, and writes the numbers measured on them."""
    from ganbench.latents.figures import LatentAtlas
    from ganbench.report.sheets import sheet

    set_threads(threads)
    source = _source(run, seed, place)
    atlas = LatentAtlas(source.variant, source.seed, rows, columns)
    writable_folder(out)
    measured = {}
    for figure in atlas.figures():
        sheet(figure.images, figure.columns, figure.caption, figure.across, figure.down, out / f"{figure.name}.png")
        measured[figure.name] = {"caption": figure.caption, **figure.measured}
        values = ", ".join(f"{name} {value:.3g}" for name, value in figure.measured.items())
        console.say(f"{out / figure.name}.png: {figure.caption}" + (f" ({values})" if values else ""))
    write_json(out / "latents.json", measured)


def _source(text: str, seed: int | None, place: Place) -> RunSource:
    """Opens the run in a directory, with its EMA weights, or its raw weights if the name ends in ``:raw``."""
    which: Weights = "raw" if text.endswith(":raw") else "ema"
    return RunSource(text, run_folder(text), which, None, seed, data_root(place.data_root), chosen_device(place.device), place.trust)


def _classes(text: str | None, source: RunSource) -> Tensor | None:
    """Equal probabilities for the requested classes, given by name or number; None for the proportions of the data."""
    if text is None:
        return None
    count = source.variant.shape.classes
    names = list(source.known_classes.names if source.known_classes else ()) or [str(index) for index in range(count)]
    if not count:
        raise RequestError("--classes: the run's data set has no labels; leave it out")
    shares = torch.zeros(count)
    for name in text.split(","):
        if name.strip() not in names:
            known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
            raise RequestError(f"--classes {text}: there is no class {name.strip()!r}; known: {known}")
        shares[names.index(name.strip())] = 1
    return shares / shares.sum()
