"""Reading an atlas: classes, crops, and one clear error for damaged files."""

import io
import json
import math
import subprocess
import sys
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from annealcam._internal.storage.checksums import CHECKSUMS
from annealcam.atlas import store
from annealcam.atlas.atlas import CONTEXT, Portrait, Region, around, open_atlas
from annealcam.errors import ArgumentError, OutputError
from annealcam.explanation import Explanation
from tests.atlas.synthetic_atlas import write_synthetic_atlas


@pytest.fixture
def atlas(tmp_path):
    return write_synthetic_atlas(tmp_path / "atlas")


def test_what_was_written_is_read(atlas):
    p = atlas.portrait(3)
    assert (p.channel, [r.label for r in p.regions]) == (3, [0, 0, 0, 1])
    assert [r.peak for r in p.regions] == [9, 8, 7, 6]
    assert p.profile.tolist() == pytest.approx([4.0, 0.1, 0.1])
    assert p.selected.tolist() == [1.0, 0.0, 0.0]
    assert p.responds_to() == "mostly: church"
    assert atlas.counts.tolist() == [6, 6, 6]
    assert atlas.classes[2] == "tench"


def test_representations_are_short(atlas):
    assert repr(atlas) == (
        "Atlas(model='small', layer='3', data='synthetic', channels=12, classes=3, photos=18)"
    )
    assert repr(atlas.portrait(3)) == (
        "Portrait(channel=3, regions=4, responds_to='mostly: church')"
    )
    assert "Atlas of 12 channels over 18 photos" in atlas._repr_html_()
    html = atlas.portrait(3)._repr_html_()
    assert "Channel 3: mostly: church" in html
    assert "<td class=''>church</td><td class='number'>4</td><td class='number'>100%</td>" in html


def test_usual_maps_are_ordered_by_how_often_they_are_selected(atlas):
    assert atlas.usual("church") == [9, 3, 6, 0]  # all, all, half, half; then the larger profile
    assert atlas.usual(0, most=2) == [9, 3]
    assert atlas.usual("TENCH") == atlas.usual(2) == atlas.usual("2") == [5, 8, 2]


def test_classes_are_found_by_name_before_number(tmp_path):
    atlas = write_synthetic_atlas(tmp_path / "a", classes=("1", "0"))
    assert atlas.label_of("1") == 0
    assert atlas.label_of(1) == 1


def test_unknown_classes_and_channels(atlas):
    with pytest.raises(ArgumentError, match=r"no such class; did you mean 'church'\?; one of"):
        atlas.usual("churhc")
    with pytest.raises(ArgumentError, match="class=3: synthetic has classes 0 to 2"):
        atlas.usual(3)
    for channel in (-1, 12):
        for method in (atlas.portrait, atlas.crops, atlas.photos):
            with pytest.raises(ArgumentError, match=f"channel={channel}.*0 to 11"):
                method(channel)


def test_crops_are_squares_of_the_photo_that_hold_the_box(atlas):
    for crop, photo, region in zip(
        atlas.crops(4), atlas.photos(4), atlas.portrait(4).regions, strict=True
    ):
        left, top, right, bottom = around(region.box)
        assert left <= region.box[0] + 1e-6
        assert bottom >= region.box[3] - 1e-6
        assert crop.size == (round(160 * CONTEXT), round(160 * CONTEXT))
        cut = photo.crop([round(160 * place) for place in (left, top, right, bottom)])
        assert np.array_equal(np.asarray(crop), np.asarray(cut))


def test_it_fits_explanations_of_the_same_network_and_layer(atlas):
    def explained(model, layer, channels):
        provenance = {"model": model, "layer": layer}
        return Mock(spec=Explanation, provenance=provenance, importance=np.zeros(channels))

    assert atlas.fits(explained("small", "3", 12))
    for other in (("large", "3", 12), ("small", "4", 12), ("small", "3", 13)):
        assert not atlas.fits(explained(*other))


@pytest.mark.parametrize(
    ("labels", "words"),
    [((), "nothing in these photos"), ((2,), "mostly: c"), ((1, 1, 1), "only: b"),
     ((0, 1, 2, 3), "many classes: a, b, c, ..."), ((0, 0, 1, 1, 2, 3), "mostly: a, b"),
     ((0, 0, 1, 2, 3, 4), "many classes: a, b, c, ..."),
     ((0, 0, 1, 2), "many classes: a, b, c, ...")],
)  # fmt: skip
def test_a_channel_in_words(labels, words):
    regions = tuple(Region("x", label, 1.0, (0, 0, 1, 1)) for label in labels)
    assert Portrait(0, regions, np.zeros(5), np.zeros(5), tuple("abcde")).responds_to() == words


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("name", store.FILES)
def test_a_file_that_is_damaged_or_gone_raises_an_error(atlas, name, sealed):
    file = atlas.folder / name
    if not sealed:
        (atlas.folder / CHECKSUMS).unlink()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OutputError, match=r"(cannot be read|is changed).*build the atlas again"):
        open_atlas(atlas.folder)
    file.unlink()
    with pytest.raises(OutputError, match=r"cannot be read|holds no atlas"):
        open_atlas(atlas.folder)


