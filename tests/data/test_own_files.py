import io
import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from ganbench.content import content_hash
from ganbench.data.loading import load_dataset, outlined
from ganbench.data.own import content_at, files
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (12, 6, 6), dtype=np.uint8)
RGB = GENERATOR.integers(0, 256, (12, 6, 6, 3), dtype=np.uint8)
NAMES = [f"{index:02}.png" for index in range(12)]


def png(pixels, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def write_folder(folder, images, names=NAMES):
    for image, name in zip(images, names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(image))
    return folder


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def load(path, **fields):
    return files(DatasetSpec(name="mine", path=str(path), **fields), path)


def refused(path, **fields):
    """The message with which a path is refused: one line that names it."""
    with pytest.raises(DataError) as error:
        load(path, **fields)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize(("images", "expected"), [(GREY, GREY[:, None]), (RGB, RGB.transpose(0, 3, 1, 2))])
def test_every_form_gives_the_same_images(tmp_path, images, expected):
    write_folder(tmp_path / "folder", images)
    write_zip(tmp_path / "a.zip", {name: png(image) for name, image in zip(NAMES, images, strict=True)})
    np.savez(tmp_path / "a.npz", images=images)
    np.savez_compressed(tmp_path / "b.npz", images)
    np.savez(tmp_path / "c.npz", faces=expected, labels=np.arange(12) % 3)
    np.save(tmp_path / "a.npy", images)
    for name in ("folder", "a.zip", "a.npz", "b.npz", "c.npz", "a.npy"):
        assert (content_at(tmp_path / name).images == expected).all(), name
    fingerprints = {load(tmp_path / name).fingerprint for name in ("folder", "a.zip", "a.npz", "b.npz", "a.npy")}
    assert len(fingerprints) == 1
    assert load(tmp_path / "c.npz").shape.classes == 3


def test_a_fifth_is_held_out_and_the_rest_kept_in_order(tmp_path):
    loaded = load(write_folder(tmp_path, GREY))
    assert (len(loaded.train), len(loaded.held_out)) == (10, 2)
    assert loaded.train.labels is None
    assert str(loaded.shape) == "1x6x6"


def test_subfolders_are_classes(tmp_path):
    names = [f"{'cat' if index % 3 else 'bird'}/deep/{name}" for index, name in enumerate(NAMES)]
    content = content_at(write_folder(tmp_path, GREY, names))
    assert content.class_names == ("bird", "cat")
    assert content.labels.tolist() == [0] * 4 + [1] * 8
    assert (content.images[0, 0] == GREY[0]).all()
    assert (content.images[4, 0] == GREY[1]).all()


@pytest.mark.parametrize("container", ["folder", "a.zip"])
def test_a_file_beside_class_folders_is_left_out_and_named(tmp_path, container):
    names = ["preview.png", *[f"a/{n}" for n in NAMES[1:6]], *[f"b/{n}" for n in NAMES[6:]]]
    if container == "folder":
        write_folder(tmp_path / container, GREY, names)
    else:
        write_zip(tmp_path / container, {name: png(image) for name, image in zip(names, GREY, strict=True)})
    content = content_at(tmp_path / container)
    assert content.labels.tolist() == [0] * 5 + [1] * 6
    assert (content.images[:, 0] == GREY[1:]).all()
    assert content.notes == ("1 image (preview.png) beside the class folders left out",)
    # what is trained on is another set than the one with the file, and has another identity
    if container == "folder":
        before = content_hash(tmp_path / container)
        (tmp_path / container / "preview.png").unlink()
        assert content_hash(tmp_path / container) == before


def test_labels_given_as_names(tmp_path):
    labels = ["cat" if index % 3 else "bird" for index in range(12)]
    np.savez(tmp_path / "a.npz", images=GREY, labels=np.array(labels))
    entries = json.dumps({"labels": [list(pair) for pair in zip(NAMES, labels, strict=True)]})
    write_zip(tmp_path / "a.zip", {name: png(image) for name, image in zip(NAMES, GREY, strict=True)} | {"dataset.json": entries})
    for name in ("a.npz", "a.zip"):
        content = content_at(tmp_path / name)
        assert content.class_names == ("bird", "cat")
        assert content.labels.tolist() == [int(label == "cat") for label in labels]


@pytest.mark.parametrize(("suffix", "form"), [("ppm", "PPM"), ("pgm", "PPM"), ("jfif", "JPEG"), ("dib", "DIB"), ("TIFF", "TIFF")])
def test_every_ending_of_a_format_is_read(tmp_path, suffix, form):
    for index, image in enumerate(GREY):
        Image.fromarray(image).save(tmp_path / f"{index:02}.{suffix}", form, **({"quality": 100} if form == "JPEG" else {}))
    images = content_at(tmp_path).images
    assert np.abs(images[:, 0].astype(int) - GREY).max() <= (8 if form == "JPEG" else 0)  # 8: rounding of JPEG's transform


def test_what_is_left_out_is_counted_and_named(tmp_path):
    write_folder(tmp_path, GREY)
    for name in ("a.jp2", "b.jp2", "labels.csv"):
        (tmp_path / name).write_bytes(b"x")
    assert content_at(tmp_path).notes == ("3 files (a.jp2, b.jp2, labels.csv) left out, whose ending is none of an image (2 .jp2, 1 .csv)",)


@pytest.mark.parametrize("make", ["plain", "labelled", "npz", "npy", "few", "mixed sizes", "alpha"])
def test_the_outline_from_headers_tells_what_loading_tells(tmp_path, make):
    path = {"npz": tmp_path / "a.npz", "npy": tmp_path / "a.npy"}.get(make, tmp_path / "folder")
    if make == "npz":
        np.savez(path, images=RGB, labels=np.arange(12) % 3)
    elif make == "npy":
        np.save(path, GREY)
    else:
        names = [f"{'ab'[index % 2]}/{name}" for index, name in enumerate(NAMES)] if make == "labelled" else NAMES
        write_folder(path, GREY, names) if make != "alpha" else write_folder(path, np.concatenate([RGB, GREY[..., None]], 3))
    if make == "few":
        for name in NAMES[:4]:
            (path / name).unlink()
    if make == "mixed sizes":
        (path / "07.png").write_bytes(png(GREY[0][:4]))
    for spec in (DatasetSpec(name="mine", path=str(path)), DatasetSpec(name="mine", path=str(path), n_train=5, resolution=4)):
        try:
            whole = load_dataset(spec, tmp_path)
        except DataError as error:
            with pytest.raises(DataError) as same:
                outlined(spec)
            assert str(same.value) == str(error)
            continue
        found = outlined(spec)
        assert (found.shape, found.class_names, found.notes) == (whole.shape, whole.class_names, whole.notes)
        for ours, theirs in ((found.train, whole.train), (found.held_out, whole.held_out)):
            assert ours.examples.shape == theirs.examples.shape
            assert (ours.labels is None) == (theirs.labels is None)
            assert ours.labels is None or (ours.labels == theirs.labels).all()


def test_stylegan_labels_in_zip_and_unpacked(tmp_path):
    names = [f"0000{index % 2}/{name}" for index, name in enumerate(NAMES)]
    labels = json.dumps({"labels": [[name, index // 4] for index, name in enumerate(names)]})
    write_zip(tmp_path / "a.zip", {name: png(image) for name, image in zip(names, GREY, strict=True)} | {"dataset.json": labels})
    write_folder(tmp_path / "folder", GREY, names)
    (tmp_path / "folder" / "dataset.json").write_text(labels)
    for name in ("a.zip", "folder"):
        content = content_at(tmp_path / name)
        assert content.labels.tolist() == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]
        assert (content.images[1, 0] == GREY[2]).all()


def test_null_labels_mean_none(tmp_path):
    members = {name: png(image) for name, image in zip(NAMES, GREY, strict=True)}
    assert content_at(write_zip(tmp_path / "a.zip", members | {"dataset.json": '{"labels": null}'})).labels is None


def test_other_and_hidden_files_are_passed_over(tmp_path):
    write_folder(tmp_path, GREY)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.png").write_text("x")
    assert len(content_at(tmp_path).images) == 12


def test_links_are_followed_once(tmp_path):
    write_folder(tmp_path / "elsewhere", GREY)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "circle").symlink_to(tmp_path / "elsewhere")
    assert len(content_at(tmp_path / "set").images) == 12


@pytest.mark.parametrize("form", ["BMP", "PNG", "WEBP", "TIFF", "GIF"])
def test_lossless_formats(tmp_path, form):
    for index, image in enumerate(GREY):
        options = {"lossless": True} if form == "WEBP" else {}
        Image.fromarray(image).save(tmp_path / f"{index:02}.{form.lower()}", **options)
    images = content_at(tmp_path).images
    assert (images == GREY[:, None]).all()  # WebP has no grey mode: its three channels are equal


def test_jpeg(tmp_path):
    for index, value in enumerate(range(0, 240, 20)):
        Image.new("RGB", (8, 8), (value, value, value)).save(tmp_path / f"{index:02}.JPG")
    images = content_at(tmp_path).images
    assert images.shape == (12, 3, 8, 8)
    assert images[:, 0, 0, 0].tolist() == list(range(0, 240, 20))


def test_alpha_is_dropped_and_palettes_expanded_with_a_note(tmp_path):
    write_folder(tmp_path, RGB)
    transparent = np.dstack([RGB[0], np.zeros((6, 6), np.uint8)])
    (tmp_path / "00.png").write_bytes(png(transparent))
    Image.fromarray(RGB[1]).quantize(256).save(tmp_path / "01.png")
    content = content_at(tmp_path)
    assert (content.images[0] == RGB[0].transpose(2, 0, 1)).all()
    assert (content.images[1] == RGB[1].transpose(2, 0, 1)).all()
    assert content.notes == ("alpha channel dropped in 1 of 12 images", "palette expanded in 1 of 12 images")


def test_grey_with_alpha_stays_grey(tmp_path):
    for index, image in enumerate(GREY):
        Image.fromarray(image).convert("LA").save(tmp_path / f"{index:02}.png")
    loaded = load(tmp_path, channels=1)
    assert loaded.notes == ("alpha channel dropped in 12 of 12 images",)


def test_only_the_first_frame_counts(tmp_path):
    write_folder(tmp_path, GREY, NAMES)
    frames = [Image.fromarray(image) for image in GREY[:3]]
    frames[0].save(tmp_path / "00.png", save_all=True, append_images=frames[1:])
    content = content_at(tmp_path)
    assert (content.images[0, 0] == GREY[0]).all()
    assert content.notes == ("first of several frames taken in 1 of 12 images",)


def test_resolution_makes_mixed_sizes_one(tmp_path):
    write_folder(tmp_path, GREY)
    (tmp_path / "00.png").write_bytes(png(np.full((20, 30), 7, np.uint8)))
    images = content_at(tmp_path, 4).images
    assert images.shape == (12, 1, 4, 4)
    assert (images[0] == 7).all()


def test_equal_oblong_images_need_no_resolution(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((10, 4, 8), np.uint8))
    assert load(tmp_path / "a.npy").shape.size == (1, 4, 8)


def test_folder_and_array_are_resized_alike(tmp_path):
    np.save(tmp_path / "a.npy", RGB)
    write_folder(tmp_path / "folder", RGB)
    assert (content_at(tmp_path / "a.npy", 9).images == content_at(tmp_path / "folder", 9).images).all()


def test_content_hash_sees_names_and_bytes_and_nothing_else(tmp_path):
    folder = write_folder(tmp_path / "a", GREY)
    known = content_hash(folder)
    assert content_hash(write_folder(tmp_path / "b", GREY)) == known
    (folder / "notes.txt").write_text("not an image")
    assert content_hash(str(folder)) == known
    (folder / "00.png").rename(folder / "000.png")
    assert content_hash(folder) != known
    (folder / "000.png").rename(folder / "00.png")
    (folder / "00.png").write_bytes(png(GREY[1]))
    assert content_hash(folder) != known
    np.save(tmp_path / "a.npy", GREY)
    assert len(content_hash(tmp_path / "a.npy")) == 64


def test_missing_path_names_the_nearest_sibling(tmp_path):
    (tmp_path / "faces").mkdir()
    assert f"did you mean {str(tmp_path / 'faces')!r}?" in refused(tmp_path / "face")
    assert "nor does the folder" in refused(tmp_path / "no" / "where")
    with pytest.raises(DataError, match="does not exist"):
        content_hash(tmp_path / "face")


def test_no_path_at_all():
    with pytest.raises(DataError, match="'mine' has no path; set path"):
        files(DatasetSpec(name="mine"), None)


def test_unknown_kind_of_file(tmp_path):
    (tmp_path / "a.tar").write_text("x")
    assert "no folder, .zip, .npz or .npy file" in refused(tmp_path / "a.tar")


def test_empty_folder_and_zip(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "readme.txt").write_text("x")
    assert "holds no images; put files" in refused(tmp_path / "folder")
    assert "holds no images; put files" in refused(write_zip(tmp_path / "a.zip", {"readme.txt": "x"}))


def test_too_few_images(tmp_path):
    np.save(tmp_path / "a.npy", GREY[:9])
    assert "holds 9 images; a data set needs at least 10" in refused(tmp_path / "a.npy")


def test_mixed_sizes_name_both_files(tmp_path):
    write_folder(tmp_path, GREY)
    (tmp_path / "07.png").write_bytes(png(np.zeros((5, 9), np.uint8)))
    message = refused(tmp_path)
    assert "'07.png' is 9x5 and '00.png' is 6x6" in message
    assert "set resolution = N" in message


def test_grey_among_colour_is_repeated_and_counted(tmp_path):
    write_folder(tmp_path, RGB)
    for name in ("03.png", "07.png"):
        (tmp_path / name).write_bytes(png(GREY[0]))
    content = content_at(tmp_path)
    assert (content.images[3] == GREY[0]).all()
    assert (content.images[4] == RGB[4].transpose(2, 0, 1)).all()
    assert content.notes == ("2 grey images (03.png, 07.png) of 12 repeated to RGB",)


def test_all_unusable_files_are_counted_before_any_is_decoded(tmp_path):
    write_folder(tmp_path, GREY)
    for name in ("03.jpg", "07.jpg"):
        Image.new("CMYK", (6, 6)).save(tmp_path / name)
    message = refused(tmp_path)
    assert "'03.jpg' has mode CMYK" in message
    assert "(2 of 14 images cannot be used)" in message


def test_images_of_several_sizes_are_counted(tmp_path):
    write_folder(tmp_path, GREY)
    for name in ("03.png", "07.png"):
        (tmp_path / name).write_bytes(png(np.zeros((8, 9), np.uint8)))
    assert "2 of 12 differ" in refused(tmp_path)
    assert content_at(tmp_path, 4).notes == ("images of 6x6 to 9x8 pixels cropped and resized to 4x4",)


def test_a_long_header_is_read_whole(tmp_path):
    # the thumbnail of a camera may be longer than the first part of a file that is read
    for index, image in enumerate(RGB):
        Image.fromarray(image).save(tmp_path / f"{index:02}.jpg", comment=b"x" * 60_000, icc_profile=b"y" * 60_000)
    assert content_at(tmp_path).images.shape == (12, 3, 6, 6)


def test_unexpected_channels(tmp_path):
    assert "1 channel(s), not 3; set channels = 1" in refused(write_folder(tmp_path, GREY), channels=3)


@pytest.mark.parametrize("data", [b"", b"not an image", png(GREY[0])[:60], png(RGB[0])[:-30]])
def test_corrupt_image_is_named(tmp_path, data):
    write_folder(tmp_path, GREY)
    (tmp_path / "05.png").write_bytes(data)
    message = refused(tmp_path)
    assert "'05.png'" in message
    assert "damaged or cut short" in message or "3 channel(s)" in message


def test_truncated_jpeg_is_named(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(GENERATOR.integers(0, 256, (64, 64), dtype=np.uint8)).save(buffer, "JPEG", quality=95)
    for index in range(12):
        (tmp_path / f"{index:02}.jpg").write_bytes(buffer.getvalue())
    (tmp_path / "03.jpg").write_bytes(buffer.getvalue()[:-400])
    assert "image '03.jpg' is damaged or cut short" in refused(tmp_path)


@pytest.mark.parametrize(
    ("pixels", "form"), [(GREY[0].astype(np.uint16) * 257, "PNG"), (GREY[0].astype(np.float32), "TIFF"), (GREY[0].astype(np.int32), "TIFF")]
)
def test_deep_images_are_refused(tmp_path, pixels, form):
    Image.fromarray(pixels).save(tmp_path / f"0.{form.lower()}")
    assert "more than 8 bits a channel" in refused(tmp_path)


def test_sixteen_bit_rgb_is_refused_though_pillow_narrows_it(tmp_path):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(2 * 13))) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(data)
    assert "'a.png' has more than 8 bits" in refused(tmp_path)


def test_cmyk_is_refused(tmp_path):
    Image.new("CMYK", (4, 4)).save(tmp_path / "a.jpg")
    assert "'a.jpg' has mode CMYK; convert" in refused(tmp_path)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ('{"labels": [["00.png", 0]]}', "has no label for image '01.png'"),
        (json.dumps({"labels": [[name, 0] for name in [*NAMES, "99.png"]]}), "labels '99.png', which is not among the images"),
        (json.dumps({"labels": [[name, 0] for name in [*NAMES, "00.png"]]}), "names an image twice"),
        (json.dumps({"labels": [[name, -1] for name in NAMES]}), "label 0 is -1"),
        (json.dumps({"labels": [[name, 0.5] for name in NAMES]}), "label 0 is 0.5"),
        (json.dumps({"labels": [[name, True] for name in NAMES]}), "label 0 is True"),
        (json.dumps({"labels": [[name, [0, 1]] for name in NAMES]}), "label 0 is [0, 1]"),
        (json.dumps({"labels": [[name, 10**9] for name in NAMES]}), "label 0 is 1000000000"),
        ('{"labels": 3}', "does not hold labels in the known form"),
        ('{"label": []}', "does not hold labels in the known form"),
        ("[" * 100_000, "does not hold labels in the known form"),
        ("{", "does not hold labels in the known form"),
    ],
)
def test_label_files_that_do_not_fit(tmp_path, labels, expected):
    members = {name: png(image) for name, image in zip(NAMES, GREY, strict=True)}
    message = refused(write_zip(tmp_path / "a.zip", members | {"dataset.json": labels}))
    assert "dataset.json" in message
    assert expected in message


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.zeros(11, np.int64), "has shape (11,) and there are 12 images"),
        (np.zeros((12, 1), np.int64), "has shape (12, 1)"),
        (np.zeros(12), "has type float64"),
        (np.full(12, -2), "label 0 is -2"),
    ],
)
def test_label_arrays_that_do_not_fit(tmp_path, labels, expected):
    np.savez(tmp_path / "a.npz", images=GREY, labels=labels)
    assert expected in refused(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GREY.astype(np.float32), "has type float32, whose range would be a guess"),
        (GREY.astype(np.int64), "has type int64"),
        (GREY[0], "has shape (6, 6)"),
        (np.zeros((0, 6, 6), np.uint8), "has shape (0, 6, 6)"),
        (np.zeros((12, 6, 6, 4), np.uint8), "has neither 1 nor 3 channels"),
        (np.zeros((12, 3, 6, 3), np.uint8), "could have its channels first or last"),
    ],
)
def test_arrays_that_are_no_images(tmp_path, images, expected):
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "a.npz", images)
    assert expected in refused(tmp_path / "a.npy")
    assert expected in refused(tmp_path / "a.npz")


def test_npz_without_a_clear_image_array(tmp_path):
    np.savez(tmp_path / "a.npz", a=GREY, b=GREY)
    assert "has no array 'images' (arrays: 'a', 'b')" in refused(tmp_path / "a.npz")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_named(tmp_path):
    write_folder(tmp_path, GREY)
    (tmp_path / "04.png").chmod(0)
    assert "04.png" in refused(tmp_path)


def test_link_to_nothing_is_named(tmp_path):
    write_folder(tmp_path, GREY)
    (tmp_path / "04.png").unlink()
    (tmp_path / "04.png").symlink_to(tmp_path / "gone")
    assert "04.png' is not a regular file" in refused(tmp_path)
    with pytest.raises(DataError, match="04.png"):
        content_hash(tmp_path)
