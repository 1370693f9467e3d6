"""What does the literature call a formula with a certain network? (FD with Inception features is FID)"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Standard:
    """A name from the literature for one formula with one network."""

    metric: str
    extractor: str
    label: str
    """The name in tables."""


NO_NETWORK = "none"
"""Name of the extractor in requests for metrics that need no features."""
_INCEPTION = "inception-v3-compat"
STANDARD = {
    "fid": Standard(metric="fd", extractor=_INCEPTION, label="FID"),
    "fid_infinity": Standard(metric="fd_infinity", extractor=_INCEPTION, label="FID∞"),
    "sfid": Standard(metric="sfd", extractor=_INCEPTION, label="sFID"),
    "kid": Standard(metric="kd", extractor=_INCEPTION, label="KID"),
    "kid_parity": Standard(metric="kd_parity", extractor=_INCEPTION, label="KID 100x1000"),
    "is": Standard(metric="cs", extractor=_INCEPTION, label="IS"),
    "mifid": Standard(metric="mifd", extractor=_INCEPTION, label="MiFID"),
    "intra_fid": Standard(metric="intra_fd", extractor=_INCEPTION, label="intra-FID"),
    "intra_kid": Standard(metric="intra_kd", extractor=_INCEPTION, label="intra-KID"),
    "fd_dinov2": Standard(metric="fd", extractor="dinov2-vitl14", label="FD-DINOv2"),
    "fd_clip": Standard(metric="fd", extractor="clip-vit-b32", label="FD-CLIP"),
    "cmmd": Standard(metric="mmd_rbf", extractor="clip-vitl14-336", label="CMMD"),
}
"""Standard names. With any other network, the formula keeps its own name, and tables show the network beside it."""


def formula(name: str) -> str:
    """The formula of a standard name; any other name is returned unchanged."""
    return STANDARD[name].metric if name in STANDARD else name


def label(metric: str, extractor: str) -> str:
    """The name of a formula with a network in tables ("FID", "FD·mnist-probe")."""
    shown = metric.upper().replace("_INFINITY", "∞").replace("_", " ")
    if extractor == NO_NETWORK:
        return shown
    known = next((one.label for one in STANDARD.values() if (one.metric, one.extractor) == (metric, extractor)), None)
    return known or f"{shown}·{extractor}"
