"""How does the generator of a run become a file that gives the same examples? (it is opened again and compared)"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganbench.errors import Diverged, GanbenchError, RequestError
from ganbench.export.formats import FORMATS, Format
from ganbench.export.writers import WRITERS
from ganbench.precision import exact
from ganbench.sampling import CHUNK, heeds_labels
from ganbench.sources.generated import DrawnSource, brief
from ganbench.sources.opening import Opening, open_source
from ganbench.sources.passport import Passport
from ganbench.sources.runs import RunSource

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A generator that was written."""

    passport: Passport
    difference: float
    """Largest difference between its first examples and the run's: of images in units of half the value range, of points in theirs."""


def passport_of(source: RunSource) -> Passport:
    """What the exported generator of a run says of itself."""
    variant, spec = source.variant, source.spec
    return Passport(
        run_id=source.run_id,
        variant=spec.variant,
        weights=source.weights,
        weights_sha256=source.weights_sha256,
        images_seen=source.steps * spec.training.batch_size,
        seed=spec.seed,
        latent_dim=variant.config.latent_dim,
        size=variant.shape.size,
        value_range=(-1.0, 1.0) if variant.shape.is_image else None,
        takes_labels=heeds_labels(variant, CPU),
        class_shares=() if source.shares is None else tuple(source.shares.tolist()),
        class_names=source.known_classes.names if source.known_classes else (),
        own_numbers=source.known_classes is None or source.known_classes.own_numbers,
    )


def export_generator(source: RunSource, chosen: Format, out: Path) -> Exported:
    """Writes the generator of a run to a file.

    The file is opened again, as ``score`` opens it, and its first chunk of examples is compared with the run's before it gets its name.

    Args:
        source: The run, on the CPU.
        chosen: Format of the file.
        out: The file, which does not exist.

    Raises:
        RequestError: The format cannot hold this generator; the message names the others.
    """
    passport = passport_of(source)
    with exact(), torch.inference_mode():
        wanted = source.draw(0)  # first, so that constants which layers keep are made with numbers and not while they are traced
    if not bool(wanted.isfinite().all()):
        raise Diverged(f"{source.name}: the generator gives values that are not finite; take another checkpoint, or its :raw weights")
    partial = out.with_name(f".{out.stem}.{os.getpid()}.partial{out.suffix}")
    try:
        try:
            WRITERS[chosen.name](source.variant, passport, partial)
            back = _opened(partial)
            with exact(), torch.inference_mode():
                given = back.draw(0)
        except (OSError, MemoryError):
            raise
        except GanbenchError as error:
            raise _refusal(source, chosen, str(error)) from error
        except Exception as error:  # exporters raise many types for what they cannot follow
            raise _refusal(source, chosen, f"{type(error).__name__}: {brief(error)}") from error
        difference = _difference(wanted, given)
        if not difference <= chosen.tolerance * max(1.0, float(wanted.abs().max())):
            raise _refusal(source, chosen, f"its examples differ from the run's by up to {difference:.2g}")
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return Exported(passport=passport, difference=difference)


def _opened(path: Path) -> DrawnSource:
    """The file that was just written, as ``score --trust`` opens it."""
    opened = open_source(str(path), Opening(root=path.parent, device=CPU, n=CHUNK, trust=True))
    assert isinstance(opened, DrawnSource)
    return opened


def _difference(wanted: Tensor, given: Tensor) -> float:
    """Largest difference of two chunks; infinite if they have another shape or values that are not finite."""
    if wanted.shape != given.shape or not bool(given.isfinite().all()):
        return float("inf")
    return float((wanted.cpu() - given.cpu()).abs().max())


def _refusal(source: RunSource, chosen: Format, why: str) -> RequestError:
    others = ", ".join(name for name in FORMATS if name != chosen.name)
    return RequestError(f"{source.name}: {source.spec.variant.name} cannot be exported as {chosen.name} ({why}); try --to {others}")