@pytest.mark.parametrize("name", store.FILES)
def test_every_wrong_bit_is_found(atlas, name):
    file = atlas.folder / name
    whole = file.read_bytes()
    for bit in np.random.default_rng(0).integers(8 * len(whole), size=20):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        with pytest.raises(OutputError, match=f"{name}: (is changed|cannot be read)"):
            open_atlas(atlas.folder).photos(0)
    file.write_bytes(whole)
    assert len(open_atlas(atlas.folder).photos(0)) == 4


def test_an_atlas_of_an_earlier_version_is_equal_and_not_verified(atlas):
    (atlas.folder / CHECKSUMS).unlink()
    old = open_atlas(atlas.folder)
    assert (atlas.verified, old.verified) == (True, False)
    assert np.array_equal(old.profiles, atlas.profiles)
    assert np.array_equal(old.selected, atlas.selected)
    for channel in range(atlas.channels):
        ours, theirs = atlas.portrait(channel).regions, old.portrait(channel).regions
        assert [vars(region) for region in ours] == [vars(region) for region in theirs]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "format 99, not 1"), ({"channels": 7}, "12 channels of 3 classes"),
        ({"channels": 10**9}, "12 channels of 3 classes"), ({"channels": 10**30}, "channels is"),
        ({"channels": True}, "channels is True"), ({"channels": 1.5}, "channels is no int"),
        ({"counts": [1]}, "counts and classes differ"),
        ({"classes": ["a"], "counts": [1]}, "12 channels"), ({"classes": "abc"}, "no list"),
        ({"classes": [1, 2, 3]}, "no text"), ({"counts": [1, -1, 2]}, "photos is none"),
        ({"model": None}, "model is no str"), ({"settings": []}, "settings is no dict"),
        ({"settings": {}}, "lacks part"),
    ],
)  # fmt: skip
def test_a_manifest_that_does_not_fit_raises_an_error(atlas, change, message):
    (atlas.folder / CHECKSUMS).unlink()
    file = atlas.folder / store.MANIFEST
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(OutputError, match=message):
        open_atlas(atlas.folder)


@pytest.mark.parametrize("text", ["[]", "[" * 10**6, '{"format": NaN}', '{"format": 1e999}', ""])
def test_a_manifest_that_is_no_mapping_raises_an_error(atlas, text):
    (atlas.folder / CHECKSUMS).unlink()
    (atlas.folder / store.MANIFEST).write_text(text)
    with pytest.raises(OutputError, match=r"atlas.json: cannot be read .*; build the atlas again"):
        open_atlas(atlas.folder)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("channel", 12), ("channel", -1), ("channel", None), ("label", 3), ("label", None),
        ("peak", math.nan), ("peak", None), ("mean", math.inf), ("image", None), ("image", 3),
        ("box", None), ("box", [0.0, 0.0, 1.0]), ("box", [0.0, 0.0, 1.0, math.nan]),
        ("box", [0.0, 0.0, 1.0, 1e9]), ("box", [0.5, 0.0, 0.4, 1.0]), ("rank", None),
    ],
)  # fmt: skip
def test_regions_that_do_not_fit_raise_an_error(atlas, column, value):
    (atlas.folder / CHECKSUMS).unlink()
    file = atlas.folder / store.REGIONS
    rows = pq.read_table(file).to_pylist()
    rows[-1][column] = value
    if column == "image" and value is not None:
        rows = [row | {column: value} for row in rows]
    pq.write_table(pa.Table.from_pylist(rows), file)
    with pytest.raises(OutputError, match=r"regions.parquet: cannot be read .*build the atlas"):
        open_atlas(atlas.folder)


@pytest.mark.parametrize("size", [(3, 3), (1025, 2)])
def test_thumbnails_are_small(atlas, size):
    (atlas.folder / CHECKSUMS).unlink()
    written = io.BytesIO()
    Image.new("L", size).save(written, "WEBP")
    names = pq.read_table(atlas.folder / store.THUMBNAILS)["image"]
    webp = pa.array([written.getvalue()] * len(names))
    pq.write_table(pa.table({"image": names, "webp": webp}), atlas.folder / store.THUMBNAILS)
    opened = open_atlas(atlas.folder)
    if size == (3, 3):
        assert {photo.size for photo in opened.photos(0)} == {size}
    else:
        with pytest.raises(OutputError, match="the thumbnail of 'church/0.jpg': cannot be read"):
            opened.photos(0)


def test_reading_needs_no_torch(atlas):
    code = "import sys; from annealcam.atlas.atlas import open_atlas; "
    code += f"open_atlas({str(atlas.folder)!r}).crops(0); print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
