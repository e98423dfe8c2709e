"""Features are the trunk's, computed once, and cached for one trunk and one set."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from annealcam.errors import ArgumentError, OutputError
from annealcam.models.paper_network import PaperNetwork
from annealcam.models.trunks import Trunk
from annealcam.training import examples
from annealcam.training.examples import features_of, photos_of
from tests.training.small import small_set, small_trunk


def test_features_are_the_trunks_and_are_computed_once(tmp_path, monkeypatch):
    trunk, images = small_trunk(), small_set()
    features = features_of(trunk, images, cache=tmp_path, mirrored=True)
    x = torch.stack([trunk.preprocess(images.open(i)) for i in range(len(images))])
    numbers, turned = np.arange(12), np.arange(12) % 3 == 0
    with torch.no_grad():
        expected = torch.stack(
            [
                trunk.layers((p.flip(-1) if t else p)[None])[0]
                for p, t in zip(x, turned, strict=True)
            ]
        )
        assert torch.allclose(features.inputs(numbers, turned), expected, atol=1e-6)
        net = PaperNetwork(trunk.layers, features=trunk.features, maps=4, classes=2).eval()
        plain = features.inputs(numbers, np.zeros(12, dtype=bool))
        assert torch.allclose(net.head(plain), net(x), atol=1e-6)
    monkeypatch.setattr(examples, "_compute", None)  # would fail if it were called
    again = features_of(trunk, images, cache=tmp_path, mirrored=True)
    assert np.array_equal(again.photos, features.photos)
    assert np.array_equal(again.mirrored, features.mirrored)
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("set-train-")


@pytest.mark.parametrize("what", ["weights", "cut", "preprocess", "photos", "part", "mirrored"])
def test_a_cache_belongs_to_one_trunk_and_one_set(tmp_path, what):
    trunk, images, mirrored = small_trunk(), small_set(), what == "mirrored"
    before = examples._key(trunk, images, False)
    if what == "weights":
        with torch.no_grad():
            trunk.layers[0].weight[0, 0, 0, 0] += 1
    values = vars(trunk) | {"cut": {"cut": "4"}, "preprocess": {"preprocess": abs}}.get(what, {})
    images = small_set(11) if what == "photos" else images
    images = replace(images, part="test") if what == "part" else images
    assert examples._key(Trunk(**values), images, mirrored) != before


def test_photos_that_cannot_be_read_are_skipped_and_listed(tmp_path):
    trunk, images = small_trunk(), small_set(broken={0, 5})
    for features in (features_of(trunk, images, cache=tmp_path), photos_of(trunk, images)):
        assert features.skipped == ("photo-0: cannot be read", "photo-5: cannot be read")
        assert features.rows.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
        assert features.labels.tolist() == [i % 2 for i in features.rows]
        whole = features_of(trunk, small_set(), cache=tmp_path) if not features.of_trunk else None
        if whole:
            at = np.arange(10), np.zeros(10, dtype=bool)
            assert torch.equal(features.inputs(*at), whole.inputs(features.rows, at[1]))
    with pytest.raises(ArgumentError, match="none of its 3 train photos can be read"):
        features_of(trunk, small_set(3, broken={0, 1, 2}), cache=tmp_path)


def test_a_damaged_cache_is_refused_and_an_interrupted_one_removed(tmp_path, monkeypatch):
    trunk, images = small_trunk(), small_set()
    features_of(trunk, images, cache=tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "photos.npy").write_bytes(b"nothing")
    with pytest.raises(OutputError, match="delete it"):
        features_of(trunk, images, cache=tmp_path)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(examples, "_feature_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        features_of(trunk, images, cache=tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []
