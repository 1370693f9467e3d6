"""Does a site keep its releases as they are, and does its newest state say which of them is cited?"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.report.site import check_release, check_site, read_releases, write_site
from ganbench.results.collection import Collection, collect_files
from ganbench.results.record import Record, write_record
from ganbench.results.repository import Settings

Honest = Callable[..., Record]
SETTINGS = Settings(title="A <i>board</i>", url="https://example.org/board/")
Content = dict[str, bytes]


@pytest.fixture
def states(tmp_path: Path, honest: Honest) -> tuple[Collection, Collection]:
    """One record, and two."""
    files = []
    for seed in range(2):
        files.append(tmp_path / f"{seed}.json")
        write_record(files[-1], honest(seed, fd=4.0 + seed))
    return collect_files(files[:1]), collect_files(files)


def content(folder: Path) -> Content:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def page(site: Path) -> str:
    return (site / "index.html").read_text(encoding="utf-8")


def test_a_site_without_a_release_says_so(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    site = tmp_path / "site"
    write_site(site, states[0], SETTINGS, "ab" * 32, None)
    assert "no release can be cited yet. It shows 1 record until 2026-01-02, SHA-256 abababababababab." in page(site)
    assert "@misc" not in page(site) and "There is no release yet." in (site / "releases" / "index.html").read_text()
    assert json.loads((site / "site.json").read_text())["releases"] == []


def test_a_release_has_a_permalink_and_citations_and_never_changes(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    site, (one, two) = tmp_path / "site", states
    write_site(site, one, SETTINGS, "ab" * 32, "v1.0")
    release = site / "releases" / "v1.0"
    permalink = "https://example.org/board/releases/v1.0/"
    for text in (page(release), page(site)):  # the newest state is that release
        assert f'<a href="{permalink}">{permalink}</a>' in text and f"url     = {{{permalink}}}" in text
        assert f"1 records, SHA-256 {'ab' * 32}" in text
    for name in ("CITATION.cff", "citation.bib"):
        assert permalink in (release / name).read_text() and "ab" * 32 in (release / name).read_text()
    assert 'date-released: "2026-01-02"' in (release / "CITATION.cff").read_text()
    before = content(release)
    write_site(site, two, SETTINGS, "cd" * 32, None)
    write_site(site, two, replace(SETTINGS, title="Another title"), "cd" * 32, "v1.1")
    assert content(release) == before
    assert [one.name for one in read_releases(site)] == ["v1.1", "v1.0"]


def test_the_newest_state_names_the_release_that_is_cited_in_its_place(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    site, (one, two) = tmp_path / "site", states
    write_site(site, one, SETTINGS, "ab" * 32, "v1.0")
    write_site(site, two, SETTINGS, "cd" * 32, None)
    assert "it shows 2 records until 2026-01-02, SHA-256 cdcdcdcdcdcdcdcd. The newest release is v1.0, with 1 record" in page(site)
    assert "releases/v1.0/CITATION.cff" in page(site)


def test_what_is_no_longer_there_is_no_longer_served(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    site, (one, two) = tmp_path / "site", states
    write_site(site, two, SETTINGS, "cd" * 32, None)
    assert len(list((site / "records").iterdir())) == 2
    write_site(site, one, SETTINGS, "ab" * 32, None)
    assert [path.name for path in (site / "records").iterdir()] == [f"{one.records[0].spec.slug}.json.gz"]


def test_equal_records_give_equal_sites_whenever_they_are_built(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    for name in ("a", "b"):
        write_site(tmp_path / name, states[1], SETTINGS, "cd" * 32, "v1.0")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_release_that_was_cut_short_is_none(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    site = tmp_path / "site"
    (site / "releases" / ".v1.0").mkdir(parents=True)
    (site / "releases" / ".v1.0" / "index.html").write_text("half")
    assert not check_release(site, "v1.0", SETTINGS, "ab" * 32)
    write_site(site, states[0], SETTINGS, "ab" * 32, "v1.0")
    assert [one.name for one in read_releases(site)] == ["v1.0"] and not (site / "releases" / ".v1.0").exists()


def test_releases_are_in_the_order_of_their_records_and_numbers(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    for number, name in enumerate(("v1.9", "v1.10", "v1.2")):
        write_site(tmp_path / "site", states[0], SETTINGS, f"{number:02x}" * 32, name)
    assert [one.name for one in read_releases(tmp_path / "site")] == ["v1.10", "v1.9", "v1.2"]


def test_a_release_that_is_there_is_kept_or_refused(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    site = tmp_path / "site"
    write_site(site, states[0], SETTINGS, "ab" * 32, "v1.0")
    assert check_release(site, "v1.0", SETTINGS, "ab" * 32)
    with pytest.raises(RequestError, match=r"there with other records \(1, SHA-256 abababababab; now cdcdcdcdcdcd\)"):
        check_release(site, "v1.0", SETTINGS, "cd" * 32)
    (site / "releases" / "v1.0" / "release.json").write_text("{")
    with pytest.raises(RequestError, match="restore the release's folder"):
        check_release(site, "v1.0", SETTINGS, "ab" * 32)


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "../../x", "<b>", "a b", "v1\n", "index.html", "a" * 65, "-v"])
def test_a_name_that_is_no_part_of_an_address_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match="--release"):
        check_release(tmp_path, name, SETTINGS, "ab" * 32)


def test_a_release_without_an_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="set url in leaderboard.toml"):
        check_release(tmp_path, "v1.0", Settings(title="x"), "ab" * 32)


def test_nothing_but_a_site_is_written_over(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    check_site(tmp_path / "new")
    (tmp_path / "worktree").mkdir()
    (tmp_path / "worktree" / ".git").touch()
    check_site(tmp_path / "worktree")
    with pytest.raises(RequestError, match="holds other things"):
        check_site(tmp_path)
    (tmp_path / "leaderboard.toml").touch()
    with pytest.raises(RequestError, match="is the leaderboard's repository itself"):
        check_site(tmp_path)


def test_pages_hold_no_markup_of_a_title_and_let_nothing_run(tmp_path: Path, states: tuple[Collection, Collection]) -> None:
    site = tmp_path / "site"
    hostile = Settings(title="</title><script>alert(1)</script>", authors=("</pre><script>",), url="https://example.org/")
    write_site(site, states[0], hostile, "ab" * 32, "v1.0")
    for path in (site / "index.html", site / "releases" / "index.html", site / "releases" / "v1.0" / "index.html"):
        text = path.read_text(encoding="utf-8")
        assert "<script>alert" not in text and "</pre><script>" not in text
        assert re.search(r"Content-Security-Policy\" content=\"default-src &#39;none&#39;; img-src data:; style-src &#39;sha256-", text)
    assert "script-src &#39;none&#39;" in (site / "releases" / "index.html").read_text()
