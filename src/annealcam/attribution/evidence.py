"""The evidence for a class: contribution maps, their sum, and what each map draws of it."""

from __future__ import annotations

from jaxtyping import Float

from annealcam._internal.types import Tensor
from annealcam.errors import NumericalError


def evidence(contribution_maps: Float[Tensor, "*batch maps h w"]) -> Float[Tensor, "*batch h w"]:
    """Return the evidence map G = sum_a g_a: where the layer raises and lowers the logit.

    Its sum is the layer's effect on the score. Where the head pools and is linear, ReLU(G) is the
    map of Grad-CAM; with plain gradients it is that of HiResCAM.

    Source: docs/method.md, section "Evidence".

    >>> import torch
    >>> evidence(torch.tensor([[[1.0, 2.0]], [[0.5, -3.0]]]))
    tensor([[ 1.5000, -1.0000]])
    """
    return contribution_maps.sum(dim=-3)


def drawn_evidence(
    contribution_maps: Float[Tensor, "maps h w"],
) -> tuple[Float[Tensor, "h w"], str]:
    """Return the evidence that a selection shall draw, and which one it is.

    It is G+ = ReLU(G), called `positive`. Where no position speaks for the class, it is G itself,
    called `signed`; where that is zero as well, it is called `none`.

    >>> import torch
    >>> drawn_evidence(torch.tensor([[[1.0, -2.0]]]))
    (tensor([[1., 0.]]), 'positive')
    >>> drawn_evidence(torch.tensor([[[-1.0, -2.0]]]))
    (tensor([[-1., -2.]]), 'signed')
    """
    signed = evidence(contribution_maps)
    positive = signed.relu()
    if positive.any():
        return positive, "positive"
    return signed, "signed" if signed.any() else "none"


def alignment(contribution_maps: Float[Tensor, "maps h w"]) -> Float[Tensor, " maps"]:
    """Return how much of the evidence each map draws; the values sum to 1.

    rho_a = <g_a, G+> / ||G+||^2, with G+ = ReLU(sum_a g_a)   [dimensionless]

    Where no evidence is positive, G takes the place of G+.

    Raises:
        NumericalError: the evidence is zero everywhere.

    Source: docs/method.md, section "Evidence".

    >>> import torch
    >>> alignment(torch.tensor([[[3.0, 0.0]], [[0.0, 1.0]]]))
    tensor([0.9000, 0.1000])
    """
    drawn, kind = drawn_evidence(contribution_maps)
    if kind == "none":
        raise NumericalError(
            "contributions: sum to zero at every position, so that no map can be aligned with the "
            "evidence; choose another layer or target, or importance='contribution'"
        )
    largest = drawn.abs().max()  # squares neither overflow nor vanish
    unit, maps = (drawn / largest).flatten(), (contribution_maps / largest).flatten(1)
    return (maps @ unit) / (unit @ unit)


def evidence_beta(gradients: Float[Tensor, "maps h w"]) -> float:
    """Return the beta of the evidence objective that suits the head behind a layer."""
    return 0.0 * float(gradients.shape[0])
