"""How are the tensors of a weights file read without running anything that it holds?

A state dictionary is read by torch's own restricted reader. ``torch.jit.load`` would run code of a TorchScript archive, so of
those only the table of attributes is read, by an unpickler that knows tensors and plain containers and nothing else.
"""

import math
import pickle
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ganbench.errors import DataError

_TABLE_LIMIT_BYTES = 2**24
"""Largest table of attributes of a TorchScript archive; that of CLIP ViT-L/14 takes 0.3 MB."""
_TENSORS_LIMIT = 100_000
"""Largest number of modules and tensors in a TorchScript archive; CLIP ViT-L/14 has fewer than 2,000."""
_STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "DoubleStorage": torch.float64,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def read(extractor: str, path: Path) -> dict[str, Tensor]:
    """Reads tensors by name from a state dictionary or a TorchScript archive, on the CPU; no code of the file is run.

    Args:
        extractor: Name of the extractor that needs them, for error messages.
        path: An existing file.

    Raises:
        DataError: The file is neither, or claims more than it holds.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about old formats
            loaded = _read(path)
    except Exception:  # damaged files raise many types of errors
        loaded = None
    if not isinstance(loaded, Mapping) or not all(map(_plain, loaded.values())):
        raise DataError(f"extractor {extractor!r}: {str(path)!r} holds no state dictionary of tensors; give the published file")
    return {str(key): tensor.detach() for key, tensor in loaded.items()}


def _read(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
            table = next((name.removesuffix("constants.pkl") for name in members if name.endswith("/constants.pkl")), None)
            if table is not None:
                return _script_tensors(archive, members, table)
            if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
                return None  # torch never compresses tensors, and what is stored cannot grow
    return torch.load(path, map_location="cpu", weights_only=True)


def _plain(value: object) -> bool:
    """Whether a value is an ordinary tensor that is no larger than its storage; a view with strides of 0 may be."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not (value.is_quantized or value.is_complex())
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def _script_tensors(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], prefix: str) -> dict[str, Tensor]:
    """Tensors of a TorchScript archive by dotted name, as in the state dictionary of its module."""
    table = members[prefix + "data.pkl"]
    if table.file_size > _TABLE_LIMIT_BYTES:
        raise ValueError("the table of attributes is too large")

    def stored(identifier: Any) -> Tensor:
        _, dtype, key, _, count = identifier
        member = members[f"{prefix}data/{key}"]
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError("a tensor is compressed, which torch never does")
        data = archive.read(member)
        return torch.frombuffer(bytearray(data), dtype=dtype)[:count] if data else torch.empty(0, dtype=dtype)

    with archive.open(table) as file:
        root = _Attributes(file, stored).load()
    found: dict[str, Tensor] = {}
    for number, (name, tensor) in enumerate(_walk(root, "")):
        if number > _TENSORS_LIMIT:
            raise ValueError("the table of attributes is too large")
        if tensor is not None:
            found[name] = tensor
    return found


def _walk(module: "_Module", prefix: str) -> Iterator[tuple[str, Tensor | None]]:
    """Yields every module, with None, and every tensor."""
    yield prefix, None
    for name, value in module.attributes.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, _Module):
            yield from _walk(value, f"{prefix}{name}.")


class _Module:
    """Stands for an instance of any class of the archive."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.attributes = dict(attributes)


class _Attributes(pickle._Unpickler):
    """Unpickles modules and tensors; any other name is an error. The one in C would allocate memory for numbers that the file makes up."""

    def __init__(self, file: IO[bytes], stored: Callable[[Any], Tensor]) -> None:
        super().__init__(file)
        self.stored = stored

    def persistent_load(self, identifier: Any) -> Tensor:
        """The values of a tensor."""
        return self.stored(identifier)

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in for a name; a new one every time, so that the file can change nothing of this module."""
        if module.startswith("__torch__"):
            return type("Module", (_Module,), {})
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        known: dict[tuple[str, str], Any] = {
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _first,
            ("torch.jit._pickle", "restore_type_tag"): _first,
            ("collections", "OrderedDict"): dict,
        }
        if module == "torch.jit._pickle" and name.startswith("build_"):
            return partial(list)
        return partial(known[module, name])


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: object) -> Tensor:
    if math.prod(size) > len(storage):
        raise ValueError("a tensor is larger than its storage")
    return storage.as_strided(size, stride, offset)


def _first(value: object, *rest: object) -> object:
    return value
