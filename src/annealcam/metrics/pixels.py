"""Pixel faithfulness: the network's scores as a map's pixels are removed or inserted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, whole
from annealcam.attribution.activations import refuse_non_finite
from annealcam.attribution.contrast import targets_of
from annealcam.attribution.network.hooks import borrowed, predict, watched
from annealcam.attribution.network.model_output import ModelOutput, probabilities
from annealcam.errors import ArgumentError

MODES = ("deletion", "insertion")
BLUR = 224 / 10  # side of the image over the standard deviation of the blur
AT_ONCE = 4  # images in a forward pass on a CPU, where larger batches are slower


@dataclass(frozen=True, eq=False)
class Perturbation:
    """The target's probability as pixels are deleted or inserted, most relevant pixels first.

    It is that of the network's link; for `identity` it is the output itself. `auc` is the area
    under the curve over the share of pixels, in [0, 1]: lower is better for deletion, higher for
    insertion.
    """

    mode: str
    shares: Float[Array, " steps"]
    probabilities: Float[Array, "n steps"]

    __repr__ = repr_with("mode", "shares", "auc")

    @property
    def auc(self) -> Float[Array, " n"]:
        """Area under each image's curve, by the trapezoidal rule."""
        area: Float[Array, " n"] = np.trapezoid(self.probabilities, self.shares, axis=1)
        return area


def perturbation(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    maps: Float[Array, "..."],
    *,
    targets: Sequence[int],
    mode: str,
    steps: int = 28,
) -> Perturbation:
    """Return the target's probability as pixels are deleted or inserted in a map's order.

    Deletion replaces the most relevant pixels by those of the blurred image; insertion starts with
    the blurred image and restores them. Maps are resized bilinearly. Pixels are ranked by a stable
    sort (ties row by row), so that a sparse map removes as many pixels in a step as any other.

    Args:
        model: an image classifier.
        images: already normalised.
        maps: a map for each image, of any resolution.
        targets: a class for each image.
        mode: `deletion` or `insertion`.
        steps: number of equal steps from no pixel to all.

    Raises:
        ArgumentError: there is not one finite map and one class for each image, or `mode` is
            unknown.
        TargetError: a target is not a class of the model.
        ModelError: the model fails on the images.
        NumericalError: logits hold NaN or infinity.

    Source: Petsiuk et al. 2018, "RISE", section 4, with the blurred image as baseline of both.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    >>> x = torch.randn(1, 3, 8, 8)
    >>> perturbation(net, x, np.ones((1, 4, 4)), targets=[0], mode="deletion").auc.shape
    (1,)
    """
    one_of("mode", mode, MODES)
    shares = np.linspace(0.0, 1.0, whole("steps", steps, least=1) + 1)
    check_maps(images, maps, targets)
    order = pixel_order(resized(maps, (images.shape[2], images.shape[3])))
    counts = torch.from_numpy(np.rint(shares * order.shape[1]))[:, None]
    scores = []
    with borrowed(model), torch.no_grad():
        for image, ranked, target in zip(images, order, targets, strict=True):
            first, second = image[None], blurred(image[None])
            if mode == "insertion":
                first, second = second, first
            replaced = (places(ranked) < counts).reshape(-1, 1, *image.shape[1:])
            output = batched_output(model, torch.where(replaced.to(image.device), second, first))
            scores.append(target_scores(output, target))
    return Perturbation(mode, shares, np.stack(scores))


@dataclass(frozen=True, eq=False)
class ConfidenceChange:
    """The target's probability of an image, and of the image multiplied by its map.

    `drop` is max(0, p - p_masked) / p, in [0, 1], lower is better; `increase` is 1 if p_masked is
    above p. Where the outputs are numbers (link `identity`), these are p, and the drop is NaN
    where p is not positive. **They cannot rank methods**: a random map scores as well as Grad-CAM.
    They are provided because publications report them.
    """

    probability: Float[Array, " n"]
    probability_masked: Float[Array, " n"]

    __repr__ = repr_with("drop", "increase")

    @property
    def drop(self) -> Float[Array, " n"]:
        """Relative drop of each image's probability."""
        lost, whole = self.probability - self.probability_masked, self.probability
        return np.where(whole > 0, np.maximum(lost, 0.0) / np.where(whole > 0, whole, 1.0), np.nan)

    @property
    def increase(self) -> Float[Array, " n"]:
        """1 if the probability rises, else 0."""
        return (self.probability_masked > self.probability).astype(np.float64)


def confidence_change(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    maps: Float[Array, "..."],
    *,
    targets: Sequence[int],
) -> ConfidenceChange:
    """Return the target's probability of each image, and of the image multiplied by its map.

    p_masked = p(model(x * m))_c,   m the map resized and scaled to [0, 1]; 0 if constant

    p makes probabilities of logits by the network's link.

    Raises:
        ArgumentError: there is not one finite map and one class for each image.
        TargetError: a target is not a class of the model.
        ModelError: the model fails on the images.
        NumericalError: logits hold NaN or infinity.

    Source: Chattopadhay et al. 2018, "Grad-CAM++", section 5.1 (average drop and increase).

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    >>> change = confidence_change(
    ...     net, torch.randn(1, 3, 8, 8), np.random.rand(1, 4, 4), targets=[0])
    >>> bool(0 <= change.drop[0] <= 1)
    True
    """
    check_maps(images, maps, targets)
    large = resized(maps, (images.shape[2], images.shape[3]))
    low = large.amin(dim=(1, 2), keepdim=True)
    span = large.amax(dim=(1, 2), keepdim=True) - low
    scaled = torch.where(span > 0, (large - low) / torch.where(span > 0, span, 1.0), 0.0)
    with borrowed(model), torch.no_grad():
        dimmed = images * scaled[:, None].to(images)
        return ConfidenceChange(
            *(target_scores(batched_output(model, x), targets) for x in (images, dimmed))
        )


