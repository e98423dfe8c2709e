"""Explain MONAI's DenseNet121 on a volume: a bright ball in noise.

The weights are random, so that nothing is downloaded: such a network reacts to what is bright, in
shallow layers at the place where it is bright. Replace `network` and `volume` by your own.

    python docs/examples/volume_monai.py ball.png
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from monai.networks.nets import DenseNet121

import annealcam as ac

SIDE, RADIUS, CENTRE = 48, 6, (28, 12, 14)  # voxels
# Of 12 x 12 x 12 cells, and after a ReLU. The last layers have 1 x 1 x 1 cells at this size.
LAYER = "features.transition1.relu"


def network() -> torch.nn.Module:
    """Return a DenseNet121 for volumes of one channel and two classes, with seeded weights."""
    torch.manual_seed(4)
    return DenseNet121(spatial_dims=3, in_channels=1, out_channels=2).eval()


def volume() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a volume (1, depth, height, width) with a bright ball, and the same without it."""
    axes = [torch.arange(float(SIDE)) - centre for centre in CENTRE]
    squares = sum(distance**2 for distance in torch.meshgrid(*axes, indexing="ij"))
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1, SIDE, SIDE, SIDE, generator=generator)
    return noise + (squares < RADIUS**2), noise


def main(picture: str = "ball.png") -> ac.Explanation:
    """Explain the class that the ball makes likelier, and write the picture."""
    model = network()
    with_ball, without = volume()
    with torch.no_grad():
        target = int((model(with_ball[None]) - model(without[None])).argmax())
    e = ac.explain(model, with_ball, layer=LAYER, target=target)
    cell = SIDE / e.map.shape[0]
    peak = (np.array(np.unravel_index(e.map.argmax(), e.map.shape)) + 0.5) * cell
    print(e)
    print("the map's maximum lies at voxel", peak.tolist(), "and the ball's centre at", CENTRE)
    e.overlay().save(picture)
    return e


if __name__ == "__main__":
    main(*sys.argv[1:])
