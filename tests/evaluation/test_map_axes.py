"""Maps of three axes, of a network that runs crops of a photo: metrics of maps take them."""

import numpy as np
import pytest
import torch
from PIL import Image

import annealcam as ac
from annealcam.atlas.parts import PartBuilder
from annealcam.attribution.activations import capture
from annealcam.audit.observations import observe
from annealcam.data.sets import load_set
from annealcam.errors import ArgumentError
from annealcam.evaluation.best_maps import best_k
from annealcam.evaluation.evaluation import evaluate
from annealcam.evaluation.faithfulness import check_explanation
from annealcam.evaluation.methods import METHODS, method_maps
from annealcam.models.loaded import LoadedModel
from annealcam.models.network_layer import NetworkLayer
from annealcam.models.preprocess import Preprocess
from annealcam.settings import resolve
from tests.networks import Crops, inputs_along_a_line, network_along_a_line

ON_MAPS = ["kept", "lost", "sensitivity", "random_classifier", "fidelity", "overlap"]


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(3):
        pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return [str(tmp_path / f"{number}.png") for number in range(3)]


@pytest.fixture
def network():
    return LoadedModel(Crops(), Preprocess(20, 20), None)


def test_metrics_of_maps_take_them(photos, network):
    found = evaluate(
        network, photos, resolve(sampler="exact", cardinality=3), layer="conv", metrics=ON_MAPS
    )
    assert {line.metric for line in found.lines} == set(ON_MAPS)
    own = [row for row in found.rows if row["method"] == "annealcam"]
    assert [row["maps"] for row in own] == [3, 3, 3]
    assert all(0 < row["fidelity"] <= 1 for row in own)


@pytest.mark.parametrize("metric", ["road", "insertion", "drop"])
def test_metrics_of_pixels_refuse_them_by_name(photos, network, metric):
    with pytest.raises(ArgumentError, match=r"layer='conv': its maps have the shape \(4, 8, 8\)"):
        evaluate(network, photos, resolve(sampler="exact"), layer="conv", metrics=[metric])


def test_an_atlas_and_an_audit_refuse_them(network):
    images = torch.randn(2, 3, 20, 20)
    captured = capture(network.model, images, layer="conv")
    builder = PartBuilder(channels=12, classes=2, top=2)
    with pytest.raises(ArgumentError, match="an atlas needs maps with rows and columns"):
        builder.add(0, {}, np.array([0, 1]), captured, resolve())
    digits = load_set("digits").subset(np.arange(2))
    layer = NetworkLayer.open(network, "conv", digits.first_photo())
    with pytest.raises(ArgumentError, match="an audit needs maps with rows and columns"):
        observe(digits, layer, resolve())


@pytest.mark.parametrize("axes", [1, 3])
def test_checks_are_those_of_images_one_pixel_wide(axes):
    def checked(a):
        net, inputs = network_along_a_line(a), inputs_along_a_line(a)
        settings = resolve(sampler="exact", cardinality=2)
        e = ac.explain(net, inputs, layer="3", sampler="exact", cardinality=2)[0]
        figures = check_explanation(net, inputs[0], e, settings)["figures"]
        best = best_k(net, inputs[0], e, settings, sizes=[1, 2])
        values = [row["annealcam"] for row in figures] + [row["kept"] for row in best]
        return np.array(values, dtype=float)  # a figure without a value is NaN

    assert np.isfinite(checked(2)).sum() >= 5
    np.testing.assert_allclose(checked(axes), checked(2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axes", [1, 3])
def test_every_method(axes):
    def drawn(a):
        net, inputs = network_along_a_line(a), inputs_along_a_line(a)
        captured = capture(net, inputs, layer="3")
        settings = resolve(sampler="exact", cardinality=2)
        return method_maps(captured, settings, METHODS, seeds=[0, 1], model=net, images=inputs)

    for found, expected in zip(drawn(axes), drawn(2), strict=True):
        for name in METHODS:
            a, b = found[name], expected[name]
            assert a.map.ndim == axes
            np.testing.assert_allclose(a.map.ravel(), b.map.ravel(), rtol=1e-4, atol=1e-6)
            assert (a.channels is None) == (b.channels is None)
            assert a.channels is None or a.channels.tolist() == b.channels.tolist()


def test_the_check_of_folded_crops_measures_by_masks():
    """The head is linear: the share that maps keep and lose is that of their contributions."""
    net, image = Crops(), torch.randn(3, 20, 20)
    e = ac.explain(net, image, layer="relu", target=1, sampler="exact", cardinality=3)
    assert e.map.shape == (4, 8, 8)
    check = check_explanation(net, image, e, resolve(sampler="exact"))
    figures = {row["figure"]: row["annealcam"] for row in check["figures"]}
    share = e.contribution[e.selected].sum() / e.contribution.sum()
    assert e.contribution.sum() > 0
    assert figures["kept"] == pytest.approx(share, rel=1e-4)
    assert figures["lost"] == pytest.approx(share, rel=1e-4)
    assert figures["fidelity"] == pytest.approx(e.fidelity, rel=1e-4)
