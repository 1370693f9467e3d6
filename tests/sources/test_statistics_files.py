"""Are statistics of other tools taken for what they are, and numbers of every type for their values?"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

import ganbench
from ganbench.errors import DataError, RequestError
from ganbench.sources.statistics_files import read_statistics

D = 64


def saved(path: Path, mean: npt.NDArray[np.floating], covariance: npt.NDArray[np.floating]) -> Path:  # type: ignore[type-arg]
    np.savez(path, mu=mean, sigma=covariance)
    return path


def one_pass(values: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean and covariance as some tools compute them: E[xx'] - E[x]E[x]' in float32."""
    mean = values.mean(0)
    covariance = values.T @ values / len(values) - np.outer(mean, mean)
    return mean, (covariance + covariance.T) / 2


def far_from_zero(n: int) -> npt.NDArray[np.float32]:
    """Features whose means are 20 and whose deviations go down to 0.001, so that float32 loses the small ones."""
    values = np.random.default_rng(0).normal(size=(n, D)) * np.geomspace(1, 1e-3, D) + 20
    return values.astype(np.float32)


@pytest.mark.parametrize("largest", [1.0, 1e6])
def test_a_matrix_with_negative_eigenvalues_is_refused_and_the_smallest_named(tmp_path: Path, largest: float) -> None:
    eigenvalues = np.r_[np.full(D - 1, largest), -0.5 * largest]
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
    path = saved(tmp_path / "a.npz", np.zeros(D), basis @ np.diag(eigenvalues) @ basis.T)
    with pytest.raises(DataError, match=rf"negative eigenvalue {-0.5 * largest:.3g}".replace("+", r"\+")):
        read_statistics(path)


def test_rounding_of_one_pass_in_float32_is_a_note_with_the_smallest_eigenvalue(tmp_path: Path) -> None:
    mean, covariance = one_pass(far_from_zero(900))
    smallest = np.linalg.eigvalsh(covariance.astype(np.float64))[0]
    assert smallest < 0
    notes = "\n".join(read_statistics(saved(tmp_path / "a.npz", mean, covariance)).notes)
    assert f"the smallest eigenvalue of 'sigma' is {smallest:.3g}" in notes


@pytest.mark.parametrize("n", [10, 900])
def test_exact_covariances_have_no_such_note_whatever_their_rank(tmp_path: Path, n: int) -> None:
    values = far_from_zero(n).astype(np.float64)
    notes = "\n".join(read_statistics(saved(tmp_path / "a.npz", values.mean(0), np.cov(values, rowvar=False))).notes)
    assert "eigenvalue" not in notes


def test_statistics_under_other_names_and_in_pickles_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mean=np.zeros(3), cov=np.eye(3))
    np.save(tmp_path / "b.npy", {"mu": np.zeros(3), "sigma": np.eye(3)}, allow_pickle=True)
    for features in (False, True):
        with pytest.raises(DataError, match=r"'mean' \(3,\) and 'cov' \(3, 3\) look like statistics.*mu=mean, sigma=cov"):
            ganbench.score(np.zeros((20, 3)), str(tmp_path / "a.npz"), "fd", features=features, extractor="identity")
        with pytest.raises(DataError, match="pickled Python objects.*statistics as np.savez"):
            ganbench.score(np.zeros((20, 3)), str(tmp_path / "b.npy"), "fd", features=features, extractor="identity")


def test_a_reference_batch_is_scored_by_its_images_as_the_generated_set(tmp_path: Path) -> None:
    """Guided diffusion's files hold images and statistics."""
    first, second = (np.random.default_rng(seed).integers(0, 256, (24, 16, 16, 3)).astype(np.uint8) for seed in (0, 1))
    np.savez(tmp_path / "batch.npz", arr_0=first, mu=np.zeros(192), sigma=np.eye(192))
    np.savez(tmp_path / "images.npz", images=first)
    found, alone = (
        ganbench.score(str(tmp_path / name), second.transpose(0, 3, 1, 2), "kd", extractor="random-conv")
        for name in ("batch.npz", "images.npz")
    )
    assert found.scores[0].value == alone.scores[0].value
    assert "only its images are used" in "\n".join(found.warnings)
    np.savez(tmp_path / "none.npz", mu=np.zeros(192), sigma=np.eye(192))
    with pytest.raises(RequestError, match="can only be the reference"):
        ganbench.score(str(tmp_path / "none.npz"), second.transpose(0, 3, 1, 2), "kd", extractor="random-conv")


VALUES = 1e5 + np.random.default_rng(0).normal(size=(60, 4))
"""float32 keeps two digits of them after the point, so that a wrong conversion moves FD."""


FLOATS = (">f8", "longdouble", ">f4", "float16")
INTEGERS = ("int64", "int16", "uint8", ">i4")


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        *(("array", dtype) for dtype in (*FLOATS, *INTEGERS, "object")),
        *(("npz", dtype) for dtype in (*FLOATS, *INTEGERS)),  # a file of objects is a pickle, and refused
        *(("points", dtype) for dtype in (*FLOATS, "object")),  # whole numbers without features=True could be anything
    ],
)
def test_every_type_of_number_keeps_its_values(tmp_path: Path, kind: str, dtype: str) -> None:
    values = np.round(VALUES - 1e5, 3) * 30 if dtype in ("float16", "uint8", "int16") else VALUES
    real = values[:30].clip(0).astype(dtype)
    fake = values[30:].clip(0).astype(dtype)
    exact = [part.astype(np.float64) for part in (fake, real)]
    expected = ganbench.score(exact[0], exact[1], "fd", features=True).scores[0].value
    given: list[object] = [fake, real]
    if kind == "npz":
        for name, part in (("fake", fake), ("real", real)):
            np.savez(tmp_path / f"{name}.npz", features=part)
        given = [str(tmp_path / "fake.npz"), str(tmp_path / "real.npz")]
    options = {"extractor": "identity"} if kind == "points" else {"features": True}
    found = ganbench.score(*given, "fd", **options).scores[0].value  # type: ignore[arg-type]
    assert found == pytest.approx(expected, rel=1e-6)


def test_bfloat16_tensors_keep_their_values() -> None:
    values = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    found, exact = (ganbench.score(part[:30], part[30:], "fd", features=True).scores[0].value for part in (values, values.float()))
    assert found == exact
