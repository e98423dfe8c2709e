"""ROAD beside pytorch-grad-cam's ROADCombined: time on the same network, and agreement.

    export ANNEALCAM_DATA=FOLDER OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    .venv/bin/python benchmarks/road.py

One photo at 224 x 224 (noise where there is no ANNEALCAM_DATA), nine shares, both orders, in turn,
with the same number of threads (of which the peer's solver, one system at a time, uses one). Both
sides count their forward passes: the peer runs 36 images, ours are 19. With a network that costs
much the passes alone bound the ratio, as the note says; the rows without a network show the
imputation, those with a light one all that is not the network. The scores (logits) must agree to
1e-3 without noise, else the program ends with an error.
"""

from __future__ import annotations

import os
from typing import Annotated

import numpy as np
import torch
import typer
from pytorch_grad_cam.metrics import road as peer
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.data.sets import load_set
from annealcam.metrics.pixels import pixel_order, resized
from annealcam.metrics.reference_maps import random_map
from annealcam.metrics.removal import SHARES, impute, removed_count, road
from annealcam.models.images import load_image
from timing import Goal, Row, print_heading, print_row, seconds, side_by_side, timed, use_one_thread

SIDE = 224
AGREE = 1e-3


class Quiet(peer.NoisyLinearImputer):
    """The peer's imputer without its noise, which no seed of ours could repeat."""

    def __init__(self):
        super().__init__(noise=0.0)


def light_network() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 8, stride=8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(8, 10)).eval()


def photo(loaded) -> torch.Tensor:
    if not os.environ.get("ANNEALCAM_DATA"):
        torch.manual_seed(0)
        return torch.randn(1, 3, SIDE, SIDE)
    return loaded.preprocess(load_image(load_set("imagenette", part="unseen").files[0]))[None]


def maps_of(model: nn.Module, image: torch.Tensor) -> dict[str, np.ndarray]:
    """Grad-CAM before its ReLU and a random map, both by ranks.

    Bilinear resizing repeats the outermost values along the border: without the ranks, the peer's
    threshold falls among equal pixels, and a few of them are removed by one side alone.
    """
    captured = capture(model, image, layer="bn2")
    weights = captured.gradients.mean(dim=(2, 3), keepdim=True)
    cam = (weights * captured.activations).sum(dim=1).cpu().numpy()
    return {"Grad-CAM": by_rank(cam), "random": by_rank(random_map((SIDE, SIDE), seed=0)[None])}


def by_rank(cam: np.ndarray) -> np.ndarray:
    """A map in (0, 1) of the same order, without ties, also when subtracted from 1."""
    order = pixel_order(resized(cam, (SIDE, SIDE)))[0].numpy()
    ranked = np.empty(len(order), np.float32)
    ranked[order] = 1 - (np.arange(len(order)) + 0.5) / len(order)
    return ranked.reshape(1, SIDE, SIDE)


def with_network(what, model, image, cam, goal, runs):
    target = int(predicted(model, image))
    judge = [ClassifierOutputTarget(target)]
    mine = road(model, image, cam, targets=[target], score="logit", noise=0.0).combined
    theirs = peer.ROADCombined()(image, cam, judge, model)
    apart = float(np.abs(mine - theirs).max())
    if not apart < AGREE:
        raise SystemExit(f"{what}: ours {mine}, theirs {theirs}")
    times = side_by_side(
        lambda: road(model, image, cam, targets=[target], score="logit"),
        lambda: peer.ROADCombined()(image, cam, judge, model),
        runs,
    )
    passes = min(timed(lambda: _logits_of_19(model, image)) for _ in range(3))
    note = f"scores apart {apart:.1e}; our 19 passes alone take {seconds(passes)}"
    return Row(what, times[0], "ROADCombined", times[1], goal, note)


def _logits_of_19(model, image):
    same = image.repeat(19, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        return [model(part) for part in same.split(4)]


def predicted(model, image):
    with torch.no_grad():
        return model(image).argmax(dim=1)[0]


def without_network(what, image, cam, runs):
    order = pixel_order(torch.from_numpy(cam))[0]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    counts = torch.tensor([removed_count(s, len(order)) for s in SHARES])[:, None]
    removed = torch.cat([rank < counts, rank >= len(order) - counts]).reshape(-1, SIDE, SIDE)
    remaining = (~removed).float()
    mine = impute(image[0], removed, noise=0.0)
    theirs = torch.stack([Quiet()(image[0], mask) for mask in remaining])
    apart = float((mine - theirs).abs().max())
    times = side_by_side(
        lambda: impute(image[0], removed),
        lambda: [peer.NoisyLinearImputer()(image[0], mask) for mask in remaining],
        runs,
    )
    note = f"pixels apart {apart:.1e}, of a range of {float(image.max() - image.min()):.1f}"
    return Row(what, times[0], "NoisyLinearImputer, 18 masks", times[1], None, note)


def main(
    runs: Annotated[int, typer.Option(help="measurements of each")] = 3,
    threads: Annotated[int, typer.Option(help="torch's, for both sides")] = 1,
) -> None:
    use_one_thread()
    torch.set_num_threads(threads)
    loaded = ac.load_model("efficientnet-lite0")
    image = photo(loaded)
    ours, theirs = peer.NoisyLinearImputer, Quiet
    print_heading(f"ROAD at 224 x 224, one photo, {threads} threads")
    for name, cam in maps_of(loaded.model, image).items():
        print_row(without_network(f"imputation alone, {name}", image, cam, runs))
        for what, model, goal in (
            ("light network", light_network(), Goal(20.0)),
            ("EfficientNet-Lite0", loaded.model, Goal(20.0)),
        ):
            # Without noise on both sides: it costs next to nothing, and scores can be compared.
            peer.NoisyLinearImputer = theirs
            try:
                print_row(with_network(f"{what}, {name}", model, image, cam, goal, runs))
            finally:
                peer.NoisyLinearImputer = ours


if __name__ == "__main__":
    typer.run(main)
