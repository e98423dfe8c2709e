"""One pass of a labelled set through a network: selections, maps, and their shares on masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor

from annealcam._internal.map_axes import refuse_other_axes
from annealcam._internal.storage.reading import array_from
from annealcam._internal.storage.resumable import arrays_read, json_value, write_arrays
from annealcam._internal.types import Array, Progress
from annealcam.attribution.activations import Capture
from annealcam.attribution.cam import COMPARED, selection_map
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.contrast import Against
from annealcam.attribution.importance import gradcam_weights
from annealcam.audit.shares import mask_coverage, share_inside, share_near_peak
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ImageError
from annealcam.evaluation.masks import Where, mask_in_view
from annealcam.map_selection import MapSelection, select_maps
from annealcam.models.network_layer import NetworkLayer, capture_batches
from annealcam.settings import Settings

METHODS = ("annealcam", *(cam.name for cam in COMPARED), "topk_importance")
BATCH = 16  # photos that pass through the network together
VIEW = 64  # pixels of the small views by which regions are compared
_NAMES = ("images", "skipped")  # attributes that are stored as JSON
_MAPS = "maps."  # begins the names of the methods among the arrays
_WITH_NAN = ("coverage", "on_mask", "near_peak")


@dataclass(frozen=True, eq=False)
class Observations:
    """Captured quantities of each photo of a set, for one explained class of the network.

    Attributes:
        images, labels: names of the photos, and their classes in the data.
        targets, predicted: the explained class of the network, and the predicted one.
        selected: mask of the selected maps.
        beta: of the problem that is minimised for the photo; for the objective `evidence`, 0 draws
            the evidence and 1 takes the maps of largest contribution.
        contributions: contribution of each map to the score, sum_ij g_ij f_ij: the logit of the
            target, less what it is contrasted with.
        means: spatial mean of each map.
        maps: the raw map of each of `METHODS`; `topk_importance` uses the maps of largest
            importance, as many as the selection has.
        coverage: share of each cell that the photo's mask covers; NaN without a mask.
        on_mask: share of each channel's positive activation on the mask; NaN without a mask or
            without positive activation.
        near_peak: share of each channel's positive activation near its peak (`share_near_peak`).
        views: the network's input, small.
        skipped: photos that could not be read, with the reason.
    """

    images: tuple[str, ...]
    labels: Int[Array, " n"]
    targets: Int[Array, " n"]
    predicted: Int[Array, " n"]
    selected: Bool[Array, "n maps"]
    beta: Float[Array, " n"]
    contributions: Float[Array, "n maps"]
    means: Float[Array, "n maps"]
    maps: Mapping[str, Float[Array, "n h w"]]
    coverage: Float[Array, "n h w"]
    on_mask: Float[Array, "n maps"]
    near_peak: Float[Array, "n maps"]
    views: UInt8[Array, "n side side 3"]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Observations({len(self)} photos, {self.selected.shape[1]} maps)"

    def subset(self, numbers: Int[Array, " m"] | Bool[Array, " n"]) -> Observations:
        """Return the observations of these photos, in this order."""
        order = np.arange(len(self))[numbers]
        arrays: dict[str, Any] = {
            name: v[order] for name, v in vars(self).items() if isinstance(v, np.ndarray)
        }
        images = tuple(self.images[i] for i in order)
        maps = {method: values[order] for method, values in self.maps.items()}
        return replace(self, images=images, maps=maps, **arrays)


def observe(
    photos: LabelledSet,
    network: NetworkLayer,
    settings: Settings,
    *,
    targets: Sequence[int] | None = None,
    against: Against = None,
    masks: Mapping[str, Where] | None = None,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> Observations:
    """Return the observations of every photo of a set, from one pass through a network.

    Args:
        photos: the photos; unreadable ones are left out and listed in `skipped`.
        network: the network and its layer.
        settings: settings of the selection.
        targets: class of the network to explain for each class of the data; None explains the
            predicted classes.
        against: what the explained classes are contrasted with, as in `annealcam.explain`.
        masks: mask of an object on a photo, by the photo's name.
        batch: number of photos per forward pass.
        progress: called with the current step, the number of finished photos, and the total.

    Raises:
        ImageError: no photo can be read.
        ArgumentError: a mask does not fit its photo, or the layer's maps have no rows and columns.

    >>> from annealcam.data.sets import load_set
    >>> from annealcam.settings import resolve
    >>> digits = load_set("digits").subset(np.arange(3))
    >>> network = NetworkLayer.open("digits", "block.1", digits.first_photo())
    >>> observe(digits, network, resolve(sampler="exact")).maps["annealcam"].shape
    (3, 16, 16)
    """
    skipped: list[str] = []
    parts: list[Observations] = []
    finished = 0

    def report(count: int) -> None:
        nonlocal finished
        finished += count
        if progress:
            progress("photos", finished, len(photos))

    def skip(_: int, error: ImageError) -> None:
        skipped.append(str(error))
        report(1)

    report(0)
    for captured in capture_batches(
        network,
        ((number, partial(photos.open, number)) for number in range(len(photos))),
        batch_size=batch,
        skip=skip,
        target_of=None if targets is None else lambda number: targets[photos.labels[number]],
        against=against,
        integrated=settings.integrated,
    ):
        images = tuple(photos.images[number] for number in captured.keys)
        parts.append(
            _observations(
                captured.captured, settings, images, photos.labels[captured.keys],
                _coverage(network, images, captured.photos, masks or {}, captured.captured),
                _views(network, captured.photos),
            )
        )  # fmt: skip
        report(len(images))
    if not parts:
        raise ImageError(f"data={photos.name!r}: no photo can be read")
    return replace(concatenate(parts), skipped=tuple(skipped))


def concatenate(parts: Sequence[Observations]) -> Observations:
    """Return the observations of several sets of photos as one, in that order."""
    columns: dict[str, Any] = {
        field.name: [getattr(part, field.name) for part in parts] for field in fields(Observations)
    }
    maps = columns.pop("maps")
    values: dict[str, Any] = {name: sum(columns.pop(name), ()) for name in _NAMES}
    values |= {name: np.concatenate(arrays) for name, arrays in columns.items()}
    values["maps"] = {method: np.concatenate([part[method] for part in maps]) for method in maps[0]}
    return Observations(**values)


def write_observations(observations: Observations, file: Path) -> None:
    """Write observations, completely or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    values = dict(vars(observations))
    maps = values.pop("maps")
    write_arrays(file, values | {f"{_MAPS}{method}": raw for method, raw in maps.items()})


