"""How are ganbench's own files written, so that nobody ever sees half of one, and read?"""

import json
import os
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError


def write_text(path: Path, text: str) -> None:
    """Writes a whole file under another name and renames it into place."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(partial, path)


def write_json(path: Path, data: Any) -> None:
    """Writes plain data as JSON with sorted keys; non-finite numbers are refused."""
    write_text(path, json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path, remedy: str = "move it away and run the same command again") -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: The file.
        remedy: What to do where it cannot be read, for the message.

    Raises:
        RequestError: The file is missing, cannot be read, or holds no JSON object.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    except ValueError as error:  # also what is no text
        raise RequestError(f"{path}: damaged, not valid JSON ({error}); {remedy}") from None
    if not isinstance(fields, dict):
        raise RequestError(f"{path}: damaged, holds no JSON object; {remedy}")
    return fields


def check_folder(path: Path, option: str) -> None:
    """Makes sure that a folder can be made and written to, and makes nothing.

    Args:
        path: The folder, which need not be there.
        option: What the user named it with, for messages.

    Raises:
        RequestError: It is a file or lies below one, or may not be written to.
    """
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if not nearest.is_dir():
        raise RequestError(f"{nearest}: is not a folder; name another one with {option}")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise RequestError(f"{nearest}: cannot be written to; name another folder with {option}")


def writable_folder(path: Path, option: str = "--out") -> Path:
    """Makes a folder and makes sure that it can be written to.

    Args:
        path: The folder.
        option: What the user named it with, for messages.

    Raises:
        RequestError: It is a file, or may not be written to.
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
