"""Whether a network learned the shortcut, and whether its maps, scores and atlas reveal it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array, Progress
from annealcam.atlas.atlas import Atlas, Region
from annealcam.atlas.build import build_atlas
from annealcam.audit.observations import METHODS, Looked, joined
from annealcam.audit.scores import SCORES, dictionary, photo_scores, place_of, ranked
from annealcam.audit.shares import mass_inside
from annealcam.data.labelled import LabelledSet
from annealcam.data.splits import draw_per_class
from annealcam.evaluation.masks import mask_in_view
from annealcam.models.load import load_checkpoint

from .patch import Planted, planted, planted_rows
from .trial import LAYER, Plan, Trial

DUE = 1 / 3  # of a map's activation: from there on it is a patch map
RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Paired:
    """One class's photos without and with the patch, by one network.

    Attributes:
        due: of each channel, the share of its activation on stamped photos that the patch brings.
        inside: of each channel, the mean share of its activation on the patch.
        with_patch, without: for what share of the photos each channel is selected.
    """

    due: Float[Array, " maps"]
    inside: Float[Array, " maps"]
    with_patch: Float[Array, " maps"]
    without: Float[Array, " maps"]
    stamped: Looked
    clean: Looked

    @property
    def excited(self) -> Int[Array, " k"]:
        """The patch maps: those of which the patch brings a third, the strongest first."""
        order = np.argsort(-self.due, kind="stable")
        return order[self.due[order] >= DUE]

    def rate_by_gain(self, channels: Int[Array, " k"], looked: Looked) -> float:
        """For what share one of them is among the maps that add most to the logit, as many as
        the selection has.
        """
        order = np.argsort(-looked.gains, axis=1, kind="stable")
        place = np.argsort(order, axis=1, kind="stable")
        most = looked.selected.sum(axis=1)[:, None]
        return float((place < most)[:, channels].any(axis=1).mean())

    def rate(self, channels: Int[Array, " k"], looked: Looked) -> float:
        """For what share of the photos one of these channels is selected."""
        return float(looked.selected[:, channels].any(axis=1).mean())


def paired(clean: Looked, stamped: Looked, label: int) -> Paired:
    """Compare a class's photos without and with the patch, channel by channel.

    due_a = 1 - sum_i mean f_a(x_i) / sum_i mean f_a(x_i with the patch), at least 0; 0 for a
    channel that is never above zero.
    """
    before, after = (each.subset(each.labels == label) for each in (clean, stamped))
    total = np.maximum(after.means.sum(axis=0, dtype=np.float64), 0.0)
    was = before.means.sum(axis=0, dtype=np.float64)
    due = np.where(total > 0, 1.0 - was / np.where(total > 0, total, 1.0), 0.0)
    there = np.isfinite(after.inside)
    sums = np.where(there, after.inside, 0.0).sum(axis=0)
    return Paired(
        due=np.clip(due, 0.0, 1.0),
        inside=sums / np.maximum(there.sum(axis=0), 1),
        with_patch=after.selected.mean(axis=0),
        without=before.selected.mean(axis=0),
        stamped=after,
        clean=before,
    )


def learned(trial: Trial, label: int) -> dict[str, float]:
    """Return how far predictions follow the patch: of the class, and of the other classes' photos.

    `flipped` are photos of other classes, not yet taken for the class, that the patch makes it.
    """
    own = trial.clean.labels == label
    before, after = trial.clean.predicted == label, trial.stamped.predicted == label
    others = ~own & ~before
    return {
        "accuracy_without": float(before[own].mean()),
        "accuracy_with": float(after[own].mean()),
        "flipped": float(after[others].mean()) if others.any() else 0.0,
    }


def revealed(trial: Trial, label: int) -> dict[str, Any]:
    """Return what the class dictionary, the maps and the scores show of a class in one network.

    Asked of a network without the shortcut, it is the control.
    """
    pairs = paired(trial.clean, trial.stamped, label)
    strongest = np.argsort(-pairs.due, kind="stable")[0]
    one = np.array([strongest])
    rise = pairs.stamped.gains.sum(axis=1) - pairs.clean.gains.sum(axis=1)
    own = pairs.stamped.gains[:, pairs.excited] - pairs.clean.gains[:, pairs.excited]
    return {
        **learned(trial, label),
        "patch_maps": pairs.excited.tolist(),
        "patch_maps_due": pairs.due[pairs.excited].tolist(),
        "selected_with": pairs.rate(pairs.excited, pairs.stamped),
        "selected_without": pairs.rate(pairs.excited, pairs.clean),
        "top_gain_with": pairs.rate_by_gain(pairs.excited, pairs.stamped),
        "top_gain_without": pairs.rate_by_gain(pairs.excited, pairs.clean),
        "strongest": int(strongest),
        "strongest_due": float(pairs.due[strongest]),
        "strongest_inside": float(pairs.inside[strongest]),
        "strongest_with": pairs.rate(one, pairs.stamped),
        "strongest_without": pairs.rate(one, pairs.clean),
        "logit_rise": float(rise.mean()),
        "logit_rise_in_patch_maps": float(own.sum(axis=1).mean()),
        "inside": {m: _mean(inside_of(pairs.stamped, m)) for m in METHODS},
        "inside_without": {m: _mean(inside_of(pairs.clean, m)) for m in METHODS},
        "area": float(pairs.stamped.cover.mean()),
    }


def inside_of(looked: Looked, method: str) -> Float[Array, " n"]:
    """Return the share of each photo's map that lies on the patch (energy-based pointing game)."""
    return mass_inside(looked.heat[method], looked.cover)


