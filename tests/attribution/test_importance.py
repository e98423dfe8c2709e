"""Importances on heads where they have a closed form."""

import pytest
import torch
from torch import nn

from annealcam.attribution.activations import capture
from annealcam.attribution.importance import contributions, gradcam_weights, importance_of
from annealcam.errors import ArgumentError


def test_alpha_is_the_class_weight_over_the_area(network, images):
    captured = capture(network, images, layer="3", targets=2)
    area = captured.activations[0, 0].numel()
    expected = network[-1].weight.detach()[2] / area
    assert torch.allclose(gradcam_weights(captured.gradients), expected.expand(3, -1), atol=1e-8)


def test_contributions_sum_to_the_logit_less_its_bias(network, images):
    captured = capture(network, images, layer="3", targets=2)
    logit = captured.logits[:, 2] - network[-1].bias.detach()[2]
    exact = contributions(captured.activations, captured.gradients).sum(dim=1)
    assert torch.allclose(exact, logit, atol=1e-5)


def flattened_head():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 324, 3))


def test_contributions_are_exact_for_a_flattened_head(images):
    model = flattened_head()
    captured = capture(model, images, layer="1", targets=0)
    summed = contributions(captured.activations, captured.gradients).sum(dim=1)
    assert torch.allclose(summed, captured.logits[:, 0] - model[-1].bias[0].detach(), atol=1e-5)


def test_contribution_is_area_times_alpha_times_mean_where_the_head_pools(network, images):
    captured = capture(network, images, layer="3", targets=2)
    f, g = captured.activations, captured.gradients
    area = f[0, 0].numel()
    of_means = area * gradcam_weights(g) * f.mean(dim=(-2, -1))
    assert torch.allclose(importance_of(f, g, "contribution"), of_means, rtol=1e-5, atol=1e-7)


def test_contribution_holds_the_covariance_where_the_head_flattens(images):
    """sum g f = H W (mean g mean f + cov(g, f)): of means alone, it can have the other sign."""
    captured = capture(flattened_head(), images, layer="1", targets=0)
    f, g = captured.activations.double(), captured.gradients.double()
    area = f[0, 0].numel()
    of_means = area * g.mean(dim=(-2, -1)) * f.mean(dim=(-2, -1))
    centred = (g - g.mean(dim=(-2, -1), keepdim=True)) * (f - f.mean(dim=(-2, -1), keepdim=True))
    exact = importance_of(f, g, "contribution")
    assert torch.allclose(exact, of_means + centred.sum(dim=(-2, -1)), atol=1e-12)
    assert (exact.sign() != of_means.sign()).any()


def test_importance_by_name(network, images):
    captured = capture(network, images, layer="3")
    f, g = captured.activations, captured.gradients
    assert torch.equal(importance_of(f, g, "gradcam"), gradcam_weights(g))
    assert torch.equal(importance_of(f, g, "contribution"), contributions(f, g))
    with pytest.raises(ArgumentError, match="did you mean 'gradcam'"):
        importance_of(f, g, "grad_cam")
