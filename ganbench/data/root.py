"""Which folder holds downloaded data sets?"""

import os
from pathlib import Path

import platformdirs


def data_root(explicit: Path | None = None) -> Path:
    """The folder of data sets: the given one, else ``GANBENCH_DATA``, else in the user's cache folder.

    Args:
        explicit: The value of ``--data-root``, if given.

    Returns:
        The folder; it may not exist yet.
    """
    if explicit is not None:
        return explicit.expanduser()
    if from_environment := os.environ.get("GANBENCH_DATA"):
        return Path(from_environment).expanduser()
    return platformdirs.user_cache_path("ganbench") / "data"
