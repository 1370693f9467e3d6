"""How are ganbench's own files written atomically, and read?"""

import gzip
import hashlib
import json
import os
import platform
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from ganbench.errors import RequestError

MAX_BYTES = 256 * 2**20
"""Largest own file that is read. A record takes 1.2 KB per score of an evaluation (measured), so that 10,000 evaluations with 20 scores
remain below."""
MAX_DEPTH = 64
"""Deepest nesting of an own file; a record nests 8 levels."""
PARTIAL = ".partial"
"""Suffix of files that are being written."""
GZIP = b"\x1f\x8b"
"""First bytes of a file that gzip compressed."""
_NESTING = (dict, list)
"""Types that hold others; a tuple, since ``dict | list`` would be built for each of the hundred thousand values of some files."""
AGAIN = "move it away and run the same command again"


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically: under a temporary name, which is then renamed."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Writes a file atomically, as :func:`write_text` does.

    Args:
        path: The file.
        data: Its content.
        lasting: Whether to wait until it is on the disk, which takes milliseconds; not needed for what can be made again.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}@{_host()}{PARTIAL}")
    try:
        with partial.open("wb") as handle:
            handle.write(data)
            handle.flush()
            if lasting:
                os.fsync(handle.fileno())
        os.replace(partial, path)
    except BaseException:  # a full disk, or Ctrl-C: nothing is left of the attempt, and the old file stays
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:
    """Writes plain data atomically as :func:`json_text` has it."""
    write_text(path, json_text(data))


def json_text(data: Any) -> str:
    """Plain data as JSON with sorted keys, a value a line; raises for non-finite numbers."""
    return json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def sweep(folder: Path) -> None:
    """Deletes what processes that were killed in the middle of :func:`write_text` left in a folder, if they ran on this host."""
    for path in folder.glob(f".*@{_host()}{PARTIAL}"):
        pid = path.name.removesuffix(f"@{_host()}{PARTIAL}").rpartition(".")[2]
        if pid.isdigit() and not _alive(int(pid)):
            path.unlink(missing_ok=True)


def _host() -> str:
    """Eight hexadecimal digits that distinguish hosts, whose process ids say nothing about each other."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _alive(pid: int) -> bool:
    """Whether another process with this id exists; this process itself is in the middle of no write."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"  # a zombie writes nothing any more
    except (OSError, IndexError):
        return True  # systems without /proc


def read_bytes(path: Path, remedy: str = AGAIN) -> bytes:
    """Reads an own file, whose size is bounded; one compressed by gzip is expanded, to at most that size.

    Args:
        path: The file.
        remedy: What to do if it cannot be read, for the error message.

    Raises:
        RequestError: It is missing, no ordinary file, too large, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise RequestError(f"{path}: is no file; {remedy}")  # opening a pipe would wait for ever
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path that contains NUL
        why = error.strerror if isinstance(error, OSError) else error
        raise RequestError(f"{_shown(path)}: cannot be read ({why}); {remedy}") from None
    if data.startswith(GZIP):
        data = _expanded(data, path, remedy)
    if len(data) > MAX_BYTES:
        raise RequestError(f"{path}: is larger than {MAX_BYTES // 2**20} MiB, so that ganbench did not write it; {remedy}")
    return data


def compressed(data: bytes) -> bytes:
    """Data compressed by gzip, without the time, so that equal data give equal bytes; what is compressed already stays as it is."""
    return data if data.startswith(GZIP) else gzip.compress(data, compresslevel=1, mtime=0)


def _expanded(data: bytes, path: Path, remedy: str) -> bytes:
    """What gzip compressed, and a byte more than allowed if it is larger."""
    expander = zlib.decompressobj(wbits=31)
    try:
        found = expander.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise RequestError(f"{_shown(path)}: cannot be expanded ({error}); {remedy}") from None
    if not expander.eof and len(found) <= MAX_BYTES:
        raise RequestError(f"{_shown(path)}: is cut short; {remedy}")
    return found


def _shown(path: Path) -> str:
    """A path in a message, shortened in the middle if it fills more than a few lines."""
    text = str(path).replace("\0", "\\0")
    return text if len(text) <= 300 else f"{text[:140]}...{text[-140:]}"


def read_json(path: Path, remedy: str = AGAIN) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: The file.
        remedy: What to do if it cannot be read, for the error message.

    Raises:
        RequestError: The file is missing, cannot be read, or does not contain a JSON object.
    """
    return parsed_json(read_bytes(path, remedy), str(path), remedy)


