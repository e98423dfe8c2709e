"""Sets of torchvision, read from small copies in their own formats; nothing is fetched."""

import pickle

import numpy as np
import pytest
from PIL import Image

from annealcam.data.sets import load_set
from annealcam.errors import ArgumentError, ImageError

BIRDS = ("airplane", "bird")


@pytest.fixture
def unchecked(monkeypatch):
    """Small copies have other checksums than the sets: here alone they are let through."""
    for module in ("cifar", "stl10"):
        monkeypatch.setattr(f"torchvision.datasets.{module}.check_integrity", lambda *_: True)


def levels(n, side):
    return np.random.default_rng(0).integers(0, 256, (n, 3, side, side), dtype=np.uint8)


def cifar10(root, each=4):
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    batches = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    pixels = levels(len(batches) * each, 32).reshape(len(batches), each, -1)
    for batch, data in zip(batches, pixels, strict=True):
        labels = [i % 2 for i in range(each)]
        (folder / batch).write_bytes(pickle.dumps({"data": data, "labels": labels}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(BIRDS)}))
    return pixels


def stl10(root, train=20, test=6):
    folder = root / "stl10_binary"
    folder.mkdir()
    for part, n in (("train", train), ("test", test)):
        levels(n, 96).tofile(folder / f"{part}_X.bin")
        (np.arange(n, dtype=np.uint8) % 2 + 1).tofile(folder / f"{part}_y.bin")
    (folder / "class_names.txt").write_text("\n".join(BIRDS) + "\n")


def caltech101(root, names=("BACKGROUND_Google", "Faces", "Faces_easy", "ant"), each=5):
    for number, name in enumerate(names):
        folder = root / "caltech101" / "101_ObjectCategories" / name
        folder.mkdir(parents=True)
        for i in range(each):
            Image.new("L", (3, 2), 10 * number + i).save(
                folder / f"image_{i + 1:04d}.jpg", quality=100
            )


def oxford_pet(root, each=20):
    top = root / "oxford-iiit-pet"
    for folder in ("images", "annotations"):
        (top / folder).mkdir(parents=True)
    for part in ("trainval", "test"):
        lines = []
        for label, name in ((1, "Abyssinian"), (2, "american_bulldog")):
            for i in range(each):
                image = f"{name}_{i + (100 if part == 'test' else 0)}"
                lines.append(f"{image} {label} {label} 1\n")
                Image.new("RGB", (3, 2), (label, i, 0)).save(top / "images" / f"{image}.jpg")
        (top / "annotations" / f"{part}.txt").write_text("".join(lines))


def test_cifar10_is_read_pixel_for_pixel(tmp_path, unchecked):
    pixels = cifar10(tmp_path)
    test = load_set("cifar10", root=tmp_path)
    assert (test.classes, test.labels.tolist(), test.part) == (BIRDS, [0, 1, 0, 1], "test")
    assert test.images[:2] == ("test-00000", "test-00001")
    for i in range(4):
        channels_last = pixels[5, i].reshape(3, 32, 32).transpose(1, 2, 0)
        assert np.array_equal(np.asarray(test.open(i)), channels_last)


def test_stl10_is_read_pixel_for_pixel(tmp_path, unchecked):
    stl10(tmp_path)
    test = load_set("stl10", root=tmp_path)
    assert (test.classes, test.labels.tolist()) == (BIRDS, [0, 1] * 3)
    stored = levels(6, 96)  # colour, column, row: the set's own order
    for i in range(6):
        assert np.array_equal(np.asarray(test.open(i)), stored[i].transpose(2, 1, 0))


def test_stl10_needs_no_photos_without_labels(tmp_path, monkeypatch):
    stl10(tmp_path)
    checked = []

    def note(path, _):
        checked.append(path.rsplit("/", 1)[-1])
        return True

    monkeypatch.setattr("torchvision.datasets.stl10.check_integrity", note)
    load_set("stl10", root=tmp_path)
    assert sorted(checked) == ["test_X.bin", "test_y.bin", "train_X.bin", "train_y.bin"]


