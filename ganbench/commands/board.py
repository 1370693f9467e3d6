"""What do ``ganbench leaderboard init``, ``add``, ``submit-check`` and ``build`` do? (to a repository of records; git is left to people)"""

import filecmp
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import typer

from ganbench.commands.output import PlainConsole, print_json
from ganbench.errors import RequestError
from ganbench.report.citation import Citation
from ganbench.report.site import check_release, check_site, write_site
from ganbench.results.collection import RECORDS, collect, collect_files
from ganbench.results.record import Record
from ganbench.results.repository import SETTINGS, Limits, check_address, read_settings, record_files, records_sha256
from ganbench.results.submission import Finding, Submission, odd_file, read_repository, read_submission, reason
from ganbench.statistics.admission import judge
from ganbench.statistics.comparable import comparable
from ganbench.storage import check_folder, write_json, write_text
from ganbench.text import line, markdown

SHOWN = 400
"""Characters of a finding that are printed."""


def init_board(folder: Path, name: str | None, url: str, contact: str, like: Sequence[Path], console: PlainConsole) -> None:
    """Writes the skeleton of a leaderboard's repository.

    Args:
        folder: The repository, which may hold ``.git`` and nothing else.
        name: Title of the leaderboard; None is the folder's name.
        url: Address of the site; empty if it is not known yet.
        contact: Where submitters find the maintainers.
        like: Results whose protocols are those that are accepted; without any, all are.
        console: Console of messages.

    Raises:
        RequestError: The folder holds other files, or the address is none.
    """
    check_folder(folder, "DIR")
    others = sorted(path.name for path in folder.iterdir() if path.name != ".git") if folder.is_dir() else []
    if SETTINGS in others:
        raise RequestError(f"{folder}: is a leaderboard's repository already; `ganbench leaderboard add {folder} RUNS` adds records")
    if others:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise RequestError(f"{folder}: holds other files ({', '.join(others[:5])}{more}), and nothing is overwritten; name a new folder")
    check_address(url, "--url")
    title = line(name or folder.resolve().name)
    if not title:
        raise RequestError('--name "": a title is wanted')
    words = {
        "title": markdown(title),
        "where": f" The tables are at <{url}>." if url else "",
        "title_text": _toml(title),
        "url_text": _toml(url),
        "contact_text": _toml(line(contact)),
        "version": version("ganbench"),
        "protocols": _protocols([*collect(like).records] if like else []),
        **asdict(Limits()),
    }
    for path, template in {"README.md": "README.md", SETTINGS: SETTINGS, ".github/workflows/leaderboard.yml": "leaderboard.yml"}.items():
        text = files("ganbench.commands").joinpath("templates", "board", f"{template}.txt").read_text(encoding="utf-8")
        _write(folder / path, Template(text).substitute(words))
    _write(folder / "CITATION.cff", Citation(title=title, authors=(), url=url).to_cff())
    _write(folder / ".gitignore", "/site/\n/runs/\n/again/\n")
    _write(folder / RECORDS / ".gitkeep", "")
    console.say(f"{folder}: a leaderboard's repository; {SETTINGS} says what it accepts, README.md how others submit")
    console.say(f"next: ganbench leaderboard add {folder} RUNS", "dim")


def add_records(folder: Path, sources: Sequence[Path], console: PlainConsole) -> None:
    """Copies the records of runs into a leaderboard's repository, if they pass its checks.

    Args:
        folder: The repository.
        sources: Folders of results, of runs or of records, and record files.
        console: Console of messages.

    Raises:
        RequestError: The folder is no repository, or a source holds no results.
    """
    settings = read_settings(folder)
    present, broken = read_repository(folder, settings.limits.record_bytes)
    newcomers, findings = _newcomers(sources, present, settings.limits.record_bytes, console)
    findings = [*findings, *judge(newcomers, present, settings, datetime.now(UTC)), *_taken(folder, newcomers, present)]
    refused = {finding.file for finding in findings if finding.refuses}
    added = [one for one in newcomers if one.file not in refused]
    for one in added:
        write_json(folder / RECORDS / one.name, one.fields)
        console.say(f"added: {RECORDS}/{one.name}")
    _say(findings, console)
    if broken:
        console.say(f"in {folder} itself there are faults; `ganbench leaderboard submit-check {folder}` names them", "yellow")
    if added:
        console.say(f'next: git -C {folder} add {RECORDS} && git -C {folder} commit -m "Add {_counted(len(added))}"', "dim")
    if refused:
        raise typer.Exit(1)


