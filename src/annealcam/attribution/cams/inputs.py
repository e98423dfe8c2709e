"""What CAM methods draw maps from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float

from annealcam._internal.text import short_repr
from annealcam._internal.types import Tensor
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from torch import nn

    from annealcam.attribution.activations import Capture
    from annealcam.attribution.cams.network_run import NetworkRun


@dataclass(frozen=True, eq=False, repr=False)
class CamInputs:
    """Activations and gradients of a layer, and the run of the network that they come from.

    Attributes:
        activations: f, of a batch of images.
        gradients: of each image's target logit with respect to f.
        run: for the methods that run the network again; None where there is no network.
    """

    activations: Float[Tensor, "n maps *grid"]
    gradients: Float[Tensor, "n maps *grid"]
    run: NetworkRun | None = None

    def __repr__(self) -> str:
        return short_repr("CamInputs", activations=tuple(self.activations.shape), run=self.run)

    @classmethod
    def of(
        cls, captured: Capture, model: nn.Module, images: Float[Tensor, "n channels *size"]
    ) -> CamInputs:
        """Return the inputs for what a layer of a network made of images.

        >>> import torch
        >>> from annealcam.attribution.activations import capture
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten())
        >>> images = torch.ones(2, 3, 8, 8)
        >>> CamInputs.of(capture(net, images, layer="0"), net, images).activations.shape
        torch.Size([2, 4, 6, 6])
        """
        from annealcam.attribution.cams.network_run import NetworkRun  # needs torch itself

        run = NetworkRun(model, images, captured)
        return cls(captured.activations, captured.gradients, run)

    def needed_run(self, method: str) -> NetworkRun:
        """Return the run of the network for a method that runs it again.

        Raises:
            ArgumentError: there is none.
        """
        if self.run is None:
            raise ArgumentError(
                f"method={method!r}: it runs the network again; draw its map by `annealcam.cam`"
            )
        return self.run
