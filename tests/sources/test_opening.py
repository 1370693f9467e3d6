"""Does whatever a user names give the examples it holds?"""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.errors import RequestError
from ganbench.sampling import CHUNK
from ganbench.seeding import stream
from ganbench.sets.source import Selection, Source
from ganbench.sources.generated import DEFAULT_N
from ganbench.sources.given import FeatureFile
from ganbench.sources.opening import Opening, open_source
from ganbench.sources.statistics_files import StatisticsFile

IMAGES = torch.randint(0, 256, (12, 3, 8, 8), generator=stream(0, "test-opening"), dtype=torch.uint8).numpy()
CPU = torch.device("cpu")


def how(**fields: object) -> Opening:
    return Opening(root=Path("nowhere"), device=CPU, **fields)  # type: ignore[arg-type]


def images_of(text: str | Path, **fields: object) -> torch.Tensor:
    source = open_source(str(text), how(**fields))
    assert isinstance(source, Source)
    found = source.at(range(len(source)))
    source.close()
    return found


def png(path: Path, image: np.ndarray) -> None:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.transpose(1, 2, 0)).save(path)


def folder(path: Path) -> Path:
    for index, image in enumerate(IMAGES):
        png(path / f"{'ab'[index % 2]}" / f"{index:02d}.png", image)
    return path


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for source in sorted(folder(path.with_suffix("")).rglob("*.png")):
            file.write(source, source.relative_to(path.with_suffix("")).as_posix())
        names = [name for name in sorted(file.namelist())]
        file.writestr("dataset.json", json.dumps({"labels": [[name, int(name.startswith("b"))] for name in names]}))
    return path


def npz(path: Path) -> Path:
    np.savez(path, images=IMAGES, labels=np.arange(12) % 2)
    return path


def npy(path: Path) -> Path:
    np.save(path, IMAGES.transpose(0, 2, 3, 1))
    return path


KINDS: dict[str, Callable[[Path], Path]] = {"folder": folder, "set.zip": archive, "set.npz": npz, "set.npy": npy}


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_gives_the_images(tmp_path: Path, kind: str) -> None:
    found = images_of(KINDS[kind](tmp_path / kind))
    order = [*range(0, 12, 2), *range(1, 12, 2)] if kind in ("folder", "set.zip") else range(12)
    assert torch.equal(found, torch.from_numpy(IMAGES[list(order)]))


@pytest.mark.parametrize("kind", ["folder", "set.zip", "set.npz"])
def test_labels_come_along(tmp_path: Path, kind: str) -> None:
    source = open_source(str(KINDS[kind](tmp_path / kind)), how())
    assert isinstance(source, Source)
    assert source.labels is not None
    assert source.labels.tolist() == ([0] * 6 + [1] * 6 if kind != "set.npz" else [0, 1] * 6)
    source.close()


@pytest.mark.parametrize("kind", ["folder", "set.zip"])
def test_number_of_decoding_threads_changes_nothing(tmp_path: Path, kind: str) -> None:
    path = KINDS[kind](tmp_path / kind)
    assert torch.equal(images_of(path, workers=1), images_of(path, workers=5))


def test_content_follows_bytes_and_never_paths(tmp_path: Path) -> None:
    first, second = (open_source(str(folder(tmp_path / name)), how()) for name in ("one", "two"))
    assert first.content == second.content
    png(tmp_path / "two" / "a" / "00.png", 255 - IMAGES[0])
    assert open_source(str(tmp_path / "two"), how()).content != first.content
    assert open_source(str(tmp_path / "one"), how(resolution=4)).content != first.content


def test_images_of_two_sizes_are_refused_with_the_remedy_and_taken_with_it(tmp_path: Path) -> None:
    png(tmp_path / "a.png", IMAGES[0])
    png(tmp_path / "b.png", IMAGES[1][:, :4, :4])
    with pytest.raises(RequestError, match="--resolution N"):
        images_of(tmp_path)
    assert images_of(tmp_path, resolution=4).shape == (2, 3, 4, 4)


def test_a_data_set_is_named_with_its_split() -> None:
    train, test = (open_source(f"digits:{split}", how()) for split in ("train", "test"))
    assert isinstance(train, Source)
    assert isinstance(test, Source)
    assert (len(train), len(test)) == (1438, 359)
    assert train.content != test.content


