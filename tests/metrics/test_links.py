"""Probabilities in metrics are by the link of the network; closed forms."""

import numpy as np
import pytest
import torch
from torch import nn

from annealcam.attribution.network.adapted import adapt
from annealcam.metrics import (
    channel_faithfulness,
    confidence_change,
    faithfulness_of_many,
    perturbation,
    road,
)
from tests.networks import small_network

IMAGES = torch.randn(2, 3, 20, 20, generator=torch.Generator().manual_seed(6))
MAPS = np.random.default_rng(1).random((2, 4, 4))


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, dtype=np.float64)))


@pytest.fixture
def logits():
    with torch.no_grad():
        return small_network()(IMAGES).double().numpy()


@pytest.mark.parametrize("link", ["sigmoid", "identity"])
@pytest.mark.parametrize("ended", [False, True])
def test_the_probability_of_an_image_is_by_the_link(link, ended, logits):
    network = small_network()
    if ended and link == "sigmoid":  # detected
        network = nn.Sequential(network, nn.Sigmoid())
        layer = "0.3"
    else:
        network, layer = adapt(network, link=link), "3"
    expected = sigmoid(logits) if link == "sigmoid" else logits
    targets, rows = [1, 4], np.arange(2)
    of_images = expected[rows, targets]
    options = {"targets": targets}
    faithfulness = channel_faithfulness(
        network, IMAGES, layer=layer, selected=[np.arange(12)] * 2, **options
    )
    assert faithfulness.probability == pytest.approx(of_images, abs=1e-6)
    assert faithfulness.logit == pytest.approx(logits[rows, targets], abs=1e-5)
    change = confidence_change(network, IMAGES, MAPS, **options)
    assert change.probability == pytest.approx(of_images, abs=1e-6)
    curve = perturbation(network, IMAGES, MAPS, mode="deletion", steps=2, **options)
    assert curve.probabilities[:, 0] == pytest.approx(of_images, abs=1e-6)
    assert road(network, IMAGES, MAPS, shares=[0.1], **options).score == pytest.approx(
        of_images, abs=1e-6
    )


def test_one_output_has_two_probabilities():
    network = small_network(classes=1)
    with torch.no_grad():
        z = network(IMAGES)[:, 0].numpy()
    for side, sign in ((0, -1), (1, 1)):
        change = confidence_change(network, IMAGES, MAPS, targets=[side, side])
        assert change.probability == pytest.approx(sigmoid(sign * z), abs=1e-6)


def test_shares_of_what_lowers_a_number():
    """Of z and of -z all shares are equal, but they are defined for one direction alone."""
    network = adapt(small_network(), link="identity")
    options = {"layer": "3", "selections": [np.array([1, 5]), np.array([0])]}
    for target in range(5):
        up = faithfulness_of_many(network, IMAGES[0], target=target, **options)
        down = faithfulness_of_many(network, IMAGES[0], target=target, direction="down", **options)
        raises = up.logit > up.logit_none
        assert np.isfinite(up.kept_share).tolist() == raises.tolist()
        assert np.isfinite(down.kept_share).tolist() == (~raises).tolist()
        whole = up.logit - up.logit_none
        for name, part in (
            ("kept_share", up.logit_kept - up.logit_none),
            ("lost_share", up.logit - up.logit_dropped),
        ):
            share = np.where(raises, getattr(up, name), getattr(down, name))
            assert share == pytest.approx(part / whole, rel=1e-5)


def test_a_drop_is_a_share_of_a_positive_number():
    network = adapt(small_network(), link="identity")
    change = confidence_change(network, IMAGES, MAPS, targets=[0, 1])
    assert np.isnan(change.drop).tolist() == (change.probability <= 0).tolist()
