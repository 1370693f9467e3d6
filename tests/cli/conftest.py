"""How do these tests drive the real command? (in processes of their own, forked from one that has torch loaded: see tests/conftest.py)"""

import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

METHODS = '''
"""Which methods misbehave, and how?"""

import errno
import os
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.optim import SGD

from ganbench.training.variant import Variant


class Healthy(Variant):
    """A linear generator whose start is already as wide as the ring."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 1e-3

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.generator = nn.Linear(config.latent_dim, shape.size[0])
        self.discriminator = nn.Linear(shape.size[0], 1)

    def optimizers(self):
        return {name: SGD(getattr(self, name).parameters(), lr=self.config.learning_rate) for name in ("generator", "discriminator")}

    def discriminator_step(self, real, ctx):
        loss = self.discriminator(self.generate(ctx.latents(ctx.batch_size)).detach()).mean() - self.discriminator(real.examples).mean()
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss}

    def generator_step(self, ctx):
        loss = -self.discriminator(self.generate(ctx.latents(ctx.batch_size))).mean()
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}


class Raises(Healthy):
    """Raises in its third step, unless MENDED is set."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 1e-3

    def generator_step(self, ctx):
        if ctx.step == 2 and "MENDED" not in os.environ:
            raise ArithmeticError("the third step\\nis too much")
        return super().generator_step(ctx)


class Full(Healthy):
    """Finds the disk full in its third step, unless MENDED is set."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 1e-3

    def generator_step(self, ctx):
        if ctx.step == 2 and "MENDED" not in os.environ:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().generator_step(ctx)


class Killed(Healthy):
    """Is killed in its third step, as the system does for lack of memory, unless MENDED is set."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 1e-3

    def generator_step(self, ctx):
        if ctx.step == 2 and "MENDED" not in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generator_step(ctx)


class Narrow(Healthy):
    """Generates three coordinates where the data have two."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 1e-3

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.generator = nn.Linear(config.latent_dim, 3)


class Unbuildable(Healthy):
    """Raises in its constructor."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 1e-3

    def __init__(self, config, shape):
        raise LookupError("no such layer")


class Diverges(Healthy):
    """A loss that is NaN from its fourth step."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 1e-3

    def generator_step(self, ctx):
        loss = -self.discriminator(self.generate(ctx.latents(ctx.batch_size))).mean()
        ctx.minimize("generator", loss * (float("nan") if ctx.step >= 3 else 1.0))
        return {"loss/generator": loss}


class Slow(Healthy):
    """Sleeps in every step while the file GATE exists."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 1e-3

    def generator_step(self, ctx):
        if Path(os.environ["GATE"]).exists():
            time.sleep(0.05)
        return super().generator_step(ctx)
'''


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def one_line(self) -> str:
        """The only thing that a refused request may print."""
        assert self.code == 2, self
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


Command = Callable[..., Result]


@pytest.fixture(scope="session")
def ganbench_in(forked: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Runs ``ganbench ARGUMENTS`` in a working directory."""
    logs = tmp_path_factory.mktemp("logs")

    def run(cwd: Path, *arguments: object, env: Mapping[str, str] | None = None) -> Result:
        code = forked(*arguments, cwd=cwd, env=env, out=logs / "out", err=logs / "err").wait()
        return Result(code, (logs / "out").read_text(), (logs / "err").read_text())

    return run


@pytest.fixture
def ganbench(ganbench_in: Command, tmp_path: Path) -> Command:
    """Runs ``ganbench ARGUMENTS`` in a working directory that is the test's own folder."""

    def run(*arguments: object, cwd: Path = tmp_path, env: Mapping[str, str] | None = None) -> Result:
        result: Result = ganbench_in(cwd, *arguments, env=env)
        return result

    return run


@pytest.fixture(scope="session")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of methods that behave and misbehave on 2-D points."""
    path = tmp_path_factory.mktemp("methods") / "methods.py"
    path.write_text(METHODS)
    return path


@pytest.fixture(scope="session")
def write_suite() -> Callable[..., Path]:
    """Writes a suite of one tiny run on ring8 into a folder, changed by keyword."""

    def write(
        folder: Path,
        variants: str = '["gan"]',
        datasets: str = '["ring8"]',
        seeds: str = "[0]",
        budget_images: object = 512,
        training: str = "{ batch_size = 64 }",
        evaluation: str = '{ extractor = "identity", metrics = ["fd"], n_fake = 64, n_real = 64 }',
        head: str = "",
        tail: str = "",
        name: str = "suite.toml",
    ) -> Path:
        path = folder / name
        path.write_text(
            f'name = "small"\n{head}\n[[matrix]]\nvariants = {variants}\ndatasets = {datasets}\nseeds = {seeds}\n'
            f"budget_images = {budget_images}\ntraining = {training}\nevaluation = {evaluation}\n{tail}\n"
        )
        return path

    return write


@pytest.fixture
def suite(write_suite: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Writes such a suite into the test's own folder."""
    return partial(write_suite, tmp_path)


def listing(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, with content."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes | None]]:
    """Lists everything below a folder, to compare before and after."""
    return listing


@pytest.fixture
def heard_ctrl_c() -> Iterator[None]:
    """Commands that a test starts hear Ctrl-C also where the tests are a shell's background job, which ignores it and hands that down."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
