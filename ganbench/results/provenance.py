"""Under which code, packages, hardware and settings was it measured?

Nothing here identifies a person: no host names, no paths of the machine, no addresses of repositories.
"""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("ganbench", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "pillow", "safetensors")
"""Packages whose version can change a number."""
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MKL_CBWR", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "CUBLAS_WORKSPACE_CONFIG")
"""Environment variables that can change a number."""


def packages() -> dict[str, str]:
    """Installed versions."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git(folder: Path) -> dict[str, Any] | None:
    """Commit of the checkout that a folder lies in, whether it was changed, and the hash of the change; None outside one."""

    def ask(*words: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=20).stdout

    try:
        if ask("ls-files", "--", str(folder)) == "":
            return None  # an installed copy inside somebody else's checkout
        difference = ask("diff", "HEAD")
        dirty = bool(ask("status", "--porcelain", "--untracked-files=no").strip())
        commit = ask("rev-parse", "HEAD").strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": dirty, "diff_sha256": hashlib.sha256(difference.encode()).hexdigest() if dirty else None}


def processor() -> str:
    """The processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def memory_bytes() -> int | None:
    """Physical memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def variables() -> dict[str, str]:
    """Those of :data:`VARIABLES` that are set."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def environment_fingerprint(parts: Sequence[object]) -> str:
    """Twelve digits: equal for two runs that promise bit-identical weights for the same spec."""
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()[:12]


def host_hash() -> str:
    """Tells machines apart without naming them."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