# functions and programs


def sampler(n: int, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).integers(0, 256, (n, 1, 4, 4), np.uint8)


def write_function(path: Path, body: str) -> str:
    path.write_text(f"import numpy as np\nimport torch\n\ndef sample(n, seed):\n    {body}\n")
    return f"{path}:sample"


def test_a_function_draws_by_chunk_whatever_part_is_asked_for(tmp_path: Path) -> None:
    name = write_function(tmp_path / "one.py", "return np.random.default_rng(seed).integers(0, 256, (n, 1, 4, 4), np.uint8)")
    source = open_source(name, how(n=CHUNK + 10))
    assert isinstance(source, Source)
    assert len(source) == CHUNK + 10
    assert source.content is None
    whole = source.at(range(CHUNK + 10))
    assert torch.equal(source.at([CHUNK + 3, 5]), whole[[CHUNK + 3, 5]])
    assert not torch.equal(whole[:10], whole[CHUNK:])
    again = open_source(name, how(n=CHUNK + 10, seed=1))
    assert isinstance(again, Source)
    assert not torch.equal(again.at(range(5)), whole[:5])


def test_floats_in_minus_one_to_one_become_levels(tmp_path: Path) -> None:
    name = write_function(tmp_path / "two.py", "return torch.full((n, 3, 2, 2), -1.0) + torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1)")
    assert images_of(name, n=1)[0, :, 0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return np.zeros((n, 3, 4, 4))+7.0", "from 7 to 7"),
        ("return np.zeros((n - 1, 3, 4, 4), np.uint8)", "255 examples when asked for 256"),
        ("return [1]", "gave a list"),
        ("return np.zeros((n, 5, 4, 4), np.uint8)", "uint8 "),
        ("raise KeyError('oops')", "KeyError"),
    ],
)
def test_a_function_that_breaks_its_word_is_named_in_one_line(tmp_path: Path, body: str, message: str) -> None:
    name = write_function(tmp_path / f"bad{abs(hash(body))}.py", body)
    with pytest.raises(RequestError, match=message) as refusal:
        images_of(name, n=3)
    assert "\n" not in str(refusal.value)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.latent_dim = 5
        self.layer = torch.nn.Linear(5, 12)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layer(z)).view(-1, 3, 2, 2)


@pytest.fixture
def net() -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net().eval()


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_programs_draw_from_the_same_latents(tmp_path: Path, net: Net) -> None:
    torch.jit.save(torch.jit.trace(net, torch.zeros(2, 5)), str(tmp_path / "net.pt"))
    batch = torch.export.Dim("batch")
    exported = torch.export.export(net, (torch.zeros(2, 5),), dynamic_shapes=({0: batch},))
    torch.export.save(exported, tmp_path / "net.pt2")
    script = images_of(tmp_path / "net.pt", n=20, latent_dim=5, trust=True)
    assert script.shape == (20, 3, 2, 2)
    assert torch.equal(images_of(tmp_path / "net.pt2", n=20, trust=True), script)
    latents = torch.randn(CHUNK, 5, generator=stream(0, "eval-latents", 0))
    levels = ((net(latents) + 1) * 127.5).round().to(torch.uint8)
    assert torch.equal(script, levels[:20])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_a_program_that_does_not_say_its_latents_is_asked_for_them(tmp_path: Path, net: Net) -> None:
    torch.jit.save(torch.jit.trace(net, torch.zeros(2, 5)), str(tmp_path / "net.pt"))
    with pytest.raises(RequestError, match="--latent-dim"):
        open_source(str(tmp_path / "net.pt"), how(trust=True))
    (tmp_path / "junk.pt").write_bytes(b"junk")
    with pytest.raises(RequestError, match="no TorchScript program"):
        open_source(str(tmp_path / "junk.pt"), how(trust=True))


def test_generators_draw_the_fields_number_unless_told(tmp_path: Path) -> None:
    source = open_source(write_function(tmp_path / "many.py", "return np.zeros((n, 1, 2, 2), np.uint8)"), how())
    assert isinstance(source, Source)
    assert len(source) == DEFAULT_N == 50_000