def check_board(folder: Path, sources: Sequence[Path], base: Path | None, as_json: bool, console: PlainConsole) -> None:
    """Says what is wrong with the records of a repository, or with some that may join it; changes nothing.

    Args:
        folder: The repository.
        sources: Results that may join it; without any, its own records are checked.
        base: The repository as it was before a submission: its settings hold, and only what is new is checked.
        as_json: Whether to print JSON.
        console: Console of messages.

    Raises:
        RequestError: A folder is no repository, or a source holds no results.
    """
    if base and sources:
        raise RequestError("--base checks what is new in a repository; leave out either it or the records")
    settings = read_settings(base or folder)
    found, findings = read_repository(folder, settings.limits.record_bytes)
    checked, present = found, list[Submission]()
    if sources:
        present = found
        checked, findings = _newcomers(sources, present, settings.limits.record_bytes, console)
        findings += _taken(folder, checked, present)
    elif base:
        read_settings(folder)  # which must stay valid
        kept = {name for name in _records(base) if _same(folder / name, base / name)}
        present = [one for one in found if one.file in kept]
        checked = [one for one in found if one.file not in kept]
        findings = [*_history(folder, base), *(finding for finding in findings if finding.file not in kept)]
    findings = [*findings, *judge(checked, present, settings, datetime.now(UTC))]
    refused = [finding for finding in findings if finding.refuses]
    if as_json:
        looks = [finding for finding in findings if not finding.refuses]
        print_json({"checked": len(checked), "refused": list(map(_plain, refused)), "looks": list(map(_plain, looks))})
    else:
        _say(findings, console)
        words = f"{len(refused)} {'finding refuses' if len(refused) == 1 else 'findings refuse'} it" if refused else "nothing is refused"
        console.say(f"{_counted(len(checked))} checked: {words}", "red" if refused else "green")
    if refused:
        raise typer.Exit(1)


def build_board(folder: Path, out: Path, release: str | None, console: PlainConsole) -> None:
    """Writes the static site of a leaderboard's repository.

    Args:
        folder: The repository.
        out: Folder of the site, which keeps the releases that it has.
        release: Name of a release to make; None makes none.
        console: Console of messages.

    Raises:
        RequestError: The folder is no repository, the site's folder holds other things, or the release cannot be made.
    """
    settings = read_settings(folder)
    check_folder(out, "--out")
    check_site(out)
    odd = [f"{path.name}: {why}" for path in _entries(folder) if (why := odd_file(path, settings.limits.record_bytes))]
    readable = [path for path in record_files(folder) if not odd_file(path, settings.limits.record_bytes)]
    found = collect_files(readable)
    faults, repeated = ([text.replace(f"{folder / RECORDS}/", "") for text in lines] for lines in (found.faults, found.repeated))
    found = replace(found, faults=(*odd, *faults), repeated=tuple(repeated))  # without the paths of this machine
    sha256 = records_sha256(record_files(folder))
    if release:
        if found.faults:
            raise RequestError(
                f"a release stays for ever, and a file in {RECORDS}/ cannot be read: {found.faults[0]}; mend or remove it first"
            )
        if check_release(out, release, settings, sha256):
            console.say(f"release {release} is there already, with the same records; it stays as it is")
    for name in write_site(out, found, settings, sha256, release):
        console.say(f"written: {out / name}")
    if release:
        console.say(f"permalink: {settings.url}releases/{release}/")
    for text in found.repeated:
        console.say(f"counted once: {text}", "yellow")
    for text in found.faults:
        console.say(f"left out: {text}", "red")
    if found.faults:
        raise typer.Exit(1)


def _newcomers(
    sources: Sequence[Path], present: Sequence[Submission], largest_bytes: int, console: PlainConsole
) -> tuple[list[Submission], list[Finding]]:
    """The records at some places that are not there already, and what cannot be one."""
    known = {one.record.run_id: one.record for one in present}
    collected = collect(sources)
    findings = [Finding(rule="schema", file=fault.partition(": ")[0], text=fault.partition(": ")[2]) for fault in collected.faults]
    findings += [Finding(rule="duplicates", file=text.partition(": ")[0], text=text.partition(": ")[2]) for text in collected.repeated]
    found = []
    for path in collected.files.values():
        try:
            found.append(read_submission(path, str(path), largest_bytes))
        except RequestError as error:
            findings.append(Finding(rule="schema", file=str(path), text=reason(error, str(path))))
    if not collected.records and not findings:
        raise RequestError(f"{', '.join(map(str, sources))}: no run has ended yet; repeat the `ganbench run`, which goes on with them")
    new = [one for one in found if known.get(one.record.run_id) != one.record]
    if there := len(found) - len(new):
        console.say(f"{_counted(there)} {'is' if there == 1 else 'are'} there already", "dim")
    return new, findings