def parsed_json(data: bytes, where: str, remedy: str = AGAIN) -> dict[str, Any]:
    """Parses a JSON object of bounded depth, with finite numbers and text that can be written again.

    Args:
        data: UTF-8.
        where: The file, and line, that it came from, for the error message.
        remedy: What to do if it cannot be read, for the error message.

    Raises:
        RequestError: It is no such object.
    """
    try:
        try:
            fields = from_json(data, allow_inf_nan=False)  # in half the time
        except ValueError:
            fields = json.loads(data.decode("utf-8"), parse_constant=_refused)  # says more clearly what is wrong
            json.dumps(fields, ensure_ascii=False).encode()  # half of a pair of surrogates is no character
        _check_depth(fields)
    except (ValueError, RecursionError) as error:  # UnicodeError and JSONDecodeError are ValueErrors, as are numbers of too many digits
        raise RequestError(f"{where}: damaged, not valid JSON ({_first_line(error)}); {remedy}") from None
    if not isinstance(fields, dict):
        raise RequestError(f"{where}: damaged, holds no JSON object; {remedy}")
    return fields


def parsed_toml(text: str, where: str) -> dict[str, Any]:
    """Parses TOML of bounded depth.

    Args:
        text: The file's text.
        where: The file, for the error message.

    Raises:
        RequestError: It is not valid TOML.
    """
    try:
        table = tomllib.loads(text)
        _check_depth(table)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise RequestError(f"{where}: not valid TOML: {_first_line(error)}") from None
    if any("\0" in one for one in _texts(table)):
        raise RequestError(f"{where}: holds the character NUL, which no name and no path may contain; remove it")
    return table


def _first_line(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).partition("\n")[0]


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _check_depth(value: Any) -> None:
    """Raises a RecursionError for data nested more deeply than ``MAX_DEPTH``, which would fail at other places later."""
    level = [value] if isinstance(value, _NESTING) else []
    for _ in range(MAX_DEPTH):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one) if isinstance(inner, _NESTING)]
        if not level:
            return
    raise RecursionError


def _inner(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _texts(value: Any) -> Iterator[str]:
    """All strings in plain data, keys included."""
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        yield from value
    for one in _inner(value):
        yield from _texts(one)


def free_bytes(path: Path) -> int:
    """Free space of the disk on which a path is, or will be created."""
    found = os.statvfs(next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists()))
    return found.f_bavail * found.f_frsize


def check_folder(path: Path, option: str) -> None:
    """Checks that a folder can be created and written to, without creating it.

    Args:
        path: The folder; it need not exist.
        option: Option with which the user named it, for error messages.

    Raises:
        RequestError: It is a file or below one, or there is no write permission.
    """
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if not nearest.is_dir():
        raise RequestError(f"{nearest}: is not a folder; name another one with {option}")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise RequestError(f"{nearest}: cannot be written to; name another folder with {option}")


def check_parent(path: Path, option: str = "--out") -> None:
    """Checks that a file can be written: its folder is there.

    Raises:
        RequestError: Its folder is missing, or there is no write permission.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise RequestError(f"{path}: its folder does not exist; make it, or name another file with {option}")
    check_folder(folder, option)


def writable_folder(path: Path, option: str = "--out") -> Path:
    """Creates a folder if it is missing, and checks that it can be written to.

    Args:
        path: The folder.
        option: Option with which the user named it, for error messages.

    Raises:
        RequestError: It is a file, or cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe.{os.getpid()}@{_host()}{PARTIAL}"
        probe.touch()
        probe.unlink()
    except (FileExistsError, NotADirectoryError):
        raise RequestError(f"{path}: is not a folder; name another one with {option}") from None
    except OSError as error:
        raise RequestError(f"{path}: cannot be written to ({error.strerror}); name another folder with {option}") from None
    return path
