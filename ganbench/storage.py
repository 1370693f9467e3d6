"""How are ganbench's own files written atomically, and read?"""

import json
import os
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically: under a temporary name, which is then renamed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(partial, path)


def write_json(path: Path, data: Any) -> None:
    """Writes plain data atomically as JSON with sorted keys; raises for non-finite numbers."""
    write_text(path, json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path, remedy: str = "move it away and run the same command again") -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: The file.
        remedy: What to do if it cannot be read, for the error message.

    Raises:
        RequestError: The file is missing, cannot be read, or does not contain a JSON object.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    except ValueError as error:  # also raised for bytes that are not text
        raise RequestError(f"{path}: damaged, not valid JSON ({error}); {remedy}") from None
    if not isinstance(fields, dict):
        raise RequestError(f"{path}: damaged, holds no JSON object; {remedy}")
    return fields


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
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (FileExistsError, NotADirectoryError):
        raise RequestError(f"{path}: is not a folder; name another one with {option}") from None
    except OSError as error:
        raise RequestError(f"{path}: cannot be written to ({error.strerror}); name another folder with {option}") from None
    return path
