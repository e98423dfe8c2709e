"""What is seen of photos: maps, selections, and shares on a mask, against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam._internal.resumable import remove_parts
from annealcam.audit.observations import METHODS, joined, look
from annealcam.audit.scores import dictionary, photo_scores, place_of, profiles, ranked
from annealcam.audit.shares import about_peak, cells, mass_inside
from annealcam.audit.store import in_parts, read_looked, write_looked
from annealcam.errors import ArgumentError, OutputError
from annealcam.metrics.localisation import energy_inside
from annealcam.settings import resolve
from benchmarks.planted.patch import Patch, planted, stamped
from benchmarks.planted.revealed import inside_of, paired
from tests.audit.networks import greys, reader

EXACT = resolve(sampler="exact")
PATCH = Patch(side=0.25, pattern="plain", place="anywhere")


def boxes(photos):
    return {name: [PATCH.box(name, (32, 32))] for name in photos.images}


def seen(photos, network=None, **options):
    return look(photos, network or reader(), EXACT, targets=range(3), **options)


@pytest.fixture(scope="module")
def greys_seen():
    photos = greys()
    return seen(photos, masks=boxes(photos)), seen(stamped(photos, PATCH).photos,
                                                   masks=boxes(photos))  # fmt: skip


def test_looking_is_explaining():
    photos, network = stamped(greys(2), PATCH).photos, reader()
    looked = seen(photos, network)
    for i in range(len(photos)):
        image = network.preprocess(photos.open(i))
        target = int(photos.labels[i])
        e = ac.explain(network.model, image, layer="maps", target=target, sampler="exact")
        assert set(np.flatnonzero(looked.selected[i])) == set(e.selected)
        np.testing.assert_allclose(looked.heat["annealcam"][i], e.map, rtol=1e-6)
        np.testing.assert_allclose(looked.gains[i], e.contribution, rtol=1e-5, atol=1e-8)
        for method in ("gradcam", "gradcam++"):
            np.testing.assert_allclose(looked.heat[method][i], e.baselines[method], rtol=1e-6)


def test_the_share_on_a_mask_is_the_energy_of_the_map_spread_over_pixels():
    rng = np.random.default_rng(0)
    raw, mask = rng.random((4, 4)), rng.random((16, 16)) > 0.5
    spread = np.kron(raw, np.ones((4, 4)))
    expected = energy_inside(spread, mask)
    assert mass_inside(raw, cells(mask, (4, 4))) == pytest.approx(expected, rel=1e-6)
    assert np.isnan(mass_inside(np.zeros((4, 4)), cells(mask, (4, 4))))
    assert cells(np.ones((32, 32), dtype=bool), (7, 7)).min() == 1.0


def test_the_mass_about_the_peak():
    raw = np.zeros((14, 14))
    raw[5, 5], raw[6, 6], raw[0, 13] = 2.0, 1.0, 1.0
    assert about_peak(raw[None, None])[0, 0] == pytest.approx(0.75)
    corner = np.zeros((14, 14))
    corner[0, 0] = corner[1, 1] = corner[3, 3] = 1.0
    assert about_peak(corner[None, None])[0, 0] == pytest.approx(2 / 3)
    assert np.isnan(about_peak(-np.ones((1, 1, 14, 14)))[0, 0])


def test_the_map_that_reads_the_patch_is_selected_where_the_patch_is(greys_seen):
    clean, patched = greys_seen
    pairs = paired(clean, patched, 0)
    assert pairs.excited.tolist() == [0]  # nothing but the patch excites it
    assert pairs.due[0] == 1.0
    assert pairs.inside[0] == pytest.approx(1.0)
    assert pairs.rate(pairs.excited, pairs.stamped) == 1.0
    assert pairs.rate(pairs.excited, pairs.clean) == 0.0
    for method in METHODS:
        np.testing.assert_allclose(inside_of(pairs.stamped, method), 1.0)


def test_a_network_that_reads_something_else_does_not_select_it():
    photos = greys()
    network = reader(reads=False)
    clean, patched = seen(photos, network), seen(stamped(photos, PATCH).photos, network)
    pairs = paired(clean, patched, 0)
    assert pairs.rate(np.array([0]), pairs.stamped) == 0.0
    assert pairs.rate(np.array([0]), pairs.clean) == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_with_masks_the_class_with_the_patch_stands_first(greys_seen, method):
    clean, patched = greys_seen
    marked = planted(greys(), 0, PATCH, share=1.0, elsewhere=0.0).stamped
    looked = joined([clean, patched]).subset(np.arange(len(clean)) + len(clean) * marked)
    looked = replace(looked, cover=1 - looked.cover)  # the object: all but the patch
    values = photo_scores(looked, "outside", classes=3, method=method)
    assert place_of(ranked(values, looked.labels, 3), 0) == 1
    np.testing.assert_allclose(values[looked.labels == 0], 1.0)


@pytest.mark.parametrize("method", METHODS)
def test_a_class_whose_regions_have_one_colour_stands_first(greys_seen, method):
    patched = greys_seen[1]
    heat, views = {method: patched.heat[method].copy()}, patched.views.copy()
    rng = np.random.default_rng(0)
    for i in range(len(patched)):
        y, x = rng.integers(0, 32, 2)
        heat[method][i] = 0.0
        heat[method][i, y, x] = 1.0
        views[i] = rng.integers(0, 255, 3)
        if patched.labels[i] == 1:
            views[i, max(0, 2 * y - 20) : 2 * y + 22, max(0, 2 * x - 20) : 2 * x + 22] = 200
    looked = replace(patched, heat=heat, views=views)
    values = photo_scores(looked, "sameness", classes=3, method=method)
    assert place_of(ranked(values, looked.labels, 3), 1) == 1
    assert (values[looked.labels == 1] == 1.0).all()
    assert (values[looked.labels != 1] < 1.0).all()


def test_foreign_counts_maps_that_respond_more_to_others(greys_seen):
    clean, _ = greys_seen
    network = reader(reads=False)  # its class `patched` rests on brightness, another class's map
    looked = seen(greys(), network)
    values = photo_scores(looked, "foreign", classes=3)
    assert profiles(looked, 3).argmax(axis=1)[2] == 2
    assert np.isnan(values[looked.labels == 0]).all() or (values[looked.labels == 0] == 1).all()
    assert (values[looked.labels == 2] == 0).all()
    assert (photo_scores(clean, "foreign", classes=3)[clean.labels == 2] == 0).all()


def test_nothing_depends_on_the_order_of_photos(greys_seen):
    _, patched = greys_seen
    mixed = patched.subset(np.random.default_rng(2).permutation(len(patched)))
    assert (dictionary(mixed, 3) == dictionary(patched, 3)).all()
    assert (profiles(mixed, 3) == profiles(patched, 3)).all()
    for score in ("outside", "sameness", "focus", "foreign"):
        one, other = (
            ranked(photo_scores(each, score, classes=3), each.labels, 3)
            for each in (patched, mixed)
        )
        np.testing.assert_array_equal(
            [list(vars(s).values()) for s in one], [list(vars(s).values()) for s in other]
        )


def test_what_is_seen_survives_the_disk(greys_seen, tmp_path):
    clean, _ = greys_seen
    write_looked(clean, tmp_path / "seen.npz")
    read = read_looked(tmp_path / "seen.npz")
    assert read.images == clean.images
    np.testing.assert_array_equal(read.selected, clean.selected)
    for method in METHODS:
        np.testing.assert_array_equal(read.heat[method], clean.heat[method])
    (tmp_path / "seen.npz").write_bytes(b"no archive")
    with pytest.raises(OutputError, match="remove it"):
        read_looked(tmp_path / "seen.npz")


def test_work_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("annealcam.audit.store.SHARD", 10)
    photos, asked = greys(), []

    def shard(own):
        asked.append(len(own))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return seen(own)

    with pytest.raises(KeyboardInterrupt):
        in_parts(photos, shard, tmp_path / "parts", {"a": 1})
    found = in_parts(photos, shard, tmp_path / "parts", {"a": 1})
    assert asked == [10, 10, 10, 10, 6]
    whole = seen(photos)
    assert found.images == whole.images
    np.testing.assert_allclose(found.means, whole.means, rtol=1e-6)
    with pytest.raises(ArgumentError, match="another audit"):
        in_parts(photos, shard, tmp_path / "parts", {"a": 2})
    (tmp_path / "parts" / "mine.txt").write_text("kept")
    remove_parts(tmp_path / "parts")
    assert [file.name for file in (tmp_path / "parts").iterdir()] == ["mine.txt"]


def test_signed_and_silent_maps_have_no_share():
    maps = torch.zeros(1, 2, 7, 7)
    maps[0, 1] = -1
    assert np.isnan(about_peak(maps.numpy())).all()
