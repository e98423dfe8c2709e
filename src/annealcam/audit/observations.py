"""A labelled set once through a network: what is selected for each photo, and where it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor

from annealcam._internal.types import Array, Progress
from annealcam.atlas.tally import selections
from annealcam.attribution.cam import CAM_METHODS, explanation_map
from annealcam.attribution.capture import Capture
from annealcam.attribution.importance import contributions, gradcam_weights, importance
from annealcam.audit.shares import about_peak, cells, mass_inside
from annealcam.data.labelled import LabelledSet
from annealcam.errors import ImageError
from annealcam.evaluation.masks import Where, mask_in_view
from annealcam.models.network_layer import NetworkLayer, capture_batches
from annealcam.settings import Settings

METHODS = ("annealcam", *CAM_METHODS, "topk")
VIEW = 64  # pixels of the small views by which regions are compared


@dataclass(frozen=True, eq=False)
class Looked:
    """What a layer made of each photo of a set, explained for one class of the network.

    Attributes:
        images, labels: the photos' names, and their classes in the data.
        targets, predicted: the network's class that is explained, and the one it predicts.
        selected: which maps the selection holds.
        gains: what each map adds to the logit (`contributions`).
        means: each map's spatial mean.
        heat: the raw map of each of `METHODS`; `topk` has as many maps as the selection, those of
            largest importance.
        cover: what share of each cell the photo's mask covers; NaN where it has none.
        inside: the share of each channel's positive activation on the mask; NaN where there is
            none, or no mask.
        focus: the share of each channel's positive activation about its peak (`about_peak`).
        views: what the network saw, small.
    """

    images: tuple[str, ...]
    labels: Int[Array, " n"]
    targets: Int[Array, " n"]
    predicted: Int[Array, " n"]
    selected: Bool[Array, "n maps"]
    gains: Float[Array, "n maps"]
    means: Float[Array, "n maps"]
    heat: Mapping[str, Float[Array, "n h w"]]
    cover: Float[Array, "n h w"]
    inside: Float[Array, "n maps"]
    focus: Float[Array, "n maps"]
    views: UInt8[Array, "n side side 3"]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, numbers: Int[Array, " m"] | Bool[Array, " n"]) -> Looked:
        """Return these photos alone, in this order."""
        order = np.arange(len(self))[numbers]
        told: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        told |= {name: v[order] for name, v in told.items() if isinstance(v, np.ndarray)}
        told["images"] = tuple(self.images[i] for i in order)
        told["heat"] = {method: maps[order] for method, maps in self.heat.items()}
        return Looked(**told)


def look(
    photos: LabelledSet,
    network: NetworkLayer,
    settings: Settings,
    *,
    targets: Sequence[int] | None = None,
    masks: Mapping[str, Where] | None = None,
    batch: int = 16,
    progress: Progress | None = None,
) -> Looked:
    """Return what one pass through a network says of every photo of a set.

    Args:
        photos: the photos; those that cannot be read are left out and told in `skipped`.
        network: the network and its layer.
        settings: how maps are selected.
        targets: the network's class to explain for each class of the data; None: the predicted.
        masks: where something lies on a photo, by the photo's name.
        batch: photos that go through the network together.
        progress: called with what is being done, the number of photos done, and of all.

    Raises:
        ImageError: not one photo can be read.
        ArgumentError: a mask does not fit its photo.

    >>> from annealcam.data.sets import load_set
    >>> from annealcam.settings import resolve
    >>> digits = load_set("digits").subset(np.arange(3))
    >>> network = NetworkLayer.open("digits", "block.1", digits.first_photo())
    >>> look(digits, network, resolve(sampler="exact")).heat["annealcam"].shape
    (3, 16, 16)
    """
    skipped: list[str] = []
    parts: list[dict[str, Any]] = []
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress("photos", done, len(photos))

    def skip(_: int, error: ImageError) -> None:
        skipped.append(str(error))
        tell(1)

    tell(0)
    for captured in capture_batches(
        network,
        ((number, partial(photos.open, number)) for number in range(len(photos))),
        batch_size=batch,
        skip=skip,
        target_of=None if targets is None else lambda number: targets[photos.labels[number]],
    ):
        names = [photos.images[number] for number in captured.keys]
        covers = list(_covers(network, names, captured.photos, masks or {}, captured.captured))
        labels = photos.labels[captured.keys]
        parts.append(_part(captured.captured, labels, settings, np.stack(covers)))
        parts[-1] |= {"images": names, "views": _views(network, captured.photos)}
        tell(len(names))
    if not parts:
        raise ImageError(f"data={photos.name!r}: not one photo can be read")
    told = {name: [part[name] for part in parts] for name in parts[0]}
    each = told.pop("heat")
    heat = {method: np.concatenate([own[method] for own in each]) for method in METHODS}
    images = tuple(name for names in told.pop("images") for name in names)
    arrays = {name: np.concatenate(values) for name, values in told.items()}
    return Looked(images=images, heat=heat, skipped=tuple(skipped), **arrays)


def joined(parts: Sequence[Looked]) -> Looked:
    """Return what was seen of several sets of photos as one, in that order."""
    told: dict[str, Any] = {f.name: [getattr(p, f.name) for p in parts] for f in fields(parts[0])}
    for name in ("images", "skipped"):
        told[name] = tuple(each for own in told[name] for each in own)
    each = told.pop("heat")
    heat = {method: np.concatenate([own[method] for own in each]) for method in each[0]}
    arrays = {n: np.concatenate(v) for n, v in told.items() if isinstance(v, list)}
    return Looked(**(told | arrays), heat=heat)


def _covers(
    network: NetworkLayer,
    names: Sequence[str],
    photos: Sequence[Image.Image],
    masks: Mapping[str, Where],
    captured: Capture,
) -> Iterator[Float[Array, "h w"]]:
    size = (captured.activations.shape[2], captured.activations.shape[3])
    for name, photo in zip(names, photos, strict=True):
        where = masks.get(name)
        mask = None if where is None else mask_in_view(network.preprocess, where, name, photo.size)
        yield np.full(size, np.nan, dtype=np.float32) if mask is None else cells(mask, size)


def _views(network: NetworkLayer, photos: Sequence[Image.Image]) -> UInt8[Array, "n s s 3"]:
    views = (network.view(photo, VIEW) for photo in photos)
    return np.stack([np.asarray(view.resize((VIEW, VIEW)).convert("RGB")) for view in views])


def _part(
    captured: Capture,
    labels: Int[Array, " n"],
    settings: Settings,
    cover: Float[Array, "n h w"],
) -> dict[str, Any]:
    f, g = captured.activations, captured.gradients
    chosen = [torch.from_numpy(own).to(f.device) for own in selections(captured, settings)]
    weight, alpha = importance(f, g, settings.importance), gradcam_weights(g)
    form = settings.map_form
    top = [each.argsort(descending=True, stable=True) for each in weight]
    alike = [order[: len(own)] for order, own in zip(top, chosen, strict=True)]
    selected = torch.zeros(f.shape[:2], dtype=torch.bool)
    for i, own in enumerate(chosen):
        selected[i, own.cpu()] = True
    return {
        "labels": labels,
        "targets": _array(captured.targets),
        "predicted": _array(captured.logits.argmax(dim=1)),
        "selected": selected.numpy(),
        "gains": _array(contributions(f, g)),
        "means": _array(f.mean(dim=(-2, -1))),
        "heat": {
            "annealcam": _drawn(f, alpha, chosen, form),
            **{name: _array(cam.function(f, g)) for name, cam in CAM_METHODS.items()},
            "topk": _drawn(f, alpha, alike, form),
        },
        "cover": cover,
        "inside": mass_inside(_array(f), cover[:, None]),
        "focus": about_peak(_array(f)),
    }


def _drawn(f: Tensor, alpha: Tensor, chosen: Sequence[Tensor], form: str) -> Array:
    """The map of each photo's selection."""
    drawn = [
        explanation_map(maps[own], weight[own], form=form)
        for maps, weight, own in zip(f, alpha, chosen, strict=True)
    ]
    return _array(torch.stack(drawn))


def _array(values: Tensor) -> Array:
    return np.array(values.detach().cpu().numpy())
