import numpy as np
import pytest
import torch

from ganbench.errors import RequestError
from ganbench.features.base import extract
from ganbench.features.plain import Identity, Pixels
from ganbench.features.probe import DigitsProbe, MnistProbe
from ganbench.features.random_conv import RandomConv
from ganbench.features.resize import antialiased, grey

IMAGE_EXTRACTORS = [Pixels, RandomConv, DigitsProbe, MnistProbe]


def images(n=20, channels=1, size=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, channels, size, size), dtype=np.uint8)


@pytest.mark.parametrize("extractor_class", IMAGE_EXTRACTORS)
@pytest.mark.parametrize(("channels", "size"), [(1, 16), (3, 28), (1, 40)])
def test_features_do_not_depend_on_the_chunk(extractor_class, channels, size):
    examples = images(20, channels, size)
    whole = extract(extractor_class(), examples)
    for chunk in (1, 7):
        parts = extract(extractor_class(), examples, chunk=chunk)
        assert (parts.values - whole.values).abs().max() <= 1e-6 * whole.values.abs().max()
        if whole.log_probabilities is not None:
            torch.testing.assert_close(parts.log_probabilities, whole.log_probabilities, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("extractor_class", IMAGE_EXTRACTORS)
def test_form_of_the_features(extractor_class):
    extractor = extractor_class()
    features = extract(extractor, images(5))
    assert features.values.shape == (5, extractor.width or 16 * 16)
    assert features.values.dtype == torch.float64
    assert not features.values.is_inference()
    assert (features.log_probabilities is not None) == (extractor.classes > 0)
    assert torch.equal(extract(extractor_class(), torch.from_numpy(images(5))).values, features.values)


@pytest.mark.parametrize("extractor_class", IMAGE_EXTRACTORS)
def test_order_is_kept(extractor_class):
    examples = images(9)
    backwards = extract(extractor_class(), examples[::-1], chunk=4).values.flip(0)
    torch.testing.assert_close(backwards, extract(extractor_class(), examples, chunk=4).values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("extractor_class", [RandomConv, DigitsProbe, MnistProbe])
def test_making_one_leaves_the_global_generator_alone(extractor_class):
    before = torch.get_rng_state()
    extract(extractor_class(), images(2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("extractor_class", [DigitsProbe, MnistProbe])
def test_log_probabilities_sum_to_one(extractor_class):
    log_probabilities = extract(extractor_class(), images(6)).log_probabilities
    assert log_probabilities.shape == (6, 10)
    assert log_probabilities.dtype == torch.float64
    torch.testing.assert_close(log_probabilities.exp().sum(1), torch.ones(6, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("extractor_class", IMAGE_EXTRACTORS)
def test_points_are_refused_by_image_extractors(extractor_class):
    with pytest.raises(RequestError, match="takes images, and was given float32 .*choose one for points, for example 'identity'"):
        extract(extractor_class(), np.zeros((4, 2), np.float32))


def test_images_are_refused_by_identity():
    with pytest.raises(RequestError, match="takes points, and was given uint8 .*for example 'pixels'"):
        extract(Identity(), images(4))


@pytest.mark.parametrize(
    "examples",
    [np.zeros((4, 1, 8, 8), np.float32), np.zeros((4, 2, 8, 8), np.uint8), np.zeros((4, 2), np.int64), np.zeros((4, 8, 8), np.uint8)],
)
def test_neither_images_nor_points(examples):
    with pytest.raises(RequestError, match="features need uint8 images"):
        extract(Pixels(), examples)


def test_no_examples():
    with pytest.raises(RequestError, match="'pixels' was given no examples"):
        extract(Pixels(), images(0))


def test_pixels_and_identity_are_exact():
    examples = images(3, 3, 4)
    assert (extract(Pixels(), examples).values.numpy() == examples.reshape(3, -1) / 255).all()
    points = np.random.default_rng(0).standard_normal((7, 2)).astype(np.float32)
    assert (extract(Identity(), points, chunk=3).values.numpy() == points).all()


def test_random_conv_weights_are_pinned():
    # Pins the extractor: other weights need another version.
    assert RandomConv().weights_sha256 == "292e74d4d37f6de6aa06dec92cfffd2a918cb9db6b36137609342b1eafed18b5"


def test_random_conv_repeats_grey():
    grey_images = images(4)
    repeated = np.repeat(grey_images, 3, axis=1)
    assert torch.equal(extract(RandomConv(), grey_images).values, extract(RandomConv(), repeated).values)


def test_random_conv_tells_kinds_of_images_apart():
    flat = np.broadcast_to(images(200, size=1), (200, 1, 16, 16))
    noise, again = images(200), images(200, seed=1)
    means = [extract(RandomConv(), kind).values.mean(0) for kind in (noise, again, flat)]
    assert (means[0] - means[2]).norm() > 10 * (means[0] - means[1]).norm()


@pytest.mark.parametrize("size", [7, 257])
def test_random_conv_refuses_sizes(size):
    with pytest.raises(RequestError, match=f"8 to 256 pixels a side, not {size}x{size}; set resolution"):
        extract(RandomConv(), images(1, size=size))


@pytest.mark.parametrize("size", [8, 256])
def test_random_conv_takes_its_limits(size):
    assert extract(RandomConv(), images(2, 3, size)).values.isfinite().all()


def test_grey_has_the_itu_weights():
    primaries = torch.eye(3).reshape(3, 3, 1, 1)
    assert grey(primaries).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])  # BT.601, section 2.5.1


def test_antialiasing_averages_when_it_shrinks():
    stripes = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    stripes[..., ::2] = 255
    inner = antialiased(stripes, 16)[..., 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), rtol=0, atol=1e-6)
    assert torch.equal(antialiased(stripes, 64), stripes / 255)
