import hashlib
import io
import time
import urllib.error
from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.errors import DataError
from ganbench.features import published
from ganbench.features.published import Published, find, status

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PUBLISHED = Published(file="net-1234.pth", url="https://weights.invalid/net-1234.pth", sha256=SHA256, megabytes=1)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The folders that are looked at, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("GANBENCH_WEIGHTS", raising=False)
    monkeypatch.setattr(published.platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    folders = {
        "given": tmp_path / "given",
        "environment": tmp_path / "environment",
        "cache": tmp_path / "cache" / "ganbench" / "weights",
        "hub": tmp_path / "torch" / "hub" / "checkpoints",
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    return folders


def put(folder: Path, content: bytes = CONTENT, name: str = PUBLISHED.file) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(given: Path | None = None, wanted: Published = PUBLISHED) -> str:
    with pytest.raises(DataError) as caught:
        find("net", wanted, given)
    message = str(caught.value)
    assert "\n" not in message
    return message


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, timeout: float) -> None:
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(published.urllib.request, "urlopen", refuse)


def test_places_are_looked_at_in_their_order(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(places["environment"]))
    for name in ("hub", "cache", "environment", "given"):
        expected = put(places[name])
        found = find("net", PUBLISHED, places["given"])
        assert (found.path, found.sha256, found.named, found.notes) == (expected, SHA256, False, ())


def test_a_file_that_the_user_named_may_be_any_and_says_so(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    mine = put(places["given"], b"mine", "mine.bin")
    own_sha256 = hashlib.sha256(b"mine").hexdigest()
    for given, environment in ((mine, ""), (None, str(mine))):
        monkeypatch.setenv("GANBENCH_WEIGHTS", environment)
        found = find("net", PUBLISHED, given)
        assert found.path == mine and found.sha256 == own_sha256 and not found.genuine
        assert len(found.notes) == 1 and own_sha256 in found.notes[0] and "comparable with no published number" in found.notes[0]


def test_the_published_file_under_another_name_is_genuine(places: dict[str, Path]) -> None:
    found = find("net", PUBLISHED, put(places["given"], name="renamed.bin"))
    assert found.genuine and found.notes == ()


@pytest.mark.parametrize("place", ["given", "environment", "cache", "hub"])
def test_another_file_of_the_published_name_is_refused(place: str, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(places["environment"]))
    path = put(places[place], b"half a downl")
    message = refusal(places["given"])
    assert str(path) in message and SHA256 in message and hashlib.sha256(b"half a downl").hexdigest() in message


def test_what_was_given_must_exist(places: dict[str, Path]) -> None:
    put(places["cache"])
    assert "does not exist" in refusal(places["given"] / "nowhere.pth")


def test_one_of_several_files_must_bear_its_name(places: dict[str, Path]) -> None:
    cached = put(places["cache"])
    other = put(places["given"], b"other", "other.pth")
    assert find("net", PUBLISHED, other, alone=False).path == cached
    named = put(places["given"], b"mine")
    assert find("net", PUBLISHED, named, alone=False).path == named


def test_a_missing_file_offline_is_one_line_with_hash_and_remedies(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    message = refusal(places["given"])
    for part in ("'net'", PUBLISHED.file, SHA256, PUBLISHED.url, "--weights PATH", "GANBENCH_WEIGHTS", "no network here"):
        assert part in message
    assert list(places["cache"].iterdir()) == []


def test_a_name_that_does_not_resolve_ends_in_time() -> None:
    # RFC 6761 keeps .invalid from ever resolving.
    start_s = time.monotonic()
    assert "could not be downloaded" in refusal()
    assert time.monotonic() - start_s < published.PATIENCE_S + 5


def test_a_silent_server_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "PATIENCE_S", 0.05)
    monkeypatch.setattr(published.urllib.request, "urlopen", lambda url, timeout: time.sleep(1))
    assert "no answer in 0.05 s" in refusal()


class Response(io.BytesIO):
    headers: dict[str, str] = {}


def test_a_download_is_kept_whole(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(published.urllib.request, "urlopen", lambda url, timeout: Response(CONTENT))
    found = find("net", PUBLISHED)
    assert found.path == places["cache"] / PUBLISHED.file and found.path.read_bytes() == CONTENT and found.genuine
    assert [path.name for path in places["cache"].iterdir()] == [PUBLISHED.file]
    captured = capsys.readouterr()
    assert captured.out == "" and PUBLISHED.file in captured.err
    offline(monkeypatch)
    assert find("net", PUBLISHED).path == found.path


def test_a_damaged_download_is_not_kept(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published.urllib.request, "urlopen", lambda url, timeout: Response(b"<html>"))
    message = refusal()
    assert hashlib.sha256(b"<html>").hexdigest() in message and SHA256 in message
    assert list(places["cache"].iterdir()) == []


def test_status_looks_without_a_download(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    assert status(PUBLISHED) is None
    path = put(places["hub"], b"damaged")
    found = status(PUBLISHED)
    assert found is not None and found.path == path and not found.genuine
    put(places["cache"])
    assert status(PUBLISHED).genuine  # type: ignore[union-attr]
    assert not status(replace(PUBLISHED, sha256="0" * 64)).genuine  # type: ignore[union-attr]
