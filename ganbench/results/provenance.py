"""With which code, packages, hardware and settings was a result measured?

Nothing here identifies a person: no host names, no local paths, no addresses of repositories.
"""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError
from ganbench.storage import AGAIN

PACKAGES = ("ganbench", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "pillow", "safetensors")
"""Packages whose version can change a number."""
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MKL_CBWR", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "CUBLAS_WORKSPACE_CONFIG")
"""Environment variables that can change a number."""


PARTS = ("packages", "hardware", "flags", "environment", "dataset")
"""Parts of a provenance that are tables, where they are there."""


def check_provenance(provenance: Mapping[str, Any], where: str) -> None:
    """Checks that a provenance, which other people may have written, has the form that its readers rely on.

    Raises:
        RequestError: A part is no table, or a number is none.
    """
    for part in PARTS:
        if not isinstance(provenance.get(part, {}), Mapping):
            raise RequestError(f"{where}: provenance.{part}: a table is wanted; {AGAIN}")
    if not isinstance(provenance.get("hardware", {}).get("runs_at_a_time", 1), int):
        raise RequestError(f"{where}: provenance.hardware.runs_at_a_time: a whole number is wanted; {AGAIN}")


def packages() -> dict[str, str]:
    """Versions of Python and of the installed packages among :data:`PACKAGES`."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git(folder: Path) -> dict[str, Any] | None:
    """Commit of the git checkout that contains a folder, whether it has changes, and their hash; None outside a checkout."""

    def ask(*words: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=20).stdout

    try:
        if ask("ls-files", "--", str(folder)) == "":
            return None  # an installed copy inside an unrelated checkout
        difference = ask("diff", "HEAD")
        dirty = bool(ask("status", "--porcelain", "--untracked-files=no").strip())
        commit = ask("rev-parse", "HEAD").strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": dirty, "diff_sha256": hashlib.sha256(difference.encode()).hexdigest() if dirty else None}


def processor() -> str:
    """Name of the processor, as far as the system reports it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def memory_bytes() -> int | None:
    """Physical memory in bytes; None if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def variables() -> dict[str, str]:
    """The environment variables of :data:`VARIABLES` that are set, with their values."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def environment_fingerprint(parts: Sequence[object]) -> str:
    """Twelve hexadecimal digits; for two runs with equal fingerprints, the same spec gives bit-identical weights."""
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()[:12]


def host_hash() -> str:
    """Eight hexadecimal digits that distinguish hosts without revealing their names."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
