"""An atlas equals brute force over all photos; interrupted builds continue to the same bits."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional

import annealcam as ac
from annealcam._internal.storage.resumable import PartStore
from annealcam.atlas import store
from annealcam.atlas.build import build_atlas
from annealcam.data.labelled import set_of_pixels
from annealcam.data.sets import load_set
from annealcam.errors import ArgumentError, ImageError, OutputError
from annealcam.models.loaded import LoadedModel
from annealcam.models.preprocess import Preprocess
from annealcam.settings import resolve
from tests.networks import digit_network, headed

CELL, CELLS = 4, 8  # a map's cell in pixels, and cells a side
CLASSES = ("blue sky", "red dot", "white patch")


def planted(n=30, seed=0):
    """Return grey noise, with a red square of 2 x 2 cells for class 1 and a white one for class 2.

    The places of the squares are returned as well.
    """
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 40, (n, CELL * CELLS, CELL * CELLS, 3)).astype(np.uint8)
    labels = np.arange(n) % 3
    places = rng.integers(0, CELLS - 1, (n, 2))
    for i, (row, column) in enumerate(places):
        where = np.s_[CELL * row : CELL * (row + 2), CELL * column : CELL * (column + 2)]
        bright = 200 + i  # no two alike
        pixels[i][where] = ([0, 0, 0], [bright, 0, 0], [bright] * 3)[labels[i]]
    names = [f"photo-{i:02}" for i in range(n)]
    return set_of_pixels("planted", "test", CLASSES, names, labels, pixels), places


def cells(x):
    """Red less green, and brightness, of every cell; a map that is dead; a signed one."""
    small = functional.avg_pool2d(x, CELL)
    red, green = small[:, 0], small[:, 1]
    return torch.stack([(red - green).relu(), small.mean(1), 0 * red, red - 0.1], dim=1)


def known_network():
    colours = Preprocess(CELL * CELLS, CELL * CELLS, (0, 0, 0), (1, 1, 1))
    return LoadedModel(headed(cells, [1.0, 2.0, 1.0, 0.5]), colours, ("few", "many"))


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    data, places = planted()
    folder = tmp_path_factory.mktemp("known") / "atlas"
    return build_atlas(data, known_network(), "maps", folder, top=5, batch=7), data, places


def maps_of(data):
    network = known_network()
    images = torch.stack([network.preprocess(data.open(i)) for i in range(len(data))])
    return cells(images).numpy()


def test_regions_are_those_of_brute_force_over_all_photos(known):
    atlas, data, _ = known
    maps = maps_of(data)
    for channel in (0, 1, 3):
        peaks = maps[:, channel].max((1, 2))
        strongest = np.argsort(-peaks, kind="stable")[:5]
        regions = atlas.portrait(channel).regions
        assert [r.image for r in regions] == [data.images[i] for i in strongest]
        assert [r.label for r in regions] == data.labels[strongest].tolist()
        assert [r.peak for r in regions] == pytest.approx(peaks[strongest].tolist())


def test_boxes_hold_what_was_planted(known):
    atlas, data, places = known
    for region in atlas.portrait(0).regions:  # the red squares: all of them, and nothing else
        row, column = places[data.images.index(region.image)]
        assert region.label == 1
        expected = np.array([column, row, column + 2, row + 2]) / CELLS
        assert region.box == pytest.approx(expected.tolist())


def test_crops_show_the_planted_colour(known):
    atlas, _, _ = known
    for crop, photo in zip(atlas.crops(0), atlas.photos(0), strict=True):
        r, g, b = np.asarray(crop).astype(float).reshape(-1, 3).mean(0)
        assert r > 2 * g
        assert r > 2 * b
        assert photo.size == (160, 160)


def test_profiles_are_the_means_over_each_class(known):
    atlas, data, _ = known
    means = maps_of(data).astype(np.float64).mean((2, 3))
    for label in range(3):
        expected = means[data.labels == label].mean(0)
        np.testing.assert_allclose(atlas.profiles[:, label], expected, rtol=1e-5, atol=1e-7)
    assert atlas.counts.tolist() == [10, 10, 10]


def test_a_dead_channel_responds_to_nothing(known):
    dead = known[0].portrait(2)
    assert dead.regions == ()
    assert not dead.profile.any()
    assert not dead.selected.any()
    assert dead.responds_to() == "nothing in these photos"
    assert known[0].crops(2) == []


def test_signed_maps_raise_a_warning(known):
    atlas, data, _ = known
    share = (maps_of(data) < 0).mean()  # zeros of the dead channel do not count
    assert f"signed maps ({share:.0%} of the entries" in atlas.settings["warnings"][0]


@pytest.mark.parametrize(
    ("options", "step"),
    [({"sampler": "exact"}, 7), ({"preset": "paper", "sampler": "exact"}, 7),
     ({"sampler": "anneal", "cardinality": 3, "seed": 5}, 29)],
)  # fmt: skip
def test_selections_are_those_of_explain_photo_by_photo(options, step, tmp_path):
    loaded = LoadedModel(*digit_network())
    data = load_set("digits").subset(np.arange(0, 300, step))
    atlas = build_atlas(data, loaded, "3", tmp_path / "atlas", settings=resolve(**options))
    counted = np.zeros((12, 10))
    for i in range(len(data)):
        e = ac.explain(loaded.model, loaded.preprocess(data.open(i)), layer="3", **options)
        counted[e.selected, data.labels[i]] += 1
        assert atlas.channels == len(e.importance)
    counts = np.bincount(data.labels, minlength=10)
    np.testing.assert_array_equal(atlas.selected, counted / np.maximum(counts, 1))
    assert atlas.settings["explained"] == "predicted"
    assert counted.any()


@pytest.mark.filterwarnings("ignore:no position has positive evidence")
def test_a_class_can_be_explained_that_is_not_predicted(tmp_path):
    loaded = LoadedModel(*digit_network())
    data = load_set("digits").subset(np.arange(20))
    atlas = build_atlas(data, loaded, "3", tmp_path / "atlas", targets=[*range(1, 10), 0])
    counted = np.zeros((12, 10))
    for i, label in enumerate(data.labels):
        image = loaded.preprocess(data.open(i))
        e = ac.explain(loaded.model, image, layer="3", target=int(label + 1) % 10, sampler="exact")
        counted[e.selected, label] += 1
    counts = np.bincount(data.labels, minlength=10)
    np.testing.assert_array_equal(atlas.selected, counted / np.maximum(counts, 1))
    assert atlas.settings["explained"] == "label"


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def digits_atlas(folder, **options):
    data = load_set("digits").subset(np.arange(90))
    return build_atlas(data, LoadedModel(*digit_network()), "3", folder, batch=8, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "atlas"
    digits_atlas(folder, shard=2)
    return folder


class Stop(Exception):
    pass


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, Stop])
def test_an_interrupted_build_continues_to_the_same_bits(tmp_path, whole, interruption):
    reports = []

    def stop(what, done, of):
        if what == "photos" and done > 50:
            raise interruption

    with pytest.raises(interruption):
        digits_atlas(tmp_path / "atlas", shard=2, progress=stop)
    assert not (tmp_path / "atlas").exists()
    parts = tmp_path / "atlas.parts"
    assert len(list(parts.glob("part-*"))) == 3
    digits_atlas(tmp_path / "atlas", shard=2, progress=lambda *report: reports.append(report))
    assert next(report for report in reports if report[0] == "photos") == ("photos", 48, 90)
    assert files(tmp_path / "atlas") == files(whole)
    assert not parts.exists()


@pytest.mark.parametrize("shard", [1, 3, 50])
def test_the_size_of_shards_changes_no_bit(tmp_path, whole, shard):
    digits_atlas(tmp_path / "atlas", shard=shard)
    assert files(tmp_path / "atlas") == files(whole)


def test_unreadable_photos_leave_the_batches_of_others_alone(tmp_path):
    data, _ = planted()
    photos = in_folders(data, tmp_path / "photos", {0, 5, 17})
    for shard in (1, 2):
        folder = tmp_path / f"atlas-{shard}"
        build_atlas(photos, known_network(), "maps", folder, top=5, batch=4, shard=shard)
    assert files(tmp_path / "atlas-1") == files(tmp_path / "atlas-2")


def test_the_order_of_the_photos_changes_nothing_but_rounding(tmp_path, known):
    atlas, data, _ = known
    order = np.random.default_rng(1).permutation(len(data))
    other = build_atlas(
        data.subset(order), known_network(), "maps", tmp_path / "other", top=5, batch=7
    )
    np.testing.assert_allclose(other.profiles, atlas.profiles, rtol=1e-6)
    np.testing.assert_array_equal(other.selected, atlas.selected)
    for channel in range(4):
        mine, others = (
            [(r.image, r.box) for r in each.portrait(channel).regions] for each in (atlas, other)
        )
        assert mine == others


def test_a_complete_atlas_is_returned_unchanged(whole):
    before = files(whole), (whole / store.MANIFEST).stat().st_mtime_ns
    steps = []
    again = digits_atlas(whole, progress=lambda step, *_: steps.append(step))
    assert (files(whole), (whole / store.MANIFEST).stat().st_mtime_ns) == before
    assert "photos" not in steps
    assert again.channels == 12


def test_another_atlas_is_not_overwritten(whole):
    with pytest.raises(ArgumentError, match=r"holds another atlas \(top is 9 there, 3 here\)"):
        digits_atlas(whole, top=3)


def test_parts_of_another_atlas_are_refused(tmp_path):
    def stop(what, done, of):
        if done > 50:
            raise Stop

    with pytest.raises(Stop):
        digits_atlas(tmp_path / "atlas", shard=2, progress=stop)
    with pytest.raises(ArgumentError, match=r"parts: holds another atlas \(top is 9 .*\); remove"):
        digits_atlas(tmp_path / "atlas", shard=2, top=3)
    part = PartStore(tmp_path / "atlas.parts", "atlas").file(1)
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(OutputError, match=r"part-00001.npz: cannot be read .* remove it"):
        digits_atlas(tmp_path / "atlas", shard=2)
    part.unlink()
    digits_atlas(tmp_path / "atlas", shard=2)


def test_a_foreign_folder_is_refused_before_the_work(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="holds other files"):
        digits_atlas(
            tmp_path, progress=lambda what, *_: pytest.fail(what) if what == "photos" else 0
        )
    assert not (tmp_path.parent / f"{tmp_path.name}.parts").exists()


def in_folders(data, folder, broken):
    """The set as PNG files, some of them cut short."""
    for i in range(len(data)):
        file = folder / data.classes[data.labels[i]] / f"{data.images[i]}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        data.open(i).save(file)
        if i in broken:
            file.write_bytes(file.read_bytes()[:99])
    return load_set(f"folder:{folder}", part="all")


def test_unreadable_photos_are_left_out_and_listed(tmp_path, known):
    atlas, data, _ = known
    gone = data.images.index(atlas.portrait(0).regions[0].image)
    photos = in_folders(data, tmp_path / "some", {0, gone})
    small = build_atlas(photos, known_network(), "maps", tmp_path / "atlas", top=5, batch=1)
    skipped = [photo["image"].partition("/")[2] for photo in small.settings["skipped"]]
    assert skipped == [f"{data.images[i]}.png" for i in (0, gone)]
    assert small.counts.sum() == 28
    assert small.settings["photos"] == 28
    assert atlas.portrait(0).regions[1].image in small.portrait(0).regions[0].image
    photos = in_folders(data, tmp_path / "all", range(30))
    with pytest.raises(ImageError, match="photo can be read"):
        build_atlas(photos, known_network(), "maps", tmp_path / "none")


def test_some_photos_of_each_class(tmp_path):
    digits = load_set("digits")
    atlas = build_atlas(digits, "digits", "block.1", tmp_path / "a", photos_per_class=3, seed=1)
    assert atlas.counts.tolist() == [3] * 10
    other = build_atlas(digits, "digits", "block.1", tmp_path / "b", photos_per_class=3, seed=2)
    assert not np.array_equal(atlas.profiles, other.profiles)
    manifest = json.loads((tmp_path / "a" / store.MANIFEST).read_text())
    assert manifest["identity"]["photos_per_class"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [({"top": 0}, "top=0"), ({"photos_per_class": 0}, "photos_per_class=0"),
     ({"batch": 0}, "batch=0"), ({"targets": [1]}, "targets: 1 classes, but the data have 3")],
)  # fmt: skip
def test_arguments_are_checked(options, message, tmp_path, known):
    with pytest.raises(ArgumentError, match=message):
        build_atlas(known[1], known_network(), "maps", tmp_path / "a", **options)


def test_no_photos_no_atlas(tmp_path, known):
    with pytest.raises(ArgumentError, match="data='planted': part 'test' holds no photos"):
        build_atlas(known[1].subset(np.arange(0)), known_network(), "maps", tmp_path / "a")
