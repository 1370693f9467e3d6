"""Where do downloaded data sets lie?"""

import os
from pathlib import Path

import platformdirs


def data_root(explicit: Path | None = None) -> Path:
    """The folder that holds data sets: the one asked for, else ``GANBENCH_DATA``, else the user's cache.

    Args:
        explicit: What ``--data-root`` named, if anything.

    Returns:
        The folder; it need not exist yet.
    """
    if explicit is not None:
        return explicit.expanduser()
    if from_environment := os.environ.get("GANBENCH_DATA"):
        return Path(from_environment).expanduser()
    return platformdirs.user_cache_path("ganbench") / "data"
