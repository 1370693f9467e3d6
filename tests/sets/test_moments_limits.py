import pytest
import torch

from ganbench.errors import RequestError
from ganbench.sets.moments import moments
from ganbench.sources.image_files import BATCH_LIMIT_BYTES, fitting


def test_a_covariance_beyond_memory_is_refused_by_arithmetic() -> None:
    with pytest.raises(RequestError, match=r"the covariance of 49,152 features takes 18 GiB") as refusal:
        moments(torch.zeros(2, 128 * 128 * 3))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("side", [8, 256, 512, 1024, 8192])
def test_batches_of_large_images_fit_into_their_share_of_memory(side: int) -> None:
    batch = fitting((3, side, side))
    assert batch >= 1 and (batch == 1 or batch * 3 * side**2 <= BATCH_LIMIT_BYTES)
    assert batch >= 256 or side > 512 or batch * 2 * 3 * side**2 > BATCH_LIMIT_BYTES, "usual images are read in usual batches"
