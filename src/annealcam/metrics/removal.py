"""ROAD: remove pixels and fill the hole from its surroundings, so that its shape is hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from annealcam._internal.text import repr_with
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of, real
from annealcam.attribution.network.hooks import borrowed
from annealcam.errors import ArgumentError
from annealcam.metrics.pixels import (
    batched_output,
    check_maps,
    pixel_order,
    places,
    resized,
    target_scores,
)

SCORES = ("probability", "logit")
SHARES = tuple(k / 10 for k in range(1, 10))
NOISE = 0.01  # standard deviation, in units of the normalised image
TOLERANCE = 1e-4  # share of the image's range, small against the noise


@dataclass(frozen=True, eq=False)
class Road:
    """The target's score after shares of the pixels are removed and imputed.

    `most` removes the most relevant pixels first, `least` the least relevant. `morf` and `lerf` are
    the mean changes of the score over the shares: a good map has a low `morf` and a high `lerf`.
    `combined` = (lerf - morf) / 2 is higher for better maps and 0 on average for a random map. It
    changes its sign if the map is inverted, and lies in [-1/2, 1/2] for probabilities.
    """

    shares: Float[Array, " shares"]
    score: Float[Array, " n"]
    most: Float[Array, "n shares"]
    least: Float[Array, "n shares"]

    __repr__ = repr_with("shares", "combined", "morf", "lerf")

    @property
    def morf(self) -> Float[Array, " n"]:
        """Mean change of the score, most relevant pixels first: lower is better."""
        return np.asarray(self.most.mean(axis=1) - self.score)

    @property
    def lerf(self) -> Float[Array, " n"]:
        """Mean change of the score, least relevant pixels first: higher is better."""
        return np.asarray(self.least.mean(axis=1) - self.score)

    @property
    def combined(self) -> Float[Array, " n"]:
        """(lerf - morf) / 2: higher is better."""
        return (self.lerf - self.morf) / 2


def road(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    maps: Float[Array, "..."],
    *,
    targets: Sequence[int],
    shares: Sequence[float] = SHARES,
    score: str = "probability",
    noise: float = NOISE,
    seed: int = 0,
) -> Road:
    """Return the target's score after the most, and the least, relevant pixels are imputed.

    combined = mean_s (z(least relevant share s imputed) - z(most relevant share s imputed)) / 2

    Maps are resized bilinearly and pixels ranked by a stable sort (ties row by row), so that the
    given shares are removed exactly. `ROADCombined` of the package `grad-cam` removes the pixels
    from a percentile on instead, which may be all pixels of a map with many zeros. On maps without
    ties and with equal noise both agree; its percentile p is the share 1 - p/100, its score the
    logit.

    Args:
        model: an image classifier, which is left as it was.
        images: already normalised.
        maps: a map (h, w) for each image, of any resolution.
        targets: a class for each image.
        shares: shares of the pixels, each in [0, 1].
        score: `probability` (by the network's link; the output itself if that is `identity`) or
            `logit`.
        noise: standard deviation of the noise on imputed pixels.
        seed: seed of the noise; all images and shares have the same noise field.

    Raises:
        ArgumentError: there is not one finite map and one class for each image, or a share is
            outside [0, 1].
        TargetError: a target is not a class of the model.
        ModelError: the model fails on the images.
        NumericalError: logits hold NaN or infinity.

    Source: Rong et al. 2022, "A consistent and efficient evaluation strategy for attribution
    methods", section 4.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    >>> result = road(net, torch.randn(1, 3, 8, 8), np.random.rand(1, 4, 4), targets=[0])
    >>> result.most.shape, result.combined.shape
    ((1, 9), (1,))
    """
    one_of("score", score, SCORES)
    check_maps(images, maps, targets)
    counts = [removed_count(share, images[0, 0].numel()) for share in shares]
    if not counts:
        raise ArgumentError("shares is empty: give at least one share of the pixels in [0, 1].")
    order = pixel_order(resized(maps, (images.shape[2], images.shape[3])))
    rows = []
    with borrowed(model), torch.no_grad():
        for image, ranked, target in zip(images, order, targets, strict=True):
            removed = _removed(ranked, counts).reshape(-1, *image.shape[1:])
            filled = impute(image, removed, noise=noise, seed=seed)
            batch = torch.cat([image[None].to(filled), filled])
            rows.append(target_scores(batched_output(model, batch), target, score))
    table = np.stack(rows)
    most, least = np.split(table[:, 1:], 2, axis=1)
    return Road(np.array(shares, dtype=np.float64), table[:, 0], most, least)


def impute(
    image: Float[Tensor, " channels *size"],
    removed: Bool[Tensor, "..."],
    *,
    noise: float = NOISE,
    seed: int = 0,
) -> Float[Tensor, "masks channels rows columns"]:
    """Return an image whose removed pixels are filled from the others, once for each mask.

    x_p = sum_q w_pq x_q / sum_q w_pq + noise * normal,   q the neighbours of p inside the image,
    w = 1/6 for the four beside p and 1/12 for those at its corners, for all removed p at once

    The system is solved to `TOLERANCE` of the image's range. If all pixels are removed, they become
    the image's mean. A pixel has the same noise under every mask.

    Raises:
        ArgumentError: the image is not finite, the masks have another size, or the noise is
            negative.

    Source: Rong et al. 2022, section 4.2, "noisy linear imputation".

    >>> image = torch.arange(5.0).repeat(1, 5, 1)  # a ramp is its own imputation
    >>> hole = torch.zeros(1, 5, 5, dtype=torch.bool)
    >>> hole[0, 2, 2] = True
    >>> round(float(impute(image, hole, noise=0.0)[0, 0, 2, 2]), 3)
    2.0
    """
    if not (real("noise", noise) >= 0 and math.isfinite(noise)):
        raise ArgumentError(f"noise={noise}: must be finite and 0 or more.")
    if image.ndim != 3:
        raise ArgumentError(
            f"image: of shape {tuple(image.shape)}; pixels are filled in images (channels, height, "
            "width) only."
        )
    if removed.shape[1:] != image.shape[1:]:
        raise ArgumentError(
            f"removed has shape {tuple(removed.shape)} for an image of shape {tuple(image.shape)}: "
            "give masks of the image's size."
        )
    plain = image.detach().float().cpu()
    if not plain.isfinite().all():
        raise ArgumentError("images holds NaN or infinity.")
    filled = torch.from_numpy(_solved(plain.numpy(), removed.cpu().numpy())).to(image.device)
    field = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    noisy = filled + noise * field.to(image.device)
    return torch.where(removed[:, None].to(image.device), noisy, filled)


def removed_count(share: float, pixels: int) -> int:
    """Return the number of pixels at or above the percentile 100 (1 - share).

    N - ceil((1 - share) (N - 1)), for values without ties and an interpolated percentile; all
    pixels for a share of 1 and none for a share of 0.

    Raises:
        ArgumentError: the share is outside [0, 1].

    >>> removed_count(0.1, 50176), removed_count(0.5, 4), removed_count(1, 9), removed_count(0, 9)
    (5018, 2, 9, 0)
    """
    if not 0 <= real("shares", share) <= 1:
        raise ArgumentError(f"shares={share}: must lie in [0, 1], such as 0.1.")
    if share == 0:
        return 0
    return pixels - math.ceil((1 - share) * (pixels - 1) - 1e-6)  # not for rounding alone


def _removed(ranked: Int[Tensor, " pixels"], counts: Sequence[int]) -> Bool[Tensor, "twice pixels"]:
    """Return the masks of the most relevant pixels for every count, then of the least relevant."""
    place, most = places(ranked), torch.tensor(counts)[:, None]
    return torch.cat([place < most, place >= len(ranked) - most])


def _solved(
    image: Float[Array, "channels height width"], removed: Bool[Array, "masks height width"]
) -> Float[Array, "masks channels height width"]:
    from annealcam.metrics.kernels.imputation import fill  # imports numba

    filled = np.tile(image, (len(removed), 1, 1, 1))
    tolerance = max(TOLERANCE * float(np.ptp(image)), 1e-6 * float(np.abs(image).max()))
    for planes, mask in zip(filled, removed, strict=True):
        kept = image[:, ~mask] if not mask.all() else image.reshape(len(image), -1)
        planes[:, mask] = kept.mean(axis=1)[:, None]  # initial values of the solver
    open_ = [k for k, mask in enumerate(removed) if mask.any() and not mask.all()]
    with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
        list(
            pool.map(lambda k: fill(filled[k], np.ascontiguousarray(removed[k]), tolerance), open_)
        )
    return filled
