"""Class activation maps: the map of a selection, and the baselines of the same layer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from annealcam.errors import ArgumentError, suggest

METHODS = ("gradcam", "gradcam++", "hirescam")
MAP_FORMS = ("relu_of_sum", "sum_of_relu")
GRADCAMPP_EPS = 1e-6


def explanation_map(
    maps: Float[Tensor, "k h w"], weights: Float[Tensor, " k"], *, form: str = "relu_of_sum"
) -> Float[Tensor, "h w"]:
    """Grad-CAM's weighted sum over the selected maps S only.

    relu_of_sum: ReLU(sum_{a in S} alpha_a f^(a))       (Grad-CAM's own form)
    sum_of_relu: sum_{a in S} ReLU(alpha_a f^(a))       (the paper's code)

    With every map selected, `relu_of_sum` is Grad-CAM.

    Raises:
        ArgumentError: no form has that name.

    Source: arXiv 2604.25649, "QA-fGradCAM".

    >>> explanation_map(torch.tensor([[[1., 2.]], [[3., 1.]]]), torch.tensor([1., -1.]))
    tensor([[0., 1.]])
    """
    weighted = weights[:, None, None] * maps
    if form == "relu_of_sum":
        return weighted.sum(dim=0).relu()
    if form == "sum_of_relu":
        return weighted.relu().sum(dim=0)
    raise ArgumentError(f"map_form={form!r}: one of {', '.join(MAP_FORMS)}")


def gradcam(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"]
) -> Float[Tensor, "n h w"]:
    """Grad-CAM: L = ReLU(sum_a alpha_a f^(a)), alpha_a = mean_ij g^(a)_ij.

    Source: Selvaraju et al. 2017, eq. 1 and 2.

    >>> gradcam(torch.ones(1, 2, 1, 2), torch.tensor([[[[1., 3.]], [[-1., 0.]]]]))
    tensor([[[1.5000, 1.5000]]])
    """
    weights = gradients.mean(dim=(-2, -1), keepdim=True)
    return (weights * activations).sum(dim=1).relu()


def gradcam_plus_plus(
    activations: Float[Tensor, "n maps h w"],
    gradients: Float[Tensor, "n maps h w"],
    *,
    eps: float = GRADCAMPP_EPS,
) -> Float[Tensor, "n h w"]:
    """Grad-CAM++ with the exponential link: L = ReLU(sum_a w_a f^(a)).

    w_a = sum_ij q_ij ReLU(g_ij),   q = g^2 / (2 g^2 + (sum_ij f) g^3 + eps),   0/0 = 0

    `eps = 1e-6` is what the package `grad-cam` adds, so that the same words give the same map; it
    is not small against g^2 in most networks. `eps = 0` is the published formula. The derivation
    supposes maps after a ReLU.

    Source: Chattopadhay et al. 2018, eq. 5, 7 and 19.

    >>> gradcam_plus_plus(torch.ones(1, 1, 1, 2), torch.tensor([[[[1., 0.]]]]), eps=0.0)
    tensor([[[0.2500, 0.2500]]])
    """
    weights = gradcam_plus_plus_weights(activations, gradients, eps=eps)
    return (weights[:, :, None, None] * activations).sum(dim=1).relu()


def gradcam_plus_plus_weights(
    activations: Float[Tensor, "n maps h w"],
    gradients: Float[Tensor, "n maps h w"],
    *,
    eps: float = GRADCAMPP_EPS,
) -> Float[Tensor, "n maps"]:
    """Return Grad-CAM++'s weight of every map, w_a = sum_ij q_ij ReLU(g_ij); q as there.

    Where maps are not negative, neither are the weights, and nearly every map has a positive one
    for every class.

    >>> gradcam_plus_plus_weights(
    ...     torch.ones(1, 1, 1, 2), torch.tensor([[[[1., 0.]]]]), eps=0.0)
    tensor([[0.2500]])
    """
    g2 = gradients.square()
    total = activations.sum(dim=(-2, -1), keepdim=True)
    below = g2 * (2 + total * gradients) + eps
    q = torch.where((g2 > 0) & (below != 0), g2 / below, 0.0)
    return (q * gradients.relu()).sum(dim=(-2, -1))


def hirescam(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"]
) -> Float[Tensor, "n h w"]:
    """HiResCAM: L = ReLU(sum_a g^(a) * f^(a)), exact for a linear head.

    Source: Draelos and Carin 2020, eq. 2.

    >>> hirescam(torch.tensor([[[[1., 2.]]]]), torch.tensor([[[[3., -1.]]]]))
    tensor([[[3., 0.]]])
    """
    return (gradients * activations).sum(dim=1).relu()


def baseline(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"], method: str
) -> Float[Tensor, "n h w"]:
    """Return the raw maps of the method of that name: `gradcam`, `gradcam++` or `hirescam`.

    Raises:
        ArgumentError: no method has that name.
    """
    if method == "gradcam":
        return gradcam(activations, gradients)
    if method == "gradcam++":
        return gradcam_plus_plus(activations, gradients)
    if method == "hirescam":
        return hirescam(activations, gradients)
    raise ArgumentError(f"method={method!r}: one of {', '.join(METHODS)}{suggest(method, METHODS)}")
