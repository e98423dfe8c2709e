"""Whether a network learned the shortcut, and whether its maps, scores and atlas reveal it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.statistics import mean_interval
from annealcam._internal.types import Array, Progress
from annealcam.atlas.atlas import Atlas, Region
from annealcam.atlas.build import build_atlas
from annealcam.audit.observations import METHODS, Observations, concatenate
from annealcam.audit.scores import SCORES, RankedClass, rank_classes, score_photos
from annealcam.audit.shares import share_inside
from annealcam.data.labelled import LabelledSet
from annealcam.data.splits import draw_per_class
from annealcam.evaluation.masks import mask_in_view
from annealcam.models.load import load_checkpoint

from .patch import Planted, planted, planted_rows
from .trial import LAYER, Plan, Trial

DUE = 1 / 3  # share of a map's activation due to the patch from which it is a patch map
TOP = 9  # regions of a map in the atlas


@dataclass(frozen=True, eq=False)
class Paired:
    """The photos of one class without and with the patch, observed in one network.

    Attributes:
        due: share of each channel's activation on stamped photos that is due to the patch.
        inside: mean share of each channel's activation on the patch.
        with_patch, without: share of the photos for which each channel is selected.
        stamped, clean: the observations of the photos with and without the patch.
    """

    due: Float[Array, " maps"]
    inside: Float[Array, " maps"]
    with_patch: Float[Array, " maps"]
    without: Float[Array, " maps"]
    stamped: Observations
    clean: Observations

    @property
    def patch_maps(self) -> Int[Array, " k"]:
        """The channels of which a third or more is due to the patch, the largest share first."""
        order = np.argsort(-self.due, kind="stable")
        return order[self.due[order] >= DUE]


def compare(clean: Observations, stamped: Observations, label: int) -> Paired:
    """Compare the photos of a class without and with the patch, channel by channel.

    due_a = 1 - sum_i mean f_a(x_i) / sum_i mean f_a(x_i with the patch), at least 0; it is 0 for a
    channel that is never positive.
    """
    before, after = (each.subset(each.labels == label) for each in (clean, stamped))
    total = np.maximum(after.means.sum(axis=0, dtype=np.float64), 0.0)
    without = before.means.sum(axis=0, dtype=np.float64)
    due = np.where(total > 0, 1.0 - without / np.where(total > 0, total, 1.0), 0.0)
    finite = np.isfinite(after.on_mask)
    sums = np.where(finite, after.on_mask, 0.0).sum(axis=0)
    return Paired(
        due=np.clip(due, 0.0, 1.0),
        inside=sums / np.maximum(finite.sum(axis=0), 1),
        with_patch=after.selected.mean(axis=0),
        without=before.selected.mean(axis=0),
        stamped=after,
        clean=before,
    )


def selection_rate(observations: Observations, channels: Int[Array, " k"]) -> float:
    """Return the share of photos for which one of these channels is selected."""
    return float(observations.selected[:, channels].any(axis=1).mean())


def contribution_rate(observations: Observations, channels: Int[Array, " k"]) -> float:
    """Return the share of photos for which one of these channels has a top-k contribution.

    k is the size of the photo's selection.
    """
    order = np.argsort(-observations.contributions, axis=1, kind="stable")
    places = np.argsort(order, axis=1, kind="stable")
    sizes = observations.selected.sum(axis=1)[:, None]
    return float((places < sizes)[:, channels].any(axis=1).mean())


def reveal(trial: Trial, label: int) -> dict[str, Any]:
    """Return what class dictionary, maps and predictions of one network reveal about a class.

    `flipped` is the share of other classes' photos, not yet predicted as the class, that the patch
    turns into it. For a network without the shortcut, the result is the control.
    """
    clean, stamped = trial.clean, trial.stamped
    of_class = clean.labels == label
    before, after = clean.predicted == label, stamped.predicted == label
    others = ~of_class & ~before
    pair = compare(clean, stamped, label)
    channels, strongest = pair.patch_maps, np.argsort(-pair.due, kind="stable")[:1]
    rise = pair.stamped.contributions.sum(axis=1) - pair.clean.contributions.sum(axis=1)
    in_patch_maps = (
        pair.stamped.contributions[:, channels] - pair.clean.contributions[:, channels]
    ).sum(axis=1)
    return {
        "accuracy_without": float(before[of_class].mean()),
        "accuracy_with": float(after[of_class].mean()),
        "flipped": float(after[others].mean()) if others.any() else 0.0,
        "patch_maps": channels.tolist(),
        "patch_maps_due": pair.due[channels].tolist(),
        "selected_with": selection_rate(pair.stamped, channels),
        "selected_without": selection_rate(pair.clean, channels),
        "top_gain_with": contribution_rate(pair.stamped, channels),
        "top_gain_without": contribution_rate(pair.clean, channels),
        "strongest": int(strongest[0]),
        "strongest_due": float(pair.due[strongest[0]]),
        "strongest_inside": float(pair.inside[strongest[0]]),
        "strongest_with": selection_rate(pair.stamped, strongest),
        "strongest_without": selection_rate(pair.clean, strongest),
        "logit_rise": float(rise.mean()),
        "logit_rise_in_patch_maps": float(in_patch_maps.mean()),
        "inside": {m: _mean(share_on_patch(pair.stamped, m)) for m in METHODS},
        "inside_without": {m: _mean(share_on_patch(pair.clean, m)) for m in METHODS},
        "area": float(pair.stamped.coverage.mean()),
    }


def share_on_patch(observations: Observations, method: str) -> Float[Array, " n"]:
    """Return the share of each photo's map on the patch (energy-based pointing game)."""
    return share_inside(observations.maps[method], observations.coverage)


