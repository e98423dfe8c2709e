"""LabelledSet, sets by name, and the digits."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annealcam.data import labelled
from annealcam.data.sets import NAMES, data_root, load_set
from annealcam.errors import ArgumentError, ImageError
from annealcam.models import load_photo


def photos(folder, *names, colour=(10, 20, 30)):
    """Photos of 4 x 3 pixels, each a little different."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        Image.new("RGB", (4, 3), (colour[0] + i, *colour[1:])).save(folder / name)
    return [folder / name for name in names]


def two_classes(top, each=5):
    for colour, name in ((100, "cat"), (200, "dog")):
        photos(top / name, *(f"{i}.png" for i in range(each)), colour=(colour, 0, 0))
    return load_set(f"folder:{top}", part="all")


def test_the_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    bundled = load_digits()
    digits = load_set("digits", part="all")
    assert digits.classes == tuple("0123456789")
    assert np.array_equal(digits.labels, bundled.target)
    for i in (0, 1000, 1796):
        photo = digits.open(i)
        assert photo.mode == "RGB"
        levels = np.asarray(photo)
        assert (levels == levels[:, :, :1]).all()
        assert np.array_equal(levels[:, :, 0], np.round(255 * bundled.images[i] / 16))
        assert digits.images[i] == f"digit-{i:04d}"


def test_the_crops_are_regions_of_the_bundled_photos():
    """The first of a photo is its left square; the last is half as large; odd ones are mirrored."""
    crops = load_set("crops", part="all")
    assert np.array_equal(crops.labels, np.repeat(np.arange(4), 30))
    for label, name in enumerate(crops.classes):
        photo = np.asarray(load_photo(f"skimage:{name}"))
        side = min(photo.shape[:2])
        assert np.array_equal(np.asarray(crops.open(30 * label)), photo[:side, :side])
        last = np.asarray(crops.open(30 * label + 29))
        assert last.shape[:2] == (round(side * 31 / 60),) * 2
        left, top = (int(29 * x % 1.0 * (n - len(last))) for x, n in (
            (0.6180339887, photo.shape[1]), (0.4142135624, photo.shape[0]),
        ))  # fmt: skip
        assert np.array_equal(last[:, ::-1], photo[top : top + len(last), left : left + len(last)])


def test_a_set_lists_the_photos_of_a_class_in_order(tmp_path):
    pets = two_classes(tmp_path)
    assert len(pets) == 10
    assert pets.of_class(1).tolist() == [5, 6, 7, 8, 9]
    assert [pets.images[i] for i in pets.of_class(0)] == [f"cat/{i}.png" for i in range(5)]
    for label in (-1, 2):
        with pytest.raises(ArgumentError, match=f"label={label}: .* classes 0 to 1"):
            pets.of_class(label)


def test_the_representation_is_short():
    text = repr(load_set("digits"))
    assert text == "LabelledSet(name='digits', part='test', photos=359, classes=10)"


def test_a_subset_opens_the_photos_it_names(tmp_path):
    pets = two_classes(tmp_path)
    some = pets.subset(np.array([7, 1]), part="test")
    assert some.images == ("dog/2.png", "cat/1.png")
    assert (some.labels.tolist(), some.part) == ([1, 0], "test")
    assert [some.open(i).getpixel((0, 0)) for i in (0, 1)] == [(202, 0, 0), (101, 0, 0)]
    again = some.subset(np.array([1]))
    assert again.open(0).getpixel((0, 0)) == (101, 0, 0)
    assert (again.part, again.classes, again.files) == ("test", pets.classes, (pets.files[1],))


def test_joined_parts_open_their_own_photos(tmp_path):
    pets = two_classes(tmp_path)
    halves = [pets.subset(np.arange(0, 4)), pets.subset(np.arange(4, 10))]
    whole = labelled.joined(halves, part="all")
    assert whole.images == pets.images
    assert whole.fingerprint() == pets.fingerprint()
    opened = [whole.open(i).getpixel((0, 0)) for i in range(10)]
    assert opened == [pets.open(i).getpixel((0, 0)) for i in range(10)]
    with pytest.raises(IndexError):
        whole.open(10)


