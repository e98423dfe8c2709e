"""Weights of the CAM methods that run the network again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxtyping import Float, Int

from annealcam._internal.map_axes import LINEAR, grid_axes
from annealcam._internal.types import Tensor
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.importance import gradcam_weights
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.attribution.cams.network_run import NetworkRun

COPIES = 16  # of a layer's maps that go through the rest of the network together
SIMILAR_CLASSES = 3  # with which Finer-CAM compares the target


def scorecam_weights(inputs: CamInputs) -> Float[Tensor, "n maps"]:
    """Return Score-CAM's weight of every map: softmax over the maps of z_c(image * mask).

    The mask of a map is the map itself, resized to the image (linear along each axis, corners
    aligned) and stretched over [0, 1]. A map that is constant has no mask: its image is zero
    everywhere. One run of the network serves all of them, among which are the dead maps.

    The paper subtracts the logit of a baseline image, which the softmax cancels. The package
    `grad-cam` adds 1e-8 to the range of a mask, and also stretches the rounding errors of a
    constant map that is not zero.

    Raises:
        ArgumentError: maps have more or fewer axes than the images, so that they mask none.

    Source: Wang et al. 2020, eq. 4 to 6 and algorithm 1.
    """
    import torch

    run = inputs.needed_run("scorecam")
    each = [_masked_scores(run, i, maps) for i, maps in enumerate(inputs.activations)]
    return torch.stack(each).softmax(dim=1)


def _masked_scores(
    run: NetworkRun, i: int, maps: Float[Tensor, " maps *grid"]
) -> Float[Tensor, " maps"]:
    """Return the score of image i under the mask of each map."""
    image = run.images[i : i + 1].to(maps)
    size, grid = tuple(image.shape[2:]), tuple(maps.shape[1:])
    if len(size) != len(grid):
        raise ArgumentError(
            f"method='scorecam': maps {grid} cannot mask images {size}, which have other axes; "
            "choose another layer, or another method, such as 'ablationcam'"
        )
    positions = maps.flatten(1)
    constant = positions.amax(dim=1) == positions.amin(dim=1)
    scores = maps.new_zeros(len(maps))
    if constant.any():
        scores[constant] = run.scores_of(image.new_zeros(image.shape), image=i)
    for channels in _parts((~constant).nonzero()[:, 0], run.at_once):
        masks = _stretched(maps[channels], size)
        scores[channels] = run.scores_of(image * masks[:, None], image=i)
    return scores


def _stretched(maps: Float[Tensor, " m *grid"], size: tuple[int, ...]) -> Float[Tensor, " m *size"]:
    """Return maps resized to an image and stretched over [0, 1]; zero where they are constant."""
    from torch.nn.functional import interpolate

    masks = interpolate(maps[:, None], size=size, mode=LINEAR[len(size)], align_corners=True)[:, 0]
    axes = grid_axes(masks, first=1)
    low, high = masks.amin(dim=axes, keepdim=True), masks.amax(dim=axes, keepdim=True)
    return ((masks - low) / (high - low)).where(high > low, 0.0)


def ablationcam_weights(inputs: CamInputs) -> Float[Tensor, "n maps"]:
    """Return Ablation-CAM's weight of every map: the share of the logit that is lost without it.

    w_a = (z_c - z_c without map a) / |z_c|,   undivided where z_c = 0

    A map is taken away by setting it to zero, and only what lies behind the layer runs for each.
    Dead maps lose nothing and are not run.

    The paper and the package `grad-cam` divide by z_c itself, which turns the map of a class of
    negative logit upside down and fails at zero. In layers with negative activations the package
    does not set a map to zero but to 1e7 below the layer's minimum, which is no ablation.

    Source: Desai and Ramaswamy 2020, eq. 2 and 3.
    """
    import torch

    run = inputs.needed_run("ablationcam")
    each = []
    for i, (maps, score) in enumerate(zip(inputs.activations, run.scores, strict=True)):
        drops = maps.new_zeros(len(maps))
        alive = maps.flatten(1).any(dim=1).nonzero()[:, 0]
        with run.behind_layer(i) as scores_with:
            for channels in _parts(alive, min(COPIES, run.in_memory)):
                without = maps.repeat(len(channels), *[1] * maps.ndim)
                without[torch.arange(len(channels)), channels] = 0
                drops[channels] = score - scores_with(without)
        each.append(drops / score.abs() if score != 0 else drops)
    return torch.stack(each)


def _parts(channels: Int[Tensor, " m"], most: int) -> Sequence[Int[Tensor, " part"]]:
    """Return the channels in parts of at most so many; no part if there are no channels."""
    import torch

    return torch.split(channels, most) if len(channels) else ()


def finercam_weights(inputs: CamInputs) -> Float[Tensor, "n maps"]:
    """Return Finer-CAM's weight of every map: Grad-CAM's, of what separates similar classes.

    alpha_a = mean_ij dS / df^(a)_ij,   S = sum_j p_j (z_c - z_j) / sum_j p_j

    The sums are over the three classes j whose logits are nearest to z_c, and p is the softmax of
    all logits, differentiated like all else. With two or three classes there are fewer to compare
    with; with one, or with outputs that are numbers, this is Grad-CAM. Where classes were captured
    `against` others, S is that score.

    The package `grad-cam` adds 1e-9 to the denominator, which counts where a prediction is so
    confident that all of the p_j are of that order.

    Source: Zhang et al. 2025, eq. 7, with base method Grad-CAM and alpha = 1.
    """
    run = inputs.needed_run("finercam")
    weights, targets = run.captured.score_weights, run.captured.targets
    is_alone = (weights != 0).sum() == len(targets)  # no other classes are named
    if is_alone and run.captured.link != "identity":
        weights = contrast_weights(run.captured.logits, targets)
    return gradcam_weights(run.gradients(weights))


def contrast_weights(
    logits: Float[Tensor, "n classes"], targets: Int[Tensor, " n"]
) -> Float[Tensor, "n classes"]:
    """Return dS/dz of Finer-CAM's score S = z_c - sum_j r_j z_j, r = softmax of the nearest z_j.

    dS/dz_c = 1,   dS/dz_j = -r_j (1 + z_j - sum_i r_i z_i)

    It sums to zero: S does not change if all logits are shifted alike.

    >>> import torch
    >>> contrast_weights(torch.tensor([[5.0, 2.0, 2.0, 0.0, -9.0]]), torch.tensor([0]))[0, :3]
    tensor([ 1.0000, -0.5277, -0.5277])
    """
    own = targets[:, None]
    distances = (logits - logits.gather(1, own)).abs().scatter(1, own, float("inf"))
    nearest = distances.argsort(dim=1, stable=True)[:, : min(SIMILAR_CLASSES, logits.shape[1] - 1)]
    values = logits.gather(1, nearest)
    shares = values.softmax(dim=1)
    mean = (shares * values).sum(dim=1, keepdim=True)
    weights = logits.new_zeros(logits.shape).scatter(1, own, 1.0)
    return weights.scatter(1, nearest, -shares * (1 + values - mean))