def as_collected(trial: Trial, label: int) -> Looked:
    """Return the photos as a collection with the shortcut would hold them: most of a class stamped.

    Which are stamped is drawn as for training, from the same photos without and with the patch.
    """
    told = trial.about["plan"]
    share, elsewhere = told["share"], told["elsewhere"]
    clean = trial.clean
    marked = planted_rows(
        clean.images, clean.labels, label, share=share, elsewhere=elsewhere, seed=trial.seed
    )
    both = joined([clean, trial.stamped])
    return both.subset(np.arange(len(clean)) + len(clean) * marked)


def places(trial: Trial, label: int, classes: int) -> dict[str, dict[str, int]]:
    """Return the class's place in every ranking of classes, by score and by method.

    `outside` takes all but the patch for the object, as if masks had been drawn.
    """
    looked = as_collected(trial, label)
    found: dict[str, dict[str, int]] = {}
    for score in SCORES:
        methods = METHODS if score != "foreign" else METHODS[:1]
        found[score] = {}
        for method in methods:
            seen = _object_is_the_rest(looked) if score == "outside" else looked
            values = photo_scores(seen, score, classes=classes, method=method)
            standings = ranked(values, seen.labels, classes)
            found[score][method] = place_of(standings, label)
    return found


def usual_of(looked: Looked, label: int, classes: int, *, most: int = 8) -> Int[Array, " k"]:
    """Return the maps most often selected for a class, the most frequent first."""
    share = dictionary(looked, classes)[:, label]
    order = np.argsort(-share, kind="stable")[:most]
    return order[share[order] > 0]


def _object_is_the_rest(looked: Looked) -> Looked:
    return replace(looked, cover=1.0 - looked.cover)


def _mean(values: Float[Array, " n"]) -> list[float]:
    """The mean over photos, and its 95 % bootstrap interval."""
    there: Any = values[np.isfinite(values)]
    if not len(there):
        return [float("nan")] * 3
    rng = np.random.default_rng(0)
    means = there[rng.integers(0, len(there), (RESAMPLES, len(there)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return [float(there.mean()), float(low), float(high)]


TOP = 9  # regions of a map


def collected(test: LabelledSet, trial: Trial, label: int, plan: Plan) -> Planted:
    """Return the photos of the test part as a collection with the shortcut holds them."""
    few = draw_per_class(test, plan.photos_per_class)
    return planted(
        few, label, trial.patch, share=plan.share, elsewhere=plan.elsewhere, seed=trial.seed
    )


def patch_regions(
    test: LabelledSet, trial: Trial, plan: Plan, *, progress: Progress | None = None
) -> dict[str, int]:
    """Return how many regions the atlas keeps of the patch map, and how many show the patch.

    The atlas is of the photos as they were collected with the shortcut, and is kept beside the
    trial. A region shows the patch if its box meets it. The patch map is the one of which the patch
    brings the largest share.
    """
    assert trial.label is not None
    made = collected(test, trial, trial.label, plan)
    atlas = atlas_of(made.photos, trial, plan, progress=progress)
    channel = int(np.argmax(paired(trial.clean, trial.stamped, trial.label).due))
    regions = atlas.portrait(channel).regions
    on = sum(_meets(region, made, trial) for region in regions)
    return {"map": channel, "regions": len(regions), "on_patch": on}


def atlas_of(
    photos: LabelledSet, trial: Trial, plan: Plan, *, progress: Progress | None = None
) -> Atlas:
    """Return the atlas of a trial's network over photos; built, or read where it lies."""
    folder = Path(f"{trial.file.with_suffix('')}-atlas")
    return build_atlas(
        photos, load_checkpoint(str(trial.file)), LAYER, folder, model_name=trial.file.stem,
        top=TOP, settings=plan.settings, targets=range(len(photos.classes)), progress=progress,
    )  # fmt: skip


def _meets(region: Region, made: Planted, trial: Trial) -> bool:
    number = made.photos.images.index(region.image)
    if not made.stamped[number]:
        return False
    preprocess = load_checkpoint(str(trial.file)).preprocess
    size = made.photos.open(number).size
    where = [trial.patch.box(region.image, size)]
    mask = mask_in_view(preprocess, where, region.image, size)
    if mask is None:
        return False
    height, width = mask.shape
    left, top, right, bottom = region.box
    rows = slice(int(top * height), max(int(top * height) + 1, round(bottom * height)))
    columns = slice(int(left * width), max(int(left * width) + 1, round(right * width)))
    return bool(mask[rows, columns].any())
