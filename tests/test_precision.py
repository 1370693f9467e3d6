"""Are products exact inside the block, and as they were outside of it?"""

from collections.abc import Iterator

import pytest
import torch

from ganbench.precision import PRODUCTS, exact, products


def formats() -> list[object]:
    return [*(product.fp32_precision for product in PRODUCTS), torch.backends.cudnn.benchmark]


EXACT = [*["ieee"] * len(PRODUCTS), False]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Settings of the process are put back, whatever a test did to them: the older flags first, which write over the others."""
    flags, matmul, before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision(), formats()
    yield
    torch.backends.cudnn.allow_tf32 = flags
    torch.set_float32_matmul_precision(matmul)
    *precisions, torch.backends.cudnn.benchmark = before  # type: ignore[assignment]
    for product, value in zip(PRODUCTS, precisions, strict=True):
        product.fp32_precision = value


def faster() -> None:
    for product in PRODUCTS:
        product.fp32_precision = "tf32"
    torch.backends.cudnn.benchmark = True


def older() -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True


@pytest.mark.parametrize("given", [faster, older, lambda: None], ids=["fp32_precision", "allow_tf32", "default"])
def test_products_are_exact_in_the_block_alone(given) -> None:
    given()
    before = formats()
    with exact():
        assert formats() == EXACT
        with exact():
            assert formats() == EXACT
        assert formats() == EXACT
    assert formats() == before


def test_an_error_restores_them_too() -> None:
    faster()
    before = formats()
    with pytest.raises(ZeroDivisionError), exact():
        raise ZeroDivisionError
    assert formats() == before


def test_the_older_flags_can_be_read_again_afterwards() -> None:
    flags = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    with exact():
        pass
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == flags


def test_a_form_and_a_trial_can_be_asked_for() -> None:
    with products("tf32", benchmark=True):
        assert formats() == [*["tf32"] * len(PRODUCTS), True]
        with exact():
            assert formats() == EXACT
