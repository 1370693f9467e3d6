"""Does every name mean one formula with one network?"""

import pytest

from ganbench.errors import RequestError
from ganbench.plan.metric_names import NO_NETWORK, STANDARD, formula, label
from ganbench.plan.requests import USUAL, Request, requested
from ganbench.registry import METRICS

INCEPTION = "inception-v3-compat"


def triples(names: list[str] | None, extractor: str | None = None, features: bool = False) -> list[tuple[str, str, str]]:
    return [(one.name, one.metric, one.extractor) for one in requested(names, extractor, features)]


def test_standard_names_bring_their_network() -> None:
    assert triples(["fid", "is", "fd-dinov2", "CMMD".lower(), "sfid"]) == [
        ("fid", "fd", INCEPTION),
        ("is", "cs", INCEPTION),
        ("fd_dinov2", "fd", "dinov2-vitl14"),
        ("cmmd", "mmd_rbf", "clip-vitl14-336"),
        ("sfid", "sfd", INCEPTION),
    ]


def test_a_formula_with_the_standard_network_bears_the_standard_name() -> None:
    assert triples(["fd", "kd@dinov2-vitl14"]) == [("fid", "fd", INCEPTION), ("kd", "kd", "dinov2-vitl14")]
    assert triples(["fd"], "mnist-probe") == [("fd", "fd", "mnist-probe")]
    assert triples(None, "pixels") == [(name, name, "pixels") for name in USUAL]
    assert [one[2] for one in triples(None, None, features=True)] == ["identity"] * len(USUAL)


def test_metrics_that_look_at_images_need_no_network() -> None:
    assert triples(["ms_ssim", "ppl_z", "vendi"], "pixels") == [
        ("ms_ssim", "ms_ssim", NO_NETWORK),
        ("ppl_z", "ppl_z", NO_NETWORK),
        ("vendi", "vendi", "pixels"),
    ]
    assert label("ms_ssim", NO_NETWORK) == "MS SSIM"


@pytest.mark.parametrize(
    ("names", "extractor", "message"),
    [
        (["fid"], "mnist-probe", "with mnist-probe write 'fd'"),
        (["fid@pixels"], None, "with pixels write 'fd'"),
        (["fid", "fd@inception-v3-compat"], None, "is there twice"),
        (["fidd"], None, "did you mean 'fid"),
        (["fd@dinov2-vitl"], None, "did you mean 'dinov2-vitl14'"),
        ([" "], None, "is empty"),
        (["fd"], "inception", "did you mean 'inception-v3-compat'"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_one(names: list[str], extractor: str | None, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        requested(names, extractor, False)


def test_every_standard_name_stands_for_a_registered_formula_and_shadows_none() -> None:
    assert not STANDARD.keys() & METRICS.targets.keys()
    for name, standard in STANDARD.items():
        assert formula(name) in METRICS.targets
        assert label(standard.metric, standard.extractor) == standard.label
    assert label("fd_infinity", "mnist-probe") == "FD∞·mnist-probe"


def test_a_request_is_a_value() -> None:
    first, second = (Request(name="fd", metric="fd", extractor="a", asked="fd") for _ in range(2))
    assert len({first, second}) == 1
