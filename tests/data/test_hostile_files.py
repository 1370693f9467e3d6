import io
import pickle
import random
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from ganbench.data import limits
from ganbench.data.own import content_at
from ganbench.errors import DataError
from ganbench.sets.source import Selection
from ganbench.sources.given import read_features
from ganbench.sources.statistics_files import read_statistics


def refused(path, resolution=None):
    """The message with which a path is refused: one line that names it."""
    with pytest.raises(DataError) as error:
        content_at(path, resolution)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def png_header(width, height):
    """A grey PNG of any declared size that is 70 bytes long."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def npy_header(shape, descr="|u1"):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def one_member(path, name, data, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(name, data)
    return path


class Exploit:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_pickles_are_never_loaded(tmp_path):
    objects = np.array([Exploit()] * 10, dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", objects)
    assert "pickled Python objects, which are never loaded" in refused(tmp_path / "a.npy")
    assert "pickled Python objects, which are never loaded" in refused(tmp_path / "a.npz")
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Exploit()))
    assert "no intact numpy array" in refused(tmp_path / "b.npy")


@pytest.mark.parametrize(
    "header",
    [
        npy_header((10, 2**40, 2**40)),
        npy_header((100, 64, 64)),
        npy_header((-1, 8, 8)),
        npy_header("ab"),
        npy_header((10,), "no type"),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70_000,
        b"\x93NUMPY\x09\x00",
    ],
)
def test_array_headers_that_lie(tmp_path, header):
    (tmp_path / "a.npy").write_bytes(header + bytes(640))
    one_member(tmp_path / "a.npz", "images.npy", header + bytes(640))
    assert "no intact numpy array" in refused(tmp_path / "a.npy")
    assert "no intact numpy array" in refused(tmp_path / "a.npz")


def test_array_over_the_limit_is_not_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((64, 512, 512), np.uint8))
    monkeypatch.setattr(limits, "DECODED_LIMIT_BYTES", 2**20)
    tracemalloc.start()
    assert "GiB and the limit is" in refused(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["../a.png", "a/../../b.png", "/etc/a.png", "C:\\a.png", "..\\a.png", "\\a.png"])
def test_names_that_leave_the_archive(tmp_path, name):
    assert "points outside the archive" in refused(one_member(tmp_path / "a.zip", name, b"x"))


def test_nothing_is_written(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "PNG")
    one_member(inside / "a.zip", "a.png", buffer.getvalue())
    content_at(inside / "a.zip")
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "a.zip"]


def test_encrypted_member(tmp_path):
    path = one_member(tmp_path / "a.zip", "a.png", b"x" * 100)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    assert "'a.png' is encrypted" in refused(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_compression(tmp_path, compression):
    assert "rare compression" in refused(one_member(tmp_path / "a.zip", "a.png", b"x" * 100, compression))


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_one_name_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", b"x")
        archive.writestr("a.png", b"y")
    assert "is there twice" in refused(tmp_path / "a.zip")


def test_member_larger_than_the_limit_is_not_inflated(tmp_path, monkeypatch):
    monkeypatch.setattr("ganbench.data.zips.FILE_LIMIT_BYTES", 2**20)
    path = one_member(tmp_path / "a.zip", "a.png", bytes(2**26))
    tracemalloc.start()
    assert "larger than 1 MiB" in refused(path)
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


def test_zip_bomb_with_a_lying_header_is_not_inflated(tmp_path):
    path = one_member(tmp_path / "a.zip", "a.png", bytes(2**28))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 100)
    path.write_bytes(data)
    tracemalloc.start()
    message = refused(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "'a.png' is damaged" in message
    assert peak_bytes < 2**23


@pytest.mark.parametrize("data", [b"", b"PK\3\4 rubbish", b"PK\5\6" + bytes(18)])
@pytest.mark.parametrize("suffix", ["zip", "npz"])
def test_no_zip_at_all(tmp_path, data, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(data)
    assert any(words in refused(path) for words in ("no intact zip archive", "holds no images", "has no array"))


def test_damaged_member_is_named(tmp_path):
    path = one_member(tmp_path / "a.zip", "a.png", np.random.default_rng(0).bytes(1000), zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    assert "'a.png' is damaged" in refused(path)


@pytest.mark.parametrize("side", [8193, 12_000, 60_000])
@pytest.mark.parametrize("resolution", [None, 8])
def test_decompression_bomb_is_refused_from_its_header(tmp_path, side, resolution):
    before = Image.MAX_IMAGE_PIXELS
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    tracemalloc.start()
    assert "image 'a.png' has more than 67,108,864 pixels" in refused(tmp_path, resolution)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert before == Image.MAX_IMAGE_PIXELS


def test_all_images_together_are_limited_from_the_first_header(tmp_path):
    for index in range(100):
        (tmp_path / f"{index:03}.png").write_bytes(png_header(8000, 8000))
    tracemalloc.start()
    assert "100x1x8000x8000 images take 6.0 GiB and the limit is 4 GiB" in refused(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_large_file_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("ganbench.data.folders.FILE_LIMIT_BYTES", 1000)
    (tmp_path / "a.png").write_bytes(bytes(5000))
    assert "is larger than" in refused(tmp_path)


def test_names_with_line_breaks_stay_on_one_line(tmp_path):
    (tmp_path / "a\nb.png").write_bytes(b"x")
    with pytest.raises(DataError) as error:
        content_at(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["BMP", "GIF", "JPEG", "PNG", "WEBP", "npy", "npz", "zip"])
def test_random_damage_ends_in_one_line_or_in_images(tmp_path, form):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    if form == "npy":
        np.save(buffer, pixels[None])
    elif form == "npz":
        np.savez_compressed(buffer, images=pixels[None], labels=np.array([0]))
    else:
        Image.fromarray(pixels).save(buffer, "PNG" if form == "zip" else form)
    intact = buffer.getvalue()
    if form == "zip":
        intact = one_member(tmp_path / "intact.zip", "a.png", intact).read_bytes()
        (tmp_path / "intact.zip").unlink()
    path = tmp_path / f"a.{form.lower()}"
    source = path if form in ("npy", "npz", "zip") else tmp_path
    damage = random.Random(0)
    refusals = 0
    for _ in range(150):
        data = bytearray(intact)
        for _ in range(damage.choice((1, 2, 8))):
            data[damage.randrange(min(len(data), 400))] = damage.randrange(256)
        path.write_bytes(data[: damage.choice((len(data), damage.randrange(len(data))))])
        try:
            assert content_at(source, damage.choice((None, 8))).images.ndim == 4
        except DataError as error:
            refusals += 1
            assert "\n" not in str(error)
    assert refusals > 50


def zeros(path, **shapes):
    """An npz of zeros, of which a thousand take one byte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (shape, descr, size) in shapes.items():
            archive.writestr(f"{name}.npy", npy_header(shape, descr) + bytes(size))
    return path


