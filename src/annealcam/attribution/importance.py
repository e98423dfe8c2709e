"""How much each feature map matters for a class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from jaxtyping import Float

from annealcam._internal.map_axes import grid_axes
from annealcam._internal.types import Tensor
from annealcam._internal.validation import one_of
from annealcam.attribution.evidence import alignment, drawn_evidence

Importance: TypeAlias = Callable[
    [Float[Tensor, "n maps *grid"], Float[Tensor, "n maps *grid"]], Float[Tensor, "n maps"]
]


def gradcam_weights(gradients: Float[Tensor, "n maps *grid"]) -> Float[Tensor, "n maps"]:
    """Return the Grad-CAM weight of every map: the mean of its gradient.

    alpha_a = 1/(H W) * sum_ij dz_c / df^(a)_ij   [logit per unit of activation]

    Source: Selvaraju et al. 2017, eq. 1; arXiv 2604.25649, eq. 1.

    >>> import torch
    >>> gradcam_weights(torch.full((1, 2, 3, 3), 0.5))
    tensor([[0.5000, 0.5000]])
    """
    return gradients.mean(dim=grid_axes(gradients))


def contributions(
    activations: Float[Tensor, "n maps *grid"], gradients: Float[Tensor, "n maps *grid"]
) -> Float[Tensor, "n maps"]:
    """Return the first-order part of the class logit that every map carries, in logits.

    C_a = sum_ij dz_c / df^(a)_ij * f^(a)_ij   [logit]

    It is exact for a linear head (flatten or global average pooling, then one linear layer), where
    the sum over all maps is the logit less its bias. Where the head pools, the gradient is constant
    over a map and C_a = H W alpha_a mean_ij f^(a)_ij.

    Source: gradient x activation; docs/method.md.

    >>> import torch
    >>> contributions(torch.full((1, 2, 3, 3), 4.0), torch.full((1, 2, 3, 3), 0.5))
    tensor([[18., 18.]])
    """
    return (activations * gradients).sum(dim=grid_axes(activations))


def alignments(
    activations: Float[Tensor, "n maps *grid"], gradients: Float[Tensor, "n maps *grid"]
) -> Float[Tensor, "n maps"]:
    """Return the alignment of every map with the evidence; zero for images without evidence.

    Source: `annealcam.attribution.evidence.alignment`, for each image.

    >>> import torch
    >>> alignments(torch.tensor([[[[3.0, 0.0]], [[0.0, 1.0]]]]), torch.ones(1, 2, 1, 2))
    tensor([[0.9000, 0.1000]])
    """
    values = gradients.new_zeros(activations.shape[:2])
    for i, g in enumerate(activations * gradients):
        if drawn_evidence(g)[1] != "none":
            values[i] = alignment(g)
    return values


# The functions that give each map its importance, by name.
IMPORTANCES: Mapping[str, Importance] = MappingProxyType(
    {
        "alignment": alignments,
        "contribution": contributions,
        "gradcam": lambda _, gradients: gradcam_weights(gradients),
    }
)


def importance_of(
    activations: Float[Tensor, "n maps *grid"], gradients: Float[Tensor, "n maps *grid"], name: str
) -> Float[Tensor, "n maps"]:
    """Return the importance of that name of every map, one of `IMPORTANCES`.

    `alignment` and `contribution` take the path gradients of a capture, whose contributions add up;
    `gradcam` (alpha) takes the plain gradients.

    Raises:
        ArgumentError: no importance has that name.

    >>> import torch
    >>> importance_of(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), "contribution")
    tensor([[4.]])
    """
    one_of("importance", name, IMPORTANCES)
    return IMPORTANCES[name](activations, gradients)
