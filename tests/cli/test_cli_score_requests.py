"""Is every bad ``ganbench score`` and ``ganbench stats`` refused in one line, before anything is written?"""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

Command = Callable[..., Any]
PIXELS = ["--extractor", "pixels"]
DIGITS = ["digits:test", "--real", "digits", *PIXELS]
GIVEN = ["features.npz", "--real", "others.npz", "--features"]
HEAD = (
    "from ganbench.features.base import Extractor\nfrom ganbench.sets.features import Features\n"
    "class E(Extractor):\n    name, accepts, width = 'mine', 'image', 3\n"
)
GIVES = HEAD + "    def features(self, x):\n        return "
EXTRACTORS = {
    "good": GIVES + "Features(values=x.flatten(1)[:, :3].float())",
    "syntax": "class E(:",
    "imports": "import nothing_here\nclass E: pass",
    "lacks": "x = 1",
    "stranger": "class E: pass",
    "abstract": HEAD,
    "needy": HEAD + "    def __init__(self, path): pass\n    def features(self, x): pass",
    "constructor": HEAD + "    def __init__(self):\n        raise LookupError('no such\\nlayer')\n    def features(self, x): pass",
    "half": HEAD + "    def __init__(self): pass\n    def features(self, x): pass",
    "raises": GIVES + "1 / 0",
    "vector": GIVES + "Features(values=x.flatten(1)[:, 0].float())",
    "rows": GIVES + "Features(values=x.flatten(1)[:1, :3].float())",
    "wide": GIVES + "Features(values=x.flatten(1)[:, :5].float())",
    "whole": GIVES + "Features(values=x.flatten(1)[:, :3].long())",
    "bare": GIVES + "x.flatten(1)[:, :3].float()",
    "nan": GIVES + "Features(values=x.flatten(1)[:, :3] * float('nan'))",
}
GENERATORS = {
    "raising": "raise KeyError('oops')",
    "leaving": "raise SystemExit(3)",
    "list": "return [1]",
    "few": "return np.zeros((3, 1, 16, 16), np.uint8)",
    "scalar": "return np.array(3.0)",
    "objects": "return np.array([None] * n)",
    "levels": "return np.zeros((n, 1, 16, 16)) + 100.0",
    "channels": "return np.zeros((n, 5, 16, 16), np.uint8)",
}


def images(n: int, size: int = 16) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(size).integers(0, 256, (n, size, size), np.uint8)


