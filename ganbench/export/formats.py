"""In which formats can a generator leave the suite, and which files hold them?"""

from dataclasses import dataclass
from pathlib import Path

from ganbench.errors import RequestError, UnknownName
from ganbench.packages import check_package
from ganbench.storage import check_parent

LEVEL = 2 / 255
"""One of 255 levels, in units of half the value range."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format of a generator."""

    name: str
    endings: tuple[str, ...]
    """Endings by which ``score`` recognises its files, the usual one first."""
    about: str
    packages: tuple[str, ...] = ()
    """Modules that write and read it besides torch; an extra of the same name as the format installs them."""
    data: bool = False
    """Whether its files are data, which run nothing when they are opened."""
    tolerance: float = 1e-4
    """How much an image of the file may differ from the run's, in units of half the value range: rounding, and not another program."""


FORMATS = {
    one.name: one
    for one in (
        Format(name="safetensors", endings=(".safetensors",), about="the weights and what network they are of", data=True, tolerance=0.0),
        Format(name="torchscript", endings=(".ts", ".pt", ".pth", ".jit", ".torchscript"), about="a traced program; torch alone runs it"),
        Format(name="torch.export", endings=(".pt2",), about="a program of torch.export; torch alone runs it"),
        Format(
            name="onnx",
            endings=(".onnx",),
            about="a program that runs without torch, equal to rounding",
            packages=("onnx", "onnxscript", "onnxruntime"),
            tolerance=LEVEL,
        ),
    )
}
"""By name. Of all reference variants (tiny, on 8x8 digits), TorchScript and torch.export gave equal bits; ONNX Runtime 1.32 sums in another
order, which deep networks multiply: its images differed by 5.2e-5 at most (StyleGAN), and by less than 1e-6 in most."""


def check_target(name: str, out: Path) -> Format:
    """Checks a format and the file to be written, without importing torch.

    Args:
        name: The format.
        out: The file.

    Returns:
        The format.

    Raises:
        RequestError: There is no such format, a package is missing, or the file cannot be written or would not be recognised.
    """
    if name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    chosen = FORMATS[name]
    for package in chosen.packages:
        check_package(package, chosen.name, f"--to {name}")
    check_file(out, chosen.endings, name)
    return chosen


def check_file(out: Path, endings: tuple[str, ...], what: str) -> None:
    """Checks that a file can be written, and has an ending by which its kind is recognised.

    Raises:
        RequestError: It cannot, or has not.
    """
    if out.suffix.lower() not in endings:
        raise RequestError(f"--out {out}: files of {what} end in {' or '.join(endings)}; write --out {out.with_suffix(endings[0])}")
    if out.is_dir():
        raise RequestError(f"--out {out}: is a folder; name a file, as {out / f'generator{endings[0]}'}")
    if out.exists():
        raise RequestError(f"--out {out}: is there already, and is not overwritten; name another file, or remove it")
    check_parent(out)
