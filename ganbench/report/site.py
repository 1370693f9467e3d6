"""How does a leaderboard's repository become a static site whose releases can be cited?

::

    SITE/index.html                  the newest state, with the tables, figures and records of a report
    SITE/site.json                   which releases there are, for programs
    SITE/releases/index.html         ... and for people
    SITE/releases/v1.0/              a report that never changes, with CITATION.cff, citation.bib and release.json
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC
from importlib.metadata import version
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.plan.validation import validated
from ganbench.report.citation import Citation
from ganbench.report.folder import write_report
from ganbench.report.page import Cite, releases_page
from ganbench.results.collection import RECORDS, Collection, stem
from ganbench.results.record import Record
from ganbench.results.repository import SETTINGS, Settings
from ganbench.statistics.plausibility import moment
from ganbench.storage import read_json, write_json, write_text

INDEX, RELEASES, RELEASE = "site.json", "releases", "release.json"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""Pattern of names of releases, which are parts of addresses."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A state that never changes."""

    name: str
    date: str
    """Day of its newest record; empty if none says one."""
    records: int
    records_sha256: str
    ganbench: str
    """Version that built its pages."""


def check_site(site: Path) -> None:
    """Checks that a folder is a site, or may become one, so that nothing else is overwritten.

    Raises:
        RequestError: It holds other things.
    """
    if (site / SETTINGS).exists():
        raise RequestError(f"{site}: is the leaderboard's repository itself; name another folder with --out, as --out site")
    if site.is_dir() and not (site / INDEX).is_file():
        others = sorted(path.name for path in site.iterdir() if path.name != ".git")
        if others:
            raise RequestError(f"{site}: holds other things ({', '.join(others[:3])}) and no site; name another folder with --out")


def check_release(site: Path, name: str, settings: Settings, records_sha256: str) -> bool:
    """Checks that a release may be made; tells whether it is there already with the same records.

    Raises:
        RequestError: Its name is no part of an address, no address is known, or it is there with other records.
    """
    if not re.fullmatch(NAME, name) or name == "index.html":
        raise RequestError(f"--release {name}: use letters, digits, '.', '_' and '-', as in v1.0")
    if not settings.url:
        raise RequestError(f"a release has a permalink: set url in {SETTINGS} to the address of the site, then repeat the command")
    folder = site / RELEASES / name
    if not folder.exists():
        return False
    known = _read_release(folder)
    if known.records_sha256 != records_sha256:
        raise RequestError(
            f"release {name} is there with other records ({known.records:,}, SHA-256 {known.records_sha256[:12]}; "
            f"now {records_sha256[:12]}), and a release never changes; name another one"
        )
    return True


def write_site(site: Path, found: Collection, settings: Settings, records_sha256: str, release: str | None) -> list[str]:
    """Writes the newest state and, with a name, a release.

    Equal records give equal files: nothing depends on the time of writing.

    Args:
        site: Folder of the site, which has passed :func:`check_site`.
        found: The records, without folders of runs.
        settings: What the repository says of itself.
        records_sha256: Hash over the files of the records.
        release: Name of a release, which has passed :func:`check_release`.

    Returns:
        What was written, relative to the site.
    """
    site.mkdir(parents=True, exist_ok=True)
    state = Release(
        name="", date=_newest(found.records), records=len(found.records), records_sha256=records_sha256, ganbench=version("ganbench")
    )
    written = []
    if release and not (site / RELEASES / release).exists():
        _write_release(site, found, settings, replace(state, name=release))
        written.append(f"{RELEASES}/{release}/")
    releases = read_releases(site)
    files = write_report(site, found, settings.title, _cite_newest(releases, state, settings))
    _prune(site, found, files)
    write_text(site / RELEASES / "index.html", releases_page(settings.title, releases))
    (site / ".nojekyll").touch()  # GitHub's pages are published as they are
    write_json(
        site / INDEX, {"title": settings.title, "url": settings.url, "newest": asdict(state), "releases": list(map(asdict, releases))}
    )
    return ["index.html", *written, f"{RELEASES}/index.html"]


