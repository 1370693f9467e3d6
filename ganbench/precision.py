"""In which number formats does a step compute?"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch.backends import cuda, cudnn, mkldnn

PRODUCTS: tuple[Any, ...] = (cuda.matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv, mkldnn.rnn)  # type: ignore[attr-defined]
"""Every kind of product that torch may compute in less than float32; ``fp32_precision`` of each says in what."""


@contextmanager
def exact() -> Iterator[None]:
    """Keeps products of float32 in float32 for the length of the block, then restores what was set before.

    TF32, which a GPU may use for them, keeps 10 of float32's 23 bits. cuDNN's benchmark picks the fastest algorithm by
    trial, and another one may round otherwise. The older ``allow_tf32`` is not used, since reading it is an error in a
    process that has set ``fp32_precision``.
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
"""Precisions by name."""