def read_observations(file: Path, *, photos: LabelledSet, channels: int) -> Observations:
    """Return the observations that `write_observations` wrote.

    Args:
        file: the file.
        photos: the photos of the whole work.
        channels: number of maps of the layer.

    Raises:
        OutputError: the file cannot be read, or is of other photos or another layer.
    """
    with arrays_read(file) as arrays:
        observations = _read(arrays, channels)
        if not set(observations.images) <= set(photos.images):
            raise ValueError("a photo is none of the set")
        labels = observations.labels
        if ((labels < 0) | (labels >= len(photos.classes))).any():
            raise ValueError(f"a class is none of the {len(photos.classes)}")
        return observations


def _read(arrays: Mapping[str, Array], channels: int) -> Observations:
    """Return the observations in arrays of the right shapes."""
    names: dict[str, tuple[str, ...]] = {
        name: tuple(json_value(array_from(arrays, name, "u", (None,)))) for name in _NAMES
    }
    if not all(isinstance(text, str) for texts in names.values() for text in texts):
        raise ValueError("a name is no text")
    n = len(names["images"])
    grid = array_from(arrays, "coverage", "f", (n, None, None)).shape
    side = array_from(arrays, "views", "u", (n, None, None, 3)).shape[1]
    forms: dict[str, tuple[str, tuple[int, ...]]] = {
        "views": ("u", (n, side, side, 3)), "coverage": ("f", grid), "beta": ("f", (n,)),
        **dict.fromkeys(("labels", "targets", "predicted"), ("iu", (n,))),
        "selected": ("b", (n, channels)),
        **dict.fromkeys(("contributions", "means", "on_mask", "near_peak"), ("f", (n, channels))),
        **{f"{_MAPS}{method}": ("f", grid) for method in METHODS},
    }  # fmt: skip
    values = {name: array_from(arrays, name, *form) for name, form in forms.items()}
    for name, array in values.items():
        if name not in _WITH_NAN and not np.isfinite(array).all():
            raise ValueError(f"{name} contains NaN or infinity")
    maps = {method: values.pop(f"{_MAPS}{method}") for method in METHODS}
    rest: dict[str, Any] = {**values, **names}
    return Observations(maps=maps, **rest)


