"""How much each feature map matters for a class."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from annealcam.errors import ArgumentError, suggest

IMPORTANCES = ("contribution", "gradcam")


def importance_gradcam(gradients: Float[Tensor, "n maps h w"]) -> Float[Tensor, "n maps"]:
    """Grad-CAM weight of every map: the spatial mean of its gradient.

    alpha_a = 1/(H W) * sum_ij dz_c / df^(a)_ij   [logit per unit of activation]

    Source: Selvaraju et al. 2017, eq. 1; arXiv 2604.25649, eq. 1.

    >>> import torch
    >>> importance_gradcam(torch.full((1, 2, 3, 3), 0.5))
    tensor([[0.5000, 0.5000]])
    """
    return gradients.mean(dim=(-2, -1))


def importance_contribution(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"]
) -> Float[Tensor, "n maps"]:
    """Grad-CAM weight of every map times the map's spatial mean.

    c_a = alpha_a * 1/(H W) * sum_ij f^(a)_ij   [logit / (H W)]

    Where a global average pooling and a linear layer follow, H W * sum_a c_a is the logit less
    its bias: a map that the image hardly excites then counts little, whatever its weight.

    Source: gradient x activation, on spatial means; docs/method.md.

    >>> import torch
    >>> importance_contribution(torch.full((1, 2, 3, 3), 4.0), torch.full((1, 2, 3, 3), 0.5))
    tensor([[2., 2.]])
    """
    return importance_gradcam(gradients) * activations.mean(dim=(-2, -1))


def logit_contribution(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"]
) -> Float[Tensor, "n maps"]:
    """First-order part of the class logit that every map carries, in units of the logit.

    C_a = sum_ij dz_c / df^(a)_ij * f^(a)_ij   [logit]

    Exact for a linear head (flatten or global average pooling, then one linear layer), where the
    sum over all maps is the logit less its bias.

    >>> import torch
    >>> logit_contribution(torch.full((1, 2, 3, 3), 4.0), torch.full((1, 2, 3, 3), 0.5))
    tensor([[18., 18.]])
    """
    return (activations * gradients).sum(dim=(-2, -1))


def importance(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"], name: str
) -> Float[Tensor, "n maps"]:
    """Return the importance of that name: `contribution` or `gradcam`.

    Raises:
        ArgumentError: no importance has that name.

    >>> import torch
    >>> importance(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), "gradcam")
    tensor([[1.]])
    """
    if name == "gradcam":
        return importance_gradcam(gradients)
    if name == "contribution":
        return importance_contribution(activations, gradients)
    raise ArgumentError(
        f"importance={name!r}: one of {', '.join(IMPORTANCES)}{suggest(name, IMPORTANCES)}"
    )