@pytest.mark.parametrize("part", ["all", "test"])
def test_sets_travel_to_other_processes(tmp_path, part):
    two_classes(tmp_path)
    for name in ("digits", f"folder:{tmp_path}"):
        here = load_set(name, part=part)
        there = pickle.loads(pickle.dumps(here))
        assert there.fingerprint() == here.fingerprint()
        assert np.array_equal(np.asarray(there.open(1)), np.asarray(here.open(1)))


def test_a_photo_that_cannot_be_read_is_named(tmp_path):
    two_classes(tmp_path)
    (tmp_path / "cat" / "5.png").write_bytes(b"no photo")
    (tmp_path / "cat" / "6.png").symlink_to(tmp_path / "gone.png")
    pets = load_set(f"folder:{tmp_path}", part="all")
    for number in (5, 6):  # listed like the others: who reads them counts them
        assert pets.images[number] == f"cat/{number}.png"
        with pytest.raises(ImageError, match=f"cat/{number}.png"):
            pets.open(number)
    assert pets.fingerprint().startswith("sha256:")


def test_the_fingerprint_sees_every_change(tmp_path):
    fingerprints = [two_classes(tmp_path / "pets").fingerprint()]
    assert (
        two_classes(tmp_path / "elsewhere").fingerprint() == fingerprints[0]
    )  # not where the set lies

    def changed():
        fingerprints.append(load_set(f"folder:{tmp_path / 'pets'}", part="all").fingerprint())

    file = tmp_path / "pets" / "cat" / "0.png"
    file.write_bytes(file.read_bytes()[:-1] + b"?")  # a byte
    changed()
    file.rename(file.with_name("00.png"))  # a name
    changed()
    (tmp_path / "pets" / "dog" / "0.png").rename(tmp_path / "pets" / "cat" / "9.png")  # a label
    changed()
    (tmp_path / "pets" / "dog").rename(tmp_path / "pets" / "wolf")  # a class
    changed()
    assert len(set(fingerprints)) == 5


def test_the_fingerprint_of_pixels_sees_a_pixel():
    pixels = np.zeros((2, 3, 3), np.uint8)
    args = ("s", "all", ("a",), ("0", "1"), np.zeros(2, np.int64))
    first = labelled.set_of_pixels(*args, pixels).fingerprint()
    pixels[1, 2, 2] = 1
    assert labelled.set_of_pixels(*args, pixels).fingerprint() != first


def test_the_fingerprint_of_a_very_large_set_reads_sizes_alone(tmp_path, monkeypatch):
    pets = two_classes(tmp_path)
    monkeypatch.setattr(labelled, "_MOST_BYTES", 100)
    before = pets.fingerprint()
    assert before.startswith("sha256-of-sizes:")
    file = pets.files[0]
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert pets.fingerprint() == before
    file.write_bytes(file.read_bytes() + b"?")
    assert pets.fingerprint() != before


@pytest.mark.parametrize(
    ("name", "message"),
    [("stl100", "did you mean 'stl10'"), ("imagnet", "'imagenette'"), ("", "folder:PATH"),
     ("folder:", "unknown"), (3, "must be a name"), ("pets", "one of digits")],
)  # fmt: skip
def test_an_unknown_set_is_refused_with_the_near_ones(name, message):
    with pytest.raises(ArgumentError, match=message) as raised:
        load_set(name)
    assert str(raised.value).startswith(f"data={name!r}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("part", ["unseen", "val", None, 1])
def test_an_unknown_part_is_refused_with_those_there_are(part):
    with pytest.raises(ArgumentError, match="one of train, validation, test, all"):
        load_set("digits", part=part)


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ArgumentError, match="seed="):
        load_set("digits", seed=seed)


@pytest.mark.parametrize("name", NAMES[2:])
def test_a_set_that_is_not_there_names_where_it_was_looked_for(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ANNEALCAM_DATA", str(tmp_path / "sets"))
    with pytest.raises(ArgumentError, match="not found") as raised:
        load_set(name)
    assert str(tmp_path / "sets") in str(raised.value)
    assert "--download" in str(raised.value)
    assert not (tmp_path / "sets").exists()


def test_the_root_is_the_argument_then_the_environment_then_the_cache(monkeypatch):
    monkeypatch.setenv("ANNEALCAM_DATA", "~/sets")
    assert data_root("here") == Path("here")
    assert data_root() == Path.home() / "sets"
    monkeypatch.setenv("ANNEALCAM_DATA", "")
    assert data_root() == Path.home() / ".cache" / "annealcam" / "data"