def _coverage(
    network: NetworkLayer,
    images: Sequence[str],
    pictures: Sequence[Image.Image],
    masks: Mapping[str, Where],
    captured: Capture,
) -> Float[Array, "n h w"]:
    refuse_other_axes(captured.activations, layer=captured.layer, needed_by="an audit")
    height, width = captured.activations.shape[2:]
    coverage = []
    for image, picture in zip(images, pictures, strict=True):
        mask = None
        if image in masks:
            mask = mask_in_view(network.preprocess, masks[image], image, picture.size)
        coverage.append(
            np.full((height, width), np.nan, dtype=np.float32)
            if mask is None
            else mask_coverage(mask, (height, width))
        )
    return np.stack(coverage)


def _views(network: NetworkLayer, pictures: Sequence[Image.Image]) -> UInt8[Array, "n s s 3"]:
    views = (network.view(picture, VIEW) for picture in pictures)
    return np.stack([np.asarray(view.resize((VIEW, VIEW)).convert("RGB")) for view in views])


def _observations(
    captured: Capture,
    settings: Settings,
    images: tuple[str, ...],
    labels: Int[Array, " n"],
    coverage: Float[Array, "n h w"],
    views: UInt8[Array, "n side side 3"],
) -> Observations:
    f, g, drawn = captured.activations, captured.gradients, captured.contribution_maps
    weights, alpha = captured.importance(settings.importance), gradcam_weights(g)
    found = [
        select_maps(maps, gradients, weight, settings, image=i, fewer=True)
        for i, (maps, gradients, weight) in enumerate(
            zip(f, captured.path_gradients, weights, strict=True)
        )
    ]
    selection = [each.channels for each in found]
    top = [
        weight.argsort(descending=True, stable=True)[: len(channels)]
        for weight, channels in zip(weights, selection, strict=True)
    ]
    selected = torch.zeros(f.shape[:2], dtype=torch.bool)
    for row, channels in zip(selected, selection, strict=True):
        row[channels.cpu()] = True
    activations = _array(f)
    return Observations(
        images=images,
        labels=labels,
        targets=_array(captured.targets),
        predicted=_array(captured.logits.argmax(dim=1)),
        selected=selected.numpy(),
        beta=np.array([_beta(each) for each in found]),
        contributions=_array(drawn.sum(dim=(-2, -1))),
        means=_array(f.mean(dim=(-2, -1))),
        maps={
            "annealcam": _maps(f, alpha, drawn, selection, settings.map_form),
            **{cam.name: _array(cam.maps(CamInputs(f, g))) for cam in COMPARED},
            "topk_importance": _maps(f, alpha, drawn, top, settings.map_form),
        },
        coverage=coverage,
        on_mask=share_inside(activations, coverage[:, None]),
        near_peak=share_near_peak(activations),
        views=views,
    )


def _beta(found: MapSelection) -> float:
    evidence = found.candidates.evidence
    return found.problem.beta if evidence is None else evidence.problem.beta


def _maps(f: Tensor, alpha: Tensor, drawn: Tensor, selection: Sequence[Tensor], form: str) -> Array:
    """Return the map of each photo's selected channels."""
    maps = [
        selection_map(maps[channels], weight[channels], own[channels], form=form)
        for maps, weight, own, channels in zip(f, alpha, drawn, selection, strict=True)
    ]
    return _array(torch.stack(maps))


def _array(values: Tensor) -> Array:
    return np.array(values.detach().cpu().numpy())
