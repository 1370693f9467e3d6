"""Can the name of a set stand for one, as far as can be told without reading it? (imports no torch: a misspelt name costs no time)"""

import importlib.util
import os
import sys
from pathlib import Path

from ganbench.content import ordinary
from ganbench.errors import DataError, RequestError, UnknownName, nearest
from ganbench.registry import DATASETS
from ganbench.storage import check_folder
from ganbench.targets import Target

SPLITS = {"train": "train", "test": "held_out", "held_out": "held_out"}
"""Names of the splits of a data set, and the fields of ``Dataset`` that they mean."""
PROGRAMS = (".pt", ".pth", ".ts", ".jit", ".torchscript", ".pt2", ".onnx")
WEIGHTS = (".safetensors",)
"""Endings of a generator's weights, which say what network they belong to."""
ARRAYS = (".npz", ".npy")


def check_named(text: str, features: bool) -> None:
    """Checks that a name can stand for a set, before anything is imported or read.

    Args:
        text: The set as the user named it, see :func:`ganbench.sources.opening.open_source`.
        features: Whether paths name features instead of images.

    Raises:
        RequestError: No set of any kind can have this name.
    """
    path = path_of(text)
    if features:
        existing(path)
        return
    if path.exists():
        _check_path(text, ordinary(path))
        return
    bare, _, suffix = text.rpartition(":")
    if suffix in ("raw", "ema") and (Path(bare).expanduser() / "spec.json").is_file():
        return
    name, _, split = text.partition(":")
    if name in DATASETS.targets:
        if split and split not in SPLITS:
            raise unknown_split(name, split)
    elif bare and "/" not in suffix and "\\" not in suffix and not Path(bare).expanduser().is_dir():
        _check_function(text, path)
    elif not bare or not Path(bare).expanduser().is_dir():
        raise unknown(text, path)


def _check_path(text: str, path: Path) -> None:
    """Raises for what cannot be a set: no image is opened, but those of a folder or archive are listed."""
    suffix = path.suffix.lower()
    if path.is_dir() and not (path / "spec.json").is_file():
        from ganbench.data.folders import list_folder

        list_folder(path)
    elif path.is_file() and suffix == ".zip":
        from ganbench.data.zips import list_zip, open_zip

        with open_zip(path) as archive:
            list_zip(archive, repr(str(path)))
    elif not path.is_dir() and suffix not in (*ARRAYS, *PROGRAMS, *WEIGHTS):
        raise unfit(text, path)


def _check_function(text: str, path: Path) -> None:
    """Raises where the file or module of a function does not exist; its package, but not the module itself, is imported."""
    target = Target.parse(text)
    if target.is_file:
        target.source  # noqa: B018 - raises where there is no such file
        return
    if target.attribute in SPLITS and nearest(target.place, DATASETS.names()):
        raise unknown(text, path)  # a data set's name, misspelt
    before = list(sys.path)
    try:
        sys.path.append(os.getcwd())  # as where the function is loaded
        found = importlib.util.find_spec(target.place)
    except (ImportError, ValueError, AttributeError):
        found = None
    finally:
        sys.path[:] = before
    if found is None:
        raise RequestError(
            f"{text}: there is no module {target.place!r}, and no path, data set or run of this name; "
            "a function of a file is written path/to/file.py:function"
        )


def unknown_split(name: str, split: str) -> UnknownName:
    """The refusal of a split that a data set does not have."""
    return UnknownName(f"split of {name}", split, SPLITS, f"write {name}:train or {name}:test")


def unfit(text: str, path: Path) -> DataError:
    """The refusal of a file that holds no set."""
    if path.suffix.lower() in (".pkl", ".pickle"):
        return DataError(
            f"{text!r} is a pickle, which could run anything and is never loaded; save mu and sigma with np.savez, or export the network"
        )
    kinds = "a folder, .zip, .npz, .npy, program (.pt, .pt2, .onnx), .safetensors, run directory, data set or module:callable"
    return DataError(f"{text!r} is none of these: {kinds}; put single images into a folder and name that")


def check_target(path: Path) -> None:
    """Raises if statistics cannot be written to a path; called before they are computed.

    Raises:
        RequestError: The path does not end in .npz, is a folder, or its folder is not writable.
    """
    if path.suffix != ".npz":
        raise RequestError(f"{str(path)!r}: statistics are written as .npz; name the file {path.with_suffix('.npz').name!r}")
    if path.is_dir():
        raise RequestError(f"{str(path)!r} is a folder; name a file in it with --out")
    check_folder(path.parent, "--out")


def path_of(text: str) -> Path:
    """The name as a path, which may not exist."""
    try:
        path = Path(text).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, not permitted, or the home of an unknown user
        raise DataError(f"{text[:80]!r} cannot be looked at ({' '.join(str(error).split())[:80]}); check the path") from None
    if not text.strip():
        raise DataError("an empty name stands where a set is meant; name a path or a data set (`ganbench list datasets`)")
    return path


def existing(path: Path) -> Path:
    """The path of a feature file; raises if it does not exist."""
    if path.exists():
        return ordinary(path)
    if path.name.partition(":")[0] in DATASETS.targets:
        raise DataError(f"{path.name!r} is a data set, and --features wants a file of features (.npz or .npy); leave --features out")
    raise unknown(str(path), path)


def unknown(text: str, path: Path) -> RequestError:
    """The refusal of a name that is neither a path nor anything else, with the nearest one that is."""
    try:
        siblings = [sibling.name for sibling in path.parent.iterdir()]
    except OSError:
        siblings = []
    guess, named = nearest(path.name, siblings), nearest(text.partition(":")[0], DATASETS.names())
    if named and not {"/", "."} & set(text):
        choice = f"did you mean the data set {named!r}?"
    else:
        choice = f"did you mean {str(path.with_name(guess))!r}?" if guess else "check the path"
    return DataError(f"{text!r} is neither a path nor a data set (`ganbench list datasets`) nor a run or module:callable; {choice}")
