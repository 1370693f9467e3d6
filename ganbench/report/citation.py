"""How is a state of a leaderboard cited? (BibTeX, and a citation file as GitHub and Zenodo read it)"""

import json
from dataclasses import dataclass

from ganbench.text import bibtex, file_name, line


@dataclass(frozen=True, kw_only=True)
class Citation:
    """What a citation says."""

    title: str
    authors: tuple[str, ...]
    """Empty stands for the contributors together."""
    url: str
    """Where the cited state stays; empty if it is nowhere."""
    version: str = ""
    date: str = ""
    """Day of the newest record (2026-01-02); empty if none says one."""
    records: int = 0
    """Number of records; 0 leaves number and hash out."""
    records_sha256: str = ""
    """Hash over the records, which pins what the citation means."""

    @property
    def people(self) -> tuple[str, ...]:
        """The authors, or the contributors together."""
        return self.authors or (f"The contributors of {self.title}",)

    def to_bibtex(self) -> str:
        """An entry for BibTeX; every name is one author, whatever commas and words it has."""
        key = file_name("-".join(filter(None, (self.title, self.version)))).lower()
        pinned = f"{self.records} records, SHA-256 {self.records_sha256}" if self.records else ""
        fields = {
            "title": bibtex(f"{self.title}, {self.version}" if self.version else self.title),
            "author": " and ".join(f"{{{bibtex(name)}}}" for name in self.people),
            "year": self.date[:4],
            "version": bibtex(self.version),
            "url": self.url,
            "note": pinned,
        }
        lines = [f"  {name:<7} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@misc{{{key},", *lines, "}", ""])

    def to_cff(self) -> str:
        """A ``CITATION.cff`` of version 1.2.0. Its texts are those of JSON, which YAML 1.2 contains."""
        fields = {
            "cff-version": "1.2.0",
            "message": "If you use these results, please cite them as below.",
            "type": "dataset",
            "title": line(self.title),
            "version": self.version,
            "date-released": self.date,
            "url": self.url,
        }
        lines = [f"{name}: {_text(value)}" for name, value in fields.items() if value]
        lines += ["authors:", *(f"  - name: {_text(line(name))}" for name in self.people)]
        if self.records:
            what = f"SHA-256 over the {self.records} records: (cd records && LC_ALL=C sha256sum *.json) | sha256sum"
            lines += ["identifiers:", "  - type: other", f"    value: {_text(self.records_sha256)}", f"    description: {_text(what)}"]
        return "\n".join([*lines, ""])


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
