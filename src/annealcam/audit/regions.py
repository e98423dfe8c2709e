"""What the atlas shows of a trial: whether the regions of the patch map are patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from annealcam._internal.types import Progress
from annealcam.atlas.atlas import Atlas, Region
from annealcam.atlas.build import build_atlas
from annealcam.audit.planted import Planted, few_of, planted
from annealcam.audit.revealed import paired
from annealcam.audit.trial import LAYER, Plan, Trial
from annealcam.data.labelled import LabelledSet
from annealcam.evaluation.masks import mask_seen
from annealcam.models.checkpoints import load_checkpoint

TOP = 9  # regions of a map


def collected(test: LabelledSet, trial: Trial, label: int, plan: Plan) -> Planted:
    """Return the photos of the test part as a collection with the shortcut holds them."""
    few = few_of(test, plan.photos_per_class)
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
    mask = mask_seen(preprocess, where, region.image, size)
    if mask is None:
        return False
    height, width = mask.shape
    left, top, right, bottom = region.box
    rows = slice(int(top * height), max(int(top * height) + 1, round(bottom * height)))
    columns = slice(int(left * width), max(int(left * width) + 1, round(right * width)))
    return bool(mask[rows, columns].any())
