import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from ganbench.features.resize import MODES, resized

SIZES = [(32, 32), (28, 41), (299, 160), (400, 311)]


def images(height: int, width: int, n: int = 2, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, (n, channels, height, width), dtype=torch.uint8, generator=generator)


def bilinear(images: torch.Tensor, size: int) -> torch.Tensor:
    """Half-pixel centres, no antialiasing, from the definition."""
    maps = []
    for length in images.shape[2:]:
        centres = ((np.arange(size) + 0.5) * length / size - 0.5).clip(0, length - 1)
        maps.append(torch.from_numpy(np.maximum(0, 1 - abs(centres[:, None] - np.arange(length)))))
    return torch.einsum("ih,nchw,jw->ncij", maps[0], images.double(), maps[1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(299, 299), (32, 32), (300, 200)])
def test_form_of_what_a_network_sees(mode: str, size: tuple[int, int]) -> None:
    seen = resized(images(*size), mode, 299)
    assert seen.dtype == torch.float32 and seen.shape == (2, 3, 299, 299)
    if size == (299, 299):
        torch.testing.assert_close(seen, images(*size).float(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_tf1_is_torch_fidelitys(size: tuple[int, int]) -> None:
    ours = resized(images(*size), "tf1", 299)
    theirs = interpolate_bilinear_2d_like_tensorflow1x(images(*size).float(), (299, 299), align_corners=False)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_torch_is_bilinear_with_half_pixel_centres(size: tuple[int, int]) -> None:
    # float32 positions of up to 400 pixels carry errors of 2e-5 pixels, at steps of up to 255 levels
    torch.testing.assert_close(resized(images(*size), "torch", 299).double(), bilinear(images(*size), 299), rtol=0, atol=2e-2)


@pytest.mark.parametrize("size", SIZES)
def test_clean_is_pils_bicubic_on_every_channel_in_float(size: tuple[int, int]) -> None:
    ours = resized(images(*size), "clean", 299)
    for image, seen in zip(images(*size).numpy(), ours.numpy(), strict=True):
        for channel, plane in zip(image, seen, strict=True):
            theirs = np.asarray(Image.fromarray(channel.astype(np.float32), mode="F").resize((299, 299), Image.Resampling.BICUBIC))
            assert (plane == theirs.clip(0, 255)).all()
    assert (ours != ours.round()).any(), "rounded back to 8 bits"


@pytest.mark.parametrize("size", SIZES)
def test_clean_gpu_is_near_clean_and_bicubic_keeps_overshoot(size: tuple[int, int]) -> None:
    clean, clean_gpu, bicubic = (resized(images(*size), mode, 299) for mode in ("clean", "clean-gpu", "bicubic"))
    # Both filter with Keys' kernel, a = -1/2, but accumulate in another order and precision.
    torch.testing.assert_close(clean_gpu, clean, rtol=0, atol=1e-2)
    assert torch.equal(bicubic.clamp(0, 255), clean_gpu)
    assert bicubic.min() < 0 and bicubic.max() > 255
    theirs = F.interpolate(images(*size).float(), (299, 299), mode="bicubic", antialias=True, align_corners=False)
    assert torch.equal(bicubic, theirs)


@pytest.mark.parametrize("size", [(32, 32), (400, 311)])
def test_no_two_modes_are_the_same(size: tuple[int, int]) -> None:
    seen = {mode: resized(images(*size), mode, 299) for mode in MODES if mode != "clean-gpu"}
    for one in seen:
        for other in seen:
            # metrics.md, section 2.20: means of several levels between conventions
            assert one == other or {one, other} == {"clean", "bicubic"} or (seen[one] - seen[other]).abs().mean() > 1


@pytest.mark.parametrize("mode", MODES)
def test_grey_images_are_resized_as_each_channel_of_rgb(mode: str) -> None:
    grey = images(32, 20, channels=1)
    torch.testing.assert_close(
        resized(grey, mode, 64).expand(-1, 3, -1, -1), resized(grey.expand(-1, 3, -1, -1), mode, 64), rtol=0, atol=1e-4
    )
