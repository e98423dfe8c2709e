"""The baselines against the package grad-cam, and Grad-CAM++ against true derivatives."""

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

import annealcam as ac
from annealcam.attribution.cam import (
    explanation_map,
    gradcam,
    gradcam_plus_plus,
    hirescam,
)
from annealcam.attribution.capture import capture
from annealcam.errors import ArgumentError
from tests.networks import small_network

PEERS = {"gradcam": GradCAM, "gradcam++": GradCAMPlusPlus, "hirescam": HiResCAM}
# Layers whose output nothing overwrites in place: the package keeps a view, not a copy, of it.
NETWORKS = [("resnet18", "layer4"), ("vgg11", "features.19"), ("mobilenet_v2", "features.18")]


def unit(a):
    """The package's normalisation of a map to [0, 1]; it applies it twice."""
    return (a - a.min()) / (1e-7 + (a - a.min()).max())


@pytest.mark.parametrize("method", PEERS)
@pytest.mark.parametrize(("name", "layer"), NETWORKS)
def test_agrees_with_the_package_grad_cam(name, layer, method):
    torch.manual_seed(3)
    model = torchvision.models.get_model(name, weights=None).eval()
    image = torch.randn(3, 128, 128)
    target = int(model(image[None]).argmax())
    own = ac.cam(model, image, layer=layer, method=method)
    # Without the package's resize: an input as large as the map leaves the map as it is.
    peer = PEERS[method](model=model, target_layers=[model.get_submodule(layer)])
    peer.get_target_width_height = lambda _: own.shape[::-1]
    (theirs,) = peer(input_tensor=image[None], targets=[ClassifierOutputTarget(target)])
    assert own.max() > 0
    assert np.abs(unit(unit(own)) - theirs).max() < 1e-4


def test_gradcam_plus_plus_weights_by_true_derivatives():
    """With Y = exp(S), alpha_ij of the paper's eq. 10 is made of Y's own derivatives.

    q_ij = d2Y / (2 d2Y + sum_ab f_ab d3Y), each derivative with respect to one pixel of one map.
    """
    torch.manual_seed(0)
    head = nn.Sequential(nn.Flatten(), nn.Linear(2 * 2 * 3, 1)).double()
    f = torch.rand(1, 2, 2, 3, dtype=torch.float64).requires_grad_()
    (g,) = torch.autograd.grad(head(f).sum(), f)

    def y(pixel, place):
        changed = f.detach().flatten().clone()
        changed[place] = pixel
        return head(changed.reshape(f.shape)).exp().squeeze()

    q = torch.zeros(f.numel(), dtype=torch.float64)
    total = f.detach().sum(dim=(-2, -1), keepdim=True).expand_as(f).flatten()
    for place in range(f.numel()):
        x = f.detach().flatten()[place].clone().requires_grad_()
        (d1,) = torch.autograd.grad(y(x, place), x, create_graph=True)
        (d2,) = torch.autograd.grad(d1, x, create_graph=True)
        (d3,) = torch.autograd.grad(d2, x)
        q[place] = d2 / (2 * d2 + total[place] * d3)
    weights = (q.reshape(f.shape) * g.relu()).sum(dim=(-2, -1), keepdim=True)
    expected = (weights * f).sum(dim=1).relu().detach()
    assert torch.allclose(gradcam_plus_plus(f.detach(), g, eps=0.0), expected, rtol=1e-10)
    # The package's eps is no more than a small change where gradients are of order one.
    assert torch.allclose(gradcam_plus_plus(f.detach(), g), expected, rtol=1e-2)


def test_gradcam_plus_plus_of_zero_gradients_is_zero():
    zero = torch.zeros(1, 2, 3, 3)
    assert torch.equal(gradcam_plus_plus(zero + 1, zero, eps=0.0), torch.zeros(1, 3, 3))


def test_all_maps_selected_is_gradcam(network, images):
    found = capture(network, images, layer="3")
    alpha = found.gradients.mean(dim=(-2, -1))
    for i in range(len(images)):
        own = explanation_map(found.activations[i], alpha[i])
        assert torch.allclose(own, gradcam(found.activations, found.gradients)[i], atol=1e-7)


def test_forms_agree_where_nothing_is_negative():
    maps, weights = torch.rand(3, 4, 4), torch.rand(3)
    a = explanation_map(maps, weights)
    assert torch.allclose(a, explanation_map(maps, weights, form="sum_of_relu"), atol=1e-6)


def test_sum_of_relu_drops_each_negative_part():
    maps = torch.tensor([[[1.0, -2.0]], [[-3.0, 5.0]]])
    own = explanation_map(maps, torch.tensor([1.0, -1.0]), form="sum_of_relu")
    assert torch.equal(own, torch.tensor([[4.0, 0.0]]))


def test_hirescam_sums_to_the_logit_of_a_flattened_linear_head(images):
    torch.manual_seed(0)
    head = nn.Linear(8 * 9 * 9, 3)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Sigmoid(), nn.Flatten(), head)
    with torch.no_grad():
        head.weight.abs_()  # so that ReLU takes nothing away
    found = capture(model, images, layer="1", targets=1)
    sums = hirescam(found.activations, found.gradients).sum(dim=(-2, -1))
    assert torch.allclose(sums, found.logits[:, 1] - head.bias[1].detach(), rtol=1e-5)


def test_cam_of_a_batch_is_that_of_its_images(images):
    model = small_network()
    together = ac.cam(model, images, layer="3", target=[0, 1, 2])
    alone = [ac.cam(model, images[i], layer="3", target=i) for i in range(3)]
    assert np.allclose(together, np.stack(alone), atol=1e-6)
    assert together.min() >= 0


def test_unknown_method(network, images):
    with pytest.raises(ArgumentError, match="did you mean 'gradcam'"):
        ac.cam(network, images, layer="3", method="grad-cam")
    with pytest.raises(ArgumentError, match="relu_of_sum"):
        explanation_map(torch.ones(1, 2, 2), torch.ones(1), form="other")


def test_cam_wants_a_tensor(network):
    with pytest.raises(ArgumentError, match="floating-point tensor"):
        ac.cam(network, Image.new("RGB", (8, 8)), layer="3")  # type: ignore[arg-type]
