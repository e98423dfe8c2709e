"""The evidence for a class: contribution maps, their sum, and what each map draws of it."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from annealcam._internal.map_axes import grid_axes
from annealcam._internal.types import Tensor
from annealcam.errors import NumericalError

CONSTANT = 1e-6  # share of a gradient's square that varies over maps, below which it is constant
INCOHERENT = 0.5  # above it, the maps' own squares outweigh their agreement


def evidence(contribution_maps: Float[Tensor, " maps *grid"]) -> Float[Tensor, "*grid"]:
    """Return the evidence map G = sum_a g_a: where the layer raises and lowers the logit.

    Its sum is the layer's effect on the score. Where the head pools and is linear, ReLU(G) is the
    map of Grad-CAM; with plain gradients it is that of HiResCAM.

    Source: docs/method.md, section "Evidence".

    >>> import torch
    >>> evidence(torch.tensor([[[1.0, 2.0]], [[0.5, -3.0]]]))
    tensor([[ 1.5000, -1.0000]])
    """
    return contribution_maps.sum(dim=0)


def drawn_evidence(
    contribution_maps: Float[Tensor, " maps *grid"],
) -> tuple[Float[Tensor, "*grid"], str]:
    """Return the evidence that a selection should draw, and its kind.

    It is G+ = ReLU(G), called `positive`. Where no position has positive evidence, it is G
    itself, called `signed`; where that is zero as well, it is called `none`.

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


def alignment(contribution_maps: Float[Tensor, " maps *grid"]) -> Float[Tensor, " maps"]:
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


@dataclass(frozen=True)
class Head:
    """What the contributions show of the network behind a layer, and which objective suits it.

    A few maps can draw the evidence G if the maps of the layer agree on its place. They do behind a
    head that pools, which weighs all positions of a map alike, so that the place of a map is the
    place of its evidence. Elsewhere they do if the evidence is stronger than maps of their sizes
    would make it by chance: since ||G||^2 = sum_a ||g_a||^2 + sum_{a != b} <g_a, g_b>, the

        incoherence = sum_a ||g_a||^2 / ||G||^2

    is 1 on average for independent maps, and below 1/2 where their agreement counts for more than
    they do by themselves. Behind a head that flattens it is near 1: then the few maps of largest
    contribution explain the prediction better than the few that draw a rough evidence map.

    Attributes:
        pooled: whether the gradient is constant over every map.
        incoherence: of the contribution maps; infinite where the evidence is zero everywhere.

    Source: docs/evidence.md, with measurements.
    """

    pooled: bool
    incoherence: float

    @classmethod
    def of(
        cls,
        gradients: Float[Tensor, " maps *grid"],
        contribution_maps: Float[Tensor, " maps *grid"],
    ) -> Head:
        """Return the head that gradients and contributions of an image show.

        >>> import torch
        >>> g = torch.tensor([[[1.0, -1.0]], [[1.0, 3.0]]])
        >>> Head.of(torch.ones(2, 1, 2), g), Head.of(g, g)
        (Head(pooled=True, incoherence=1.5), Head(pooled=False, incoherence=1.5))
        """
        gradients, g = gradients.double(), contribution_maps.double()
        mean = gradients.mean(dim=grid_axes(gradients, first=1), keepdim=True)
        varying = (gradients - mean).square().sum()
        own, together = float(g.square().sum()), float(g.sum(dim=0).square().sum())
        return cls(
            bool(varying <= CONSTANT * gradients.square().sum()),
            own / together if together > 0 else float("inf"),
        )

    @property
    def draws(self) -> bool:
        """Whether the selection should draw the evidence, rather than carry the logit."""
        return self.pooled or self.incoherence < INCOHERENT

    @property
    def beta(self) -> float:
        """The beta of the evidence objective: 0 draws, 1 takes the largest contributions."""
        return 0.0 if self.draws else 1.0

    @property
    def reason(self) -> str:
        """Why, as a clause for records and pages."""
        if self.pooled:
            return "the head pools: a map's place is the place of its evidence"
        if self.draws:
            return (
                f"the maps agree on the place of the evidence (incoherence {self.incoherence:.2f})"
            )
        return (
            f"the maps do not agree on the place of the evidence (incoherence "
            f"{self.incoherence:.2f}): those of largest contribution are selected"
        )