def read_releases(site: Path) -> list[Release]:
    """The releases of a site, newest first.

    Raises:
        RequestError: One of them is damaged.
    """
    folder = site / RELEASES
    folder.mkdir(exist_ok=True)
    found = [_read_release(path) for path in folder.iterdir() if path.is_dir() and re.fullmatch(NAME, path.name)]
    return sorted(found, key=lambda one: (one.date, _natural(one.name)), reverse=True)


def _read_release(folder: Path) -> Release:
    path = folder / RELEASE
    return validated(Release, read_json(path, "restore the release's folder from the history of the site"), str(path))


def _write_release(site: Path, found: Collection, settings: Settings, release: Release) -> None:
    """Writes a release under another name, and renames it when it is whole."""
    whole = site / RELEASES / release.name
    partial = whole.with_name(f".{release.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    citation = citation_of(release, settings)
    lead = f"Release {release.name}: {_told(release)}. It never changes."
    files = {
        "CITATION.cff": "CITATION.cff",
        "citation.bib": "citation.bib",
        "all releases": "../index.html",
        "newest state": "../../index.html",
    }
    write_report(partial, found, f"{settings.title}, {release.name}", _cite(lead, citation, files))
    write_text(partial / "CITATION.cff", citation.to_cff())
    write_text(partial / "citation.bib", citation.to_bibtex())
    write_json(partial / RELEASE, asdict(release))
    partial.rename(whole)


def citation_of(release: Release, settings: Settings) -> Citation:
    """How a release is cited."""
    return Citation(
        title=settings.title,
        authors=settings.authors,
        url=f"{settings.url}{RELEASES}/{release.name}/",
        version=release.name,
        date=release.date,
        records=release.records,
        records_sha256=release.records_sha256,
    )


def _cite_newest(releases: Sequence[Release], state: Release, settings: Settings) -> Cite:
    """What the page of the newest state says: it is a release, or which one to cite in its place."""
    index = {"all releases": f"{RELEASES}/index.html"}
    same = next((one for one in releases if one.records_sha256 == state.records_sha256), None)
    if same:
        return _cite(f"This is release {same.name}: {_told(same)}.", citation_of(same, settings), {**_files(same), **index})
    if not releases:
        return Cite(lead=f"This page changes with every record, and no release can be cited yet. It shows {_told(state)}.", files=index)
    newest = f"The newest release is {releases[0].name}, with {_told(releases[0])}."
    lead = f"This page changes with every record: it shows {_told(state)}. {newest}"
    return _cite(lead, citation_of(releases[0], settings), {**_files(releases[0]), **index})


def _cite(lead: str, citation: Citation, files: dict[str, str]) -> Cite:
    return Cite(lead=lead, permalink=citation.url, bibtex=citation.to_bibtex(), files=files)


def _files(release: Release) -> dict[str, str]:
    return {name: f"{RELEASES}/{release.name}/{name}" for name in ("CITATION.cff", "citation.bib")}


def _told(state: Release) -> str:
    until = f" until {state.date}" if state.date else ""
    return f"{state.records:,} {'record' if state.records == 1 else 'records'}{until}, SHA-256 {state.records_sha256[:16]}"


def _prune(site: Path, found: Collection, files: Sequence[Path]) -> None:
    """Removes records and figures of an earlier state, which no page shows any more."""
    records = {f"{stem(record.spec)}.json.gz" for record in found.records}
    stale = [path for path in (site / RECORDS).glob("*.json.gz") if path.name not in records]
    stale += [path for path in (site / "figures").glob("*") if path.is_file() and path not in files]
    for path in stale:
        path.unlink()


def _newest(records: Sequence[Record]) -> str:
    """Day on which the newest record ended; empty if none says one."""
    return max((found.astimezone(UTC).date().isoformat() for one in records if (found := moment(one.finished))), default="")


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts v1.10 after v1.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", name)]
