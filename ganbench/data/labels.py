"""Are the labels valid class numbers or names, one for each image?"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganbench.data.limits import CLASSES_LIMIT
from ganbench.errors import DataError

_BRACKETS_LIMIT = 1_000
"""Number of brackets that a label file may have besides four for every image, whose names may contain some."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Class labels of all images."""

    numbers: npt.NDArray[np.int64]
    """(n,)."""
    names: tuple[str, ...] = ()
    """Name of every class, sorted, if labels were given as names."""


def from_json(data: bytes, names: Sequence[str], where: str) -> Labels | None:
    """Reads ``{"labels": [[name, label], ...]}``; ``null`` means that the images have no labels.

    Args:
        data: Content of the label file.
        names: Names of the images, in order.
        where: Name of the label file, for error messages.

    Returns:
        The labels in the order of ``names``, or None.

    Raises:
        DataError: The file does not have this form, an image has no label, or a label has no image.
    """
    form = 'write {"labels": [["name.png", 0], ...]} or {"labels": null}'
    if data.count(b"[") + data.count(b"{") > _BRACKETS_LIMIT + 4 * len(names):  # every bracket takes 20 times its size in memory
        raise DataError(f"{where} does not hold labels in the known form: it has far more lists than {len(names):,} images; {form}")
    try:
        content = json.loads(data)
        entries = content["labels"]
        if entries is None:
            return None
        by_name = {name: label for name, label in entries}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DataError(f"{where} does not hold labels in the known form; {form}") from None
    if len(by_name) != len(entries):
        raise DataError(f"{where} names an image twice; remove one of the entries")
    for missing in names:
        if missing not in by_name:
            raise DataError(f"{where} has no label for image {missing!r}; add it, or set labels to null")
    for extra in sorted(set(by_name) - set(names), key=repr):
        raise DataError(f"{where} labels {extra!r}, which is not among the images; remove the entry or add the image")
    return checked([by_name[name] for name in names], where)


def checked(labels: Sequence[Any], where: str) -> Labels:
    """Converts labels to class numbers; raises unless all are class numbers, or all are names.

    Args:
        labels: One for each image, of any type.
        where: Source of the labels, for error messages.

    Raises:
        DataError: A label is neither a name nor an integer from 0 to ``limits.CLASSES_LIMIT`` - 1.
    """
    if labels and all(isinstance(label, str) for label in labels):
        for index, name in enumerate(labels):
            if not name.isprintable() and _lone_surrogate(name):
                raise DataError(f"{where}: label {index} is {name!r}, which is no text; name the class in Unicode")
        numbers = {name: number for number, name in enumerate(sorted(set(labels)))}
        if len(numbers) > CLASSES_LIMIT:
            raise DataError(f"{where} names {len(numbers):,} classes; the limit is {CLASSES_LIMIT:,}")
        return Labels(numbers=np.array([numbers[label] for label in labels], np.int64), names=tuple(numbers))
    for index, label in enumerate(labels):
        if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < CLASSES_LIMIT:
            shown = repr(label) if len(repr(label)) < 40 else f"a {type(label).__name__}"
            raise DataError(
                f"{where}: label {index} is {shown}; labels are whole numbers from 0 to {CLASSES_LIMIT - 1:,}, one for each image"
            )
    return Labels(numbers=np.array(labels, np.int64))


def _lone_surrogate(text: str) -> bool:
    """Whether a text has half a character, which no file can be written with."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