def places(trial: Trial, label: int, classes: int) -> dict[str, dict[str, int]]:
    """Return the place of the class in every ranking, by score and by method.

    The photos are those of a collection with the shortcut: the same draw as for training decides
    which are stamped. For `outside`, everything but the patch is the object.
    """
    clean, plan = trial.clean, trial.about["plan"]
    stamped = planted_rows(
        clean.images, clean.labels, label, share=plan["share"], elsewhere=plan["elsewhere"],
        seed=trial.seed,
    )  # fmt: skip
    both = concatenate([clean, trial.stamped])
    observations = both.subset(np.arange(len(clean)) + len(clean) * stamped)
    observations = replace(observations, coverage=1.0 - observations.coverage)
    return {
        score: {
            method: place_of(
                rank_classes(
                    score_photos(observations, score, classes=classes, method=method),
                    observations.labels, classes,
                ),
                label,
            )
            for method in (METHODS if score != "foreign" else METHODS[:1])
        }
        for score in SCORES
    }  # fmt: skip


def place_of(ranking: list[RankedClass], label: int) -> int:
    """Return the place of a class in a ranking, 1 for the first."""
    return 1 + [ranked.label for ranked in ranking].index(label)


def patch_regions(
    test: LabelledSet, trial: Trial, plan: Plan, *, progress: Progress | None = None
) -> dict[str, int]:
    """Return the number of regions that the atlas has of the patch map, and of those on the patch.

    The atlas is built over a collection with the shortcut and kept beside the trial. A region is
    on the patch if their boxes intersect. The patch map is the one with the largest share due to
    the patch.
    """
    assert trial.label is not None
    collection = planted(
        draw_per_class(test, plan.photos_per_class), trial.label, trial.patch, share=plan.share,
        elsewhere=plan.elsewhere, seed=trial.seed,
    )  # fmt: skip
    atlas = atlas_of(collection.photos, trial, plan, progress=progress)
    channel = int(np.argmax(compare(trial.clean, trial.stamped, trial.label).due))
    regions = atlas.portrait(channel).regions
    on_patch = sum(_on_patch(region, collection, trial) for region in regions)
    return {"map": channel, "regions": len(regions), "on_patch": on_patch}


def atlas_of(
    photos: LabelledSet, trial: Trial, plan: Plan, *, progress: Progress | None = None
) -> Atlas:
    """Return the atlas of a trial's network over photos, built at the first call."""
    folder = Path(f"{trial.file.with_suffix('')}-atlas")
    return build_atlas(
        photos, load_checkpoint(str(trial.file)), LAYER, folder, model_name=trial.file.stem,
        top=TOP, settings=plan.settings, targets=range(len(photos.classes)), progress=progress,
    )  # fmt: skip


def _on_patch(region: Region, collection: Planted, trial: Trial) -> bool:
    number = collection.photos.images.index(region.image)
    if not collection.stamped[number]:
        return False
    preprocess = load_checkpoint(str(trial.file)).preprocess
    size = collection.photos.open(number).size
    boxes = [trial.patch.box(region.image, size)]
    mask = mask_in_view(preprocess, boxes, region.image, size)
    if mask is None:
        return False
    height, width = mask.shape
    left, top, right, bottom = region.box
    rows = slice(int(top * height), max(int(top * height) + 1, round(bottom * height)))
    columns = slice(int(left * width), max(int(left * width) + 1, round(right * width)))
    return bool(mask[rows, columns].any())


def _mean(values: Float[Array, " n"]) -> list[float]:
    """Return the mean over photos and its 95 % bootstrap interval."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [float("nan")] * 3
    return [float(finite.mean()), *mean_interval(finite, seed=0)]
