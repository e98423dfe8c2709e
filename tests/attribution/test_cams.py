"""The methods that run the network again, and Eigen-CAM, XGrad-CAM and LayerCAM in closed form."""

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, strategies as st
from PIL import Image
from pytorch_grad_cam import AblationCAM, EigenCAM, FinerCAM, LayerCAM, ScoreCAM, XGradCAM
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.cam import CAM_METHODS
from annealcam.attribution.cams import network_run
from annealcam.attribution.cams.gradients import (
    eigencam,
    eigencam_weights,
    gradcam,
    hirescam,
    layercam,
    xgradcam,
    xgradcam_weights,
)
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.cams.perturbation import (
    ablationcam_weights,
    contrast_weights,
    finercam_weights,
    scorecam_weights,
)
from annealcam.attribution.network.adapted import adapt
from annealcam.errors import ArgumentError, LayerError
from tests.attribution.test_cam import raw_map_of_the_package
from tests.networks import small_network

PEERS = {
    "scorecam": ScoreCAM, "ablationcam": AblationCAM, "finercam": FinerCAM, "layercam": LayerCAM,
    "xgradcam": XGradCAM, "eigencam": EigenCAM,
}  # fmt: skip
COSTLY = ("scorecam", "ablationcam")


def deeper_network(seed=0):
    """A network that is not linear behind its maps."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 7, 3, stride=2), nn.ReLU(), nn.Conv2d(7, 9, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 5),
    ).eval()  # fmt: skip


@pytest.mark.parametrize("method", PEERS)
@pytest.mark.parametrize("layer", ["1", "3"])
@pytest.mark.parametrize("make", [small_network, deeper_network])
def test_small_networks_agree_with_the_package(make, layer, method):
    model = make()
    with torch.no_grad():
        model[-1].bias += 3.0  # all logits positive, as the package's Ablation-CAM supposes
    for image in torch.randn(4, 3, 24, 20, generator=torch.Generator().manual_seed(5)):
        own = ac.cam(model, image, layer=layer, method=method)
        theirs = raw_map_of_the_package(PEERS[method], model, layer, image)
        if method == "eigencam" and np.abs(np.maximum(theirs, 0) - own).max() > 1e-4 * own.max():
            theirs = -theirs
        assert own.shape == theirs.shape
        assert own.max() > 0
        assert np.abs(np.maximum(theirs, 0) - own).max() < 1e-4 * own.max()


@pytest.mark.parametrize("method", PEERS)
def test_lite0_agrees_with_the_package(method):
    model, preprocess, _ = ac.load_model()
    image = preprocess(Image.fromarray(skimage.data.chelsea()))
    layer = "bn1" if method in COSTLY else "bn2"  # 32 maps instead of 1280
    own = ac.cam(model, image, layer=layer, method=method)
    theirs = raw_map_of_the_package(PEERS[method], model, layer, image)
    if method == "eigencam" and theirs[np.unravel_index(own.argmax(), own.shape)] < 0:
        theirs = -theirs
    assert np.abs(np.maximum(theirs, 0) - own).max() < 1e-4 * own.max()


def inputs_of(model, images, layer="3", targets=None):
    return CamInputs.of(capture(model, images, layer=layer, targets=targets), model, images)


def test_ablation_of_a_linear_head_is_the_share_of_each_contribution(images):
    model = small_network()
    inputs = inputs_of(model, images, targets=2)
    f, g, z = inputs.activations, inputs.gradients, inputs.run.captured.logits[:, 2]
    expected = (f * g).sum(dim=(2, 3)) / z.abs()[:, None]
    assert torch.allclose(ablationcam_weights(inputs), expected, atol=1e-5)


def test_ablation_of_a_class_of_negative_or_zero_logit_keeps_its_sign(images):
    model = small_network()
    for z in (-2.0, 0.0):
        with torch.no_grad():
            logit = model(images[:1])[0, 1]
            model[-1].bias[1] += z - logit
        inputs = inputs_of(model, images[:1], targets=1)
        drops = (inputs.activations * inputs.gradients).sum(dim=(2, 3))
        size = inputs.run.scores.abs()[:, None]
        expected = drops / size if float(size) else drops
        assert torch.allclose(ablationcam_weights(inputs), expected, rtol=1e-3, atol=1e-5)


def test_scores_of_masks_where_the_logit_is_the_mean_of_the_image():
    """The masked image of ones is the mask, so its logit is the mean of the stretched map."""

    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = nn.Identity()

        def forward(self, x):
            own = torch.tensor([[[0.0, 4.0], [2.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]],
                                [[-1.0, 0.0], [0.0, 0.0]]])  # fmt: skip
            maps = self.maps(own.expand(len(x), 3, 2, 2))
            logit = x.mean(dim=(1, 2, 3))
            return torch.stack([logit + 0 * maps.sum(dim=(1, 2, 3)), -logit], dim=1)

    model, image = Mean(), torch.ones(1, 3, 2, 2)
    weights = scorecam_weights(inputs_of(model, image, layer="maps", targets=0))
    expected = torch.tensor([[0.5, 0.0, 0.75]]).softmax(dim=1)  # the constant map has no mask
    assert torch.allclose(weights, expected, atol=1e-6)


@pytest.mark.parametrize("memory", [1.0, 1e6, 1e9])
def test_results_do_not_depend_on_what_passes_together(images, memory, monkeypatch):
    model = deeper_network()
    expected = {m: ac.cam(model, images, layer="3", method=m) for m in COSTLY}
    monkeypatch.setattr(network_run, "MEMORY", memory)
    assert inputs_of(model, images).run.in_memory == max(1, int(memory // (4 * 4 * 7 * 9 * 9)))
    for method in COSTLY:
        alone = np.stack([ac.cam(model, x, layer="3", method=method) for x in images])
        assert np.allclose(alone, expected[method], rtol=1e-4, atol=1e-7)


def test_contrast_weights_are_the_derivative_of_finer_cam_s_score():
    logits = torch.randn(6, 9, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 1, 2, 3, 4, 5])
    total = 0.0
    for z, c in zip(logits, targets, strict=True):
        order = [int(j) for j in (z - z[c]).abs().argsort() if j != c][:3]
        p = z.softmax(dim=0)[order]
        total = total + (p * (z[c] - z[order])).sum() / p.sum()
    (expected,) = torch.autograd.grad(total, logits)
    assert torch.allclose(contrast_weights(logits.detach(), targets), expected, atol=1e-12)


def test_finer_cam_of_two_classes_and_of_a_named_contrast(images):
    model = small_network(classes=2)
    inputs = inputs_of(model, images, targets=0)
    difference = inputs.run.gradients(torch.tensor([[1.0, -1.0]]).expand(3, 2)).mean(dim=(2, 3))
    assert torch.allclose(finercam_weights(inputs), difference, atol=1e-7)
    against = capture(model, images, layer="3", targets=0, against="next")
    named = CamInputs.of(against, model, images)
    assert torch.allclose(finercam_weights(named), difference, atol=1e-7)
    one = adapt(small_network(classes=1), link="identity")
    own, grad = (CAM_METHODS[m].maps(inputs_of(one, images)) for m in ("finercam", "gradcam"))
    assert torch.allclose(own, grad, atol=1e-7)


def test_xgradcam_is_gradcam_where_the_head_pools_and_adds_up_to_contributions(network, images):
    inputs = inputs_of(network, images)
    f, g = inputs.activations, inputs.gradients
    assert torch.allclose(xgradcam(f, g), gradcam(f, g), rtol=1e-4, atol=1e-7)
    g = torch.randn_like(g)
    sums = xgradcam_weights(f, g) * f.sum(dim=(2, 3))
    assert torch.allclose(sums, (f * g).sum(dim=(2, 3)), rtol=1e-4, atol=1e-5)


def test_eigencam_is_the_first_principal_component_towards_activity():
    f = torch.randn(5, 6, 4, 3, dtype=torch.float64)
    flat = (f - f.mean(dim=(2, 3), keepdim=True)).flatten(2)
    covariance = flat @ flat.mT
    v = eigencam_weights(f)[:, :, None]
    largest = torch.linalg.eigvalsh(covariance)[:, -1]
    assert torch.allclose((covariance @ v)[..., 0], largest[:, None] * v[..., 0], atol=1e-9)
    assert torch.allclose(v.norm(dim=1), torch.ones(5, 1, dtype=torch.float64))
    component = (v * flat).sum(dim=1)
    assert ((component * flat.sum(dim=1)).sum(dim=1) >= 0).all()
    assert torch.allclose(eigencam(f).flatten(1), component.relu())
    assert torch.equal(eigencam(torch.ones(1, 2, 3, 3)), torch.zeros(1, 3, 3))


@given(st.integers(0, 10**6), st.booleans())
def test_layercam_is_hirescam_where_nothing_is_negative(seed, positive):
    generator = torch.Generator().manual_seed(seed)
    f = torch.rand(2, 3, 2, 2, generator=generator)
    g = torch.randn(2, 3, 2, 2, generator=generator)
    if positive:
        assert torch.allclose(layercam(f, g.abs()), hirescam(f, g.abs()))
    else:
        assert (layercam(f, g) >= hirescam(f, g) - 1e-6).all()


@given(st.integers(0, 10**6))
def test_no_method_depends_on_the_order_of_the_maps(seed):
    generator = torch.Generator().manual_seed(seed)
    f = torch.rand(1, 5, 3, 3, generator=generator)
    g = torch.randn(1, 5, 3, 3, generator=generator)
    order = torch.randperm(5, generator=generator)
    for name in ("gradcam", "gradcam++", "hirescam", "layercam", "xgradcam", "eigencam"):
        method = CAM_METHODS[name]
        inputs, permuted = CamInputs(f, g), CamInputs(f[:, order], g[:, order])
        assert torch.allclose(method.maps(inputs), method.maps(permuted), atol=1e-5)
        weights, others = method.weights(inputs), method.weights(permuted)
        assert torch.allclose(weights[:, order], others, atol=1e-5)


@pytest.mark.parametrize("method", CAM_METHODS)
def test_the_model_is_left_as_it_was(network, images, method):
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    ac.cam(network, images, layer="3", method=method)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    network.eval()


def test_wrong_arguments_are_refused_in_one_line(network, images):
    with pytest.raises(ArgumentError, match="did you mean 'scorecam'"):
        ac.cam(network, images, layer="3", method="score-cam")
    with pytest.raises(LayerError, match="not maps"):
        ac.cam(network, images, layer="6", method="ablationcam")
    with pytest.raises(ArgumentError, match="runs the network again"):
        scorecam_weights(CamInputs(torch.ones(1, 2, 3, 3), torch.ones(1, 2, 3, 3)))
