"""Patches and planted sets: the same patch in the same place, nothing else changed, revealed."""

import numpy as np
import pytest

from annealcam.audit.observations import METHODS
from annealcam.data.labelled import set_of_pixels
from annealcam.errors import ArgumentError
from benchmarks.planted.patch import IN_VIEW, Patch, planted, stamped
from benchmarks.planted.revealed import compare, selection_rate, share_on_patch
from tests.audit.networks import greys, reader
from tests.audit.observed import PATCH, grey_observations, observed


def noise(n=40, classes=2, side=32):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (n, side, side, 3), dtype=np.uint8)
    names = [f"photo-{i}" for i in range(n)]
    return set_of_pixels("noise", "train", ["a", "b"], names, np.arange(n) % classes, pixels)


@pytest.mark.parametrize("pattern", ["plain", "rings"])
@pytest.mark.parametrize("place", ["anywhere", "corner"])
def test_a_stamp_changes_the_patch_and_nothing_else(pattern, place):
    photos, patch = noise(), Patch(side=0.25, pattern=pattern, place=place)
    made = stamped(photos, patch)
    for i in range(6):
        left, top, right, bottom = patch.box(photos.images[i], (32, 32))
        before, after = np.asarray(photos.open(i)).copy(), np.asarray(made.photos.open(i))
        assert (after[top:bottom, left:right] == patch.pixels(right - left)).all()
        before[top:bottom, left:right] = after[top:bottom, left:right]
        assert (before == after).all()


def test_a_photo_has_its_patch_in_one_place_whatever_is_around_it():
    photos, patch = noise(), Patch(side=0.2, seed=3)
    whole = stamped(photos, patch).photos
    order = np.array([7, 3, 11])
    few = stamped(photos.subset(order), patch).photos
    for place, i in enumerate(order):
        assert few.open(place).tobytes() == whole.open(int(i)).tobytes()
    assert few.fingerprint() != photos.subset(order).fingerprint()


def test_the_patch_lies_in_what_networks_see():
    for place in ("anywhere", "corner"):
        boxes = [Patch(place=place).box(str(i), (300, 200)) for i in range(200)]
        left, top, right, bottom = np.array(boxes).T
        margin = (1 - IN_VIEW) / 2 * 200
        assert (left >= 50 + margin - 1).all()
        assert (right <= 250 - margin + 1).all()
        assert (top >= margin - 1).all()
        assert (bottom <= 200 - margin + 1).all()
        assert len(set(left)) > 5  # jittered
    assert (left > 150).all()
    assert (top > 100).all()


@pytest.mark.parametrize(("share", "elsewhere"), [(0.9, 0.1), (1.0, 0.0), (0.0, 1.0)])
def test_the_shares_are_exact(share, elsewhere):
    made = planted(noise(), 1, Patch(), share=share, elsewhere=elsewhere)
    own = made.photos.labels == 1
    assert made.stamped[own].sum() == round(share * 20)
    assert made.stamped[~own].sum() == round(elsewhere * 20)
    changed = [made.photos.open(i).tobytes() != noise().open(i).tobytes() for i in range(len(own))]
    assert changed == made.stamped.tolist()


def test_which_photos_are_stamped_depends_on_names_and_seed_alone():
    photos = noise()
    order = np.random.default_rng(1).permutation(len(photos))
    straight = planted(photos, 0, Patch(), share=0.5, seed=4)
    mixed = planted(photos.subset(order), 0, Patch(), share=0.5, seed=4)
    assert (mixed.stamped == straight.stamped[order]).all()
    other = planted(photos, 0, Patch(), share=0.5, seed=5)
    assert (other.stamped != straight.stamped).any()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"side": 0.0}, "side=0.0"),
        ({"side": 0.9}, "side=0.9"),
        ({"colour": "magneta"}, "colour='magneta'"),
        ({"pattern": "dots"}, "pattern='dots'"),
        ({"place": "middle"}, "place='middle'"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_what_no_patch_can_be(bad, message):
    with pytest.raises(ArgumentError, match=message):
        Patch(**bad)


def test_what_cannot_be_planted():
    with pytest.raises(ArgumentError, match=r"share=1.5"):
        planted(noise(), 0, Patch(), share=1.5)
    with pytest.raises(ArgumentError, match="label=2"):
        planted(noise(), 2, Patch())


def test_the_map_that_reads_the_patch_is_selected_where_the_patch_is():
    clean, patched = grey_observations()
    pair = compare(clean, patched, 0)
    assert pair.patch_maps.tolist() == [0]  # nothing but the patch excites it
    assert pair.due[0] == 1.0
    assert pair.inside[0] == pytest.approx(1.0)
    assert selection_rate(pair.stamped, pair.patch_maps) == 1.0
    assert selection_rate(pair.clean, pair.patch_maps) == 0.0
    for method in METHODS:
        np.testing.assert_allclose(share_on_patch(pair.stamped, method), 1.0)


def test_a_network_that_reads_something_else_does_not_select_it():
    photos = greys()
    network = reader(reads=False)
    clean, patched = observed(photos, network), observed(stamped(photos, PATCH).photos, network)
    pair = compare(clean, patched, 0)
    assert selection_rate(pair.stamped, np.array([0])) == 0.0
    assert selection_rate(pair.clean, np.array([0])) == 0.0
