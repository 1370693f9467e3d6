"""Which files are images, and which folders are classes?"""

import pytest

from ganbench.layout import layout

CLASSES = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/deep/2.png"]


@pytest.mark.parametrize(
    ("names", "archive", "classes"),
    [
        (CLASSES, False, ("cat", "dog")),
        ([f"root/{name}" for name in CLASSES], False, ()),  # one folder is no class structure: its own path can be named
        ([f"root/{name}" for name in CLASSES], True, ("cat", "dog")),  # an archive of a folder; nothing within it can be named
        (["only/1.png", "only/2.png"], True, ()),
        (["1.png", "2.png"], True, ()),
        ([*CLASSES, "preview.png"], False, ("cat", "dog")),
        ([*CLASSES, "1.png", "2.png"], False, ()),  # as many beside the folders as in the smallest: they are no strays
        ([*CLASSES, "dataset.json"], False, ()),
    ],
)
def test_class_folders(names: list[str], archive: bool, classes: tuple[str, ...]) -> None:
    found = layout(names, archive)
    assert found.class_names == classes
    assert (found.labels is not None) == bool(classes)


def test_why_sub_folders_are_no_classes_is_said() -> None:
    assert "2 images (1.png, 2.png) beside sub-folders, which are therefore not taken" in layout([*CLASSES, "1.png", "2.png"]).notes[0]


def test_a_healthy_folder_has_no_note() -> None:
    assert layout(CLASSES).notes == ()
    assert layout(["1.png", "2.PNG", "dataset.json"]).notes == ()
