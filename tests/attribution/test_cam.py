"""The baselines against the package grad-cam, and Grad-CAM++ against true derivatives."""

from functools import lru_cache
from importlib.resources import files

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from pytorch_grad_cam import (
    EigenCAM,
    FinerCAM,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    XGradCAM,
)
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.cam import (
    BESIDE,
    CAM_METHODS,
    COMPARED,
    cam_maps,
    explanation_map,
)
from annealcam.attribution.cams.gradients import gradcam, gradcam_plus_plus, hirescam
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.errors import ArgumentError
from tests.networks import small_network

PEERS = {
    "gradcam": GradCAM, "gradcam++": GradCAMPlusPlus, "hirescam": HiResCAM, "layercam": LayerCAM,
    "xgradcam": XGradCAM, "eigencam": EigenCAM, "finercam": FinerCAM,
}  # fmt: skip
# Layers whose output nothing overwrites in place: the package keeps a view, not a copy, of it.
NETWORKS = [("resnet18", "layer4"), ("vgg11", "features.19"), ("mobilenet_v2", "features.18")]


def raw_map_of_the_package(peer, model, layer, image, **options):
    """The package's map at the layer's resolution, before it is scaled."""
    found = []
    cam = peer(model=model, target_layers=[model.get_submodule(layer)], **options)
    base = getattr(cam, "base_cam", cam)
    draw = base.get_cam_image
    base.get_cam_image = lambda *values: found.append(draw(*values)) or found[-1]
    cam(input_tensor=image[None], targets=None)
    return found[0][0]


@lru_cache(maxsize=1)  # their random weights take longer than all else
def network_and_image(name):
    torch.manual_seed(3)
    return torchvision.models.get_model(name, weights=None).eval(), torch.randn(3, 128, 128)


@pytest.mark.parametrize("method", PEERS)
@pytest.mark.parametrize(("name", "layer"), NETWORKS)
def test_agrees_with_the_package_grad_cam(name, layer, method):
    model, image = network_and_image(name)
    if (method, name) == ("xgradcam", "mobilenet_v2"):
        pytest.skip("random weights give maps of the order 1e-7, which the package adds to sums")
    own = ac.cam(model, image, layer=layer, method=method)
    theirs = raw_map_of_the_package(PEERS[method], model, layer, image)
    if method == "eigencam" and np.abs(np.maximum(theirs, 0) - own).max() > 1e-4 * own.max():
        theirs = -theirs  # the sign of a singular vector is arbitrary
    assert own.max() > 0
    assert np.abs(np.maximum(theirs, 0) - own).max() < 1e-4 * own.max()


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
    captured = capture(network, images, layer="3")
    alpha = captured.gradients.mean(dim=(-2, -1))
    for i in range(len(images)):
        own = explanation_map(captured.activations[i], alpha[i])
        assert torch.allclose(own, gradcam(captured.activations, captured.gradients)[i], atol=1e-7)


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
    captured = capture(model, images, layer="1", targets=1)
    sums = hirescam(captured.activations, captured.gradients).sum(dim=(-2, -1))
    assert torch.allclose(sums, captured.logits[:, 1] - head.bias[1].detach(), rtol=1e-5)


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


def test_the_list_of_methods_is_what_everything_else_reads():
    from annealcam.audit.observations import METHODS as AUDITED
    from annealcam.evaluation.methods import DEFAULT_METHODS, METHODS as EVALUATED

    colours = [method.colour for method in CAM_METHODS.values()]
    assert len(set(colours)) == len(colours)
    assert set(CAM_METHODS) <= set(EVALUATED)
    names = ["gradcam", "gradcam++", "hirescam"]
    assert [method.name for method in COMPARED] == names
    assert set(names) <= set(AUDITED) & set(DEFAULT_METHODS)
    assert not {"scorecam", "ablationcam"} & {*AUDITED, *DEFAULT_METHODS}
    assert [method.css_name for method in BESIDE] == ["gradcam", "gradcam-plus"]
    style = files("annealcam.render.html").joinpath("templates/style.css").read_text("utf-8")
    for method in BESIDE:  # a page has a colour for each, in its light and its dark theme
        assert style.count(f"--{method.css_name}:") >= 2


@pytest.mark.parametrize("name", CAM_METHODS)
def test_weights_are_what_each_map_adds_to_the_method_s_map(network, images, name):
    captured = capture(network, images, layer="3")
    f, g = captured.activations, captured.gradients
    inputs = CamInputs.of(captured, network, images)
    method = CAM_METHODS[name]
    weights = method.weights(inputs)
    assert weights.shape == f.shape[:2]
    own = method.maps(inputs)
    assert own.max() > 0
    if name in ("scorecam", "ablationcam", "finercam"):
        with pytest.raises(ArgumentError, match="runs the network again"):
            cam_maps(f, g, name)
    else:
        assert torch.equal(cam_maps(f, g, name), own)
    centre = f.mean(dim=(-2, -1), keepdim=True) if name == "eigencam" else 0.0
    added = weights[:, :, None, None] * (f - centre)
    if name in ("hirescam", "layercam"):  # the weight is the sum of what the map adds
        added = g * f if name == "hirescam" else g.relu() * f
        assert torch.allclose(added.sum(dim=(-2, -1)), weights, atol=1e-6)
    assert torch.allclose(added.sum(dim=1).relu(), own, atol=1e-6)
