"""Maps and weights of the CAM methods that need no more than activations and gradients.

The index ij stands for a position of a map, whose grid has one, two or three axes.

Nothing here needs torch itself, only its tensors, except for the singular vectors of Eigen-CAM.
"""

from __future__ import annotations

from jaxtyping import Float

from annealcam._internal.map_axes import grid_axes, over_grid
from annealcam._internal.types import Tensor

GRADCAMPP_EPS = 1e-6


def weighted_map(
    activations: Float[Tensor, "n maps *grid"], weights: Float[Tensor, "n maps"]
) -> Float[Tensor, " n *grid"]:
    """Return the positive part of the weighted sum of all maps: ReLU(sum_a w_a f^(a)).

    >>> import torch
    >>> weighted_map(torch.ones(1, 2, 1, 2), torch.tensor([[3., -1.]]))
    tensor([[[2., 2.]]])
    """
    return (over_grid(weights, activations) * activations).sum(dim=1).relu()


def gradcam(
    activations: Float[Tensor, "n maps *grid"], gradients: Float[Tensor, "n maps *grid"]
) -> Float[Tensor, " n *grid"]:
    """Return the maps of Grad-CAM: L = ReLU(sum_a alpha_a f^(a)), alpha_a = mean_ij g^(a)_ij.

    Source: Selvaraju et al. 2017, eq. 1 and 2.

    >>> import torch
    >>> gradcam(torch.ones(1, 2, 1, 2), torch.tensor([[[[1., 3.]], [[-1., 0.]]]]))
    tensor([[[1.5000, 1.5000]]])
    """
    return weighted_map(activations, gradients.mean(dim=grid_axes(gradients)))


def gradcam_plus_plus(
    activations: Float[Tensor, "n maps *grid"],
    gradients: Float[Tensor, "n maps *grid"],
    *,
    eps: float = GRADCAMPP_EPS,
) -> Float[Tensor, " n *grid"]:
    """Return the maps of Grad-CAM++ (exponential link): L = ReLU(sum_a w_a f^(a)).

    w_a = sum_ij q_ij ReLU(g_ij),   q = g^2 / (2 g^2 + (sum_ij f) g^3 + eps),   0/0 = 0

    `eps = 1e-6` is what the package `grad-cam` adds, so that the same words give the same map; it
    is not small against g^2 in most networks. `eps = 0` is the published formula. The derivation
    supposes maps after a ReLU.

    Source: Chattopadhay et al. 2018, eq. 5, 7 and 19.

    >>> import torch
    >>> gradcam_plus_plus(torch.ones(1, 1, 1, 2), torch.tensor([[[[1., 0.]]]]), eps=0.0)
    tensor([[[0.2500, 0.2500]]])
    """
    return weighted_map(activations, gradcam_plus_plus_weights(activations, gradients, eps=eps))


def gradcam_plus_plus_weights(
    activations: Float[Tensor, "n maps *grid"],
    gradients: Float[Tensor, "n maps *grid"],
    *,
    eps: float = GRADCAMPP_EPS,
) -> Float[Tensor, "n maps"]:
    """Return Grad-CAM++'s weight of every map, w_a = sum_ij q_ij ReLU(g_ij); q as there.

    Where maps are not negative, neither are the weights, and nearly every map has a positive one
    for every class.

    >>> import torch
    >>> gradcam_plus_plus_weights(
    ...     torch.ones(1, 1, 1, 2), torch.tensor([[[[1., 0.]]]]), eps=0.0)
    tensor([[0.2500]])
    """
    g2 = gradients.square()
    total = activations.sum(dim=grid_axes(activations), keepdim=True)
    below = g2 * (2 + total * gradients) + eps
    q = (g2 / below).where((g2 > 0) & (below != 0), 0.0)
    return (q * gradients.relu()).sum(dim=grid_axes(q))


def hirescam(
    activations: Float[Tensor, "n maps *grid"], gradients: Float[Tensor, "n maps *grid"]
) -> Float[Tensor, " n *grid"]:
    """Return the maps of HiResCAM: L = ReLU(sum_a g^(a) * f^(a)), exact for a linear head.

    Source: Draelos and Carin 2020, eq. 2.

    >>> import torch
    >>> hirescam(torch.tensor([[[[1., 2.]]]]), torch.tensor([[[[3., -1.]]]]))
    tensor([[[3., 0.]]])
    """
    return (gradients * activations).sum(dim=1).relu()


