"""Is a program drawn from and read alike, however it was exported, and does nothing of it run unasked?"""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ganbench
from ganbench.errors import DataError, RequestError
from ganbench.evaluation.score import score
from ganbench.metrics.path_length import path_length
from ganbench.sampling import CHUNK
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.sources.opening import Opening, open_source
from ganbench.sources.outputs import Reading, returned
from ganbench.sources.programs import ProgramSource

CPU = torch.device("cpu")
Z, SIDE = 5, 16
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning", "ignore:.*torch.jit.*:DeprecationWarning")


class Net(nn.Module):
    """Images of 16 x 16 pixels, in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(3 * SIDE * SIDE, Z, generator=stream(0, "test-programs"))
        self.layer = nn.Linear(Z, 3 * SIDE * SIDE, bias=False)
        self.layer.weight = nn.Parameter(weights, requires_grad=False)

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.layer(z)).reshape(-1, 3, SIDE, SIDE)


class Unit(Net):
    def forward(self, z: Tensor) -> Tensor:
        return (super().forward(z) + 1) / 2


class Levels(Net):
    def forward(self, z: Tensor) -> Tensor:
        return ((super().forward(z) + 1) * 127.5).round().to(torch.uint8)


class Last(Net):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).permute(0, 2, 3, 1)


class LastLevels(Levels):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).permute(0, 2, 3, 1)


class Spatial(Net):
    """Takes latents (n, z, 1, 1), as a DCGAN's first transposed convolution does, and no others."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(nn.functional.avg_pool2d(z, 1).flatten(1))


class Double(Net):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z.float()).double()


def export(net: nn.Module, path: Path, *shape: int, dynamic: bool = True, dtype: torch.dtype = torch.float32) -> Path:
    dims = ({0: torch.export.Dim("batch")},) if dynamic else None
    torch.export.save(torch.export.export(net.eval(), (torch.zeros(4, *shape, dtype=dtype),), dynamic_shapes=dims), path)
    return path


def trace(net: nn.Module, path: Path, *shape: int) -> Path:
    torch.jit.save(torch.jit.trace(net.eval(), torch.zeros(*shape)), str(path))  # type: ignore[no-untyped-call]
    return path