@pytest.mark.parametrize("name", ["cifar10", "stl10"])
def test_numbered_photos_are_divided_and_joined(tmp_path, unchecked, name):
    {"cifar10": cifar10, "stl10": stl10}[name](tmp_path)
    parts = {p: load_set(name, part=p, root=tmp_path) for p in ("train", "validation", "test")}
    assert np.bincount(parts["train"].labels).tolist() == [9, 9]
    assert np.bincount(parts["validation"].labels).tolist() == [1, 1]
    whole = load_set(name, part="all", root=tmp_path)
    assert sorted(i for p in parts.values() for i in p.images) == sorted(whole.images)
    where = {image: i for i, image in enumerate(whole.images)}
    for part in parts.values():
        for i, image in enumerate(part.images):
            assert np.array_equal(np.asarray(part.open(i)), np.asarray(whole.open(where[image])))
    assert len({p.fingerprint() for p in [*parts.values(), whole]}) == 4
    again = pickle.loads(pickle.dumps(parts["validation"]))
    assert again.fingerprint() == parts["validation"].fingerprint()


def test_caltech101_leaves_out_the_background_and_the_faces_it_has_twice(tmp_path):
    caltech101(tmp_path)
    whole = load_set("caltech101", part="all", root=tmp_path)
    assert whole.classes == ("Faces", "ant")
    assert whole.images[0] == "Faces/image_0001.jpg"
    assert whole.labels.tolist() == [0] * 5 + [1] * 5
    for i in range(10):
        expected = (10 if i < 5 else 30) + i % 5
        assert whole.open(i).getpixel((0, 0)) == (expected,) * 3
    parts = [load_set("caltech101", part=p, root=tmp_path) for p in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [6, 2, 2]
    assert sorted(i for part in parts for i in part.images) == list(whole.images)


def test_caltech101_without_its_background_says_what_to_do(tmp_path):
    caltech101(tmp_path, names=("Faces", "ant"))
    with pytest.raises(ArgumentError, match="caltech101 is damaged .*--download"):
        load_set("caltech101", root=tmp_path)


def test_oxford_pets_are_read(tmp_path):
    oxford_pet(tmp_path)
    parts = {
        p: load_set("oxford-pet", part=p, root=tmp_path) for p in ("train", "validation", "test")
    }
    assert {p: np.bincount(s.labels).tolist() for p, s in parts.items()} == {
        "train": [18, 18], "validation": [2, 2], "test": [20, 20],
    }  # fmt: skip
    assert parts["test"].classes == ("Abyssinian", "American Bulldog")
    assert list(parts["test"].images) == sorted(parts["test"].images)
    for photos in parts.values():
        for i, label in enumerate(photos.labels):
            assert photos.images[i].startswith(("Abyssinian", "american_bulldog")[label])
    assert len(load_set("oxford-pet", part="all", root=tmp_path)) == 80
    (tmp_path / "oxford-iiit-pet" / "images" / "Abyssinian_100.jpg").unlink()
    with pytest.raises(ImageError, match=r"Abyssinian_100\.jpg"):
        load_set("oxford-pet", root=tmp_path).open(0)


@pytest.mark.parametrize(("name", "make"), [("cifar10", cifar10), ("stl10", stl10)])
def test_files_with_another_checksum_are_never_read(tmp_path, name, make, monkeypatch):
    make(tmp_path)

    def read(*_, **__):
        raise AssertionError("read before it was checked")

    monkeypatch.setattr("pickle.load", read)
    monkeypatch.setattr("numpy.fromfile", read)
    with pytest.raises(ArgumentError, match="is damaged .*not found or corrupted") as raised:
        load_set(name, root=tmp_path)
    assert str(raised.value).startswith(f"data={name!r}: ")


def test_stl10_without_its_class_names_is_refused(tmp_path, unchecked):
    stl10(tmp_path)
    (tmp_path / "stl10_binary" / "class_names.txt").unlink()
    with pytest.raises(ArgumentError, match=r"class_names\.txt is missing"):
        load_set("stl10", root=tmp_path)


@pytest.mark.parametrize("name", ["imagenette", "stl10", "cifar10", "caltech101", "oxford-pet"])
def test_a_download_that_fails_is_one_clear_line(tmp_path, name, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route\nto host")

    for module in ("cifar", "stl10", "caltech", "oxford_iiit_pet", "imagenette"):
        where = f"torchvision.datasets.{module}.download_and_extract_archive"
        monkeypatch.setattr(where, unreachable)
    with pytest.raises(
        ArgumentError, match="cannot be downloaded into .*no route to host"
    ) as raised:
        load_set(name, root=tmp_path / "sets", download=True)
    assert "\n" not in str(raised.value)


def test_a_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "sets").write_text("x")
    for download in (False, True):
        with pytest.raises(ArgumentError, match="not found|cannot be downloaded"):
            load_set("stl10", root=tmp_path / "sets", download=download)
