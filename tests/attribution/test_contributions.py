"""Contributions that add up, against Captum, closed forms and the logits themselves."""

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import STEPS, capture
from annealcam.attribution.contrast import resolve_against, score_weights
from annealcam.errors import TargetError


def pooled(classes=4, bias=True):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, classes, bias=bias),
    )  # fmt: skip


def curved(activation=nn.Tanh):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3), activation(), nn.Flatten(),
        nn.Linear(80, 7), activation(), nn.Linear(7, 4),
    )  # fmt: skip


def images(n=3):
    return torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("against", [None, "next", "rest", 3, [2, 3]])
def test_a_linear_head_is_complete_in_one_step(against):
    model, x = pooled(), images()
    c = capture(model, x, layer="1", targets=[0, 1, 0], against=against, integrated=True)
    assert c.steps == 1
    assert c.path_gradients is c.gradients
    bias = (c.score_weights * model[4].bias.detach()).sum(dim=1)
    score = (c.score_weights * c.logits).sum(dim=1)
    torch.testing.assert_close(c.contribution_maps.sum(dim=(1, 2, 3)), score - bias)
    torch.testing.assert_close(c.completeness, torch.ones(3))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("against", [None, "rest"])
def test_half_precision_does_not_make_a_linear_head_seem_curved(dtype, against):
    for model, steps in ((pooled(), 1), (curved(), 8)):
        x = 5 * images()  # which make the effect larger than its rounding
        c = capture(model.to(dtype), x, layer="1", integrated=True, against=against)
        assert c.steps == steps


def test_a_homogeneous_rest_is_complete_in_one_step():
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(20, 4, bias=False),
    )  # fmt: skip
    c = capture(net, images(), layer="1", integrated=True)
    assert c.steps == 1
    torch.testing.assert_close(c.contribution_maps.sum(dim=(1, 2, 3)), c.logits.max(dim=1).values)


@pytest.mark.parametrize("target", [0, 2])
def test_integrated_gradients_are_those_of_captum(target):
    model, x = curved(), images()
    c = capture(model, x, layer="1", targets=target, integrated=True)
    expected = LayerIntegratedGradients(model, model[1], multiply_by_inputs=True).attribute(
        x, _inputs_at_which_maps_vanish(x), target=target, n_steps=STEPS, method="riemann_middle"
    )
    assert c.steps == STEPS
    torch.testing.assert_close(c.contribution_maps, expected.detach(), atol=1e-6, rtol=1e-4)


def _inputs_at_which_maps_vanish(x):
    """Captum's baseline is an input: with this convolution's bias below, its ReLU is zero."""
    return torch.zeros_like(x)


@pytest.fixture(autouse=True)
def _negative_biases(monkeypatch):
    plain = nn.Conv2d.__init__

    def with_negative_bias(self, *args, **keywords):
        plain(self, *args, **keywords)
        if self.bias is not None and self.in_channels == 3:
            nn.init.constant_(self.bias, -0.05)

    monkeypatch.setattr(nn.Conv2d, "__init__", with_negative_bias)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.SiLU])
def test_integrated_contributions_add_up_far_better_than_plain_ones(activation):
    model, x = curved(activation), images(8)
    model[2].weight.data *= 6.0
    model[5].weight.data *= 6.0
    c = capture(model, x, layer="1", integrated=True)
    plain = (c.gradients * c.activations).sum(dim=(1, 2, 3))
    whole = c.contribution_maps.sum(dim=(1, 2, 3))
    effect = whole / c.completeness
    assert c.steps == STEPS
    assert (whole - effect).abs().median() < 0.2 * (plain - effect).abs().median()
    with torch.no_grad():
        none = model[2:](torch.zeros_like(c.activations))
    score = (c.logits - none).gather(1, c.targets[:, None])[:, 0]
    torch.testing.assert_close(effect, score, rtol=1e-3, atol=1e-4)


