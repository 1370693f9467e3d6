"""Do scores of batches equal scores of the whole, at the memory and cost that a training loop can bear?"""

from typing import Any

import numpy as np
import pytest
import torch

import ganbench
from ganbench.errors import DataError, RequestError
from ganbench.evaluation import streaming
from ganbench.evaluation.streams import Stream
from ganbench.features.plain import Identity
from ganbench.sets.moments import INFLUENCES
from ganbench.sets.source import Selection

RNG = np.random.default_rng(0)
REAL = RNG.integers(0, 256, (300, 1, 8, 8), dtype=np.uint8)
FAKE = RNG.integers(40, 256, (260, 1, 8, 8), dtype=np.uint8)
METRICS = ["fd", "kd", "precision", "coverage"]


def fed(meter: ganbench.ScoreMeter, size: int = 37, **sets: Any) -> ganbench.ScoreMeter:
    for name, examples in sets.items():
        for start in range(0, len(examples), size):
            meter.update(**{name: examples[start : start + size]})
    return meter


@pytest.mark.parametrize("metrics", [["fd"], METRICS], ids=["moments", "all features"])
def test_batches_of_any_size_give_the_values_of_the_whole(metrics: list[str]) -> None:
    whole = ganbench.score(FAKE, REAL, metrics, extractor="pixels", use_cache=False)
    for size in (37, 300):
        found = fed(ganbench.ScoreMeter(metrics, extractor="pixels"), size, real=REAL, fake=FAKE).compute()
        for name in metrics:  # sums over chunks of another size differ in the last digits
            assert float(found[name]) == pytest.approx(float(whole[name]), rel=1e-9)
            assert found[name].ci_low == pytest.approx(whole[name].ci_low, rel=1e-6, abs=1e-9)
            assert (found[name].n_real, found[name].n_fake) == (300, 260)


def test_a_classifiers_probabilities_and_given_features_are_kept_too() -> None:
    images = RNG.integers(0, 256, (120, 1, 16, 16), dtype=np.uint8)
    whole = ganbench.score(images, None, ["cs"], extractor="digits-probe", use_cache=False)
    found = fed(ganbench.ScoreMeter("cs", extractor="digits-probe"), fake=images).compute()
    assert float(found["cs"]) == pytest.approx(float(whole["cs"]), rel=1e-6)  # float32 products of batches of another size
    one, two = RNG.normal(size=(2, 100, 3))
    expected = ganbench.score(one, two, ["fd"], features=True)
    assert float(fed(ganbench.ScoreMeter(["fd"], features=True), fake=one, real=two).compute()["fd"]) == pytest.approx(
        float(expected["fd"])
    )


def test_the_reference_is_analysed_once_and_the_generated_set_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    evaluator = streaming.Evaluator
    monkeypatch.setattr(streaming, "Evaluator", lambda *given: made.append(1) or evaluator(*given))
    meter = ganbench.ScoreMeter(METRICS, real=REAL, extractor="pixels", use_cache=False)
    first = fed(meter, fake=FAKE).compute()
    meter.reset()
    second = fed(meter, fake=FAKE[:100]).compute()
    assert len(made) == 1
    assert first["fd"].n_fake == 260 and second["fd"].n_fake == 100
    assert float(second["coverage"]) == float(ganbench.score(FAKE[:100], REAL, METRICS, extractor="pixels", use_cache=False)["coverage"])
    with pytest.raises(RequestError, match=r"leave real= out of update"):
        meter.update(real=REAL)


def test_examples_beyond_the_limit_are_left_out_with_a_note() -> None:
    meter = fed(ganbench.ScoreMeter(["kd"], extractor="pixels", max_examples=100), real=REAL, fake=FAKE)
    found = meter.compute()
    assert (found["kd"].n_real, found["kd"].n_fake) == (100, 100)
    assert "the generated batches: 160 examples beyond max_examples=100 are left out" in found.warnings


def test_where_moments_suffice_memory_does_not_grow_with_the_examples() -> None:
    stream = Stream("a set", Identity(), torch.device("cpu"), sketched=True, limit=10**6)
    values = RNG.normal(size=(12 * 1024, 2)).astype(np.float32)
    for part in np.split(values, 48):
        stream.add(part, (), are_features=False)
    kept = stream._kept
    assert sum(map(len, kept._sample)) <= 2 * INFLUENCES  # type: ignore[union-attr]
    found = stream.known(Selection(indices=range(len(values))), {"moments"})
    assert len(found) == len(values) and len(found.values) <= INFLUENCES
    assert torch.allclose(found.moments().covariance, torch.from_numpy(np.cov(values.T)), rtol=1e-5)


def test_random_states_and_gradients_are_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    network = torch.nn.Linear(2, 2)
    torch.set_rng_state(before)
    meter = ganbench.ScoreMeter(["fd"], extractor="identity")
    meter.update(real=torch.zeros(20, 2) + torch.arange(20)[:, None], fake=network(torch.ones(20, 2)) + torch.arange(20)[:, None])
    meter.compute()
    assert torch.equal(torch.get_rng_state(), before)
    assert network.weight.grad is None


def test_batches_in_other_ranges_or_shapes_are_refused() -> None:
    meter = ganbench.ScoreMeter(["kd"], extractor="pixels")
    bright = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    meter.update(fake=bright)  # nothing below 0: taken as [0, 1]
    with pytest.raises(DataError, match=r"values from -0.9.* after batches taken as images in \[0, 1\]; .*value_range=\(-1, 1\)"):
        meter.update(fake=bright * 1.9 - 0.95)
    with pytest.raises(DataError, match=r"shape \(1, 4, 4\) after those of \(1, 8, 8\)"):
        meter.update(fake=bright[:, :, :4, :4])


def test_what_is_missing_is_said_in_the_words_of_the_loop() -> None:
    meter = ganbench.ScoreMeter(["fd"], extractor="identity")
    with pytest.raises(RequestError, match=r"call update\(fake=batch\) before compute"):
        meter.compute()
    meter.update(fake=RNG.normal(size=(20, 2)))
    with pytest.raises(RequestError, match=r"'fd' needs real examples: update\(real=batch\)"):
        meter.compute()
    with pytest.raises(RequestError, match=r"keeps features only, and 'ms_ssim' needs images"):
        ganbench.ScoreMeter(["ms_ssim"])
    with pytest.raises(RequestError, match="did you mean 'fid'"):
        ganbench.ScoreMeter(["fidd"])
