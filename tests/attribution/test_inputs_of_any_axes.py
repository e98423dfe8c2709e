"""Signals and volumes: the numbers of the same network on images that are one pixel wide."""

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.cam import CAM_METHODS
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.layer_maps import collect_layer_maps
from annealcam.errors import ArgumentError
from tests.networks import inputs_along_a_line, network_along_a_line

AXES = [1, 3]


def flat(values):
    return np.asarray(values).reshape(len(values), -1)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("layer", ["1", "3"])
@pytest.mark.parametrize("method", CAM_METHODS)
def test_cam_methods(axes, layer, method):
    found, expected = (
        ac.cam(network_along_a_line(a), inputs_along_a_line(a), layer=layer, method=method)
        for a in (axes, 2)
    )
    assert found.ndim == 1 + axes
    np.testing.assert_allclose(flat(found), flat(expected), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("choices", [{}, {"preset": "paper"}, {"objective": "relative"}])
def test_explanations(axes, choices):
    options = {"layer": "3", "sampler": "exact", **choices}
    found, expected = (
        ac.explain(network_along_a_line(a), inputs_along_a_line(a), **options) for a in (axes, 2)
    )
    for a, b in zip(found, expected, strict=True):
        assert a.map.ndim == a.evidence.ndim == axes
        assert a.selected.tolist() == b.selected.tolist()
        assert a.energy == pytest.approx(b.energy, rel=1e-5)
        assert a.fidelity == pytest.approx(b.fidelity, rel=1e-5)
        for x, y in (
            (a.map, b.map), (a.evidence, b.evidence), (a.inclusion, b.inclusion),
            (a.largest_cosines, b.largest_cosines), (a.contribution, b.contribution),
            (a.baselines["gradcam++"], b.baselines["gradcam++"]),
        ):  # fmt: skip
            np.testing.assert_allclose(x.ravel(), y.ravel(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axes", AXES)
def test_maps_of_a_layer(axes):
    first, second = (
        list(
            collect_layer_maps(
                capture(network_along_a_line(a), inputs_along_a_line(a), layer="3"),
                importance="alignment",
                beta=None,
                limit=None,
                objective="evidence",
            )
        )
        for a in (axes, 2)
    )
    for a, b in zip(first, second, strict=True):
        channels = np.array([0, 3])
        np.testing.assert_allclose(a.drawn(channels).ravel(), b.drawn(channels).ravel(), rtol=1e-4)
        assert a.fidelity(channels) == pytest.approx(b.fidelity(channels), rel=1e-5)
        assert a.scores(channels)["redundancy"] == pytest.approx(b.scores(channels)["redundancy"])


def test_masks_need_the_axes_of_the_images():
    """A grid of one axis for an image of two, as a transformer's row of tokens, masks none."""
    net, images = network_along_a_line(2), inputs_along_a_line(2)
    captured = capture(net, images, layer="3")
    tokens = CamInputs.of(captured, net, images)
    tokens = CamInputs(captured.activations.flatten(2), captured.gradients.flatten(2), tokens.run)
    with pytest.raises(ArgumentError, match=r"maps \(12,\) cannot mask images \(16, 1\)"):
        CAM_METHODS["scorecam"].weights(tokens)


@pytest.mark.parametrize("axes", AXES)
def test_integrated_contributions_add_up(axes):
    net, inputs = network_along_a_line(axes), inputs_along_a_line(axes)
    c = capture(net, inputs, layer="1", integrated=True)
    torch.testing.assert_close(c.completeness, torch.ones(2), rtol=0.02, atol=0)
