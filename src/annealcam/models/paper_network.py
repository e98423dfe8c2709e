"""The paper's network: a small head of few feature maps on the trunk of a pretrained network."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class PaperNetwork(nn.Module):
    """A trunk, one block of `maps` feature maps, and one linear layer on the flattened maps.

        z = W flatten(BatchNorm(ReLU(Conv3x3(trunk(x))))) + b

    The layer `block` holds the paper's maps (signed, for BatchNorm comes last), `block.1` the same
    maps before BatchNorm (not negative). The head after either is linear, so the importance
    alpha_a = mean_ij dz_c/df^(a)_ij of `block` is the mean of W[c, a], the same for every image.

    A frozen trunk takes no gradient, and stays in evaluation mode while the head trains: its
    BatchNorms keep the statistics that they were trained with.

    Args:
        trunk: images to features (n, channels, h, w).
        features: (channels, h, w) of what the trunk gives.
        maps: N_f, the number of feature maps to choose from.
        classes: the number of logits.
        frozen: whether the trunk is left as it is.

    Source: arXiv 2604.25649, section on the architecture.

    >>> import torch
    >>> network = PaperNetwork(nn.Identity(), features=(3, 6, 6), maps=4, classes=2)
    >>> network(torch.zeros(5, 3, 6, 6)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        trunk: nn.Module,
        *,
        features: tuple[int, int, int],
        maps: int,
        classes: int,
        frozen: bool = True,
    ):
        super().__init__()
        channels, height, width = features
        self.features, self.frozen = (channels, height, width), frozen
        self.trunk = trunk
        self.block = nn.Sequential(
            nn.Conv2d(channels, maps, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(maps)
        )
        self.classifier = nn.Linear(maps * height * width, classes)
        for parameter in trunk.parameters():
            parameter.requires_grad_(not frozen)
        self.train(self.training)

    def forward(self, images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n classes"]:
        """Return the logits of images."""
        return self.head(self.trunk(images))

    def head(self, features: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n classes"]:
        """Return the logits of features that the trunk gave."""
        return self.classifier(self.block(features).flatten(1))

    def train(self, mode: bool = True) -> PaperNetwork:
        """Set the training mode of the head, and of the trunk unless it is frozen."""
        super().train(mode)
        if self.frozen:
            self.trunk.eval()
        return self
