"""What does an exported generator say of itself? (which run it is from, what it takes and what it gives)

Every format carries the same JSON: safetensors in its header, the programs as a file or property inside of them. It is data: it decides how
a generator is fed and how its output is read, and runs nothing.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from ganbench.data.limits import CLASSES_LIMIT, PIXELS_LIMIT, WIDTH_LIMIT
from ganbench.errors import DataError, RequestError
from ganbench.plan.spec import Share, VariantSpec
from ganbench.plan.validation import validated
from ganbench.results.record import Weights
from ganbench.storage import parsed_json

FIELD = "ganbench"
"""Name of the entry in the metadata of safetensors and ONNX."""
FILE = "ganbench.json"
"""Name of the file inside of a TorchScript or torch.export archive."""
VERSION = 1
"""Raised when a field changes its meaning or is removed."""
LATENTS_LIMIT = 2**16
"""Longest latent; the papers' have up to 512 numbers."""
Size = Annotated[int, Gt(0)]


@dataclass(frozen=True, kw_only=True)
class Passport:
    """Where a generator comes from, what it takes, and what it gives."""

    version: Literal[1] = 1
    run_id: str
    variant: VariantSpec
    """The method with its configuration, from which the network is built again where a file holds weights alone."""
    weights: Weights
    weights_sha256: str
    """Of the generator's parameters and buffers (``training.checkpoint.weights_sha256``)."""
    images_seen: Annotated[int, Ge(0)]
    """Real images that the discriminator had seen."""
    seed: Annotated[int, Ge(0)]
    """The run's: latents of its streams give the examples that the run scored."""
    latent_dim: Size
    """Length of a latent, which is standard normal."""
    size: tuple[Size, ...]
    """(channels, height, width) of an image, or (dimensions,) of a point."""
    value_range: tuple[float, float] | None
    """Values of black and of white; None of points."""
    takes_labels: bool
    """Whether labels (n,), int64, are the second input."""
    class_shares: tuple[Share, ...] = ()
    """Frequency of every class in the training data, with which labels are drawn; empty without labels."""
    class_names: tuple[str, ...] = ()
    own_numbers: bool = True
    """Whether the numbers of the labels belong to the classes, and are not merely places in a sorted list of names."""

    @property
    def is_image(self) -> bool:
        """Whether it gives images; otherwise points."""
        return len(self.size) == 3

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        which = "EMA" if self.weights == "ema" else "raw"
        return f"{which} weights of {self.variant.name}, run {self.run_id}, after {self.images_seen:,} images"

    @property
    def classes(self) -> int:
        """Number of classes; 0 without labels."""
        return len(self.class_shares)


def written(passport: Passport) -> str:
    """The passport as JSON."""
    return json.dumps(asdict(passport), sort_keys=True, ensure_ascii=False, allow_nan=False)


def read_passport(text: str | bytes | None, where: str) -> Passport | None:
    """Reads a passport.

    Args:
        text: What the file holds under its name; None or empty if it holds none.
        where: The file, for error messages.

    Returns:
        None if there is none: the file is not from ``ganbench export``.

    Raises:
        DataError: It is damaged, of a version that this ganbench cannot read, or asks for more than any generator needs.
    """
    if not text:
        return None
    try:
        fields: dict[str, Any] = parsed_json(text if isinstance(text, bytes) else text.encode(errors="replace"), where, "export it again")
        passport = validated(Passport, fields, f"{where}: {FIELD}")
    except RequestError as error:
        raise DataError(str(error)) from None
    _check(passport, where)
    return passport


def _check(passport: Passport, where: str) -> None:
    channels, *sides = passport.size or (0,)
    fits = (passport.is_image and channels in (1, 3) and sides[0] * sides[1] <= PIXELS_LIMIT) or (
        len(passport.size) == 1 and channels <= WIDTH_LIMIT
    )
    if not fits or passport.latent_dim > LATENTS_LIMIT or passport.classes > CLASSES_LIMIT:
        raise DataError(
            f"{where}: says that it turns {passport.latent_dim:,} numbers into {passport.size} for one of {passport.classes:,} classes, "
            "which no generator of ganbench does; export it again"
        )
    if passport.takes_labels and not passport.classes:
        raise DataError(f"{where}: says that it takes labels, and not of which classes; export it again")
    if passport.classes and not sum(passport.class_shares) > 0:
        raise DataError(f"{where}: says that no class ever occurs; export it again")
    if passport.class_names and len(passport.class_names) != passport.classes:
        raise DataError(f"{where}: names {len(passport.class_names):,} of its {passport.classes:,} classes; export it again")
