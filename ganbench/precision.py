"""In which number formats are products computed? (torch's settings within a block, restored afterwards)"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch.backends import cuda, cudnn, mkldnn

PRODUCTS: tuple[Any, ...] = (cuda.matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv, mkldnn.rnn)  # type: ignore[attr-defined]
"""All kinds of products that torch may compute with less than float32 precision, each set by its ``fp32_precision``."""


@contextmanager
def convolutions(tf32: bool = False) -> Iterator[None]:
    """Makes convolutions on CUDA bit-reproducible within the block, in float32 or TF32, and restores the settings afterwards.

    Args:
        tf32: Whether TF32 is used, which rounds the factors to 10 bits.
    """
    conv: Any = cudnn.conv  # type: ignore[attr-defined]
    before = cudnn.benchmark, cudnn.deterministic, conv.fp32_precision
    try:
        cudnn.benchmark, cudnn.deterministic, conv.fp32_precision = False, True, "tf32" if tf32 else "ieee"
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic, conv.fp32_precision = before


@contextmanager
def exact() -> Iterator[None]:
    """Computes products of float32 in float32 within the block, and restores the settings afterwards.

    TF32, which a GPU may use instead, keeps 10 of float32's 23 bits. cuDNN's benchmark chooses the fastest algorithm by
    trial, and different algorithms may round differently. The older ``allow_tf32`` is not used, since reading it is an
    error in a process that has set ``fp32_precision``.
    """
    before, benchmark = [product.fp32_precision for product in PRODUCTS], cudnn.benchmark
    try:
        for product in PRODUCTS:
            product.fp32_precision = "ieee"
        cudnn.benchmark = False
        yield
    finally:
        cudnn.benchmark = benchmark
        for product, value in zip(PRODUCTS, before, strict=True):
            product.fp32_precision = value


PRECISIONS: dict[str, Callable[[], AbstractContextManager[None]]] = {"exact": exact}
"""Context managers of the precisions, by name."""
