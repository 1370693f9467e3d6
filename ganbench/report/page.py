"""How does a report become one HTML page? (self-contained: nothing is loaded from anywhere, and nothing but its own script runs)"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from ganbench.report.html import template, to_html
from ganbench.report.pictures import Album, room
from ganbench.report.published import published_tables
from ganbench.report.sections import SECTIONS, BoardSection, Making, board_sections
from ganbench.report.speed import speed_tables
from ganbench.report.table import Table
from ganbench.results.collection import Collection
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import Leaderboard

TEMPLATES = "ganbench.report", "templates"


@dataclass(frozen=True, kw_only=True)
class Cite:
    """What a page says about its citation."""

    lead: str
    """A sentence about what is cited."""
    permalink: str = ""
    """Address at which the cited state stays; empty without one."""
    bibtex: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """By label, addresses of pages and files about it, seen from the page."""


def index_page(
    found: Collection,
    boards: Sequence[Leaderboard],
    title: str,
    files: Mapping[str, str],
    notes: Sequence[str] = (),
    download: Mapping[str, str] | None = None,
    cite: Cite | None = None,
    verdict: Sequence[Table] = (),
) -> str:
    """The page of a report.

    Args:
        found: What it reports.
        boards: The leaderboards of its runs.
        title: Heading.
        files: By ``run_id``, the path, seen from the page, of a record or spec from which the run can be repeated.
        notes: Lines about what was left out, besides what the collection tells itself.
        download: By label, file names beside the page that a reader may want (``leaderboard.csv``).
        cite: How the page is cited, if it is to say so.
        verdict: The verdict of the gate on these runs, if they were held against a bank.

    Returns:
        HTML. Equal results give equal pages: it tells when the results were made, not when it was written.
    """
    making = Making(found, files, Album(room(min(SECTIONS, sum(len(board.rows) for board in boards)))))
    sections = board_sections(boards, making)
    style, script = _file("charts.css") + _file("page.css"), _file("page.js")
    left_out = [found.published(line) for line in (*found.faults, *found.missing, *found.repeated, *notes, *making.album.left_out)]
    return template("page.html.j2").render(
        title=title,
        version=version("ganbench"),
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        sections=sections,
        verdict=verdict,
        published=published_tables([section.board for section in sections]),
        timings=speed_tables(list(found.timings)),
        summary=_summary(found.all),
        machines=_machines(found.all),
        left_out=left_out,
        left_out_title="Left out, or counted once" if found.repeated else "Left out",
        download=download or {},
        cite=cite,
        budgets=sorted({record.spec.budget_images for record in found.all}),
        metrics=_metrics(sections),
        table=_table,
        inline=lambda chart: Markup(chart.inline()),
    )


def releases_page(title: str, releases: Sequence[Any]) -> str:
    """The page that lists the releases of a leaderboard, newest first (:class:`ganbench.report.site.Release`)."""
    style = _file("page.css")
    return template("releases.html.j2").render(
        title=title, version=version("ganbench"), policy=_policy(style), style=Markup(style), releases=releases
    )


def _table(table: Table, prefix: str, section: BoardSection | None) -> Markup:
    """A table, in which the rows of a board lead to their sections."""
    return Markup(to_html(table, prefix, _about(section) if section else None))


def _about(section: BoardSection) -> dict[str, dict[str, str]]:
    """What the page's script and reader may know of the rows of a board, by name."""
    return {
        row.variant: {
            "name": row.variant,
            "budget": str(row.records[0].spec.budget_images),
            **({"link": f"#{section.anchors[row.variant]}"} if row.variant in section.anchors else {}),
        }
        for row in section.board.rows
    }


def _policy(style: str, script: str | None = None) -> str:
    """A content security policy under which only this style and this script are used, and only pictures within the page."""

    def known(text: str | None) -> str:
        return "'none'" if text is None else "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return f"default-src 'none'; img-src data:; style-src {known(style)}; script-src {known(script)}; base-uri 'none'; form-action 'none'"


def _summary(records: Sequence[Record]) -> str:
    """How many runs of what there are, and how they ended, in a line."""
    variants = {record.spec.variant.name for record in records}
    datasets = sorted({record.spec.dataset.name for record in records})
    ends = {
        status: sum(record.status == status for record in records) for status in ("done", "diverged", "failed", "interrupted", "skipped")
    }
    ended = ", ".join(f"{count:,} {status}" for status, count in ends.items() if count)
    words = (
        f"{len(records):,} {'run' if len(records) == 1 else 'runs'} of {len(variants)} {'variant' if len(variants) == 1 else 'variants'}"
    )
    return f"{words} on {', '.join(datasets)}: {ended}" if records else "no runs"


def _machines(records: Sequence[Record]) -> list[str]:
    """The kinds of machines and versions that the runs were made on, most runs first."""
    counts: dict[str, int] = {}
    for record in records:
        hardware, software = (record.provenance.get(part, {}) for part in ("hardware", "packages"))
        device = record.timing.device if record.timing else "unknown device"
        versions = ", ".join(f"{name} {software[name]}" for name in ("ganbench", "torch", "python") if name in software)
        processor = " ".join(str(hardware[name]) for name in ("cpu", "cpu_capability") if hardware.get(name))
        words = "; ".join(part for part in (device, processor, versions) if part)
        counts[words] = counts.get(words, 0) + 1
    return [f"{words}: {count:,} {'run' if count == 1 else 'runs'}" for words, count in sorted(counts.items(), key=lambda item: -item[1])]


def _metrics(sections: Sequence[Any]) -> list[str]:
    """Metrics of all boards, in the order of their columns."""
    return list(dict.fromkeys(column.metric for section in sections for column in section.board.columns))


def _file(name: str) -> str:
    return files(TEMPLATES[0]).joinpath(TEMPLATES[1], name).read_text(encoding="utf-8")
