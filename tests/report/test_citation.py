"""Are citations read by what reads citations, whatever a title holds?"""

import re

import pytest
import yaml

from ganbench.report.citation import Citation

TITLES = (
    "Digits",
    'A "b" {c} \\d',
    "unbalanced } {{ }",
    "<script>alert(1)</script>",
    "two\nlines: - key: value # no comment",
    "50 % of $a$ & @b ~c_d^e",
    "\x1b[2J\u202eé中\U0001f600",
    "'single' : [list], *anchor &x !tag",
)


def cited(title: str, **changes: object) -> Citation:
    fields = {"authors": (title, "Roe, Jane"), "url": "https://example.org/releases/v1.0/", "version": "v1.0", "date": "2026-01-02"}
    return Citation(title=title, **{**fields, "records": 3, "records_sha256": "ab" * 32, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("title", TITLES)
def test_a_citation_file_says_what_it_was_told(title: str) -> None:
    found = yaml.safe_load(cited(title).to_cff())
    assert found["cff-version"] == "1.2.0" and found["type"] == "dataset"
    assert "\x1b" not in found["title"] and "\n" not in found["title"]
    if title.isprintable():
        assert found["title"] == title
    assert found["authors"][1] == {"name": "Roe, Jane"}
    assert (found["version"], found["date-released"], found["url"]) == ("v1.0", "2026-01-02", "https://example.org/releases/v1.0/")
    (pin,) = found["identifiers"]
    assert pin["type"] == "other" and pin["value"] == "ab" * 32 and "sha256sum" in pin["description"]


@pytest.mark.parametrize("title", TITLES)
def test_an_entry_has_balanced_braces_and_one_key(title: str) -> None:
    text = cited(title).to_bibtex()
    assert re.match(r"@misc\{[a-z0-9._-]+,\n", text) and text.isascii() and text.endswith("}\n")
    depth = 0
    for place, char in enumerate(text):  # BibTeX counts braces, and does not know a backslash before one
        depth += (char == "{") - (char == "}")
        assert depth > 0 or place in range(6) or place >= len(text) - 2, text[:place]
    assert depth == 0
    assert text.count("\n") == 8


def test_fields_without_a_value_are_left_out() -> None:
    bare = Citation(title="Digits", authors=(), url="")
    assert yaml.safe_load(bare.to_cff()).keys() == {"cff-version", "message", "type", "title", "authors"}
    assert bare.to_bibtex() == "@misc{digits,\n  title   = {Digits},\n  author  = {{The contributors of Digits}},\n}\n"
    assert yaml.safe_load(bare.to_cff())["authors"] == [{"name": "The contributors of Digits"}]
