"""Sets in folders: folder:PATH and imagenette."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annealcam.data.folders import class_names
from annealcam.data.sets import load_set
from annealcam.errors import ArgumentError

TEN = (
    "tench", "English springer", "cassette player", "chain saw", "church", "French horn",
    "garbage truck", "gas pump", "golf ball", "parachute",
)  # fmt: skip
WNIDS = (
    "n01440764", "n02102040", "n02979186", "n03000684", "n03028079", "n03394916", "n03417042",
    "n03425413", "n03445777", "n03888257",
)  # fmt: skip


def write_photos(folder, count, start=0):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        Image.new("RGB", (2, 2), (i, 0, 0)).save(folder / f"{i:02d}.png")


def parted(top, *parts, classes=("cat", "dog"), count=20):
    """The same names in every part, as is common; the colour tells the photos apart."""
    for number, part in enumerate(parts):
        for name in classes:
            write_photos(top / part / name, count, start=0)
            Image.new("RGB", (2, 2), (0, number, 0)).save(top / part / name / "mark.png")
    return f"folder:{top}"


def marks(photos):
    """The parts, by number, that the marked photos of a set come from."""
    marked = [i for i, name in enumerate(photos.images) if name.endswith("mark.png")]
    return {photos.open(i).getpixel((0, 0))[1] for i in marked}


def test_class_folders_are_divided_by_class(tmp_path):
    for name, count in (("dog", 10), ("cat", 5)):
        write_photos(tmp_path / name, count)
    photos = {
        part: load_set(f"folder:{tmp_path}", part=part) for part in ("train", "validation", "test")
    }
    assert {part: np.bincount(s.labels).tolist() for part, s in photos.items()} == {
        "train": [3, 6], "validation": [1, 2], "test": [1, 2],
    }  # fmt: skip
    whole = load_set(f"folder:{tmp_path}", part="all")
    assert sorted(i for s in photos.values() for i in s.images) == list(whole.images)
    assert whole.classes == ("cat", "dog")
    assert whole.images[0] == "cat/00.png"
    assert whole.name == f"folder:{tmp_path}"


def test_train_validation_and_test_folders_are_the_parts(tmp_path):
    for validation in ("val", "validation"):
        name = parted(tmp_path / validation, "train", validation, "test", "unseen")
        for number, part in enumerate(("train", "validation", "test", "unseen")):
            photos = load_set(name, part=part)
            assert len(photos) == 42
            assert (photos.part, marks(photos)) == (part, {number})
            assert photos.images[0] == "cat/00.png"


@pytest.mark.parametrize("held", ["val", "validation", "test"])
def test_a_single_folder_beside_train_is_the_test_part(tmp_path, held):
    name = parted(tmp_path, "train", held)
    assert marks(load_set(name)) == {1}
    train, validation = (load_set(name, part=part) for part in ("train", "validation"))
    assert (len(train), len(validation)) == (38, 4)
    assert marks(train) | marks(validation) == {0}
    assert not set(train.images) & set(validation.images)
    with pytest.raises(ArgumentError, match="one of train, validation, test, all$"):
        load_set(name, part="unseen")


def test_all_parts_together_are_called_by_their_paths(tmp_path):
    photos = load_set(parted(tmp_path, "train", "test", "unseen"), part="all")
    assert len(set(photos.images)) == len(photos) == 3 * 42
    assert (photos.images[0], marks(photos)) == ("test/cat/00.png", {0, 1, 2})


def test_labels_mean_the_same_in_every_part(tmp_path):
    name = parted(tmp_path, "train", "test")
    write_photos(tmp_path / "train" / "ape", 4)
    assert load_set(name, part="train").classes == ("ape", "cat", "dog")
    assert len(load_set(name, part="all").of_class(0)) == 4
    with pytest.raises(ArgumentError, match="class 'ape' has no photo in .*test/ape"):
        load_set(name, part="test")


def test_what_is_no_photo_is_left_alone(tmp_path):
    write_photos(tmp_path / "cat", 3)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("x")
    (tmp_path / "cat" / "._00.png").write_text("x")
    Image.new("L", (1, 1)).save(tmp_path / "cat" / "X.JPEG")
    photos = load_set(f"folder:{tmp_path}", part="all")
    assert photos.images == ("cat/00.png", "cat/01.png", "cat/02.png", "cat/X.JPEG")
    assert photos.open(3).mode == "RGB"


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_photos(tmp_path / "pets" / "cat", 3)
    assert len(load_set("folder:~/pets", part="all")) == 3


def bad(top, kind):
    write_photos(top / "cat", 5)
    if kind == "missing":
        return top / "gone"
    if kind == "file":
        return top / "cat" / "00.png"
    if kind == "empty":
        (top / "empty").mkdir()
        return top / "empty"
    if kind == "flat":
        return top / "cat"
    if kind == "class without photos":
        (top / "dog").mkdir()
    if kind == "nested":
        write_photos(top / "cat" / "old", 1)
    if kind == "few":
        write_photos(top / "dog", 2)
    if kind == "half":
        write_photos(top / "set" / "train" / "cat", 3)
        return top / "set"
    if kind == "both":
        parted(top, "train", "val", "validation")
    if kind == "empty train":
        parted(top, "train", "test", classes=())
        (top / "train").mkdir()
        (top / "test").mkdir()
    return top


@pytest.mark.parametrize(
    ("kind", "message"),
    [("missing", "gone cannot be read .*No such file"), ("file", "cannot be read .*Not a dir"),
     ("empty", "holds nothing; put the photos"), ("flat", "holds photos but no folders"),
     ("class without photos", "class 'dog' has no photo in .*dog; add some"),
     ("nested", "cat holds a folder, old"), ("few", "class 'dog' has 2 photos, too few"),
     ("half", "train, but not train with .*; add the missing folder, or give folder:.*set/train"),
     ("both", "both val and validation"), ("empty train", "train holds nothing")],
)  # fmt: skip
def test_folders_that_are_no_set_are_refused(tmp_path, kind, message):
    with pytest.raises(ArgumentError, match=message) as raised:
        load_set(f"folder:{bad(tmp_path, kind)}")
    assert str(raised.value).startswith("data='folder:")
    assert "\n" not in str(raised.value)


def test_a_folder_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    write_photos(tmp_path / "cat", 3)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ArgumentError, match="cannot be read .Permission denied"):
        load_set(f"folder:{tmp_path}")


def test_wordnet_numbers_get_imagenets_names(tmp_path):
    from annealcam.models.cards.imagenet import imagenet_classes

    assert class_names(WNIDS) == TEN
    assert set(TEN) <= set(imagenet_classes())
    mixed = ("n01440764", "cat")
    assert class_names(mixed) == mixed  # folders are classes by number, or by name
    unknown = ("n01440764", "n99999999")
    assert class_names(unknown) == unknown
    for wnid in WNIDS[:2]:
        write_photos(tmp_path / wnid, 3)
    assert load_set(f"folder:{tmp_path}", part="all").classes == TEN[:2]


@pytest.mark.parametrize(
    "folder", ["imagenette", "imagenette2", "imagenette2-320", "imagenette2-160"]
)
def test_imagenette_is_found_in_every_layout(tmp_path, folder):
    parted(tmp_path / folder, "train", "val", classes=WNIDS)
    test = load_set("imagenette", root=tmp_path)
    assert (test.name, test.part, test.classes, marks(test)) == ("imagenette", "test", TEN, {1})
    assert test.images[0] == "n01440764/00.png"
    validation = load_set("imagenette", part="validation", root=tmp_path)
    assert np.bincount(validation.labels).tolist() == [2] * 10
    with pytest.raises(ArgumentError, match="part='unseen'"):
        load_set("imagenette", part="unseen", root=tmp_path)


def test_imagenette_is_downloaded_only_if_asked(tmp_path, monkeypatch):
    calls = []

    def make(root, size, download):
        calls.append((root, size, download))
        parted(Path(root) / "imagenette2-320", "train", "val", classes=WNIDS)

    monkeypatch.setattr("torchvision.datasets.Imagenette", make)
    with pytest.raises(ArgumentError, match="not found .*imagenette2-160"):
        load_set("imagenette", root=tmp_path)
    assert calls == []
    for _ in range(2):  # the second time it is there
        assert len(load_set("imagenette", root=tmp_path, download=True)) == 210
    assert calls == [(str(tmp_path), "320px", True)]


@pytest.mark.skipif("ANNEALCAM_DATA" not in os.environ, reason="ANNEALCAM_DATA is not set")
def test_the_development_photos():
    if not (Path(os.environ["ANNEALCAM_DATA"]) / "imagenette").is_dir():
        pytest.skip("no imagenette in ANNEALCAM_DATA")
    parts = {part: load_set("imagenette", part=part) for part in ("train", "validation", "test")}
    names = [name for each in parts.values() for name in each.images]
    assert len(set(names)) == len(names)
    for photos in parts.values():
        assert photos.classes == TEN
        assert np.bincount(photos.labels, minlength=10).min() > 0
        assert photos.open(0).mode == "RGB"
    together = len(parts["train"]) + len(parts["validation"])
    assert abs(len(parts["validation"]) / together - 0.1) < 0.002