class Fixed(Net):
    """A traced program that has its batch size written into it."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).view(4, 3, SIDE, SIDE) + 0


FORMS: dict[str, Callable[[Path], Path]] = {
    "exported": lambda folder: export(Net(), folder / "a.pt2", Z),
    "exported with a fixed batch": lambda folder: export(Net(), folder / "a.pt2", Z, dynamic=False),
    "exported in [0, 1]": lambda folder: export(Unit(), folder / "a.pt2", Z),
    "exported as levels": lambda folder: export(Levels(), folder / "a.pt2", Z),
    "exported with channels last": lambda folder: export(Last(), folder / "a.pt2", Z),
    "exported as levels with channels last": lambda folder: export(LastLevels(), folder / "a.pt2", Z),
    "exported with latents (n, z, 1, 1)": lambda folder: export(Spatial(), folder / "a.pt2", Z, 1, 1),
    "exported in float64": lambda folder: export(Double(), folder / "a.pt2", Z, dtype=torch.float64),
    "traced": lambda folder: trace(Net(), folder / "a.pt", 2, Z),
    "traced with a fixed batch": lambda folder: trace(Fixed(), folder / "a.pt", 4, Z),
    "traced with latents (n, z, 1, 1)": lambda folder: trace(Spatial(), folder / "a.ts", 2, Z, 1, 1),
}


def opened(path: Path, n: int = 20) -> ProgramSource:
    return ProgramSource(str(path), path, Z, n, 0, CPU, trust=True)


@pytest.mark.parametrize("form", FORMS)
def test_one_generator_gives_the_same_images_and_path_length_in_every_form(form: str, tmp_path: Path) -> None:
    source = opened(FORMS[form](tmp_path), CHUNK + 3)
    latents = torch.cat([torch.randn(CHUNK, Z, generator=stream(0, "eval-latents", chunk)) for chunk in range(2)])[: CHUNK + 3]
    levels = Levels()(latents)
    found = source.at(range(len(source)))
    assert found.dtype == torch.uint8 and found.shape == levels.shape
    assert (found.int() - levels.int()).abs().max() <= 1, "up to rounding, where a value lies between two levels"
    if "levels" in form:
        with pytest.raises(RequestError, match="rounds its images to 8 bits"):
            ppl(source)
        return
    reference = opened(FORMS["traced"](tmp_path / ".."))
    # float32 images a step of 1e-4 apart differ in their fourth digit, and squares of such differences are compared
    assert ppl(source) == pytest.approx(ppl(reference), rel=0.05)


def ppl(source: ProgramSource) -> float:
    """Perceptual path length with the squared distance of pixels in place of a network."""
    comparison = Comparison(Features(values=torch.zeros(20, 1)), Features(values=torch.zeros(100, 1), generator=source.generator))
    return path_length(comparison, stream(1, "metric"), lambda a, b: (a - b).double().square().sum((1, 2, 3)), styles=False).value


def test_only_a_guessed_range_is_noted(tmp_path: Path) -> None:
    assert opened(FORMS["exported with channels last"](tmp_path)).notes == []
    (note,) = opened(FORMS["exported in [0, 1]"](tmp_path)).notes
    assert "gives floats from 0 to 1, which are read as black to white" in note
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef sample(n, seed):\n    return np.random.default_rng(seed).random((n, 8, 8, 3))\n"
    )
    given = open_source(f"{tmp_path / 'mine.py'}:sample", Opening(root=tmp_path, device=CPU, n=20))
    assert any("from 0 to 1" in note for note in given.notes) and given.form == (3, 8, 8)


def test_path_length_of_levels_is_refused_before_a_pass_in_one_line(tmp_path: Path) -> None:
    path = FORMS["exported as levels"](tmp_path)
    with pytest.raises(RequestError, match="returns floats, not 8-bit levels") as refusal:
        score(str(path), None, ["ppl_z"], n=100, trust=True, latent_dim=Z, device="cpu", use_cache=False)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda z: (z, z), "gave a tuple"),
        (lambda z: z[1:], "255 examples when asked for 256"),
        (lambda z: z.expand(3, *z.shape).permute(1, 0, 2), "give uint8 or float images"),
        (lambda z: z.view(-1, 1, 1, Z).expand(-1, 3, 2, Z) * 100, "floats lie in"),
    ],
)
def test_programs_that_return_something_else_are_refused_in_one_line(output: Callable[[Tensor], Any], message: str, tmp_path: Path) -> None:
    class Other(nn.Module):
        def forward(self, z: Tensor) -> Any:
            return output(z)

    with pytest.raises(DataError, match=message) as refusal:
        opened(trace(Other(), tmp_path / "other.pt", 256, Z))
    assert "\n" not in str(refusal.value)


def test_later_batches_are_read_as_the_first() -> None:
    reading = Reading.of(torch.rand(4, 3, 2, 2), "net")
    assert reading == Reading(unit=True)
    with pytest.raises(DataError, match=r"from -1 to 0 after a first batch in \[0, 1\]"):
        reading.examples(torch.tensor([-1.0, 0.0]).view(1, 1, 1, 2).expand(4, 3, 2, 2), "net")
    for other in (torch.zeros(4, 2), torch.zeros(4, 3, 2, 2, dtype=torch.uint8), torch.zeros(4, 2, 2, 5)):
        with pytest.raises(DataError, match="after batches of another form"):
            reading.examples(other, "net")
    assert Reading.of(torch.zeros(4, 2), "net") == Reading(points=True)
    assert returned(np.zeros((4, 2), np.float32), 4, "net").dtype == torch.float32


# trust


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def test_nothing_of_a_program_runs_unless_it_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good, pickled = export(Net(), Path("good.pt2"), Z), io.BytesIO()
    torch.save({"a": Exploit()}, pickled)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile("evil.pt2", "w") as target:
        for name in source.namelist():
            target.writestr(name, pickled.getvalue() if name.endswith("sample_inputs/model.pt") else source.read(name))
    for ending in (".pt2", ".pt", ".pth", ".ts", ".jit", ".torchscript"):
        path = Path("evil.pt2").rename(f"evil{ending}") if not Path(f"evil{ending}").exists() else Path("evil.pt2")
        with pytest.raises(RequestError, match="add --trust") as refusal:
            ganbench.score(path, "ring8", ["fd"], extractor="identity")
        assert "\n" not in str(refusal.value) and "nothing of it has run" in str(refusal.value)
        assert not Path("ran").exists()
        path.rename("evil.pt2")


def test_a_run_whose_method_is_a_file_runs_it_only_when_trusted(tmp_path: Path, tiny_spec: Callable[..., Any]) -> None:
    from ganbench.pipeline.cell import run_cell
    from ganbench.plan.runtime import Runtime

    method = tmp_path / "mine.py"
    method.write_text(
        "from dataclasses import dataclass\nfrom pathlib import Path\nfrom baselines.gan import GAN\n"
        "Path(__file__).with_name('ran').touch()\n"
        "class Mine(GAN):\n    @dataclass(frozen=True, kw_only=True)\n    class Config(GAN.Config):\n        pass\n"
    )
    spec = tiny_spec(f"{method}:Mine")
    assert run_cell(spec, tmp_path / "run", Runtime(device="cpu")).error is None
    (tmp_path / "ran").unlink()
    settings = {"n": 20, "extractor": "pixels", "device": "cpu", "use_cache": False}
    with pytest.raises(RequestError, match=r"a run whose method is the Python file .*mine.py.*add --trust"):
        ganbench.score(tmp_path / "run", "digits", ["kd"], **settings)
    assert not (tmp_path / "ran").exists()
    assert open_source(str(tmp_path / "run"), Opening(root=tmp_path, device=CPU, n=20, trust=True)).form == (1, 8, 8)
