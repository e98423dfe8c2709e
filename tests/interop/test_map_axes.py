"""The adapters on signals and volumes, beside the packages' own Grad-CAM."""

import numpy as np
import pytest
import torch
from torch import nn

from annealcam.errors import ArgumentError, LayerError
from annealcam.interop.selection import refuse_without_maps, selection_maps, settings_of
from tests.networks import CONVOLUTIONS, POOLS

EVERY = {"beta": 1.0, "importance": "gradcam", "max_qubits": 24, "sampler": "exact"}


def network_of(axes):
    """A network whose maps all raise class 0, so that all of them can be selected for it."""
    torch.manual_seed(0)
    net = nn.Sequential(
        CONVOLUTIONS[axes](2, 8, 3), nn.ReLU(), POOLS[axes](1), nn.Flatten(), nn.Linear(8, 3)
    ).eval()
    net[4].weight.data[0].abs_()
    return net


@pytest.mark.parametrize("axes", CONVOLUTIONS)
def test_captum_with_every_map_selected(axes):
    attr = pytest.importorskip("captum.attr")
    from annealcam.interop.captum import LayerAnnealCAM

    net, inputs = network_of(axes), torch.randn(2, 2, *[7] * axes)
    found = LayerAnnealCAM(net, net[1], **EVERY).attribute(inputs, 0)
    expected = attr.LayerGradCam(net, net[1]).attribute(inputs, 0, relu_attributions=True)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("axes", [2, 3])
def test_grad_cam_with_every_map_selected(axes):
    package = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    from annealcam.interop.grad_cam import AnnealCAM

    net, inputs = network_of(axes), torch.randn(2, 2, *[9, 8, 7][:axes])
    targets = [ClassifierOutputTarget(0)] * 2
    with AnnealCAM(net, [net[1]], **EVERY) as ours:
        found = ours(inputs, targets)
    with package.GradCAM(net, [net[1]]) as theirs:
        np.testing.assert_allclose(found, theirs(inputs, targets), atol=1e-6)


def test_grad_cam_refuses_signals():
    pytest.importorskip("pytorch_grad_cam")
    from annealcam.interop.grad_cam import AnnealCAM

    net = network_of(1)
    with (
        AnnealCAM(net, [net[1]]) as cam,
        pytest.raises(ArgumentError, match=r"input_tensor: of shape \(1, 2, 7\)"),
    ):
        cam(torch.randn(1, 2, 7), None)


@pytest.mark.parametrize("grid", [(12,), (3, 1, 4)])
def test_maps_of_selections(grid):
    f, g = torch.randn(2, 6, 3, 4).relu(), torch.randn(2, 6, 3, 4)
    expected = selection_maps(f, g, settings_of({"sampler": "exact"}))
    moved = (values.reshape(2, 6, *grid) for values in (f, g))
    found = selection_maps(*moved, settings_of({"sampler": "exact"}), signals=True)
    torch.testing.assert_close(found, expected.reshape(2, *grid))


def test_tokens_are_not_taken_for_signals():
    with pytest.raises(LayerError, match="reshape_transform"):
        refuse_without_maps(torch.ones(2, 10, 8))