def test_a_saturated_head_has_no_plain_contribution_but_an_integrated_one():
    """s = tanh(30 f) of one map of one value: the gradient vanishes, the path does not."""
    net = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(2, 1, bias=False), nn.Tanh())
    net[2].weight.data = torch.tensor([[15.0, 15.0]])
    c = capture(net, torch.ones(1, 1, 1, 2), layer="0", integrated=True)
    t = (np.arange(STEPS) + 0.5) / STEPS
    midpoints = 30.0 * np.mean(1.0 - np.tanh(30.0 * t) ** 2)
    assert float((c.gradients * c.activations).sum()) == pytest.approx(0.0, abs=1e-6)
    assert float(c.contribution_maps.sum()) == pytest.approx(midpoints, rel=1e-4)
    assert float(c.completeness[0]) == pytest.approx(midpoints / np.tanh(30.0), rel=1e-4)


def test_contributions_of_a_permuted_layer_are_permuted():
    model, x = curved(), images(2)
    c = capture(model, x, layer="1", integrated=True)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    model[0].weight.data, model[0].bias.data = model[0].weight[order], model[0].bias[order]
    model[2].weight.data = model[2].weight[:, order]
    permuted = capture(model, x, layer="1", integrated=True)
    torch.testing.assert_close(permuted.contribution_maps, c.contribution_maps[:, order])


def test_capture_without_integration_is_the_plain_gradient():
    c = capture(curved(), images(), layer="1")
    assert (c.steps, c.completeness) == (1, None)
    assert c.path_gradients is c.gradients


def test_score_of_a_contrast_is_its_formula():
    z = torch.tensor([[3.0, 1.0, 2.0, 0.5], [0.0, 1.0, 2.0, 4.0]], dtype=torch.float64)
    c = torch.tensor([0, 2])
    assert (score_weights(z, c, "next") * z).sum(dim=1).tolist() == [1.0, -2.0]
    assert (score_weights(z, c, 1) * z).sum(dim=1).tolist() == [2.0, 1.0]
    assert (score_weights(z, c, [1, 3]) * z).sum(dim=1).tolist() == [2.25, -0.5]
    leaf = z.clone().requires_grad_()
    p = leaf.softmax(dim=1)[torch.arange(2), c]
    (expected,) = torch.autograd.grad((p / (1 - p)).log().sum(), leaf)  # of the log-odds
    torch.testing.assert_close(score_weights(z, c, "rest"), expected)


@pytest.mark.parametrize(
    ("against", "text"),
    [(9, "classes 0 to 3"), (0, "is the explained class of image 0"), ([], "empty list"),
     ("fox", "no such class"), (1.5, "give 'next', 'rest'"), (True, "give 'next', 'rest'"),
     (object(), "give 'next', 'rest'"), ([1, None], "give 'next', 'rest'")],
)  # fmt: skip
def test_bad_contrasts_have_one_clear_line(against, text):
    def weights():
        resolved = resolve_against(against, ["a", "b", "c", "d"])
        return score_weights(torch.zeros(1, 4), torch.tensor([0]), resolved)

    with pytest.raises(TargetError, match=text) as caught:
        weights()
    assert "against" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_single_class_has_nothing_to_contrast():
    with pytest.raises(TargetError, match="one class"):
        score_weights(torch.zeros(1, 1), torch.tensor([0]), "next")


@pytest.mark.parametrize("method", ["gradcam", "hirescam", "layercam"])
def test_a_contrasted_cam_is_the_cam_of_a_network_with_that_score(method):
    """Replacing the class's weights by their difference to another class's is the same score."""
    model, x = pooled(), images(2)
    contrasted = ac.cam(model, x, layer="1", target=0, against=2, method=method)
    with torch.no_grad():
        model[4].weight[0] -= model[4].weight[2]
    np.testing.assert_allclose(
        contrasted, ac.cam(model, x, layer="1", target=0, method=method), atol=1e-6
    )
