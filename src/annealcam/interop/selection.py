"""What all adapters share: from the maps and gradients of a layer to the selected maps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from annealcam._internal.text import signed_maps
from annealcam.attribution.activations import refuse_non_finite
from annealcam.attribution.cam import selection_map
from annealcam.attribution.importance import gradcam_weights, importance_of
from annealcam.errors import AnnealcamWarning, ArgumentError, LayerError, suggest
from annealcam.map_selection import select_maps
from annealcam.settings import Settings, resolve


def settings_of(choices: Mapping[str, Any]) -> Settings:
    """Return the settings behind an adapter's keywords, those of `annealcam.explain`.

    Raises:
        ArgumentError: a keyword is unknown, or a value is out of range.

    >>> settings_of({"preset": "paper", "sampler": "exact"}).beta
    0.7
    """
    known = [*(field.name for field in fields(Settings)), "convention"]
    for name in choices:
        if name not in known:
            raise ArgumentError(
                f"{name}: no such option{suggest(name, known)}; the options are those of `explain`"
            )
    return resolve(**choices)


def selected_maps(
    maps: Float[Tensor, "n maps *grid"],
    gradients: Float[Tensor, "n maps *grid"],
    settings: Settings,
    *,
    signals: bool = False,
) -> Bool[Tensor, "n maps"]:
    """Return which maps of each image are selected, as `annealcam.explain` selects them.

    Warns where the maps take negative values, and where an image has no map to select.

    Args:
        maps: of the layer, (n, maps, *grid).
        gradients: of the score at the maps.
        settings: how maps are selected.
        signals: whether maps may have a single axis. They may where the inputs have, or where a
            `reshape_transform` made the maps; elsewhere (n, maps, length) may be a transformer's
            tokens.

    Raises:
        LayerError: there are no spatial maps, or no gradient of the score reached them.
        NumericalError: maps or gradients hold NaN or infinity.
        ArgumentError: an image has fewer candidates than the cardinality.

    >>> f = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
    >>> selected_maps(f, torch.tensor([[[[3.0, 3.0]], [[-1.0, -1.0]]]]), settings_of({}))
    tensor([[ True, False]])
    """
    refuse_without_maps(maps, signals=signals)
    refuse_non_finite("maps", maps)
    refuse_non_finite("gradients", gradients)
    weight = importance_of(maps, gradients, settings.importance)
    chosen = torch.zeros(weight.shape, dtype=torch.bool, device=maps.device)
    for i in range(len(maps)):
        chosen[i, select_maps(maps[i], gradients[i], weight[i], settings, image=i).channels] = True
    _warn(maps, [i for i, row in enumerate(chosen) if not row.any()])
    return chosen


def refuse_without_maps(maps: Tensor, *, signals: bool = False) -> None:
    """Raise LayerError unless there are images with maps larger than 1 x 1.

    >>> refuse_without_maps(torch.ones(1, 2, 3, 3))
    >>> refuse_without_maps(torch.ones(1, 2, 9), signals=True)
    """
    known = maps.ndim in ((3, 4, 5) if signals else (4, 5))
    if not known or maps.shape[2:].numel() < 2 or len(maps) == 0:
        raise LayerError(
            f"layer: gives {tuple(maps.shape)}, not maps (n, maps, h, w) larger than 1 x 1; choose "
            "another layer, or give a reshape_transform that makes them (`interop.tokens`)"
        )


def selection_maps(
    maps: Float[Tensor, "n maps *grid"],
    gradients: Float[Tensor, "n maps *grid"],
    settings: Settings,
    *,
    signals: bool = False,
) -> Float[Tensor, " n *grid"]:
    """Return each image's raw explanation map: that of `annealcam.explain`.

    Arguments and errors are those of `selected_maps`.

    >>> f = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
    >>> selection_maps(f, torch.tensor([[[[3.0, 3.0]], [[-1.0, -1.0]]]]), settings_of({}))
    tensor([[[3., 0.]]])
    """
    chosen = selected_maps(maps, gradients, settings, signals=signals)
    alpha = gradcam_weights(gradients)
    return torch.stack(
        [
            selection_map(f[n], a[n], (f * g)[n], form=settings.map_form)
            for f, g, a, n in zip(maps, gradients, alpha, chosen, strict=True)
        ]
    )


def _warn(maps: Tensor, empty: list[int]) -> None:
    signed = float((maps < 0).float().mean())
    if signed > 0:
        warnings.warn(
            f"the layer has {signed_maps(signed)}; a layer after a ReLU is better",
            AnnealcamWarning,
            stacklevel=4,
        )
    if empty:
        warnings.warn(
            f"no map is selected for {len(empty)} of {len(maps)} images (the first: {empty[0]}): "
            "their explanations are zero all over",
            AnnealcamWarning,
            stacklevel=4,
        )
