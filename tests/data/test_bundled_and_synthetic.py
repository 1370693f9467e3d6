import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from ganbench.data.bundled import digits
from ganbench.data.synthetic import grid25, ring8
from ganbench.errors import DataError, RequestError
from ganbench.plan.spec import DatasetSpec

NOWHERE = Path("unused")


def spec(name, **fields):
    return DatasetSpec(name=name, **fields)


# These pin the data protocol: another value means other data, and every stored score would need a new key.
@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (digits, "dcfe07f6286dfbcf37d4d1a48e7b88a6f807d70e60ad6f4bc4e2eb4dee94f181"),
        (ring8, "694cb9d68534c61e25f85c466c51720ebf102b5a1c62a47bf5c88147ed78e26c"),
        (grid25, "392f509f1189abe62b8fefd15192ec2e5c471ff1bb6ad4b038e6afd7e148b4e2"),
    ],
)
def test_fingerprint_is_pinned(load, expected):
    assert load(spec("any name"), NOWHERE).fingerprint == expected


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    native = digits(spec("digits", resolution=8), NOWHERE)
    both = np.concatenate([native.train.examples, native.held_out.examples])
    levels = np.rint(bunch.images * 255 / 16).astype(np.uint8)
    assert sorted(map(bytes, both)) == sorted(map(bytes, levels[:, None]))
    labels = np.concatenate([native.train.labels, native.held_out.labels])
    assert np.bincount(labels).tolist() == np.bincount(bunch.target).tolist()
    assert (levels[0] == native.train.examples[0, 0]).all() or (levels[0] == native.held_out.examples[0, 0]).all()


def test_digits_default_protocol():
    loaded = digits(spec("digits"), NOWHERE)
    assert str(loaded.shape) == "1x16x16"
    assert loaded.shape.classes == 10
    assert (len(loaded.train), len(loaded.held_out)) == (1438, 359)  # 20 % of 1,797, rounded
    assert loaded.train.examples.dtype == np.uint8
    assert loaded.train.labels.dtype == np.int64
    assert loaded.class_shares.sum() == pytest.approx(1)
    assert loaded.class_names == tuple("0123456789")


def test_resolution_changes_pixels_and_not_the_split():
    native, doubled = digits(spec("d", resolution=8), NOWHERE), digits(spec("d"), NOWHERE)
    assert (native.held_out.labels == doubled.held_out.labels).all()
    assert native.fingerprint != doubled.fingerprint
    means = doubled.train.examples.mean((1, 2, 3)) - native.train.examples.mean((1, 2, 3))
    assert abs(means.mean()) < 2  # a resize keeps the mean level, but for clipping and borders


def test_digits_come_from_scikit_learns_interface_where_the_file_moved(monkeypatch):
    expected = digits(spec("d"), NOWHERE).fingerprint
    monkeypatch.setattr("ganbench.data.bundled.find_spec", lambda name: None)
    assert digits(spec("d"), NOWHERE).fingerprint == expected


def test_digits_refuse_three_channels():
    with pytest.raises(DataError, match="1 channel, not 3"):
        digits(spec("digits", channels=3), NOWHERE)


def test_digits_refuse_an_absurd_resolution_before_allocating():
    with pytest.raises(DataError, match="GiB and the limit is 4 GiB"):
        digits(spec("digits", resolution=100_000), NOWHERE)


@pytest.mark.parametrize(("load", "count", "sigma"), [(ring8, 8, 0.01), (grid25, 25, 0.05)])
def test_mixture(load, count, sigma):
    loaded = load(spec("m"), NOWHERE)
    centres = loaded.modes.centres
    assert centres.shape == (count, 2)
    assert loaded.modes.sigma == sigma
    assert min(np.linalg.norm(a - b) for a, b in combinations(centres, 2)) > 6 * sigma
    assert (len(loaded.train), len(loaded.held_out)) == (100_000, 20_000)
    assert loaded.train.labels is None
    assert loaded.train.examples.dtype == np.float32
    offsets = loaded.held_out.examples[:, None] - centres
    nearest = np.square(offsets).sum(-1).argmin(1)
    counts = np.bincount(nearest, minlength=count)
    # 5 standard errors of a binomial count and of a standard deviation over 40,000 coordinates.
    assert abs(counts - 20_000 / count).max() < 5 * np.sqrt(20_000 / count)
    residuals = offsets[np.arange(len(nearest)), nearest]
    assert residuals.std() == pytest.approx(sigma, rel=5 / np.sqrt(2 * residuals.size))


def test_layouts_are_the_published_ones():
    ring = ring8(spec("m"), NOWHERE).modes.centres
    assert np.linalg.norm(ring, axis=1) == pytest.approx(1)
    assert ring[1] == pytest.approx([0.5**0.5, 0.5**0.5])
    grid = grid25(spec("m"), NOWHERE).modes.centres
    assert {tuple(centre) for centre in grid} == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}


def test_train_and_held_out_points_are_different():
    loaded = ring8(spec("m"), NOWHERE)
    assert not {*map(bytes, loaded.train.examples)} & {*map(bytes, loaded.held_out.examples[:1000])}


@pytest.mark.parametrize("fields", [{"resolution": 16}, {"channels": 1}])
def test_points_refuse_image_settings(fields):
    with pytest.raises(RequestError, match="has no meaning for 2-D points"):
        ring8(spec("ring8", **fields), NOWHERE)


def test_loading_never_imports_torch():
    program = """
import sys
from pathlib import Path
from ganbench.data import bundled, fingerprint, loading, own, root, synthetic, torchvision_sets
from ganbench.plan.spec import DatasetSpec
for load in (bundled.digits, synthetic.ring8):
    load(DatasetSpec(name="x"), Path("x"))
sys.exit("torch" in sys.modules or "sklearn" in sys.modules)
"""
    repository = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=repository, timeout=60).returncode == 0