def peak_bytes_of(call):
    tracemalloc.start()
    with pytest.raises(DataError) as error:
        call()
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(error.value)
    return peak_bytes, str(error.value)


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": ((64, 512, 512), "|u1", 2**24)},
        {"images": ((12, 8, 8), "|u1", 768), "labels": ((12,), f"<U{2**19}", 12 * 2**21)},
        {"features": ((2**12, 2**12), "|u1", 2**24)},
        {"mu": ((2**11,), "<f4", 2**13), "sigma": ((2**11, 2**11), "<f4", 2**24)},
    ],
    ids=["images", "labels", "features", "statistics"],
)
def test_arrays_that_grow_beyond_their_file_are_refused_from_their_headers(tmp_path, monkeypatch, arrays):
    monkeypatch.setattr("ganbench.data.stored.EXPANDED_LIMIT_BYTES", 2**20)
    path = zeros(tmp_path / "a.npz", **arrays)
    doors = {"features": read_features, "mu": read_statistics}
    peak_bytes, message = peak_bytes_of(lambda: doors.get(next(iter(arrays)), content_at)(path))
    assert "more than 100 times the file" in message and "uncompressed with np.savez" in message
    assert peak_bytes < 2**20


def test_an_array_is_read_only_when_it_is_used(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features.npy", npy_header((4, 2), "<f4") + bytes(32))
        archive.writestr("spatial.npy", npy_header((4, 9000), "<f4") + bytes(144_000))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") - 10] ^= 1  # the last values of the spatial features no longer fit their checksum
    path.write_bytes(data)
    found, every = read_features(path), Selection(indices=range(4))
    assert found.known(every, ("moments",)).values.shape == (4, 2)
    with pytest.raises(DataError, match="array 'spatial' is no intact numpy array"):
        found.known(every, ("features", "spatial"))


@pytest.mark.parametrize("text", ['{"labels": [' + "[]," * 10**5 + "[]]}", "[" * 10**6, '{"a":' * 10**5])
def test_label_files_with_more_lists_than_images_are_not_parsed(tmp_path, text):
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", buffer.getvalue())
        archive.writestr("dataset.json", text)
    peak_bytes, message = peak_bytes_of(lambda: content_at(tmp_path / "a.zip"))
    assert "far more lists than 1 images" in message
    assert peak_bytes < 3 * len(text) + 2**20  # the text itself, in pieces and joined


def test_a_large_label_file_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("ganbench.data.folders.LABEL_FILE_LIMIT_BYTES", 1000)
    monkeypatch.setattr("ganbench.data.zips.LABEL_FILE_LIMIT_BYTES", 1000)
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "dataset.json").write_bytes(b" " * 2000)
    assert "is larger than" in refused(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
        archive.writestr("dataset.json", b" " * 2000)
    assert "is larger than" in refused(tmp_path / "a.zip")


def test_pixels_of_all_images_are_limited_whatever_they_are_resized_to(tmp_path, monkeypatch):
    monkeypatch.setattr("ganbench.data.survey.STREAM_PIXELS_LIMIT", 10**8)
    for index in range(2):
        (tmp_path / f"{index}.png").write_bytes(png_header(8000, 8000))
    assert "128,000,000 pixels together" in refused(tmp_path, 8)


@pytest.mark.parametrize("code", [b"\0\0\x11\0", b"\0\xd8\0\0"], ids=["beyond Unicode", "half a character"])
def test_class_names_are_text(tmp_path, code):
    images = npy_header((10, 8, 8)) + bytes(640)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", images)
        archive.writestr("labels.npy", npy_header((10,), "<U1") + code * 10)
    assert any(words in refused(tmp_path / "a.npz") for words in ("are no characters", "is no text"))
