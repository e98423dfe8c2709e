"""One layer of one network, and the one loop from photos to captured batches."""

import numpy as np
import pytest
import torch
from PIL import Image

from annealcam.attribution.activations import capture
from annealcam.attribution.candidates import build_problem
from annealcam.attribution.forward_pass import run_forward
from annealcam.attribution.layer_maps import collect_layer_maps
from annealcam.errors import ImageError, LayerError, ModelError
from annealcam.models.loaded import LoadedModel
from annealcam.models.network_layer import NetworkLayer, capture_batches, network_input
from annealcam.models.preprocess import Preprocess
from annealcam.models.trunks import plain_trunk
from annealcam.settings import resolve


@pytest.fixture
def loaded(network):
    return LoadedModel(network, Preprocess(20, 20), list("abcde"))


def photo(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 24, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def broken():
    raise ImageError("photo: not an image")


def test_a_layer_is_opened_by_name_or_by_default(loaded):
    layer = NetworkLayer.open(loaded, None, photo(0), model_name="small")
    assert (layer.layer, layer.channels, layer.model_name) == ("3", 12, "small")
    assert layer.class_names == list("abcde")
    first = NetworkLayer.open(loaded, "0", photo(0))
    assert (first.layer, first.channels, first.model_name) == ("0", 8, "Sequential")
    assert layer.fingerprint() == first.fingerprint()
    assert layer.view(photo(0), 40).size == (40, 40)
    with pytest.raises(LayerError, match="no such layer"):
        NetworkLayer.open(loaded, "9", photo(0))


def test_batches_hold_the_readable_photos_in_order(loaded):
    layer, skipped = NetworkLayer.open(loaded, "3", photo(0)), []
    opened = [(i, broken if i == 2 else (lambda i=i: photo(i))) for i in range(6)]
    batches = list(
        capture_batches(
            layer, opened, batch_size=2, skip=lambda *reason: skipped.append(reason),
            target_of=lambda i: i % 5,
        )
    )  # fmt: skip
    assert [batch.keys for batch in batches] == [[0, 1], [3, 4], [5]]
    assert [(key, str(error)) for key, error in skipped] == [(2, "photo: not an image")]
    for batch in batches:
        images = torch.stack([loaded.preprocess(photo(i)) for i in batch.keys])
        alone = capture(loaded.model, images, layer="3", targets=[i % 5 for i in batch.keys])
        assert torch.equal(batch.images, images)
        assert torch.equal(batch.captured.activations, alone.activations)
        assert torch.equal(batch.captured.gradients, alone.gradients)
        assert batch.captured.targets.tolist() == [i % 5 for i in batch.keys]


def test_photos_are_opened_when_their_batch_is(loaded):
    layer, opened = NetworkLayer.open(loaded, "3", photo(0)), []
    photos = ((i, lambda i=i: opened.append(i) or photo(i)) for i in range(9))
    batches = capture_batches(layer, photos, batch_size=3, skip=pytest.fail)
    assert next(batches).captured.targets.shape == (3,)
    assert opened == [0, 1, 2]


def test_a_preprocessing_that_fails_or_returns_something_else():
    def fails(_):
        raise KeyError("mean")

    with pytest.raises(ModelError, match=r"its preprocessing fails \(KeyError: 'mean'\)"):
        network_input(fails, photo(0), model_name="m")
    with pytest.raises(ModelError, match=r"returns \(1, 2, 3, 4, 4\), not a tensor \(3, H, W\)"):
        network_input(lambda _: torch.zeros(1, 2, 3, 4, 4), photo(0), model_name="m")
    with pytest.raises(ModelError, match="returns list, not a tensor"):
        network_input(lambda _: [1], photo(0), model_name="m")


def test_reprs_are_short(loaded):
    layer = NetworkLayer.open(loaded, "3", photo(0), model_name="m" * 500)
    (batch,) = capture_batches(
        layer, [("a" * 500, lambda: photo(0))], batch_size=9, skip=pytest.fail
    )
    (maps,) = collect_layer_maps(batch.captured, importance="contribution", beta=0.7, limit=9)
    f, g = batch.captured.activations[0], batch.captured.gradients[0]
    candidates, _ = build_problem(f, g, torch.arange(12.0), beta=0.7, limit=3)
    results = {
        "Candidates": candidates, "Capture": batch.captured, "CapturedBatch": batch,
        "ForwardPass": run_forward(loaded.model, batch.images, layer="3"), "LayerMaps": maps,
        "LoadedModel": loaded, "NetworkLayer": layer, "Settings": resolve(), "Trunk": plain_trunk(),
    }  # fmt: skip
    for name, result in results.items():
        assert repr(result).startswith(f"{name}(")
        assert len(repr(result)) <= 300, name
