"""How are the weights inside the package loaded and verified?"""

import hashlib
import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from ganbench.errors import RequestError


def folder() -> Traversable:
    """The folder of ``<name>.safetensors`` and ``<name>.json``."""
    return files("ganbench.features") / "weights"


def load(name: str, where: Traversable | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads weights and their recipe, and checks the weights' SHA-256 against the recipe.

    Args:
        name: The extractor ("digits-probe").
        where: Folder of both files; None is the folder in the package.

    Returns:
        The tensors by name, and the recipe.

    Raises:
        RequestError: A file is missing or damaged, or the hashes differ.
    """
    where = folder() if where is None else where
    remedy = f"reinstall ganbench, or train it again: python -m baselines.train_probe {name.removesuffix('-probe')}"
    weights, recipe_file = where / f"{name}.safetensors", where / f"{name}.json"
    try:
        data = weights.read_bytes()
        recipe: dict[str, Any] = json.loads(recipe_file.read_text(encoding="utf-8"))
        expected = recipe["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise RequestError(f"extractor {name!r}: {str(weights)!r} or its .json is missing or damaged; {remedy}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise RequestError(f"extractor {name!r}: {str(weights)!r} has SHA-256 {found} and its recipe says {expected}; {remedy}")
    try:
        return load_safetensors(data), recipe
    except SafetensorError:
        raise RequestError(f"extractor {name!r}: {str(weights)!r} is no safetensors file; {remedy}") from None