def layercam(
    activations: Float[Tensor, "n maps *grid"], gradients: Float[Tensor, "n maps *grid"]
) -> Float[Tensor, " n *grid"]:
    """Return the maps of LayerCAM: L = ReLU(sum_a ReLU(g^(a)) * f^(a)).

    It is HiResCAM without the positions at which an activation lowers the logit. Where no map is
    negative, no position of L is below HiResCAM's.

    Source: Jiang et al. 2021, eq. 5 and 6.

    >>> import torch
    >>> layercam(torch.ones(1, 2, 1, 2), torch.tensor([[[[3., -1.]], [[-2., 2.]]]]))
    tensor([[[3., 2.]]])
    """
    return (gradients.relu() * activations).sum(dim=1).relu()


def xgradcam(
    activations: Float[Tensor, "n maps *grid"], gradients: Float[Tensor, "n maps *grid"]
) -> Float[Tensor, " n *grid"]:
    """Return the maps of XGrad-CAM: L = ReLU(sum_a w_a f^(a)), w as `xgradcam_weights`.

    Source: Fu et al. 2020, eq. 8.

    >>> import torch
    >>> xgradcam(torch.tensor([[[[1., 3.]]]]), torch.tensor([[[[4., 0.]]]]))
    tensor([[[1., 3.]]])
    """
    return weighted_map(activations, xgradcam_weights(activations, gradients))


def xgradcam_weights(
    activations: Float[Tensor, "n maps *grid"], gradients: Float[Tensor, "n maps *grid"]
) -> Float[Tensor, "n maps"]:
    """Return XGrad-CAM's weight of every map: its gradient, averaged with the map as the weight.

    w_a = sum_ij g^(a)_ij f^(a)_ij / sum_ij f^(a)_ij,   0/0 = 0

    Each map, multiplied by its weight, sums to its contribution. Where the head pools, the gradient
    is constant over a map and XGrad-CAM is Grad-CAM. The package `grad-cam` adds 1e-7 to the
    denominator, which counts for maps whose sum is of that order: nearly dead maps, and maps of
    signed activations that cancel.

    >>> import torch
    >>> xgradcam_weights(torch.tensor([[[[1., 3.]]]]), torch.tensor([[[[4., 0.]]]]))
    tensor([[1.]])
    """
    axes = grid_axes(activations)
    total = activations.sum(dim=axes)
    share = (gradients * activations).sum(dim=axes) / total
    return share.where(total != 0, 0.0)


def eigencam(activations: Float[Tensor, "n maps *grid"]) -> Float[Tensor, " n *grid"]:
    """Return the maps of Eigen-CAM: L = ReLU(sum_a v_a (f^(a) - mean_ij f^(a))).

    v is the first right singular vector of the matrix (positions x maps) of the centred maps: L is
    their first principal component, and depends neither on the class nor on the head.

    Source: Muhammad and Yeasin 2020, with the centring of the package `grad-cam`.

    >>> import torch
    >>> eigencam(torch.tensor([[[[0., 2.]], [[0., 0.]]]]))
    tensor([[[0., 1.]]])
    """
    return weighted_map(centred(activations), eigencam_weights(activations))


def eigencam_weights(activations: Float[Tensor, "n maps *grid"]) -> Float[Tensor, "n maps"]:
    """Return the weight v of each map in its image's first principal component.

    A singular vector has no sign of its own. Here it points to where the maps are more active: the
    component does not correlate negatively with the sum of the maps. The package `grad-cam` keeps
    the sign of its numerical library, and therefore draws the opposite, inactive places in some
    images. Where the two largest singular values are equal, no first component is defined.

    >>> import torch
    >>> eigencam_weights(torch.tensor([[[[0., 2.]], [[0., 0.]]]]))
    tensor([[1., 0.]])
    """
    import torch

    maps = centred(activations).flatten(2)
    left, sizes, _ = torch.linalg.svd(maps, full_matrices=False)
    first = left[:, :, 0] * (sizes[:, :1] > 0)
    component = (first[:, :, None] * maps).sum(dim=1)
    correlation = (component * maps.sum(dim=1)).sum(dim=1, keepdim=True)
    return first.where(correlation >= 0, -first)


def centred(activations: Float[Tensor, "n maps *grid"]) -> Float[Tensor, "n maps *grid"]:
    """Return each map less its mean over the positions.

    >>> import torch
    >>> centred(torch.tensor([[[[0., 2.]]]]))
    tensor([[[[-1.,  1.]]]])
    """
    return activations - activations.mean(dim=grid_axes(activations), keepdim=True)