def _taken(folder: Path, newcomers: Sequence[Submission], present: Sequence[Submission]) -> list[Finding]:
    """Newcomers whose name a file has that is not among the records that could be read, which must not be overwritten."""
    readable = {one.file for one in present}
    names = [(one, f"{RECORDS}/{one.name}") for one in newcomers]
    return [
        Finding(rule="form", file=one.file, text=f"{name} is there, and cannot be read; mend or remove that first")
        for one, name in names
        if name not in readable and ((folder / name).exists() or (folder / name).is_symlink())
    ]


def _history(folder: Path, base: Path) -> Iterator[Finding]:
    """What a submission changes besides new records."""
    for name in _records(base):
        if not (folder / name).exists():
            yield Finding(rule="history", file=name, text="is removed")
        elif not _same(folder / name, base / name):
            yield Finding(rule="history", file=name, text="differs from the record that is there; a record never changes")
    before, now = (_others(one) for one in (base, folder))
    changed = sorted(name for name in before.keys() | now.keys() if not (name in before and name in now and _same(now[name], before[name])))
    for name in changed:
        yield Finding(rule="history", file=name, text="is changed, and is no record", refuses=False)


def _records(folder: Path) -> list[str]:
    return [f"{RECORDS}/{path.name}" for path in record_files(folder)]


def _entries(folder: Path) -> list[Path]:
    """What stands in ``records/`` and is not hidden."""
    return [path for path in sorted((folder / RECORDS).glob("*")) if not path.name.startswith(".") and path.name != "README.md"]


def _others(folder: Path) -> Mapping[str, Path]:
    """All files of a repository besides records, by name."""
    found = ((path.relative_to(folder), path) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {name.as_posix(): path for name, path in found if name.parts[0] not in (".git", RECORDS)}


def _same(one: Path, other: Path) -> bool:
    """Whether both are ordinary files with the same bytes."""
    return all(path.is_file() and not path.is_symlink() for path in (one, other)) and filecmp.cmp(one, other, shallow=False)


def _say(findings: Sequence[Finding], console: PlainConsole) -> None:
    for finding in findings:
        said = line(f"{finding.file}: {finding.text} ({finding.rule})")
        said = said if len(said) <= SHOWN else f"{said[:SHOWN]}..."
        console.say(f"{'refused' if finding.refuses else 'needs a look'}: {said}", "red" if finding.refuses else "yellow")


def _plain(finding: Finding) -> dict[str, str]:
    return {"rule": finding.rule, "file": finding.file, "text": line(finding.text)}


def _counted(number: int) -> str:
    return f"{number} {'record' if number == 1 else 'records'}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _protocols(records: Sequence[Record]) -> str:
    """The protocols of records as TOML, or an example in a comment."""
    if not records:
        return (
            "# [[protocols]]\n"
            '# dataset = { name = "digits" }\n'
            '# evaluation = { extractor = "digits-probe", metrics = ["fd", "precision"], n_fake = 1437, reference = "train" }\n'
            '# scores = { fingerprint = "the hash of the data", extractor_weights_sha256 = "the hash of the network" }\n'
            '# bands = { "fd@digits-probe" = [4.0, 4000.0] }'
        )
    tables = []
    for protocol, _ in comparable(records):
        told = (
            f"[protocols.{part}]\n" + "".join(map(_pair, protocol[part].items()))
            for part in ("dataset", "evaluation", "scores")
            if protocol[part]
        )
        tables.append("[[protocols]]\n" + "".join(told))
    return "\n".join(tables).rstrip()


def _pair(item: tuple[str, Any]) -> str:
    """A line of TOML, of which nothing is left where there is no value."""
    name, value = item
    key = name if re.fullmatch("[A-Za-z0-9_-]+", name) else _toml(name)
    return "" if value is None else f"{key} = {_toml(value)}\n"


def _toml(value: Any) -> str:
    """A value or key as TOML; its strings are those of JSON, if they hold no control characters."""
    if isinstance(value, str):
        return json.dumps(line(value), ensure_ascii=False)
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list | tuple) else json.dumps(value)
