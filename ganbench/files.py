"""How is a file written so that nobody ever sees half of it?"""

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


def writable_folder(path: Path) -> Path:
    """Makes a folder and makes sure that it can be written to.

    Raises:
        RequestError: It is a file, or may not be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (FileExistsError, NotADirectoryError):
        raise RequestError(f"{path}: is not a folder; name another one with --out") from None
    except OSError as error:
        raise RequestError(f"{path}: cannot be written to ({error.strerror}); name another folder with --out") from None
    return path