def png(image: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def folder(path: Path, **replaced: bytes) -> None:
    path.mkdir()
    for index, image in enumerate(images(30)):
        (path / f"{index:02d}.png").write_bytes(replaced.get(f"_{index:02d}", png(image)))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sets, good and bad; requests that are refused leave it as it is."""
    root = tmp_path_factory.mktemp("sets")
    folder(root / "good")
    folder(root / "corrupt", _15=png(images(1)[0])[:80])
    folder(root / "mixed", _15=png(images(1, 9)[0]))
    (root / "empty").mkdir()
    (root / "text").mkdir()
    (root / "text" / "notes.txt").write_text("no image")
    (root / "notes.txt").write_text("no image")
    for name, member in (("hostile.zip", "../up.png"), ("small.zip", "up.png")):
        with zipfile.ZipFile(root / name, "w") as archive:
            archive.writestr(member, png(images(1)[0]))
    for name in ("junk.zip", "junk.npz", "junk.npy", "junk.pt", "stats.pkl"):
        (root / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    x = np.random.default_rng(0).standard_normal((60, 8))
    holes = x.copy()
    holes[3, 3] = np.nan
    saved: dict[str, dict[str, Any]] = {
        "features": {"features": x},
        "others": {"features": x + 1},
        "narrow": {"features": x[:, :4]},
        "holes": {"features": holes},
        "vector": {"features": x[:, 0]},
        "three": {"features": x[:3]},
        "one": {"features": x[:1]},
        "objects": {"features": np.array([{}], dtype=object)},
        "nameless": {"a": x, "b": x},
        "floats": {"images": np.zeros((20, 16, 16))},
        "images": {"images": images(40)},
        "small": {"images": images(40, 8)},
        "statistics": {"mu": x.mean(0), "sigma": np.cov(x, rowvar=False)},
        "narrow_statistics": {"mu": x[:, :4].mean(0), "sigma": np.cov(x[:, :4], rowvar=False)},
    }
    for name, arrays in saved.items():
        np.savez(root / f"{name}.npz", **arrays)
    for name, source in EXTRACTORS.items():
        (root / f"{name}.py").write_text(source + "\n")
    for name, body in GENERATORS.items():
        (root / f"gen_{name}.py").write_text(f"import numpy as np\ndef sample(n, seed):\n    {body}\n")
    (root / "file").write_text("mine")
    return root


def extractor(name: str) -> list[str]:
    return ["digits:test", "--real", "digits", "--extractor", f"{name}.py:E", "--metrics", "fd"]


def generator(name: str) -> list[str]:
    return [f"gen_{name}.py:sample", "--real", "digits", *PIXELS, "--n", "300", "--metrics", "fd"]


# A request, and what the one line must say.
WRONG: dict[str, tuple[list[str], list[str]]] = {
    # names and paths
    "nothing": ([], ["Missing argument", "ganbench score --help"]),
    "empty name": (["", "--real", "digits", *PIXELS], ["empty name", "ganbench list datasets"]),
    "missing path": (["godo", "--real", "digits", *PIXELS], ["'godo' is neither a path nor a data set", "did you mean 'good'?"]),
    "missing real": (["digits", "--real", "far/away.npz", *PIXELS], ["'far/away.npz' is neither a path", "check the path"]),
    "missing held-out": ([*DIGITS, "--held-out", "gone"], ["'gone' is neither a path"]),
    "long name": (["a" * 300, "--real", "digits", *PIXELS], ["cannot be looked at", "too long"]),
    "home of nobody": (["~nobody-at-all/x", "--real", "digits", *PIXELS], ["cannot be looked at"]),
    "misspelt data set": (["digist:test", "--real", "digits", *PIXELS], ["did you mean the data set 'digits'?"]),
    "misspelt split": (["digits:tset", "--real", "digits", *PIXELS], ["did you mean 'test'?", "digits:train"]),
    "module": (["no.such:function", "--real", "digits", *PIXELS], ["there is no module 'no.such'", "path/to/file.py:function"]),
    "function": (["math:sine", "--real", "digits", *PIXELS], ["unknown function in math 'sine'", "did you mean 'sin'?"]),
    "no function": (["math:pi", "--real", "digits", *PIXELS], ["is a float, no function", "def sample(n, seed)"]),
    "suffix of a folder": (["good:rwa", "--real", "digits", *PIXELS], ["'good' is a folder", "':raw'"]),
    "two sets": (["digits:test", "digits:train"], ["unexpected extra argument", "ganbench score --help"]),
    "option": ([*DIGITS, "--metric", "fd"], ["--metric", "--metrics"]),
    # content of image sets
    "empty folder": (["empty", "--real", "digits", *PIXELS], ["'empty' holds no images", ".png"]),
    "folder of text": (["text", "--real", "digits", *PIXELS], ["'text' holds no images"]),
    "single file": (["notes.txt", "--real", "digits", *PIXELS], ["'notes.txt' is none of these", "put single images into a folder"]),
    "corrupt image": (["corrupt", "--real", "digits", *PIXELS], ["'corrupt': image '15.png'", "replace or remove it"]),
    "two sizes": (["mixed", "--real", "digits", *PIXELS], ["image '15.png' is 9x9", "1 of 30 differ", "--resolution N"]),
    "hostile zip": (["hostile.zip", "--real", "digits", *PIXELS], ["'../up.png' points outside the archive"]),
    "junk zip": (["junk.zip", "--real", "digits", *PIXELS], ["'junk.zip' is no intact zip archive"]),
    "junk npz": (["junk.npz", "--real", "digits", *PIXELS], ["'junk.npz' is no intact"]),
    "junk npy": (["junk.npy", "--real", "digits", *PIXELS], ["'junk.npy' is no intact"]),
    "arrays of other names": (["nameless.npz", "--real", "digits", *PIXELS], ["has no array 'images'", "'a', 'b'"]),
    "float images": (["floats.npz", "--real", "digits", *PIXELS], ["type float64", "uint8 from 0 to 255"]),
    "pickle": (["stats.pkl", "--real", "digits", *PIXELS], ["is a pickle", "never loaded", "np.savez"]),
    "pickle as reference": (["digits", "--real", "stats.pkl", *PIXELS], ["is a pickle", "never loaded"]),
    "untrusted program": (["junk.pt", "--real", "digits", *PIXELS], ["'junk.pt' is a program", "nothing of it has run", "add --trust"]),
    "program": (["junk.pt", "--real", "digits", "--trust", *PIXELS], ["'junk.pt' is no TorchScript program", "torch.jit.save"]),
    "one image": (
        ["small.zip", "--real", "digits", *PIXELS, "--metrics", "fd"],
        ["'fd' needs at least 10 examples", "generated set has 1"],
    ),
    # features
    "features without the flag": (GIVEN[:3], ["'features.npz' holds features, not images", "--features"]),
    "images as features": (["images.npz", *GIVEN[1:]], ["shape (40, 16, 16)", "one row an example"]),
    "folder as features": (["good", *GIVEN[1:]], ["'good': features come as .npz or .npy"]),
    "data set as features": (["digits", *GIVEN[1:]], ["'digits' is a data set", "leave --features out"]),
    "junk features": (["junk.npz", *GIVEN[1:]], ["'junk.npz' is no intact npz or npy file", "np.savez"]),
    "pickled features": (["objects.npz", *GIVEN[1:]], ["'objects.npz': array 'features' holds pickled Python objects, which are never"]),
    "NaN features": (["holes.npz", *GIVEN[1:]], ["1 of 60 generated examples", "not finite"]),
    "NaN reference": (["others.npz", "--real", "holes.npz", "--features"], ["1 of 60 real examples", "not finite"]),
    "1-D features": (["vector.npz", *GIVEN[1:]], ["shape (60,)", "matrix (n, d)"]),
    "nameless features": (["nameless.npz", *GIVEN[1:]], ["no array 'features'", "'a', 'b'"]),
    "widths": (["narrow.npz", *GIVEN[1:]], ["real features have width 8, generated features 4"]),
    "three examples": (["three.npz", *GIVEN[1:]], ["nothing can be scored", "needs at least 10 examples", "has 3"]),
    # numbers
    "n": ([*DIGITS, "--n", "360"], ["--n 360 is more than the 359 examples of 'digits:test'"]),
    "n-real": ([*DIGITS, "--n-real", "2000"], ["--n-real 2,000 is more than the 1,438 examples"]),
    "n 1": ([*DIGITS, "--n", "1"], ["--n", "greater than or equal to 2"]),
    "n negative": ([*DIGITS, "--n", "-5"], ["--n", "greater than or equal to 2"]),
    "n word": ([*DIGITS, "--n", "many"], ["--n", "integer"]),
    "seed": ([*DIGITS, "--seed", "-1"], ["--seed"]),
    "threads": ([*DIGITS, "--threads", "0"], ["--threads"]),
    "batch": ([*DIGITS, "--batch", "0"], ["--batch"]),
    "workers": ([*DIGITS, "--workers", "0"], ["--workers"]),
    "resolution": ([*DIGITS, "--resolution", "0"], ["--resolution"]),
    # what metrics need
    "labels": (["images.npz", *DIGITS[1:], "--metrics", "gan_test"], ["'gan_test' needs, of the generated set, class labels"]),
    "held-out": ([*DIGITS, "--metrics", "ct"], ["'ct' needs held-out examples", "--held-out SET"]),
    "real": (["digits", *PIXELS, "--metrics", "fd"], ["'fd' needs real examples", "--real SET"]),
    "classifier": ([*DIGITS, "--metrics", "cs"], ["'cs' needs", "a classifier as the extractor"]),
    "generator": ([*DIGITS, "--metrics", "ppl_z"], ["'ppl_z' needs", "a run directory or an exported program"]),
    "statistics as FAKE": (["statistics.npz", "--real", "digits", *PIXELS], ["can only be the reference"]),
    "statistics for KD": (["features.npz", "--real", "statistics.npz", "--features", "--metrics", "kd"], ["'kd' needs", "not statistics"]),
    "width of statistics": (["features.npz", "--real", "narrow_statistics.npz", "--features"], ["width 4, generated features 8"]),
    "width of another network": (
        ["digits:test", "--real", "statistics.npz", "--extractor", "digits-probe", "--metrics", "fd"],
        ["'statistics.npz' has 8 features", "'digits-probe' 64"],
    ),
    "nothing to verify": (["features.npz", "--features", "--metrics", "vendi", "--verify", "torch-fidelity"], ["--verify", "--real"]),
    "another library": ([*DIGITS, "--verify", "torchmetrics"], ["--verify torchmetrics", "--verify torch-fidelity"]),
    # metrics and extractors
    "metric": ([*DIGITS, "--metrics", "precison"], ["unknown metric 'precison'", "did you mean 'precision'?"]),
    "no metric": ([*DIGITS, "--metrics", ""], ["--metrics is empty", "fd"]),
    "metric twice": ([*DIGITS, "--metrics", "fd,kd,fd"], ["'fd' is there twice"]),
    "metric under two names": (["digits", "--real", "digits", "--metrics", "fid,fd"], ["'fd' is there twice"]),
    "half a name": ([*DIGITS, "--metrics", "fd@"], ["'fd@' is half a name", "fd@pixels"]),
    "FID of pixels": ([*DIGITS, "--metrics", "fid"], ["'fid' is the name for inception-v3-compat", "with pixels write 'fd'"]),
    "FID at pixels": ([*DIGITS, "--metrics", "fid@pixels"], ["'fid' is the name for inception-v3-compat"]),
    "extractor": (["digits", "--real", "digits", "--extractor", "pixel"], ["unknown extractor 'pixel'", "did you mean 'pixels'?"]),
    "extractor of a metric": ([*DIGITS, "--metrics", "fd@pixel"], ["unknown extractor 'pixel'"]),
    "empty extractor": (["digits", "--real", "digits", "--extractor", ""], ["unknown extractor ''"]),
    "resize": ([*DIGITS, "--resize", "tf1"], ["'pixels' takes no resize", "leave resize out"]),
    "weights": ([*DIGITS, "--weights", "file"], ["'pixels' takes no weights"]),
    "fast": ([*DIGITS, "--fast"], ["'pixels' takes no fast"]),
    "weights that are not there": (
        ["digits:test", "--real", "digits", "--weights", "gone", "--metrics", "fid"],
        ["'gone' does not exist", "--weights", "the folder that holds it"],
    ),
    "images for a network of points": (["digits:test", "--real", "digits", "--extractor", "identity"], ["takes points", "'pixels'"]),
    "points for a network of images": (["ring8:test", "--real", "ring8", *PIXELS], ["takes images", "'identity'"]),
    # extractors of a user
    "extractor file": (extractor("gone"), ["gone.py: no such file"]),
    "extractor syntax": (extractor("syntax"), ["syntax.py, line 1: not valid Python: invalid syntax"]),
    "extractor import": (extractor("imports"), ["ModuleNotFoundError", "nothing_here"]),
    "extractor class": (extractor("lacks"), ["unknown extractor in lacks.py 'E'", "known: none"]),
    "extractor of no kind": (extractor("stranger"), ["is no extractor", "ganbench.features.base.Extractor"]),
    "extractor without features": (extractor("abstract"), ["define features in class E"]),
    "extractor with an argument": (extractor("needy"), ["cannot be made without path", "a default"]),
    "extractor that cannot be made": (extractor("constructor"), ["'constructor.py:E' raised LookupError: no such layer"]),
    "extractor half made": (extractor("half"), ["call super().__init__()"]),
    "extractor that raises": (extractor("raises"), ["'mine' raised ZeroDivisionError: division by zero"]),
    "extractor of vectors": (extractor("vector"), ["gave float32 (256,) for 256 examples", "float (256, 3)"]),
    "extractor of too few rows": (extractor("rows"), ["gave float32 (1, 3) for 256 examples", "one row an example"]),
    "extractor of another width": (extractor("wide"), ["gave float32 (256, 5)", "float (256, 3)"]),
    "extractor of whole numbers": (extractor("whole"), ["gave int64 (256, 3)", "float (256, 3)"]),
    "extractor of bare tensors": (extractor("bare"), ["gave a Tensor", "Features(values=...)"]),
    "extractor of NaN": ([*extractor("nan"), "--no-cache"], ["1438 of 1438 real examples", "not finite"]),
    # generators of a user
    "generator that raises": (generator("raising"), ["gen_raising.py:sample(256, seed) raised KeyError: 'oops'"]),
    "generator that leaves": (generator("leaving"), ["raised SystemExit"]),
    "generator of lists": (generator("list"), ["gave a list", "tensor or numpy array of 256"]),
    "generator of too few": (generator("few"), ["gave 3 examples when asked for 256"]),
    "generator of a number": (generator("scalar"), ["tensor or numpy array of 256"]),
    "generator of objects": (generator("objects"), ["tensor or numpy array of 256"]),
    "generator of levels": (generator("levels"), ["from 100 to 100", "[-1, 1]"]),
    "generator of five channels": (generator("channels"), ["uint8 (256, 5, 16, 16)", "1 or 3"]),
    # machine
    "cache in a file": ([*DIGITS, "--cache", "file"], ["file: is not a folder", "--cache"]),
    "cache below a file": ([*DIGITS, "--cache", "file/below"], ["file: is not a folder", "--cache"]),
    "device": ([*DIGITS, "--device", "gpu"], ["--device gpu", "auto, cpu, cuda"]),
    "device kind": ([*DIGITS, "--device", "mps"], ["--device mps", "only cpu and cuda"]),
    "no CUDA": ([*DIGITS, "--device", "cuda"], ["--device cuda", "--device cpu"]),
}


@pytest.fixture
def refused(ganbench: Command, sets: Path, tmp_path: Path) -> Callable[..., str]:
    """The one line of a request in the folder of sets, which it leaves as it is."""
    lonely = {"CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1", "GANBENCH_WEIGHTS": ""}
    lonely |= {"GANBENCH_CACHE": "cache", "XDG_CACHE_HOME": str(tmp_path / "user"), "TORCH_HOME": str(tmp_path / "hub")}

    def ask(*arguments: str) -> str:
        before = {path: path.stat().st_mtime_ns for path in sets.rglob("*")}
        line: str = ganbench(*arguments, cwd=sets, env=lonely).one_line()
        assert {path: path.stat().st_mtime_ns for path in sets.rglob("*")} == before
        assert not list(tmp_path.rglob("*"))
        return line

    return ask


@pytest.mark.parametrize("case", list(WRONG))
def test_a_wrong_request_is_one_line_and_writes_nothing(refused: Callable[..., str], case: str) -> None:
    arguments, words = WRONG[case]
    line = refused("score", *arguments)
    assert line.startswith("ganbench: ")
    assert [word for word in words if word not in line] == [], line


def test_the_good_ones_among_these_sets_are_scored(ganbench: Command, sets: Path) -> None:
    for arguments in (extractor("good"), GIVEN, ["good", *DIGITS[1:]], ["images.npz", *DIGITS[1:]]):
        assert ganbench("score", *arguments, "--no-cache", cwd=sets, env={"PYTHONDONTWRITEBYTECODE": "1"}).code == 0, arguments


def test_a_folder_that_cannot_be_written_is_named(ganbench: Command, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (tmp_path / "shut").mkdir(mode=0o500)
    assert "shut: cannot be written to" in ganbench("score", *DIGITS, "--cache", "shut/cache").one_line()
    assert "shut: cannot be written to" in ganbench("stats", "digits", *PIXELS, "--out", "shut/s.npz").one_line()


STATS: dict[str, tuple[list[str], list[str]]] = {
    "no out": (["digits", *PIXELS], ["Missing option '--out'"]),
    "ending": (["digits", *PIXELS, "--out", "s.txt"], ["'s.txt'", "written as .npz", "'s.npz'"]),
    "folder as file": (["digits", *PIXELS, "--out", "taken.npz"], ["'taken.npz' is a folder", "--out"]),
    "below a file": (["digits", *PIXELS, "--out", "file/s.npz"], ["file: is not a folder", "--out"]),
    "source": (["digit", *PIXELS, "--out", "s.npz"], ["did you mean the data set 'digits'?"]),
    "empty source": (["digits,", *PIXELS, "--out", "s.npz"], ["empty name"]),
    "extractor": (["digits", "--extractor", "pixel", "--out", "s.npz"], ["did you mean 'pixels'?"]),
    "NaN": (["holes.npz", "--features", "--out", "s.npz"], ["not finite"]),
    "1-D": (["vector.npz", "--features", "--out", "s.npz"], ["shape (60,)"]),
    "one example": (["one.npz", "--features", "--out", "s.npz"], ["at least 2 examples"]),
    "widths": (["features.npz,narrow.npz", "--features", "--out", "s.npz"], ["8 and 4 features cannot be merged"]),
    "unknown n": (["statistics.npz", "--features", "--out", "s.npz"], ["does not say on how many images", "cannot be merged"]),
    "corrupt image": (["corrupt", *PIXELS, "--out", "s.npz"], ["image '15.png'"]),
}


@pytest.mark.parametrize("case", list(STATS))
def test_wrong_statistics_are_refused_in_one_line_and_not_written(refused: Callable[..., str], sets: Path, case: str) -> None:
    (sets / "taken.npz").mkdir(exist_ok=True)
    arguments, words = STATS[case]
    line = refused("stats", *arguments)
    assert [word for word in words if word not in line] == [], line