# features and statistics


def test_features_with_logits_labels_and_spatial(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((20, 4))
    np.savez(tmp_path / "f.npz", features=x, logits=x[:, :3], labels=np.arange(20), spatial=x.astype(np.float32))
    found = open_source(str(tmp_path / "f.npz"), how(features=True))
    assert isinstance(found, FeatureFile)
    known = found.known(Selection.of(20, None, stream(0, "x")), ("features", "spatial"))
    assert known.values.dtype == torch.float64
    assert known.log_probabilities is not None and known.spatial is not None
    torch.testing.assert_close(known.log_probabilities.exp().sum(1), torch.ones(20, dtype=torch.float64))
    np.save(tmp_path / "f.npy", x.astype(np.float16))
    bare = open_source(str(tmp_path / "f.npy"), how(features=True))
    assert isinstance(bare, FeatureFile)
    assert bare.known(Selection.of(20, None, stream(0, "x")), ("moments",)).values.dtype == torch.float32


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"features": np.zeros(9)}, "one-dimensional"),
        ({"features": np.zeros((9, 2, 2))}, r"shape \(9, 2, 2\)"),
        ({"features": np.zeros((0, 2))}, r"shape \(0, 2\)"),
        ({"features": np.array(["a", "b"])}, "save numbers"),
        ({"a": np.zeros((9, 2)), "b": np.zeros((9, 2))}, "no array 'features'"),
        ({"features": np.zeros((9, 2)), "logits": np.zeros((8, 2))}, "8 rows"),
        ({"features": np.zeros((9, 2)), "labels": np.zeros(9)}, "whole numbers"),
        ({"features": np.zeros((9, 2)), "probabilities": np.ones((9, 2))}, "sum to 1"),
    ],
)
def test_features_of_a_wrong_form_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:  # type: ignore[type-arg]
    np.savez(tmp_path / "f.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=message) as refusal:
        open_source(str(tmp_path / "f.npz"), how(features=True)).known(Selection(indices=range(9)), ("features",))
    assert "\n" not in str(refusal.value)


def test_statistics_of_others_are_read_with_a_warning(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((50, 4))
    np.savez(tmp_path / "s.npz", mu=x.mean(0), sigma=np.cov(x, rowvar=False))
    found = open_source(str(tmp_path / "s.npz"), how())
    assert isinstance(found, StatisticsFile)
    assert not found.n_known
    assert "does not say how" in found.notes[0]
    assert found.moments.covariance.shape == (4, 4)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(3), "sigma": np.zeros((4, 4))}, r"\(3,\) and \(4, 4\)"),
        ({"mu": np.zeros(3), "sigma": np.full((3, 3), np.nan)}, "not finite"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 2.0], [0.0, 1.0]])}, "not symmetric"),
        ({"mu": np.zeros(2, int), "sigma": np.eye(2)}, "floats"),
    ],
)
def test_statistics_of_a_wrong_form_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:  # type: ignore[type-arg]
    np.savez(tmp_path / "s.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=message):
        open_source(str(tmp_path / "s.npz"), how())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing-here", "neither a path nor a data set"),
        ("digitz", "did you mean the data set 'digits'"),
        ("digits:tset", "did you mean 'test'"),
        ("no.such.module:function", "cannot be imported"),
        ("math:sine", "sin"),
        ("math:pi", "no function"),
    ],
)
def test_a_name_of_nothing_is_refused_with_the_nearest_choice(name: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refusal:
        open_source(name, how())
    assert "\n" not in str(refusal.value)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "stats.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(RequestError, match="never loaded"):
        open_source(str(tmp_path / "stats.pkl"), how())


def test_a_selection_depends_on_the_numbers_alone() -> None:
    one, two = (Selection.of(100, 10, stream(3, "subset")) for _ in range(2))
    assert one == two
    assert list(one.indices) == sorted(set(one.indices))
    assert len(Selection.of(100, None, stream(3, "subset"))) == len(Selection.of(100, 100, stream(3, "subset"))) == 100


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.zip", "a.pt2", "a"])
@pytest.mark.parametrize("features", [False, True])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str, features: bool) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(RequestError, match="neither a file nor a folder"):
        open_source(str(tmp_path / name), how(features=features))
