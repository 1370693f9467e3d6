"""What is in a leaderboard's repository, and what does it accept? (``leaderboard.toml``, and ``records/`` with one file a run)"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Gt, MinLen

from ganbench.errors import RequestError
from ganbench.plan.spec import ConfigValue, Count
from ganbench.plan.validation import validated
from ganbench.results.collection import RECORDS
from ganbench.storage import parsed_toml, read_bytes

SETTINGS = "leaderboard.toml"
ADDRESS = r"https?://[A-Za-z0-9._~:/?#@!&()*+,;=%-]+"
"""Pattern of addresses, without characters that mean something to HTML, BibTeX or YAML."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A protocol that a leaderboard accepts; what it does not name it does not ask for."""

    dataset: Mapping[str, ConfigValue]
    """Fields of the data set (``name``, ``resolution``, ``n_train``)."""
    evaluation: Mapping[str, ConfigValue] = field(default_factory=dict)
    """Fields of the evaluation plan (``extractor``, ``metrics``, ``n_fake``, ``reference``)."""
    scores: Mapping[str, ConfigValue] = field(default_factory=dict)
    """Fields of the scores' own protocols (``fingerprint`` of the data, ``extractor_weights_sha256``)."""
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By metric and extractor (``fd@digits-probe``), the smallest and the largest final value that is believed."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From where on a record is refused, or needs a look."""

    record_bytes: Count = 4 * 2**20
    """Largest file of a record. A score of an evaluation takes 1.2 KB, so that 3,400 of them have room."""
    known_seeds: Annotated[int, Gt(1)] = 3
    """Number of other seeds of the same setup from which a result is held against theirs."""
    spreads: Annotated[float, Gt(0)] = 4.0
    """How many times the range of the other seeds' results a result may lie outside of it before it needs a look. Of results from one
    normal law 1.8 % do beside three others, and 0.3 % beside four (simulated)."""
    better_than_perfect: bool = False
    """Whether distances below those of a perfect generator, as copies of the training set have, are accepted."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What ``leaderboard.toml`` says."""

    title: Annotated[str, MinLen(1)]
    url: str = ""
    """Address under which the site will be found, for permalinks; it ends with a slash."""
    contact: str = ""
    """Where submitters find the maintainers."""
    authors: tuple[str, ...] = ()
    """Who is cited; empty stands for the contributors together."""
    protocols: tuple[Accepted, ...] = ()
    """Empty accepts every protocol; each has a table of its own."""
    limits: Limits = field(default_factory=Limits)


def read_settings(folder: Path) -> Settings:
    """Reads the settings of a leaderboard's repository.

    Raises:
        RequestError: The folder is no such repository, or something in the file does not fit.
    """
    path = folder / SETTINGS
    if not path.is_file():
        what = "is no leaderboard's repository" if folder.is_dir() else "is not there"
        raise RequestError(f"{folder}: {what}, it has no {SETTINGS}; `ganbench leaderboard init {folder}` makes one")
    try:
        text = read_bytes(path, f"see what `ganbench leaderboard init` writes into {SETTINGS}").decode()
    except UnicodeDecodeError as error:
        raise RequestError(f"{path}: not valid TOML: {error}") from None
    settings = validated(Settings, parsed_toml(text, str(path)), str(path))
    check_address(settings.url, f"{path}: url")
    return settings


def check_address(url: str, where: str) -> None:
    """Checks the address of a site, which becomes part of pages and citations.

    Raises:
        RequestError: It is not empty, and no address that ends with a slash.
    """
    if url and not (re.fullmatch(ADDRESS, url) and url.endswith("/")):
        raise RequestError(f"{where} = {url!r}: an address is wanted that ends with a slash, as https://someone.github.io/board/")


def record_files(folder: Path) -> list[Path]:
    """The files of records in a repository, sorted by name: ordinary JSON files, and no links."""
    return [path for path in sorted((folder / RECORDS).glob("*.json")) if path.is_file() and not path.is_symlink()]


def records_sha256(files: Iterable[Path]) -> str:
    """SHA-256 over all records, which pins what a citation means.

    It is what ``(cd records && LC_ALL=C sha256sum *.json) | sha256sum`` prints, so that anyone can check it.
    """
    lines = (f"{hashlib.sha256(read_bytes(path)).hexdigest()}  {path.name}\n" for path in sorted(files, key=lambda path: path.name))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
