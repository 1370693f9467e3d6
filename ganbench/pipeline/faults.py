"""Is an error a fault of the machine? (a full disk, no memory, a lost device: it says nothing about the method)"""

import errno
from collections.abc import Iterator

import torch

ERRNOS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "the disk is full"),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.EROFS, errno.EREMOTEIO, errno.ENOTCONN), "the disk cannot be read or written"),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), "out of memory or processes"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "too many open files"),
    **dict.fromkeys((errno.ENODEV, errno.ENXIO), "a device is missing"),
}
"""Numbers of system errors that are the machine's, with what they mean. A missing file or permission is the method's or the user's."""
PHRASES = {
    "no space left on device": "the disk is full",
    "disk quota exceeded": "the disk is full",
    "file write failed": "the disk is full",
    "file too large": "the disk is full",
    "input/output error": "the disk cannot be read or written",
    "stale file handle": "the disk cannot be read or written",
    "out of memory": "out of memory",
    "can't allocate memory": "out of memory",
    "cannot allocate memory": "out of memory",
    "std::bad_alloc": "out of memory",
    "alloc_failed": "out of memory",
    "no cuda gpus are available": "the GPU is missing",
    "found no nvidia driver": "the GPU is missing",
    "no cuda-capable device": "the GPU is missing",
    "devices are busy or unavailable": "the GPU is missing",
    "device is unavailable": "the GPU is missing",
    "driver shutting down": "the GPU is missing",
    "gpu is lost": "the GPU is missing",
    "ecc error": "the GPU is faulty",
    "too many open files": "too many open files",
}
"""Words with which libraries report such faults in errors of their own types: torch's and safetensors' writers, the allocators of torch,
CUDA and cuDNN, and the CUDA runtime's cudaGetErrorString."""


def machine_fault(error: BaseException) -> str | None:
    """Why an error is a fault of the machine, in words that name no path; None if the method or the user is to blame.

    Notes that were added to the error (:pep:`678`) follow.
    """
    found = next(((why, one) for one in _chain(error) if (why := _fault(one))), None)
    return None if found is None else "; ".join([found[0], *getattr(found[1], "__notes__", [])])


def _fault(error: BaseException) -> str | None:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return f"out of memory ({type(error).__name__})"
    if isinstance(error, OSError):
        return f"{ERRNOS[error.errno]} ({error.strerror})" if error.errno in ERRNOS else None
    # a type that is the libraries' own; a method that raises, say, ValueError("out of memory") means something of its own
    if isinstance(error, RuntimeError) or type(error).__name__ == "SafetensorError":
        found = next((phrase for phrase in PHRASES if phrase in str(error).lower()), None)
        return f"{PHRASES[found]} ({type(error).__name__}: {found})" if found else None
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those during whose handling it was raised."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