def batched_output(
    model: nn.Module, images: Float[Tensor, "m channels height width"]
) -> ModelOutput:
    """Return the logits of a borrowed model and their link, on a CPU in small batches.

    The maps of few images stay in the CPU's caches, and convolutions are faster with channels last:
    the same logits up to rounding, in two thirds of the time.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    >>> batched_output(net, torch.ones(5, 3, 2, 2)).logits.shape
    torch.Size([5, 2])
    """
    on_cpu = all(p.device.type == "cpu" for p in model.parameters())
    size = AT_ONCE if on_cpu else len(images)
    ordered = images.contiguous(memory_format=torch.channels_last)

    def output_of(part: Tensor) -> ModelOutput:
        return watched(lambda watch: predict(model, part, watch=watch))

    outputs = [output_of(part) for part in torch.split(ordered, size)]
    return replace(outputs[0], logits=torch.cat([output.logits for output in outputs]))


def target_scores(
    output: ModelOutput, targets: int | Sequence[int], score: str = "probability"
) -> Float[Array, " m"]:
    """Return the targets' probabilities or logits, in float64; one target applies to all images.

    Where the outputs are numbers (link `identity`), they take the place of probabilities.

    Raises:
        TargetError: a target is not a class of the model.
        NumericalError: logits hold NaN or infinity.

    >>> target_scores(ModelOutput(torch.zeros(2, 4), "softmax", "given"), 3)
    array([0.25, 0.25])
    """
    refuse_non_finite("logits", output.logits)
    wide = output.logits.double()
    values = probabilities(wide, output.link) if score == "probability" else wide
    return values.gather(1, targets_of(wide, targets)[:, None])[:, 0].cpu().numpy()


def pixel_order(maps: Float[Tensor, "n height width"]) -> Int[Tensor, "n pixels"]:
    """Return the pixels of each map, most relevant first, ties row by row.

    >>> pixel_order(torch.tensor([[[0.0, 2.0], [2.0, 1.0]]]))
    tensor([[1, 2, 3, 0]])
    """
    return maps.flatten(1).argsort(dim=1, descending=True, stable=True)


def resized(maps: Float[Array, "n h w"], size: tuple[int, int]) -> Float[Tensor, "n height width"]:
    """Return maps that are resized bilinearly to the image's resolution.

    >>> resized(np.ones((1, 2, 2)), (4, 4)).shape
    torch.Size([1, 4, 4])
    """
    small = torch.from_numpy(np.asarray(maps, dtype=np.float64))[:, None]
    return functional.interpolate(small, size=size, mode="bilinear", align_corners=False)[:, 0]


def blurred(images: Float[Tensor, "n channels height width"]) -> Tensor:
    """Return images blurred by a Gaussian of standard deviation 10 / 224 of their shorter side.

    >>> blurred(torch.ones(1, 3, 16, 16)).shape
    torch.Size([1, 3, 16, 16])
    """
    side = min(images.shape[2:])
    sigma = side / BLUR
    reach = min(math.ceil(3 * sigma), side - 1)  # the border is reflected at most once
    distance = torch.linspace(
        -reach, reach, 2 * reach + 1, dtype=images.dtype, device=images.device
    )
    density = torch.exp(-0.5 * (distance / sigma).pow(2))
    weights = density / density.sum()
    channels = images.shape[1]
    wide, high = weights[None, :], weights[:, None]  # a Gaussian is separable
    for kernel, edges in ((wide, (reach, reach, 0, 0)), (high, (0, 0, reach, reach))):
        padded = functional.pad(images, edges, mode="reflect")
        kernels = kernel.expand(channels, 1, *kernel.shape)
        images = functional.conv2d(padded, kernels, groups=channels)
    return images


def places(ranked: Int[Tensor, " pixels"]) -> Int[Tensor, " pixels"]:
    """Return the rank of each pixel, given the pixels in order: the inverse permutation.

    >>> places(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    place = torch.empty_like(ranked)
    place[ranked] = torch.arange(len(ranked))
    return place


def check_maps(images: Tensor, maps: Float[Array, "..."], targets: Sequence[int]) -> None:
    """Raise ArgumentError unless each image has rows, columns, a finite map and a class."""
    if images.ndim != 4:
        raise ArgumentError(
            f"images: of shape {tuple(images.shape)}; pixels are removed from images (n, channels, "
            "height, width) only. `channel_faithfulness` removes feature maps, whatever their axes."
        )
    fits = maps.ndim == 3
    if not (fits and len(images) == len(maps) == len(targets) >= 1):
        raise ArgumentError(
            f"maps of shape {maps.shape} and {len(targets)} targets for images of shape "
            f"{tuple(images.shape)}: give one map (h, w) and one class for each image."
        )
    if not np.isfinite(maps).all():
        raise ArgumentError("maps holds NaN or infinity.")
